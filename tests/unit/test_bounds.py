"""However much is wrong in a review, its answer and its record are bounded, and say how much they leave out."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import decoded, docker, policy_of, review_of, stream_of, stream_review, tag_of

from webhook.admission import engine
from webhook.admission.codec import encode
from webhook.admission.engine import MOST_FINDINGS
from webhook.audit.record import Context, annotations, record, tags
from webhook.audit.recorded import read
from webhook.evaluate.records import Part
from webhook.evaluate.replay import Evaluation
from webhook.model.decision import Decision
from webhook.policy.policy import Policy
from webhook.text import joined

_TIME = datetime(2026, 1, 1, tzinfo=UTC)
_RULE = "{{name: {0}, mode: {0}, pin: {{digest: true}}}}"
_MODES = ("enforce", "warn", "audit")


def _policy(*modes: str) -> Policy:
    return policy_of(f"spec: {{rules: [{', '.join(_RULE.format(mode) for mode in modes)}]}}")


def _stream(size: int) -> dict[str, Any]:
    return stream_review(stream_of(*(tag_of(docker(f"quay.io/acme/app:{n}"), name=f"v{n}") for n in range(size))))


def _answered(document: dict[str, Any], policy: Policy, webhook: str = "validate") -> tuple[Any, bytes, Decision]:
    """Return the response, the record and the decision."""
    review = decoded(document)
    decision = getattr(engine, webhook)(review, policy)
    named = tags(decision, 100)
    line = record(review, decision, named, policy, Context(webhook, "0"), time=_TIME, seconds=0.1)
    return json.loads(encode(review, decision, annotations(decision, named, policy)))["response"], line, decision


@pytest.mark.parametrize("size", [100, 101, 999, 5_000])
def test_a_denial(size: int) -> None:
    """A denial has a hundred causes at most and 16 KiB of message, and says how many more there are."""
    response, line, _ = _answered(_stream(size), _policy(*_MODES))
    status, found = response["status"], json.loads(line)
    causes = status["details"]["causes"]
    assert len(causes) <= 100
    assert len(status["message"].encode()) <= 16_384
    assert len(line) < 100_000
    assert all(len(value.encode()) <= 1_024 for value in response["auditAnnotations"].values())
    kept = min(3 * size, MOST_FINDINGS)
    more = "more than " if 3 * size > MOST_FINDINGS else ""
    assert found.get("more", {}).get("findings", 0) == kept - 100
    assert found.get("more", {}).get("unevaluated", False) is bool(more)
    if size > 100:
        denials = sum(finding.mode == "enforce" for finding in _answered(_stream(size), _policy(*_MODES))[2].findings)
        assert causes[-1]["message"] == f"and {more}{denials - 99:,} more"
        assert found["more"]["tags"] == size - 100
        assert response["auditAnnotations"]["tag"].endswith(" more")
        assert response["auditAnnotations"]["enforce"].endswith(" more")


@pytest.mark.parametrize(("size", "last"), [(20, None), (21, "and 2 more"), (400, "and 381 more")])
def test_warnings(size: int, last: str | None) -> None:
    """A client is shown twenty warnings at most."""
    warnings = _answered(_stream(size), _policy("warn"))[0]["warnings"]
    assert len(warnings) == 20
    assert (warnings[-1] if last else None) == last


def test_what_decides_is_found_behind_all_else() -> None:
    """The first violation in `enforce` is found behind ten thousand others, and more of the others are not sought."""
    document = _stream(5_000)
    document["request"]["object"]["spec"]["tags"][-1]["from"]["name"] = "evil.example/x:1"
    policy = policy_of(
        "spec: {rules: [{name: pinned, mode: warn, pin: {digest: true}}, "
        "{name: ours, registries: {allow: [quay.io]}}]}"
    )  # fmt: skip
    response, line, decision = _answered(document, policy)
    assert (response["allowed"], decision.cut, len(decision.findings)) == (False, True, MOST_FINDINGS + 1)
    first, last = response["status"]["details"]["causes"]
    assert (first["field"], last["message"]) == ("spec.tags[4999].from.name", "and more")
    assert json.loads(line)["more"] == {"tags": 4_900, "findings": MOST_FINDINGS - 99, "unevaluated": True}
    assert len(engine.admit(decoded(document), policy).findings) == 5_001


def test_many_violations_of_one_tag() -> None:
    """One tag may break one rule as often as it likes: no more is sought than can be shown."""
    document = review_of(docker("quay.io/acme/app:1"), tag={"annotations": {f"a{n}": "x" for n in range(20_000)}})
    document["request"]["object"]["metadata"]["annotations"] = document["request"]["object"]["tag"]["annotations"]
    policy = policy_of("spec: {rules: [{name: none, annotations: {deny: ['*']}}]}")
    response, line, decision = _answered(document, policy)
    assert (len(decision.findings), decision.cut) == (MOST_FINDINGS, True)
    assert len(response["status"]["details"]["causes"]) == 100
    assert len(line) < 100_000


_COMPLETING = policy_of("spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}]}")


@pytest.mark.parametrize("size", [100, 101, 2_000])
def test_a_long_patch_is_replayed(size: int) -> None:
    """The answer holds the whole patch, the record its beginning; by the same policy nothing has changed."""
    document = _stream(size)
    _, line, decision = _answered(document, _COMPLETING, "mutate")
    found = read(line)
    assert found is not None
    assert (len(decision.patch), len(found.patch), found.patch_more) == (size, 100, size - 100)
    line = json.dumps({**json.loads(line), "request": document["request"]}).encode()
    same, other = (
        Evaluation(policy)(Part("x", 1, line, len(line))).tally.changes.total()
        for policy in (_COMPLETING, policy_of("spec: {rules: [{name: r, registries: {allow: ['**']}}]}"))
    )
    assert (same, other) == (0, 1)


def test_long_texts() -> None:
    """A text that a user sent takes 1 KiB of the record at most, however long it is; a long list of groups is cut too."""
    long = "x" * 100_000
    user = {"username": long, "groups": [f"{long}{n}" for n in range(200)]}
    document = review_of(docker(f"quay.io/{long}"), name=f"{long}:{long}", namespace=long, userInfo=user)
    _, line, _ = _answered(document, _policy("enforce"))
    found = json.loads(line)
    assert len(line) < 200_000
    assert (len(found["groups"]), found["more"]["groups"]) == (100, 100)
    assert all(len(found[key].encode()) <= 1_024 for key in ("namespace", "name", "user"))


@given(st.lists(st.text(max_size=30), max_size=40), st.sampled_from([", ", "\n"]), st.integers(50, 200), st.booleans())
def test_joined(texts: list[str], separator: str, size: int, unknown: bool) -> None:
    """Texts that fit are all there; of others as many as fit, and the number of the rest."""
    texts = [text.encode("utf-8", "ignore").decode() for text in texts]
    found = joined(iter(texts), len(texts), separator, size, unknown=unknown)
    whole = separator.join(texts)
    assert len(found.encode()) <= size
    if not unknown and len(whole.encode()) <= size:
        assert found == whole
    elif unknown or len(texts) > 1:
        assert found.endswith(" more")
