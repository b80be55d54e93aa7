"""Defaults: what is completed, what is left alone, and that the patch does only that."""

import json
from copy import deepcopy
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import DIGEST, decoded, docker, istag_of, policy_of, review_of, stream_tag, tag_of

from webhook.admission import engine
from webhook.admission.codec import operation
from webhook.defaults import patched_document
from webhook.model.decision import PatchOp
from webhook.policy.policy import Policy
from webhook.schemas.tag import ImageStreamTag, NewImageStreamTag

_APP = docker("quay.io/acme/app:1")
_OLD = docker("quay.io/acme/app:0")
_MODE = "{importPolicy: {importMode: PreserveOriginal}}"
_SCHEDULED = "{importPolicy: {scheduled: true}}"
_LOCAL = "{referencePolicy: {type: Local}}"
_OWNER = "{annotations: {owner: platform}}"
_ALL = (
    "{importPolicy: {importMode: PreserveOriginal, scheduled: true, insecure: true}, referencePolicy: {type: Local},"
    " annotations: {example.com/a~b: x, owner: platform}}"
)


def _policy(*sets: str) -> Policy:
    entries = ", ".join(f"{{name: d{index}, set: {each}}}" for index, each in enumerate(sets))
    return policy_of(f"spec: {{defaults: [{entries}]}}\n")


def _patch(document: dict[str, Any], policy: Policy) -> list[tuple[str, str, Any]]:
    return [(op.op, op.path, op.value) for op in engine.mutate(decoded(document), policy).patch]


def _again(**old: Any) -> dict[str, Any]:
    """Return the review of a tag with an unchanged source, as `oc tag` and an apply send it: without `old`."""
    document = review_of(_APP, old=_APP)
    before = document["request"]["oldObject"]
    kept = old.get("annotations", {})
    before["tag"] |= old
    before["metadata"]["annotations"] = kept
    if "istag-webhook/keep" in kept:
        document["request"]["object"]["metadata"]["annotations"] = kept
    return document


@pytest.mark.parametrize(
    ("sets", "review", "patch"),
    [
        pytest.param(_MODE, review_of(_APP), [("add", "/tag/importPolicy/importMode", "PreserveOriginal")], id="over-legacy"),
        pytest.param(
            _MODE, review_of(_APP, tag={"importPolicy": None}),
            [("add", "/tag/importPolicy", {"importMode": "PreserveOriginal"})], id="no-import-policy",
        ),
        pytest.param(_MODE, review_of(_APP, tag={"importPolicy": {"importMode": "PreserveOriginal"}}), [], id="already"),
        pytest.param(_MODE, review_of(stream_tag("base:1")), [], id="no-docker-image"),
        pytest.param(_MODE, review_of(None), [], id="no-source"),
        pytest.param(_MODE, review_of(_APP, old=_APP), [], id="as-it-was"),
        pytest.param(
            _MODE, review_of(_APP, old=docker("quay.io/acme/app:0")),
            [("add", "/tag/importPolicy/importMode", "PreserveOriginal")], id="moved",
        ),
        pytest.param(
            _MODE, _again(importPolicy={"importMode": "PreserveOriginal"}),
            [("add", "/tag/importPolicy/importMode", "PreserveOriginal")], id="taken-back",
        ),
        pytest.param(_MODE, _again(importPolicy={"importMode": "PreserveOriginal"}, annotations={"istag-webhook/keep": "importMode"}), [],
                     id="taken-back-by-who-keeps-it"),
        pytest.param(_LOCAL, _again(referencePolicy={"type": "Local"}), [("add", "/tag/referencePolicy/type", "Local")],
                     id="taken-back-reference-policy"),
        pytest.param(_SCHEDULED, _again(importPolicy={"scheduled": True}), [], id="taken-back-on-purpose"),
        pytest.param(_MODE, _again(importPolicy={"importMode": ""}), [], id="never-completed"),
        pytest.param(_MODE, review_of(docker("Not/A reference")), [], id="what-the-api-server-refuses"),
        pytest.param(
            _MODE, review_of(_APP, tag={"annotations": {"istag-webhook/keep": "scheduled, importMode"}}, oldObject=review_of(None)["request"]["object"]),
            [], id="kept",
        ),
        pytest.param("{importPolicy: {importMode: Legacy}}", review_of(_APP, tag={"importPolicy": {"importMode": "PreserveOriginal"}}),
                     [], id="never-back-to-legacy"),
        pytest.param(_SCHEDULED, review_of(_APP), [("add", "/tag/importPolicy/scheduled", True)], id="scheduled"),
        pytest.param(_SCHEDULED, review_of(docker(f"quay.io/acme/app@{DIGEST}")), [], id="scheduled-digest"),
        pytest.param(_SCHEDULED, review_of(stream_tag("base:1")), [], id="scheduled-stream"),
        pytest.param(_SCHEDULED, review_of(_APP, tag={"reference": True}), [], id="scheduled-reference-only"),
        pytest.param("{importPolicy: {scheduled: false}}", review_of(_APP, tag={"importPolicy": {"scheduled": True}}), [],
                     id="never-unscheduled"),
        pytest.param("{importPolicy: {insecure: true}}", review_of(_APP), [("add", "/tag/importPolicy/insecure", True)], id="insecure"),
        pytest.param(_LOCAL, review_of(stream_tag("base:1")), [("add", "/tag/referencePolicy/type", "Local")], id="over-source"),
        pytest.param("{referencePolicy: {type: Source}}", review_of(_APP, tag={"referencePolicy": {"type": "Local"}}), [],
                     id="never-back-to-source"),
        pytest.param(
            _OWNER, review_of(_APP),
            [("add", "/metadata/annotations", {"owner": "platform"}), ("add", "/tag/annotations", {"owner": "platform"})],
            id="both-homes",
        ),
        pytest.param(_OWNER, review_of(_APP, tag={"annotations": {"owner": "me"}}), [], id="annotation-there"),
        pytest.param(_ALL, review_of(None), [], id="nothing-of-no-source"),
        pytest.param(
            _LOCAL, review_of(_APP, tag={"referencePolicy": None}), [("add", "/tag/referencePolicy", {"type": "Local"})],
            id="no-reference-policy",
        ),
        pytest.param(
            _LOCAL, review_of(_APP, tag={"referencePolicy": {"type": ""}}), [("add", "/tag/referencePolicy/type", "Local")],
            id="reference-policy-unset",
        ),
        pytest.param(
            "{annotations: {team: x}}", review_of(_APP, old=_OLD, tag={"annotations": {"owner": "me"}}),
            [("add", "/metadata/annotations", {"team": "x"}), ("add", "/tag/annotations/team", "x")],
            id="the-object-takes-over-nothing-from-its-tag",
        ),
        pytest.param(
            "{annotations: {example.com/a~b: x}}", review_of(_APP, old=_OLD, tag={"annotations": {"owner": "me"}}),
            [("add", "/metadata/annotations", {"example.com/a~b": "x"}), ("add", "/tag/annotations/example.com~1a~0b", "x")],
            id="a-name-to-escape",
        ),
        pytest.param(
            _OWNER, review_of(_APP, object={**istag_of(tag_of(_APP)), "metadata": None}),
            [("add", "/tag/annotations", {"owner": "platform"})], id="null-metadata",
        ),
    ],
)  # fmt: skip
def test_completes(sets: str, review: dict[str, Any], patch: list[Any]) -> None:
    """A default sets what is unset or stands at the API server's own default, of a tag that points somewhere new."""
    assert _patch(review, _policy(sets)) == patch


