"""A stored image stream is evaluated as it stands, by the same rules, and completed as if it were new."""

from typing import Any

import pytest
from tests.support.builders import DIGEST, NOW, docker, policy_of, stream_of, stream_tag, tag_of

from webhook.evaluate.scan import completion, evaluated
from webhook.evaluate.streams import key_of
from webhook.model.decision import Finding, Mode
from webhook.policy.loading import load
from webhook.resources.history import read_image


def _findings(stream: dict[str, Any], rules: str, images: dict[str, dict[str, Any]] | None = None) -> list[str]:
    """Return the findings about each part of a stream, as `subject mode message`."""
    policy = policy_of(f"spec:\n  rules:\n{rules}").for_stored_streams()
    known = {digest: read_image({"metadata": {"name": digest}, **image}) for digest, image in (images or {}).items()}
    return [
        f"{outcome.title} {finding.mode} {finding}"
        for outcome in evaluated(stream, policy, known, NOW)
        for finding in outcome.findings
    ]


def _with_status(stream: dict[str, Any], *tags: dict[str, Any]) -> dict[str, Any]:
    return {**stream, "status": {**stream["status"], "tags": list(tags)}}


def _event(tag: str, digest: str = DIGEST, **more: Any) -> dict[str, Any]:
    item = {
        "created": "2026-01-01T00:00:00Z",
        "dockerImageReference": f"r/x@{digest}",
        "image": digest,
        "generation": 1,
    }
    return {"tag": tag, "items": [item], **more}


_FAILED = {
    "type": "ImportSuccess", "status": "False", "generation": 2, "reason": "Unauthorized", "message": "you may not",
}  # fmt: skip
_STREAM = stream_of(
    tag_of(docker("quay.io/acme/app:1")), tag_of(docker("docker.io/acme/app:2"), name="next"), local=True
)


@pytest.mark.parametrize(
    ("stream", "rules", "expected"),
    [
        pytest.param(
            _STREAM,
            "    - {name: known, mode: warn, existing: ignore, registries: {allow: [quay.io]}}",
            ['app/app:next warn spec.tags[1].from.name: "docker.io/acme/app" is not an allowed repository; allowed: quay.io (rule known)'],
            id="by-mode-where-existing-is-ignored",
        ),
        pytest.param(
            _STREAM,
            "    - {name: known, mode: enforce, existing: warn, match: {tags: [live]}, registries: {allow: [docker.io]}}",
            ['app/app:live enforce spec.tags[0].from.name: "quay.io/acme/app" is not an allowed repository; allowed: docker.io (rule known)'],
            id="by-mode-where-existing-warns",
        ),
        pytest.param(
            _STREAM,
            "    - {name: few, tagLimit: {max: 1}}\n    - {name: hidden, mode: audit, lookupPolicy: {local: false}}",
            [
                "app/app enforce spec.tags: the stream has 2 tags; allowed: 1 (rule few)",
                "app/app audit spec.lookupPolicy.local: local lookup is true; expected false (rule hidden)",
            ],
            id="the-stream-itself",
        ),
        pytest.param(
            _with_status(stream_of(tag_of(docker("quay.io/acme/app:1"))), _event("live", conditions=[_FAILED])),
            "    - {name: imported, mode: warn, existing: ignore, conditions: {deny: [ImportSuccess]}}",
            ['app/app:live warn status.tags[0].conditions[0]: condition "ImportSuccess" is False: "Unauthorized: you may not" (rule imported)'],
            id="an-import-that-fails",
        ),
        pytest.param(
            _with_status(stream_of(), _event("pushed"), _event("failed", conditions=[_FAILED])),
            "    - {name: imported, conditions: {deny: [ImportSuccess]}}",
            ['app/app:failed enforce status.tags[1].conditions[0]: condition "ImportSuccess" is False: "Unauthorized: you may not" (rule imported)'],
            id="a-condition-of-a-pushed-tag",
        ),
        pytest.param(
            stream_of(dockerImageRepository="docker.io/acme/app"),
            "    - {name: names, tagName: {allow: ['v*']}}",
            ["app/app:* enforce spec.dockerImageRepository: the change sets every tag of the repository, whose names are unknown (rule names)"],
            id="all-tags-of-a-repository-that-is-followed",
        ),
        pytest.param(
            _with_status(stream_of(), _event(".hidden")),
            "    - {name: served, tagName: {grammar: true}}",
            ['app/app:.hidden enforce status.tags[0].tag: no registry can serve a tag named ".hidden"; expected [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} (rule served)'],
            id="a-pushed-tag",
        ),
        pytest.param(
            _with_status(stream_of(), {"tag": ".gone", "items": None}),
            "    - {name: served, tagName: {grammar: true}}",
            [],
            id="a-tag-that-means-nothing",
        ),
        pytest.param(
            stream_of(dockerImageRepository="docker.io/acme/app"),
            "    - {name: known, registries: {allow: [quay.io]}}",
            ['app/app:* enforce spec.dockerImageRepository: "docker.io/acme/app" is not an allowed repository; allowed: quay.io (rule known)'],
            id="a-repository-that-is-followed",
        ),
        pytest.param(
            _STREAM,
            "    - {name: theirs, match: {users: [alice]}, registries: {allow: [gcr.io]}}\n"
            "    - {name: fixed, immutable: {}}",
            [],
            id="who-set-it-is-not-known-and-nothing-is-moved",
        ),
        pytest.param(
            _STREAM,
            "    - {name: cel, mode: audit, expression: {validations: [{expression: 'object.kind == \"ImageStream\" && !tag.moved && tag.name != \"next\"'}]}}",
            ['app/app:next audit spec.tags[1]: failed expression: object.kind == "ImageStream" && !tag.moved && tag.name != "next" (rule cel)'],
            id="an-expression",
        ),
    ],
)  # fmt: skip
def test_as_it_stands(stream: dict[str, Any], rules: str, expected: list[str]) -> None:
    """A stored tag is evaluated in each rule's own mode."""
    assert _findings(stream, rules) == expected


