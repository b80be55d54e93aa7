"""Finds the fields of an object that the API does not have, and the fields that were probably meant."""

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, Final

from webhook.schemas.schema import Document, Parts
from webhook.schemas.stream import ImageStream, ImageStreamImport, ImageStreamMapping
from webhook.schemas.tag import ImageStreamTag, ImageTag
from webhook.text import nearest

_TYPE: Final = ("apiVersion", "kind")
_NO_TARGET: Final = ("status", "metadata")  # a misplaced field is never meant to be in these
KINDS: Final[Mapping[str, Document]] = MappingProxyType(
    {
        type(each).__name__: each
        for each in (ImageStream(), ImageStreamImport(), ImageStreamMapping(), ImageStreamTag(), ImageTag())
    }
)


def unknown(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the path of each unknown field of an object, and the field that was probably meant, "" if there is none.

    Args:
        value: an object of one of KINDS.
    """
    root = KINDS[value["kind"]]
    own = {key: item for key, item in value.items() if key not in _TYPE}
    yield from _unknown(root, root, own, "")


def _unknown(root: Document, document: Document, value: Any, path: str) -> Iterator[tuple[str, str]]:
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


def _intended(root: Document, document: Document, key: str, path: str) -> str:
    """Return the path of the field that `key` probably means: one with the same name, or with a similar name."""
    for start, at in ((document, f"{path}." if path else ""), (root, "")):
        if found := next((place for place, name in _places(start, at) if name == key), ""):
            return found
    if near := nearest(key, sorted(document.names)):
        return f"{path}.{near}" if path else near
    named = {name: place for place, name in reversed(list(_places(document, f"{path}." if path else "")))}
    near = nearest(key, sorted(named))
    return named.get(near, "")


def _places(document: Document, at: str) -> Iterator[tuple[str, str]]:
    """Yield the path and the name of each field below `document`, the nearest first."""
    queue = [(document, at)]
    for current, prefix in queue:
        yield from ((f"{prefix}{name}", name) for name in sorted(current.names))
        for name, below in current.below.items():
            if name not in _NO_TARGET:
                many = "[]" if isinstance(current.load_fields.get(name), Parts) else ""
                queue.append((below, f"{prefix}{name}{many}."))
