"""`sarif`: the Static Analysis Results Interchange Format 2.1.0 (OASIS), as code scanning reads it."""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256
from typing import Any, Final
from urllib.parse import quote

import orjson

from webhook.documents.lines import Mark
from webhook.model import Finding, Mode
from webhook.report.header import INVALID, Header
from webhook.report.outcome import ERROR, Outcome
from webhook.report.tally import Tally

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note"}
_MOST_NOTIFICATIONS: Final = 1_000


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the log: one run, a line for each finding, and a notification for each input that cannot be used."""
    notifications: list[dict[str, Any]] = []
    tool = _dumped({"driver": _driver(header)})
    yield f'{{"$schema":"{_SCHEMA}","version":"2.1.0","runs":[{{"tool":{tool},'
    yield '"columnKind":"unicodeCodePoints","results":['
    separator = "\n"
    for outcome in outcomes:
        if outcome.verdict == ERROR and header.validates:
            yield f"{separator}{_dumped(_error(outcome))}"
            separator = ",\n"
        elif outcome.verdict == ERROR and len(notifications) < _MOST_NOTIFICATIONS:
            notifications.append(_notification(outcome))
        for finding, mark, subject in outcome.subjects():
            yield f"{separator}{_dumped(_result(outcome, finding, mark, subject))}"
            separator = ",\n"
    invocation = {
        "executionSuccessful": header.validates or not tally.verdicts[ERROR],
        "endTimeUtc": header.time,
        "toolExecutionNotifications": notifications,
    }
    yield f'\n],"invocations":[{_dumped(invocation)}],"properties":{_dumped(_properties(header, tally))}}}]}}\n'


def _driver(header: Header) -> dict[str, Any]:
    return {
        "name": "istag-webhook",
        "version": header.version,
        "rules": [
            {
                "id": rule.name,
                "shortDescription": {"text": rule.description},
                "defaultConfiguration": {"level": _LEVELS[Mode(rule.mode)]},
                "properties": {"kind": rule.kind},
            }
            for rule in header.rules
        ],
    }


def _properties(header: Header, tally: Tally) -> dict[str, Any]:
    """Return what SARIF has no word for."""
    said = header.as_json()
    return {"command": said["command"], "policy": said["policy"], "summary": tally.as_json()}


def _result(outcome: Outcome, finding: Finding, mark: Mark, subject: str) -> dict[str, Any]:
    parts = (finding.rule, outcome.door, outcome.namespace, outcome.name, finding.field, finding.message)
    identity = "\0".join(parts)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.mode],
        "message": {"text": f"{subject}: {finding.field}: {finding.message}"},
        "locations": [_location(outcome, mark, subject)],
        "partialFingerprints": {"finding/v1": sha256(identity.encode()).hexdigest()},
        "properties": {"field": finding.field, "existing": finding.existing, "verdict": outcome.verdict},
    }
    if outcome.exemption is not None:
        result["suppressions"] = [
            {"kind": "external", "justification": f"exemption {outcome.exemption.name}: {outcome.exemption.reason}"}
        ]
    return result


def _error(outcome: Outcome) -> dict[str, Any]:
    """Return the result for an error in a policy that is validated."""
    identity = f"{INVALID}\0{outcome.origin.file}\0{outcome.message}"
    return {
        "ruleId": INVALID,
        "level": "error",
        "message": {"text": outcome.message},
        "locations": [_location(outcome, outcome.origin.mark, outcome.origin.file)],
        "partialFingerprints": {"finding/v1": sha256(identity.encode()).hexdigest()},
    }


def _location(outcome: Outcome, mark: Mark, subject: str) -> dict[str, Any]:
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": subject, "kind": "resource"}]}
    if file := outcome.origin.file:
        # An absolute path is a URI's, a relative one is relative to the root of the checkout.
        location["physicalLocation"] = {
            "artifactLocation": {"uri": f"file://{quote(file)}" if file.startswith("/") else quote(file)},
            **({"region": _region(mark)} if mark.line else {}),
        }
    return location


def _region(mark: Mark) -> dict[str, int]:
    return {"startLine": mark.line, **({"startColumn": mark.column} if mark.column else {})}


def _notification(outcome: Outcome) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": f"{outcome.origin}: {outcome.message}"},
        "locations": [_location(outcome, outcome.origin.mark, outcome.title or outcome.origin.file)],
    }


def _dumped(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
