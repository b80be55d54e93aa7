"""The types of an image (image.openshift.io/v1): Image, its layers, manifests and signatures."""

from collections.abc import Iterator, Mapping
from typing import Any

from webhook.schemas.fields import AnyObject, Count, Flag, Strings, Text, Texts
from webhook.schemas.schema import Document, Part, Parts


class ObjectMeta(Document):
    """Metadata (meta/v1, ObjectMeta): the fields that the webhook reads or that the API server requires."""

    unchecked = (
        "selfLink",
        "uid",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "ownerReferences",
        "finalizers",
        "managedFields",
    )

    name = Text()
    generateName = Text()
    namespace = Text()
    annotations = Strings()
    labels = Strings()
    creationTimestamp = Text()


class ImageLayer(Document):
    """A layer (image.openshift.io/v1, ImageLayer)."""

    name = Text(required=True)
    size = Count(required=True)
    mediaType = Text(required=True)


class ImageManifest(Document):
    """A sub-manifest of a manifest list (image.openshift.io/v1, ImageManifest)."""

    digest = Text(required=True)
    mediaType = Text(required=True)
    manifestSize = Count(required=True)
    architecture = Text(required=True)
    os = Text(required=True)
    variant = Text()


class SignatureCondition(Document):
    """A condition of a signature (image.openshift.io/v1, SignatureCondition)."""

    unchecked = (
        "lastProbeTime",
        "lastTransitionTime",
        "reason",
        "message",
    )

    type = Text(required=True)
    status = Text(required=True)


class SignatureSubject(Document):
    """The subject of a signature (image.openshift.io/v1, SignatureSubject)."""

    unchecked = (
        "organization",
        "commonName",
    )

    publicKeyID = Text(required=True)


class SignatureIssuer(Document):
    """The issuer of a signature (image.openshift.io/v1, SignatureIssuer)."""

    organization = Text()
    commonName = Text()


class ImageSignature(Document):
    """A signature (image.openshift.io/v1, ImageSignature)."""

    unchecked = (
        "apiVersion",
        "kind",
    )

    metadata = Part(ObjectMeta())
    type = Text(required=True)
    content = Text(required=True)
    conditions = Parts(SignatureCondition())
    issuedBy = Part(SignatureIssuer())
    issuedTo = Part(SignatureSubject())
    imageIdentity = Text()
    signedClaims = Strings()
    created = Text()


class Image(Document):
    """An image (image.openshift.io/v1, Image)."""

    unchecked = (
        "apiVersion",
        "kind",
    )

    metadata = Part(ObjectMeta())
    dockerImageReference = Text()
    dockerImageMetadata = AnyObject()
    dockerImageMetadataVersion = Text()
    dockerImageManifest = Text()
    dockerImageManifestMediaType = Text()
    dockerImageConfig = Text()
    dockerImageLayers = Parts(ImageLayer())
    dockerImageManifests = Parts(ImageManifest())
    dockerImageSignatures = Texts()
    signatures = Parts(ImageSignature())

    def contradictions(self, document: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
        """A manifest list has sub-manifests and no layers; any other image has layers and no sub-manifests."""
        if document.get("dockerImageLayers") and document.get("dockerImageManifests"):
            yield (
                "dockerImageLayers",
                "Forbidden: an image with dockerImageManifests must not have dockerImageLayers",
            )


class StreamLookupPolicy(Document):
    """The lookup policy of a stream (image.openshift.io/v1, ImageLookupPolicy)."""

    local = Flag(required=True)
