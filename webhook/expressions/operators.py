"""The operand and result types of CEL operators (cel-spec, doc/langdef.md, Standard Definitions)."""

from itertools import product
from typing import Final

from webhook.expressions.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    NUMBERS,
    STRING,
    TIMESTAMP,
    UINT,
    Alternative,
    ListOf,
    MapOf,
    Record,
    Type,
    alternatives,
    as_map,
    comparable,
    fits,
    join,
    one_of,
)

EQUALITY: Final = frozenset({"==", "!="})
ORDER: Final = frozenset({"<", "<=", ">=", ">"})
LOGIC: Final = frozenset({"&&", "||"})
_ORDERED: Final = (BOOL, STRING, BYTES, DURATION, TIMESTAMP)
_ARITHMETIC: Final[dict[str, tuple[tuple[Type, Type, Type], ...]]] = {
    "+": (
        *((each, each, each) for each in (*NUMBERS, STRING, BYTES, DURATION)),
        (TIMESTAMP, DURATION, TIMESTAMP),
    ),
    "-": (
        *((each, each, each) for each in (*NUMBERS, DURATION)),
        (TIMESTAMP, TIMESTAMP, DURATION),
        (TIMESTAMP, DURATION, TIMESTAMP),
    ),
    "*": tuple((each, each, each) for each in NUMBERS),
    "/": tuple((each, each, each) for each in NUMBERS),
    "%": ((INT, INT, INT), (UINT, UINT, UINT)),
}
KEYS: Final = (BOOL, INT, UINT, STRING)
_NEGATED: Final = (INT, DOUBLE)


def operated(operator: str, left: Type, right: Type) -> Type | None:
    """Return the type of `left operator right`, None if values of these types cannot be operands."""
    if operator in EQUALITY:
        return BOOL if comparable(left, right) else None
    found = [
        result
        for one, other in product(alternatives(left), alternatives(right))
        if (result := _operated(operator, one, other)) is not None
    ]
    return one_of(found) if found else None


def _operated(operator: str, left: Alternative, right: Alternative) -> Type | None:
    if operator in LOGIC:
        return BOOL if left in (BOOL, DYN) and right in (BOOL, DYN) else None
    if operator in ORDER:
        return BOOL if _ordered(left, right) else None
    if operator == "in":
        return BOOL if _contained(left, right) else None
    if operator == "+" and isinstance(left, ListOf) and isinstance(right, ListOf):
        return ListOf(join((left.item, right.item)) or DYN)
    if operator == "+" and DYN in (left, right) and (isinstance(left, ListOf) or isinstance(right, ListOf)):
        return ListOf(DYN)
    results = [result for one, other, result in _ARITHMETIC[operator] if left in (one, DYN) and right in (other, DYN)]
    return (one_of(results) if DYN not in (left, right) else DYN) if results else None


def _ordered(left: Alternative, right: Alternative) -> bool:
    if DYN in (left, right):
        return all(each == DYN or each in _ORDERED or each in NUMBERS for each in (left, right))
    return (left in NUMBERS and right in NUMBERS) or (left == right and left in _ORDERED)


def _contained(item: Alternative, holder: Alternative) -> bool:
    if holder == DYN:
        return True
    if isinstance(holder, ListOf):
        return comparable(item, holder.item)
    of = as_map(holder)
    return of is not None and item in (*KEYS, DYN) and comparable(item, of.key)


def negated(operator: str, operand: Type) -> Type | None:
    """Return the type of `!operand` or `-operand`, None if it is invalid."""
    takes = (BOOL,) if operator == "!" else _NEGATED
    found = [each for each in alternatives(operand) if each == DYN or each in takes]
    return (BOOL if operator == "!" else one_of(found)) if found else None


def element(holder: Type, index: Type) -> Type | None:
    """Return the type of `holder[index]`, None if `holder` has no elements or `index` cannot be an index."""
    found = [
        result
        for one, other in product(alternatives(holder), alternatives(index))
        if (result := _element(one, other)) is not None
    ]
    return one_of(found) if found else None


def _element(holder: Alternative, index: Alternative) -> Type | None:
    if holder == DYN:
        return DYN if index in (*KEYS, DYN) else None
    if isinstance(holder, ListOf):
        return holder.item if index in (INT, UINT, DYN) else None
    of = as_map(holder)
    return of.value if of is not None and index in (*KEYS, DYN) and comparable(index, of.key) else None


def selected(operand: Type, field: str) -> tuple[Type | None, list[str], bool]:
    """Return the type of a field of `operand`, None without one; the declared fields; whether there may be others."""
    found: list[Type] = []
    known: dict[str, None] = {}
    is_open = True
    for each in alternatives(operand):
        if each == DYN:
            return DYN, [], True
        if isinstance(each, Record):
            known.update(dict.fromkeys(each.fields))
            is_open = is_open and each.open
            if field in each.fields:
                found.append(each.fields[field].type)
        elif isinstance(each, MapOf) and fits(STRING, each.key):
            found.append(each.value)
    return one_of(found) if found else None, list(known), is_open


def iterated(holder: Type) -> Type | None:
    """Return the type of the variable that a macro binds for each element of `holder`, None without elements."""
    found = [result for each in alternatives(holder) if each != NULL and (result := _iterated(each)) is not None]
    return one_of(found) if found else None


def _iterated(holder: Alternative) -> Type | None:
    if holder == DYN:
        return DYN
    if isinstance(holder, ListOf):
        return holder.item
    of = as_map(holder)
    return of.key if of is not None else None


def mismatch(operator: str, left: Type, right: Type) -> str:
    """Return the message for operands that an operator cannot take."""
    if operator in EQUALITY:
        return f"{left} and {right} are never equal; compare values of the same type"
    if operator == "in":
        return f"expected a list of {left} values or a map with such keys after in, got {right}"
    return f"{operator} cannot take {left} and {right}"
