"""imagetags: one tag, at `spec`, named by `metadata.name`; its metadata is otherwise the stream's."""

from typing import Any, Final

from webhook.doors import ledger, reading
from webhook.doors.ledger import Ledger, feeds, no_effect
from webhook.model import Carried, Change, Place, Review, TagChange, TagReference
from webhook.schemas.tag import ImageTag

NAME: Final = "imagetags"
_PLACE: Final = Place("spec", "/spec", "metadata.name", reading.TAG, ("/spec/annotations",), kept=reading.KEPT)
PLACES: Final = (_PLACE,)
LEDGER: Final[Ledger] = {
    "metadata": ledger.METADATA,
    "metadata.name": feeds(Carried.NAME, because="the request's name wins"),
    "metadata.generateName": feeds(Carried.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(Carried.IMPORT_POLICY, because="it shows the stream's"),
    "metadata.labels": no_effect("it shows the stream's: the API server drops them on create and refuses others"),
    "spec.name": no_effect("the API server refuses another than the object's"),
    "spec.annotations": feeds(Carried.ANNOTATIONS, Carried.IMPORT_POLICY, completed=True),
    **ledger.below("spec", ledger.TAG),
    "status": no_effect("the API server fills it in, and refuses another on update"),
    **ledger.below("status.conditions[]", ledger.CONDITION),
    "image": no_effect("the API server finds the image in the stream's history, and stores none of this"),
}
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
