"""The objects of a document: itself, the items of a List of any kind, or the objects of a Template."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from webhook.documents.document import Document, Mark
from webhook.manifests.templates import API_VERSIONS, KIND, Template
from webhook.manifests.wrappers import holds_streams
from webhook.model.tag import NOTHING

_LIST: Final = "List"


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a document.

    Attributes:
        document: where it stands.
        path: the JSON path at which it stands there, "" for the whole of it.
        value: the object; an item of a typed list has the kind that the list says, and an object of a template has its
            parameters filled in.
        problem: why it cannot be evaluated, "" if it can.
        field: what of the object the problem is with.
    """

    document: Document
    path: str
    value: Any
    problem: str = ""
    field: str = ""

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


def pieces(document: Document, parameters: Mapping[str, str] = NOTHING) -> Iterator[Piece]:
    """Yield the objects of `document`, in their order.

    Args:
        document: a document.
        parameters: values of the parameters of templates; the others have their defaults.
    """
    yield from _pieces(Piece(document, "", document.value), parameters)


def declared(document: Document) -> Iterator[str]:
    """Yield the names of the parameters of the templates in `document`."""
    for template in _templates(document.value):
        yield from Template(template, NOTHING).names


def _pieces(whole: Piece, parameters: Mapping[str, str]) -> Iterator[Piece]:
    value, kind = whole.value, whole.kind
    if _is_template(value) and value["objects"]:
        yield from _of_template(whole, parameters)
        return
    items = value.get("items") if kind.endswith(_LIST) else None
    if not isinstance(items, list):
        yield whole
        return
    of = {"apiVersion": value.get("apiVersion"), "kind": kind.removesuffix(_LIST)} if kind != _LIST else {}
    for index, item in enumerate(items):
        at = f"{whole.path}.items[{index}]".removeprefix(".")
        found = {**of, **item} if isinstance(item, dict) else item
        yield from _pieces(replace(whole, path=at, value=found), parameters)


def _of_template(whole: Piece, parameters: Mapping[str, str]) -> Iterator[Piece]:
    """Yield the objects of a template, and the parameters that lack a value."""
    template = Template(whole.value, parameters)
    problems = template.problems if holds_streams(whole.value) else []
    for each in (*problems, *template.objects()):
        at = f"{whole.path}.{each.path}".removeprefix(".")
        for piece in _pieces(Piece(whole.document, at, each.value), parameters):
            field = each.field if piece.path == at else ""
            yield replace(piece, problem=piece.problem or each.problem, field=piece.field or field)


def _templates(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield the templates in a document: itself, or those in Lists."""
    if _is_template(value):
        yield value
    for key in ("items", "objects"):
        items = value.get(key) if isinstance(value, dict) else None
        for item in items if isinstance(items, list) else ():
            yield from _templates(item)


def _is_template(value: Any) -> bool:
    return (
        _text(value, "kind") == KIND
        and _text(value, "apiVersion") in API_VERSIONS
        and isinstance(value.get("objects"), list)
    )


def _text(value: Any, key: str) -> str:
    found = value.get(key) if isinstance(value, dict) else None
    return found if isinstance(found, str) else ""
