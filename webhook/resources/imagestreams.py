"""imagestreams: `spec.tags`, the repository that a stream follows, and the stream itself (`oc edit|apply is`)."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any, Final

from webhook.model.review import Change, Place, Review, SchemaFault, TagChange, TagField
from webhook.model.tag import NOTHING
from webhook.resources import parsing
from webhook.resources.cel import (
    GIVEN,
    NO_ANNOTATIONS,
    Cel,
    TagReader,
    annotations,
    got,
    is_insecure,
    is_own,
    literal,
    record,
)
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
from webhook.resources.objects import LOOKUP, Object, Probe, Run, is_object, made, with_defaults, with_status
from webhook.resources.sides import (
    INSECURE,
    OVERWRITTEN,
    REPOSITORY,
    Side,
    by_name,
    made_insecure,
    overwritten,
    place_of,
    sides,
    stream_change,
)
from webhook.schemas.stream import ImageStream

NAME: Final = "imagestreams"
_REMOVED: Final = Place("spec.tags", "/spec/tags", "spec.tags", parsing.TAG)
_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.generateName": feeds(TagField.NAME, because="for an object without a name"),
    "metadata.annotations": feeds(
        TagField.IMPORT_POLICY,
        TagField.MOVE,
        because="the reason of an exemption, and whether a repository is imported again",
    ),
    "metadata.labels": no_effect("a stream's labels do not affect what its tags mean"),
    "spec.lookupPolicy.local": feeds(TagField.LOOKUP_POLICY, because="recorded too"),
    "spec.dockerImageRepository": feeds(TagField.SOURCE, TagField.SOURCE_KIND, TagField.MOVE),
    "spec.tags": feeds(TagField.TAG_COUNT),
    "spec.tags[].name": feeds(TagField.NAME),
    "spec.tags[].annotations": feeds(TagField.ANNOTATIONS, TagField.IMPORT_POLICY, completed=True),
    **below("spec.tags[]", TAG_ROWS),
    "status": no_effect("a write of the stream keeps the stored status"),
    "status.tags[].tag": feeds(TagField.MOVE, because="a repository may set a tag that was only pushed", of_old=True),
    "status.tags[].items[].dockerImageReference": feeds(TagField.MOVE, because="as above", of_old=True),
    "status.tags[].items[].image": feeds(TagField.MOVE, because="as above", of_old=True),
    **below("status.tags[].conditions[]", CONDITION_ROWS),
}


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the changes of `review` to a stream; a deleted stream loses all its tags.

    Args:
        review: the review.
        untouched: whether unchanged tags are included.
    """
    name = parsing.name_of(review.name, review.object or review.old_object or NOTHING)
    new, old = sides(review)
    tags = tuple(tag_changes(review, name, new, old, untouched=untouched))
    if review.object is None:
        return tags
    owned = {change.place.path for change in tags}
    stream = stream_change(
        review,
        name,
        (new.stream, [fault for path, found in new.faults.items() if path not in owned for fault in found]),
        (old.stream, old.faults.get("", ())),
    )
    insecure = made_insecure(review, name, new, old, untouched=untouched)
    return (stream, *tags, *_followed(review, name, new, old), *insecure)


def tag_changes(review: Review, name: str, new: Side, old: Side, *, untouched: bool) -> Iterator[TagChange]:
    """Yield the tags of `spec.tags`, matched to the old ones by name; a tag of the old side only is removed."""
    olds = by_name(old.tags)
    same = new.insecure is old.insecure
    for index, tag in enumerate(new.tags):
        if not isinstance(tag, dict):
            continue
        at, before = olds.pop(tag_name := parsing.text(tag.get("name")), (-1, None))
        unchanged = same and before == tag
        if unchanged and not untouched:
            continue
        place = place_of(index)
        after = new.tag(tag, place.path)
        was = after if unchanged else old.tag(before, place.path) if before is not None else None
        faults = new.faults.get(place.path, ())
        if (unchanged or was == after) and not faults:
            if not untouched:
                continue
            was = after
        yield TagChange(
            NAME,
            place,
            review.namespace,
            name,
            tag_name,
            after,
            was,
            conditions=old.conditions.get(tag_name, ()),
            faults=faults,
            old_faults=_faults_of(old, at, place) if faults else (),
        )
    for gone, (_, tag) in olds.items():
        yield TagChange(NAME, _REMOVED, review.namespace, name, gone, None, old.tag(tag, "spec.tags"))


def _faults_of(old: Side, index: int, place: Place) -> tuple[SchemaFault, ...]:
    """Return the schema faults of the old tag, at the place of the new one."""
    path = place_of(index).path
    return parsing.rebased(old.faults.get(path, ()), path, place.path)


