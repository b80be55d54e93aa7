"""Shared by the tests of the resources: sources, reviews, and changes and findings as text."""

from typing import Any

from tests.support.builders import (
    decoded,
    docker,
    import_review,
    imported,
    stream_of,
)

from webhook.admission import engine
from webhook.model.decision import Decision
from webhook.model.review import Change, TagChange
from webhook.policy.policy import Policy
from webhook.resources import catalog

INSECURE = "openshift.io/image.insecureRepository"
ANY = "spec: {rules: [{name: any, registries: {allow: [quay.io]}, existing: %s}]}\n"
APP = docker("quay.io/acme/app:1")
EVIL = docker("evil.example/x:1")
OLD = docker("quay.io/acme/app:0")
ONE, ZERO = "DockerImage quay.io/acme/app:1", "DockerImage quay.io/acme/app:0"
MADE_INSECURE = {"annotations": {INSECURE: "true"}}


def evaluated(document: dict[str, Any], policy: Policy) -> Decision:
    """Return what a policy decides of a review."""
    return engine.validate(decoded(document), policy)


def changes_of(document: dict[str, Any]) -> list[Change]:
    """Return what a review would change."""
    return list(catalog.changes(decoded(document)))


def findings_of(decision: Decision) -> list[str]:
    """Return the findings of a decision: mode, field and message."""
    return [f"{finding.mode} {finding.field}: {finding.message}" for finding in decision.findings]


def described(change: Change) -> str:
    """Return a change as text: its subject, its place, and the old and the new value."""
    head = f"{change.resource} {change}"
    if not isinstance(change, TagChange):
        return head
    was, now = (each and each.source for each in (change.old, change.new))
    names = ", ".join(f"{name}={value}" for name, value in (change.new.annotations if change.new else {}).items())
    flags = [flag for flag in ("every_tag", "old_unknown", "touched", "moved") if getattr(change, flag)]
    at = f"{change.place.path} ({change.place.pointer}, {change.place.name})"
    return f"{head} at {at}: {was} -> {now} [{names}] {' '.join(flags)}".rstrip()


def newest(tag: str, *references: str, image: str = "") -> dict[str, Any]:
    """Return one of `status.tags`, its newest item first."""
    return {"tag": tag, "items": [{"dockerImageReference": each, "image": image} for each in references]}


def with_status(*tags: dict[str, Any], stream: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return a stream with these of `status.tags`."""
    return {**(stream or stream_of()), "status": {"tags": list(tags)}}


def generated(document: dict[str, Any]) -> dict[str, Any]:
    """Return a review whose request does not say the object's name, as on a create by `generateName`."""
    document["request"] |= {"name": "", "namespace": "ns"}
    return document


def annotated_as(document: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    """Return a review whose object has these annotations."""
    document["request"]["object"]["metadata"]["annotations"] = annotations
    return document


def stream_with(name: str, image: str = "", tag: str = "live") -> dict[str, Any]:
    """Return a stream with one tag in its status, which means one image."""
    event = {"created": "2026-01-01T00:00:00Z", "dockerImageReference": name, "image": image, "generation": 1}
    status = {"dockerImageRepository": "", "tags": [{"tag": tag, "items": [event]}]}
    return {**stream_of(), "status": status}


REPOSITORY = import_review(repository=imported("evil.example/x", None))
AS_ALL = {"importPolicy": {"importMode": "All"}}
