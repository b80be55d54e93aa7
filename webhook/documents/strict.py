"""JSON that every parser reads alike: what two could read differently is denied (RFC 8259, RFC 7493)."""

import json
from math import isfinite
from typing import Any, Final, NoReturn

from webhook.text import quoted

_MOST_DIGITS: Final = 20  # of a number of 64 bits, with its sign


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of `pairs`: two parsers may read a repeated key differently, so it is denied."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError(f"the key {quoted(_repeated(pairs))} stands twice in one object")
    return document


def _repeated(pairs: list[tuple[str, Any]]) -> str:
    seen: set[str] = set()
    for name, _ in pairs:
        if name in seen:
            break
        seen.add(name)
    return name


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def finite(digits: str) -> float:
    """Read a number that is no integer; one that is not finite is denied."""
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits[:32]} is too large a number")
    return number


def integer(digits: str) -> int:
    """Read an integer; one of more than 64 bits is denied."""
    if len(digits) > _MOST_DIGITS or not -(2**63) <= (number := int(digits)) < 2**64:
        raise ValueError(f"{digits[:32]} is too large a number")
    return number


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=once, parse_constant=_no_constant, parse_float=finite, parse_int=integer
)
