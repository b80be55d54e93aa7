"""The table of answers: HTTP status speaks of the question, `allowed` of the answer."""

import json
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import (
    REVIEWS,
    Lines,
    decoded,
    docker,
    policy_of,
    review_of,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.examples import examples
from tests.support.paths import DATA
from tests.support.sentences import INSECURE_IMPORT

from webhook.admission import engine
from webhook.audit.journal import Entry
from webhook.errors import RecordFailed
from webhook.model.decision import Exemption, Finding, Mode, PatchOp
from webhook.model.review import Reason
from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.service.app import LARGEST, Service, create_app
from webhook.service.metrics import Metrics

Make = Callable[..., FlaskClient]
_BAD = docker("docker.io/evil/x:1")
_RULE = 'registries: {allow: ["quay.io/acme/**"]}'
_SENTENCE = '"docker.io/evil/x" is not an allowed repository; allowed: quay.io/acme/**'


def _policy(mode: str = "enforce", existing: str = "audit", more: str = "") -> str:
    return f"spec: {{{more} rules: [{{name: trusted, mode: {mode}, existing: {existing}, {_RULE}}}]}}\n"


def _post(client: FlaskClient, document: dict[str, Any] | bytes, path: str = "/validate", **kwargs: Any) -> Any:
    data = document if isinstance(document, bytes) else json.dumps(document)
    return client.post(path, data=data, **{"content_type": "application/json", **kwargs})


def _answer(client: FlaskClient, document: dict[str, Any], path: str = "/validate") -> dict[str, Any]:
    answer = _post(client, document, path)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert answer.json["response"]["uid"] == document["request"]["uid"]
    response: dict[str, Any] = answer.json["response"]
    return response


@pytest.mark.parametrize(
    ("method", "path", "kwargs", "status", "sentence"),
    [
        ("GET", "/validate", {}, 405, "expected POST, got GET"),
        ("PUT", "/mutate", {}, 405, "expected POST, got PUT"),
        ("POST", "/", {}, 404, "expected /validate or /mutate, got /"),
        ("POST", "/livez", {}, 404, "expected /validate or /mutate, got /livez"),
        (
            "POST", "/validate", {"data": "x", "content_type": "text/plain"}, 415,
            "expected Content-Type application/json, got text/plain",
        ),
        ("POST", "/validate", {"data": "x"}, 415, "expected Content-Type application/json, got none"),
        (
            "POST", "/validate",
            {"data": "x", "content_type": "application/json", "headers": {"Content-Encoding": "gzip"}}, 415,
            "expected Content-Type application/json, got application/json gzip",
        ),
        (
            "POST", "/validate", {"data": b" " * (LARGEST + 1), "content_type": "application/json"}, 413,
            "expected a body of at most 7340032 bytes",
        ),
        (
            "POST", "/validate", {"data": "{}", "content_type": "application/json; charset=utf-8"}, 400,
            "expected an AdmissionReview: apiVersion: Required value: the key is missing; "
            "kind: Required value: the key is missing; request: Required value: the key is missing",
        ),
    ],
    ids=["get", "put", "root", "livez", "text", "no-type", "gzip", "large", "no-review"],
)  # fmt: skip
def test_improper_questions(
    client: Make, method: str, path: str, kwargs: dict[str, Any], status: int, sentence: str
) -> None:
    """An improper question is answered with an HTTP status and a Status that says what was expected."""
    answer = client("").open(path, method=method, **kwargs)
    assert answer.status_code == status
    assert answer.json is not None
    assert (answer.json["kind"], answer.json["code"], answer.json["message"]) == ("Status", status, sentence)


def test_the_largest_body_is_read(client: Make, body: bytes) -> None:
    """A body of exactly the limit is evaluated."""
    padded = body + b" " * (LARGEST - len(body))
    assert _post(client(""), padded).status_code == 200


def test_timeout_is_tolerated(client: Make, body: bytes) -> None:
    """The API server's `?timeout=` does not disturb."""
    assert _post(client(""), body, "/validate?timeout=10s").status_code == 200


def test_no_tag(client: Make) -> None:
    """A review without a tag is allowed, and nothing more is said."""
    document = review_of(None, operation="DELETE", object=None)
    assert _answer(client(_policy()), document)["allowed"] is True


def test_allowed(client: Make) -> None:
    """A change that no rule minds is allowed, without status or warnings."""
    response = _answer(client(_policy()), review_of(docker("quay.io/acme/app:1")))
    assert response["allowed"] is True
    assert {"status", "warnings", "patch"}.isdisjoint(response)


def test_audit(client: Make) -> None:
    """Findings in `audit` are audit annotations and nothing else."""
    response = _answer(client(_policy("audit")), review_of(_BAD))
    assert response["allowed"] is True
    assert {"status", "warnings"}.isdisjoint(response)
    assert response["auditAnnotations"]["audit"] == f"tag.from.name: {_SENTENCE} (rule trusted)"
    assert response["auditAnnotations"]["to"] == "DockerImage docker.io/evil/x:1"


def test_warn(client: Make) -> None:
    """Findings in `warn` are warnings of at most 256 bytes in one line."""
    response = _answer(client(_policy("warn")), review_of(_BAD))
    assert response["allowed"] is True
    assert response["warnings"] == [f"tag.from.name: {_SENTENCE} (rule trusted)"]
    many = ", ".join(f"registry-{number}.example" for number in range(40))
    policy = f"spec: {{rules: [{{name: trusted, mode: warn, registries: {{allow: [{many}]}}}}]}}\n"
    (long,) = _answer(client(policy), review_of(_BAD))["warnings"]
    assert len(long.encode()) <= 256
    assert long.endswith("… (rule trusted)")
    assert "\n" not in long


def test_enforce(client: Make) -> None:
    """Findings in `enforce` deny with 422 Invalid: all of them in one message, and a cause for each."""
    policy = (
        "spec: {rules: ["
        f"{{name: trusted, {_RULE}}}, {{name: secure, importPolicy: {{insecure: false}}}},"
        " {name: quiet, mode: warn, pin: {digest: true}}]}\n"
    )
    response = _answer(client(policy), review_of(_BAD, tag={"importPolicy": {"insecure": True}}))
    insecure = INSECURE_IMPORT
    assert response["allowed"] is False
    assert response["status"] == {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": f"tag.from.name: {_SENTENCE} (rule trusted)\ntag.importPolicy.insecure: {insecure} (rule secure)",
        "details": {
            "name": "app:live",
            "group": "image.openshift.io",
            "kind": "ImageStreamTag",
            "causes": [
                {"field": "tag.from.name", "message": f"{_SENTENCE} (rule trusted)", "reason": "FieldValueForbidden"},
                {
                    "field": "tag.importPolicy.insecure",
                    "message": f"{insecure} (rule secure)",
                    "reason": "FieldValueForbidden",
                },
            ],
        },
    }
    assert "warnings" not in response


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
@pytest.mark.parametrize("old", [None, docker("quay.io/acme/app:0")], ids=["new", "moved"])
def test_the_operation_decides_nothing(client: Make, operation: str, old: dict[str, Any] | None) -> None:
    """New is compared with old: the two calls of one `oc tag` disagree about the operation, and get one answer."""
    response = _answer(client(_policy()), review_of(_BAD, old=old, operation=operation))
    assert response["allowed"] is False


@pytest.mark.parametrize(
    ("existing", "allowed", "said"),
    [("enforce", False, "enforce"), ("warn", True, "warn"), ("audit", True, "audit"), ("ignore", True, None)],
)
def test_existing(client: Make, existing: str, allowed: bool, said: str | None) -> None:
    """An unchanged violation is evaluated in the mode `existing`."""
    response = _answer(client(_policy(existing=existing)), review_of(_BAD, old=_BAD, tag={"generation": 7}))
    assert response["allowed"] is allowed
    assert {"enforce", "warn", "audit"} & response["auditAnnotations"].keys() == ({said} if said else set())


def test_what_a_change_makes_worse_is_not_existing(client: Make) -> None:
    """A tag with an unchanged source that becomes insecure is evaluated as new for that."""
    policy = "spec: {rules: [{name: secure, existing: ignore, importPolicy: {insecure: false}}]}\n"
    document = review_of(_BAD, old=_BAD, tag={"importPolicy": {"insecure": True}})
    assert _answer(client(policy), document)["allowed"] is False
    document["request"]["oldObject"]["tag"]["importPolicy"] = {"insecure": True}
    assert _answer(client(policy), document)["allowed"] is True


def test_a_schema_fault_that_a_change_brings_is_not_existing(client: Make) -> None:
    """The schema evaluates what is new in an old tag in `enforce`."""
    document = review_of(_BAD, old=_BAD, tag={"importPolicy": {"importMode": "All"}})
    assert _answer(client(_policy(existing="ignore")), document)["allowed"] is False


_BREAK_GLASS = "exemptions: [{name: break-glass, groups: [sre], annotation: istag-webhook/reason}],"


def _by_sre(reason: str | None) -> dict[str, Any]:
    annotations = {"istag-webhook/reason": reason} if reason is not None else None
    document = review_of(
        _BAD,
        old=docker("quay.io/acme/app:0"),
        userInfo={"username": "carol", "groups": ["sre"]},
        tag={"annotations": annotations},
    )
    document["request"]["object"]["metadata"]["annotations"] = annotations
    return document


@pytest.mark.parametrize(("reason", "allowed"), [("outage 17", True), ("", False), ("  ", False), (None, False)])
def test_exemption(client: Make, lines: Lines, reason: str | None, allowed: bool) -> None:
    """An exemption that asks for a reason lets through only who gives one, and records it with what was found."""
    response = _answer(client(_policy(more=_BREAK_GLASS)), _by_sre(reason))
    assert response["allowed"] is allowed
    if allowed:
        assert response["auditAnnotations"]["exemption"] == "break-glass: outage 17"
        assert response["auditAnnotations"]["audit"] == f"tag.from.name: {_SENTENCE} (rule trusted)"
        assert lines.last["exemption"] == {"name": "break-glass", "reason": "outage 17", "ticket": ""}
        assert [(each["rule"], each["mode"]) for each in lines.last["findings"]] == [("trusted", "audit")]


def _exempting(exemption: str, rules: str = f"{{name: trusted, {_RULE}}}") -> Policy:
    return policy_of(f"spec: {{exemptions: [{{name: e, {exemption}}}], rules: [{rules}]}}\n")


def test_an_exemption_says_what_the_rules_would_have_said() -> None:
    """Each finding is kept as it was, but for its mode, which is `audit`."""
    policy = _exempting(
        "users: [alice]", f"{{name: trusted, existing: enforce, {_RULE}}}, {{name: p, pin: {{digest: true}}}}"
    )
    decision = engine.validate(decoded(review_of(_BAD, old=_BAD)), policy)
    assert (decision.verdict, decision.exemption) == ("allow", Exemption("e"))
    pinned = '"docker.io/evil/x:1" has no digest; expected name@digest'
    assert decision.findings == (
        Finding("trusted", Mode.AUDIT, _SENTENCE, "tag.from.name", existing=True, reason=Reason.FORBIDDEN),
        Finding("p", Mode.AUDIT, pinned, "tag.from.name", existing=True, reason=Reason.INVALID),
    )


def test_an_exemption_of_what_changes_nothing_is_not_used() -> None:
    """If no tag changes, no exemption applies."""
    review = decoded(review_of(None, operation="DELETE", object=None))
    assert engine.validate(review, _exempting("users: [alice]")).exemption is None


@pytest.mark.parametrize(("match", "exempt"), [("{users: [alice]}", True), ("{users: [bob]}", False)])
def test_an_exemption_matches_the_user(match: str, exempt: bool) -> None:
    """An exemption also matches the user."""
    decision = engine.validate(decoded(review_of(_BAD)), _exempting(f"groups: ['*'], match: {match}"))
    assert (decision.exemption is not None) is exempt


def test_the_reasons_of_several_tags_are_joined() -> None:
    """An exemption that asks for a reason asks each tag for it, and a tag that is removed can give none."""
    policy = _exempting("users: [alice], annotation: why")
    tags = [tag_of(_BAD, name=name, annotations={"why": why}) for name, why in (("a", "x"), ("b", "y"), ("c", "x"))]
    decision = engine.validate(decoded(stream_review(stream_of(*tags), stream_of())), policy)
    assert decision.exemption == Exemption("e", "x; y")
    removed = decoded(stream_review(stream_of(*tags), stream_of(tag_of(_BAD, name="gone"))))
    assert engine.validate(removed, policy).exemption is None


def test_findings_stand_in_the_order_of_the_policy() -> None:
    """However the rules are laid out for speed, the user reads them as the policy lists them."""
    here = "match: {namespaces: [app]}"
    policy = policy_of(
        f"spec: {{rules: [{{name: c, {here}, pin: {{digest: true}}}}, {{name: b, {_RULE}}}, {{name: a, {here}, {_RULE}}}]}}\n"
    )
    findings = engine.validate(decoded(review_of(_BAD)), policy).findings
    assert [finding.rule for finding in findings] == ["c", "b", "a"]
    policy = policy_of(f"spec: {{rules: [{{name: c, {here}, pin: {{digest: true}}}}, {{name: b, {_RULE}}}]}}\n")
    findings = engine.validate(decoded(review_of(_BAD)), policy).findings
    assert [finding.rule for finding in findings] == ["c", "b"]


def test_a_cluster_completes_first_and_then_evaluates() -> None:
    """The rules see the completed object, and the patch is in the answer; without defaults there is no patch."""
    rules = "rules: [{name: m, importPolicy: {importMode: [PreserveOriginal]}}]"
    defaults = "defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}]"
    review = decoded(review_of(docker("quay.io/acme/app:1")))
    completed = engine.admit(review, policy_of(f"spec: {{{defaults}, {rules}}}\n"))
    assert (completed.verdict, completed.findings) == ("allow", ())
    assert completed.patch == (PatchOp("add", "/tag/importPolicy/importMode", "PreserveOriginal"),)
    as_sent = engine.admit(review, policy_of(f"spec: {{{rules}}}\n"))
    assert (as_sent.verdict, as_sent.patch) == ("deny", ())


def test_an_exemption_of_others_helps_nobody(client: Make) -> None:
    """A user in no exempt group is evaluated, whatever the annotation is."""
    document = _by_sre("please")
    document["request"]["userInfo"] = {"username": "mallory", "groups": ["sre-friends"]}
    assert _answer(client(_policy(more=_BREAK_GLASS)), document)["allowed"] is False


def test_mutate(client: Make) -> None:
    """A default that applies is a JSONPatch, and never a denial, whatever the rules would say."""
    policy = _policy(more="defaults: [{name: m, set: {importPolicy: {importMode: PreserveOriginal}}}],")
    response = _answer(client(policy), review_of(_BAD), "/mutate")
    assert response["allowed"] is True
    assert response["patchType"] == "JSONPatch"
    assert "status" not in response
    response = _answer(client(_policy()), review_of(_BAD), "/mutate")
    assert {"patch", "patchType"}.isdisjoint(response)


def test_validate_never_patches(client: Make) -> None:
    """A validating answer carries no patch: the API server would call it a failure."""
    policy = "spec: {defaults: [{name: m, set: {importPolicy: {importMode: PreserveOriginal}}}]}\n"
    assert {"patch", "patchType"}.isdisjoint(_answer(client(policy), review_of(_BAD)))


class _Broken(Lines):
    def settle(self, entry: Entry) -> None:
        """Fail as a full disk does."""
        raise RecordFailed(f"records.jsonl: No space left on device ({len(entry.line)} bytes)")


def test_a_lost_record_is_a_fault_of_ours(client: Make, caplog: pytest.LogCaptureFixture) -> None:
    """No answer leaves without its record, and the log says why, with the uid."""
    answer = _post(client(_policy(), journal=_Broken()), review_of(_BAD))
    assert answer.status_code == 500
    assert answer.json["message"] == "the webhook failed to evaluate the review; see its log"
    (entry,) = caplog.records
    assert entry.__dict__["uid"] == "11111111-2222-3333-4444-555555555555"
    assert entry.exc_info is not None


def test_best_effort(client: Make, caplog: pytest.LogCaptureFixture) -> None:
    """If the settings allow it, an answer is sent without its record, and the log reports the loss."""
    response = _answer(client(_policy(), journal=_Broken(), best_effort=True), review_of(_BAD))
    assert response["allowed"] is False
    assert "record lost" in caplog.text


_HOSTILE = "a\nb\x1b[31m\u2028\u202e\x7f"


@pytest.mark.parametrize("field", ["from", "name", "user", "kind", "annotation"])
def test_control_characters_never_come_out(
    client: Make, lines: Lines, caplog: pytest.LogCaptureFixture, field: str
) -> None:
    """Input of users is escaped in messages, warnings, annotations, records and the log."""
    policy = (
        "spec: {rules: ["
        f"{{name: trusted, {_RULE}}}, {{name: names, mode: warn, tagName: {{grammar: true}}}},"
        " {name: kinds, sourceKinds: {allow: [DockerImage]}},"
        ' {name: owned, annotations: {require: {owner: "x"}}}]}\n'
    )
    document = review_of(docker(f"docker.io/x{_HOSTILE}" if field == "from" else "docker.io/evil/x:1"))
    request = document["request"]
    if field == "name":
        request["name"] = request["object"]["metadata"]["name"] = f"app:{_HOSTILE}"
    if field == "user":
        request["userInfo"]["username"] = _HOSTILE
    if field == "kind":
        request["object"]["tag"]["from"]["kind"] = _HOSTILE
    if field == "annotation":
        for home in ("metadata", "tag"):
            request["object"][home]["annotations"] = {"owner": _HOSTILE}
    answer = _post(client(policy), document)
    response = answer.json["response"]
    said = [response["status"]["message"].replace("\n", ""), *response["auditAnnotations"].values()]
    said += [cause["message"] for cause in response["status"]["details"]["causes"]]
    said += [finding["message"] for finding in lines.last["findings"]] + [lines.last["user"], lines.last["name"]]
    said += [caplog.text]
    assert [text for text in said if not text.isprintable()] == []


def test_audit_annotation_keys_are_short(client: Make) -> None:
    """Keys are names that the API server can put its own before."""
    response = _answer(client(_policy(more=_BREAK_GLASS)), _by_sre("outage"))
    assert all(key.isalpha() and len(key) <= 10 for key in response["auditAnnotations"])
    assert set(response["auditAnnotations"]) == {"policy", "tag", "from", "to", "exemption", "audit"}


_RECORDED = sorted(path for path in REVIEWS.glob("*.json") if not path.name.endswith(".expected.json"))
_VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [
        None, True, -1, 2**64 - 1, 2**70, 1.5, "", "x", "a:b:c", "\u2028\n", "é" * 300, "user:pw@h/x", [], [None], [{}], {},
        {"a": 1}, {"a": None}, {"kind": "DockerImage"}, "ImageStreamTag", {"istag-webhook/keep": 5},
        {"from": {"kind": "ImageStreamImage", "name": "@"}},
    ]
)  # fmt: skip


