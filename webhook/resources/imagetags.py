"""imagetags: one tag, at `spec`, named by `metadata.name`; its other metadata is the stream's."""

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
from webhook.resources.objects import IMPOSSIBLE, Object, Probe, Run, always, made, named_tag, with_status
from webhook.schemas.tag import ImageTag

NAME: Final = "imagetags"
_PLACE: Final = Place("spec", "/spec", "metadata.name", parsing.TAG, ("/spec/annotations",), kept=parsing.KEPT)
_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(TagField.IMPORT_POLICY, because="they are the stream's"),
    "metadata.labels": no_effect("they are the stream's: the API server drops them on create and rejects others"),
    "spec.name": no_effect("the API server rejects a name other than the object's"),
    "spec.annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    **below("spec", TAG_ROWS),
    "status": no_effect("the API server fills it in, and rejects a change on update"),
    **below("status.conditions[]", CONDITION_ROWS),
    "image": no_effect("the API server reads the image from the stream's history, and does not store this"),
}
_SCHEMA: Final = ImageTag()


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would change.

    An update to `spec: null` removes the tag from its stream (openshift-apiserver, registry/imagetag).
    """
    del untouched  # a tag that is sent is always evaluated
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
    """Return the tag in an ImageTag, None without one."""
    spec = itag.get("spec")
    if not isinstance(spec, dict):
        return None
    own = parsing.annotations(spec)
    stream = parsing.annotations(itag.get("metadata"))
    return parsing.tag_reference(spec, own, ("spec.annotations", own), ("metadata.annotations", stream))


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageTag as the API server completes it."""
    filled = {**manifest, "spec": named_tag(manifest.get("spec"), manifest)}
    return {"status": None, "image": None, **with_status(filled, old, status=None, image=None)}


def _short(namespace: str, stream: str, tag: str, value: Object) -> dict[str, Any]:
    """Return an ImageTag with `value`; without a source, the stream loses the tag."""
    return made(ImageTag, namespace, f"{stream}:{tag}", spec=dict(value) if "from" in value else None)


def _probed(run: Run) -> dict[str, Any]:
    """Return an ImageTag that the API server denies: no image stream can have the name of its stream (422)."""
    return run.object(ImageTag, f"{IMPOSSIBLE}:{run.tag['name']}", spec=run.tag, status=None, image=None)


def _tags(reader: TagReader, side: str) -> str:
    """Return the tag in CEL."""
    own, given = annotations(f"{side}.spec"), GIVEN[side]
    homes = (('"spec.annotations"', own), ('"metadata.annotations"', given))
    tag = reader.tag(f"{side}.spec", TAG_OF_NAME, '"spec"', homes, f"[{own}, {{}}]", nameField='"metadata.name"')
    return f"{side} != null && {there(side, 'spec')} ? [{tag}] : []"


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageTag,
    changes=_changes,
    places=(_PLACE,),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(
        _probed,
        kinds=frozenset({"imagestream"}),
        denials={HTTPStatus.NOT_FOUND: always, HTTPStatus.CONFLICT: always, HTTPStatus.UNPROCESSABLE_ENTITY: always},
    ),
    cel=Cel(_tags, removed="spec"),
    short=_short,
)
