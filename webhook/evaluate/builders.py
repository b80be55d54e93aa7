"""Objects of each resource: as stored by the API server, as a test case describes a change, as a probe sends them.

`as_stored` does what the API server's decoder, defaulting and strategies do before the validating call.
Seen in recorded reviews; the defaults are those of openshift-apiserver, pkg/image/apis/image/v1/defaults.go.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final, TypeGuard

from webhook.errors import MalformedReference
from webhook.model import NOTHING
from webhook.reference import ImageReference
from webhook.review import GROUP, VERSION

_IMAGE: Final[Mapping[str, Any]] = MappingProxyType(
    {"metadata": {}, "dockerImageMetadata": None, "dockerImageMetadataVersion": "1.0"}
)
_TAG: Final[Mapping[str, Any]] = MappingProxyType({"name": "", "annotations": None, "generation": None})
PROBED: Final = "istag-webhook-probe"
_IMPOSSIBLE: Final = "istag-webhook..probe"  # a path segment, but no image stream can have this name
_DIGEST: Final = f"sha256:{0:064x}"
_NOWHERE: Final = "registry.invalid/istag-webhook/probe"  # RFC 2606: it never resolves
_INTERNAL: Final = "image-registry.openshift-image-registry.svc:5000"
_DEFAULTED: Final[Mapping[str, Any]] = MappingProxyType(
    {"importPolicy": {"importMode": "Legacy"}, "referencePolicy": {"type": "Source"}}
)
_Object = Mapping[str, Any]


def as_stored(manifest: _Object, old: _Object | None = None) -> dict[str, Any]:
    """Return `manifest` with what the API server fills in and takes away.

    Args:
        manifest: an object of one of the kinds of KINDS.
        old: the object that it replaces, itself as it is stored; None where it is created.
    """
    return _FILLED[manifest["kind"]](manifest, old or NOTHING)


def _image_stream_tag(manifest: _Object, old: _Object) -> dict[str, Any]:
    filled = {"tag": None, "generation": 0, "lookupPolicy": {"local": False}, **manifest}
    filled["tag"] = _named(_tag(filled["tag"]), manifest)
    return _status(filled, old, image=dict(_IMAGE), conditions=None)


def _image_tag(manifest: _Object, old: _Object) -> dict[str, Any]:
    filled = {**manifest, "spec": _named(_tag(manifest.get("spec")), manifest)}
    return {"status": None, "image": None, **_status(filled, old, status=None, image=None)}


def _image_stream(manifest: _Object, old: _Object) -> dict[str, Any]:
    spec = manifest.get("spec")
    if spec is None or isinstance(spec, dict):
        spec = {"lookupPolicy": {"local": False}, **(spec or {})}
        if isinstance(spec["lookupPolicy"], dict):
            spec["lookupPolicy"] = {"local": False, **spec["lookupPolicy"]}
        if isinstance(spec.get("tags"), list):
            spec["tags"] = [_tag(tag) for tag in spec["tags"]]
    return _status({**manifest, "spec": spec}, old, status={"dockerImageRepository": ""})


def _image_stream_import(manifest: _Object, old: _Object) -> dict[str, Any]:
    del old  # it can only be created
    spec = manifest.get("spec")
    if isinstance(spec, dict):
        spec = {"import": False, **spec}
        if isinstance(spec.get("images"), list):
            spec["images"] = [_imported(image) for image in spec["images"]]
        if isinstance(spec.get("repository"), dict):
            spec["repository"] = _policies(spec["repository"])
    return {**manifest, "spec": spec, "status": {}}


def _image_stream_mapping(manifest: _Object, old: _Object) -> dict[str, Any]:
    del old  # as above
    image = manifest.get("image")
    return {"tag": "", **manifest, "image": {**_IMAGE, **(image or {})} if image is None or _is(image) else image}


def _imported(image: Any) -> Any:
    """Return one of the images of an import; it goes to the tag of its source where it says nothing else."""
    if not _is(image):
        return image
    filled, source = _policies(image), image.get("from")
    if filled.get("to") is None and _is(source) and (tag := _tag_of(source.get("name"))):
        filled["to"] = {"name": tag}
    return filled


def _tag_of(name: Any) -> str:
    try:
        return ImageReference.parse(name).tag if isinstance(name, str) else ""
    except MalformedReference:
        return ""


def _tag(tag: Any) -> Any:
    """Return a TagReference."""
    return _policies({**_TAG, **tag}) if _is(tag) else tag


def _named(tag: Any, manifest: _Object) -> Any:
    """Return the one tag of an object, which bears the object's name where it has none."""
    if not _is(tag) or tag["name"]:
        return tag
    metadata = manifest.get("metadata")
    name = metadata.get("name") if _is(metadata) else None
    return {**tag, "name": name.partition(":")[2] or "latest" if isinstance(name, str) else ""}


