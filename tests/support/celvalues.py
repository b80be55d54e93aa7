"""Values of declared CEL types, and expressions that are put together at random."""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from random import Random
from typing import Any

from webhook.expressions.types import (
    BOOL,
    BYTES,
    DOUBLE,
    DURATION,
    DYN,
    INT,
    NULL,
    OPTIONAL,
    STRING,
    TIMESTAMP,
    TYPE,
    UINT,
    ListOf,
    MapOf,
    OneOf,
    Record,
    Scalar,
    Type,
    alternatives,
)

_CLASSES: dict[Scalar, tuple[type, ...]] = {
    BOOL: (bool,),
    INT: (int,),
    UINT: (int,),
    DOUBLE: (float,),
    STRING: (str,),
    BYTES: (bytes,),
    TIMESTAMP: (datetime,),
    DURATION: (timedelta,),
    NULL: (type(None),),
    TYPE: (str,),
    OPTIONAL: (object,),
    DYN: (object,),
}
_WORDS = ("", "a", "live", "v1", "quay.io", "7", "true")


def conforms(value: Any, kind: Type) -> bool:
    """Whether `value` is of the type `kind`; a record must have all of its fields, and a closed one no others."""
    return any(_conforms(value, each) for each in alternatives(kind))


def _conforms(value: Any, kind: Type) -> bool:
    if isinstance(kind, Record):
        keys = isinstance(value, dict) and (
            value.keys() >= kind.fields.keys() if kind.open else value.keys() == kind.fields.keys()
        )
        return keys and all(conforms(value[key], field.type) for key, field in kind.fields.items())
    if isinstance(kind, ListOf):
        return isinstance(value, list) and all(conforms(each, kind.item) for each in value)
    if isinstance(kind, MapOf):
        return isinstance(value, dict) and all(
            conforms(key, kind.key) and conforms(item, kind.value) for key, item in value.items()
        )
    assert isinstance(kind, Scalar)
    return value.__class__ in _CLASSES[kind] or kind in (DYN, OPTIONAL)


def value_of(kind: Type, random: Random) -> Any:
    """Return a value of a declared type, with all fields, and null nowhere."""
    chosen = random.choice([each for each in alternatives(kind) if each != NULL])
    if isinstance(chosen, Record):
        return {key: value_of(field.type, random) for key, field in chosen.fields.items()}
    if isinstance(chosen, ListOf):
        return [value_of(chosen.item, random) for _ in range(random.randint(1, 2))]
    if isinstance(chosen, MapOf):
        return {word: value_of(chosen.value, random) for word in random.sample(_WORDS, 2)}
    values: dict[Scalar, Any] = {
        BOOL: random.random() < 0.5,
        INT: random.randint(-3, 3),
        STRING: random.choice(_WORDS),
        DYN: random.choice((None, 1, "a", [1], {"a": 1})),
    }
    return values[chosen]


def paths(variables: Mapping[str, Type]) -> Iterator[tuple[str, Type]]:
    """Yield each field that is declared below `variables`, as an expression, with its type."""
    for name, kind in variables.items():
        yield from _paths(name, kind)


def _paths(path: str, kind: Type) -> Iterator[tuple[str, Type]]:
    if static(kind):
        yield path, kind
    for each in alternatives(kind):
        if isinstance(each, Record):
            for key, field in each.fields.items():
                yield from _paths(f"{path}.{key}", field.type)
        elif isinstance(each, ListOf):
            yield from _paths(f"{path}[0]", each.item)


def static(kind: Type) -> bool:
    """Whether the type is known as a whole before an evaluation."""
    if isinstance(kind, OneOf):
        return all(static(each) for each in kind.types)
    if isinstance(kind, ListOf):
        return static(kind.item)
    if isinstance(kind, MapOf):
        return static(kind.key) and static(kind.value)
    return kind not in (DYN, OPTIONAL)


def composed(random: Random, parts: list[str], functions: list[str]) -> str:
    """Return an expression of some of `parts`, which may be wrong."""
    a, b, c = (f"({random.choice(parts)})" for _ in range(3))
    operator = random.choice(["+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in"])
    name = random.choice(functions)
    of_element = random.choice(
        ["x == x", f"x == {a}", "x.size() > 1", "x > 0", "x", "[x]", f"{{'k': x}}.k == {b}", f"x in {c}"]
    )
    macro = random.choice(["all", "exists", "exists_one", "map", "filter"])
    return random.choice(
        [
            f"{a} {operator} {b}",
            f"{a} {operator} {b}",
            f"{a} ? {b} : {c}",
            f"!{a}",
            f"-{a}",
            f"{a}[{b}]",
            f"[{a}, {b}]",
            f"{{{a}: {b}}}",
            f"{name}({a})",
            f"{name}({a}, {b})",
            f"{a}.{name}({b})",
            f"{a}.{name}()",
            f"{a}.{macro}(x, {of_element})",
            f"{a}.{macro}(x, {of_element})",
            f"{a}.map(x, {of_element}, {b})",
            f"{a}.{random.choice(['name', 'kind', 'a', 'live'])}",
        ]
    )
