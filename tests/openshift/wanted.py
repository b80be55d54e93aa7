"""ImageStreamImports: what they ask for, and their JSON."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from . import references
from .objects import Document, ImportPolicy, Meta, Source
from .wire import (
    API_VERSION,
    decode_meta,
    decode_policy,
    decode_reference_policy,
    decode_source,
    encode_meta,
    encode_policy,
    encode_source,
    flag,
    member,
    members,
    text,
)


@dataclass(frozen=True)
class Wanted:
    """An image, or the repository, of an import."""

    source: Source
    to: str | None
    policy: ImportPolicy
    reference_policy: str


def _decode(document: Document) -> Wanted:
    source = decode_source(member(document, "from"))
    to = None if document.get("to") is None else text(member(document, "to"), "name")
    if to is None:
        reference = references.parsed(source.name)
        to = (reference.tag if reference else "") or None
    return Wanted(source, to, decode_policy(document), decode_reference_policy(document))


def _encode(wanted: Wanted, *, image: bool) -> dict[str, Any]:
    return {
        "from": encode_source(wanted.source),
        **({"to": {"name": wanted.to}} if image and wanted.to is not None else {}),
        "importPolicy": encode_policy(wanted.policy),
        "referencePolicy": {"type": wanted.reference_policy},
    }


@dataclass(frozen=True)
class Import:
    """An ImageStreamImport."""

    meta: Meta
    stores: bool
    images: tuple[Wanted, ...]
    repository: Wanted | None


def decode(document: Document) -> Import:
    """Read an import; `to` is filled in from the tag of the source."""
    spec = member(document, "spec")
    return Import(
        decode_meta(document),
        flag(spec, "import"),
        tuple(_decode(image) for image in members(spec, "images")),
        None if spec.get("repository") is None else _decode(member(spec, "repository")),
    )


def encode(wanted: Import) -> dict[str, Any]:
    """Write an import."""
    images = [_encode(image, image=True) for image in wanted.images]
    return {
        "kind": "ImageStreamImport",
        "apiVersion": API_VERSION,
        "metadata": encode_meta(wanted.meta),
        "spec": {
            "import": wanted.stores,
            **({"repository": _encode(wanted.repository, image=False)} if wanted.repository else {}),
            **({"images": images} if images else {}),
        },
        "status": {},
    }
