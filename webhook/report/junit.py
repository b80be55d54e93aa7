"""`junit`: a test suite for each file (or namespace of a cluster), a test case for each object.

The schema is the one that Jenkins publishes (jenkinsci/xunit-plugin, junit-10.xsd), as GitLab and others read it.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from webhook.model import Mode
from webhook.report.header import Header
from webhook.report.outcome import DENY, ERROR, SKIP, Outcome
from webhook.report.tally import Tally

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Case:
    """A test case.

    Attributes:
        name: what is tested.
        group: its class, as reports group by it.
        file: where it stands.
        line: on which line, 0 where there is none.
        verdict: `failure`, `error`, `skipped`, or "" where it passed.
        message: why, in one line.
        type: what sort of failure it is.
        text: all there is to say.
    """

    name: str
    group: str
    file: str
    line: int
    verdict: str = ""
    message: str = ""
    type: str = ""
    text: str = ""


def write(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document; the suite of one file is held until the file is done."""
    del tally
    policy = f"{header.policy}@{header.digest}"
    return document(
        header.command,
        (
            suite(name, [_case(outcome) for outcome in found], header.time, policy)
            for name, found in groupby(outcomes, lambda outcome: outcome.origin.file or outcome.namespace or "cluster")
        ),
    )


def document(command: str, suites: Iterable[str]) -> Iterator[str]:
    """Yield the document that holds `suites`."""
    yield f"<?xml version='1.0' encoding='UTF-8'?>\n<testsuites name=\"istag-webhook {command}\">"
    for each in suites:
        yield f"\n{each}"
    yield "\n</testsuites>\n"


def suite(name: str, cases: list[Case], time: str, policy: str = "") -> str:
    """Return a test suite.

    Args:
        name: the file's, or whatever the cases have in common.
        cases: what was tested.
        time: when (RFC 3339).
        policy: what it was judged by, "" where that is not one.
    """
    verdicts = [case.verdict for case in cases]
    element = Element(
        "testsuite",
        name=_text(name),
        tests=str(len(cases)),
        failures=str(verdicts.count("failure")),
        errors=str(verdicts.count("error")),
        skipped=str(verdicts.count("skipped")),
        time="0",
        timestamp=_text(time.removesuffix("Z")),
    )
    if policy:
        SubElement(SubElement(element, "properties"), "property", name="policy", value=_text(policy))
    for case in cases:
        _add(element, case)
    return tostring(element, encoding="unicode")


def _add(element: Element, case: Case) -> None:
    """Add a test case to its suite."""
    given = {"name": _text(case.name), "classname": _text(case.group), "time": "0", "file": _text(case.file)}
    added = SubElement(element, "testcase", {**given, "line": str(case.line)} if case.line else given)
    if case.verdict == "skipped":
        SubElement(added, case.verdict, message=_text(case.message))
    elif case.verdict:
        said = SubElement(added, case.verdict, message=_text(case.message), type=_text(case.type))
        said.text = _text(case.text)
    elif case.text:
        SubElement(added, "system-out").text = _text(case.text)


def _case(outcome: Outcome) -> Case:
    """Return the test case of an outcome."""
    name, at = outcome.title or str(outcome.origin), outcome.origin
    base = Case(name, outcome.door or "istag-webhook", at.file, at.line, text="\n".join(_lines(outcome)))
    if outcome.verdict == SKIP:
        return replace(base, verdict="skipped", message=outcome.message)
    if outcome.verdict == ERROR:
        said = f"{at}: {outcome.message}"
        return replace(base, verdict="error", message=outcome.message, type="unusable", text=said)
    if outcome.verdict == DENY:
        refusals = outcome.in_mode(Mode.ENFORCE)
        rules = ", ".join(dict.fromkeys(finding.rule for finding in refusals))
        message = refusals[0].message if refusals else "refused"
        return replace(base, verdict="failure", message=message, type=rules)
    return base


def _lines(outcome: Outcome) -> Iterator[str]:
    for finding, line in outcome.located():
        at = f"{outcome.origin.file}:{line}: " if line else ""
        yield f"{finding.mode}: {at}{finding}"


def _text(value: str) -> str:
    """Return `value` without what XML cannot hold."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", value)
