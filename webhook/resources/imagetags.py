"""imagetags: one tag, at `spec`, named by `metadata.name`; its metadata is otherwise the stream's."""

from typing import Any, Final

from webhook.model.change import Change, Place, TagChange, TagField
from webhook.model.review import Review
from webhook.model.tag import TagReference
from webhook.resources import ledger, parsing
from webhook.resources.ledger import Ledger, feeds, no_effect
from webhook.schemas.tag import ImageTag

NAME: Final = "imagetags"
_PLACE: Final = Place("spec", "/spec", "metadata.name", parsing.TAG, ("/spec/annotations",), kept=parsing.KEPT)
PLACES: Final = (_PLACE,)
LEDGER: Final[Ledger] = {
    "metadata": ledger.METADATA,
    "metadata.name": feeds(TagField.NAME, because="the request's name wins"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(TagField.IMPORT_POLICY, because="it shows the stream's"),
    "metadata.labels": no_effect("it shows the stream's: the API server drops them on create and denies others"),
    "spec.name": no_effect("the API server rejects another than the object's"),
    "spec.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    **ledger.below("spec", ledger.TAG),
    "status": no_effect("the API server fills it in, and denies another on update"),
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
    stream, tag = parsing.split_name(parsing.name_of(review.name, new))
    status = parsing.mapping((old or new).get("status"))
    return (
        TagChange(
            NAME,
            _PLACE,
            review.namespace,
            stream,
            tag,
            after if after is not None or before is not None else TagReference(),
            before,
            conditions=parsing.conditions(status.get("conditions"), "status.conditions"),
            faults=faults,
            old_faults=_SCHEMA.faults(old) if faults and old is not None else (),
        ),
    )


def _reference(itag: Any) -> TagReference | None:
    """Return the tag in an ImageTag, None where it has none."""
    spec = itag.get("spec")
    if not isinstance(spec, dict):
        return None
    own = parsing.annotations(spec)
    stream = parsing.annotations(itag.get("metadata"))
    return parsing.tag_reference(spec, own, ("spec.annotations", own), ("metadata.annotations", stream))
