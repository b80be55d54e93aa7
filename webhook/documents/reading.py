"""Parses the bytes of a file into documents: a sequence of JSON documents, otherwise YAML."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import orjson

from webhook.documents import yaml
from webhook.documents.document import Document, Lines, Mark, PathKeys, Section, after_index
from webhook.documents.scalars import DECODER
from webhook.errors import Fault
from webhook.text import printable

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_GAP: Final = re.compile(r"(?:[ \t\r\n]+|(?<![^\r\n])---(?![^ \t\r\n]))*")
_OBJECT: Final = re.compile(r'\{[ \t\r\n]*(?:["}]|\Z)')
_SKIPPER: Final = json.JSONDecoder()
_Children = dict[str | int, tuple[int, int]]


def read_json(where: str, text: str) -> tuple[list[Document], list[Fault]]:
    """Read all documents in `text`, and the faults of those that cannot be read.

    Args:
        where: the file name, for faults.
        text: JSON documents, separated by space or lines of `---`. YAML documents may follow such a line, and the first
            document may be YAML in flow style.
    """
    documents: list[Document] = []
    faults: list[Fault] = []
    lines = Lines(text)
    begin, start = 0, _gap(text, 0)
    while start < len(text):
        try:
            value, end = DECODER.raw_decode(text, start)
        except RecursionError:
            faults.append(Fault(where, "", "the JSON is nested too deeply", *lines.mark(start)))
            break
        except ValueError as error:
            separated = not begin or "---" in text[begin:start]
            found, wrong, end = _as_yaml(where, text, Section(lines, start), error, separated=separated)
            documents += found
            faults += wrong
        else:
            documents.append(Document(where, value, _Locator(text, start, lines).mark))
        begin, start = end, _gap(text, end)
    return documents, faults


def _as_yaml(
    where: str, text: str, section: Section, error: ValueError, *, separated: bool
) -> tuple[list[Document], list[Fault], int]:
    """Read a document as YAML if it is not strict JSON: it may be YAML, and YAML locates its faults.

    Args:
        where: the file name.
        text: the whole text.
        section: the beginning of the document.
        error: why it is not JSON.
        separated: whether only `---` precedes the document.

    Returns:
        The documents, the faults, and the offset of the next document.
    """
    start = section.start
    try:
        _, end = _SKIPPER.raw_decode(text, start)
    except json.JSONDecodeError as syntax:
        fault = Fault(where, "", f"expected JSON: {syntax.msg}", *section.lines.mark(syntax.pos))
        if not separated or where.endswith(".json"):
            return [], [fault], len(text)
        found, wrong = yaml.read(where, text[start:], section)
        if wrong and not found and _OBJECT.match(text, start):
            wrong = [fault]  # the user meant JSON
        return found, wrong, len(text)
    found, wrong = yaml.read(where, text[start:end], section)
    if any(fault.path for fault in wrong):
        return found, wrong, end
    return [], [Fault(where, "", f"expected JSON: {printable(str(error))}", *section.mark(0))], end


def _space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


def _gap(text: str, start: int) -> int:
    """Return the offset after the space and the `---` that separate two documents."""
    match = _GAP.match(text, start)
    return match.end() if match else start


class _Locator:
    """Finds the positions of values in one document, and remembers what it has scanned."""

    def __init__(self, text: str, start: int, lines: Lines) -> None:
        self._text, self._start, self._lines = text, start, lines
        self._known: dict[int, tuple[_Children, PathKeys]] = {}

    def mark(self, path: str) -> Mark:
        """Return the position of the value at `path`, or of its nearest parent."""
        shown = at = self._start
        while path:
            step = self._step(at, path)
            if step is None:
                break
            (shown, at), path = step
        return self._lines.mark(shown)

    def _step(self, at: int, path: str) -> tuple[tuple[int, int], str] | None:
        """Return the position that the first step of `path` leads to from the value at `at`, and the rest of `path`."""
        if at not in self._known:
            children = dict(self._children(at))
            self._known[at] = children, PathKeys.of(key for key in children if isinstance(key, str))
        children, steps = self._known[at]
        if (index := after_index(path)) is not None and index[0] in children:
            return children[index[0]], index[1]
        step = steps.first(path)
        return (children[step[0]], step[1]) if step is not None else None

    def _children(self, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
        """Yield the elements or members of the value at `at`: the offset of each element or key, and of its value."""
        text, opening = self._text, self._text[at]
        if opening not in "[{":
            return
        index, position = 0, _space(text, at + 1)
        while text[position] not in "]}":
            shown, key = position, index
            name: Any = None
            if opening == "{":
                name, position = _SKIPPER.raw_decode(text, position)
                position = _space(text, _space(text, position) + 1)
            yield (key if name is None else name), (shown, position)
            _, end = _SKIPPER.raw_decode(text, position)
            position = _space(text, end)
            if text[position] == ",":
                position = _space(text, position + 1)
            index += 1


# An action of Go's text/template or of Jinja; `${{NAME}}` is a parameter of an OpenShift Template.
_ACTION: Final = re.compile(r"(?<!\$)\{\{(?!\{)[^{}\n]{0,400}\}\}")


def is_template(body: bytes) -> bool:
    """Return whether `body` contains template actions, such as `{{ .Release.Name }}`."""
    return has_action(body.decode(errors="replace"))


def has_action(text: str) -> bool:
    """Return whether `text` contains a template action."""
    return "{{" in text and _ACTION.search(text) is not None


def read(where: str, body: bytes) -> tuple[list[Document], list[Fault]]:
    """Read all documents in `body`, and the faults of those that cannot be read.

    Args:
        where: the file name, for faults.
        body: UTF-8 text; JSON if it begins with a brace, else YAML.
    """
    try:
        text = body.decode("utf-8-sig")  # without the byte order mark that some editors write
    except UnicodeDecodeError as error:
        return [], [Fault(where, "", f"expected UTF-8; byte {error.start} is invalid")]
    documents, faults = (read_json if text.lstrip().startswith("{") else yaml.read)(where, text)
    usable: list[Document] = []
    for document in documents:
        try:
            orjson.dumps(document.value)  # a record must be able to hold the value; lone surrogates cannot be written
        except orjson.JSONEncodeError as error:
            faults.append(document.fault("", f"cannot be written as JSON: {error}"))
        else:
            usable.append(document)
    return usable, faults
