"""imagestreammappings: a push to the internal registry, a whole `image` and the `tag` that will mean it.

Every project's `admin` and `edit` may create one, with any reference (openshift-apiserver, bootstrap policy).
"""

from http import HTTPStatus
from typing import Any, Final

from webhook.model.review import Change, Place, Review, TagChange, TagField
from webhook.model.tag import SourceKind, TagReference
from webhook.resources import history, parsing
from webhook.resources.cel import GIVEN, Cel, TagReader, got, is_own, record
from webhook.resources.definition import CREATE, METADATA_ROW, Ledger, Resource, feeds, no_effect, recorded
from webhook.resources.objects import DIGEST, IMAGE, Object, Probe, Run, always, is_object
from webhook.schemas.stream import ImageStreamMapping

NAME: Final = "imagestreammappings"
_IMAGE: Final = frozenset({TagField.NAME, TagField.MOVE, TagField.IMAGE})
_INTERNAL: Final = "image-registry.openshift-image-registry.svc:5000"
_REFERENCE: Final = "dockerImageReference"
# The stream's own repository is not a source that a user chose.
_OWN: Final = Place("image", "/image", "tag", _IMAGE)
_FOREIGN: Final = Place(
    "image",
    "/image",
    "tag",
    _IMAGE | {TagField.SOURCE, TagField.SOURCE_KIND},
    fields={"from.name": _REFERENCE, "from.kind": _REFERENCE, "from.namespace": _REFERENCE},
)
_LEDGER: Final[Ledger] = {
    "metadata": METADATA_ROW,
    "metadata.name": feeds(TagField.NAME, because="the request's name has precedence"),
    "metadata.annotations": recorded("the reason of an exemption; the API server stores none"),
    "tag": feeds(TagField.NAME),
    "image.metadata": no_effect("a review cannot rely on its mark as managed"),
    "image.metadata.name": feeds(TagField.IMAGE, TagField.MOVE),
    "image.dockerImageReference": feeds(TagField.SOURCE, TagField.SOURCE_KIND, TagField.MOVE),
    "image.dockerImageMetadata": feeds(TagField.IMAGE, because="if neither manifest nor configuration is sent"),
    "image.dockerImageMetadataVersion": no_effect("it is the format of the metadata"),
    "image.dockerImageManifest": feeds(TagField.IMAGE, because="its layers"),
    "image.dockerImageManifestMediaType": no_effect("it is the format of the manifest"),
    "image.dockerImageConfig": feeds(TagField.IMAGE, because="its labels and its platform"),
    "image.dockerImageLayers": feeds(TagField.IMAGE, because="how many layers there are"),
    "image.dockerImageLayers[].name": no_effect(
        "the digest of a layer is in the manifest, which the image's own covers"
    ),
    "image.dockerImageLayers[].size": feeds(TagField.IMAGE),
    "image.dockerImageLayers[].mediaType": no_effect("it is the format of the layer"),
    "image.dockerImageManifests": feeds(TagField.IMAGE, because="whether the image is a manifest list"),
    "image.dockerImageManifests[].digest": no_effect(
        "the digests are in the manifest list, which the image's own covers"
    ),
    "image.dockerImageManifests[].mediaType": no_effect("it is the format of the manifest"),
    "image.dockerImageManifests[].manifestSize": no_effect("it is the size of the manifest, not of the image"),
    "image.dockerImageManifests[].architecture": feeds(TagField.IMAGE),
    "image.dockerImageManifests[].os": feeds(TagField.IMAGE),
    "image.dockerImageManifests[].variant": feeds(TagField.IMAGE),
    "image.signatures": no_effect("the API server clears the signatures of a push; a scan reads those it stores"),
    "image.dockerImageSignatures": no_effect("they belong to the schema 1 manifest, and nothing trusts them"),
}
_SCHEMA: Final = ImageStreamMapping()


def _changes(review: Review, *, untouched: bool) -> tuple[Change, ...]:
    """Return the tag that `review` would point at its image; the review does not contain the old tag.

    Pods pull from `image.dockerImageReference`. If an image that OpenShift manages exists already, the API server makes
    its reference local, but a review cannot rely on that mark.
    """
    del untouched  # as above
    new = review.object
    if new is None:
        return ()
    name = parsing.name_of(review.name, new)
    sent = parsing.mapping(new.get("image"))
    image = history.read_image(sent)
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


def _fill(manifest: Object, old: Object) -> dict[str, Any]:
    """Return an ImageStreamMapping as the API server completes it; it clears the signatures of the image."""
    del old  # it can only be created
    image = manifest.get("image")
    if image is None or is_object(image):
        image = {key: value for key, value in {**IMAGE, **(image or {})}.items() if key != "signatures"}
    return {"tag": "", **manifest, "image": image}


def _probed(run: Run) -> dict[str, Any]:
    """Return a push, as the internal registry sends it, that the API server denies: the stream does not exist (404)."""
    image = {
        **IMAGE,
        "metadata": {"name": DIGEST},
        "dockerImageReference": f"{_INTERNAL}/{run.namespace}/{run.absent}@{DIGEST}",
        "dockerImageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "dockerImageLayers": [
            {"name": DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"},
        ],
    }
    return run.object(ImageStreamMapping, run.absent, image=image, tag=run.tag["name"])


def _tags(reader: TagReader, side: str) -> str:
    """Return the tag of a push in CEL."""
    if side == "oldObject":
        return "[]"
    name = f'({got("object", "tag")} == "" ? "latest" : object.tag)'
    reference, image = got("object", "image", "dockerImageReference"), got("object", "image", "metadata", "name")
    source = record(kind=f'{is_own(reference, image)} ? "" : "DockerImage"', name=reference, image=image)
    field, given = '"image.dockerImageReference"', f"[{GIVEN['object']}, {{}}]"
    tag = reader.tag(record(**{"from": source}), name, '"image"', (), given, nameField='"tag"', fromField=field)
    return f"[{tag}]"


RESOURCE: Final = Resource(
    name=NAME,
    schema=ImageStreamMapping,
    changes=_changes,
    places=(_FOREIGN, _OWN),
    ledger=_LEDGER,
    fill=_fill,
    probe=Probe(
        _probed,
        kinds=frozenset({"imagestream", "imagestreammapping"}),
        denials={HTTPStatus.NOT_FOUND: always, HTTPStatus.CONFLICT: always},
    ),
    cel=Cel(_tags, pushes=True),
    operations=(CREATE,),
)
