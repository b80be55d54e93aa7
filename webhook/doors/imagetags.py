"""imagetags: one tag, at `spec`, named by `metadata.name`; its metadata is otherwise the stream's."""

from typing import Any, Final

from webhook.doors import reading
from webhook.model import Change, Place, Review, TagChange, TagReference
from webhook.schemas.tag import ImageTag

NAME: Final = "imagetags"
_PLACE: Final = Place("spec", "/spec", "metadata.name", reading.TAG, ("/spec/annotations",), kept=reading.KEPT)
PLACES: Final = (_PLACE,)
_SCHEMA: Final = ImageTag()


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would make mean something else.

    An update to `spec: null` removes the tag from its stream (openshift-apiserver, registry/imagetag).
    """
    del untouched  # who sends a tag means it
    new, old = review.object, review.old_object
    if new is None:
        return ()
    faults = _SCHEMA.faults(new)
    after = _reference(new)
    before = _reference(old) if old is not None else None
    if after is None and before is None and not faults:
        return ()
    stream, tag = reading.split_name(reading.name_of(review.name, new))
    status = reading.mapping((old or new).get("status"))
    return (
        TagChange(
            NAME,
            _PLACE,
            review.namespace,
            stream,
            tag,
            after if after is not None or before is not None else TagReference(),
            before,
            conditions=reading.conditions(status.get("conditions"), "status.conditions"),
            faults=faults,
            old_faults=_SCHEMA.faults(old) if faults and old is not None else (),
        ),
    )


def _reference(itag: Any) -> TagReference | None:
    """Return the tag in an ImageTag, None where it has none."""
    spec = itag.get("spec")
    if not isinstance(spec, dict):
        return None
    own = reading.annotations(spec)
    stream = reading.annotations(itag.get("metadata"))
    return reading.tag_reference(spec, own, ("spec.annotations", own), ("metadata.annotations", stream))
