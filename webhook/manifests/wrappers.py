"""Image streams inside objects of other kinds: SyncSets, ManifestWorks, policies of ACM, charts, and whatever else."""

import re
from typing import Any, Final

from webhook.documents.document import Path, written
from webhook.documents.reading import has_action
from webhook.resources.catalog import KINDS
from webhook.resources.objects import GROUP

_NAMED: Final = ("metadata", "from")
_OWN: Final = "istag-webhook/"  # tests of policies hold image streams, which are no manifests
_PARTS: Final = ("metadata", "spec", "tag", "image")
# Manifests in text, such as the object-templates-raw of a ConfigurationPolicy or the data of a ConfigMap.
_GROUPED: Final = re.compile(rf"\b{re.escape(GROUP)}/v")
_KINDED: Final = re.compile(rf"\bkind[\"']?\s*:\s*[\"']?(?:{'|'.join(KINDS)})(?:List)?\b")


def holds_streams(value: Any) -> bool:
    """Return whether an object of another kind contains an image stream's object."""
    return stream_within(value) is not None


def stream_within(value: Any) -> str | None:
    """Return the path of the first image stream's object in an object of another kind, None if there is none."""
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
    """Return whether `value` is an object of ours, and not only a reference to one."""
    kind, version = value.get("kind"), value.get("apiVersion")
    if not isinstance(kind, str) or not isinstance(version, str) or kind.removesuffix("List") not in KINDS:
        return False
    return version.partition("/")[0] in (GROUP, "v1") and (
        kind.endswith("List") or any(part in value for part in _PARTS)
    )


def unrendered(value: Any) -> str | None:
    """Return the path of the first name in an object that is a template action, None if there is none.

    The API server rejects such a name, so the object is meant to be rendered.
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