def test_every_finding_is_of_something_that_exists() -> None:
    """A finding of a scan says that nothing changed."""
    policy = policy_of("spec:\n  rules:\n    - {name: known, registries: {allow: [gcr.io]}}").for_stored_streams()
    found = [finding for outcome in evaluated(_STREAM, policy, {}, NOW) for finding in outcome.findings]
    assert [(type(each), each.mode, each.existing) for each in found] == [(Finding, Mode.ENFORCE, True)] * 2


def test_the_images_rules_evaluate_images_that_are_known() -> None:
    """The image of a tag is evaluated if it was fetched, whether the tag was imported or pushed."""
    other = "sha256:" + "b" * 64
    stream = _with_status(
        stream_of(tag_of(docker("quay.io/acme/app:1")), tag_of(stream_tag("app:live"), name="alias")),
        _event("live"),
        _event("pushed", other),
    )
    rules = "    - {name: arm, mode: warn, platforms: {require: [linux/arm64]}}"
    image = {"dockerImageMetadata": {"kind": "DockerImage", "Architecture": "amd64"}}
    assert _findings(stream, rules) == []
    assert _findings(stream, rules, {DIGEST: image, other: image}) == [
        'app/app:live warn spec.tags[0]: the image does not support linux/arm64; it supports "linux/amd64" (rule arm)',
        'app/app:pushed warn status.tags[1]: the image does not support linux/arm64; it supports "linux/amd64" (rule arm)',
    ]


def test_no_exemption_holds() -> None:
    """A tag that was set under an exemption is still reported."""
    policy = policy_of(
        "spec:\n  exemptions:\n    - {name: all, users: ['*']}\n"
        "  rules:\n    - {name: known, registries: {allow: [gcr.io]}}\n"
    )
    assert [outcome.verdict for outcome in evaluated(_STREAM, policy.for_stored_streams(), {}, NOW)] == ["deny"] * 2
    assert policy.exemptions != ()


def test_all_of_a_stream_is_evaluated() -> None:
    """Each tag of the specification, each that was only pushed, and the repository that is followed."""
    stream = _with_status(
        stream_of(tag_of(docker("quay.io/acme/app:1")), dockerImageRepository="quay.io/acme/app"),
        _event("live"),
        _event("pushed"),
    )
    outcomes = list(
        evaluated(stream, policy_of("spec: {rules: [{name: few, tagLimit: {max: 9}}]}").for_stored_streams(), {}, NOW)
    )
    assert [(each.title, each.resource, each.verdict, each.operation, each.user) for each in outcomes] == [
        ("app/app:live", "imagestreams", "allow", "", ""),
        ("app/app:pushed", "imagestreammappings", "allow", "", ""),
        ("app/app:*", "imagestreams", "allow", "", ""),
    ]
    stands = [
        ("spec.tags[0]", "app/app:live", "DockerImage quay.io/acme/app:1"),
        ("status.tags[1]", "app/app:pushed", f"DockerImage r/x@{DIGEST}"),
        ("spec", "app/app:*", "DockerImage quay.io/acme/app"),
    ]
    assert [each.tags for each in outcomes] == [
        [{"path": path, "tag": tag, "from": source, "to": source}] for path, tag, source in stands
    ]


def test_a_completion_is_what_a_new_stream_would_get() -> None:
    """Every tag counts as new, but for what an annotation keeps."""
    stream = stream_of(
        tag_of(docker("quay.io/acme/app:1")),
        tag_of(docker("quay.io/acme/app:2"), name="kept", annotations={"istag-webhook/keep": "importMode"}),
        tag_of(docker("quay.io/acme/app:3"), name="done", importPolicy={"importMode": "PreserveOriginal"}),
        tag_of(stream_tag("base:1"), name="alias"),
    )
    (operation,) = completion(stream, load())
    assert (operation.op, operation.path, operation.value) == (
        "add", "/spec/tags/0/importPolicy/importMode", "PreserveOriginal",
    )  # fmt: skip
    assert key_of(stream) == "app/app"
