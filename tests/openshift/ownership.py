"""Managed fields: who owns which field of a stream (`metadata.managedFields`), as far as it shows.

Only writes of imagestreams keep them; imagestreamtags, imagetags, imports and pushes leave them as they are. They matter in
one place: an imagetag carries those of its stream, and an update that would change them is denied.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .objects import Document, Path

APPLIED = "apply"
_BOOKKEEPING = frozenset(
    (
        "kind",
        "apiVersion",
        "name",
        "namespace",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "managedFields",
    )
)
_KEYS = ("name", "tag")

Owners = Mapping[str, frozenset[Path]]


def fields(document: Document) -> dict[Path, Any]:
    """List the fields of an object that can have an owner, each with its value."""
    whole = {key: value for key, value in document.items() if key not in ("kind", "apiVersion", "metadata")}
    meta = {key: value for key, value in document["metadata"].items() if key not in _BOOKKEEPING}
    return dict(_leaves({**whole, "metadata": meta}, ()))


def _leaves(value: Any, path: Path) -> Iterator[tuple[Path, Any]]:
    if isinstance(value, Mapping) and value:
        for key, item in value.items():
            yield from _leaves(item, (*path, key))
    elif isinstance(value, list) and path[-1] == "tags":
        for item in value:
            key = next(item[name] for name in _KEYS if name in item)
            yield from _leaves(item, (*path, key))
    elif value is not None and value not in ({}, []):
        yield path, value


def changed(old: Document, new: Document) -> tuple[frozenset[Path], frozenset[Path]]:
    """Compare two objects.

    Returns:
        The fields that were added or modified, and those that were removed.
    """
    before, after = fields(old), fields(new)
    written = frozenset(path for path, value in after.items() if path not in before or before[path] != value)
    return written, frozenset(before.keys() - after.keys())


def updated(owners: Owners, manager: str, old: Document, new: Document) -> Owners:
    """Give the fields that a write changed to who wrote them.

    Args:
        owners: The owners before; if there are none, an update does not begin to keep them.
        manager: Who writes: a name for each subresource.
        old: The object before, as v1 JSON.
        new: The object after.

    Returns:
        The owners after.
    """
    if not owners:
        return owners
    written, removed = changed(old, new)
    others = {name: paths - removed - written for name, paths in owners.items()}
    mine = others.get(manager, frozenset()) | written
    return {name: paths for name, paths in {**others, manager: mine}.items() if paths}


def created(empty: Document, new: Document) -> Owners:
    """Say who owns what of a new object: its creator all that differs from an empty one."""
    written, _ = changed(empty, new)
    return {"": written} if written else {}


def applied(owners: Owners, configuration: Document) -> Owners:
    """Give all that was applied to who applied it."""
    paths = frozenset(fields({"metadata": {}, **configuration}))
    return {"": frozenset(), **owners, APPLIED: paths}


def given_up(document: Document, owners: Owners, configuration: Document) -> dict[str, Any]:
    """Remove fields that were applied before and are no longer in the configuration, unless another manager owns them.

    Args:
        document: The object with the configuration merged into it.
        owners: The owners before.
        configuration: What is applied now.

    Returns:
        The object without what its applier gave up.
    """
    kept = frozenset(path for name, paths in owners.items() if name != APPLIED for path in paths)
    left = owners.get(APPLIED, frozenset()) - frozenset(fields({"metadata": {}, **configuration})) - kept
    dropped = {path[:-1] for path in left if path[-1] in _KEYS and path[-3:-2] == ("tags",)}
    whole = {path for path in dropped if not any(other[: len(path)] == path for other in kept)}
    return dict(_without(document, left | whole, ()))


def _without(value: Any, paths: frozenset[Path], at: Path) -> Any:
    if isinstance(value, Mapping):
        return {key: _without(item, paths, (*at, key)) for key, item in value.items() if (*at, key) not in paths}
    if isinstance(value, list) and at[-1:] == ("tags",):
        named = [(next(item[name] for name in _KEYS if name in item), item) for item in value]
        return [_without(item, paths, (*at, name)) for name, item in named if (*at, name) not in paths]
    return value
