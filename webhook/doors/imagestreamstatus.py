"""imagestreams/status: what the tags of a stream mean now, and what else the API server stores there.

It keeps `spec.tags` and `spec.dockerImageRepository` as they were, but takes `status`, `spec.lookupPolicy` and the
annotations as they are sent (openshift-apiserver, registry/imagestream, StatusStrategy).
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, Final

from webhook.doors import reading
from webhook.doors.imagestreams import Side, sides, stream_change
from webhook.model import NOTHING, Carried, Change, Place, Review, SourceKind, TagChange, TagReference

NAME: Final = "imagestreams/status"
_FIELDS: Final = {"from.name": "dockerImageReference"}
_ITEM: Final = frozenset({Carried.SOURCE})
_REMOVED: Final = Place("status.tags", "/status/tags", "status.tags", _ITEM)


def _spec(index: int | str) -> Place:
    """Return where one of `spec.tags` stands, which nothing can be written to."""
    return Place(f"spec.tags[{index}]", f"/spec/tags/{index}", f"spec.tags[{index}].name", reading.TAG)


def _item(index: int | str) -> Place:
    """Return where the newest item of one of `status.tags` stands."""
    path, pointer = f"status.tags[{index}]", f"/status/tags/{index}"
    return Place(f"{path}.items[0]", f"{pointer}/items/0", f"{path}.tag", _ITEM, fields=_FIELDS)


PLACES: Final = (_item("*"), _spec("*"))


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return what `review` would change: the newest item of a tag's history, and how all tags are imported."""
    del untouched  # nothing of a status is judged that does not change
    if review.object is None:
        return ()
    name = reading.name_of(review.name, review.object)
    new, old = sides(review)
    stream = stream_change(
        review,
        name,
        (replace(new.stream, tags=old.stream.tags), chain.from_iterable(new.faults.values())),
        (old.stream, chain.from_iterable(old.faults.values())),
    )
    return (stream, *_imported(review, name, new, old), *_pointed(review, name))


def _imported(review: Review, name: str, new: Side, old: Side) -> Iterator[TagChange]:
    """Yield every tag where the stream's annotation begins or ceases to make it insecure."""
    if new.insecure is old.insecure:
        return
    for index, tag in enumerate(map(reading.mapping, old.tags)):
        place = _spec(index)
        after, before = new.tag(tag, place.path), old.tag(tag, place.path)
        yield TagChange(NAME, place, review.namespace, name, reading.text(tag.get("name")), after, before)


def _pointed(review: Review, name: str) -> Iterator[TagChange]:
    """Yield the tags whose newest item is another, or is gone."""
    olds = {tag: reference for _, tag, reference in _newest(review.old_object or NOTHING)}
    for index, tag, after in _newest(review.object or NOTHING):
        before = olds.pop(tag, None)
        if after != before:
            yield TagChange(NAME, _item(index), review.namespace, name, tag, after, before)
    for tag, before in olds.items():
        yield TagChange(NAME, _REMOVED, review.namespace, name, tag, None, before)


def _newest(document: Mapping[str, Any]) -> Iterator[tuple[int, str, TagReference]]:
    """Yield the place, the name and the newest item of every tag that has one."""
    status = reading.mapping(document.get("status"))
    for index, tag in enumerate(map(reading.mapping, reading.items(status.get("tags")))):
        for item in reading.items(tag.get("items"))[:1]:
            event = reading.mapping(item)
            reference, image = reading.text(event.get("dockerImageReference")), reading.text(event.get("image"))
            # The image is what is pulled; a reference that names another cannot be parsed with it, and so not judged.
            name = f"{reference}@{image}" if image and not reference.endswith(f"@{image}") else reference
            source = reading.source({"kind": SourceKind.DOCKER_IMAGE.value, "name": name})
            yield index, reading.text(tag.get("tag")), TagReference(source)
