"""The patches of the Kubernetes API: JSON patch, merge patch, strategic merge patch, server-side apply."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import jsonpatch
import jsonpointer

from .objects import Document, InputError

JSON = "application/json-patch+json"
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
APPLY = "application/apply-patch+yaml"

# Lists that are merged by a key of their elements; every other list is replaced.
_MERGE_KEYS = {
    ("spec", "tags"): "name",
    ("status", "tags"): "tag",
    ("image", "signatures"): "name",
    ("metadata", "ownerReferences"): "uid",
}
# Objects that an apply replaces whole.
_ATOMIC = ("from", "to")


def patched(kind: str, document: Document, patch: Any) -> Document:
    """Apply a patch to an object.

    Args:
        kind: The media type of the patch.
        document: The object as v1 JSON.
        patch: The patch as it was sent.

    Returns:
        The patched object.

    Raises:
        InputError: The patch cannot be applied.
    """
    result: Document = _PATCHES[kind](document, patch)
    return result


def _json(document: Document, patch: Any) -> Any:
    result = deepcopy(dict(document))
    for step in patch:
        try:
            result = jsonpatch.apply_patch(result, [_lenient(result, step)])
        except (jsonpatch.JsonPatchException, jsonpointer.JsonPointerException, TypeError) as error:
            raise InputError(422, str(error)) from error
    return result


def _lenient(document: Any, step: Any) -> Any:
    """Let `replace` add a member that is not there, as the API server's library does."""
    parent, _, key = step["path"].rpartition("/")
    holder = jsonpointer.resolve_pointer(document, parent, None)
    absent = isinstance(holder, dict) and key not in holder
    return {**step, "op": "add"} if absent and step["op"] == "replace" else step


def _merged(document: Any, patch: Any) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = _merged(result.get(key), value)
    return result


def _strategic(document: Any, patch: Any, path: tuple[str, ...] = ()) -> Any:
    if not isinstance(patch, Mapping):
        return patch
    directive = patch.get("$patch")
    if directive == "delete":
        return {}
    result = dict(document) if isinstance(document, Mapping) and directive != "replace" else {}
    for key, value in patch.items():
        if key.startswith("$"):
            continue
        if value is None:
            result.pop(key, None)
        elif isinstance(value, list) and (*path, key) in _MERGE_KEYS:
            merge_key = _MERGE_KEYS[*path, key]
            _in_order(value, patch.get(f"$setElementOrder/{key}"), merge_key)
            result[key] = _merged_list(result.get(key) or [], value, merge_key, (*path, key))
        else:
            result[key] = _strategic(result.get(key), value, (*path, key))
    return result


def _merged_list(items: list[Any], patch: list[Any], key: str, path: tuple[str, ...]) -> list[Any]:
    if {"$patch": "replace"} in patch:
        return [item for item in patch if "$patch" not in item]
    merged = {item.get(key): item for item in items}
    for item in patch:
        if key not in item:
            raise InputError(500, f"{item} does not contain declared merge key: {key}")
        if item.get("$patch") == "delete":
            merged.pop(item[key], None)
        elif item.get("$patch") == "replace":
            merged[item[key]] = {name: value for name, value in item.items() if name != "$patch"}
        else:
            merged[item[key]] = _strategic(merged.get(item[key]), item, path)
    return list(merged.values())


def _in_order(patch: list[Any], order: list[Any] | None, key: str) -> None:
    """Hold a patch against its `$setElementOrder`, which lists all elements that it patches, in that order."""
    if not order or not patch:
        return
    rest = iter([item.get(key) for item in order])
    changed = [item for item in patch if item.get("$patch") != "delete"]
    if not all(item.get(key) in rest for item in changed):
        raise InputError(500, "the order in the patch does not match $setElementOrder")


def _applied(document: Any, patch: Any, path: tuple[str, ...] = ()) -> Any:
    """Apply a configuration with force: it is merged, and so are the tags by name; what it dropped is not known here."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(document) if isinstance(document, Mapping) else {}
    for key, value in patch.items():
        if key in _ATOMIC:
            result[key] = value
        elif isinstance(value, list) and (*path, key) in _MERGE_KEYS:
            merge_key = _MERGE_KEYS[*path, key]
            merged = {item.get(merge_key): item for item in result.get(key) or []}
            for item in value:
                merged[item.get(merge_key)] = _applied(merged.get(item.get(merge_key)), item, (*path, key))
            result[key] = list(merged.values())
        else:
            result[key] = _applied(result.get(key), value, (*path, key))
    return result


_PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    JSON: _json,
    MERGE: _merged,
    STRATEGIC: _strategic,
    APPLY: _applied,
}
