"""Manifests: what the API server makes of them is what it made of those that were recorded."""

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import NOW, REVIEWS, decoded, docker, stream_of, tag_of

from webhook.admission import engine
from webhook.evaluate.question import request_of, review_of
from webhook.model.review import User
from webhook.policy.policy import Policy
from webhook.resources.catalog import KINDS, RESOURCES

_VALIDATED = sorted(REVIEWS.glob("*validate.json"))
_WRITTEN = ("uid", "resourceVersion", "generation", "creationTimestamp", "managedFields")
_DEFAULTS = ({"importMode": "Legacy"}, {"type": "Source"}, {"local": False})


def _as_a_user_writes(value: Any) -> Any:
    """Return what is left of a stored object without what the API server fills in."""
    if isinstance(value, list):
        return [_as_a_user_writes(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        key: _as_a_user_writes(item)
        for key, item in value.items()
        if key not in _WRITTEN and item is not None and item not in _DEFAULTS and key != "status"
    }


@pytest.mark.parametrize("path", _VALIDATED, ids=lambda path: path.stem)
def test_a_manifest_is_evaluated_as_its_recorded_review(path: Path, shipped: Policy, strict: Policy) -> None:
    """A user's manifest with the old object gets the verdict and the findings of the recorded review."""
    recorded = decoded(json.loads(path.read_text()))
    if recorded.object is None or "/" in recorded.resource:
        pytest.skip("no manifest makes this review")
    user = User(recorded.user.name, groups=recorded.user.groups)
    manifest = _as_a_user_writes(recorded.object)
    made = review_of(request_of(manifest, recorded.old_object, user, "u", recorded.namespace), NOW)
    assert (made.resource, made.name, made.namespace) == (recorded.resource, recorded.name, recorded.namespace)
    for policy in (shipped, strict):
        expected, got = engine.admit(recorded, policy), engine.admit(made, policy)
        assert (got.verdict, got.findings, got.patch) == (expected.verdict, expected.findings, expected.patch)


@pytest.mark.parametrize("path", _VALIDATED, ids=lambda path: path.stem)
def test_what_is_stored_stays(path: Path) -> None:
    """An object that the API server has completed is not completed again."""
    request = json.loads(path.read_text())["request"]
    if request["object"] is None:
        pytest.skip("it is deleted")
    resource = RESOURCES[decoded(json.loads(path.read_text())).resource]
    once = resource.defaulted(request["object"], request["oldObject"])
    assert resource.defaulted(once, request["oldObject"]) == once


@pytest.mark.parametrize(
    ("kind", "manifest", "path", "expected"),
    [
        ("ImageStreamTag", {"metadata": {"name": "s:t"}, "tag": {}}, ("tag", "name"), "t"),
        ("ImageStreamTag", {"metadata": {"name": "s"}, "tag": {}}, ("tag", "name"), "latest"),
        ("ImageStreamTag", {"metadata": {"name": "s:t"}, "tag": {"name": "x"}}, ("tag", "name"), "x"),
        ("ImageStreamTag", {"image": {"metadata": {"name": "sent"}}}, ("image", "metadata"), {}),
        ("ImageTag", {"metadata": {"name": "s:a:b"}, "spec": {}}, ("spec", "name"), "a:b"),
        ("ImageTag", {"status": {"tag": "x"}}, ("status",), None),
        ("ImageStream", {}, ("spec", "lookupPolicy"), {"local": False}),
        ("ImageStream", {"spec": {"lookupPolicy": {}}}, ("spec", "lookupPolicy"), {"local": False}),
        ("ImageStream", {"status": {"tags": [1]}}, ("status",), {"dockerImageRepository": ""}),
        ("ImageStreamImport", {"spec": {}}, ("spec", "import"), False),
        ("ImageStreamImport", {"spec": {"images": [{"from": docker("a/b:1")}]}}, ("spec", "images", 0, "to"), {"name": "1"}),
        ("ImageStreamImport", {"spec": {"images": [{"from": docker("a/b:1"), "to": {"name": "x"}}]}}, ("spec", "images", 0, "to"), {"name": "x"}),
        ("ImageStreamImport", {"spec": {"repository": {"from": docker("a/b")}}}, ("spec", "repository", "importPolicy"), {"importMode": "Legacy"}),
        ("ImageStreamMapping", {}, ("image", "dockerImageMetadataVersion"), "1.0"),
    ],
)  # fmt: skip
def test_filled(kind: str, manifest: dict[str, Any], path: tuple[str | int, ...], expected: Any) -> None:
    """Each kind is filled with its defaults, and loses what users cannot write."""
    found: Any = KINDS[kind].defaulted({"kind": kind, **manifest})
    for key in path:
        found = found[key]
    assert found == expected


def test_an_image_without_a_tag_goes_nowhere() -> None:
    """Only a reference with a tag says where an import goes to."""
    for name in ("a/b", "a/b@sha256:" + "a" * 64, "Not A Reference"):
        made = KINDS["ImageStreamImport"].defaulted({"spec": {"images": [{"from": docker(name)}]}})
        assert "to" not in made["spec"]["images"][0]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("value", [None, 1, "x", [1], {"a": 1}, [[]], {"tags": {}}, {"images": [1]}])
@pytest.mark.parametrize("key", ["metadata", "spec", "tag", "image", "status"])
def test_whatever_a_manifest_holds(kind: str, key: str, value: Any, strict: Policy) -> None:
    """A manifest of the wrong form is evaluated by the schema, and nothing is raised."""
    manifest = {"apiVersion": "image.openshift.io/v1", "kind": kind, "metadata": {"name": "a:b"}, key: value}
    for old in (None, manifest, stream_of(tag_of(docker("a/b:1"))) | {"kind": kind}):
        review = review_of(request_of(manifest, old, User("u"), "u"), NOW)
        assert engine.admit(review, strict).verdict in ("allow", "deny")
