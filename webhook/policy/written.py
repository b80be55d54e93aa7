"""The entries of a policy as written: where each is, and how those of two policies differ."""

import json
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Final, NamedTuple

from webhook.documents import yaml
from webhook.documents.document import Document, split
from webhook.errors import Fault
from webhook.model.decision import Mode
from webhook.policy.entries import SPEC, is_test
from webhook.policy.policy import Policy

# The values of the keys that an entry omits.
_LEFT_OUT: Final[Mapping[str, Mapping[str, Any]]] = {
    "rules": {"mode": str(Mode.ENFORCE), "existing": str(Mode.AUDIT)},
}
_ORDERED: Final = frozenset({"defaults", "exemptions"})  # the first matching entry wins


@dataclass(frozen=True, slots=True)
class Located:
    """An entry of a policy, and its place.

    Attributes:
        part: `exemptions`, `defaults` or `rules`.
        name: the name of the entry.
        file: the name of the file.
        line: its first line, from 1.
        column: its column in that line, from 1.
        path: its JSON path in the document, such as `spec.rules[2]`.
        value: the entry as plain values.
        source: its lines in the file, without common indentation.
        document: the document of the entry.
    """

    part: str
    name: str
    file: str
    line: int
    column: int
    path: str
    value: Mapping[str, Any]
    source: str
    document: Document = field(repr=False, compare=False)

    def fault(self, below: str, message: str) -> Fault:
        """Return a fault at the path `below` in the entry, "" for the entry as a whole."""
        return self.document.fault(".".join(part for part in (self.path, below) if part), message)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


def located(policy: Policy) -> tuple[Located, ...]:
    """Return every entry of `policy`, in order."""
    return tuple(entry for file, text in policy.texts for entry in _of_file(yaml.read(file, text)[0], split(text)))


def documents(policy: Policy) -> Iterator[Document]:
    """Yield every document of `policy`, in order."""
    for file, text in policy.texts:
        yield from (each for each in yaml.read(file, text)[0] if not is_test(each.value))


def _of_file(documents: list[Document], lines: list[str]) -> Iterator[Located]:
    starts = sorted({each.line(path) for each in documents for path in _paths(each.value)})
    for document in documents:
        if is_test(document.value):
            continue
        for part in SPEC:
            for index, value in enumerate(document.value["spec"].get(part, ())):
                path = f"spec.{part}[{index}]"
                mark = document.mark(path)
                source = _source(lines, mark.line, starts) or yaml.dump([value])
                yield Located(part, value["name"], document.where, *mark, path, value, source, document)


def _paths(value: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths at which an entry can end: another entry, a part, another key of the document."""
    yield from ("", *value)
    spec = {} if is_test(value) else value["spec"]
    for part in spec:
        yield f"spec.{part}"
        yield from (f"spec.{part}[{index}]" for index in range(len(spec[part])))


def _source(lines: list[str], first: int, starts: list[int]) -> str:
    """Return the lines of the entry that begins on the line `first`, "" if it shares the line with others."""
    following = bisect_right(starts, first)
    last = (starts[following] if following < len(starts) else len(lines) + 1) - 1
    taken = lines[first - 1 : last]
    while len(taken) > 1 and (taken[-1].lstrip().startswith(("#", "---")) or not taken[-1].strip()):
        taken.pop()
    return dedent("\n".join(taken)) if taken[0].lstrip().startswith("- ") else ""


# Named tuples: every command that loads a policy creates these classes, and a dataclass takes eight times as long.
class Changed(NamedTuple):
    """A changed value of an entry.

    Attributes:
        path: its path in the entry, such as `match.namespaces`.
        before: the old value, None if unset; for a list, the removed elements.
        after: the new value, None if unset; for a list, the added elements.
    """

    path: str
    before: Any
    after: Any

    def __str__(self) -> str:
        return f"{self.path}: {_shown(self.before)} -> {_shown(self.after)}"


class Difference(NamedTuple):
    """A difference between two policies in one entry.

    Attributes:
        part: `exemptions`, `defaults`, `rules` or `ignore`.
        name: the name of the entry, in the second policy if it is in both.
        change: `added`, `removed`, `renamed`, `changed` or `moved`.
        before: the entry in the first policy, None if it is missing there.
        after: the entry in the second policy, None if it is missing there.
        values: the changed values.
    """

    part: str
    name: str
    change: str
    before: Located | None
    after: Located | None
    values: tuple[Changed, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the difference as JSON values."""
        return {
            "part": self.part,
            "name": self.name,
            "change": self.change,
            "before": str(self.before) if self.before else None,
            "after": str(self.after) if self.after else None,
            "values": [{"path": each.path, "before": each.before, "after": each.after} for each in self.values],
        }


def differences(before: Sequence[Located], after: Sequence[Located]) -> Iterator[Difference]:
    """Yield the differences between the entries of two policies, part by part.

    Formatting, the order of keys and the division into documents do not count. An entry with a new name and the same
    content is renamed. The order counts for defaults and exemptions, not for rules.
    """
    for part in SPEC:
        yield from _of_part(
            part,
            {each.name: each for each in before if each.part == part},
            {each.name: each for each in after if each.part == part},
        )


def ignored(before: Collection[str], after: Collection[str]) -> Iterator[Difference]:
    """Yield the names of the warnings that only one of two policies ignores."""
    yield from (Difference("ignore", name, "added", None, None) for name in after if name not in before)
    yield from (Difference("ignore", name, "removed", None, None) for name in before if name not in after)


def _of_part(part: str, before: Mapping[str, Located], after: Mapping[str, Located]) -> Iterator[Difference]:
    gone = {name: each for name, each in before.items() if name not in after}
    for name, new in after.items():
        old = before.get(name)
        if old is not None:
            values = tuple(_changed("", _value(old), _value(new)))
            if values:
                yield Difference(part, name, "changed", old, new, values)
            continue
        same = next((each for each in gone.values() if _value(each) == _value(new)), None)
        if same is None:
            yield Difference(part, name, "added", None, new)
        else:
            del gone[same.name]
            yield Difference(part, name, "renamed", same, new, (Changed("name", same.name, name),))
    for name, old in gone.items():
        yield Difference(part, name, "removed", old, None)
    if part in _ORDERED:
        was, now = [name for name in before if name in after], [name for name in after if name in before]
        for name in (name for name, other in zip(now, was, strict=True) if name != other):
            yield Difference(part, name, "moved", before[name], after[name])


def _value(entry: Located) -> dict[str, Any]:
    value = {**_LEFT_OUT.get(entry.part, {}), **entry.value}
    del value["name"]
    return value


def _changed(path: str, before: Any, after: Any) -> Iterator[Changed]:
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            yield from _changed(f"{path}.{key}" if path else key, before.get(key), after.get(key))
    elif isinstance(before, list) and isinstance(after, list):
        gone, new = [each for each in before if each not in after], [each for each in after if each not in before]
        if gone or new:
            yield Changed(path, gone, new)
    else:
        yield Changed(path, before, after)


def _shown(value: Any) -> str:
    if value is None:
        return "(unset)"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
