"""Values that are quickly made are the values of the dataclass, in every respect."""

import pickle
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest

from webhook.values import quick


@dataclass(frozen=True, slots=True)
class _Plain:
    new: int
    cls_: str = "x"
    some: tuple[int, ...] = ()
    made: list[int] = field(default_factory=list)

    @property
    def double(self) -> int:
        return 2 * self.new


@quick
@dataclass(frozen=True, slots=True)
class _Quick:
    new: int
    cls_: str = "x"
    some: tuple[int, ...] = ()
    made: list[int] = field(default_factory=list)

    @property
    def double(self) -> int:
        return 2 * self.new


@quick
@dataclass(frozen=True, slots=True)
class _Source:
    name: str


@pytest.mark.parametrize("given", [{"new": 1}, {"new": 2, "some": (1,)}, {"new": 3, "cls_": "y", "made": [1]}])
def test_is_the_same_value(given: dict[str, int]) -> None:
    """Fields, defaults, methods, equality, hash, text, copies and pickles are the dataclass's."""
    plain, quickly = _Plain(**given), _Quick(**given)  # type: ignore[arg-type]
    assert repr(quickly).replace("_Quick", "_Plain") == repr(plain)
    assert (quickly.double, type(quickly)) == (plain.double, _Quick)
    assert quickly == _Quick(**given)  # type: ignore[arg-type]
    assert quickly != replace(quickly, new=9)
    assert repr(replace(quickly, new=9)).replace("_Quick", "_Plain") == repr(replace(plain, new=9))
    assert pickle.loads(pickle.dumps(quickly)) == quickly  # noqa: S301 - our own bytes
    assert hash(_Source("a")) == hash(_Source("a"))


def test_is_frozen() -> None:
    """No field can be set, none can be added, and the default of one value is not another's."""
    value = _Quick(1)
    with pytest.raises(FrozenInstanceError):
        value.new = 2  # type: ignore[misc]
    with pytest.raises((AttributeError, TypeError)):
        value.other = 2  # type: ignore[attr-defined]
    assert value.made is not _Quick(1).made


@pytest.mark.parametrize("given", [{}, {"new": 1, "other": 2}])
def test_refuses_other_fields(given: dict[str, int]) -> None:
    """A field that is missing or unknown is a TypeError, as everywhere."""
    with pytest.raises(TypeError):
        _Quick(**given)  # type: ignore[arg-type]
