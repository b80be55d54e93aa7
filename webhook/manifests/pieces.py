"""The objects of a document: itself, or the items of a List of any kind."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from webhook.documents import Document
from webhook.documents.lines import Mark

_LIST: Final = "List"


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a document.

    Attributes:
        document: where it stands.
        path: the JSON path at which it stands there, "" for the whole of it.
        value: the object; an item of a typed list has the kind that the list says.
    """

    document: Document
    path: str
    value: Any

    def mark(self, field: str = "") -> Mark:
        """Return the place of a field of the object, or of the object itself if none is given."""
        return self.document.mark(".".join(part for part in (self.path, field) if part))

    @property
    def kind(self) -> str:
        """The object's kind, "" where it has none."""
        return _text(self.value, "kind")

    @property
    def api_version(self) -> str:
        """The object's apiVersion, "" where it has none."""
        return _text(self.value, "apiVersion")


def pieces(document: Document) -> Iterator[Piece]:
    """Yield the objects of `document`, in their order."""
    yield from _pieces(document, "", document.value)


def _pieces(document: Document, path: str, value: Any) -> Iterator[Piece]:
    kind = _text(value, "kind")
    items = value.get("items") if kind.endswith(_LIST) else None
    if not isinstance(items, list):
        yield Piece(document, path, value)
        return
    of = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix(_LIST)} if kind != _LIST else {}
    for index, item in enumerate(items):
        at = f"{path}.items[{index}]".removeprefix(".")
        yield from _pieces(document, at, {**of, **item} if isinstance(item, dict) else item)


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
