"""Reviews that are measured: recorded ones, made larger or pointed elsewhere."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tests.support.paths import DATA

_REVIEWS: Final = DATA / "reviews"


def plain(call: str = "2-validate") -> bytes:
    """Return a review of a plain `oc tag`, which makes two, as it was recorded."""
    return (_REVIEWS / f"A03-oc-tag-docker-existing-tag.{call}.json").read_bytes()


def layers(count: int) -> bytes:
    """Return the mutating review of a PUT with a full image, as it was recorded, with `count` layers."""
    document = json.loads((_REVIEWS / "C02-replace-istag-with-full-image-get-put.1-mutate.json").read_bytes())
    image = document["request"]["object"]["image"]
    layer = image["dockerImageLayers"][0]
    image["dockerImageLayers"] = [{**layer, "name": f"sha256:{number:064x}", "size": number} for number in range(count)]
    return json.dumps(document, separators=(",", ":")).encode()


def stream(count: int, moved: int = 1) -> bytes:
    """Return the review of an edit of a stream of `count` tags of which the last `moved` are pointed elsewhere."""

    def tags(version: str) -> list[dict[str, Any]]:
        kept = [f"quay.io/acme/app:v{number}" for number in range(count - moved)]
        names = kept + [f"quay.io/acme/app:{version}{number}" for number in range(moved)]
        return [
            {
                "name": f"v{number}",
                "annotations": {"owner": "team-pay"},
                "from": {"kind": "DockerImage", "name": name},
                "generation": number + 1,
                "importPolicy": {"importMode": "PreserveOriginal"},
                "referencePolicy": {"type": "Source"},
            }
            for number, name in enumerate(names)
        ]

    document = json.loads((_REVIEWS / "D05-edit-imagestream-spec-tags.2-validate.json").read_bytes())
    request = document["request"]
    request["object"]["spec"]["tags"] = tags("new")
    request["oldObject"]["spec"]["tags"] = tags("old")
    return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Kind:
    """A kind of review.

    Attributes:
        path: where it is sent.
        reviews: how many are counted.
        make: returns one that points its tag at a version of an image; no two versions are alike.
    """

    path: str
    reviews: int
    make: Callable[[str], bytes]


def _tag(name: str, version: str, call: str = "2-validate") -> bytes:
    """Return the review of an `oc tag` to an image of that name and version."""
    document = json.loads(plain(call))
    new, old = document["request"]["object"]["tag"], document["request"]["oldObject"]["tag"]
    new["from"]["name"] = f"{name}:{version}"
    for tag in (new, old):
        tag["referencePolicy"]["type"] = "Local"
    return _written(document)


def _put(version: str) -> bytes:
    document = json.loads(layers(100))
    document["request"]["object"]["tag"]["from"]["name"] = f"quay.io/acme/app:{version}"
    return _written(document)


def _stream(version: str) -> bytes:
    document = json.loads(stream(1_000))
    document["request"]["object"]["spec"]["tags"][-1]["from"]["name"] = f"quay.io/acme/app:{version}"
    return _written(document)


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":")).encode()


KINDS: Final = {
    "plain": Kind("/validate", 200, lambda version: _tag("quay.io/acme/app", version)),
    "denied": Kind("/validate", 200, lambda version: _tag("evil.example/app", version)),
    "mutated": Kind("/mutate", 200, lambda version: _tag("quay.io/acme/app", version, "1-mutate")),
    "PUT, 100 layers": Kind("/mutate", 100, _put),
    "stream of 1,000 tags": Kind("/validate", 10, _stream),
}
