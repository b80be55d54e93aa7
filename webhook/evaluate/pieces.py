"""The objects of a document: itself, the items of a List, the objects of a Template; and their unknown fields."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from webhook.documents.document import Document, Mark, Path, written
from webhook.documents.reading import has_action
from webhook.evaluate.templates import API_VERSIONS, KIND, Template
from webhook.model.tag import NOTHING
from webhook.resources.catalog import KINDS
from webhook.resources.objects import GROUP
from webhook.schemas.schema import Document as ApiType
from webhook.schemas.schema import Parts
from webhook.schemas.stream import ImageStream, ImageStreamImport, ImageStreamMapping
from webhook.schemas.tag import ImageStreamTag, ImageTag
from webhook.text import nearest

_LIST: Final = "List"
_NAMED: Final = ("metadata", "from")
_OWN: Final = "istag-webhook/"  # policy tests contain image streams that are not manifests
_PARTS: Final = ("metadata", "spec", "tag", "image")
# Manifests as text, such as the object-templates-raw of a ConfigurationPolicy or the data of a ConfigMap.
_GROUPED: Final = re.compile(rf"\b{re.escape(GROUP)}/v")
_KINDED: Final = re.compile(rf"\bkind[\"']?\s*:\s*[\"']?(?:{'|'.join(KINDS)})(?:List)?\b")


@dataclass(frozen=True, slots=True)
class Piece:
    """One object of a document.

    Attributes:
        document: the document.
        path: the JSON path of the object in the document, "" for the whole document.
        value: the object. An item of a typed list has the kind from the list, and an object of a template has its
            parameters filled in.
        problem: why it cannot be evaluated, "" if it can.
        field: the field of the object with the problem.
    """

    document: Document
    path: str
    value: Any
    problem: str = ""
    field: str = ""

    def mark(self, field: str = "") -> Mark:
        """Return the place of a field of the object, or of the object itself without a field."""
        return self.document.mark(".".join(part for part in (self.path, field) if part))

    @property
    def kind(self) -> str:
        """The object's kind, "" if missing."""
        return _text(self.value, "kind")

    @property
    def api_version(self) -> str:
        """The object's apiVersion, "" if missing."""
        return _text(self.value, "apiVersion")


def pieces(document: Document, parameters: Mapping[str, str] = NOTHING) -> Iterator[Piece]:
    """Yield the objects of `document`, in order.

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
    problems = template.problems if stream_within(whole.value) is not None else []
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


def stream_within(value: Any) -> str | None:
    """Return the path of the first image stream's object in an object of another kind, None without one."""
    version = value.get("apiVersion") if isinstance(value, dict) else None
    if isinstance(version, str) and version.startswith(_OWN):
        return None
    stack: list[tuple[Path, Any]] = [(None, value)]
    while stack:
        path, found = stack.pop()
        if isinstance(found, dict):
            if _is_stream(found):
                return written(path)
            stack += [((path, key), item) for key, item in reversed(found.items())]
        elif isinstance(found, list):
            stack += [((path, index), found[index]) for index in reversed(range(len(found)))]
        elif isinstance(found, str) and _KINDED.search(found) and _GROUPED.search(found):
            return written(path)
    return None


def _is_stream(value: dict[str, Any]) -> bool:
    """Return whether `value` is an object of the image API, not only a reference to one."""
    kind, version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or kind.removesuffix("List") not in KINDS:
        return False
    return version.partition("/")[0] in (GROUP, "v1") and (
        kind.endswith("List") or any(part in value for part in _PARTS)
    )


def unrendered(value: Any) -> str | None:
    """Return the path of the first name in an object that is a template action, None without one.

    The API server rejects such a name, so the object must be rendered first.
    """
    stack: list[tuple[Path, Any]] = [(None, value)]
    while stack:
        path, found = stack.pop()
        if isinstance(found, dict):
            stack += [
                ((path, key), item)
                for key, item in found.items()
                if isinstance(item, dict | list) or (isinstance(item, str) and _names(path, key))
            ]
        elif isinstance(found, list):
            stack += [((path, index), item) for index, item in enumerate(found) if isinstance(item, dict)]
        elif has_action(found):
            return written(path)
    return None


def _names(path: Path, key: str) -> bool:
    """Return whether the string at `key` below `path` names an object or an image."""
    return key == "dockerImageRepository" or (key == "name" and path is not None and path[1] in _NAMED)


_TYPE: Final = ("apiVersion", "kind")
_NO_TARGET: Final = ("status", "metadata")  # a misplaced field never belongs in these
TYPES: Final[Mapping[str, ApiType]] = MappingProxyType(
    {
        type(each).__name__: each
        for each in (ImageStream(), ImageStreamImport(), ImageStreamMapping(), ImageStreamTag(), ImageTag())
    }
)


def unknown(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path of each unknown field of an object, and the field that was probably meant, "" if unknown.

    Args:
        value: an object of one of KINDS.
    """
    root = TYPES[value["kind"]]
    own = {key: item for key, item in value.items() if key not in _TYPE}
    yield from _unknown(root, root, own, "")


def _unknown(root: ApiType, document: ApiType, value: Any, path: str) -> Iterator[tuple[str, str]]:
    if not isinstance(value, dict):
        return
    names, below = document.names, document.below
    for key, item in value.items():
        at = f"{path}.{key}" if path else key
        if key not in names:
            yield at, _intended(root, document, key, path)
        elif key in below and isinstance(item, list):
            for index, each in enumerate(item):
                yield from _unknown(root, below[key], each, f"{at}[{index}]")
        elif key in below:
            yield from _unknown(root, below[key], item, at)


def _intended(root: ApiType, document: ApiType, key: str, path: str) -> str:
    """Return the path of the field that `key` probably means: one with the same name, or with a similar name."""
    for start, at in ((document, f"{path}." if path else ""), (root, "")):
        if found := next((place for place, name in _places(start, at) if name == key), ""):
            return found
    if near := nearest(key, sorted(document.names)):
        return f"{path}.{near}" if path else near
    named = {name: place for place, name in reversed(list(_places(document, f"{path}." if path else "")))}
    near = nearest(key, sorted(named))
    return named.get(near, "")


def _places(document: ApiType, at: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of each field below `document`, the nearest first."""
    queue = [(document, at)]
    for current, prefix in queue:
        yield from ((f"{prefix}{name}", name) for name in sorted(current.names))
        for name, below in current.below.items():
            if name not in _NO_TARGET:
                many = "[]" if isinstance(current.load_fields.get(name), Parts) else ""
                queue.append((below, f"{prefix}{name}{many}."))
