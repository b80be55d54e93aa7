"""The status of an image stream: which images its tags mean from now on."""

from typing import Any

import pytest
from tests.support.builders import (
    DIGEST,
    policy_of,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.changes import (
    ANY,
    APP,
    EVIL,
    INSECURE,
    MADE_INSECURE,
    OLD,
    ONE,
    ZERO,
    changes_of,
    described,
    evaluated,
    findings_of,
    generated,
    newest,
    stream_with,
    with_status,
)

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "status-made-insecure": (
        stream_review(
            stream_of(metadata=MADE_INSECURE), stream_of(tag_of(OLD, name="a"), tag_of(APP)), "status", namespace="ns"
        ),
        [
            "imagestreams/status ns/app",
            f"imagestreams/status ns/app:a at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {ZERO} -> {ZERO} [] touched",
            f"imagestreams/status ns/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {ONE} -> {ONE} [] touched",
            f"imagestreams/status ns/app:* at metadata.annotations (/metadata/annotations, metadata.name): None -> None [{INSECURE}=true] every_tag touched",
        ],
    ),
    "status-that-moves": (
        generated(stream_review(
            with_status(
                newest("same", "a/b"), newest("live", f"quay.io/a/b@{DIGEST}", "quay.io/a/e", image=DIGEST),
                newest("new", "quay.io/a/d", image=DIGEST), newest("empty"),
            ),
            with_status(newest("same", "a/b", "a/c"), newest("live", "quay.io/a/c"), newest("gone", "a/e")),
            "status",
        )),
        [
            "imagestreams/status ns/app",
            "imagestreams/status ns/app:live at status.tags[1].items[0] (/status/tags/1/items/0, status.tags[1].tag): "
            f"DockerImage quay.io/a/c -> DockerImage quay.io/a/b@{DIGEST} [] touched moved",
            "imagestreams/status ns/app:live at status.tags[1].items[1] (/status/tags/1/items/1, status.tags[1].tag): "
            "None -> DockerImage quay.io/a/e [] touched moved",
            "imagestreams/status ns/app:new at status.tags[2].items[0] (/status/tags/2/items/0, status.tags[2].tag): "
            "None -> DockerImage quay.io/a/d [] touched moved",
            "imagestreams/status ns/app:gone at status.tags (/status/tags, status.tags): DockerImage a/e -> None [] touched moved",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param(
            stream_with(f"evil.example/x@{DIGEST}", DIGEST), stream_of(),
            ["evil.example"], id="set",
        ),
        pytest.param(stream_with(f"evil.example/x@{DIGEST}", DIGEST), stream_with(f"evil.example/x@{DIGEST}", DIGEST), [], id="as-it-was"),
        pytest.param(
            stream_with(f"quay.io/acme/app@{DIGEST}", DIGEST.replace("a", "b")), stream_with(f"quay.io/acme/app@{DIGEST}", DIGEST),
            ["cannot be evaluated"], id="an-image-that-the-reference-does-not-name",
        ),
        pytest.param(stream_with(f"quay.io/acme/app@{DIGEST}", DIGEST), stream_with("evil.example/x:1"), [], id="mended"),
    ],
)  # fmt: skip
def test_the_status_of_a_stream(new: dict[str, Any], old: dict[str, Any], said: list[str]) -> None:
    """A tag means its newest item: a status that changes the item is evaluated."""
    decision = evaluated(stream_review(new, old, "status"), policy_of(ANY % "audit"))
    assert len(decision.findings) == len(said)
    for finding, part in zip(decision.findings, said, strict=True):
        assert finding.field == "status.tags[0].items[0].dockerImageReference"
        assert part in finding.message


def test_a_status_cannot_remove_an_immutable_tag() -> None:
    """A tag with an empty history has no meaning."""
    policy = policy_of("spec: {rules: [{name: fixed, immutable: {}}]}\n")
    document = stream_review(stream_of(), stream_with(f"quay.io/acme/app@{DIGEST}", DIGEST), "status")
    assert [finding.field for finding in evaluated(document, policy).findings] == ["status.tags"]


def test_the_spec_in_a_status_is_not_stored() -> None:
    """The API server keeps the spec's tags, so those in a status change nothing."""
    document = stream_review(stream_of(tag_of(EVIL)), stream_of(tag_of(APP)), "status")
    assert findings_of(evaluated(document, policy_of(ANY % "audit"))) == []
    more = stream_review(stream_of(tag_of(APP), tag_of(APP, name="b")), stream_of(tag_of(APP)), "status")
    assert findings_of(evaluated(more, policy_of("spec: {rules: [{name: few, tagLimit: {max: 1}}]}\n"))) == []
