"""imagestreammappings: a push to the internal registry, a whole `image` and the `tag` that is to mean it.

Every project's `admin` and `edit` may create one, with any reference (openshift-apiserver, bootstrap policy).
"""

from typing import Final

from webhook.doors import history, reading
from webhook.doors.image import read_image
from webhook.model import Carried, Change, Place, Review, SourceKind, TagChange, TagReference
from webhook.schemas.stream import ImageStreamMapping

NAME: Final = "imagestreammappings"
_IMAGE: Final = frozenset({Carried.NAME, Carried.IMAGE})
_REFERENCE: Final = "dockerImageReference"
# The stream's own repository is no source that anybody chose.
_OWN: Final = Place("image", "/image", "tag", _IMAGE)
_FOREIGN: Final = Place(
    "image",
    "/image",
    "tag",
    _IMAGE | {Carried.SOURCE, Carried.SOURCE_KIND},
    fields={"from.name": _REFERENCE, "from.kind": _REFERENCE, "from.namespace": _REFERENCE},
)
PLACES: Final = (_FOREIGN, _OWN)
_SCHEMA: Final = ImageStreamMapping()


def changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would point at the image it carries; it does not say what the tag was.

    `image.dockerImageReference` is where pods pull from. That the image is marked as managed by OpenShift, and its
    reference made local if it exists already, is nothing that a review can rely on.
    """
    del untouched  # as above
    new = review.object
    if new is None:
        return ()
    name = reading.name_of(review.name, new)
    sent = reading.mapping(new.get("image"))
    image = read_image(sent)
    source = history.meant(reading.text(sent.get(_REFERENCE)), image.name, review.namespace, name)
    return (
        TagChange(
            NAME,
            _FOREIGN if source is not None and source.kind == SourceKind.DOCKER_IMAGE else _OWN,
            review.namespace,
            name,
            reading.text(new.get("tag")) or "latest",
            TagReference(source, annotations=reading.annotations(new.get("metadata"))),
            old_unknown=True,
            image=image,
            faults=_SCHEMA.faults(new),
        ),
    )
