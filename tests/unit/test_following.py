"""The tags set by the next import of a followed repository, and the reasons of insecure imports, here and exported."""

from typing import Any

import pytest
from tests.support.builders import DIGEST, decoded, import_review, policy_of, stream_of, stream_review
from tests.support.vap import Evaluator, agreed

from webhook.admission import engine
from webhook.policy.policy import Policy
from webhook.vap.export import export

CHECKED = "openshift.io/image.dockerRepositoryCheck"
DONE = {"annotations": {CHECKED: "2026-01-01T00:00:00Z"}}
FIXED = policy_of("spec: {rules: [{name: fixed, match: {tags: ['v*']}, immutable: {}}]}\n")
WRITTEN = policy_of(
    "spec: {rules: [{name: written, match: {tags: ['v*']}, expression: {validations: [{"
    "expression: 'request.userInfo.username == \"release\"'}]}}]}\n"
)
EXEMPT = policy_of(
    "spec: {exemptions: [{name: everyone, users: ['*'], match: {tags: [live]}}],"
    " rules: [{name: fixed, match: {tags: ['v*']}, immutable: {}}]}\n"
)
SECURE = policy_of("spec: {rules: [{name: secure, importPolicy: {insecure: false}}]}\n")


def tag(name: str, source: str) -> dict[str, Any]:
    """Return a tag of a stream."""
    return {"name": name, "from": {"kind": "DockerImage", "name": source}, "importPolicy": {"importMode": "Legacy"}}


def following(*tags: dict[str, Any], metadata: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a stream that follows quay.io/a/b."""
    return stream_of(*tags, metadata=metadata, dockerImageRepository="quay.io/a/b")


BARE = {"name": "v1", "importPolicy": {"importMode": "Legacy"}}
OWN, THEIRS, FREE = tag("v1", "quay.io/a/c:1"), tag("v1", "quay.io/a/b:v1"), tag("live", "quay.io/a/c:1")


@pytest.mark.parametrize(
    ("new", "old", "denied"),
    [
        pytest.param(following(OWN), None, True, id="created-with-a-tag"),
        pytest.param(following(THEIRS), None, False, id="created-with-the-tag-that-it-sets"),
        pytest.param(following(FREE), None, False, id="created-with-another-tag"),
        pytest.param(following(OWN), stream_of(), True, id="followed-with-a-new-tag"),
        pytest.param(following(OWN), stream_of(OWN), True, id="followed-over-a-tag"),
        pytest.param(following(THEIRS), stream_of(THEIRS), False, id="followed-over-the-tag-that-it-sets"),
        pytest.param(following(BARE), stream_of(OWN), True, id="followed-over-a-tag-that-loses-its-source"),
        pytest.param(following(BARE), stream_of(), False, id="followed-with-a-new-tag-without-a-source"),
        pytest.param(following(OWN), following(), True, id="a-new-tag-before-the-import"),
        pytest.param(following(OWN), following(OWN), False, id="nothing-changes-before-the-import"),
        pytest.param(following(OWN, metadata=DONE), following(metadata=DONE), False, id="a-new-tag-after-the-import"),
        pytest.param(following(OWN), following(OWN, metadata=DONE), True, id="the-import-is-forgotten"),
        pytest.param(stream_of(OWN), stream_of(OWN, metadata=DONE), False, id="forgotten-and-nothing-followed"),
    ],
)  # fmt: skip
def test_an_immutable_tag_and_the_next_import_of_a_repository(new: Any, old: Any, *, denied: bool) -> None:
    """A change after which the followed repository will overwrite an immutable tag is denied, by the same words exported."""
    review, exported = decoded(stream_review(new, old)), export(FIXED)
    assert engine.validate(review, FIXED).allowed is not denied
    assert bool(agreed(review, FIXED, exported, Evaluator(exported.documents))) is denied


@pytest.mark.parametrize("policy", [WRITTEN, EXEMPT], ids=["an-expression", "an-exemption"])
def test_the_next_import_of_a_repository_is_a_change_of_the_tag(policy: Policy) -> None:
    """An expression applies to a tag that the import will overwrite, and an exemption must cover it, exported too."""
    review = decoded(stream_review(following(OWN, FREE), following(OWN, metadata=DONE)))
    exported = export(policy)
    assert not engine.validate(review, policy).allowed
    assert agreed(review, policy, exported, Evaluator(exported.documents))


def test_the_status_can_forget_an_import_too() -> None:
    """A status write stores annotations, so it can ask for the import that overwrites a tag."""
    new, old = following(OWN), following(OWN, metadata=DONE)
    assert not engine.validate(decoded(stream_review(new, old, "status")), FIXED).allowed
    assert engine.validate(decoded(stream_review(old, old, "status")), FIXED).allowed


@pytest.mark.parametrize(
    ("reference", "denied"),
    [
        pytest.param(f"quay.io/a/c@{DIGEST}", False, id="of-its-source"),
        pytest.param(f"quay.io/a/other@{DIGEST}", True, id="of-another-repository"),
    ],
)
def test_a_status_cannot_fill_an_immutable_tag_with_another_image(reference: str, *, denied: bool) -> None:
    """A tag that has a source and was never imported means nothing yet, and no other image by a status write."""
    event = {"created": "2026-01-01T00:00:00Z", "dockerImageReference": reference, "image": DIGEST, "generation": 1}
    new = {**stream_of(OWN), "status": {"dockerImageRepository": "", "tags": [{"tag": "v1", "items": [event]}]}}
    assert engine.validate(decoded(stream_review(new, stream_of(OWN), "status")), FIXED).allowed is not denied


@pytest.mark.parametrize(
    ("other", "denied"),
    [
        pytest.param("reg.example/a/b:2", True, id="same-repository"),
        pytest.param("reg.example/x/y:1", True, id="another-repository"),
        pytest.param("reg.example:5000/a/b:1", False, id="another-port"),
        pytest.param("other.example/a/b:1", False, id="another-registry"),
    ],
)
def test_an_insecure_image_counts_for_its_registry(other: str, *, denied: bool) -> None:
    """An image that goes to no tag makes the others of its registry insecure, whatever their repository."""
    images = (
        {"from": {"kind": "DockerImage", "name": "reg.example/a/b:1"}, "to": {"name": "live"}},
        {"from": {"kind": "DockerImage", "name": other}, "importPolicy": {"insecure": True}},
    )
    review = decoded(import_review(*images))
    decision = engine.validate(review, SECURE)
    assert [finding.field for finding in decision.findings] == ["spec.images[1].importPolicy.insecure"] * denied
    assert bool(Evaluator(export(SECURE).documents).decide(review.request)) is denied
