"""Expressions that count the turns of their macros, so that their cost has a bound."""

from typing import Final

from webhook.errors import MalformedExpression
from webhook.expressions.syntax import Call, Node

COUNT: Final = "__step"
_NESTED: Final = 2
# The engine builds a list anew for each element that it gets, so the cost of these two grows with the square.
_WEIGHTS: Final = {"all": 1, "exists": 1, "exists_one": 1, "existsOne": 1, "map": 10, "filter": 10}


def counted(source: str, tree: Node) -> str:
    """Return an expression that calls `COUNT` before each turn of a macro, and fails if that is false.

    Args:
        source: an expression.
        tree: the same, parsed.

    Raises:
        MalformedExpression: a macro is in the body of more others than are allowed.
    """
    insertions: list[tuple[int, str]] = []
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if not (isinstance(node, Call) and node.binds):
            waiting.extend((each, depth) for each in node.parts)
            continue
        if depth >= _NESTED:
            sentence = f"expected macros nested {_NESTED} deep at most, got .{node.function} in two others"
            raise MalformedExpression(sentence)
        body = node.arguments[1]
        insertions += (body.start, f"{COUNT}({_WEIGHTS[node.function]}) ? ("), (body.end, ") : [][0]")
        waiting.extend((each, depth + 1) for each in node.arguments[1:])
        if node.target is not None:
            waiting.append((node.target, depth))
    pieces: list[str] = []
    at = 0
    for place, text in sorted(insertions):  # a comma or a bracket is between any two
        pieces += source[at:place], text
        at = place
    return "".join((*pieces, source[at:]))
