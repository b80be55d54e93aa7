"""A document: a plain value, and the line and column of each value in it, counted as editors do."""

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from webhook.errors import Fault
from webhook.text import printable

# YAML 1.1 (section 4.2) also ends a line at U+0085, U+2028 and U+2029; editors do not (LSP 3.17, "EOL").
_END: Final = re.compile("\r\n|\r|\n")


class Mark(NamedTuple):
    """The position of a character in a text.

    Attributes:
        line: from 1; 0 if unknown.
        column: in Unicode code points, from 1; 0 if unknown.
    """

    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part)


class Lines:
    """The line ends of a text, found on first use."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] | None = None

    def mark(self, offset: int) -> Mark:
        """Return the line and the column of the character at `offset`."""
        if self._ends is None:
            self._ends = [match.end() for match in _END.finditer(self._text)]
        line = bisect_right(self._ends, offset)
        return Mark(line + 1, offset - (self._ends[line - 1] if line else 0) + 1)


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a text, whose positions are counted in the whole text.

    Attributes:
        lines: the lines of the whole text.
        start: the offset of the part.
    """

    lines: Lines
    start: int = 0

    def mark(self, offset: int) -> Mark:
        """Return the line and the column of the character at `offset` in the part."""
        return self.lines.mark(self.start + offset)


def split(text: str) -> list[str]:
    """Return the lines of `text` without line ends."""
    return _END.split(text)


_ENDS: Final = (".", "[")
_INDEX: Final = re.compile(r"\[(\d+)\]")
# The path of the parent value, and the key or index in it; None for a whole document. Going one step deeper costs the
# same at every depth.
Path = tuple[Any, str | int] | None


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    Attributes:
        where: the file name.
        value: plain values: maps with string keys, lists, strings, numbers, booleans, None.
        mark: returns the position of the value at a JSON path such as `spec.tags[2].name`, or of its nearest parent.
        whole: whether the document was read without faults.
    """

    where: str
    value: Any
    mark: Callable[[str], Mark]
    whole: bool = True

    def line(self, path: str) -> int:
        """Return the line of the value at `path`, or of its nearest parent."""
        return self.mark(path).line

    def fault(self, path: str, message: str) -> Fault:
        """Return a fault at `path`, printable for a terminal."""
        return Fault(self.where, printable(path), message, *self.mark(path))


@dataclass(frozen=True, slots=True)
class PathKeys:
    """The keys of an object, for finding the first step of a path.

    A key is written `.key`, or `["key"]` if it contains dots; both forms are accepted for every key.
    """

    keys: frozenset[str]
    lengths: tuple[int, ...]

    @classmethod
    def of(cls, keys: Iterable[str]) -> "PathKeys":
        """Return the lookup for `keys`."""
        found = frozenset(keys)
        return cls(found, tuple(sorted({len(key) for key in found}, reverse=True)))

    def first(self, path: str) -> tuple[str, str] | None:
        """Return the longest key that begins `path`, and the rest of the path; None if no key does.

        Only the lengths of the keys are tried, so an object with many keys costs no more than one with few.
        """
        for opening, closing in (('["', '"]'), (".", ""), ("", "")):
            if not path.startswith(opening):
                continue
            begin = len(opening)
            for length in self.lengths:
                end = begin + length
                ends = path.startswith(closing, end) if closing else end == len(path) or path[end : end + 1] in _ENDS
                if ends and (key := path[begin:end]) in self.keys:
                    return key, path[end + len(closing) :]
        return None


def after_index(path: str) -> tuple[int, str] | None:
    """Return the index that begins `path`, and the rest of the path; None if it does not begin with an index."""
    match = _INDEX.match(path)
    return (int(match[1]), path[match.end() :]) if match else None


def written(path: Path) -> str:
    """Return a path in its written form, such as `spec.tags[2].name`."""
    steps: list[str] = []
    while path is not None:
        path, step = path
        steps.append(f"[{step}]" if isinstance(step, int) else f".{step}")
    return "".join(reversed(steps)).removeprefix(".")
