"""Which tags OpenShift imports because a stream is written.

openshift-apiserver raises the generation of a tag if its reference changes, and of a tag that has none with any write
(registry/imagestream/strategy.go: tagRefChanged, ensureSpecTagGenerationsAreSet). The import controller then imports
the tag at once: it takes whatever its source names now. A tag that is scheduled is imported with the next tick.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from webhook.model.tag import SourceKind
from webhook.resources.objects import IMPORT_MODE
from webhook.resources.parsing import items, mapping, text

AT_ONCE: Final = "imports the tag at once"
ON_SCHEDULE: Final = "imports the tag on a schedule"


def why_imported(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Return how a tag comes to be imported because it is written, "" if it does not.

    Args:
        before: the tag as it is stored (image.openshift.io/v1, TagReference).
        after: the tag as it is to be.
    """
    if not _importable(after):
        return ""
    if _referred(before) != _referred(after) or has_no_generation(after):
        return AT_ONCE
    scheduled = (mapping(tag.get("importPolicy")).get("scheduled") is True for tag in (before, after))
    return ON_SCHEDULE if tuple(scheduled) == (False, True) else ""


def has_no_generation(tag: Mapping[str, Any]) -> bool:
    """Whether any write of its stream imports a tag: its generation is 0, or null as in objects of old releases."""
    return _importable(tag) and "generation" in tag and not tag["generation"]


def followers(stream: Mapping[str, Any]) -> Mapping[str, list[str]]:
    """Return for each tag of `stream` that others name as their source the tags that move with it, in their order."""
    metadata, direct = stream["metadata"], dict[str, list[str]]()
    for tag in map(mapping, items(mapping(stream.get("spec")).get("tags"))):
        source = mapping(tag.get("from"))
        of, _, name = text(source.get("name")).rpartition(":")
        own = source.get("namespace") in (None, "", metadata["namespace"]) and of in ("", metadata["name"])
        if source.get("kind") == SourceKind.IMAGE_STREAM_TAG and own:
            direct.setdefault(name, []).append(text(tag.get("name")))
    return {name: list(_reached(direct, name)) for name in direct}


def _reached(direct: Mapping[str, list[str]], name: str) -> Iterator[str]:
    """Yield what is reached from `name`, each once, and never `name` itself."""
    seen, ahead = {name}, [name]
    while ahead:
        for each in direct.get(ahead.pop(0), ()):
            if each not in seen:
                seen.add(each)
                ahead.append(each)
                yield each


def _importable(tag: Mapping[str, Any]) -> bool:
    """Whether the import controller imports a tag at all."""
    return mapping(tag.get("from")).get("kind") == SourceKind.DOCKER_IMAGE and tag.get("reference") is not True


def _referred(tag: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return what the API server compares to tell whether the reference of a tag changed."""
    source = mapping(tag.get("from"))
    mode = mapping(tag.get("importPolicy")).get("importMode") or IMPORT_MODE
    return source.get("namespace") or "", source.get("name"), tag.get("reference") is True, mode
