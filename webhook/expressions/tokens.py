"""The tokens of a CEL expression."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from webhook.errors import MalformedExpression
from webhook.text import quoted

# cel-spec, doc/langdef.md, Syntax.
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
        kind: `string`, `bytes`, `int`, `uint`, `double`, `name`, `sign`, or `end` behind the last one.
        text: as it is written.
        start: the offset of its first character.
        end: the offset behind its last character.
    """

    kind: str
    text: str
    start: int
    end: int


def tokens(source: str) -> Iterator[Token]:
    """Yield the tokens of `source`, and one that ends it.

    Raises:
        MalformedExpression: a character begins no token.
    """
    at = 0
    while at < len(source):
        found = _TOKEN.match(source, at)
        if found is None:
            raise MalformedExpression(f"expected a CEL expression, got {quoted(source[at : at + 20])} in it")
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
