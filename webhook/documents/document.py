"""A document: a plain value, and the place of everything in it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from webhook.documents.lines import Mark
from webhook.errors import Fault
from webhook.text import printable

_INDEX: Final = re.compile(r"\[(\d+)\]")


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a file.

    Attributes:
        where: the file's name.
        value: plain values: maps with string keys, lists, strings, numbers, booleans, None.
        mark: returns the line and column of the value at a JSON path such as `spec.tags[2].name`, or of the value
            that would hold it.
    """

    where: str
    value: Any
    mark: Callable[[str], Mark]

    def line(self, path: str) -> int:
        """Return the line of the value at `path`, or of the value that would hold it."""
        return self.mark(path).line

    def fault(self, path: str, message: str) -> Fault:
        """Return the fault at `path`, which is shown as a terminal may show it."""
        return Fault(self.where, printable(path), message, *self.mark(path))


def after_key(path: str, key: str) -> str | None:
    """Return what of `path` is left after its first step, None where that is not `key`.

    A key is written `.key`, or `["key"]` where it holds dots itself; both are understood for every key.
    """
    quoted = f'["{key}"]'
    if path.startswith(quoted):
        return path[len(quoted) :]
    plain = path.removeprefix(".")
    if not plain.startswith(key):
        return None
    rest = plain[len(key) :]
    return rest if not rest or rest[0] in ".[" else None


def after_index(path: str) -> tuple[int, str] | None:
    """Return the index that is the first step of `path` and what is left after it, None where it is another step."""
    match = _INDEX.match(path)
    return (int(match[1]), path[match.end() :]) if match else None