def test_annotations_that_the_object_has_are_written_to_the_tag_too() -> None:
    """A tag that is created must have all annotations of the object, or the API server rejects it."""
    document = review_of(_APP)
    document["request"]["object"]["metadata"]["annotations"] = {"a/b": "c"}
    assert _patch(document, _policy(_OWNER)) == [
        ("add", "/metadata/annotations/owner", "platform"),
        ("add", "/tag/annotations", {"a/b": "c", "owner": "platform"}),
    ]


def test_the_first_default_wins_a_field() -> None:
    """The first of two defaults for one field is used; other fields of both are completed."""
    assert _patch(review_of(_APP), _policy("{annotations: {owner: a}}", "{annotations: {owner: b, team: c}}")) == [
        ("add", "/metadata/annotations", {"owner": "a", "team": "c"}),
        ("add", "/tag/annotations", {"owner": "a", "team": "c"}),
    ]


def test_defaults_are_completed_together() -> None:
    """Each field comes from the first default that sets it, whatever else that default sets."""
    first = "{importPolicy: {importMode: PreserveOriginal}, annotations: {a: first}}"
    second = "{importPolicy: {importMode: Legacy, scheduled: true, insecure: true}, annotations: {b: second}}"
    assert _patch(review_of(_APP), _policy(first, second, _LOCAL)) == [
        ("add", "/tag/importPolicy/insecure", True),
        ("add", "/tag/importPolicy/scheduled", True),
        ("add", "/tag/importPolicy/importMode", "PreserveOriginal"),
        ("add", "/tag/referencePolicy/type", "Local"),
        ("add", "/metadata/annotations", {"b": "second", "a": "first"}),
        ("add", "/tag/annotations", {"b": "second", "a": "first"}),
    ]


@pytest.mark.parametrize(
    ("keep", "left"),
    [
        ("insecure", ["scheduled", "importMode", "type", "owner"]),
        ("scheduled", ["insecure", "importMode", "type", "owner"]),
        ("importMode", ["insecure", "scheduled", "type", "owner"]),
        ("referencePolicy", ["insecure", "scheduled", "importMode", "owner"]),
        ("annotations", ["insecure", "scheduled", "importMode", "type"]),
        ("insecure,scheduled, importMode ,referencePolicy,annotations", []),
        ("IMPORTMODE", ["insecure", "scheduled", "importMode", "type", "owner"]),
    ],
)
@pytest.mark.parametrize("home", ["metadata", "tag"])
def test_what_is_kept(keep: str, left: list[str], home: str) -> None:
    """The annotation names what is left alone, in the object or in its tag; the rest is completed."""
    document = review_of(_APP, old=_OLD)
    for each in ("metadata", "tag"):
        document["request"]["object"][each]["annotations"] = {"there": "x"}
    document["request"]["object"][home]["annotations"]["istag-webhook/keep"] = keep
    patched = [
        path.rpartition("/")[2] for _, path, _ in _patch(document, _policy(_ALL.replace("example.com/a~b: x, ", "")))
    ]
    assert list(dict.fromkeys(patched)) == left