def _followed(review: Review, name: str, new: Side, old: Side) -> Iterator[TagChange]:
    """Yield the tags of a repository that the stream begins to follow, or follows in another way."""
    after, before = new.followed(new.given(old)), old.followed(NOTHING)
    if after is None:
        return
    follows_other = before is None or after.source != before.source
    if follows_other or (before is not None and after.insecure is not before.insecure):
        yield TagChange(NAME, REPOSITORY, review.namespace, name, "*", after, before, every_tag=True)
    yield from overwritten(review, name, new, old, changed=follows_other)


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageStream as the API server completes it; a write of the stream keeps the stored status.

    The API server also sorts the tags by name, and keeps the last of two with the same name. Here they stay as written,
    so that a finding names the place in the user's file.
    """
    spec = manifest.get("spec")
    if spec is None or is_object(spec):
        spec = {"lookupPolicy": dict(LOOKUP), **(spec or {})}
        if is_object(spec["lookupPolicy"]):
            spec["lookupPolicy"] = {**LOOKUP, **spec["lookupPolicy"]}
        if isinstance(spec.get("tags"), list):
            spec["tags"] = [with_defaults(tag) for tag in spec["tags"]]
    return with_status({**manifest, "spec": spec}, old, status={"dockerImageRepository": ""})


def _short(namespace: str, stream: str, tag: str, value: Object) -> dict[str, Any]:
    """Return an ImageStream whose only tag is `value`, or one without tags if `value` has no source."""
    tags = [{"name": tag, **value}] if "from" in value else []
    return made(ImageStream, namespace, stream, spec={"tags": tags})


def _probed(run: Run) -> dict[str, Any]:
    """Return an ImageStream that exists already (409); if there is none, only the dry run protects the namespace."""
    name = run.absent if run.stream is None else run.stream["metadata"]["name"]
    return run.object(ImageStream, name, spec={"lookupPolicy": dict(LOOKUP)}, status={"dockerImageRepository": ""})


def _exists(answer: Object) -> bool:
    return answer.get("reason") == "AlreadyExists"


def _tags(reader: TagReader, side: str) -> str:
    """Return the tags of a stream in CEL, including those of a repository that it begins to follow."""
    given = GIVEN[side]
    path = '"spec.tags[\\"" + t.name + "\\"]"'
    homes = ((f'{path} + ".annotations"', annotations("t")), ('"metadata.annotations"', given))
    tag = reader.tag("t", "t.name", path, homes, f"[{annotations('t')}, {{}}]")
    tags = f"{got(side, 'spec', 'tags', default='[]')}.map(t, {tag})"
    repository = got(side, "spec", "dockerImageRepository")
    followed = reader.tag(
        record(**{"from": record(kind='"DockerImage"', name=repository)}),
        '"*"',
        '"spec"',
        (('"metadata.annotations"', given),),
        NO_ANNOTATIONS,
        every="true",
        nameField='"metadata.name"',
        fromField='"spec.dockerImageRepository"',
    )
    changed = ""
    if side == "object":
        other = got("oldObject", "spec", "dockerImageRepository")
        insecure, was = (is_insecure(GIVEN[each]) for each in ("object", "oldObject"))
        changed = f" && (oldObject == null || {repository} != {other} || {insecure} != {was})"
    return f'{side} == null ? [] : {tags} +\n({repository} != ""{changed} ? [{followed}] : [])'


def _overwritten_in_cel() -> str:
    """Return in CEL the tags that the followed repository may set, if it is imported after this change."""
    new, old = (got(side, "spec", "dockerImageRepository") for side in ("object", "oldObject"))
    checked, was = (_is_checked(GIVEN[side]) for side in ("object", "oldObject"))
    follows = f'request.resource.resource == {literal(NAME)} && object != null && {new} != ""'
    sent = "variables.tags.filter(w, !w.every)"
    there = 'variables.tags.exists(n, n.name == {} && !n.every && n.from.kind != "")'.format
    kept = f"variables.before.filter(w, !w.every && !{there('w.name')})"
    tags, items = (
        got("oldObject", "status", "tags", default="[]"),
        "has(s.items) && s.items != null && size(s.items) > 0",
    )
    pulled, image = got("s.items[0]", "dockerImageReference"), got("s.items[0]", "image")
    own, stored = is_own(pulled, image), f'variables.name + "@" + {image}'
    kind = f'{pulled} == "" && {image} == "" ? "" : {own} ? "ImageStreamImage" : "DockerImage"'
    source = record(kind=kind, name=f"{own} ? {stored} : {pulled}", namespace='""')
    event = record(name="s.tag", every="false", **{"from": source})
    known = f'variables.before.exists(w, w.name == s.tag && w.from.kind != "") || {there("s.tag")}'
    more = f"(oldObject == null ? [] : {tags}.filter(s, {items} && !({known})).map(s, {event}))"
    stripped = 'w.from.kind == "" && variables.before.exists(o, o.name == w.name && o.from.kind != "")'
    all_of_them = f"{sent}.filter(w, !({stripped})) +\n{kept} +\n{more}"
    return (
        f"!({follows}) ? [] :\noldObject == null || {new} != {old} || ({was} && !{checked}) ?\n{all_of_them} :\n"
        f"{checked} ? [] : {sent}.filter(w, !variables.before.exists(o, o.name == w.name && o.from == w.from))"
    )


def _is_checked(annotations: str) -> str:
    """Return whether `annotations` mark the followed repository as imported."""
    key = literal(parsing.CHECKED)
    return f'({key} in {annotations} && {annotations}[{key}] != "")'


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageStream,
    changes=_changes,
    places=(place_of("*"), REPOSITORY, OVERWRITTEN, INSECURE),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(_probed, kinds=frozenset({"imagestream"}), denials={HTTPStatus.CONFLICT: _exists}),
    cel=Cel(_tags, removed="spec.tags", overwritten=_overwritten_in_cel()),
    short=_short,
    streams=True,
)
