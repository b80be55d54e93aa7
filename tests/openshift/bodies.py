"""From the body of a request to the object that it means: names, patches, what a handler clears."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import patches
from .objects import Document, InputError
from .server import Request

_WIPED_ON_CREATE = ("uid", "creationTimestamp", "selfLink", "deletionTimestamp")


def sent(request: Request) -> dict[str, Any]:
    """Read the object of a POST: its namespace is filled in, and what only the server sets is wiped.

    Raises:
        InputError: It is no object, or of another namespace.
    """
    document = _document(request.body)
    meta = _document(document.get("metadata") or {})
    if meta.get("namespace") not in (None, "", request.namespace):
        raise InputError(400, "the namespace of the object does not match the namespace on the request")
    kept = {key: value for key, value in meta.items() if key not in _WIPED_ON_CREATE}
    return {**document, "metadata": {**kept, "namespace": request.namespace}}


def written(request: Request, old: Document) -> dict[str, Any]:
    """Read the object of a PUT, or patch the old one.

    Args:
        request: The request.
        old: The object as it is, as v1 JSON.

    Returns:
        The object as it is to be.

    Raises:
        InputError: The patch cannot be applied, or the name is another one.
    """
    if request.method == "PATCH":
        document = _document(patches.patched(request.content_type, old, request.body))
    else:
        document = _document(request.body)
    meta = _document(document.get("metadata") or {})
    if meta.get("name") != request.name or meta.get("namespace") not in (None, "", request.namespace):
        raise InputError(400, "the name of the object does not match the name on the URL")
    return {**document, "metadata": {**meta, "namespace": request.namespace}}


def _document(value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping):
        raise InputError(400, "expected an object")
    return dict(value)
