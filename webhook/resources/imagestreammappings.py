"""imagestreammappings: a push to the internal registry, a whole `image` and the `tag` that is to mean it.

Every project's `admin` and `edit` may create one, with any reference (openshift-apiserver, bootstrap policy).
"""

from typing import Final

from webhook.model.change import Change, Place, TagChange, TagField
from webhook.model.review import Review
from webhook.model.tag import SourceKind, TagReference
from webhook.resources import history, ledger, parsing
from webhook.resources.image import read_image
from webhook.resources.ledger import Ledger, feeds, no_effect, recorded
from webhook.schemas.stream import ImageStreamMapping

NAME: Final = "imagestreammappings"
_IMAGE: Final = frozenset({TagField.NAME, TagField.MOVE, TagField.IMAGE})
_REFERENCE: Final = "dockerImageReference"
# The stream's own repository is no source that anybody chose.
_OWN: Final = Place("image", "/image", "tag", _IMAGE)
_FOREIGN: Final = Place(
    "image",
    "/image",
    "tag",
    _IMAGE | {TagField.SOURCE, TagField.SOURCE_KIND},
    fields={"from.name": _REFERENCE, "from.kind": _REFERENCE, "from.namespace": _REFERENCE},
)
PLACES: Final = (_FOREIGN, _OWN)
LEDGER: Final[Ledger] = {
    "metadata": ledger.METADATA,
    "metadata.name": feeds(TagField.NAME, because="the request's name wins"),
    "metadata.annotations": recorded("the reason of an exemption; the API server stores none"),
    "tag": feeds(TagField.NAME),
    "image.metadata": no_effect("its mark as managed is nothing that a review can rely on"),
    "image.metadata.name": feeds(TagField.IMAGE, TagField.MOVE),
    "image.dockerImageReference": feeds(TagField.SOURCE, TagField.SOURCE_KIND, TagField.MOVE),
    "image.dockerImageMetadata": feeds(TagField.IMAGE, because="if neither manifest nor configuration is sent"),
    "image.dockerImageMetadataVersion": no_effect("it says how the metadata is read"),
    "image.dockerImageManifest": feeds(TagField.IMAGE, because="its layers"),
    "image.dockerImageManifestMediaType": no_effect("it says how the manifest is read"),
    "image.dockerImageConfig": feeds(TagField.IMAGE, because="its labels and its platform"),
    "image.dockerImageLayers": feeds(TagField.IMAGE, because="how many layers there are"),
    "image.dockerImageLayers[].name": no_effect(
        "the digest of a layer is in the manifest, which the image's own covers"
    ),
    "image.dockerImageLayers[].size": feeds(TagField.IMAGE),
    "image.dockerImageLayers[].mediaType": no_effect("it says how the layer is read"),
    "image.dockerImageManifests": feeds(TagField.IMAGE, because="whether the image is a manifest list"),
    "image.dockerImageManifests[].digest": no_effect(
        "the digests are in the manifest list, which the image's own covers"
    ),
    "image.dockerImageManifests[].mediaType": no_effect("it says how the manifest is read"),
    "image.dockerImageManifests[].manifestSize": no_effect("it is the size of the manifest, not of the image"),
    "image.dockerImageManifests[].architecture": feeds(TagField.IMAGE),
    "image.dockerImageManifests[].os": feeds(TagField.IMAGE),
    "image.dockerImageManifests[].variant": feeds(TagField.IMAGE),
    "image.signatures": no_effect("the API server clears the signatures of a push; a scan reads those it stores"),
    "image.dockerImageSignatures": no_effect("they are of the schema 1 manifest, and nothing trusts them"),
}
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
    name = parsing.name_of(review.name, new)
    sent = parsing.mapping(new.get("image"))
    image = read_image(sent)
    source = history.meant(parsing.text(sent.get(_REFERENCE)), image.name, review.namespace, name)
    return (
        TagChange(
            NAME,
            _FOREIGN if source is not None and source.kind == SourceKind.DOCKER_IMAGE else _OWN,
            review.namespace,
            name,
            parsing.text(new.get("tag")) or "latest",
            TagReference(source, annotations=parsing.annotations(new.get("metadata"))),
            old_unknown=True,
            image=image,
            faults=_SCHEMA.faults(new),
        ),
    )
