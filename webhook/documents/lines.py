"""Lines and columns as editors and git hosts count them, which is neither YAML's way nor `str.splitlines`."""

import re
from bisect import bisect_right
from dataclasses import dataclass
from typing import Final, NamedTuple

# YAML 1.1 (section 4.2) ends a line at U+0085, U+2028 and U+2029 too; no editor does (LSP 3.17, "EOL").
_END: Final = re.compile("\r\n|\r|\n")


class Mark(NamedTuple):
    """The place of a character in a text.

    Attributes:
        line: from 1; 0 if it is not known.
        column: in Unicode code points from 1; 0 if it is not known.
    """

    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return ":".join(str(part) for part in self if part)


class Lines:
    """Where the lines of a text end, found when they are first asked for."""

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
    """A part of a text, whose places are counted in the whole.

    Attributes:
        lines: those of the whole text.
        start: the offset at which the part begins.
    """

    lines: Lines
    start: int = 0

    def mark(self, offset: int) -> Mark:
        """Return the line and the column of the character at `offset` of the part."""
        return self.lines.mark(self.start + offset)


def split(text: str) -> list[str]:
    """Return the lines of `text`, without their ends."""
    return _END.split(text)
