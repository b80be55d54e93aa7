"""The resource imagestreammappings: what a push to the internal registry sends."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from . import aliases, bodies, references, storage, tagging
from .objects import INTERNAL_REGISTRY, NOW, Document, Event, InputError, added
from .server import Call
from .wire import API_VERSION, decode_meta, encode_meta, member, strings, text

MANAGED = "openshift.io/image.managed"


def post(call: Call) -> int:
    """Put an image on the history of a tag; the spec tag stays as it is."""
    body = bodies.sent(call.request)
    name = decode_meta(body).name
    body = dict(call.mutate("CREATE", name, _encoded(body), None) or body)
    image = dict(member(body, "image"))
    image_name = text(member(image, "metadata"), "name")
    if not text(image, "dockerImageReference"):
        image["dockerImageReference"] = f"{INTERNAL_REGISTRY}/{call.request.namespace}/{name}@{image_name}"
    image.pop("signatures", None)
    meta = replace(decode_meta(body), uid=call.tick(), created=NOW)
    body = {**body, "metadata": encode_meta(meta), "image": image}
    _check(body)
    call.validate("CREATE", name, _encoded(body), None)
    stream = call.read(name)
    if stream is None:
        raise InputError(404, f"imagestreams {name!r} not found")
    known = image_name in call.cluster.images or (call.cluster.hidden_images and call.choices.of((False, True)))
    call.cluster = replace(call.cluster, images=call.cluster.images | {image_name})
    reference = text(image, "dockerImageReference")
    if known and strings(member(image, "metadata"), "annotations").get(MANAGED) == "true":
        reference = f"{stream.own_repository}@{image_name}"
    event = Event(image_name, reference, stream.meta.generation)
    pushed = added(stream, text(body, "tag"), event)
    if pushed is not stream:
        storage.updated_status(call, aliases.tracked(pushed, text(body, "tag"), event))
    return 201


def _check(body: Document) -> None:
    """Validate a mapping."""
    meta, image = decode_meta(body), member(body, "image")
    if not meta.name or not text(body, "tag"):
        raise InputError(422, "metadata.name, tag: required")
    tagging.check_name(meta.name)
    tagging.check_name(text(member(image, "metadata"), "name"))
    if references.parsed(text(image, "dockerImageReference")) is None:
        raise InputError(422, "image.dockerImageReference: is no reference")
    if image.get("dockerImageManifests") and image.get("dockerImageLayers"):
        raise InputError(422, "image.dockerImageLayers: should not be set when dockerImageManifests is set")


def _encoded(body: Document) -> dict[str, Any]:
    """Write a mapping; of its image only what a stream takes from it."""
    image = member(body, "image")
    meta = member(image, "metadata")
    return {
        "kind": "ImageStreamMapping",
        "apiVersion": API_VERSION,
        "metadata": encode_meta(decode_meta(body)),
        "image": {**image, "metadata": {**meta, "annotations": strings(meta, "annotations")}},
        "tag": text(body, "tag"),
    }
