"""Every rule kind in CEL: the export denies what the rule denies, in the same words, or says why it cannot."""

import json
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.builders import (
    DIGEST,
    HEAD,
    decoded,
    docker,
    import_review,
    imported,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_of,
    stream_review,
    stream_tag,
    tag_of,
)
from tests.support.vap import Evaluator, agreed
from tests.unit.test_rules import ROWS, Row, document_of, kind_of

from webhook.cli.main import main
from webhook.model.review import Review
from webhook.policy.entries import KINDS
from webhook.policy.policy import Policy
from webhook.resources import catalog
from webhook.resources.sides import OVERWRITTEN
from webhook.rules.base import Rule
from webhook.rules.vocabulary import Inexpressible, Subject
from webhook.vap.export import Exported, export
from webhook.vap.findings import AS_IT_WAS, TO_BE

_APP, _OLD, _HUB = docker("quay.io/acme/app:1"), docker("quay.io/acme/app:0"), docker("nginx")
_INSECURE = {"openshift.io/image.insecureRepository": "true"}
_PULLED = {"dockerImageReference": "quay.io/acme/app:latest", "metadata": {"name": DIGEST}}
_OWN = f"image-registry.openshift-image-registry.svc:5000/app/app@{DIGEST}"
_WRONG: dict[str, Any] = {
    "importPolicy": {"insecure": True, "scheduled": True},
    "referencePolicy": {"type": "Source"},
    "annotations": {"example.com/x": "1", "owner": "bob"},
}
_STORED = stream_of(tag_of(_HUB, **_WRONG), tag_of(_OLD, name="v1"), tag_of(None, name="v2"))
_SRE: dict[str, Any] = {"userInfo": {"username": "eve", "groups": ["sre"]}}
_REASON = {"annotations": {"istag-webhook/reason": "incident 7"}}
# Reviews of every resource, in addition to those of the rows: with existing tags and few changes.
_REVIEWS: Mapping[str, dict[str, Any]] = {
    "istag-unchanged": review_of(_HUB, old=_HUB, tag=_WRONG),
    "istag-moved": review_of(_HUB, old=_APP, tag=_WRONG),
    "istag-without-a-tag": review_of(None, old=_HUB),
    "istag-by-a-member": review_of(_HUB, **_SRE),
    "istag-with-a-reason": review_of(_HUB, tag=_REASON, **_SRE),
    "istag-of-another-namespace": review_of(stream_tag("base:latest", "shared"), old=_APP),
    "istag-of-an-image": review_of({"kind": "ImageStreamImage", "name": f"base@{DIGEST}", "namespace": "shared"}),
    "itag": reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(_HUB, **_WRONG)), itag_of(tag_of(_HUB))),
    "itag-new": reviewed("imagetags", "ImageTag", "app:v1", itag_of(tag_of(docker("evil.example/x"), **_WRONG))),
    "stream-new": stream_review(_STORED),
    "stream-unchanged": stream_review(_STORED, _STORED),
    "stream-with-one-more": stream_review(
        stream_of(tag_of(_HUB, **_WRONG), tag_of(_OLD, name="v1"), tag_of(_HUB, name="v2"), tag_of(_HUB, name="-v3")), _STORED
    ),
    "stream-with-fewer": stream_review(stream_of(tag_of(_OLD, name="live")), _STORED),
    "stream-looked-up": stream_review({**_STORED, "spec": {**_STORED["spec"], "lookupPolicy": {"local": True}}}, _STORED),
    "stream-made-insecure": stream_review({**_STORED, "metadata": {**_STORED["metadata"], "annotations": _INSECURE}}, _STORED),
    "stream-insecure-without-tags": stream_review(stream_of(metadata={"name": "app", "namespace": "app", "annotations": _INSECURE})),
    "stream-by-a-member": stream_review(_STORED, None, **_SRE),
    "stream-that-follows": stream_review(
        stream_of(tag_of(_HUB), tag_of(_OLD, name="v1"), dockerImageRepository="quay.io/acme/app"), _STORED
    ),
    "stream-that-follows-what-was-pushed": stream_review(
        stream_of(dockerImageRepository="quay.io/acme/app"),
        {
            **stream_of(),
            "status": {
                "tags": [
                    {"tag": "live", "items": [{"image": DIGEST, "dockerImageReference": _OWN, "created": "", "generation": 1}]},
                    {"tag": "v1", "items": [{"image": DIGEST, "dockerImageReference": "quay.io/x/y", "created": "", "generation": 1}]},
                    {"tag": "v2", "items": []},
                ]
            },
        },
    ),
    "import": import_review(imported("nginx", **_WRONG), imported("quay.io/acme/app:latest", "v1")),
    "import-of-an-insecure-registry": import_review(
        imported("quay.io/acme/app:1"), imported("quay.io/acme/tools:1", None, importPolicy={"insecure": True})
    ),
    "import-of-a-repository": import_review(repository=imported("evil.example/x", None, importPolicy={"insecure": True})),
    "import-that-only-looks": import_review(imported("nginx", **_WRONG), wanted=False),
    "push-from-elsewhere": push_review(_PULLED),
    "push-of-another-image": push_review({**_PULLED, "dockerImageReference": f"quay.io/acme/app@{DIGEST[:-1]}0"}),
    "push-of-its-own": push_review({**_PULLED, "dockerImageReference": _OWN}, "-v1"),
}  # fmt: skip
_EXEMPT = "exemptions: [{name: sre, groups: [sre], annotation: istag-webhook/reason}], "
# Expressions that can be evaluated on every review.
_EXPRESSIONS = (
    """expression: {validations: [{expression: 'request.userInfo.username == "alice"', message: not alice}]}""",
    """expression: {validations: [{expression: 'object.metadata.name.upperAscii() == "APP:LIVE"'}, {expression: 'oldObject == null'}]}""",
)
_FAILS = "could not be evaluated"


