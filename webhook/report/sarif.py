"""`sarif`: the Static Analysis Results Interchange Format 2.1.0 (OASIS), as accepted by GitHub code scanning.

Source: docs.github.com, "SARIF support for code scanning". It rejects a file if one result has no `physicalLocation`,
or if there are more than 25,000 results; it shows the 5,000 most severe.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from posixpath import normpath
from typing import Any, Final
from urllib.parse import quote

import orjson

from webhook.documents.document import Mark
from webhook.model.decision import Finding, Mode
from webhook.report.header import INVALID, Header, RuleLine
from webhook.report.outcome import ERROR, Outcome
from webhook.report.tally import Tally
from webhook.text import counted

_SCHEMA: Final = "https://json.schemastore.org/sarif-2.1.0.json"
_LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "note"}
_MOST_NOTIFICATIONS: Final = 1_000
_MOST_RESULTS: Final = 25_000
_KEPT_FOR_ERRORS: Final = 5_000  # results shown by code scanning, reserved so that warnings never displace errors
_LONGEST: Final = 1_024  # characters of a rule's descriptions


@dataclass(slots=True)
class _Room:
    """The capacity that code scanning has left.

    Attributes:
        written: how many results are written.
        left_out: how many results are omitted.
    """

    written: int = 0
    left_out: int = 0

    def takes(self, level: str) -> bool:
        """Count a result of `level`, and return whether it is written."""
        most = _MOST_RESULTS if level == _LEVELS[Mode.ENFORCE] else _MOST_RESULTS - _KEPT_FOR_ERRORS
        taken = self.written < most
        self.written += taken
        self.left_out += not taken
        return taken


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the log: one run, a line for each finding, and a notification for each input that cannot be used."""
    notifications: list[dict[str, Any]] = []
    room = _Room()
    tool = _dumped({"driver": _driver(header)})
    yield f'{{"$schema":"{_SCHEMA}","version":"2.1.0","runs":[{{"tool":{tool},'
    yield '"columnKind":"unicodeCodePoints","results":['
    separator = "\n"
    for outcome in outcomes:
        if outcome.verdict == ERROR and not header.validates and len(notifications) < _MOST_NOTIFICATIONS:
            notifications.append(_notification(outcome))
        for result in _results(header, outcome):
            if room.takes(result["level"]):
                yield f"{separator}{_dumped(result)}"
                separator = ",\n"
    if room.left_out:
        notifications.append(_left_out(room.left_out))
    invocation = {
        "executionSuccessful": header.validates or not tally.verdicts[ERROR],
        "endTimeUtc": header.time,
        "toolExecutionNotifications": notifications,
    }
    yield f'\n],"invocations":[{_dumped(invocation)}],"properties":{_dumped(_properties(header, tally))}}}]}}\n'


def _driver(header: Header) -> dict[str, Any]:
    return {"name": "istag-webhook", "version": header.version, "rules": [_rule(rule) for rule in header.rules]}


def _rule(rule: RuleLine) -> dict[str, Any]:
    """Return a rule with the properties that code scanning requires, and the tags that it filters by."""
    text = {"text": rule.description[:_LONGEST]}
    return {
        "id": rule.name,
        "name": rule.name,
        "shortDescription": text,
        "fullDescription": text,
        "help": {"text": f"{rule.description}\n\nTo see how to comply, run: istag-webhook policy explain {rule.name}"},
        "defaultConfiguration": {"level": _LEVELS[Mode(rule.mode)]},
        "properties": {"kind": rule.kind, "tags": ["istag-webhook", rule.kind]},
    }


def _results(header: Header, outcome: Outcome) -> Iterator[dict[str, Any]]:
    """Yield a result for each finding, and one for each error in a validated policy."""
    if outcome.verdict == ERROR and header.validates:
        yield _error(outcome)
    for finding, mark, subject in outcome.subjects():
        yield _result(outcome, finding, mark, subject)


def _properties(header: Header, tally: Tally) -> dict[str, Any]:
    """Return the properties without a SARIF field."""
    value = header.as_json()
    return {"command": value["command"], "policy": value["policy"], "summary": tally.as_json()}


def _result(outcome: Outcome, finding: Finding, mark: Mark, subject: str) -> dict[str, Any]:
    parts = (finding.rule, outcome.resource, outcome.namespace, outcome.name, finding.field, finding.message)
    identity = "\0".join(parts)
    result: dict[str, Any] = {
        "ruleId": finding.rule,
        "level": _LEVELS[finding.mode],
        "message": {"text": f"{subject}: {finding.field}: {finding.message}"},
        "locations": [_location(outcome, mark, subject)],
        "partialFingerprints": _fingerprints(outcome, identity),
        "properties": {"field": finding.field, "existing": finding.existing, "verdict": outcome.verdict},
    }
    if outcome.exemption is not None:
        result["suppressions"] = [
            {"kind": "external", "justification": f"exemption {outcome.exemption.name}: {outcome.exemption.reason}"}
        ]
    return result


def _error(outcome: Outcome) -> dict[str, Any]:
    """Return the result for an error in a validated policy."""
    identity = f"{INVALID}\0{outcome.origin.file}\0{outcome.message}"
    return {
        "ruleId": INVALID,
        "level": "error",
        "message": {"text": outcome.message},
        "locations": [_location(outcome, outcome.origin.mark, outcome.origin.file)],
        "partialFingerprints": _fingerprints(outcome, identity),
    }


def _fingerprints(outcome: Outcome, identity: str) -> dict[str, str]:
    """Return the identity of a result across runs.

    Code scanning reads only `primaryLocationLineHash`. For a file, the upload action computes it, and logs a warning if
    the log already has one; for an object outside of files, nothing else does.
    """
    digest = sha256(identity.encode(errors="surrogatepass")).hexdigest()
    found = {"finding/v1": digest}
    return found if outcome.origin.file else {**found, "primaryLocationLineHash": f"{digest[:16]}:1"}


def _location(outcome: Outcome, mark: Mark, subject: str) -> dict[str, Any]:
    return {
        "physicalLocation": {"artifactLocation": {"uri": _uri(outcome)}, "region": _region(mark)},
        "logicalLocations": [{"fullyQualifiedName": subject, "kind": "resource"}],
    }


def _uri(outcome: Outcome) -> str:
    """Return the URI of the file, or the API path of an object outside of files.

    An absolute path is a full URI; a relative one is relative to the root of the checkout.
    """
    file = outcome.origin.file or "/".join(
        part.replace("/", "-") for part in (outcome.namespace, outcome.resource, outcome.name) if part
    )
    path = quote(normpath(file or "cluster"), errors="surrogatepass")
    return f"file:///{path.lstrip('/')}" if path.startswith("/") else path


def _region(mark: Mark) -> dict[str, int]:
    """Return the region; code scanning requires a line, so the default is the first one."""
    return {"startLine": max(mark.line, 1), **({"startColumn": mark.column} if mark.line and mark.column else {})}


def _notification(outcome: Outcome) -> dict[str, Any]:
    return {
        "level": "error",
        "message": {"text": f"{outcome.origin}: {outcome.message}"},
        "locations": [_location(outcome, outcome.origin.mark, outcome.title or outcome.origin.file)],
    }


def _left_out(count: int) -> dict[str, Any]:
    text = (
        f"{counted(count, 'result')} omitted: code scanning accepts {_MOST_RESULTS:,} results; "
        "--format json reports all"
    )
    return {"level": "warning", "message": {"text": text}}


def _dumped(value: Mapping[str, Any]) -> str:
    return orjson.dumps(value).decode()
