"""The functions that an expression may call, with their types: those of cel-spec and those that the engine adds.

A test compares every overload with the engine. `lists.range` is not supported: it makes a list of any length from a
number.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final

from webhook.expressions.syntax import MACROS
from webhook.expressions.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NUMBERS,
    OPTIONAL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    ListOf,
    MapOf,
    Scalar,
    Type,
    fits,
)
from webhook.text import nearest, printable


@dataclass(frozen=True, slots=True)
class Overload:
    """One way to call a function.

    Attributes:
        takes: the types of its arguments, a method's target first.
        gives: the type of its result.
        method: whether it may be called as `target.name(…)`.
        function: whether it may be called as `name(…)`.
    """

    takes: tuple[Type, ...]
    gives: Type
    method: bool = False
    function: bool = True


_MOST_NUMBERS: Final = 5
_LONGEST: Final = 60  # characters of a name in a message
_FORMS: Final = 4  # ways to call a function in a message
_LIST: Final = ListOf(DYN)
_MAP: Final = MapOf(DYN, DYN)
_STRINGS: Final = ListOf(STRING)


def _conversion(gives: Type, *takes: Type) -> tuple[Overload, ...]:
    return tuple(Overload((each,), gives) for each in takes)


def _method(gives: Type, *takes: Type) -> Overload:
    return Overload(takes, gives, method=True, function=False)


def _both(gives: Type, *takes: Type) -> Overload:
    """A function implemented in Python: the engine passes a method's target as the first argument."""
    return Overload(takes, gives, method=True)


_OF_DATES: Final = ("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth")
_OF_TIMES: Final = ("getHours", "getMilliseconds", "getMinutes", "getSeconds")
LANGUAGE: Final[Mapping[str, tuple[Overload, ...]]] = {
    "size": tuple(_both(INT, each) for each in (STRING, BYTES, _LIST, _MAP)),
    **{each: (_method(BOOL, STRING, STRING),) for each in ("contains", "startsWith", "endsWith", "matches")},
    "string": _conversion(STRING, *NUMBERS, STRING, BYTES, DURATION, TIMESTAMP),
    "bytes": _conversion(BYTES, STRING, BYTES),
    "int": _conversion(INT, *NUMBERS, STRING),
    "uint": _conversion(UINT, *NUMBERS, STRING),
    "double": _conversion(DOUBLE, *NUMBERS, STRING),
    "duration": _conversion(DURATION, STRING, DURATION),
    "timestamp": _conversion(TIMESTAMP, STRING, TIMESTAMP),
    "type": _conversion(TYPE, DYN),
    "dyn": _conversion(DYN, DYN),
    **{each: (_method(INT, TIMESTAMP),) for each in _OF_DATES},
    **{each: (_method(INT, TIMESTAMP), _method(INT, DURATION)) for each in _OF_TIMES},
    "optional.of": (Overload((DYN,), OPTIONAL),),
    "optional.none": (Overload((), OPTIONAL),),
    "hasValue": (_method(BOOL, OPTIONAL),),
    "value": (_method(DYN, OPTIONAL),),
    "orValue": (_method(DYN, OPTIONAL, DYN),),
}


def _returned(kind: Scalar) -> Scalar:
    """Return the type of a value of `kind` that comes from Python, which has one integer type."""
    return INT if kind == UINT else kind


def _extreme(*, member: bool) -> tuple[Overload, ...]:
    """Return the overloads of a function that chooses one of several numbers, or of a list of numbers."""
    found: list[Overload] = []
    for each in NUMBERS:
        takes: list[tuple[Type, ...]] = [(ListOf(each),), *((each,) * count for count in range(1, _MOST_NUMBERS + 1))]
        found += (Overload(given, _returned(each), method=member) for given in takes)
    return tuple(found)


def _integers(name: str, count: int) -> tuple[str, tuple[Overload, ...]]:
    return f"math.{name}", (Overload((INT,) * count, INT),)


