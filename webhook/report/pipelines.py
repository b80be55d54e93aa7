"""Formats for pipelines: `github` annotates the lines of a pull request, `junit` writes a test suite."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Final
from xml.etree.ElementTree import Element, SubElement, tostring

from webhook.documents.document import Mark
from webhook.model.decision import Mode
from webhook.report.header import Header
from webhook.report.outcome import DENY, ERROR, SKIP, Outcome
from webhook.report.tally import Tally

_LEVELS: Final = {Mode.ENFORCE: "error", Mode.WARN: "warning", Mode.AUDIT: "notice"}
_DATA: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A"})
_PROPERTY: Final = str.maketrans({"%": "%25", "\r": "%0D", "\n": "%0A", ":": "%3A", ",": "%2C"})


def write_github(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield a workflow command for each finding, and for each input that cannot be used."""
    del header, tally
    for outcome in outcomes:
        if outcome.verdict == ERROR:
            yield _command("error", outcome, outcome.origin.mark, "istag-webhook", outcome.message)
        for finding, mark, subject in outcome.subjects():
            yield _command(_LEVELS[finding.mode], outcome, mark, finding.rule, f"{subject}: {finding}")


def _command(level: str, outcome: Outcome, mark: Mark, title: str, message: str) -> str:
    given = {"file": outcome.origin.file, "line": mark.line, "col": mark.column, "title": title}
    properties = ",".join(f"{key}={str(value).translate(_PROPERTY)}" for key, value in given.items() if value)
    return f"::{level} {properties}::{message.translate(_DATA)}\n"


_END: Final = "</testsuite>"
# Characters that XML 1.0 does not allow, not even escaped.
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True, slots=True)
class Case:
    """A test case.

    Attributes:
        name: its name.
        group: its class, by which reports group it: `package.class`.
        file: its file, "" if there is none.
        line: its line, 0 if there is none.
        verdict: `failure`, `error`, `skipped`, or "" if it passed.
        message: the reason, in one line.
        type: the sort of failure.
        text: the full text.
    """

    name: str
    group: str
    file: str
    line: int
    verdict: str = ""
    message: str = ""
    type: str = ""
    text: str = ""


def write_junit(header: Header, outcomes: Iterable[Outcome], tally: Tally) -> Iterator[str]:
    """Yield the document; the written cases of one file are kept until the file is done."""
    del tally
    policy = f"{header.policy}@{header.digest}" if header.policy else ""
    return document(
        header.command,
        (suite(name, map(_case, found), header.time, policy) for name, found in groupby(outcomes, _suite_of)),
    )


def document(command: str, suites: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the document of `suites`."""
    yield f"<?xml version='1.0' encoding='UTF-8'?>\n<testsuites name=\"istag-webhook {command}\">"
    for each in suites:
        yield "\n"
        yield from each
    yield "\n</testsuites>\n"


def suite(name: str, cases: Iterable[Case], time: str, policy: str = "") -> Iterator[str]:
    """Yield a test suite.

    Args:
        name: the file's name, or another common property of the cases.
        cases: the test cases.
        time: when they ran (RFC 3339).
        policy: the policy they were evaluated by, "" if there are several.
    """
    written: list[str] = []
    verdicts, alike = Counter[str](), Counter[tuple[str, str]]()
    for case in cases:
        verdicts[case.verdict] += 1
        alike[case.group, case.name] += 1
        written.append(tostring(_element(case, alike[case.group, case.name]), encoding="unicode"))
    element = Element(
        "testsuite",
        name=_text(name),
        tests=str(len(written)),
        failures=str(verdicts["failure"]),
        errors=str(verdicts["error"]),
        skipped=str(verdicts["skipped"]),
        time="0",
        timestamp=_text(time.removesuffix("Z")),
    )
    if policy:
        SubElement(SubElement(element, "properties"), "property", name="policy", value=_text(policy))
    opening = tostring(element, encoding="unicode", short_empty_elements=False).removesuffix(_END)
    yield opening
    yield from written
    yield _END


def _element(case: Case, number: int) -> Element:
    """Return a test case as an element of its suite, the `number`th of that name."""
    name = f"{case.name} #{number}" if number > 1 else case.name
    given = {"name": _text(name), "classname": _text(case.group), "time": "0"}
    if case.file:
        given["file"] = _text(case.file)
    element = Element("testcase", {**given, "line": str(case.line)} if case.line else given)
    if case.verdict == "skipped":
        SubElement(element, case.verdict, message=_text(case.message)).text = _text(case.message)
    elif case.verdict:
        result = SubElement(element, case.verdict, message=_text(case.message), type=_text(case.type))
        result.text = _text(case.text or case.message)
    elif case.text:
        SubElement(element, "system-out").text = _text(case.text)
    return element


def group(suite: str, what: str) -> str:
    """Return the class of a suite's test cases: the suite's path as a package, without dots after it."""
    package = ".".join(part.replace(".", "_") for part in suite.split("/") if part not in ("", ".", ".."))
    return f"{package or 'istag-webhook'}.{what.replace('.', '_')}"


def _suite_of(outcome: Outcome) -> str:
    return outcome.origin.file or outcome.namespace or "cluster"


def _case(outcome: Outcome) -> Case:
    """Return the test case of an outcome."""
    name, at = outcome.title or str(outcome.origin), outcome.origin
    text = "\n".join(_lines(outcome))
    base = Case(name, group(_suite_of(outcome), outcome.resource or "document"), at.file, at.line, text=text)
    if outcome.verdict == SKIP:
        return replace(base, verdict="skipped", message=outcome.message)
    if outcome.verdict == ERROR:
        message = f"{at}: {outcome.message}"
        return replace(base, verdict="error", message=outcome.message, type="unusable", text=message)
    if outcome.verdict == DENY:
        denials = outcome.in_mode(Mode.ENFORCE) or outcome.findings  # or warnings that fail the command
        rules = ", ".join(dict.fromkeys(finding.rule_suffix.strip(" ()") for finding in denials))
        message = denials[0].message if denials else "denied"
        return replace(base, verdict="failure", message=message, type=rules)
    return base


def _lines(outcome: Outcome) -> Iterator[str]:
    for finding, mark in outcome.located():
        at = f"{outcome.origin.file}:{mark}: " if mark.line else ""
        yield f"{finding.mode}: {at}{finding}"


def _text(value: str) -> str:
    """Return `value` without characters that XML does not allow."""
    return _FORBIDDEN.sub(lambda match: f"\\u{ord(match.group()):04x}", value)
