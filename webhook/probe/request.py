"""What a probe sends to each resource: only a webhook can deny it, and it cannot be stored if none does.

A dry run is not enough: openshift-apiserver carries out a dry run of an import or a mapping. So each request also fails
in the API server, after all webhooks were called (openshift-apiserver 4.22, observed):

- imagestreamtags, imagetags: no image stream can have the name of theirs (422).
- imagestreams: a stream of that name exists already (409). If the namespace has none, only the dry run protects it.
- imagestreams/status: the dry run, which the API server honours for image streams.
- imagestreamimports: a resourceVersion on a stream that does not exist (404), or has another version (409).
- imagestreammappings: the stream does not exist (404).

The API server denies none of them before the webhooks are called. They hold as little as it accepts, so that no other
policy of the cluster objects: tags without a source, an import into no tag, an image of the internal registry. The list
of registries that are allowed for imports is consulted for the import only, after the webhooks.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from webhook.admission.codec import GROUP, VERSION
from webhook.admission.engine import PROBE, PROBE_RULE
from webhook.cluster.client import Resource

STREAM: Final = "istag-webhook-probe"
STATUS: Final = "imagestreams/status"
_IMPOSSIBLE: Final = "istag-webhook..probe"  # a path segment, but no image stream can have this name
_DIGEST: Final = f"sha256:{0:064x}"
_NOWHERE: Final = "registry.invalid/istag-webhook/probe"  # RFC 2606: it never resolves
_INTERNAL: Final = "image-registry.openshift-image-registry.svc:5000"
_KINDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "imagestreamtags": "ImageStreamTag",
        "imagetags": "ImageTag",
        "imagestreams": "ImageStream",
        STATUS: "ImageStream",
        "imagestreamimports": "ImageStreamImport",
        "imagestreammappings": "ImageStreamMapping",
    }
)
_POLICIES: Final[Mapping[str, Any]] = MappingProxyType(
    {"importPolicy": {"importMode": "Legacy"}, "referencePolicy": {"type": "Source"}}
)
_IMAGE: Final[Mapping[str, Any]] = MappingProxyType(
    {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
)


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to one resource.

    Attributes:
        resource: the resource's name, as in `resources.RESOURCES`.
        namespace: where.
        body: the object.
    """

    resource: str
    namespace: str
    body: Mapping[str, Any]

    @property
    def api(self) -> Resource:
        """The resource that is written."""
        return Resource(GROUP, VERSION, self.resource.partition("/")[0])

    @property
    def replaces(self) -> bool:
        """Whether it replaces an object that exists."""
        return self.resource == STATUS

    @property
    def subresource(self) -> str:
        """The subresource that is written, "" for none."""
        return self.resource.partition("/")[2]


def request(resource: str, namespace: str, run: str, stream: Mapping[str, Any] | None) -> Request | None:
    """Return what is sent to a resource, None if it needs an image stream and there is none.

    Args:
        resource: the resource's name.
        namespace: where.
        run: what marks the requests of this run and no others; lower-case letters and digits.
        stream: an image stream of the namespace as the API server lists it, None if there is none.
    """
    if resource == STATUS:
        if stream is None:
            return None
        status = {"dockerImageRepository": "", **(stream.get("status") or {})}
        tags = [*(status.get("tags") or ()), {"tag": f"{PROBE_RULE}-{run}", "items": []}]
        metadata = {**stream["metadata"], "annotations": {**(stream["metadata"].get("annotations") or {}), PROBE: run}}
        written = {"metadata": metadata, "status": {**status, "tags": tags}}
        return Request(resource, namespace, {**_typed(resource), **stream, **written})
    name, fields = _created(resource, namespace, run)
    if resource == "imagestreams" and stream is not None:
        name = stream["metadata"]["name"]
    versions = {"resourceVersion": "1"} if resource == "imagestreamimports" else {}
    metadata = {"name": name, "namespace": namespace, **versions, "annotations": {PROBE: run}}
    return Request(resource, namespace, {**_typed(resource), "metadata": metadata, **fields})


def _typed(resource: str) -> dict[str, str]:
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": _KINDS[resource]}


def _created(resource: str, namespace: str, run: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the fields of the object that is created."""
    absent, name = f"{STREAM}-{run}", f"probe-{run}"
    tag = {"name": name, "annotations": None, "generation": None, **_POLICIES}
    lookup = {"lookupPolicy": {"local": False}}
    match resource:
        case "imagestreamtags":
            return f"{_IMPOSSIBLE}:{name}", {"tag": tag, "generation": 0, **lookup, "image": dict(_IMAGE)}
        case "imagetags":
            return f"{_IMPOSSIBLE}:{name}", {"spec": tag, "status": None, "image": None}
        case "imagestreams":
            return absent, {"spec": lookup, "status": {"dockerImageRepository": ""}}
        case "imagestreamimports":
            image = {"from": {"kind": "DockerImage", "name": f"{_NOWHERE}@{_DIGEST}"}, **_POLICIES}
            return absent, {"spec": {"import": True, "images": [image]}, "status": {}}
        case _:
            return absent, {"image": _pushed(f"{_INTERNAL}/{namespace}/{absent}@{_DIGEST}"), "tag": name}


def _pushed(reference: str) -> dict[str, Any]:
    """Return an image of one layer, as the internal registry sends it after a push."""
    layer = {"name": _DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    return {
        **_IMAGE,
        "metadata": {"name": _DIGEST},
        "dockerImageReference": reference,
        "dockerImageManifestMediaType": "application/vnd.oci.image.manifest.v1+json",
        "dockerImageLayers": [layer],
    }
