"""imagestreamtags: one tag, at `tag`, named by `metadata.name` (`oc tag`, `oc create|replace|patch istag`)."""

from collections.abc import Mapping
from dataclasses import replace
from http import HTTPStatus
from typing import Any, Final

from webhook.model.review import Change, Place, Review, TagChange, TagField
from webhook.model.tag import TagReference
from webhook.resources import parsing
from webhook.resources.cel import GIVEN, TAG_OF_NAME, Cel, TagReader, annotations, there
from webhook.resources.definition import (
    CONDITION_ROWS,
    METADATA_ROW,
    TAG_ROWS,
    Ledger,
    Resource,
    below,
    feeds,
    no_effect,
)
from webhook.resources.objects import (
    IMAGE,
    IMPOSSIBLE,
    LOOKUP,
    Object,
    Probe,
    Run,
    always,
    made,
    named_tag,
    with_status,
)
from webhook.schemas.tag import ImageStreamTag, NewImageStreamTag

NAME: Final = "imagestreamtags"
_PLACE: Final = Place(
    "tag", "/tag", "metadata.name", parsing.TAG, ("/metadata/annotations", "/tag/annotations"), kept=parsing.KEPT
)
_BARE: Final = replace(_PLACE, homes=_PLACE.homes[1:])  # for an object without metadata, or with null
_KEPT: Final = replace(_PLACE, homes=_PLACE.homes[:1], kept=frozenset())  # for an object without its tag
_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    "metadata.labels": no_effect("the API server drops them on create and rejects a change on update"),
    "tag.name": no_effect("the API server replaces it by the name of the object"),
    "tag.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    **below("tag", TAG_ROWS),
    "generation": no_effect("the API server counts it"),
    "lookupPolicy": no_effect("it is the stream's, which only imagestreams and imagestreams/status store"),
    **below("conditions[]", CONDITION_ROWS),
    "image": no_effect("the API server reads the image from the stream's history, and does not store this"),
}
# The defaults of the API server for a tag that is created (recorded).
_NEW_IMAGE: Final[Object] = {
    **IMAGE,
    "dockerImageMetadata": {
        "kind": "DockerImage",
        "apiVersion": "image.openshift.io/1.0",
        "Id": "",
        "Created": None,
        "ContainerConfig": {},
    },
}
_SCHEMA: Final = ImageStreamTag()
_NEW_SCHEMA: Final = NewImageStreamTag()


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would change, none for a deletion or an object without a tag."""
    del untouched  # a tag that is sent is always evaluated
    new, old = review.object, review.old_object
    if new is None:
        return ()
    faults = (_NEW_SCHEMA if old is None else _SCHEMA).faults(new)
    before = _reference(old, created=False) if old is not None else None
    after = _reference(new, created=old is None)
    place = _PLACE if isinstance(new.get("metadata"), dict) else _BARE
    if after is None and before is not None:
        # `tag: null` keeps the tag, except for its annotations.
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
    """Return the tag in an ImageStreamTag, None without one.

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


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageStreamTag as the API server completes it."""
    filled = {"tag": None, "generation": 0, "lookupPolicy": dict(LOOKUP), **manifest}
    filled["tag"] = named_tag(filled["tag"], manifest)
    return with_status(filled, old, image=dict(_NEW_IMAGE), conditions=None)


def _short(namespace: str, stream: str, tag: str, value: Object) -> dict[str, Any]:
    """Return an ImageStreamTag with `value`; its annotations are in both places, as a create needs."""
    return made(ImageStreamTag, namespace, f"{stream}:{tag}", value.get("annotations"), tag=dict(value))


def _probed(run: Run) -> dict[str, Any]:
    """Return an ImageStreamTag that the API server denies: no image stream can have the name of its stream (422)."""
    fields = {"tag": run.tag, "generation": 0, "lookupPolicy": dict(LOOKUP), "image": dict(IMAGE)}
    return run.object(ImageStreamTag, f"{IMPOSSIBLE}:{run.tag['name']}", **fields)


def _tags(reader: TagReader, side: str) -> str:
    """Return the tag in CEL; `tag: null` keeps the old one, except for its annotations."""
    own, given = annotations(f"{side}.tag"), GIVEN[side]
    # A create may be a PUT, which stores the object's annotations, or a POST, which stores the tag's.
    stored = f"[{given}, oldObject == null ? {own} : {{}}]" if side == "object" else f"[{given}, {{}}]"
    tag = _tag(reader, side, given, stored)
    if side == "oldObject":
        return f"oldObject != null && {there('oldObject', 'tag')} ? [{tag}] : []"
    kept = _tag(reader, "oldObject", GIVEN["oldObject"], f"[{given}, {{}}]")
    return f"{there('object', 'tag')} ? [{tag}] :\noldObject != null && {there('oldObject', 'tag')} ? [{kept}] : []"


def _tag(reader: TagReader, side: str, given: str, stored: str) -> str:
    homes = (('"tag.annotations"', annotations(f"{side}.tag")), ('"metadata.annotations"', given))
    return reader.tag(f"{side}.tag", TAG_OF_NAME, '"tag"', homes, stored, nameField='"metadata.name"')


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageStreamTag,
    changes=_changes,
    places=(_PLACE,),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(
        _probed,
        kinds=frozenset({"imagestream"}),
        denials={HTTPStatus.NOT_FOUND: always, HTTPStatus.CONFLICT: always, HTTPStatus.UNPROCESSABLE_ENTITY: always},
    ),
    cel=Cel(_tags),
    short=_short,
)
