"""Policies with one mistake each, made from good ones; the same ones in each run."""

from collections.abc import Iterator
from copy import deepcopy
from random import Random
from typing import Any

_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 1.5, 2**70, "", " ", "*", "A_b", "a\nb", "é", "x" * 5_001, "1 +", "1 + 'a'", "tag.schedule", "tag.name",
    [], [None], [[]], ["a", "a"], ["*"], ["Quay.io/A"], ["https://quay.io"], ["a b"], {}, {"a": None}, {"a": 1}, {"a b": "c"},
)  # fmt: skip


_EXPRESSIONS = (
    "1 + 'a'", "1 +", "tag.schedule", "tag.name", "tag.name == 1", "tag.name.matches('(')", "objekt.a == 1", "sise(tag.name) > 1",
    " ", "object.metdata.name == 'a'", "tag.name.contains(1)", "[1].all(x, [1].all(y, [1].all(z, true)))", "(" * 60 + "true" + ")" * 60,
)  # fmt: skip


def mistaken(good: list[Any]) -> Iterator[tuple[str, Any]]:
    """Yield policies without end, each with what was done to it; a few of them are still good."""
    random = Random(15)  # noqa: S311 - the same ones in each run
    while True:
        policy = deepcopy(random.choice(good))
        places = list(_places(policy))
        expressions = [(holder, key) for holder, key in places if key == "expression" and isinstance(holder[key], str)]
        if expressions and random.random() < 0.2:
            holder, key = random.choice(expressions)
            holder[key] = random.choice(_EXPRESSIONS)
            yield f"expression {holder[key]}", policy
            continue
        holder, key = random.choice(places)
        yield _changed(random, holder, key), policy


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield what holds a value, and its key or index there, for every value below `value`."""
    for key in list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ():
        yield value, key
        yield from _places(value[key])


def _changed(random: Random, holder: Any, key: Any) -> str:
    """Change the value at `key` of `holder`; return what was done."""
    way = random.choice(["replace", "replace", "remove", "rename", "add", "repeat", "wrap", "mistype"])
    if way == "remove":
        del holder[key]
    elif way == "rename" and isinstance(holder, dict):
        holder[_mistyped(random, key)] = holder.pop(key)
    elif way == "add" and isinstance(holder, dict):
        holder[random.choice(["pin", "immutable", "match", "mode", "registires", "note"])] = random.choice(
            ({}, "enforce", [])
        )
    elif way == "repeat" and isinstance(holder, list):
        holder.append(deepcopy(holder[key]))
    elif way == "wrap":
        holder[key] = [holder[key]]
    elif way == "mistype" and isinstance(holder[key], str) and holder[key]:
        holder[key] = _mistyped(random, holder[key])
    else:
        way = "replace"
        holder[key] = deepcopy(random.choice(_VALUES))
    return f"{way} {key}"


def _mistyped(random: Random, word: str) -> str:
    """Return `word` with one character less, more or other."""
    at = random.randrange(len(word))
    return random.choice((word[:at] + word[at + 1 :], word[:at] + "q" + word[at:], word[:at] + "#" + word[at + 1 :]))
