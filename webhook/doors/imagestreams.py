"""imagestreams: `spec.tags`, the repository that a stream follows, and the stream itself (`oc edit|apply is`)."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from webhook.doors import reading
from webhook.model import (
    NOTHING,
    Change,
    Condition,
    Place,
    Review,
    SchemaFault,
    SourceKind,
    Stream,
    StreamChange,
    TagChange,
    TagReference,
)
from webhook.schemas.stream import ImageStream

NAME: Final = "imagestreams"
_SCHEMA: Final = ImageStream()
_REMOVED: Final = Place("spec.tags", "/spec/tags", "spec.tags", reading.TAG)
REPOSITORY: Final = Place(
    "spec", "/spec", "metadata.name", reading.REFERENCE, fields={"from.name": "dockerImageRepository"}
)


@lru_cache(1_024)
def _place(index: int | str) -> Place:
    """Return where one of `spec.tags` stands."""
    path, pointer = f"spec.tags[{index}]", f"/spec/tags/{index}"
    return Place(path, pointer, f"{path}.name", reading.TAG, (f"{pointer}/annotations",), NOTHING, reading.KEPT)


PLACES: Final = (_place("*"), REPOSITORY)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change of a stream, as it is to be or as it was.

    Attributes:
        tags: `spec.tags` as it was sent.
        repository: the repository that the stream follows, "" where there is none.
        stream: what it says beside.
        faults: what the schema says, by the element of `spec.tags` that is meant, "" for the rest.
        conditions: what the cluster says of a tag's imports, by the tag's name.
    """

    tags: list[Any]
    repository: str
    stream: Stream
    faults: Mapping[str, tuple[SchemaFault, ...]]
    conditions: Mapping[str, tuple[Condition, ...]]

    @property
    def insecure(self) -> bool:
        """Whether all of the stream's imports are insecure."""
        return self.stream.annotations.get(reading.INSECURE_REPOSITORY, "").lower() == "true"

    def tag(self, tag: Mapping[str, Any], path: str) -> TagReference:
        """Read one of `spec.tags`, to be spoken of at `path`."""
        own = reading.annotations(tag)
        return reading.tag_reference(
            tag, own, (f"{path}.annotations", own), ("metadata.annotations", self.stream.annotations)
        )

    def followed(self) -> TagReference | None:
        """Return the tags of the repository that the stream follows, None where it follows none."""
        if not self.repository:
            return None
        source = {"kind": SourceKind.DOCKER_IMAGE.value, "name": self.repository}
        annotations = ("metadata.annotations", self.stream.annotations)
        return reading.tag_reference({"from": source}, NOTHING, annotations)


def sides(review: Review) -> tuple[Side, Side]:
    """Return both sides of `review`, the new one first; one that is not there holds nothing."""
    new, old = review.object, review.old_object
    faults = _faults(new, old) if new is not None else ()
    return side_of(new, faults), side_of(old, _SCHEMA.faults(old) if faults and old is not None else ())


def _faults(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> tuple[SchemaFault, ...]:
    """Return what the schema says of `new`, but for the tags that stand in `old` alike: the API server took them."""
    spec = reading.mapping(new.get("spec"))
    tags = reading.items(spec.get("tags"))
    stored = _by_name(reading.items(reading.mapping((old or NOTHING).get("spec")).get("tags")))
    kept = {index for index, tag in enumerate(tags) if _named(tag) and stored.get(tag["name"], (0, None))[1] == tag}
    if not kept:
        return _SCHEMA.faults(new)
    if _SCHEMA.accepts({**new, "spec": {**spec, "tags": [tag for at, tag in enumerate(tags) if at not in kept]}}):
        return ()
    paths = {_place(index).path for index in kept}
    return tuple(fault for fault in _SCHEMA.faults(new) if reading.element(fault.field) not in paths)


def _named(tag: Any) -> bool:
    """Whether `tag` is an object with a name."""
    return isinstance(tag, dict) and isinstance(tag.get("name"), str)


def _by_name(tags: list[Any]) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """Return the tags that have a name by it, each with its index."""
    return {tag["name"]: (index, tag) for index, tag in enumerate(tags) if _named(tag)}


def side_of(document: Mapping[str, Any] | None, faults: tuple[SchemaFault, ...] = ()) -> Side:
    """Return one side of a change of a stream, of which the schema says `faults`."""
    found = document or NOTHING
    spec, status = reading.mapping(found.get("spec")), reading.mapping(found.get("status"))
    tags = reading.items(spec.get("tags"))
    local = reading.mapping(spec.get("lookupPolicy")).get("local") is True
    return Side(
        tags,
        reading.text(spec.get("dockerImageRepository")),
        Stream(local, len(tags), reading.annotations(found.get("metadata"))),
        reading.by_element(faults),
        {
            reading.text(tag.get("tag")): reading.conditions(tag["conditions"], f"status.tags[{index}].conditions")
            for index, tag in enumerate(map(reading.mapping, reading.items(status.get("tags"))))
            if tag.get("conditions")
        },
    )


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return what `review` would change in a stream; a stream that is deleted loses all its tags.

    Args:
        review: the question.
        untouched: whether tags of which nothing changes are wanted too.
    """
    name = reading.name_of(review.name, review.object or NOTHING)
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
    return (stream, *tags, *_followed(review, name, new, old))


def stream_change(
    review: Review,
    name: str,
    new: tuple[Stream, Iterable[SchemaFault]],
    old: tuple[Stream, Iterable[SchemaFault]],
) -> StreamChange:
    """Return what `review` says of the stream as a whole, and what the schema says of what is no tag's own."""
    before = old[0] if review.old_object is not None else None
    return StreamChange(review.door, review.namespace, name, new[0], before, tuple(new[1]), tuple(old[1]))


def tag_changes(review: Review, name: str, new: Side, old: Side, *, untouched: bool) -> Iterator[TagChange]:
    """Yield the tags of `spec.tags`, old matched to new by name; what only the old side has is removed."""
    olds = _by_name(old.tags)
    same = new.insecure is old.insecure
    for index, tag in enumerate(new.tags):
        if not isinstance(tag, dict):
            continue
        tag_name = reading.text(tag.get("name"))
        at, before = olds.pop(tag_name, (-1, None))
        unchanged = same and before == tag
        if unchanged and not untouched:
            continue
        place = _place(index)
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
    """Return what the schema says of a tag as it was, at the place where it stands now."""
    path = _place(index).path
    return reading.rebased(old.faults.get(path, ()), path, place.path)


def _followed(review: Review, name: str, new: Side, old: Side) -> Iterator[TagChange]:
    """Yield the tags of a repository that the stream begins to follow, or follows in another way."""
    after, before = new.followed(), old.followed()
    if after is not None and after != before:
        yield TagChange(NAME, REPOSITORY, review.namespace, name, "*", after, before, every_tag=True)
