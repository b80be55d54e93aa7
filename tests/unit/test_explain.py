"""From what a developer pasted to the rule, its reason and how to comply."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.builders import HEAD, decoded, docker, policy_of, review_of
from tests.support.sentences import INSECURE_IMPORT

from webhook.admission import engine
from webhook.admission.codec import encode
from webhook.cli.main import main
from webhook.policy.entries import KINDS
from webhook.policy.explain import RuleMessage, read_message

_INSECURE = f"tag.importPolicy.insecure: {INSECURE_IMPORT}"
_DENIED = (
    'error: The request is invalid: admission webhook "validate.istag-webhook.io" denied the request: '
    f"{_INSECURE} (rule no-insecure-imports)"
)
_NAME = 'metadata.name: no registry can serve a tag named "ä"; expected [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}'
_POLICY = (
    HEAD
    + """\
spec:
  rules:
    # Why it is here.
    - name: trusted
      description: >-
        Other registries are not scanned; ask
        platform@example.com for a mirror.
      registries:
        allow: [quay.io]

    # About the next one.
    - {name: trusted-names, mode: warn, tagName: {deny: ["*-rc"]}}
    - name: pin
      pin: {digest: true}
"""
)


def _run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", "explain", *arguments], input=given)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (_DENIED, [RuleMessage("no-insecure-imports", _INSECURE)]),
        (f"$ oc tag --insecure x app:1\n{_DENIED}\n$ ", [RuleMessage("no-insecure-imports", _INSECURE)]),
        (_DENIED.replace(" is ", "\n  is "), [RuleMessage("no-insecure-imports", _INSECURE)]),
        (f"{_DENIED}\n{_NAME} (rule servable)", [RuleMessage("no-insecure-imports", _INSECURE), RuleMessage("servable", _NAME)]),
        (f"{_DENIED}\n{_DENIED}", [RuleMessage("no-insecure-imports", _INSECURE)]),
        (f"Warning: {_NAME} (rule servable)", [RuleMessage("servable", _NAME)]),
        (f"Warning: {_NAME} (rule serv…", [RuleMessage("serv", _NAME, whole=False)]),
        (f"Warning: {_NAME} (ru…", []),
        (
            "The imagestreamtags \"a:b\" is invalid: : ValidatingAdmissionPolicy 'x.istag-webhook.io' with binding "
            f"'x.istag-webhook.io' denied request: {_INSECURE} (rule x); {_NAME} (rule y)",
            [RuleMessage("x", _INSECURE), RuleMessage("y", _NAME)],
        ),
        (f"  enforce: tag.yaml:7: {_INSECURE} (rule x)", [RuleMessage("x", _INSECURE)]),
        ("nothing of ours (rules are rules)", []),
        ("", []),
    ],
    ids=["oc", "shell", "wrapped", "two", "twice", "warning", "cut-name", "cut", "vap", "check", "other", "empty"],
)  # fmt: skip
def test_messages(text: str, said: list[RuleMessage]) -> None:
    """Each sentence of a rule is found in what was pasted, whatever stands around it."""
    assert read_message(text) == said


def test_a_message_as_it_is_answered() -> None:
    """The webhook's answer is parsed back into the rules of its messages."""
    policy = policy_of("spec: {rules: [{name: a, pin: {digest: true}}, {name: b, registries: {allow: [quay.io]}}]}")
    review = decoded(review_of(docker("docker.io/acme/app:1")))
    answer = encode(review, engine.validate(review, policy), {}).decode()
    assert {each.rule for each in read_message(answer.replace("\\n", "\n"))} == {"a", "b"}


def test_a_message() -> None:
    """A denial leads to the rule: where it stands, what it asks for, and how to comply."""
    done = _run(_DENIED)
    assert done.exit_code == 0
    head, *_ = done.output.splitlines()
    assert head.startswith("no-insecure-imports: rule of policy shipped, default.yaml:")
    for part in (
        f"  message: {_INSECURE}\n",
        "  enforce: a violation denies the change\n",
        "\n  - name: no-insecure-imports\n    mode: enforce\n    existing: ignore\n",
        "    importPolicy: {insecure: false}\n\n  importPolicy\n    How a tag may be imported",
        "To fix it:\n  - Leave out `--insecure` (`importPolicy.insecure: false`)",
    ):  # fmt: skip
        assert part in done.output


