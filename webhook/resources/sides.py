"""Both sides of a change to an image stream, new and old, for all resources that read one."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final

from webhook.model.review import Place, Review, SchemaFault, Stream, StreamChange, TagChange, TagField
from webhook.model.tag import NOTHING, Condition, SourceKind, TagReference
from webhook.resources import history, parsing
from webhook.schemas.stream import ImageStream

_SCHEMA: Final = ImageStream()
_FOLLOWED: Final = {"from.name": "dockerImageRepository"}
REPOSITORY: Final = Place("spec", "/spec", "metadata.name", parsing.REFERENCE, fields=_FOLLOWED)
# An existing tag keeps its name and its annotations, whichever repository sets it.
OVERWRITTEN: Final = Place("spec", "/spec", "metadata.name", frozenset({TagField.MOVE}), fields=_FOLLOWED)
INSECURE: Final = Place(
    "metadata.annotations", "/metadata/annotations", "metadata.name", frozenset({TagField.IMPORT_POLICY})
)


@lru_cache(1_024)
def place_of(index: int | str) -> Place:
    """Return the place of one of `spec.tags`."""
    path, pointer = f"spec.tags[{index}]", f"/spec/tags/{index}"
    return Place(path, pointer, f"{path}.name", parsing.TAG, (f"{pointer}/annotations",), NOTHING, parsing.KEPT)


@dataclass(frozen=True, slots=True)
class Side:
    """One side of a change to a stream, new or old.

    Attributes:
        tags: `spec.tags` as sent.
        repository: the repository that the stream follows, "" without one.
        stream: the other data on the stream.
        faults: the schema faults, by the element of `spec.tags`, "" for the rest.
        conditions: the conditions of a tag's imports, by the tag's name.
    """

    tags: list[Any]
    repository: str
    stream: Stream
    faults: Mapping[str, tuple[SchemaFault, ...]]
    conditions: Mapping[str, tuple[Condition, ...]]

    @property
    def insecure(self) -> bool:
        """Whether all of the stream's imports are insecure."""
        return self.stream.annotations.get(parsing.INSECURE_REPOSITORY, "").lower() == "true"

    @property
    def checked(self) -> bool:
        """Whether the repository that the stream follows has been imported."""
        return bool(self.stream.annotations.get(parsing.CHECKED))

    def tag(self, tag: Mapping[str, Any], path: str) -> TagReference:
        """Read one of `spec.tags`, with `path` as its place."""
        own = parsing.annotations(tag)
        return parsing.tag_reference(
            tag, own, (f"{path}.annotations", own), ("metadata.annotations", self.stream.annotations)
        )

    def followed(self, given: Mapping[str, str], tag: str = "") -> TagReference | None:
        """Return the tags of the repository that the stream follows, or only `tag`; None if it follows none.

        Args:
            given: the annotations from the user of the change.
            tag: the tag, "" for all.
        """
        if not self.repository:
            return None
        name = f"{self.repository}:{tag}" if tag else self.repository
        source = {"kind": SourceKind.DOCKER_IMAGE.value, "name": name}
        annotations = ("metadata.annotations", self.stream.annotations)
        return parsing.tag_reference({"from": source}, given, annotations)

    def given(self, old: "Side") -> Mapping[str, str]:
        """Return the annotations that `old` does not have: those from the user of the change."""
        found, before = self.stream.annotations, old.stream.annotations
        return {key: value for key, value in found.items() if before.get(key, "").strip() != value.strip()}


def sides(review: Review) -> tuple[Side, Side]:
    """Return both sides of `review`, the new one first; an absent one is empty."""
    new, old = review.object, review.old_object
    faults = _faults(new, old) if new is not None else ()
    return side_of(new, faults), side_of(old, _SCHEMA.faults(old) if faults and old is not None else ())


def _faults(new: Mapping[str, Any], old: Mapping[str, Any] | None) -> tuple[SchemaFault, ...]:
    """Return the schema faults of `new`, except for tags that are equal in `old`, which the API server accepted."""
    spec = parsing.mapping(new.get("spec"))
    tags = parsing.items(spec.get("tags"))
    stored = by_name(parsing.items(parsing.mapping((old or NOTHING).get("spec")).get("tags")))
    kept = {index for index, tag in enumerate(tags) if _named(tag) and stored.get(tag["name"], (0, None))[1] == tag}
    if not kept:
        return _SCHEMA.faults(new)
    left = [index for index in range(len(tags)) if index not in kept]
    found = _SCHEMA.faults({**new, "spec": {**spec, "tags": [tags[index] for index in left]}})
    # Each fault has its place in `new`.
    paths = {place_of(at).path: place_of(index).path for at, index in enumerate(left)} if found else {}
    elements = [parsing.element(fault.field) for fault in found]
    return tuple(
        replace(fault, field=paths.get(element, element) + fault.field[len(element) :])
        for fault, element in zip(found, elements, strict=True)
    )


