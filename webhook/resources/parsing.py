"""Parts of wire documents as values, shared by the resources; a value of the wrong type is read as unset."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

from webhook.errors import MalformedReference
from webhook.model.review import SchemaFault, TagField
from webhook.model.tag import NOTHING, Condition, Source, SourceKind, TagReference
from webhook.reference import ImageReference
from webhook.schemas.tag import parse_source

INSECURE_REPOSITORY: Final = "openshift.io/image.insecureRepository"
CHECKED: Final = "openshift.io/image.dockerRepositoryCheck"  # when the followed repository was imported
SOURCE: Final = frozenset({TagField.SOURCE, TagField.SOURCE_KIND, TagField.IMPORT_POLICY, TagField.REFERENCE_POLICY})
REFERENCE: Final = SOURCE | {TagField.NAME, TagField.MOVE}  # a tag without annotations
TAG: Final = REFERENCE | {TagField.ANNOTATIONS, TagField.CONDITIONS}
KEPT: Final = frozenset({TagField.IMPORT_POLICY, TagField.REFERENCE_POLICY, TagField.ANNOTATIONS})
_ELEMENT: Final = re.compile(r"[a-zA-Z.]+\[\d+\]")
_KINDS: Final = SourceKind._value2member_map_


def mapping(value: Any) -> Mapping[str, Any]:
    """Return `value` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else NOTHING


def items(value: Any) -> list[Any]:
    """Return `value` if it is a list, else an empty one."""
    return value if isinstance(value, list) else []


def text(value: Any) -> str:
    """Return `value` if it is a string, else ""."""
    return value if isinstance(value, str) else ""


def annotations(metadata: Any) -> Mapping[str, str]:
    """Return the annotations in `metadata` (or in a tag) whose value is a string."""
    found = mapping(metadata).get("annotations")
    if not found or not isinstance(found, dict):
        return NOTHING
    return {key: value for key, value in found.items() if isinstance(value, str)}


def source(value: Any) -> Source | None:
    """Read a tag's `from`, None without one."""
    if not isinstance(value, dict) or not value:
        return None
    kind, name, namespace = text(value.get("kind")), text(value.get("name")), text(value.get("namespace"))
    if kind not in _KINDS:
        return Source(kind, name, namespace)
    try:
        parsed = parse_source(kind, name)
    except MalformedReference as error:
        return Source(kind, name, namespace, fault=str(error))
    return Source(kind, name, namespace, parsed if isinstance(parsed, ImageReference) else None)


def tag_reference(
    value: Mapping[str, Any], stored: Mapping[str, str], *insecure: tuple[str, Mapping[str, str]]
) -> TagReference:
    """Read a TagReference.

    Args:
        value: the tag in its resource.
        stored: the annotations that the tag will have.
        insecure: annotations that can make it insecure, each with the JSON path of their parent.
    """
    get = value.get
    policy, reference_policy = get("importPolicy"), get("referencePolicy")
    asked = policy if isinstance(policy, dict) else NOTHING
    is_insecure, insecure_field = asked.get("insecure") is True, ""
    if not is_insecure:
        for path, found in insecure:
            if found and found.get(INSECURE_REPOSITORY, "").lower() == "true":
                is_insecure, insecure_field = True, f'{path}["{INSECURE_REPOSITORY}"]'
                break
    return TagReference(
        source(get("from")),
        is_insecure,
        insecure_field,
        asked.get("scheduled") is True,
        text(asked.get("importMode")),
        text(reference_policy.get("type")) if isinstance(reference_policy, dict) else "",
        get("reference") is True,
        stored,
    )


def conditions(value: Any, path: str) -> tuple[Condition, ...]:
    """Read the conditions of a tag's imports at the JSON path `path`."""
    return tuple(
        Condition(
            text(item.get("type")),
            text(item.get("status")),
            text(item.get("reason")),
            text(item.get("message")),
            f"{path}[{index}]",
        )
        for index, item in enumerate(map(mapping, items(value)))
    )


def split_name(name: str) -> tuple[str, str]:
    """Return stream and tag: the tag is the part of the name after its first colon, `latest` by default."""
    stream, _, tag = name.partition(":")
    return stream, tag or "latest"


def name_of(requested: str, document: Mapping[str, Any]) -> str:
    """Return the name of an object: the request's, else its own, or the prefix for its generation.

    The request has none on a create by `generateName`, and for each stream of a collection that is deleted.
    """
    metadata = mapping(document.get("metadata"))
    return requested or text(metadata.get("name")) or text(metadata.get("generateName"))


def element(field: str) -> str:
    """Return the list element that contains a field, such as `spec.tags[2]`, "" for a field outside of lists."""
    found = _ELEMENT.match(field)
    return found.group() if found else ""


def by_element(faults: Iterable[SchemaFault]) -> dict[str, tuple[SchemaFault, ...]]:
    """Group faults by their list element, such as `spec.tags[2]`, "" for faults outside of lists."""
    grouped: dict[str, list[SchemaFault]] = {}
    for fault in faults:
        grouped.setdefault(element(fault.field), []).append(fault)
    return {path: tuple(found) for path, found in grouped.items()}


def rebased(faults: Iterable[SchemaFault], old: str, new: str) -> tuple[SchemaFault, ...]:
    """Return faults at the path `old` as if they were at `new`."""
    return tuple(SchemaFault(new + fault.field[len(old) :], fault.message, fault.reason) for fault in faults)
