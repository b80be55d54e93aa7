"""Scalars as Kubernetes clients read them: strict JSON (RFC 8259, RFC 7493) and plain YAML."""

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from math import inf, isfinite, nan
from types import MappingProxyType
from typing import Any, Final, NoReturn

from webhook.text import quoted

_LONGEST_INTEGER: Final = 20  # characters of a 64-bit integer with its sign


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Create an object from `pairs`; reject a repeated key, because parsers differ in which value they keep."""
    document = dict(pairs)
    if len(document) != len(pairs):
        raise ValueError(f"duplicate key {quoted(_repeated(pairs))} in one object")
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
    """Parse a number that is not an integer; reject one that is not finite."""
    number = float(digits)
    if not isfinite(number):
        raise ValueError(f"{digits[:32]} is too large a number")
    return number


def integer(digits: str) -> int:
    """Parse an integer; reject one of more than 64 bits."""
    if len(digits) > _LONGEST_INTEGER or not -(2**63) <= (number := int(digits)) < 2**64:
        raise ValueError(f"{digits[:32]} is too large a number")
    return number


DECODER: Final = json.JSONDecoder(
    object_pairs_hook=once, parse_constant=_no_constant, parse_float=finite, parse_int=integer
)


Scalar = str | int | float | bool | None

_WORDS: Final[dict[str, Scalar]] = {
    **dict.fromkeys(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"), True),
    **dict.fromkeys(("n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys((".nan", ".NaN", ".NAN"), nan),
    **dict.fromkeys((".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF"), inf),
    **dict.fromkeys(("-.inf", "-.Inf", "-.INF"), -inf),
}
# Words that policies may use as names, because no Kubernetes client reads a policy.
_LETTERS: Final = frozenset("yYnN")
_NUMERIC: Final = frozenset("+-.0123456789")
# As strconv.ParseInt in base 0: a leading zero means octal.
_INTEGER: Final = re.compile(
    "([-+]?)(?:0[xX](?P<x>[0-9a-fA-F]+)|0[bB](?P<b>[01]+)|0[oO]?(?P<o>[0-7]+)|(?P<d>0|[1-9][0-9]*))"
)
_BASES: Final = {"x": 16, "b": 2, "o": 8, "d": 10}
_FLOAT: Final = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_MOST_DIGITS: Final = 64
_EXACT: Final = 1e21  # from here on Go writes a float with an exponent, and clients do not read it as an integer


def resolve(text: str, *, own: bool = False) -> Scalar:
    """Return the value of a plain scalar.

    Args:
        text: the scalar.
        own: whether the document has this project's apiVersion, in which `y` and `n` are strings and `1.0` is not 1.

    Raises:
        ValueError: the scalar is a number that JSON parsers do not agree on.
    """
    if text in _WORDS and not (own and text in _LETTERS):
        value = _WORDS[text]
        if isinstance(value, float):
            raise ValueError(f"{text} is not a number in JSON")
        return value
    if text[0] not in _NUMERIC:
        return text
    plain = text.replace("_", "")
    if match := _INTEGER.fullmatch(plain):
        return _integer(match)
    if not _FLOAT.fullmatch(plain):
        return text
    return _float(text, plain, own=own)


def _integer(match: re.Match[str]) -> int:
    kind = match.lastgroup or "d"
    digits = match[kind].lstrip("0") or "0"
    if len(digits) > _MOST_DIGITS:
        raise ValueError(f"{digits[:32]} is too large a number")
    return integer(f"{'-' if match[1] == '-' else ''}{int(digits, _BASES[kind])}")


def _float(text: str, plain: str, *, own: bool) -> Scalar:
    value = float(plain)
    if not isfinite(value):
        return text  # as go-yaml, when strconv.ParseFloat reports that the value is out of range
    if own or not value.is_integer() or abs(value) >= _EXACT:
        return value
    number = int(value)
    return number if -(2**63) <= number < 2**64 else value


def key(value: Scalar) -> str | None:
    """Return the JSON key of a scalar, None for null, which cannot be a key."""
    if value is None or isinstance(value, str):
        return value
    return str(value).lower() if isinstance(value, bool) else str(value)


PLAIN: Final = "!plain"  # the tag of unquoted scalars without one; a document cannot contain it
_BINARY: Final = "tag:yaml.org,2002:binary"
_TYPED: Final[Mapping[str, tuple[type, ...]]] = MappingProxyType(
    {
        "tag:yaml.org,2002:int": (int,),
        "tag:yaml.org,2002:float": (int, float),
        "tag:yaml.org,2002:bool": (bool,),
        "tag:yaml.org,2002:null": (type(None),),
    }
)


def tagged(tag: str, text: str, *, own: bool = False) -> Scalar:
    """Return the value of a scalar with a tag; a date is a string in JSON.

    Args:
        tag: the tag, PLAIN for none.
        text: the scalar.
        own: as for `resolve`.

    Raises:
        ValueError: the scalar is a number that JSON cannot represent, or does not have the type of its tag.
    """
    if tag == _BINARY:
        return b64decode(text).decode()
    types = _TYPED.get(tag, ())
    if tag != PLAIN and not types:
        return text
    value = resolve(text, own=own)
    if types and type(value) not in types:
        raise ValueError(f"expected {tag}")
    return value
