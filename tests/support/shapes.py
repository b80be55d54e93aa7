"""Inputs that grow in one dimension, for the tests of what they cost."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from tests.support.builders import (
    DIGEST,
    docker,
    import_review,
    imported,
    push_review,
    review_of,
    stream_of,
    stream_review,
    tag_of,
)

_APP: Final = docker(f"quay.io/acme/app@{DIGEST}")
_REPOSITORY: Final = "image-registry.openshift-image-registry.svc:5000/app/app"
Shape = Callable[[int], dict[str, Any]]


def _tag(number: int, name: str) -> dict[str, Any]:
    return tag_of(docker(name), name=f"v{number}", importPolicy={"importMode": "Legacy"})


def tags(size: int) -> dict[str, Any]:
    """A stream with new tags that break no rule."""
    return stream_review(stream_of(*(_tag(n, f"quay.io/acme/app{n}@{DIGEST}") for n in range(size))))


def bare(size: int) -> dict[str, Any]:
    """A stream with tags that say nothing."""
    return stream_review(stream_of(*({"name": f"v{n}"} for n in range(size))))


def changed(size: int) -> dict[str, Any]:
    """A stream all of whose tags are pointed elsewhere."""
    new, old = (stream_of(*(_tag(n, f"quay.io/acme/app:{n}.{side}") for n in range(size))) for side in (1, 0))
    return stream_review(new, old)


def kept(size: int) -> dict[str, Any]:
    """A stream of whose tags one changes."""
    new, old = (stream_of(*(_tag(n, f"quay.io/acme/app:{n or side}") for n in range(size))) for side in ("a", "b"))
    return stream_review(new, old)


def findings(size: int) -> dict[str, Any]:
    """A stream whose tags each break many rules, the schema among them."""
    broken = {"importPolicy": {"insecure": True, "importMode": "All"}, "annotations": {"a": "b"}}
    return stream_review(
        stream_of(*(tag_of(docker(f"evil.example/x{n}:latest"), name=f"v{n}+", **broken) for n in range(size)))
    )


def keys(size: int) -> dict[str, Any]:
    """A tag with many annotations, in both homes."""
    annotations = {f"k{n}": "v" for n in range(size)}
    document = review_of(_APP, tag={"annotations": annotations})
    document["request"]["object"]["metadata"]["annotations"] = annotations
    return document


def unknown(size: int) -> dict[str, Any]:
    """An object with many unknown fields."""
    document = review_of(_APP)
    document["request"]["object"]["x"] = {f"k{n}": {"env": [f"A={n}"]} for n in range(size)}
    return document


def depth(size: int) -> dict[str, Any]:
    """An object with lists in each other."""
    document = review_of(_APP)
    inner: Any = 1
    for _ in range(size):
        inner = [inner]
    document["request"]["object"]["x"] = inner
    return document


def name(size: int) -> dict[str, Any]:
    """A tag whose source has a long name."""
    return review_of(docker(f"quay.io/acme/{'a' * size}:1"))


def credentials(size: int) -> dict[str, Any]:
    """A tag whose source has long credentials, and an annotation many short ones."""
    document = review_of(docker(f"user:{'p/' * (size // 2)}@quay.io/acme/app"))
    document["request"]["object"]["metadata"]["annotations"] = {"a": "u:p@h " * (size // 6), "b": "a@" * (size // 2)}
    return document


def escapes(size: int) -> dict[str, Any]:
    """An annotation of characters that are escaped, and one of JSON with an environment."""
    document = review_of(docker(f"quay.io/acme/{chr(0x202E) * (size // 3)}"))
    manifest = json.dumps({"config": {"Env": [f"A{n}=b" for n in range(size // 10)]}})
    document["request"]["object"]["metadata"]["annotations"] = {"a": "\u202e\x00" * (size // 5), "b": manifest}
    return document


def history(size: int) -> dict[str, Any]:
    """A status with many items of history, all of them new."""
    return stream_review(_with_status(1, size, 1), _with_status(1, size, 0), "status")


def histories(size: int) -> dict[str, Any]:
    """A status with many tags, each of which means another image."""
    return stream_review(_with_status(size, 1, 1), _with_status(size, 1, 0), "status")


def _with_status(tags: int, items: int, side: int) -> dict[str, Any]:
    named = [
        {
            "tag": f"v{tag}",
            "items": [
                {
                    "created": "2026-01-01T00:00:00Z",
                    "dockerImageReference": f"quay.io/acme/app{tag}@sha256:{item:063d}{side}",
                    "image": f"sha256:{item:063d}{side}",
                    "generation": 1,
                }
                for item in range(items)
            ],
        }
        for tag in range(tags)
    ]
    return {**stream_of(), "status": {"dockerImageRepository": _REPOSITORY, "tags": named}}


def images(size: int) -> dict[str, Any]:
    """An import of many images, some of one repository."""
    return import_review(*(imported(f"docker.io/acme/app{n % 100}:{n}", to=f"v{n}") for n in range(size)))


def layers(size: int) -> dict[str, Any]:
    """A push of an image with many layers."""
    layer = {"name": DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
    return push_review({"dockerImageLayers": [layer] * size})


def groups(size: int) -> dict[str, Any]:
    """A stream of a few tags, sent by a user of many groups."""
    document = tags(20)
    document["request"]["userInfo"]["groups"] = [f"team-{n}" for n in range(size)]
    return document


REVIEWS: Final[Mapping[str, Shape]] = {
    shape.__name__: shape
    for shape in (
        tags, bare, changed, kept, findings, keys, unknown, depth, name, credentials, escapes, history, histories, images,
        layers, groups,
    )
}  # fmt: skip


def policy(size: int) -> str:
    """Return the text of a policy of many rules."""
    rules = "".join(
        f"    - {{name: r{n}, mode: audit, match: {{namespaces: [team-{n}, app], groups: [team-*, 'sre']}},"
        f" registries: {{allow: [quay.io/acme-{n}/**]}}}}\n"
        for n in range(size)
    )
    return f"spec:\n  rules:\n{rules}"


def faulty(size: int) -> str:
    """Return the text of a policy with many keys that are unknown."""
    return "spec:\n  rules:\n  - name: r\n    pin: {digest: true}\n" + "".join(f"    k{n}: 1\n" for n in range(size))


def listing(size: int) -> str:
    """Return the text of a policy with a long list."""
    allowed = "".join(f"      - quay.io/acme-{n}/**\n" for n in range(size))
    return f"spec:\n  rules:\n  - name: r\n    registries:\n      allow:\n{allowed}"


def aliases(size: int) -> str:
    """Return YAML with aliases and merge keys, a part of them of each other."""
    lines = ["a0: &a0 {x: 1}", *(f"a{n}: &a{n} {{y: *a0, <<: *a{n - n % 10}}}" for n in range(1, size) if n % 10)]
    return "\n".join(["a10: &a10 {z: 1}", *(f"a{n}: &a{n} {{z: 1}}" for n in range(20, size, 10)), *lines])


def repeated(size: int) -> str:
    """Return JSON with a key that is repeated after many others."""
    return "{" + ",".join(f'"k{n}": {n}' for n in range(size)) + f',"k{size - 1}": 1}}'


DOCUMENTS: Final[Mapping[str, Callable[[int], str]]] = {
    shape.__name__: shape for shape in (policy, faulty, listing, aliases, repeated)
}