@examples(300)
@given(st.data(), st.sampled_from(_RECORDED), st.sampled_from(["/validate", "/mutate"]))
def test_any_value_anywhere_is_answered(data: st.DataObject, path: Path, endpoint: str) -> None:
    """A recorded review with any value at any place is evaluated or is no review: it is never a fault of ours."""
    policy = load(DATA / "policies" / "strict.yaml")
    document = json.loads(path.read_text())
    for _ in range(data.draw(st.integers(1, 3))):
        at: Any = document["request"]
        while True:
            keys = sorted(at) if isinstance(at, dict) else list(range(len(at)))
            key = data.draw(st.sampled_from(keys)) if keys else None
            if key is not None and isinstance(at[key], (dict, list)) and at[key] and data.draw(st.booleans()):
                at = at[key]
                continue
            if key is not None:
                at[key] = deepcopy(data.draw(_VALUES))
            break
    service = Service(lambda: policy, Lines(), Metrics(), "0", level="request")
    assert _post(create_app(service).test_client(), document, endpoint).status_code in (200, 400)


def test_options_says_what_is_taken(client: Make) -> None:
    """OPTIONS, which asks Flask's URL map, names the one method; nothing is recorded."""
    answer = client("").options("/validate")
    assert (answer.status_code, set(answer.allow)) == (200, {"OPTIONS", "POST"})


def test_no_cookie_is_set_or_read(client: Make) -> None:
    """There is no session: a cookie is skipped, and none comes back."""
    made = client("")
    made.set_cookie("session", "x")
    answer = _post(made, review_of({"kind": "DockerImage", "name": "quay.io/a:1"}))
    assert (answer.status_code, answer.headers.get("Set-Cookie")) == (200, None)
    assert answer.headers.getlist("Content-Length") == [str(len(answer.data))]
