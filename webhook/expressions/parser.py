"""Parses CEL, and writes an expression that counts the iterations of its macros."""

from dataclasses import replace
from typing import Final

from webhook.errors import MalformedExpression
from webhook.expressions.syntax import (
    Call,
    Chain,
    Conditional,
    Index,
    ListLiteral,
    Literal,
    MapLiteral,
    Name,
    Node,
    Select,
    Token,
    Unary,
    tokens,
)
from webhook.text import quoted

MOST_NESTED: Final = 50  # levels of brackets, conditions and steps such as `.name`, within Python's recursion limit
_TOO_DEEP: Final = f"expected an expression of at most {MOST_NESTED} nested levels"
_MESSAGE: Final = "messages of protocol buffers are not supported"  # the engine does not support them either
_LONGEST: Final = 60  # characters of a part of an expression in a message
# Weakest precedence first; operators of one level are evaluated from the left (cel-spec, doc/langdef.md, Syntax).
_LEVELS: Final = (
    frozenset({"||"}),
    frozenset({"&&"}),
    frozenset({"<", "<=", ">=", ">", "==", "!=", "in"}),
    frozenset({"+", "-"}),
    frozenset({"*", "/", "%"}),
)
_CONSTANTS: Final = {"true": "bool", "false": "bool", "null": "null"}
_LITERALS: Final = frozenset({"string", "bytes", "int", "uint", "double"})


def parse(source: str) -> Node:
    """Parse an expression.

    Raises:
        MalformedExpression: it is invalid or nested too deeply.
    """
    parser = _Parser(source)
    node = parser.expression()
    parser.take("")
    return node


class _Parser:
    """Reads tokens from the left, with one token of lookahead."""

    def __init__(self, source: str) -> None:
        self._source, self._tokens = source, tokens(source)
        self._next: Token = next(self._tokens)
        self._end = 0
        self._depth = 0

    def expression(self) -> Node:
        """Parse an expression with operators of every precedence."""
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise MalformedExpression(_TOO_DEEP)
        node = self._level(0)
        if self._found("?"):
            yes = self._level(0)
            self.take(":")
            no = self.expression()
            node = Conditional(node.start, no.end, node, yes, no)
        self._depth -= 1
        return node

    def take(self, text: str) -> Token:
        """Read the token `text`, which must be next; "" is the end.

        Raises:
            MalformedExpression: another token is next.
        """
        if self._next.text != text:
            expected, got = (quoted(each) if each else "its end" for each in (text, self._next.text))
            raise MalformedExpression(f"expected {expected} in the CEL expression, got {got}")
        return self._step()

    def _step(self) -> Token:
        found = self._next
        self._end = found.end
        if found.kind != "end":
            self._next = next(self._tokens)
        return found

    def _found(self, text: str) -> bool:
        """Read the token `text` if it is next."""
        if self._next.text != text:
            return False
        self._step()
        return True

    def _level(self, level: int) -> Node:
        """Parse operands with operators of this level between them."""
        if level == len(_LEVELS):
            return self._unary()
        first = self._level(level + 1)
        rest: list[tuple[str, Node]] = []
        while self._next.text in _LEVELS[level]:
            operator = self._step().text
            rest.append((operator, self._level(level + 1)))
        return Chain(first.start, rest[-1][1].end, first, tuple(rest)) if rest else first

    def _unary(self) -> Node:
        """Parse a value with the signs before it."""
        signs: list[Token] = []
        while self._next.text in ("!", "-"):
            signs.append(self._step())
        if len(signs) > MOST_NESTED:
            raise MalformedExpression(_TOO_DEEP)
        node = self._steps()
        for sign in reversed(signs):
            node = Unary(sign.start, node.end, sign.text, node)
        return node

    def _steps(self) -> Node:
        """Parse a value and the fields, elements and methods after it."""
        node = self._primary()
        steps = 0
        while self._next.text in (".", "["):
            steps += 1
            if self._depth + steps > MOST_NESTED:
                raise MalformedExpression(_TOO_DEEP)
            if self._found("["):
                index = self.expression()
                node = Index(node.start, self.take("]").end, node, index)
                continue
            self._step()
            name = self._name()
            if self._found("("):
                arguments = self._list(")")
                node = Call(node.start, self._end, node, name, arguments)
            else:
                node = Select(node.start, self._end, node, name)
        if self._next.text == "{" and isinstance(node, (Name, Select)):
            raise MalformedExpression(
                f"{_MESSAGE}, got {quoted(self._source[node.start : node.end][:_LONGEST])} before {{"
            )
        return node

    def _primary(self) -> Node:
        token = self._next
        if token.text == ".":  # a name in the root scope, like every name here
            self._step()
            token = self._next
        if token.kind in _LITERALS:
            self._step()
            return Literal(token.start, token.end, token.kind)
        if token.kind == "name":
            return self._named()
        self._step()
        if token.text == "(":
            inner = self.expression()
            return _within(inner, token.start, self.take(")").end)
        if token.text == "[":
            items = self._list("]")
            return ListLiteral(token.start, self._end, items)
        if token.text == "{":
            entries = self._entries()
            return MapLiteral(token.start, self._end, entries)
        got = quoted(token.text) if token.text else "its end"
        raise MalformedExpression(f"expected a value in the CEL expression, got {got}")

    def _named(self) -> Node:
        """Parse a constant, a variable or a call."""
        token = self._step()
        if token.text in _CONSTANTS:
            return Literal(token.start, token.end, _CONSTANTS[token.text])
        if self._found("("):
            arguments = self._list(")")
            return Call(token.start, self._end, None, token.text, arguments)
        return Name(token.start, token.end, token.text)

    def _name(self) -> str:
        if self._next.kind != "name":
            raise MalformedExpression(f"expected a name in the CEL expression, got {quoted(self._next.text)}")
        return self._step().text

    def _list(self, closing: str) -> tuple[Node, ...]:
        """Parse values up to `closing`; a trailing comma is allowed."""
        found: list[Node] = []
        while not self._found(closing):
            found.append(self.expression())
            if not self._found(","):
                self.take(closing)
                break
        return tuple(found)

    def _entries(self) -> tuple[tuple[Node, Node], ...]:
        found: list[tuple[Node, Node]] = []
        while not self._found("}"):
            key = self.expression()
            self.take(":")
            found.append((key, self.expression()))
            if not self._found(","):
                self.take("}")
                break
        return tuple(found)