def test_only_what_matches_is_completed() -> None:
    """A default speaks of the tags that it matches."""
    policy = policy_of(f"spec: {{defaults: [{{name: a, match: {{namespaces: [other]}}, set: {_MODE}}}]}}")
    assert _patch(review_of(_APP), policy) == []


def test_an_exempt_user_is_left_alone() -> None:
    """Nothing is completed for whom the policy exempts."""
    policy = policy_of(f"spec: {{exemptions: [{{name: x, users: [alice]}}], defaults: [{{name: a, set: {_MODE}}}]}}")
    assert _patch(review_of(_APP), policy) == []


_SOURCES = st.sampled_from(
    [
        None,
        _APP,
        docker("nginx"),
        docker(f"quay.io/acme/app@{DIGEST}"),
        docker("No"),
        stream_tag("base:1"),
        {"kind": "?"},
    ]
)
_ANNOTATIONS = st.none() | st.dictionaries(
    st.sampled_from(["owner", "a/b", "x~y", "istag-webhook/keep"]),
    st.sampled_from(["", "v", "importMode", "annotations,scheduled"]),
)
_POLICIES = [_policy(each) for each in (_MODE, _SCHEDULED, _LOCAL, _OWNER, _ALL)]


@st.composite
def _documents(draw: st.DrawFn) -> dict[str, Any]:
    tag: dict[str, Any] = {"annotations": draw(_ANNOTATIONS)}
    tag["importPolicy"] = draw(
        st.none()
        | st.fixed_dictionaries(
            {"importMode": st.sampled_from(["", "Legacy", "PreserveOriginal"])},
            optional={"scheduled": st.booleans(), "insecure": st.booleans()},
        )
    )
    tag["referencePolicy"] = draw(st.none() | st.fixed_dictionaries({"type": st.sampled_from(["", "Source", "Local"])}))
    if draw(st.booleans()):
        tag["reference"] = draw(st.booleans())
    document = review_of(draw(_SOURCES), old=draw(st.none() | st.just(docker("quay.io/acme/app:0"))), tag=tag)
    annotations = draw(_ANNOTATIONS | st.just(tag["annotations"]))
    if annotations is not None or draw(st.booleans()):
        document["request"]["object"]["metadata"]["annotations"] = deepcopy(annotations)
    return document


def _settled(document: dict[str, Any]) -> dict[str, Any]:
    """Return an object without what defaults may set."""
    bare = deepcopy(document)
    bare["metadata"].pop("annotations", None)
    for key in ("annotations", "importPolicy", "referencePolicy"):
        (bare["tag"] or {}).pop(key, None)
    return bare


@given(_documents(), st.sampled_from(_POLICIES))
def test_the_patch(document: dict[str, Any], policy: Policy) -> None:
    """The patch applies, mutating twice changes nothing more, the result passes the schema, and nothing else changed."""
    before = document["request"]["object"]
    schema = NewImageStreamTag() if document["request"]["oldObject"] is None else ImageStreamTag()
    sound = schema.accepts(before)
    patch = engine.mutate(decoded(document), policy).patch
    after = jsonpatch.apply_patch(before, [operation(op) for op in patch])
    assert patched_document(before, patch) == after
    assert _settled(after) == _settled(before)
    for op in patch:
        assert op.op == "add"
    if sound:
        assert schema.faults(after) == ()
    else:
        assert patch == ()
    document["request"]["object"] = after
    assert engine.mutate(decoded(document), policy).patch == ()


@given(_documents(), st.sampled_from(_POLICIES))
def test_what_was_set_stays(document: dict[str, Any], policy: Policy) -> None:
    """No value that a user chose is taken away: only unset fields and the API server's own defaults are overwritten."""
    before = document["request"]["object"]["tag"]
    patch = engine.mutate(decoded(document), policy).patch
    after = patched_document(document["request"]["object"], patch)["tag"]
    for name, unset in (("importPolicy", ("", "Legacy", False)), ("referencePolicy", ("", "Source"))):
        for field, value in (before[name] or {}).items():
            assert after[name][field] == value or value in unset
    for name, value in (before["annotations"] or {}).items():
        assert after["annotations"][name] == value


def test_the_document_itself_stays_as_it_is() -> None:
    """Applying a patch gives another document."""
    document: dict[str, Any] = {"a": {}, "l": [{}]}
    frozen = json.dumps(document)
    patched = patched_document(document, [PatchOp("add", "/a/x~1y~0z", 1), PatchOp("add", "/l/0/z", 2)])
    assert (patched, json.dumps(document)) == ({"a": {"x/y~z": 1}, "l": [{"z": 2}]}, frozen)
