"""How many examples a property is tried on: fewer in `make test-unit`, many in `make fuzz`."""

from hypothesis import settings

_THOROUGH = 100


def examples(count: int) -> settings:
    """Return the settings of a property that `make test` tries on `count` examples, and other profiles on their share."""
    return settings(max_examples=max(1, count * settings().max_examples // _THOROUGH))
