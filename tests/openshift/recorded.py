"""Recorded sequences of requests to a real server: how they are kept, and their requests and states."""

from __future__ import annotations

import json
import lzma
from collections.abc import Iterable, Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .objects import INTERNAL_REGISTRY, NOW, Document, Event, History, ImportPolicy, Meta, Source, SpecTag, Stream
from .ownership import APPLIED, Owners
from .registry import Registries, Registry
from .server import Cluster, Request, Rights
from .wire import decode_stream

PACKED = Path(__file__).parent.parent / "data" / "traces.jsonl.xz"
# The users of requests, as the server knows them.
USERS = {
    "admin": "kube:admin",
    "registry": "system:serviceaccount:openshift-image-registry:registry",
    "importer": "system:serviceaccount:openshift-infra:image-import-controller",
}
SHARED = "shared"
_SHARED_IMAGE = f"sha256:{sha256(b'shared-pub').hexdigest()}"
_BUSYBOX = {
    name: f"sha256:{digest}"
    for name, digest in {
        "latest": "24894f8b8aba9d74b9f008c3d1a9734667bb6f31788e2cd07e2f5ed6e6bb89de",
        "1.0": "24894f8b8aba9d74b9f008c3d1a9734667bb6f31788e2cd07e2f5ed6e6bb89de",
        "multi": "500fc856297bf7a4a336c7af8d27353d6f6c29730a97486adcae28495fd2118d",
        "oci": "9efb5826dc608d1c116966fc79c96d7300a0cd2a9c4978c0416e6bb1b0a6b26d",
        "t1": "428a0170415597dfec56c8aaf1178c8d3dc6f8816fcd6f96b31d6b0c7e25afcf",
        "t2": "fc51c72dc3fe69480f683246277db499baa317c037b6cbf65524298bdb52051e",
        "t3": "35446e86cafca4dfcfa47f759affd93c71ccbcbe858b8e77450ddb1a54e37c54",
        "t4": "ccd422b1d6abf05520d6f9cc41634e60f0db9259e37250ff3fdb594824f7fd2f",
    }.items()
}
_ARM = "sha256:9e85837901fa0b588a6163cfc5cac798bd01363a1d37f91c3c00fcdc854cc627"
# The registry of the recordings speaks plain HTTP. Nothing says what its tags t5 to t8 name, and nothing imports them.
REGISTRIES = Registries(
    {
        "127.0.0.1:21500": Registry(
            {"lib/busybox": _BUSYBOX}, {_BUSYBOX["multi"]: (_BUSYBOX["latest"], _ARM)}, secure=False
        )
    }
)
RIGHTS = Rights(
    status_writers=frozenset({USERS["admin"]}),
    pullers={SHARED: frozenset({"alice", *USERS.values()})},
)


def shared_stream() -> Stream:
    """Return the stream `shared/pub`, as it was there before each sequence."""
    pull_spec = "quay.io/acme/pub:1"
    spec = SpecTag(
        "ref",
        Source("DockerImage", pull_spec),
        reference=True,
        generation=1,
        policy=ImportPolicy(mode="Legacy"),
        reference_policy="Source",
    )
    return Stream(
        Meta("pub", SHARED, "pub", "1", 1, NOW),
        tags={"ref": spec},
        history={
            "1": History(
                (Event(_SHARED_IMAGE, f"{INTERNAL_REGISTRY}/{SHARED}/pub@{_SHARED_IMAGE}", 1, "2024-01-01T00:00:00Z"),)
            ),
            "ref": History((Event("", pull_spec, 1),)),
        },
    ).decorated()


def beginning(trace: Document) -> Cluster:
    """Return the state before a sequence; with the import controller, other sequences ran at the same time."""
    stream = shared_stream()
    return Cluster({(SHARED, "pub"): stream}, hidden_images=trace["importer"], registries=REGISTRIES, rights=RIGHTS)


def request(trace: Document, step: Document) -> Request:
    """Read the request of a step."""
    parts = step["path"].partition(f"/namespaces/{trace['namespace']}/")[2].split("/")
    resource, name, subresource = (*parts, "", "")[:3]
    query = parse_qs(step["query"])
    return Request(
        user=USERS.get(step["user"]) or step["user"],
        method=step["method"],
        resource=f"{resource}/{subresource}" if subresource else resource,
        namespace=trace["namespace"],
        name=name,
        body=step["body"],
        content_type=step["contentType"] or "",
        dry_run="dryRun" in query,
        selector=query.get("labelSelector", [""])[0],
    )


def adopted(cluster: Cluster, namespace: str, state: Document) -> Cluster:
    """Put the recorded state in place of the model's, but for what a recording does not show.

    Args:
        cluster: The model's state.
        namespace: The namespace of the sequence.
        state: Its streams as they were read, by name; None for one that was not there.

    Returns:
        The recorded state, with the model's knowledge of who owns a field and of what a status write stored.
    """
    streams = {key: stream for key, stream in cluster.streams.items() if key[0] != namespace}
    for name, document in state.items():
        if document is None:
            continue
        known = cluster.streams.get((namespace, name))
        owners: Owners = {}
        if "managedFields" in document["metadata"]:
            owners = (known.owners if known else {}) or {APPLIED: frozenset({("unknown",)})}
        stream = decode_stream(document, owners)
        streams[namespace, name] = replace(stream, shown=known.shown) if known else stream
    return replace(cluster, streams=streams)


def read(source: Path) -> Iterator[dict[str, Any]]:
    """Read sequences.

    Args:
        source: A folder with a JSON file for each, or a file that `pack` wrote.

    Yields:
        Each sequence, in order of its number.
    """
    if source.is_dir():
        for file in sorted(source.glob("[0-9]*.json")):
            yield json.loads(file.read_bytes())
    else:
        with lzma.open(source, "rt", encoding="utf-8") as lines:
            yield from map(json.loads, lines)


def pack(traces: Iterable[Document], target: Path) -> None:
    """Write sequences into one compressed file."""
    lines = [json.dumps(trace, separators=(",", ":"), sort_keys=True) + "\n" for trace in traces]
    target.write_bytes(lzma.compress("".join(lines).encode(), preset=9 | lzma.PRESET_EXTREME))
