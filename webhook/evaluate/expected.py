"""The expected and the reported outcome of a case, compared part by part."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any, Final

from webhook.admission.codec import operation
from webhook.model.decision import Finding, Mode
from webhook.report.outcome import Outcome
from webhook.schemas.containers import Items, Record
from webhook.schemas.parameters import Anything, Choice, Sentence, Text

# The marks of a row: as in a diff, and ~ for a part that is reported with another value.
SAME, MISSING, UNEXPECTED, DIFFERENT = "", "-", "+", "~"
_RESULTS: Final = {SAME: "same", MISSING: "missing", UNEXPECTED: "unexpected", DIFFERENT: "different"}
NOT_COMPARED: Final = "(not compared)"
_NONE: Final = "none"
_KEYS: Final = ("rule", "mode", "field", "message")
_VERDICTS: Final = ("allow", "deny")


@dataclass(frozen=True, slots=True)
class Expected:
    """The expected outcome of a change; None for a part that is not compared.

    Attributes:
        verdict: `allow` or `deny`.
        findings: the findings in any order, each with its expected keys: rule, mode, field, message.
        patch: the operations of the defaults (RFC 6902).
        exemption: the exemption that is used.
    """

    verdict: str | None = None
    findings: tuple[Mapping[str, str], ...] | None = None
    patch: tuple[Mapping[str, Any], ...] | None = None
    exemption: str | None = None


def _operation_of(op: str = "add", **given: Any) -> Mapping[str, Any]:
    return {"op": op, **given}


_FINDING: Final = Record(
    {
        "rule": Sentence(required=True),
        "mode": Choice(Mode.ENFORCE, Mode.WARN, Mode.AUDIT),
        "field": Text(),
        "message": Sentence(),
    },
    dict,
    docs={
        "rule": "the rule's name",
        "mode": "the finding's mode",
        "field": "its JSON path",
        "message": "a part of its message",
    },
)  # fmt: skip
_OPERATION: Final = Record({"op": Choice("add"), "path": Text(required=True), "value": Anything()}, _operation_of)
EXPECT: Final = Record(
    {
        "verdict": Choice(*_VERDICTS),
        "findings": Items(_FINDING, empty=True),
        "patch": Items(_OPERATION, empty=True),
        "exemption": Sentence(),
    },
    Expected,
    docs={
        "verdict": "whether the change is allowed",
        "findings": "all findings, in any order",
        "patch": "all operations of the defaults, in order",
        "exemption": "the exemption that allows it",
    },
    needs=("verdict", "findings", "patch", "exemption"),
    required=True,
)


@dataclass(frozen=True, slots=True)
class Row:
    """One part of the comparison.

    Attributes:
        mark: SAME, MISSING, UNEXPECTED or DIFFERENT.
        part: its name, such as `verdict` or `finding rule`.
        expected: the expected value, "" for nothing, NOT_COMPARED if the case does not state one.
        reported: the reported value, "" for nothing.
    """

    mark: str
    part: str
    expected: str
    reported: str

    def as_json(self) -> dict[str, str | None]:
        """Return the row for a report; None means nothing."""
        compared = self.expected != NOT_COMPARED
        return {
            "part": self.part,
            "result": _RESULTS[self.mark] if compared else "not compared",
            "expected": (self.expected or None) if compared else None,
            "reported": self.reported or None,
        }


def compare(expect: Expected, outcome: Outcome) -> tuple[Row, ...]:
    """Return every part that was expected or reported, in the order of `expect` in a test document."""
    return tuple(_rows(expect, outcome))


def _rows(expect: Expected, outcome: Outcome) -> Iterator[Row]:
    yield _row("verdict", expect.verdict, outcome.verdict)
    yield from _findings(expect.findings, outcome.findings)
    if expect.patch is not None:
        yield from _patch(list(expect.patch), [operation(each) for each in outcome.patch])
    if expect.exemption is not None or outcome.exemption is not None:
        yield _row("exemption", expect.exemption, outcome.exemption.name if outcome.exemption else None)


def _row(part: str, expected: str | None, reported: str | None) -> Row:
    if expected is None:
        return Row(SAME, part, NOT_COMPARED, reported or _NONE)
    return Row(SAME if expected == reported else DIFFERENT, part, expected, reported or _NONE)


def _findings(expected: tuple[Mapping[str, str], ...] | None, findings: tuple[Finding, ...]) -> Iterator[Row]:
    """Yield the expected findings in order, and then the others."""
    if not expected and not findings:
        yield Row(SAME, "findings", NOT_COMPARED if expected is None else _NONE, _NONE)
        return
    pairs, left = _paired(expected or (), findings)
    for wanted, found in pairs:
        yield from _finding(wanted, found)
    for finding in left:
        yield from _finding(None, finding, compared=expected is not None)


def _paired(
    expected: tuple[Mapping[str, str], ...], findings: tuple[Finding, ...]
) -> tuple[list[tuple[Mapping[str, str], Finding | None]], list[Finding]]:
    """Return each expected finding with the reported finding to compare, and the remaining findings."""
    left = list(findings)
    pairs: dict[int, Finding] = {}
    # The most specific expectation chooses first, so that a less specific one does not take its finding.
    order = sorted(range(len(expected)), key=lambda each: _demand(expected[each]), reverse=True)
    for meets in (_is, _of_rule):
        for index in order:
            if index in pairs:
                continue
            found = next((finding for finding in left if meets(finding, expected[index])), None)
            if found is not None:
                left.remove(found)
                pairs[index] = found
    return [(each, pairs.get(index)) for index, each in enumerate(expected)], left


def _demand(expected: Mapping[str, str]) -> tuple[int, int]:
    return len(expected), len(expected.get("message", ""))


def _is(finding: Finding, expected: Mapping[str, str]) -> bool:
    reported = _reported(finding)
    return all(_meets(key, value, reported[key]) for key, value in expected.items())


def _of_rule(finding: Finding, expected: Mapping[str, str]) -> bool:
    return finding.rule == expected["rule"]


def _meets(key: str, expected: str, reported: str) -> bool:
    return expected in reported if key == "message" else expected == reported


def _reported(finding: Finding) -> dict[str, str]:
    return {"rule": finding.rule, "mode": str(finding.mode), "field": finding.field, "message": finding.message}


def _finding(expected: Mapping[str, str] | None, found: Finding | None, *, compared: bool = True) -> Iterator[Row]:
    """Yield a row for each key of a finding that was expected, reported or both."""
    reported = _reported(found) if found is not None else {}
    for key in _KEYS:
        wanted = (expected or {}).get(key)
        if wanted is None and not reported:
            continue
        if not compared or (expected is not None and wanted is None):
            mark, wanted = SAME, NOT_COMPARED
        elif wanted is None:
            mark, wanted = UNEXPECTED, ""
        elif not reported:
            mark = MISSING
        else:
            mark = SAME if _meets(key, wanted, reported[key]) else DIFFERENT
        yield Row(mark, f"finding {key}", wanted, reported.get(key, ""))


def _patch(expected: list[Mapping[str, Any]], reported: list[dict[str, Any]]) -> Iterator[Row]:
    """Yield the operations of both patches, compared in order."""
    if not expected and not reported:
        yield Row(SAME, "patch", _NONE, _NONE)
    for wanted, found in zip_longest(expected, reported):
        if wanted is None:
            yield Row(UNEXPECTED, "patch", "", _operation(found))
        elif found is None:
            yield Row(MISSING, "patch", _operation(wanted), "")
        else:
            before, after = _operation(wanted), _operation(found)
            yield Row(SAME if before == after else DIFFERENT, "patch", before, after)


def _operation(value: Mapping[str, Any]) -> str:
    return f"{value['path']} = {json.dumps(value.get('value'), sort_keys=True)}"  # 1 and true are equal in Python only