def test_a_rule_of_a_policy(tmp_path: Path) -> None:
    """A rule is shown as in its file, without the surrounding text, and with its description."""
    path = tmp_path / "policy.yaml"
    path.write_text(_POLICY)
    done = _run("trusted", "--policy", str(path))
    assert done.output.startswith(
        f"trusted: rule of policy test, {path}:7:7\n"
        "  description: Other registries are not scanned; ask platform@example.com for a mirror.\n"
        "  enforce: a violation denies the change\n"
        "  existing audit: a violation that the change did not introduce is only recorded\n\n"
        "  - name: trusted\n    description: >-\n      Other registries are not scanned; ask\n"
        "      platform@example.com for a mirror.\n    registries:\n      allow: [quay.io]\n\n  registries\n"
    )
    assert "  - Use an image from quay.io: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`.\n" in done.output


def test_a_cut_name(tmp_path: Path) -> None:
    """If a warning was cut within the rule's name, every possible rule is explained."""
    (tmp_path / "policy.yaml").write_text(_POLICY)
    done = _run("-", "--policy", str(tmp_path), given="Warning: tag.x: y (rule trust…\n")
    assert done.stderr == "rule trust…: the message was cut; the rule is one of trusted, trusted-names\n"
    assert [line.partition(":")[0] for line in done.stdout.splitlines() if ": rule of" in line] == [
        "trusted",
        "trusted-names",
    ]


def test_a_rule_goes_before_a_kind(tmp_path: Path) -> None:
    """A name that is a rule and a kind is the rule; the rule that is always there stands in no file."""
    (tmp_path / "policy.yaml").write_text(_POLICY)
    assert _run("pin", "--policy", str(tmp_path)).output.startswith("pin: rule of policy test")
    assert _run("pin").output.startswith("pin\n  Sources that cannot move")
    assert _run("(rule schema)").output.startswith("schema: rule of policy shipped, built in\n")


def test_json(tmp_path: Path) -> None:
    """An entry of a policy in JSON, on one line with all others, is shown alone."""
    rules = '[{"name": "a", "pin": {"digest": true}}, {"name": "b", "immutable": {}}]'
    (tmp_path / "p.json").write_text(
        '{"apiVersion": "istag-webhook/v1", "kind": "ImageTagPolicy", "metadata": {"name": "x"}, '
        f'"spec": {{"rules": {rules}}}}}'
    )
    assert "\n\n  - name: b\n    immutable: {}\n\n" in _run("b", "--policy", str(tmp_path)).output


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("what is this?", "expected a message with `(rule NAME)` in it (a warning may have been cut before it), a rule"),
        ("x (rule other-cluster)", "rule other-cluster: not in shipped@sha256:"),
    ],
    ids=["nothing", "another policy"],
)  # fmt: skip
def test_nothing_known(text: str, sentence: str) -> None:
    """Text without a rule exits with 2 and a message with what was expected."""
    done = _run(text)
    assert (done.exit_code, done.stdout) == (2, "")
    assert sentence in done.stderr


def test_a_bad_policy(tmp_path: Path) -> None:
    """A policy that cannot be used ends with 2 and its faults."""
    (tmp_path / "policy.yaml").write_text("a: 1")
    done = _run("x", "--policy", str(tmp_path))
    assert (done.exit_code, done.stdout) == (2, "")
    assert "unknown key" in done.stderr


