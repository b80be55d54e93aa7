"""The types of CEL values, as frozen values."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Scalar:
    """A type without parts, or with unknown parts."""

    name: str

    def __str__(self) -> str:
        return self.name


BOOL: Final = Scalar("bool")
INT: Final = Scalar("int")
UINT: Final = Scalar("uint")
DOUBLE: Final = Scalar("double")
STRING: Final = Scalar("string")
BYTES: Final = Scalar("bytes")
DURATION: Final = Scalar("duration")
TIMESTAMP: Final = Scalar("timestamp")
NULL: Final = Scalar("null")
TYPE: Final = Scalar("type")
OPTIONAL: Final = Scalar("optional")
DYN: Final = Scalar("dyn")  # known only at evaluation
NUMBERS: Final = (INT, UINT, DOUBLE)


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list whose elements have one type."""

    item: "Type"

    def __str__(self) -> str:
        return f"list({self.item})"


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map whose keys have one type, and whose values have one type."""

    key: "Type"
    value: "Type"

    def __str__(self) -> str:
        return f"map({self.key}, {self.value})"


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record: its type and its meaning."""

    type: "Type"
    doc: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Record:
    """A map with declared keys; equal only to itself.

    Attributes:
        name: its name in the API reference.
        fields: the declared fields.
        open: whether it may have other fields too, which are read by index.
    """

    name: str
    fields: Mapping[str, Field]
    open: bool = True

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class OneOf:
    """A value of one of several types; `null` is one of them for a value that may be null."""

    types: tuple["Alternative", ...]

    def __str__(self) -> str:
        return " or ".join(str(each) for each in self.types if each != NULL)


Alternative = Scalar | ListOf | MapOf | Record
Type = Alternative | OneOf


def alternatives(kind: Type) -> tuple[Alternative, ...]:
    """Return the types that a value of `kind` may have."""
    return kind.types if isinstance(kind, OneOf) else (kind,)


def one_of(types: Iterable[Type]) -> Type:
    """Return the type of a value that has one of `types`; DYN if it may have any type."""
    found = tuple(dict.fromkeys(each for kind in types for each in alternatives(kind)))
    if not found or DYN in found:
        return DYN
    return found[0] if len(found) == 1 else OneOf(found)


def nullable(kind: Type) -> Type:
    """Return the type of a value of `kind` that may be null."""
    return one_of((kind, NULL))


def fits(given: Type, wanted: Type) -> bool:
    """Whether a value of `given` can be one of `wanted`.

    A value that may be null fits: null means absence, and whether a value is present is known only at evaluation.
    """
    return any(_fits(one, other) for one in alternatives(given) for other in alternatives(wanted))


def _fits(given: Alternative, wanted: Alternative) -> bool:
    if given == wanted or DYN in (given, wanted):
        return True
    if isinstance(given, ListOf) and isinstance(wanted, ListOf):
        return fits(given.item, wanted.item)
    one, other = as_map(given), as_map(wanted)
    if one is not None and other is not None:
        return fits(one.key, other.key) and fits(one.value, other.value)
    return False


def comparable(one: Type, other: Type) -> bool:
    """Whether a value of `one` can equal a value of `other`; numbers of all types compare."""
    return any(_comparable(left, right) for left in alternatives(one) for right in alternatives(other))


def _comparable(one: Alternative, other: Alternative) -> bool:
    if one in NUMBERS and other in NUMBERS:
        return True
    if isinstance(one, ListOf) and isinstance(other, ListOf):
        return comparable(one.item, other.item)
    left, right = as_map(one), as_map(other)
    if left is not None and right is not None:
        return comparable(left.key, right.key) and comparable(left.value, right.value)
    return _fits(one, other)


def as_map(kind: Alternative) -> MapOf | None:
    """Return `kind` as a map, None if it is not a map."""
    if isinstance(kind, Record):
        return MapOf(STRING, DYN)
    return kind if isinstance(kind, MapOf) else None


def join(types: Iterable[Type]) -> Type | None:
    """Return the one type of values of these types: nullable if one is null, None if two are incompatible.

    Compatible but different types, such as list(int) and list(dyn), become DYN: unions would grow with the expression.
    """
    kinds = list(types)
    known = dict.fromkeys(kind for each in kinds if (kind := _present(each)) != NULL)
    if len(known) < 2:  # noqa: PLR2004 - a single type is the type of all
        return one_of(kinds)
    first, *others = known
    return DYN if all(fits(first, other) and fits(other, first) for other in others) else None


def common(types: Iterable[Type]) -> Type:
    """Return the type of the elements of a literal list or map, which may have several."""
    found = list(types)
    return (join(found) or DYN) if found else DYN


def _present(kind: Type) -> Type:
    """Return the type of a value of `kind` that is not null."""
    return one_of(each for each in alternatives(kind) if each != NULL) if isinstance(kind, OneOf) else kind
