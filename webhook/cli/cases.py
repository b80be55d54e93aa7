"""What `istag-webhook test` prints of cases: a table, JUnit or JSON."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from textwrap import wrap
from typing import Any, Final

import click
import orjson

from webhook.cli.reporting import now
from webhook.model.decision import Mode
from webhook.policytests.comparison import SAME, Row
from webhook.policytests.coverage import Coverage
from webhook.policytests.running import Result
from webhook.report import junit
from webhook.text import counted, escaped

API_VERSION: Final = "istag-webhook/v1"
KIND: Final = "PolicyTestReport"
_RED, _GREEN, _YELLOW, _BLUE, _FAINT = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"
_RESET: Final = "\x1b[0m"
_MODES: Final = {Mode.ENFORCE: _RED, Mode.WARN: _YELLOW, Mode.AUDIT: _BLUE}
_WIDEST: Final = 48  # columns of what was expected: more is wrapped, so that what was reported stays in sight


@dataclass(frozen=True, slots=True)
class Shown:
    """What there is to show.

    Attributes:
        results: of the cases that were run.
        coverages: of the policies, empty if the user does not want to see them.
        deselected: how many cases `-k` left out.
        quiet: whether cases that passed are left out.
        verbose: whether each case has its findings.
    """

    results: tuple[Result, ...]
    coverages: tuple[Coverage, ...]
    deselected: int
    quiet: bool = False
    verbose: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """How many cases there are, passed, failed and were left out."""
        passed = sum(result.passed for result in self.results)
        return {
            "cases": len(self.results),
            "passed": passed,
            "failed": len(self.results) - passed,
            "deselected": self.deselected,
        }


def table(shown: Shown) -> Iterator[str]:
    """Yield a line for each case, a comparison for each that failed, what was not covered, and a summary."""
    for result in shown.results:
        if result.passed and shown.quiet:
            continue
        colour, verdict = (_GREEN, "passed") if result.passed else (_RED, "failed")
        yield f"{escaped(result.file)}:{result.line}: {result.case.name}: {colour}{verdict}{_RESET}\n"
        lines = _comparison(result.rows) if not result.passed else _findings(result) if shown.verbose else ()
        yield from (f"  {line}\n" for line in lines)
    for coverage in shown.coverages:
        for part, names, missed in coverage.parts():
            what = f"{coverage.policy.name}: {len(names) - len(missed)} of {len(names)} {part} covered"
            yield f"{what}{'; not: ' if missed else ''}{', '.join(missed)}\n"
    counts = shown.counts
    left_out = f", {counts['deselected']:,} deselected" if shown.deselected else ""
    yield f"{counted(counts['cases'], 'case')}: {counts['passed']:,} passed, {counts['failed']:,} failed{left_out}\n"


def _comparison(rows: Iterable[Row]) -> Iterator[str]:
    """Yield the lines of a table: mark, part, what was expected, what was reported."""
    cells = [
        (row, _label(row.part), wrap(escaped(row.expected), _WIDEST) or [""], escaped(row.reported)) for row in rows
    ]
    first = max(len(label) for _, label, _, _ in cells)
    second = max(len("expected"), *(len(line) for _, _, lines, _ in cells for line in lines))
    yield f"  {_FAINT}{'':{first}}  {'expected':{second}}  reported{_RESET}"
    for row, label, lines, reported in cells:
        wrong = row.mark != SAME
        for index, line in enumerate(lines):
            mark, name, got = (row.mark, label, reported) if index == 0 else ("", "", "")
            padding = " " * (second - len(line) + 2)
            yield "".join((
                f"{_tinted(mark, _RED)}{'' if mark else ' '} {name:{first}}  ",
                _tinted(line, _GREEN if wrong else ""),
                f"{padding}{_tinted(got, _RED if wrong else '')}" if got else "",
            ))  # fmt: skip


def _label(part: str) -> str:
    """Return how a part is called: of a finding, what comes after the rule is indented."""
    key = part.partition(" ")[2]
    return f"  {key}" if key and key != "rule" else part


def _tinted(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}" if text and colour else text


def _findings(result: Result) -> Iterator[str]:
    """Yield what was reported of a case."""
    decision = result.decision
    exempt = f" (exempt: {decision.exemption.name})" if decision.exemption else ""
    yield f"verdict: {decision.verdict}{exempt}"
    for mode, colour in _MODES.items():
        for finding in decision.findings:
            if finding.mode is mode:
                yield f"{colour}{mode}{_RESET}: {finding}"
    for operation in decision.patch:
        yield f"{_FAINT}sets {escaped(operation.path)} to {json.dumps(operation.value)}{_RESET}"


def as_junit(shown: Shown) -> Iterator[str]:
    """Yield the report of the cases in the form of JUnit."""
    by_file: dict[str, list[junit.Case]] = {}
    for result in shown.results:
        case = junit.Case(result.case.name, junit.group(result.file, "test"), result.file, result.line)
        if not result.passed:
            text = "\n".join(map(click.unstyle, _comparison(result.rows)))
            case = replace(case, verdict="failure", message=_message(result.rows), type="expectation", text=text)
        by_file.setdefault(result.file, []).append(case)
    return junit.document("test", (junit.suite(file, cases, now()) for file, cases in by_file.items()))


def _message(rows: Iterable[Row]) -> str:
    """Return one sentence about the first part that differs."""
    row = next(row for row in rows if row.mark != SAME)
    return f"{row.part}: expected {row.expected or 'nothing'}, got {row.reported or 'nothing'}"


def as_json(shown: Shown) -> Iterator[str]:
    """Yield one JSON document, a case a line."""
    yield f'{{"apiVersion":"{API_VERSION}","kind":"{KIND}","cases":['
    separator = "\n"
    for result in shown.results:
        yield f"{separator}{_dumped(_case(result))}"
        separator = ",\n"
    coverage = [_coverage(each) for each in shown.coverages]
    yield f'\n],"coverage":{_dumped(coverage)},"summary":{_dumped(shown.counts)}}}\n'


def _case(result: Result) -> dict[str, Any]:
    decision = result.decision
    return {
        "file": result.file,
        "line": result.line,
        "name": result.case.name,
        "passed": result.passed,
        "verdict": decision.verdict,
        "exemption": decision.exemption.name if decision.exemption else None,
        "findings": [
            {"rule": each.rule, "mode": each.mode, "field": each.field, "message": each.message}
            for each in decision.findings
        ],
        "comparison": [row.as_json() for row in result.rows],
    }


def _coverage(coverage: Coverage) -> dict[str, Any]:
    missed = {part: missing for part, _, missing in coverage.parts()}
    return {"policy": coverage.policy.name, "digest": coverage.policy.digest, "uncovered": missed}


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()