_COMPLY: dict[str, tuple[str, ...]] = {
    "schema: {}": (
        "Correct the field in the message: `oc explain imagestream.spec.tags` describes the fields of a tag.",
    ),
    "sourceKinds: {allow: [DockerImage]}": (
        "Point the tag at a source of kind DockerImage: `oc tag` takes --source=docker.",
    ),
    "sourceKinds: {allow: [ImageStreamTag, ImageStreamImage]}": (
        "Point the tag at a source of kind ImageStreamTag or ImageStreamImage: `oc tag` takes --source=imagestreamtag or --source=imagestreamimage.",
    ),
    "registries: {allow: [quay.io, ghcr.io]}": (
        "Use an image from quay.io, ghcr.io: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`.",
        "Copy an image from elsewhere first: `oc image mirror SOURCE DESTINATION`.",
    ),
    "registries: {deny: [docker.io]}": (
        "Do not use an image from docker.io.",
        "Copy an image from elsewhere first: `oc image mirror SOURCE DESTINATION`.",
    ),
    "pin: {digest: true}": (
        "Name the image by its digest: `oc tag REGISTRY/REPOSITORY@sha256:… STREAM:TAG`; `oc image info REGISTRY/REPOSITORY:TAG` prints the digest.",
        "Or point at an image of the cluster: `oc tag --source=isimage STREAM@sha256:… STREAM:TAG`.",
    ),
    "pin: {denyTags: [latest, edge]}": (
        "Name the source by a tag other than latest, edge, or by digest; the default is latest.",
    ),
    "crossNamespace: {}": (
        "Point the tag at a source of its own namespace: `oc tag STREAM:TAG STREAM:TAG`.",
        "Import an image of another namespace from its original registry, if that is allowed.",
    ),
    "crossNamespace: {allow: [openshift, shared]}": (
        "Point the tag at a source of its own namespace or of openshift, shared: `oc tag STREAM:TAG STREAM:TAG`.",
        "Import an image of another namespace from its original registry, if that is allowed.",
    ),
    "importPolicy: {insecure: false, scheduled: false}": (
        "Leave out `--insecure` (`importPolicy.insecure: false`), and the stream's annotation too: `oc annotate is/STREAM openshift.io/image.insecureRepository-`.",
        "Have the cluster trust the registry's CA instead: `additionalTrustedCA` of `image.config/cluster`.",
        "Leave out `--scheduled` (`importPolicy.scheduled: false`), and run `oc import-image STREAM:TAG`.",
    ),
    "importPolicy: {insecure: true, scheduled: true}": (
        "Import with `oc tag --insecure` (`importPolicy.insecure: true`).",
        "Import with `oc tag --scheduled` (`importPolicy.scheduled: true`), or name the image by its digest.",
    ),
    "importPolicy: {scheduledFrom: [quay.io]}": (
        "Schedule imports only from quay.io; otherwise leave out `--scheduled`.",
    ),
    "importPolicy: {importMode: [Legacy, PreserveOriginal]}": (
        "Import with `--import-mode=Legacy` or `--import-mode=PreserveOriginal` (`importPolicy.importMode`).",
    ),
    "referencePolicy: {allow: [Local]}": ("Tag with `--reference-policy=local` (`referencePolicy.type`).",),
    "referencePolicy: {allow: [Source, Local]}": (
        "Tag with `--reference-policy=source` or `--reference-policy=local` (`referencePolicy.type`).",
    ),
    "lookupPolicy: {local: true}": ("Set its `lookupPolicy.local`: `oc set image-lookup STREAM --enabled=true`.",),
    "lookupPolicy: {local: false}": ("Set its `lookupPolicy.local`: `oc set image-lookup STREAM --enabled=false`.",),
    "tagName: {grammar: true}": (
        "Use letters, digits, `_`, `.` and `-`, at most 128 characters, without `.` or `-` at the beginning.",
    ),
    'tagName: {allow: ["v*", stable]}': (
        "Choose a name such as v*, stable.",
        "Import the tags of a repository one by one: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`.",
    ),
    "tagName: {deny: [edge]}": (
        "Choose a name other than edge.",
        "Import the tags of a repository one by one: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`.",
    ),
    "tagLimit: {max: 5}": ("Delete tags until 5 are left (`oc tag -d STREAM:TAG`), or create another stream.",),
    "immutable: {}": (
        "Keep the tag, and create a new one: `oc tag SOURCE STREAM:NEWTAG`.",
        "A push and an import do not contain the old tag: set it by `oc tag` instead.",
    ),
    "immutable: {unknown: allow}": ("Keep the tag, and create a new one: `oc tag SOURCE STREAM:NEWTAG`.",),
    "schedule: {deny: [{name: freeze, from: 2026-12-20, until: 2027-01-07}]}": (
        "Wait until the time that the message names; `istag-webhook policy explain RULE` lists the next windows.",
        "In an emergency, change it under an exemption, if the policy has one for you.",
    ),
    'annotations: {require: {owner: "team-*"}}': (
        "Set an annotation owner that matches team-*: `oc annotate istag/STREAM:TAG owner=VALUE`.",
    ),
    "annotations: {deny: [a, b]}": ("Remove annotations such as a, b: `oc annotate istag/STREAM:TAG NAME-`.",),
    'labels: {require: {owner: "team-*"}}': (
        "Build the image with a label owner that matches team-*: `podman build --label owner=VALUE`.",
        "Push an image instead of a manifest list, which has no labels of its own.",
    ),
    "labels: {deny: [a, b]}": (
        "Build it without labels such as a, b.",
        "Push an image instead of a manifest list, which has no labels of its own.",
    ),
    "platforms: {require: [linux/amd64, linux/arm64]}": (
        "Build and push it for linux/amd64, linux/arm64: `podman build --platform PLATFORM,… --manifest NAME`.",
    ),
    "imageSize: {max: 1Ki}": (
        "Build an image of at most 1024 bytes: a smaller base, a final stage without build tools.",
        "Push an image instead of a manifest list, which does not state its size.",
    ),
    "imageSize: {maxLayers: 5}": (
        "Build it with at most 5 layers: `podman build --squash`.",
        "Push an image instead of a manifest list, which does not state its size.",
    ),
    "signatures: {}": ("Push the image with its signature: `skopeo copy --sign-by KEY SOURCE DESTINATION`.",),
    "signatures: {trusted: true}": (
        "Push the image with its signature, verified by (`oc adm verify-image-signature --save`): `skopeo copy --sign-by KEY SOURCE DESTINATION`.",
    ),
    "conditions: {deny: [ImportSuccess]}": (
        "Fix the problem in the condition, then import again: `oc import-image STREAM:TAG`.",
        "Or point the tag at another source: the conditions of the old source no longer count.",
    ),
    "expression: {validations: [{expression: tag.scheduled, message: on a schedule}, {expression: tag.insecure}]}": (
        "Make this expression true: `tag.scheduled` (else: on a schedule).",
        "Make this expression true: `tag.insecure` (else: failed expression: tag.insecure).",
    ),
}


