"""What CEL may cost on a review: the engine has no bound of its own, so each turn of a macro counts itself."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Any, Final

from webhook.errors import MalformedExpression

COUNT: Final = "__step"
_NESTED: Final = 2
_STEPS: Final = 50_000
_SECONDS: Final = 0.5
_TOO_MUCH: Final = "it costs too much on this review"
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


class Steps:
    """How much of its cost a review has left, for all evaluations together."""

    def __init__(self) -> None:
        self._left, self._seconds = _STEPS, _SECONDS
        self._until = 0.0
        self._spent = False

    def spend(self, evaluate: Callable[[], Any]) -> Any:
        """Return what `evaluate` returns, which takes its turns here; whatever it raises comes out.

        Raises:
            TimeoutError: there is nothing left, or not enough.
        """
        if self._spent or self._seconds <= 0:
            raise TimeoutError(_TOO_MUCH)
        began = perf_counter()
        self._until = began + self._seconds
        try:
            return evaluate()
        finally:
            self._seconds -= perf_counter() - began
            if self._spent:  # CEL's || and && may have swallowed that
                raise TimeoutError(_TOO_MUCH)

    def take(self, weight: int) -> bool:
        """Take one turn of a macro; False where nothing is left."""
        self._left -= weight
        self._spent = self._spent or self._left < 0 or perf_counter() > self._until
        return not self._spent


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
        MalformedExpression: a macro is in the body of more others than are allowed.
    """
    return "".join(_counted(source))


def _counted(source: str) -> Iterator[str]:
    opened: list[_Open] = []
    for found in _PIECE.finditer(source):
        piece, macro = found[0], found["macro"]
        last = opened[-1] if opened else _Open()
        if macro:
            if sum(each.commas > 0 for each in opened) >= _NESTED:
                raise MalformedExpression(f"expected macros nested {_NESTED} deep at most, got .{macro} in two others")
            opened.append(_Open(_WEIGHTS[macro]))
        elif piece in ("(", "[", "{"):
            opened.append(_Open())
        elif piece == "," and last.weight:
            last.commas += 1
            yield f", {COUNT}({last.weight}) ? (" if last.commas == 1 else ") : [][0],"
            continue
        elif piece in (")", "]", "}") and opened:
            opened.pop()
            if last.weight and last.commas == 1:
                yield ") : [][0]"
        yield piece
