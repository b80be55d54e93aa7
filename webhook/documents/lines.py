"""Lines as editors and git hosts count them, which is neither YAML's way nor `str.splitlines`."""

import re
from bisect import bisect_right
from typing import Final

# YAML 1.1 (section 4.2) ends a line at U+0085, U+2028 and U+2029 too; no editor does (LSP 3.17, "EOL").
_END: Final = re.compile("\r\n|\r|\n")


class Lines:
    """Where the lines of a text end, found when they are first asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._ends: list[int] | None = None

    def of(self, offset: int) -> int:
        """Return the line of the character at `offset`, from 1."""
        if self._ends is None:
            self._ends = [match.end() for match in _END.finditer(self._text)]
        return bisect_right(self._ends, offset) + 1


def split(text: str) -> list[str]:
    """Return the lines of `text`, without their ends."""
    return _END.split(text)
