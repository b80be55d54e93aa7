"""What a CEL expression may cost: the engine has no bound of its own, so each turn of a macro counts itself."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

COUNT: Final = "__step"
_NESTED: Final = 2
_STEPS: Final = 20_000
_SECONDS: Final = 0.5
# The engine builds a list anew for each element that it gets, so the cost of these two grows with the square.
_WEIGHTS: Final = {"all": 1, "exists": 1, "exists_one": 1, "existsOne": 1, "map": 10, "filter": 10}
# cel-spec, doc/langdef.md, Syntax: what is in a string or a comment is no code.
_PIECE: Final = re.compile(
    r"""(?sx)
    [bB]? [rR] [bB]? (?: \"{3} .*? \"{3} | '{3} .*? '{3} | \" [^"\n]* \" | ' [^'\n]* ' )
    | [bB]? (?: \"{3} (?: \\. | . )*? \"{3} | '{3} (?: \\. | . )*? '{3} )
    | [bB]? (?: \" (?: \\. | [^"\\\n] )* \" | ' (?: \\. | [^'\\\n] )* ' )
    | // [^\n]*
    | \.\s* (?P<macro> all | exists_one | existsOne | exists | map | filter ) \s*\(
    | [A-Za-z_]\w*
    | .
    """
)


class TooDeep(Exception):
    """Macros are nested deeper than is allowed."""


class Steps:
    """How much of its cost an evaluation has left.

    Attributes:
        spent: whether there was too little, so that its result means nothing.
    """

    def __init__(self) -> None:
        self._left = _STEPS
        self._until: float | None = None  # the engine reads its variables first
        self.spent = False

    def take(self, weight: int) -> bool:
        """Take one turn of a macro; False where nothing is left."""
        now = perf_counter()
        if self._until is None:
            self._until = now + _SECONDS
        self._left -= weight
        self.spent = self.spent or self._left < 0 or now > self._until
        return not self.spent


@dataclass(slots=True)
class _Open:
    """A bracket that is open; of a macro, its weight, and how many commas came."""

    weight: int = 0
    commas: int = 0


def counted(source: str) -> str:
    """Return an expression that calls `COUNT` before each turn of a macro, and fails where that is false.

    Args:
        source: an expression that the engine can parse.

    Raises:
        TooDeep: a macro is in the body of more others than are allowed.
    """
    return "".join(_counted(source))


def _counted(source: str) -> Iterator[str]:
    opened: list[_Open] = []
    for found in _PIECE.finditer(source):
        piece, macro = found[0], found["macro"]
        last = opened[-1] if opened else _Open()
        if macro:
            if sum(each.weight > 0 and each.commas > 0 for each in opened) >= _NESTED:
                raise TooDeep(f"expected macros nested {_NESTED} deep at most, got .{macro} in two others")
            opened.append(_Open(_WEIGHTS[macro]))
        elif piece in ("(", "[", "{"):
            opened.append(_Open())
        elif piece == "," and last.weight:
            last.commas += 1
            yield f", {COUNT}({last.weight}) ? (" if last.commas == 1 else ") : [][0]," if last.commas == 2 else ","  # noqa: PLR2004 - what follows the name, and what follows the body
            continue
        elif piece in (")", "]", "}") and opened:
            opened.pop()
            if last.weight and last.commas == 1:
                yield ") : [][0]"
        yield piece