def _expressible(kind: type[Rule]) -> bool:
    return not any(
        isinstance(entry.rule.cel(TO_BE), Inexpressible) for entry in _policy(kind).rules if entry.name != "schema"
    )


def _written(kind: type[Rule]) -> list[str]:
    """Return the rules of a kind as its rows write them."""
    rows = dict.fromkeys(row.kind for row in ROWS.values() if kind_of(row) == kind.kind)
    return list(_EXPRESSIONS) if kind.kind == "expression" else list(rows)


def _entries(kind: type[Rule]) -> Iterator[str]:
    """Yield entries of a policy: each rule in the modes for new and existing findings, for all tags and for some."""
    for number, rule in enumerate(_written(kind)):
        yield f"{{name: r{number}, existing: warn, {rule}}}"
        if kind.evaluates_tags:
            match = "{tags: [live, 'v*'], exclude: {tags: [v2]}}"
            yield f"{{name: m{number}, mode: audit, existing: audit, match: {match}, {rule}}}"


@lru_cache
def _policy(kind: type[Rule], *, exempt: bool = False) -> Policy:
    entries = list(_entries(kind))[: 2 if exempt else None]
    return policy_of(f"spec: {{{_EXEMPT if exempt else ''}rules: [{', '.join(entries)}]}}")


@pytest.fixture(scope="module")
def reviews() -> dict[str, Review]:
    """All reviews: of the rows, and those above; what is malformed the API server rejects before it asks anybody."""
    documents = {**{name: document_of(row) for name, row in ROWS.items()}, **_REVIEWS}
    different = {json.dumps(document): name for name, document in documents.items()}
    found = {name: decoded(documents[name]) for name in different.values()}
    return {name: review for name, review in found.items() if not any(each.faults for each in catalog.changes(review))}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in KINDS if kind.evaluates_tags and kind.reads <= OVERWRITTEN.carries],
    ids=lambda kind: kind.kind,
)
def test_an_export_sees_the_next_import_of_a_repository(kind: type[Rule]) -> None:
    """A rule kind that evaluates a tag which only that import overwrites denies it in CEL too, or cannot be exported."""
    for entry in _policy(kind).rules:
        denials = entry.rule.cel(TO_BE)
        if entry.name != "schema" and not isinstance(denials, Inexpressible):
            assert Subject.OVERWRITTEN in {denial.subject for denial in denials}, entry.name


@pytest.mark.parametrize("exempt", [False, True], ids=["", "exempt"])
@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_every_kind_agrees(kind: type[Rule], exempt: bool, reviews: dict[str, Review]) -> None:
    """On every review, what a rule finds and how it says it is the same in the webhook and in the API server."""
    assert _written(kind), "a kind without rows is not held to anything"
    policy = _policy(kind, exempt=exempt)
    exported = export(policy)
    if not _expressible(kind):
        assert exported.documents == (), "another test holds the reason"
        return
    evaluator = Evaluator(exported.documents)
    found = [agreed(review, policy, exported, evaluator) for review in reviews.values()]
    assert not all(found), "something is allowed"
    actions = {action for each in found for of in each.values() for action in of}
    assert actions >= {"Deny"}, "something is denied"


def _exported(row: Row) -> tuple[Policy, Exported]:
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {row.kind}}}]}}")
    return policy, export(policy)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_agrees(name: str) -> None:
    """Of the review of its row, the rule says in the API server what it says in the webhook, or it is listed."""
    row = ROWS[name]
    review = decoded(document_of(row))
    policy, exported = _exported(row)
    if "the-rule" not in exported.rules:
        (left,) = (each for each in exported.left if each.name == "the-rule")
        declared = next(each for each in policy.rules if each.name == "the-rule").rule.cel(TO_BE)
        assert declared == Inexpressible(left.reason)
        return
    evaluator = Evaluator(exported.documents)
    if any(_FAILS in each for each in row.findings):
        with pytest.raises((KeyError, RuntimeError)):  # the failure policy decides
            evaluator.decide(review.request)
        return
    found = agreed(review, policy, exported, evaluator)
    assert bool(found) is (bool(row.findings) and evaluator.concerns(review.request))


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_a_kind_that_is_not_exported_says_why(kind: type[Rule], tmp_path: Path) -> None:
    """The command lists each rule that CEL cannot express, with the reason that its kind declares."""
    (rule, *_) = _written(kind)
    path = tmp_path / "policy.yaml"
    path.write_text(f"{HEAD}spec: {{rules: [{{name: the-rule, {rule}}}, {{name: other, tagName: {{grammar: true}}}}]}}")
    done = CliRunner().invoke(main, ["policy", "export", "--format", "vap", str(path)])
    assert done.exit_code == 0, done.stderr
    listed = [line.strip() for line in done.stderr.splitlines() if line.startswith("  rules/the-rule: ")]
    declared = next(each for each in _policy(kind).rules if each.name == "r0").rule.cel(TO_BE)
    reason = declared.reason if isinstance(declared, Inexpressible) else ""
    assert listed == ([f"rules/the-rule: {reason}"] if reason else [])
    assert bool(reason) is not _expressible(kind)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.kind)
def test_both_sides_have_the_same_denials(kind: type[Rule]) -> None:
    """A rule declares equal denials for the old and the new side, about the same subjects."""
    for entry in _policy(kind).rules:
        now, before = entry.rule.cel(TO_BE), entry.rule.cel(AS_IT_WAS)
        if isinstance(now, Inexpressible) or isinstance(before, Inexpressible):
            assert now == before
        else:
            assert [(each.subject, each.introduced) for each in now] == [
                (each.subject, each.introduced) for each in before
            ]
