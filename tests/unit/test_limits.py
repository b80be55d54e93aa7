"""A body with more in it than a review can have is turned away unread; the largest that is read has a bounded cost."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from tests.support import shapes
from tests.support.builders import docker, import_review, imported, review_of, stream_of, stream_review
from tests.support.paths import ROOT

from webhook.schemas import envelope
from webhook.schemas.envelope import MOST_CONTAINERS, MOST_TAGS, MOST_VALUES, too_large, too_many
from webhook.service.app import LARGEST

# A second of CPU is ten on the machine of the README's figures, where `workload` of largest.py takes 0.1 s, and the
# costliest shape five. That leaves 2.5 times to noise. To compare 16,384 names with each other takes more, even in C.
_TIMES: Final = 12.5
_MEMORY: Final = 256  # MiB
_BOUNDS: Final = (LARGEST, MOST_CONTAINERS, MOST_VALUES)
# The shapes whose size is a number of tags, images or history items, and the depth of an accepted document.
_SIZES: Final = {
    **dict.fromkeys(("tags", "bare", "changed", "kept", "findings", "history", "histories", "images"), MOST_TAGS),
    "depth": 248,
}


def _written(document: dict[str, Any]) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _largest(name: str) -> bytes:
    """Return the body of a shape at the largest size that is read, found by what a unit of size adds."""
    small, twice = (_counts(_written(shapes.REVIEWS[name](size))) for size in (120, 240))
    sizes = [
        120 + 120 * (most - once) // (double - once)
        for most, once, double in zip(_BOUNDS, small, twice, strict=True)
        if double > once
    ]
    size = min(*sizes, _SIZES.get(name, LARGEST))
    while len(body := _written(shapes.REVIEWS[name](size))) > LARGEST or too_large(body):
        # Numbers become longer.
        size = int(size * min(most / count for most, count in zip(_BOUNDS, _counts(body), strict=True) if count)) - 1
    return body


def _counts(body: bytes) -> tuple[int, int, int]:
    """Return how much of each of `_BOUNDS` a body takes."""
    return len(body), body.count(b"{") + body.count(b"["), body.count(b",")


@pytest.mark.slow
@pytest.mark.parametrize("name", shapes.REVIEWS)
def test_the_largest(name: str, tmp_path: Path) -> None:
    """The largest review of every shape costs a bounded multiple of a fixed workload and 256 MiB, its whole request recorded."""
    path = tmp_path / "body"
    path.write_bytes(_largest(name))
    command = [sys.executable, "-m", "tests.support.largest", str(path), str(_TIMES)]
    # Coverage slows the package and not the workload, and takes memory of its own.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    took = json.loads(subprocess.run(command, capture_output=True, check=True, cwd=ROOT, env=environment).stdout)
    assert took["statuses"] == [200]
    assert took["times"] < _TIMES
    assert took["memory"] < _MEMORY


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        pytest.param({"x": [[]] * MOST_CONTAINERS}, "at most 100,000 objects and lists, got 100,", id="lists"),
        pytest.param({"x": [{}] * MOST_CONTAINERS}, "at most 100,000 objects and lists, got 100,", id="objects"),
        pytest.param({"x": "{" * MOST_CONTAINERS}, "at most 100,000 objects and lists, got 100,", id="in-a-string"),
        pytest.param({"x": [1] * MOST_VALUES}, "at most 400,000 values, got 400,", id="elements"),
        pytest.param(
            {f"{n}": 1 for n in range(MOST_VALUES)},
            "at most 400,000 values, got 400,",
            id="members",
            marks=pytest.mark.slow,
        ),
    ],
)
def test_too_large(document: dict[str, Any], sentence: str, client: Callable[[str], FlaskClient]) -> None:
    """A body with too many objects, lists or values is a 413 that says so, whether or not it is a review, or JSON."""
    review = review_of(docker("quay.io/acme/app:1"))
    review["request"]["object"].update(document)
    for body in (_written(review), _written(review)[:-9]):
        answer = client("").post("/validate", data=body, content_type="application/json")
        assert (answer.status_code, answer.json and answer.json["code"]) == (413, 413)
        assert sentence in (answer.json or {})["message"]


_TAGS: Final = [{"name": f"v{n}"} for n in range(MOST_TAGS + 1)]
_ITEMS: Final = [{"tag": "v", "items": [{}] * (MOST_TAGS // 2)}, {"tag": "w", "items": [{}] * (MOST_TAGS // 2 + 1)}]


@pytest.mark.parametrize(
    ("document", "field"),
    [
        (stream_review(stream_of(*_TAGS)), "object.spec.tags"),
        (stream_review(stream_of(), stream_of(*_TAGS)), "oldObject.spec.tags"),
        (stream_review({**stream_of(), "status": {"tags": _TAGS}}), "object.status.tags"),
        (stream_review({**stream_of(), "status": {"tags": _ITEMS}}), "object.status.tags[].items"),
        (import_review(*[imported("quay.io/acme/app:1")] * (MOST_TAGS + 1)), "object.spec.images"),
    ],
    ids=["tags", "old-tags", "status", "history", "images"],
)
def test_too_many(document: dict[str, Any], field: str, client: Callable[[str], FlaskClient]) -> None:
    """A review of more tags, images or items of history than a stream can have is a 413 that names the list."""
    answer = client("").post("/validate", data=_written(document), content_type="application/json")
    assert answer.status_code == 413
    message = f"request.{field}: expected at most 16,384 elements, got 16,385"
    assert (answer.json or {})["message"] == message


def test_what_a_stream_has() -> None:
    """A stream of two thousand tags, each with history, conditions and managed fields on both sides, is read."""
    fields: dict[str, Any] = {key: {} for key in (".", "f:annotations", "f:from", "f:generation", "f:name")}
    policies: dict[str, Any] = {
        "f:importPolicy": {".": {}, "f:importMode": {}},
        "f:referencePolicy": {".": {}, "f:type": {}},
    }
    sides = []
    for side in (1, 0):
        document = shapes.changed(2_000)["request"]["object" if side else "oldObject"]
        managed = {f'k:{{"name":"v{n}"}}': {**fields, **policies} for n in range(2_000)}
        document["metadata"]["managedFields"] = [{"manager": "oc", "fieldsV1": {"f:spec": {"f:tags": managed}}}]
        document["status"] = shapes.histories(2_000)["request"]["object"]["status"]
        for tag in document["status"]["tags"]:
            tag["conditions"] = [{"type": "ImportSuccess", "status": "False", "generation": 2}]
        sides.append(document)
    review = stream_review(*sides)
    assert too_large(_written(review)) == too_many(review["request"]) == ""


def test_the_document_says_what_is_counted() -> None:
    """The bounds are those that the module's documentation derives."""
    said = {int(number.replace(",", "")) for number in re.findall(r"\b\d[\d,]+", envelope.__doc__ or "")}
    assert {MOST_CONTAINERS, MOST_VALUES, MOST_TAGS} <= said
