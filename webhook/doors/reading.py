"""Reads the parts that several resources share, from JSON whose types nobody has promised."""

from collections.abc import Mapping
from typing import Any, Final

from webhook.errors import MalformedReference
from webhook.model import NOTHING, Condition, Source, SourceKind, TagReference
from webhook.reference import ImageReference
from webhook.schemas.tag import parse_source

INSECURE_REPOSITORY: Final = "openshift.io/image.insecureRepository"


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` where it is an object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING


def text(value: Any) -> str:
    """Return `value` where it is a string, else the empty one."""
    return value if isinstance(value, str) else ""


def annotations(metadata: Any) -> Mapping[str, str]:
    """Return the annotations in `metadata` (or in a tag), those whose value is a string."""
    found = mapping(mapping(metadata).get("annotations"))
    return {key: value for key, value in found.items() if isinstance(value, str)} if found else NOTHING


def source(value: Any) -> Source | None:
    """Read a tag's `from`, None where there is none."""
    if not isinstance(value, dict) or not value:
        return None
    kind, name, namespace = text(value.get("kind")), text(value.get("name")), text(value.get("namespace"))
    if kind not in SourceKind._value2member_map_:
        return Source(kind, name, namespace, fault="its kind is none that a tag can point at")
    try:
        parsed = parse_source(kind, name)
    except MalformedReference as error:
        return Source(kind, name, namespace, fault=str(error))
    return Source(kind, name, namespace, parsed if isinstance(parsed, ImageReference) else None)


def tag_reference(value: Mapping[str, Any], stored: Mapping[str, str]) -> TagReference:
    """Read a TagReference.

    Args:
        value: the tag as the resource carries it.
        stored: the annotations that the tag will have.
    """
    policy = mapping(value.get("importPolicy"))
    return TagReference(
        source=source(value.get("from")),
        insecure=policy.get("insecure") is True,
        scheduled=policy.get("scheduled") is True,
        import_mode=text(policy.get("importMode")),
        reference_policy=text(mapping(value.get("referencePolicy")).get("type")),
        reference=value.get("reference") is True,
        annotations=stored,
    )


def conditions(value: Any) -> tuple[Condition, ...]:
    """Read the conditions of a tag's imports."""
    found = value if isinstance(value, list) else []
    return tuple(
        Condition(text(item.get("type")), text(item.get("status")), text(item.get("reason")), text(item.get("message")))
        for item in map(mapping, found)
    )
