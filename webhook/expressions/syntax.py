"""The tokens and the tree of a CEL expression (cel-spec, doc/langdef.md, Syntax)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from webhook.errors import MalformedExpression
from webhook.text import quoted

MACROS: Final = {"all": (2,), "exists": (2,), "exists_one": (2,), "existsOne": (2,), "map": (2, 3), "filter": (2,)}
_TOKEN: Final = re.compile(
    r"""(?sx)
      (?P<skipped> [\ \t\n\f\r]+ | //[^\n]* )
    | (?P<string>
          (?: [rR] [bB]? | [bB] [rR] ) (?: \"{3} .*? \"{3} | '{3} .*? '{3} | \" [^"\n\r]* \" | ' [^'\n\r]* ' )
        | [bB]? (?: \"{3} (?: \\. | [^\\] )*? \"{3} | '{3} (?: \\. | [^\\] )*? '{3} )
        | [bB]? (?: \" (?: \\. | [^"\\\n\r] )* \" | ' (?: \\. | [^'\\\n\r] )* ' )
      )
    | (?P<double> [0-9]* \. [0-9]+ (?: [eE] [+-]? [0-9]+ )? | [0-9]+ [eE] [+-]? [0-9]+ )
    | (?P<int> (?: 0x [0-9a-fA-F]+ | [0-9]+ ) (?P<uint> [uU] )? )
    | (?P<name> [A-Za-z_] [A-Za-z0-9_]* )
    | (?P<sign> && | \|\| | == | != | <= | >= | [<>+\-*/%!?:.,()\[\]{}] )
    """
)


class Token(NamedTuple):
    """A token.

    Attributes:
        kind: `string`, `bytes`, `int`, `uint`, `double`, `name`, `sign`, or `end` after the last token.
        text: its text.
        start: the offset of its first character.
        end: the offset after its last character.
    """

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, and an end token.

    Raises:
        MalformedExpression: a character does not begin a token.
    """
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise MalformedExpression(f"expected a CEL expression, got {quoted(source[at : at + 20])}")
        at = found.end()
        if found["skipped"] is None:
            yield Token(_kind(found), found[0], found.start(), found.end())
    yield Token("end", "", at, at)


def _kind(found: re.Match[str]) -> str:
    if found["uint"]:
        return "uint"
    if found["string"] and "b" in found[0][: re.search("[\"']", found[0]).start()].lower():  # type: ignore[union-attr]
        return "bytes"
    return str(found.lastgroup)


@dataclass(frozen=True, slots=True)
class Node:
    """A part of an expression.

    Attributes:
        start: the offset of its first character in the expression.
        end: the offset after its last character.
    """

    start: int
    end: int

    @property
    def parts(self) -> tuple["Node", ...]:
        """The nodes directly below."""
        return ()


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A literal value; `kind` names its type."""

    kind: str


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A variable."""

    name: str


@dataclass(frozen=True, slots=True)
class Select(Node):
    """A field of a value: `operand.field`."""

    operand: Node
    field: str

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Index(Node):
    """An element of a value: `operand[index]`."""

    operand: Node
    index: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return self.operand, self.index


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a function, a method of `target` or a macro."""

    target: Node | None
    function: str
    arguments: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return self.arguments if self.target is None else (self.target, *self.arguments)

    @property
    def binds(self) -> str:
        """The variable that a macro binds for each element, "" for other calls."""
        lengths = MACROS.get(self.function, ())
        if self.target is None or len(self.arguments) not in lengths:
            return ""
        first = self.arguments[0]
        return first.name if isinstance(first, Name) else ""


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`!` or `-` before a value."""

    operator: str
    operand: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return (self.operand,)


@dataclass(frozen=True, slots=True)
class Chain(Node):
    """Values with operators of one precedence between them, evaluated from the left."""

    first: Node
    rest: tuple[tuple[str, Node], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return self.first, *(node for _, node in self.rest)


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`condition ? yes : no`."""

    condition: Node
    yes: Node
    no: Node

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return self.condition, self.yes, self.no


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return self.items


@dataclass(frozen=True, slots=True)
class MapLiteral(Node):
    """`{a: b}`."""

    entries: tuple[tuple[Node, Node], ...]

    @property
    def parts(self) -> tuple[Node, ...]:
        """The nodes directly below."""
        return tuple(node for entry in self.entries for node in entry)


def walk(node: Node) -> Iterator[Node]:
    """Yield `node` and every node below it."""
    waiting = [node]
    while waiting:
        found = waiting.pop()
        yield found
        waiting.extend(found.parts)