def _within(node: Node, start: int, end: int) -> Node:
    """Return `node` with its brackets."""
    return replace(node, start=start, end=end)


COUNT: Final = "__step"
_NESTED: Final = 2
# The engine rebuilds a list for each element that it adds, so the cost of these two is quadratic.
_WEIGHTS: Final = {"all": 1, "exists": 1, "exists_one": 1, "existsOne": 1, "map": 10, "filter": 10}


def counted(source: str, tree: Node) -> str:
    """Return an expression that calls `COUNT` before each iteration of a macro, and fails if that is false.

    Args:
        source: an expression.
        tree: the parsed expression.

    Raises:
        MalformedExpression: a macro is nested in the bodies of too many others.
    """
    insertions: list[tuple[int, str]] = []
    waiting = [(tree, 0)]
    while waiting:
        node, depth = waiting.pop()
        if not (isinstance(node, Call) and node.binds):
            waiting.extend((each, depth) for each in node.parts)
            continue
        if depth >= _NESTED:
            sentence = f"expected at most {_NESTED} nested macros, got .{node.function} in {_NESTED} others"
            raise MalformedExpression(sentence)
        body = node.arguments[1]
        insertions += (body.start, f"{COUNT}({_WEIGHTS[node.function]}) ? ("), (body.end, ") : [][0]")
        waiting.extend((each, depth + 1) for each in node.arguments[1:])
        if node.target is not None:
            waiting.append((node.target, depth))
    pieces: list[str] = []
    at = 0
    for place, text in sorted(insertions):  # there is a comma or a bracket between any two
        pieces += source[at:place], text
        at = place
    return "".join((*pieces, source[at:]))