ADDED: Final[Mapping[str, tuple[Overload, ...]]] = {
    "bool": _conversion(BOOL, BOOL, STRING),
    "min": _extreme(member=True),
    "max": _extreme(member=True),
    # The sum of an empty list is the integer 0, whatever the type of its elements.
    "sum": tuple(_both(INT if each in (INT, UINT) else DYN, ListOf(each)) for each in (*NUMBERS, DURATION)),
    "charAt": (_both(STRING, STRING, INT),),
    "indexOf": (_both(INT, STRING, STRING), _both(INT, STRING, STRING, INT)),
    "lastIndexOf": (_both(INT, STRING, STRING), _both(INT, STRING, STRING, INT)),
    "substring": (_both(STRING, STRING, INT), _both(STRING, STRING, INT, INT)),
    "replace": (_both(STRING, STRING, STRING, STRING), _both(STRING, STRING, STRING, STRING, INT)),
    "split": (_both(_STRINGS, STRING, STRING), _both(_STRINGS, STRING, STRING, INT)),
    "join": (_both(STRING, _STRINGS), _both(STRING, _STRINGS, STRING)),
    **{each: (_both(STRING, STRING),) for each in ("lowerAscii", "upperAscii", "trim")},
    "reverse": (_both(STRING, STRING), _both(_LIST, _LIST)),
    "strings.quote": (Overload((STRING,), STRING),),
    "math.greatest": _extreme(member=False),
    "math.least": _extreme(member=False),
    **{f"math.{each}": tuple(Overload((kind,), kind) for kind in (INT, DOUBLE)) for each in ("abs", "sign")},
    **{f"math.{each}": (Overload((DOUBLE,), DOUBLE),) for each in ("ceil", "floor", "round", "trunc")},
    **{f"math.{each}": (Overload((DOUBLE,), BOOL),) for each in ("isNaN", "isInf", "isFinite")},
    "math.sqrt": tuple(Overload((each,), DOUBLE) for each in (INT, DOUBLE)),
    **dict(_integers(each, 2) for each in ("bitOr", "bitAnd", "bitXor", "bitShiftLeft", "bitShiftRight")),
    **dict(_integers(each, 1) for each in ("bitNot",)),
    **{f"sets.{each}": (Overload((_LIST, _LIST), BOOL),) for each in ("contains", "equivalent", "intersects")},
    "base64.encode": tuple(Overload((each,), STRING) for each in (BYTES, STRING)),
    "base64.decode": (Overload((STRING,), BYTES),),
    "contains": (_both(BOOL, _LIST, DYN), _both(BOOL, _MAP, STRING)),
    "distinct": (_both(_LIST, _LIST),),
    "flatten": (_both(_LIST, _LIST), _both(_LIST, _LIST, INT)),
    "slice": (_both(_LIST, _LIST, INT, INT),),
    "sort": tuple(
        _both(ListOf(_returned(each)), ListOf(each)) for each in (*NUMBERS, STRING, BOOL, BYTES, DURATION, TIMESTAMP)
    ),
    "first": (_both(OPTIONAL, _LIST),),
    "last": (_both(OPTIONAL, _LIST),),
}
NAMES: Final = frozenset({*LANGUAGE, *ADDED, "has"})
NAMESPACES: Final = frozenset({"lists", *(name.partition(".")[0] for name in NAMES if "." in name)})


def overloads(name: str) -> tuple[Overload, ...]:
    """Return the overloads of the function `name`, none for an unknown function."""
    return (*LANGUAGE.get(name, ()), *ADDED.get(name, ()))


def applies(overload: Overload, types: tuple[Type, ...], *, method: bool) -> bool:
    """Return whether an overload takes values of `types`."""
    if not (overload.method if method else overload.function) or len(overload.takes) != len(types):
        return False
    return all(fits(given, wanted) for given, wanted in zip(types, overload.takes, strict=True))


def unknown_name(name: str, bound: Iterable[str], variables: Iterable[str]) -> str:
    """Return the message for an undeclared variable."""
    known = list(variables)
    expected = _meant(nearest(name, (*bound, *known))) or f"; expected {', '.join(known)}"
    return f"unknown name {_shown(name)}{expected}"


def unknown_field(path: str, field: str, known: Iterable[str], *, others: bool) -> str:
    """Return the message for an undeclared field.

    Args:
        path: the expression that it is read from.
        field: its name.
        known: the declared fields.
        others: whether there may be others.
    """
    fields = list(known)
    like = nearest(field, fields)
    expected = [f"did you mean {path}.{like}?"] if like else []
    if others:
        expected.append(f'to read it anyway, write {path}["{_shown(field)}"]')
    return "; ".join((f"unknown field {path}.{_shown(field)}", *(expected or [f"expected one of {', '.join(fields)}"])))


def unknown_function(name: str, known: Iterable[str]) -> str:
    """Return the message for an unknown function, or for a macro that is called like one."""
    if name in MACROS:
        return f"{name} expects a variable and an expression: LIST.{name}(x, EXPRESSION)"
    return f"unknown function {_shown(name)}{_meant(nearest(name, known))}"


def wrong_call(name: str, known: Iterable[Overload], types: tuple[Type, ...], *, method: bool) -> str:
    """Return the message for a call that matches no overload."""
    ways = list(known)
    of_target = [each for each in ways if method and each.method and types and fits(types[0], each.takes[0])]
    forms = dict.fromkeys(_form(name, each.takes, method=each.method) for each in of_target or ways)
    return f"expected {' or '.join(islice(forms, _FORMS))}, got {_form(name, types, method=method)}"


def _form(name: str, types: tuple[Type, ...], *, method: bool) -> str:
    """Return a call of `name` with types in place of values."""
    target, arguments = (f"{types[0]}.", types[1:]) if method else ("", types)
    return f"{target}{name}({', '.join(map(str, arguments))})"


def _meant(word: str) -> str:
    return f"; did you mean {word}?" if word else ""


def _shown(name: str) -> str:
    return printable(name[:_LONGEST])