def _named(tag: Any) -> bool:
    """Whether `tag` is an object with a name."""
    return isinstance(tag, dict) and isinstance(tag.get("name"), str)


def by_name(tags: list[Any]) -> dict[str, tuple[int, Mapping[str, Any]]]:
    """Return the named tags by name, each with its index."""
    return {tag["name"]: (index, tag) for index, tag in enumerate(tags) if _named(tag)}


def side_of(document: Mapping[str, Any] | None, faults: tuple[SchemaFault, ...] = ()) -> Side:
    """Return one side of a change to a stream with the schema faults `faults`."""
    found = document or NOTHING
    spec, status = parsing.mapping(found.get("spec")), parsing.mapping(found.get("status"))
    tags = parsing.items(spec.get("tags"))
    local = parsing.mapping(spec.get("lookupPolicy")).get("local") is True
    return Side(
        tags,
        parsing.text(spec.get("dockerImageRepository")),
        Stream(local, len(tags), parsing.annotations(found.get("metadata"))),
        parsing.by_element(faults),
        {
            parsing.text(tag.get("tag")): parsing.conditions(tag["conditions"], f"status.tags[{index}].conditions")
            for index, tag in enumerate(map(parsing.mapping, parsing.items(status.get("tags"))))
            if tag.get("conditions")
        },
    )


def stream_change(
    review: Review,
    name: str,
    new: tuple[Stream, Iterable[SchemaFault]],
    old: tuple[Stream, Iterable[SchemaFault]],
) -> StreamChange:
    """Return the change to the stream as a whole, with the schema faults outside of its tags."""
    before = old[0] if review.old_object is not None else None
    return StreamChange(review.resource, review.namespace, name, new[0], before, tuple(new[1]), tuple(old[1]))


def made_insecure(review: Review, name: str, new: Side, old: Side, *, untouched: bool) -> Iterator[TagChange]:
    """Yield every tag of a stream whose annotation makes imports insecure, including future ones.

    Args:
        review: the review.
        name: the stream's name.
        new: the new stream.
        old: the old stream.
        untouched: whether an unchanged annotation is included.
    """
    if not new.insecure or (old.insecure and not untouched):
        return
    field = f'{INSECURE.path}["{parsing.INSECURE_REPOSITORY}"]'
    after = TagReference(insecure=True, insecure_field=field, annotations=new.given(old))
    before = after if old.insecure else TagReference() if review.old_object is not None else None
    yield TagChange(review.resource, INSECURE, review.namespace, name, "*", after, before, every_tag=True)


def overwritten(review: Review, name: str, new: Side, old: Side, *, changed: bool) -> Iterator[TagChange]:
    """Yield the tags that the followed repository may set with its next import, whatever their source.

    The import controller imports every tag of the repository, until the stream has the annotation `CHECKED`
    (openshift-apiserver, registry/imagestreamimport; openshift-controller-manager, image/controller).

    Args:
        review: the review.
        name: the stream's name.
        new: the new stream, with the repository that it follows.
        old: the old stream.
        changed: whether the repository is another one; else it is imported again if the annotation is removed.
    """
    given, olds, tags = new.given(old), by_name(old.tags), by_name(new.tags)
    changed = changed or (old.checked and not new.checked)
    if not new.repository or (new.checked and not changed):
        return
    found: dict[str, TagReference] = {}
    if changed:  # it sets every tag; one that is sent without a source had its old one
        tags = olds | {tag: each for tag, each in tags.items() if each[1].get("from") or tag not in olds}
        found = {tag: events[0].reference for tag, events in _events(review, name) if events}
    for tag, (_, value) in tags.items():
        if changed or tag not in olds or parsing.source(value.get("from")) != parsing.source(olds[tag][1].get("from")):
            found[tag] = new.tag(value, REPOSITORY.path) if value.get("from") else found.get(tag, TagReference())
    for tag, was in found.items():
        after, before = new.followed(given, tag), replace(was, annotations=NOTHING)
        yield TagChange(review.resource, OVERWRITTEN, review.namespace, name, tag, after, before)


def _events(review: Review, name: str) -> Iterator[tuple[str, tuple[history.Event, ...]]]:
    return history.events(review.old_object or NOTHING, review.namespace, name)
