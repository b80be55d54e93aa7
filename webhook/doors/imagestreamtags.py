"""imagestreamtags: one tag, at `tag`, named by `metadata.name` (`oc tag`, `oc create|replace|patch istag`)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from webhook.doors import reading
from webhook.model import NOTHING, Review, TagChange, TagReference
from webhook.schemas.tag import ImageStreamTag, NewImageStreamTag

NAME: Final = "imagestreamtags"
_HOMES: Final = ("/metadata/annotations", "/tag/annotations")
_SCHEMA: Final = ImageStreamTag()
_NEW_SCHEMA: Final = NewImageStreamTag()


def tags(review: Review) -> tuple[TagChange, ...]:
    """Return the tag that `review` would make mean something else, none where it is deleted or never was one."""
    new, old = review.object, review.old_object
    if new is None:
        return ()
    faults = (_NEW_SCHEMA if old is None else _SCHEMA).faults(new)
    before = _reference(old, created=False) if old is not None else None
    after = _reference(new, created=old is None)
    if after is None and before is not None:
        # `tag: null` leaves the tag as it is, but for its annotations.
        after = replace(before, annotations=reading.annotations(new.get("metadata")))
    if after is None and not faults:
        return ()
    stream, tag = _named(review, new)
    return (
        TagChange(
            door=NAME,
            path="tag",
            namespace=review.namespace,
            stream=stream,
            tag=tag,
            new=after or TagReference(),
            old=before,
            homes=_HOMES if "metadata" in new else _HOMES[1:],
            conditions=reading.conditions(old.get("conditions")) if old is not None else (),
            faults=faults,
            old_faults=_SCHEMA.faults(old) if faults and old is not None else (),
        ),
    )


def _reference(istag: Mapping[str, Any], *, created: bool) -> TagReference | None:
    """Return the tag in an ImageStreamTag, None where it has none.

    Create stores the tag's own annotations, update the object's.
    """
    tag, metadata = istag.get("tag"), istag.get("metadata")
    if not isinstance(tag, dict):
        return None
    own, given = reading.annotations(tag), reading.annotations(metadata)
    reference = reading.tag_reference(tag, own if created else given)
    if reference.insecure or not (own or given):
        return reference
    for home, found in (("tag", own), ("metadata", given)):
        if found.get(reading.INSECURE_REPOSITORY, "").lower() == "true":
            field = f'{home}.annotations["{reading.INSECURE_REPOSITORY}"]'
            return replace(reference, insecure=True, insecure_field=field)
    return reference


def _named(review: Review, istag: Mapping[str, Any]) -> tuple[str, str]:
    """Return stream and tag: the tag is what stands after the first colon of the name, `latest` where nothing does."""
    metadata = reading.mapping(istag.get("metadata", NOTHING))
    name = review.name or reading.text(metadata.get("name")) or reading.text(metadata.get("generateName"))
    stream, _, tag = name.partition(":")
    return stream, tag or "latest"
