"""How an object changes when a client applies a manifest.

`oc apply` merges three ways: the manifest, the stored object, and the last applied manifest, which an annotation holds.
`oc apply --server-side` merges in the API server, by the fields that a manager owns. Both merge the tags of an image
stream by name (`patchMergeKey` in openshift/api). `oc replace`, `oc create` and a PUT merge nothing.
"""

import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, Final

from webhook.errors import MalformedReview

LAST_APPLIED: Final = "kubectl.kubernetes.io/last-applied-configuration"
_MANAGERS: Final = ("kubectl", "kubectl-client-side-apply")  # the first takes over the fields of the second
_BY_NAME: Final = (("spec", "tags"),)
_Object = Mapping[str, Any]
_Fields = dict[str, Any]  # a field `f:NAME` or an item `k:NAME`, and the fields below it, as in managedFields


class Write(StrEnum):
    """How a client writes a manifest."""

    REPLACE = "replace"
    APPLY = "apply"
    SERVER_SIDE_APPLY = "server-side-apply"

    def written(self, manifest: _Object, stored: _Object | None) -> _Object:
        """Return the object that results from writing `manifest` over the stored object.

        Raises:
            MalformedReview: the last applied manifest in the stored object cannot be read.
        """
        if stored is None or self is Write.REPLACE:
            return manifest
        mine, others = (_applied(stored), ()) if self is Write.APPLY else _managed(stored)
        merged: _Object = _merged(manifest, stored, mine, others, ())
        return merged if self is Write.SERVER_SIDE_APPLY else _annotated(merged, manifest)


def _merged(manifest: Any, stored: Any, mine: _Fields, others: tuple[_Fields, ...], path: tuple[str, ...]) -> Any:
    """Return `manifest` merged into `stored`; the parts of the manifest come first, in order.

    Args:
        manifest: the applied value.
        stored: the stored value.
        mine: the fields that were applied before.
        others: the fields of each other manager.
        path: the path of the value in the object.
    """
    if isinstance(manifest, dict) and isinstance(stored, dict):
        found = {
            key: _merged(value, stored.get(key), *_below(f"f:{key}", mine, others), (*path, key))
            for key, value in manifest.items()
            if value is not None
        }
        for key, value in stored.items():
            if key not in manifest:
                kept = _kept(value, f"f:{key}", mine, others)
                if kept is not None or f"f:{key}" not in mine:
                    found[key] = kept
        return found
    if path in _BY_NAME and (new := _by_name(manifest)) is not None and (old := _by_name(stored)) is not None:
        items = [
            _merged(item, old.get(name), *_below(f"k:{name}", mine, others), (*path, "*")) for name, item in new.items()
        ]
        left = (_kept(item, f"k:{name}", mine, others) for name, item in old.items() if name not in new)
        return [*items, *(item for item in left if item is not None)]
    return manifest


def _kept(stored: Any, step: str, mine: _Fields, others: tuple[_Fields, ...]) -> Any:
    """Return what remains of a field or an item that the manifest lacks, None for nothing."""
    if step not in mine:
        return stored
    below, shared = _below(step, mine, others)
    if not any(step in other for other in others):
        return None
    if not isinstance(stored, dict):
        return stored
    kept = {key: _kept(value, f"f:{key}", below, shared) for key, value in stored.items()}
    return {key: value for key, value in kept.items() if value is not None}


def _below(step: str, mine: _Fields, others: tuple[_Fields, ...]) -> tuple[_Fields, tuple[_Fields, ...]]:
    return mine.get(step, {}), tuple(other[step] for other in others if step in other)


def _by_name(value: Any) -> dict[str, Any] | None:
    """Return the items of a list by name, None if a name is missing or duplicate."""
    if not isinstance(value, list):
        return None
    named = {item["name"]: item for item in value if isinstance(item, dict) and isinstance(item.get("name"), str)}
    return named if len(named) == len(value) else None


def _annotations(stored: _Object) -> _Object:
    metadata = stored.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return annotations if isinstance(annotations, dict) else {}


def _applied(stored: _Object) -> _Fields:
    """Return the fields that were last applied, none if unknown."""
    text = _annotations(stored).get(LAST_APPLIED)
    if text is None:
        return {}
    return _fields(_parsed(text, f"metadata.annotations[{LAST_APPLIED}]"), ())


def _fields(value: Any, path: tuple[str, ...]) -> _Fields:
    if isinstance(value, dict):
        return {f"f:{key}": _fields(item, (*path, key)) for key, item in value.items()}
    named = _by_name(value) if path in _BY_NAME else None
    return {f"k:{name}": _fields(item, (*path, "*")) for name, item in (named or {}).items()}


def _managed(stored: _Object) -> tuple[_Fields, tuple[_Fields, ...]]:
    """Return the fields that `oc apply --server-side` owns, and those of each other manager."""
    metadata = stored.get("metadata")
    entries = metadata.get("managedFields") if isinstance(metadata, dict) else None
    mine: _Fields = {}
    others: list[_Fields] = []
    for entry in entries if isinstance(entries, list) else []:
        if not isinstance(entry, dict) or not isinstance(entry.get("fieldsV1"), dict):
            continue
        fields = _normal(entry["fieldsV1"])
        if entry.get("manager") in _MANAGERS and not entry.get("subresource"):
            mine = _united(mine, fields)
        else:
            others.append(fields)
    return mine, tuple(others)


def _normal(fields: _Object) -> _Fields:
    """Return fieldsV1 with `k:NAME` for the item of a list that has this name."""
    found: _Fields = {}
    for step, below in fields.items():
        name = step
        if step.startswith("k:"):
            keys = _parsed(step[2:], "metadata.managedFields")
            name = f"k:{keys['name']}" if isinstance(keys, dict) and "name" in keys else step
        found[name] = _normal(below) if isinstance(below, dict) else {}
    return found


def _united(one: _Fields, other: _Fields) -> _Fields:
    return {key: _united(one.get(key, {}), other.get(key, {})) for key in {**one, **other}}


def _parsed(text: Any, where: str) -> Any:
    load: Callable[[str], Any] = json.loads
    try:
        return load(text)
    except (TypeError, ValueError, RecursionError):
        raise MalformedReview(f"--old: {where}: expected JSON") from None


def _annotated(merged: _Object, manifest: _Object) -> _Object:
    """Return the object that `oc apply` sends: with the manifest in the annotation, if the stored object had it."""
    annotations = _annotations(merged)
    if LAST_APPLIED not in annotations:
        return merged
    applied = json.dumps(manifest, separators=(",", ":"), sort_keys=True) + "\n"
    return {**merged, "metadata": {**merged["metadata"], "annotations": {**annotations, LAST_APPLIED: applied}}}