@pytest.mark.parametrize(("kind", "sentences"), _COMPLY.items(), ids=_COMPLY)
def test_how_to_comply(kind: str, sentences: tuple[str, ...]) -> None:
    """Each rule kind says in plain sentences how to comply, by its parameters."""
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {kind}}}]}}\n")
    rule = next(entry.rule for entry in policy.rules if entry.name == "the-rule")
    assert tuple(rule.remediation()) == sentences


def test_every_kind_says_how_to_comply() -> None:
    """No rule kind is left out of the table above."""
    assert {kind.partition(":")[0] for kind in _COMPLY} == {kind.kind for kind in KINDS}


def test_the_description_says_nothing_to_the_engine() -> None:
    """A description changes the digest, as all that is written does, and no decision."""
    plain, described = (
        policy_of(f"spec: {{rules: [{{name: a, {extra}pin: {{digest: true}}}}]}}") for extra in ("", "description: x, ")
    )
    review = decoded(review_of(docker("busybox")))
    assert plain.digest != described.digest
    assert engine.validate(review, plain) == engine.validate(review, described)


@pytest.mark.parametrize(
    "fact",
    [
        "PreserveOriginal", "digest", "no ports, labels or environment", "oc new-app", "Storage", "cluster-wide `Legacy`",
        "spec.imageStreamImportMode", "image.config.openshift.io/cluster", "delete this entry", "istag-webhook/keep: importMode",
    ],
)  # fmt: skip
def test_the_shipped_policy_says_what_it_changes(fact: str) -> None:
    """`policy explain --shipped` says what importing every architecture changes, and how to turn it off."""
    done = CliRunner().invoke(main, ["policy", "explain", "--shipped"])
    assert done.exit_code == 0
    assert fact in done.stdout
