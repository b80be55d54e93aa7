"""imagestreamtags: one tag, at `tag`, named by `metadata.name` (`oc tag`, `oc create|replace|patch istag`)."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from webhook.model.change import Change, Place, TagChange, TagField
from webhook.model.review import Review
from webhook.model.tag import TagReference
from webhook.resources import ledger, parsing
from webhook.resources.ledger import Ledger, feeds, no_effect
from webhook.schemas.tag import ImageStreamTag, NewImageStreamTag

NAME: Final = "imagestreamtags"
_PLACE: Final = Place(
    "tag", "/tag", "metadata.name", parsing.TAG, ("/metadata/annotations", "/tag/annotations"), kept=parsing.KEPT
)
_BARE: Final = replace(_PLACE, homes=_PLACE.homes[1:])  # of an object that has no metadata, or null
_KEPT: Final = replace(_PLACE, homes=_PLACE.homes[:1], kept=frozenset())  # of an object without its tag
PLACES: Final = (_PLACE,)
LEDGER: Final[Ledger] = {
    "metadata": ledger.METADATA,
    "metadata.name": feeds(TagField.NAME, because="the request's name wins"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    "metadata.labels": no_effect("the API server drops them on create and denies others on update"),
    "tag.name": no_effect("the API server writes the name of the object over it"),
    "tag.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    **ledger.below("tag", ledger.TAG),
    "generation": no_effect("the API server counts it"),
    "lookupPolicy": no_effect("it shows the stream's, which only imagestreams and imagestreams/status store"),
    **ledger.below("conditions[]", ledger.CONDITION),
    "image": no_effect("the API server finds the image in the stream's history, and stores none of this"),
}
_SCHEMA: Final = ImageStreamTag()
_NEW_SCHEMA: Final = NewImageStreamTag()


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would make mean something else, none where it is deleted or never was one."""
    del untouched  # who sends a tag means it
    new, old = review.object, review.old_object
    if new is None:
        return ()
    faults = (_NEW_SCHEMA if old is None else _SCHEMA).faults(new)
    before = _reference(old, created=False) if old is not None else None
    after = _reference(new, created=old is None)
    place = _PLACE if isinstance(new.get("metadata"), dict) else _BARE
    if after is None and before is not None:
        # `tag: null` leaves the tag as it is, but for its annotations.
        place, after = _KEPT, replace(before, annotations=parsing.annotations(new.get("metadata")))
    if after is None and not faults:
        return ()
    stream, tag = parsing.split_name(parsing.name_of(review.name, new))
    return (
        TagChange(
            NAME,
            place,
            review.namespace,
            stream,
            tag,
            after or TagReference(),
            before,
            conditions=parsing.conditions(old["conditions"], "conditions") if old and "conditions" in old else (),
            faults=faults,
            old_faults=_SCHEMA.faults(old) if faults and old is not None else (),
        ),
    )


def _reference(istag: Mapping[str, Any], *, created: bool) -> TagReference | None:
    """Return the tag in an ImageStreamTag, None where it has none.

    An update stores the object's annotations. A create may be a PUT, which stores the object's, or a POST, which stores
    the tag's: so both count.
    """
    tag = istag.get("tag")
    if not isinstance(tag, dict):
        return None
    own, given = parsing.annotations(tag), parsing.annotations(istag.get("metadata"))
    return parsing.tag_reference(
        tag, {**own, **given} if created else given, ("tag.annotations", own), ("metadata.annotations", given)
    )
