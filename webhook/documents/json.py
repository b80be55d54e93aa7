"""JSON documents, one after the other, whose lines are sought only when somebody asks."""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from webhook.documents.document import Document, Steps, after_index
from webhook.documents.lines import Lines, Mark
from webhook.documents.strict import DECODER
from webhook.errors import Fault
from webhook.text import printable

_SPACE: Final = re.compile(r"[ \t\r\n]*")
_SKIPPER: Final = json.JSONDecoder()
_Children = dict[str | int, tuple[int, int]]


def read(where: str, text: str) -> tuple[list[Document], list[Fault]]:
    """Read every document in `text`, and the fault that keeps the next from being read.

    Args:
        where: the file's name, for the faults.
        text: JSON documents, with nothing but space between them.
    """
    documents: list[Document] = []
    lines = Lines(text)
    start = _space(text, 0)
    while start < len(text):
        try:
            value, end = DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            return documents, [Fault(where, "", f"expected JSON: {error.msg}", *lines.mark(error.pos))]
        except RecursionError:
            return documents, [Fault(where, "", "the JSON is nested too deeply", *lines.mark(start))]
        except ValueError as error:
            return documents, [Fault(where, "", f"expected JSON: {printable(str(error))}", *lines.mark(start))]
        documents.append(Document(where, value, _Locator(text, start, lines).mark))
        start = _space(text, end)
    return documents, []


def _space(text: str, start: int) -> int:
    match = _SPACE.match(text, start)
    return match.end() if match else start


class _Locator:
    """Finds the places in one document; what it has walked through once it knows."""

    def __init__(self, text: str, start: int, lines: Lines) -> None:
        self._text, self._start, self._lines = text, start, lines
        self._known: dict[int, tuple[_Children, Steps]] = {}

    def mark(self, path: str) -> Mark:
        """Return the place of the value at `path`, or of the value that would hold it."""
        shown = at = self._start
        while path:
            step = self._step(at, path)
            if step is None:
                break
            (shown, at), path = step
        return self._lines.mark(shown)

    def _step(self, at: int, path: str) -> tuple[tuple[int, int], str] | None:
        """Return where the first step of `path` leads from the value at `at`, and what is left of `path`."""
        if at not in self._known:
            children = dict(self._children(at))
            self._known[at] = children, Steps.of(key for key in children if isinstance(key, str))
        children, steps = self._known[at]
        if (index := after_index(path)) is not None and index[0] in children:
            return children[index[0]], index[1]
        step = steps.first(path)
        return (children[step[0]], step[1]) if step is not None else None

    def _children(self, at: int) -> Iterator[tuple[str | int, tuple[int, int]]]:
        """Yield each element or member of the value at `at`: where it (or its key) begins, and where its value does."""
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
