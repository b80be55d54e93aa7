"""An image stream as it stands in a cluster: its tags, of which nothing changes, and the images that they mean.

No review carries this; a scan reads it from the cluster. A tag that only the status has was pushed.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final

from webhook.doors import imagestreammappings, reading
from webhook.doors.imagestreams import NAME, REPOSITORY, Side, side_of, stream_change, tag_changes
from webhook.model import NOTHING, Carried, Change, Image, Place, Review, TagChange

_PUSHED: Final = frozenset({Carried.IMAGE, Carried.CONDITIONS})
_TAG: Final = reading.TAG | {Carried.IMAGE}


def _pushed(index: int | str) -> Place:
    """Return where one of `status.tags` stands."""
    path = f"status.tags[{index}]"
    return Place(path, f"/status/tags/{index}", f"{path}.tag", _PUSHED)


# What a stored stream says of its tags that no review does.
CARRIED: Final = (_PUSHED, _TAG)


def standing(review: Review, images: Mapping[str, Image]) -> tuple[Change, ...]:
    """Return all of the stream that `review` holds: the stream, each of its tags, and the repository it follows.

    Args:
        review: of an ImageStream as it is stored, both its object and its old object.
        images: the images that are known, by digest: the rules about images judge the tags that mean them.
    """
    document = review.object or NOTHING
    name = reading.name_of(review.name, document)
    side = side_of(document)
    newest = dict(digests(document))
    tags = [
        replace(change, place=replace(change.place, carries=_TAG), image=images.get(newest.pop(change.tag, "")))
        for change in tag_changes(review, name, side, side, untouched=True)
    ]
    return (
        stream_change(review, name, (side.stream, ()), (side.stream, ())),
        *tags,
        *_only_pushed(review, name, side, newest, images),
        *_followed(review, name, side),
    )


def digests(document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield each tag of a stream's status with the digest of its newest image, "" where it has none."""
    for tag in _status(document):
        newest = reading.mapping(next(iter(reading.items(tag.get("items"))), None))
        yield reading.text(tag.get("tag")), reading.text(newest.get("image"))


def _status(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    status = reading.mapping(document.get("status"))
    return map(reading.mapping, reading.items(status.get("tags")))


def _only_pushed(
    review: Review, name: str, side: Side, newest: Mapping[str, str], images: Mapping[str, Image]
) -> Iterator[TagChange]:
    """Yield the tags that the status has and the specification does not."""
    for index, tag in enumerate(_status(review.object or NOTHING)):
        called = reading.text(tag.get("tag"))
        if digest := newest.get(called):
            pushed = imagestreammappings.pushed(name, digest)
            yield TagChange(
                imagestreammappings.NAME,
                _pushed(index),
                review.namespace,
                name,
                called,
                pushed,
                pushed,
                image=images.get(digest),
                conditions=side.conditions.get(called, ()),
            )


def _followed(review: Review, name: str, side: Side) -> Iterator[TagChange]:
    """Yield the tags of the repository that the stream follows, where it follows one."""
    if (followed := side.followed()) is not None:
        yield TagChange(NAME, REPOSITORY, review.namespace, name, "*", followed, followed, every_tag=True)
