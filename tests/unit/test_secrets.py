"""The record at level `request` holds no environment value and no password, wherever and however one is written."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import (
    DIGEST,
    NOW,
    decoded,
    docker,
    import_review,
    imported,
    policy_of,
    push_review,
    review_of,
)

from webhook.admission import engine
from webhook.audit.record import Context, record, tags
from webhook.evaluate.question import review_of as recorded_review
from webhook.policy.policy import Policy
from webhook.redaction import redacted

_SECRET = "hunter2"  # noqa: S105 - it stands for one
_CONFIG = {"Env": [f"PASSWORD={_SECRET}", "PATH"], "Labels": {"owner": "acme"}}
_HISTORY = {
    "id": "a" * 64,
    "config": _CONFIG,
    "container_config": {**_CONFIG, "Cmd": ["/bin/sh", "-c", "#(nop) ", f"ENV PASSWORD={_SECRET}"]},
}
_SCHEMA_1 = {
    "schemaVersion": 1,
    "name": "acme/app",
    "history": [{"v1Compatibility": json.dumps(_HISTORY)}, {"v1Compatibility": json.dumps({"Env": [f"A={_SECRET}"]})}],
}
_OCI = {
    "architecture": "arm64",
    "os": "linux",
    "config": {"Env": [f"PASSWORD={_SECRET}"], "Labels": {"owner": "acme"}, "Entrypoint": [f"--password={_SECRET}"]},
    "history": [
        {"created_by": f"ENV PASSWORD={_SECRET} two words"},
        {"created_by": f"|1 TOKEN={_SECRET} /bin/sh -c x"},
    ],
}
_IMAGE = {
    "dockerImageMetadata": {"kind": "DockerImage", "Config": _CONFIG, "ContainerConfig": _CONFIG},
    "dockerImageManifest": json.dumps(_SCHEMA_1, indent=3),
    "dockerImageConfig": json.dumps(_OCI),
}


def _recorded(document: dict[str, Any], policy: Policy) -> dict[str, Any]:
    review = decoded(document)
    decision = engine.validate(review, policy)
    context, when = Context("validate", "0", "request"), datetime(2026, 1, 1, tzinfo=UTC)
    found: dict[str, Any] = json.loads(
        record(review, decision, tags(decision), policy, context, time=when, seconds=0.001)
    )
    return found


def _with_status() -> dict[str, Any]:
    document = import_review(imported("quay.io/acme/app:1"))
    entry = {"tag": "live", "status": {"status": "Success"}, "image": {"metadata": {"name": DIGEST}, **_IMAGE}}
    document["request"]["object"]["status"] = {"images": [entry], "repository": {"images": [entry]}}
    return document


def _applied() -> dict[str, Any]:
    document = review_of(docker("quay.io/acme/app:1"))
    applied = {"kind": "ImageStreamTag", "image": _IMAGE}
    annotations = {"kubectl.kubernetes.io/last-applied-configuration": f"{json.dumps(applied)}\n"}
    document["request"]["object"]["metadata"]["annotations"] = annotations
    return document


def _old() -> dict[str, Any]:
    document = review_of(docker("quay.io/acme/app:1"), old=docker("quay.io/acme/app:0"))
    document["request"]["oldObject"]["image"] = {**document["request"]["oldObject"]["image"], **_IMAGE}
    return document


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda: push_review(_IMAGE), id="mapping"),
        pytest.param(_with_status, id="status-of-an-import"),
        pytest.param(_applied, id="last-applied-configuration"),
        pytest.param(_old, id="old-object"),
        pytest.param(lambda: review_of(docker(f"https://user:pa/{_SECRET}@host/app")), id="pull-spec-with-scheme"),
        pytest.param(lambda: review_of(docker(f"user:p/{_SECRET}@host/app:1")), id="pull-spec"),
        pytest.param(lambda: review_of(docker(f"user:{_SECRET}@host/app@{DIGEST}")), id="pull-spec-with-digest"),
        pytest.param(lambda: import_review(imported(f"user:p/{_SECRET}@host/app:1")), id="import"),
    ],
)
def test_no_secret_is_recorded(make: Callable[[], dict[str, Any]], shipped: Policy) -> None:
    """Wherever an image or a pull spec can be in a review, its secrets are not in the record."""
    document = make()
    assert _SECRET in json.dumps(document)
    assert _SECRET not in json.dumps(_recorded(document, shipped))


def test_names_stay() -> None:
    """The names of variables, labels, platform and history stay: they say what an image is."""
    found = redacted({"image": _IMAGE})["image"]
    assert found["dockerImageMetadata"]["Config"] == {"Env": ["PASSWORD", "PATH"], "Labels": {"owner": "acme"}}
    config = json.loads(found["dockerImageConfig"])
    assert (config["architecture"], config["config"]["Labels"]) == ("arm64", {"owner": "acme"})
    assert [each["created_by"] for each in config["history"]] == ["ENV PASSWORD=…", "|1 TOKEN=…"]
    layer = json.loads(json.loads(found["dockerImageManifest"])["history"][0]["v1Compatibility"])
    assert layer["config"]["Env"] == ["PASSWORD", "PATH"]
    assert layer["container_config"]["Cmd"] == ["/bin/sh", "-c", "#(nop) ", "ENV PASSWORD=…"]


_JUDGING = policy_of(
    "spec: {rules: [{name: owner, labels: {require: {owner: acme}}}, {name: arm, platforms: {require: [linux/s390x]}}]}"
)


@pytest.mark.parametrize(
    "make",
    [lambda: push_review(_IMAGE), _with_status, _applied, lambda: review_of(docker(f"u:p/{_SECRET}@host/app:1"))],
    ids=["mapping", "import", "applied", "pull-spec"],
)
def test_the_same_is_decided_again(make: Callable[[], dict[str, Any]], shipped: Policy) -> None:
    """The remaining request is decided like the complete one: by labels, platforms and references."""
    document = make()
    for policy in (shipped, _JUDGING):
        recorded = _recorded(document, policy)
        again = engine.validate(recorded_review(recorded["request"], NOW), policy)
        assert [finding.rule for finding in again.findings] == [finding["rule"] for finding in recorded["findings"]]


def test_a_user_stays(shipped: Policy) -> None:
    """A user of an identity provider is named in full, because exemptions are decided by the name."""
    user = {"username": "oidc:alice@example.com", "groups": ["oidc:a@example.com"], "extra": {"token": [_SECRET]}}
    found = _recorded(review_of(docker("quay.io/acme/app:1"), userInfo=user), shipped)
    assert (found["user"], found["groups"]) == ("oidc:alice@example.com", ["oidc:a@example.com"])
    assert found["request"]["userInfo"] == {"username": user["username"], "groups": user["groups"]}


@pytest.mark.parametrize(
    "text",
    [
        f'{{"Env": ["PASSWORD={_SECRET}"]',
        f'{{"Env": ["PASSWORD={_SECRET}"], "Env": []}}',
        f'{{"\\u0045nv": ["PASSWORD={_SECRET}"]}}',
        f' \n[{{"eNv": "PASSWORD={_SECRET}"}}]',
        f'{{"env": [{{"name": "PASSWORD", "value": "{_SECRET}"}}]}}',
        f'{{"env": {{"PASSWORD": "{_SECRET}"}}}}',
        f'{{"auths": {{"quay.io": {{"auth": "{_SECRET}", "identity_token": "{_SECRET}"}}}}}}',
        f'{{"Access-Token": ["{_SECRET}"]}}',
        f'{{"x": "https:\\/\\/user:{_SECRET}\\u0040host"}}',
        "[" * 600 + f'{{"Env": ["A={_SECRET}"]}}' + "]" * 600,
        "[" * 2_000 + f'{{"Env": ["A={_SECRET}"]}}' + "]" * 2_000,
    ],
    ids=["cut-off", "key-twice", "escaped-key", "key-in-another-case", "variables", "map", "docker-config", "list",
         "escaped-at", "deep", "too-deep-to-read"],
)  # fmt: skip
def test_spellings(text: str) -> None:
    """JSON in a string is redacted however it is written, and hidden if it cannot be read."""
    assert _SECRET not in json.dumps(redacted({"a": [text]}))


@pytest.mark.parametrize(
    "value",
    [
        {"annotations": {"env": "production", "owner": "a@example.com", "note": "[draft] {x}"}},
        {"a": [1, None, True, 1.5, {"b": "c=d"}], "token": None, "password": ""},
        f"quay.io/acme/app:1@{DIGEST}",
        '{"a":[1,"b=c"]}',
    ],
    ids=["annotations", "values", "digest", "json"],
)
def test_all_else_stays(value: Any) -> None:
    """A request without a secret is recorded unchanged."""
    assert redacted(value) == value


_ENVIRONMENTS = st.sampled_from(
    [
        {"Env": [f"A={_SECRET}"]}, {"env": {"A": _SECRET}}, {"ENV": f"A={_SECRET}"}, {"password": _SECRET},
        {"registry-token": {"a": [_SECRET]}}, {"Cmd": ["sh", f"A={_SECRET}"]}, {"image": f"u:a/{_SECRET}@h/x"},
        {f"https://u:{_SECRET}@h": 1}, {"env": [{"name": "A", "value": _SECRET, "x": {"y": _SECRET}}]},
    ]
)  # fmt: skip


@given(
    st.recursive(
        _ENVIRONMENTS,
        lambda inner: (
            st.lists(inner, min_size=1, max_size=3)
            | st.dictionaries(st.text(max_size=4), inner, min_size=1, max_size=3)
            | inner.map(json.dumps)
            | inner.map(lambda value: json.dumps(value, indent=1))
        ),
        max_leaves=8,
    )
)
def test_any_nesting(value: Any) -> None:
    """No depth of objects, lists and JSON in strings hides a secret."""
    assert _SECRET not in json.dumps(redacted(value), ensure_ascii=False)
