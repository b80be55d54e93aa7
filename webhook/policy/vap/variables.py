"""The variables of a ValidatingAdmissionPolicy: those that its expressions need, each before it is used."""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from webhook.policy.vap.reading import FIELDS, variables
from webhook.policy.vap.selecting import CHANGED

_WORD: Final = re.compile(r"[A-Za-z]+")
_USED: Final = re.compile(r"\bvariables\.([A-Za-z]+)")


def needed(resources: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `given` need, and `given`, in an order in which none is used before it is there."""
    words = set(_WORD.findall(" ".join((*given.values(), *(CHANGED.values() if "exempt" in given else ())))))
    if "exempt" in given:
        words |= FIELDS  # a tag changes where any field of it does
    known = {**variables(resources, words), **CHANGED, **given}
    found: dict[str, str] = {}

    def add(name: str) -> None:
        for used in _USED.findall(known[name]):
            if used not in found:
                add(used)
        found[name] = known[name]

    for name in given:
        add(name)
    return found
