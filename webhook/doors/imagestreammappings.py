"""imagestreammappings: a push to the internal registry, a whole `image` and the `tag` that is to mean it."""

from dataclasses import replace
from typing import Final

from webhook.doors import reading
from webhook.doors.image import read_image
from webhook.model import Carried, Change, Place, Review, SourceKind, TagChange, TagReference
from webhook.schemas.stream import ImageStreamMapping

NAME: Final = "imagestreammappings"
_PLACE: Final = Place("image", "/image", "tag", frozenset({Carried.IMAGE}))
PLACES: Final = (_PLACE,)
_SCHEMA: Final = ImageStreamMapping()


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would point at the image it carries; it does not say what the tag was."""
    del untouched  # as above
    new = review.object
    if new is None:
        return ()
    name = reading.name_of(review.name, new)
    image = read_image(reading.mapping(new.get("image")))
    return (
        TagChange(
            NAME,
            _PLACE,
            review.namespace,
            name,
            reading.text(new.get("tag")) or "latest",
            replace(pushed(name, image.name), annotations=reading.annotations(new.get("metadata"))),
            old_unknown=True,
            image=image,
            faults=_SCHEMA.faults(new),
        ),
    )


def pushed(stream: str, digest: str) -> TagReference:
    """Return the tag of a stream that a push has pointed at an image."""
    source = {"kind": SourceKind.IMAGE_STREAM_IMAGE.value, "name": f"{stream}@{digest}"}
    return TagReference(reading.source(source))
