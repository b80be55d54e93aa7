"""The record: its content, and what it never contains."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.builders import decoded, docker, review_of
from tests.support.sentences import INSECURE_IMPORT

from webhook.admission import engine
from webhook.audit.record import Context, record, tags
from webhook.policy.policy import Policy

_TIME = datetime(2026, 1, 2, 3, 4, 5, 678_901, UTC)


def _record(document: dict[str, Any], policy: Policy, level: str = "metadata") -> dict[str, Any]:
    review = decoded(document)
    context = Context("validate", "1.2.3", level)
    decision = engine.validate(review, policy)
    line = record(review, decision, tags(decision), policy, context, time=_TIME, seconds=0.001_234_5)
    assert b"\n" not in line
    found: dict[str, Any] = json.loads(line)
    return found


def test_metadata(shipped: Policy) -> None:
    """A record says when, who, which tag from where to where, what was found and by which policy."""
    found = _record(
        review_of(docker("nginx:1"), old=docker("nginx:0"), tag={"importPolicy": {"insecure": True}}), shipped
    )
    findings = found.pop("findings")
    assert found == {
        "format": 1,
        "kind": "decision",
        "time": "2026-01-02T03:04:05.678901Z",
        "webhook": "validate",
        "uid": "11111111-2222-3333-4444-555555555555",
        "resource": "imagestreamtags",
        "operation": "UPDATE",
        "namespace": "app",
        "name": "app:live",
        "user": "alice",
        "groups": ["system:authenticated"],
        "dryRun": False,
        "verdict": "deny",
        "allowed": False,
        "tags": [{"path": "tag", "tag": "app/app:live", "from": "DockerImage nginx:0", "to": "DockerImage nginx:1"}],
        "patch": [],
        "exemption": None,
        "policy": {"name": "shipped", "digest": shipped.digest},
        "version": "1.2.3",
        "duration": 0.001234,
    }
    assert findings[0] == {
        "rule": "no-insecure-imports",
        "mode": "enforce",
        "field": "tag.importPolicy.insecure",
        "message": INSECURE_IMPORT,
        "existing": False,
    }


def test_request_can_be_evaluated_again(shipped: Policy) -> None:
    """At level `request` the record holds what the same decision comes from."""
    document = review_of(docker("nginx:1"), tag={"importPolicy": {"insecure": True}})
    found = _record(document, shipped, "request")
    again = _record({**document, "request": found["request"]}, shipped, "request")
    assert again == found


@pytest.mark.parametrize("level", ["metadata", "request"])
def test_secrets_never_enter(shipped: Policy, level: str) -> None:
    """Neither a user's extra, nor an image's environment, nor a password in a reference is recorded."""
    document = review_of(docker("nginx:1"))
    request = document["request"]
    request["userInfo"]["extra"] = {"token": ["hunter2"]}
    for name in ("Config", "ContainerConfig"):
        request["object"]["image"]["dockerImageMetadata"][name] = {"Env": ["PASSWORD=hunter2", "PATH"]}
    request["object"]["image"]["dockerImageConfig"] = '{"config":{"Env":["PASSWORD=hunter2"]}}'
    found = _record(document, shipped, level)
    assert "hunter2" not in json.dumps(found)
    if level == "request":
        assert found["request"]["object"]["image"]["dockerImageMetadata"]["Config"]["Env"] == ["PASSWORD", "PATH"]


def test_a_password_in_a_reference_is_not_recorded(shipped: Policy) -> None:
    """The metadata of a malformed reference is recorded without its credentials."""
    found = _record(review_of(docker("bob:hunter2@reg.example/app")), shipped)
    assert "hunter2" not in json.dumps(found)
    assert found["tags"][0]["to"] == "DockerImage …@reg.example/app"
