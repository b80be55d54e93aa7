"""Explains YAML syntax errors to users, because the parser's messages describe its own states."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from webhook.documents.document import Lines
from webhook.text import printable

_CLOSING: Final = {"[": "]", "{": "}"}
_QUOTES: Final = "'\""


@dataclass(frozen=True, slots=True)
class Problem:
    """An error of the parser.

    Attributes:
        text: the whole text.
        problem: the parser's message.
        context: the parser's context, "" if there is none.
        at: the offset of the error.
        began: the offset of the construct that was being parsed.
    """

    text: str
    problem: str
    context: str
    at: int
    began: int

    @property
    def character(self) -> str:
        """The character at the error, "" at the end of the text."""
        return self.text[self.at : self.at + 1]

    @property
    def line(self) -> tuple[str, str]:
        """The line of the error, split into the parts before and after it."""
        begin = max(self.text.rfind("\n", 0, self.at), self.text.rfind("\r", 0, self.at)) + 1
        rest = self.text[self.at :]
        return self.text[begin : self.at], (rest.splitlines() or [""])[0]

    @property
    def ends(self) -> bool:
        """Whether only space follows the error."""
        return not self.text[self.at :].strip()


def explained(found: Problem, unclosed: Callable[[], int | None]) -> tuple[int, str]:
    """Return the offset of a mistake and a message.

    Args:
        found: the error of the parser.
        unclosed: returns the offset of the innermost open bracket at the error, None if there is none.
    """
    return next(
        (result for each in _EXPLANATIONS if (result := each(found, unclosed)) is not None),
        (found.at, printable(found.problem)),
    )


_Result = tuple[int, str] | None
_Unclosed = Callable[[], int | None]


def _character(found: Problem, _: _Unclosed) -> _Result:
    if found.character == "\t" and ("start any token" in found.problem or "found a tab" in found.problem):
        return found.at, "found a tab; indent with spaces"
    if "start any token" not in found.problem:
        return None
    return found.at, f"a value cannot begin with {printable(found.character)}; quote it"


def _alias(found: Problem, _: _Unclosed) -> _Result:
    for word, sign in (("an alias", "*"), ("an anchor", "&")):
        if word in found.context:
            return found.began, _quoting(sign, word)
    if "undefined alias" in found.problem:
        return found.at, _quoting("*", "an alias") + ", or define the anchor before it"
    if "second occurrence" in found.problem or "duplicate anchor" in found.problem:
        return found.at, "the anchor is defined twice; give each anchor its own name"
    return None


def _quoting(sign: str, begins: str) -> str:
    return f"{sign} begins {begins} in YAML; quote a value that begins with {sign}"


def _tag(found: Problem, _: _Unclosed) -> _Result:
    before, _behind = found.line
    value = before.rpartition(": ")[2].lstrip("- ")
    if "a tag" in found.context or ("a block scalar" in found.context and value.startswith("!")):
        return found.at - len(value) if value.startswith("!") else found.began, _quoting("!", "a tag")
    if "a block scalar" in found.context:
        return found.began, "nothing may follow | or > on its line; begin the text on the next line, or quote the value"
    return None


def _directive(found: Problem, _: _Unclosed) -> _Result:
    begins_line = found.began == 0 or found.text[found.began - 1] in "\r\n"
    if "directive" in found.context or ("document start" in found.problem and found.text.startswith("%")):
        return found.began if begins_line else found.at, "a line cannot begin with %; quote the value"
    return None


def _quote(found: Problem, _: _Unclosed) -> _Result:
    if "quoted scalar" not in found.context:
        return None
    if "escape" in found.problem:
        at = found.text.rfind("\\", 0, found.at + 1)
        escape = printable(found.text[at : at + 2])
        return at, f"{escape} is not an escape in double quotes; write \\{escape}, or use single quotes"
    if "end of stream" in found.problem or "document separator" in found.problem:
        return found.began, "the quote that opens here is not closed"
    return None


def _bracket(found: Problem, unclosed: _Unclosed) -> _Result:
    opening = found.text[found.began : found.began + 1]
    if opening in _CLOSING and ("flow sequence" in found.context or "flow mapping" in found.context):
        line = Lines(found.text).mark(found.at).line
        got = "the text ends" if found.ends else f"got {printable(found.character)} on line {line}"
        return found.began, f"the {opening} that opens here is not closed; expected , or {_CLOSING[opening]}, {got}"
    if " node" not in found.context:
        return None
    opened = unclosed() if found.ends else None
    if opened is not None:
        bracket = found.text[opened]
        sentence = f"the {bracket} that opens here is not closed; expected {_CLOSING[bracket]}, the text ends"
        return opened, sentence
    return found.at, f"expected a value, got {printable(found.character) or 'the end of the text'}"


def _colon(found: Problem, _: _Unclosed) -> _Result:
    before, _behind = found.line
    if "mapping values are not allowed" in found.problem:
        if ": " in before:
            return found.at, 'a value that contains ": " must be quoted'
        return (
            found.at,
            "a key is not allowed here; check the indentation of this line and the value on the line before",
        )
    if "expected ':'" in found.problem:
        return found.began, "expected KEY: VALUE, found no colon followed by a space"
    return None


def _collection(found: Problem, _: _Unclosed) -> _Result:
    if "block mapping" not in found.context and "block collection" not in found.context:
        return None
    before, behind = found.line
    if not before.strip():
        if "collection" in found.context:
            return found.at, "expected - before an item of the list, or less indentation"
        return found.at, "the indentation matches none of the lines above"
    if behind[:1] in ("]", "}"):
        return found.at, f"{behind[:1]} closes nothing; quote a value that contains it"
    value = before.partition(": ")[2] or before.lstrip("- ")
    if value[:1] and value[:1] in _QUOTES:
        return found.at, "nothing may follow a closing quote; quote the whole value"
    return None


def _depth(found: Problem, _: _Unclosed) -> _Result:
    return (found.at, "it is nested too deeply") if "nesting depth" in found.problem else None


_EXPLANATIONS: Final = (
    _character, _alias, _tag, _directive, _quote, _bracket, _colon, _collection, _depth,
)  # fmt: skip