def _policies(value: _Object) -> dict[str, Any]:
    """Return what is imported, with the policies that it leaves open."""
    return {
        **value,
        "importPolicy": _filled(value.get("importPolicy"), "importMode", "Legacy"),
        "referencePolicy": _filled(value.get("referencePolicy"), "type", "Source"),
    }


def _filled(policy: Any, field: str, value: str) -> Any:
    """Return a policy whose `field` has the API server's default where it is unset."""
    if policy is None:
        return {field: value}
    return {**policy, field: policy.get(field) or value} if _is(policy) else policy


def _status(filled: dict[str, Any], old: _Object, **created: Any) -> dict[str, Any]:
    """Return an object with what users cannot write: that of the old one, or what a created one has; None for none."""
    for key, value in created.items():
        found = old.get(key, value) if old else value
        filled.pop(key, None)
        if found is not None:
            filled[key] = found
    return filled


def _is(value: Any) -> TypeGuard[_Object]:
    return isinstance(value, dict)


_FILLED: Final[Mapping[str, Callable[[_Object, _Object], dict[str, Any]]]] = MappingProxyType(
    {
        "ImageStreamTag": _image_stream_tag,
        "ImageTag": _image_tag,
        "ImageStream": _image_stream,
        "ImageStreamImport": _image_stream_import,
        "ImageStreamMapping": _image_stream_mapping,
    }
)
# The kinds that can be evaluated, and the resources that serve them.
KINDS: Final[Mapping[str, str]] = MappingProxyType({kind: f"{kind.lower()}s" for kind in _FILLED})


def changed(resource: str, namespace: str, stream: str, tag: str, value: _Object) -> dict[str, Any]:
    """Return the object of a resource that changes one tag, as a user writes it.

    Args:
        resource: one of CHANGED.
        namespace: the stream's namespace.
        stream: the image stream.
        tag: the tag.
        value: what the tag is to be (TagReference); without `from` a stream or an ImageTag loses the tag.
    """
    kind, build = _CHANGED[resource]
    name, annotations, fields = build(stream, tag, value)
    metadata = {"namespace": namespace, "name": name, **({"annotations": annotations} if annotations else {})}
    return {"apiVersion": f"{GROUP}/{VERSION}", "kind": kind, "metadata": metadata, **fields}


_Built = tuple[str, Any, dict[str, Any]]  # the name, the annotations and the fields of an object


def _changed_image_stream_tag(stream: str, tag: str, value: _Object) -> _Built:
    return f"{stream}:{tag}", value.get("annotations"), {"tag": dict(value)}  # both homes alike, as the server demands


def _changed_image_tag(stream: str, tag: str, value: _Object) -> _Built:
    return f"{stream}:{tag}", None, {"spec": dict(value) if "from" in value else None}


def _changed_image_stream(stream: str, tag: str, value: _Object) -> _Built:
    return stream, None, {"spec": {"tags": [{"name": tag, **value}] if "from" in value else []}}


def _changed_image_stream_import(stream: str, tag: str, value: _Object) -> _Built:
    image = {key: item for key, item in value.items() if key != "annotations"}
    return stream, value.get("annotations"), {"spec": {"import": True, "images": [{**image, "to": {"name": tag}}]}}


_CHANGED: Final[Mapping[str, tuple[str, Callable[[str, str, _Object], _Built]]]] = MappingProxyType(
    {
        "imagestreamtags": ("ImageStreamTag", _changed_image_stream_tag),
        "imagetags": ("ImageTag", _changed_image_tag),
        "imagestreams": ("ImageStream", _changed_image_stream),
        "imagestreamimports": ("ImageStreamImport", _changed_image_stream_import),
    }
)
CHANGED: Final = tuple(_CHANGED)


def probing(resource: str, namespace: str, run: str) -> tuple[str, dict[str, Any]]:
    """Return the name and the fields of the object that a probe creates; `run` marks it.

    They hold as little as the API server accepts, so that no other policy of the cluster objects: tags without a
    source, an import into no tag, an image of the internal registry. The list of registries that are allowed for
    imports is consulted for the import only, after the webhooks.
    """
    absent, name = f"{PROBED}-{run}", f"probe-{run}"
    tag = {"name": name, "annotations": None, "generation": None, **_DEFAULTED}
    lookup = {"lookupPolicy": {"local": False}}
    match resource:
        case "imagestreamtags":
            return f"{_IMPOSSIBLE}:{name}", {"tag": tag, "generation": 0, **lookup, "image": dict(_IMAGE)}
        case "imagetags":
            return f"{_IMPOSSIBLE}:{name}", {"spec": tag, "status": None, "image": None}
        case "imagestreams":
            return absent, {"spec": lookup, "status": {"dockerImageRepository": ""}}
        case "imagestreamimports":
            image = {"from": {"kind": "DockerImage", "name": f"{_NOWHERE}@{_DIGEST}"}, **_DEFAULTED}
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
