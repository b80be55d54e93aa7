"""What is sent at each door: something that must be refused, and that cannot be stored even where nobody refuses it.

A dry run alone would not do: openshift-apiserver writes an ImageStreamTag, an import and a push whatever `dryRun` says
(its registry/imagestreamtag, imagestreamimport and imagestreammapping hand no options on). So what is sent there also
fails in the API server itself, after every webhook was asked: the stream has a name that no stream can have, or it is
not there.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final
from uuid import uuid4

from webhook import doors
from webhook.cluster import Resource
from webhook.model import Review
from webhook.review import GROUP, VERSION, of_document

STREAM: Final = "istag-webhook-probe"
_IMPOSSIBLE: Final = "istag-webhook..probe"  # a path segment, but no image stream's name
_TAG: Final = "-probe"  # no registry can serve it (distribution specification, "Pulling manifests")
_DIGEST: Final = f"sha256:{0:064x}"
_UPDATED: Final = "imagestreams/status"
_NOWHERE: Final = "registry.invalid/istag-webhook/probe"  # RFC 2606: it never resolves
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "imagestreamtags": "ImageStreamTag",
        "imagetags": "ImageTag",
        "imagestreams": "ImageStream",
        _UPDATED: "ImageStream",
        "imagestreamimports": "ImageStreamImport",
        "imagestreammappings": "ImageStreamMapping",
    }
)
_SOURCES: Final = ({"kind": "ImageStreamTag", "name": f"{STREAM}:none"}, {"kind": "DockerImage", "name": _NOWHERE})
_POLICIES: Final[Mapping[str, Any]] = MappingProxyType(
    {"importPolicy": {"insecure": True, "importMode": "Legacy"}, "referencePolicy": {"type": "Source"}}
)
_IMAGE: Final[Mapping[str, Any]] = MappingProxyType(
    {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent at one door.

    Attributes:
        door: its name, as in `doors.DOORS`.
        namespace: where.
        body: the object.
        old: the object that it replaces, None where it is created.
    """

    door: str
    namespace: str
    body: Mapping[str, Any]
    old: Mapping[str, Any] | None = None

    @property
    def resource(self) -> Resource:
        """The resource that is written."""
        return Resource(GROUP, VERSION, self.door.partition("/")[0])

    @property
    def subresource(self) -> str:
        """What of it is written, "" for the whole."""
        return self.door.partition("/")[2]

    def review(self) -> Review:
        """Return the Review of the validating call."""
        request: dict[str, Any] = {
            "uid": str(uuid4()),
            "kind": {"group": GROUP, "version": VERSION, "kind": _KINDS[self.door]},
            "resource": {"group": GROUP, "version": VERSION, "resource": self.resource.plural},
            "subResource": self.subresource,
            "name": self.body["metadata"]["name"],
            "namespace": self.namespace,
            "operation": "CREATE" if self.old is None else "UPDATE",
            "userInfo": {"username": "", "groups": []},
            "object": self.body,
            "oldObject": self.old,
            "dryRun": True,
        }
        document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}
        return of_document(document, doors.DOORS)


def requests(door: str, namespace: str, stream: Mapping[str, Any] | None) -> tuple[Request, ...]:
    """Return what may be sent at `door`, none where it needs an image stream and there is none.

    A policy may refuse the second where it has nothing against the first. The API server may refuse the second itself,
    where its allowedRegistriesForImport are set.

    Args:
        door: its name.
        namespace: where.
        stream: the image stream STREAM, None where there is none.
    """
    if door == _UPDATED:
        if stream is None:
            return ()
        own = (stream.get("status") or {}).get("dockerImageRepository") or _NOWHERE
        return tuple(Request(door, namespace, _pointed(stream, to), stream) for to in (own, _NOWHERE))
    return tuple(Request(door, namespace, _created(door, namespace, source)) for source in _SOURCES)


def _created(door: str, namespace: str, source: Mapping[str, str]) -> dict[str, Any]:
    """Return the object that is created at `door`."""
    tag = {"name": _TAG, "annotations": None, "from": dict(source), "generation": None, **_POLICIES}
    impossible, absent = f"{_IMPOSSIBLE}:{_TAG}", f"{STREAM}-{uuid4().hex[:8]}"
    match door:
        case "imagestreamtags":
            lookup = {"generation": 0, "lookupPolicy": {"local": False}, "image": dict(_IMAGE)}
            name, fields = impossible, {"tag": tag, **lookup}
        case "imagetags":
            name, fields = impossible, {"spec": tag, "status": None, "image": None}
        case "imagestreams":
            name, fields = (
                absent,
                {"spec": {"lookupPolicy": {"local": False}, "tags": [tag]}, "status": {"dockerImageRepository": ""}},
            )
        case "imagestreamimports":
            image = {"from": {"kind": "DockerImage", "name": _NOWHERE}, "to": {"name": _TAG}, **_POLICIES}
            name, fields = absent, {"spec": {"import": True, "images": [image]}, "status": {}}
        case _:
            name, fields = absent, {"image": _pushed(), "tag": _TAG}
    metadata = {"name": name, "namespace": namespace}
    if door == "imagestreamimports":
        metadata["uid"] = str(uuid4())  # who sends one means a stream that is there: it is looked for, and not found
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": _KINDS[door], "metadata": metadata, **fields}


def _pushed() -> dict[str, Any]:
    """Return an image that is none: with layers of its own and with those of others."""
    layer = {"name": _DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    manifest = {"digest": _DIGEST, "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifestSize": 1}
    return {
        **_IMAGE,
        "metadata": {"name": _DIGEST},
        "dockerImageReference": f"{_NOWHERE}@{_DIGEST}",
        "dockerImageLayers": [layer],
        "dockerImageManifests": [{**manifest, "architecture": "amd64", "os": "linux"}],
    }


def _pointed(stream: Mapping[str, Any], repository: str) -> dict[str, Any]:
    """Return `stream` with a tag in its status that no registry can serve."""
    status = {"dockerImageRepository": repository, **(stream.get("status") or {})}
    event = {"created": "2000-01-01T00:00:00Z", "image": _DIGEST, "generation": 1}
    history = {"tag": _TAG, "items": [{**event, "dockerImageReference": f"{repository}@{_DIGEST}"}]}
    return {**stream, "status": {**status, "tags": [*(status.get("tags") or ()), history]}}
