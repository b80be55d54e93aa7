"""`istag-webhook test`: run policy tests, and report them as a table, JUnit or JSON."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from importlib.resources import as_file, files
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

import click
import orjson

from webhook.cli.options import GivenPath, at_option, format_option, output_option
from webhook.cli.output import now, say, write
from webhook.text import counted, escaped

if TYPE_CHECKING:
    from webhook.evaluate.expected import Row
    from webhook.evaluate.test import Coverage, Result

_RED, _GREEN, _YELLOW, _BLUE, _FAINT = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[2m"
_RESET: Final = "\x1b[0m"
_MODES: Final = {"enforce": _RED, "warn": _YELLOW, "audit": _BLUE}
_WIDEST: Final = 48  # columns: longer expected values are wrapped, so that the reported ones stay visible


@click.command()
@click.argument("paths", nargs=-1, type=GivenPath(str))
@click.option(
    "--policy", "-p", "policies", multiple=True, type=GivenPath(),
    help="Policy file or directory to test instead of those named in the tests; may be repeated.",
)  # fmt: skip
@click.option(
    "-k", "patterns", metavar="PATTERN", multiple=True,
    help="Run only cases whose name contains PATTERN or matches it as a glob, ignoring case; may be repeated.",
)  # fmt: skip
@at_option("When the change of a case comes that has no `at`.")
@click.option("-q", "--quiet", is_flag=True, help="Print only failed cases and the summary.")
@click.option("-v", "--verbose", is_flag=True, help="Print the verdict and the findings of each case.")
@click.option(
    "--coverage", is_flag=True,
    help="List the rules that report nothing in any case, and unused defaults and exemptions.",
)  # fmt: skip
@click.option("--fail-uncovered", is_flag=True, help="Exit with 1 if there are any; implies --coverage.")
@format_option(("table", "json", "junit"))
@output_option
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a test document instead.")
def test(  # noqa: PLR0913 - one for each option
    paths: tuple[str, ...],
    policies: tuple[Path, ...],
    patterns: tuple[str, ...],
    format_: str,
    output: Path | None,
    *,
    at: datetime,
    quiet: bool,
    verbose: bool,
    coverage: bool,
    fail_uncovered: bool,
    schema: bool,
) -> None:
    """Run policy tests.

    PATHS are files of kind ImageTagPolicyTest, and directories, which are searched for *.test.yaml and *_test.yaml.
    Without PATHS, runs the tests of the shipped policy. For a failed case, the expected and the reported values are
    printed.

    An error in one case does not keep the others from running.

    Exit codes: 0 every case passed, 1 a case failed, 2 a test or a policy cannot be used, or -k selects no case.
    """
    if quiet and verbose:
        raise click.UsageError("expected one of -q and -v, got both")
    from webhook.evaluate.cases import schema as test_schema
    from webhook.evaluate.test import none_selected, run, select, suites

    if schema:
        say(json.dumps(test_schema(), indent=2))
        return
    with as_file(files("webhook.policy")) as shipped:
        found, faults = suites(paths or (str(shipped / "default.test.yaml"),))
        selected, deselected = select(found, patterns)
        if deselected and not selected:
            faults.append(none_selected(patterns, deselected))
        results, coverages, wrong = run(selected, at, policies)
    faults += wrong
    shown = Shown(tuple(results), tuple(coverages) if coverage or fail_uncovered else (), deselected, quiet, verbose)
    write(_FORMATS[format_](shown), output)
    for fault in faults:
        click.echo(str(fault), err=True)
    failed = shown.counts["failed"] or (fail_uncovered and not all(each.complete for each in coverages))
    sys.exit(2 if faults else 1 if failed else 0)


@dataclass(frozen=True, slots=True)
class Shown:
    """The results of a run, and what to show of them.

    Attributes:
        results: the results of the cases that ran.
        coverages: the coverages of the policies, empty if not requested.
        deselected: how many cases `-k` skipped.
        quiet: whether passed cases are omitted.
        verbose: whether the findings of each case are shown.
    """

    results: "tuple[Result, ...]"
    coverages: "tuple[Coverage, ...]"
    deselected: int
    quiet: bool = False
    verbose: bool = False

    @property
    def counts(self) -> dict[str, int]:
        """The numbers of cases: total, passed, failed and deselected."""
        passed = sum(result.passed for result in self.results)
        return {
            "cases": len(self.results),
            "passed": passed,
            "failed": len(self.results) - passed,
            "deselected": self.deselected,
        }


def table(shown: Shown) -> Iterator[str]:
    """Yield a line for each case, a comparison for each failure, what is not covered, and a summary."""
    for result in shown.results:
        if result.passed and shown.quiet:
            continue
        colour, verdict = (_GREEN, "passed") if result.passed else (_RED, "failed")
        yield f"{escaped(str(result.question.origin))}: {result.case.name}: {colour}{verdict}{_RESET}\n"
        lines = _comparison(result.rows) if not result.passed else _findings(result) if shown.verbose else ()
        yield from (f"  {line}\n" for line in lines)
    for coverage in shown.coverages:
        for part, names, missed in coverage.parts():
            what = f"{coverage.policy.name}: {len(names) - len(missed)} of {len(names)} {part} covered"
            yield f"{what}{'; not: ' if missed else ''}{', '.join(missed)}\n"
    counts = shown.counts
    left_out = f", {counts['deselected']:,} deselected" if shown.deselected else ""
    yield f"{counted(counts['cases'], 'case')}: {counts['passed']:,} passed, {counts['failed']:,} failed{left_out}\n"


def _comparison(rows: "Iterable[Row]") -> Iterator[str]:
    """Yield the lines of a table: mark, part, expected value, reported value."""
    cells = [
        (row, _label(row.part), wrap(escaped(row.expected), _WIDEST) or [""], escaped(row.reported)) for row in rows
    ]
    first = max(len(label) for _, label, _, _ in cells)
    second = max(len("expected"), *(len(line) for _, _, lines, _ in cells for line in lines))
    yield f"  {_FAINT}{'':{first}}  {'expected':{second}}  reported{_RESET}"
    for row, label, lines, reported in cells:
        wrong = bool(row.mark)
        for index, line in enumerate(lines):
            mark, name, got = (row.mark, label, reported) if index == 0 else ("", "", "")
            padding = " " * (second - len(line) + 2)
            yield "".join((
                f"{_tinted(mark, _RED)}{'' if mark else ' '} {name:{first}}  ",
                _tinted(line, _GREEN if wrong else ""),
                f"{padding}{_tinted(got, _RED if wrong else '')}" if got else "",
            ))  # fmt: skip


def _label(part: str) -> str:
    """Return the label of a part; the parts of a finding after its rule are indented."""
    key = part.partition(" ")[2]
    return f"  {key}" if key and key != "rule" else part


def _tinted(text: str, colour: str) -> str:
    return f"{colour}{text}{_RESET}" if text and colour else text


def _findings(result: "Result") -> Iterator[str]:
    """Yield the verdict, the findings and the patch of a case."""
    outcome = result.outcome
    exempt = f" (exempt: {outcome.exemption.name})" if outcome.exemption else ""
    yield f"verdict: {outcome.verdict}{exempt}"
    for mode, colour in _MODES.items():
        for finding in outcome.findings:
            if finding.mode == mode:
                yield f"{colour}{mode}{_RESET}: {finding}"
    for operation in outcome.patch:
        yield f"{_FAINT}sets {escaped(operation.path)} to {json.dumps(operation.value)}{_RESET}"


def as_junit(shown: Shown) -> Iterator[str]:
    """Yield the report of the cases as JUnit XML."""
    from webhook.report import pipelines

    by_file: dict[str, list[pipelines.Case]] = {}
    for result in shown.results:
        at = result.question.origin
        case = pipelines.Case(result.case.name, pipelines.group(at.file, "test"), at.file, at.line)
        if not result.passed:
            text = "\n".join(map(click.unstyle, _comparison(result.rows)))
            case = replace(case, verdict="failure", message=_message(result.rows), type="expectation", text=text)
        by_file.setdefault(at.file, []).append(case)
    return pipelines.document("test", (pipelines.suite(file, cases, now()) for file, cases in by_file.items()))


def _message(rows: "Iterable[Row]") -> str:
    """Return one sentence about the first difference."""
    row = next(row for row in rows if row.mark)
    return f"{row.part}: expected {row.expected or 'nothing'}, got {row.reported or 'nothing'}"


def as_json(shown: Shown) -> Iterator[str]:
    """Yield one JSON document, one case per line."""
    yield '{"apiVersion":"istag-webhook/v1","kind":"PolicyTestReport","cases":['
    separator = "\n"
    for result in shown.results:
        yield f"{separator}{_dumped(_case(result))}"
        separator = ",\n"
    coverage = [
        {
            "policy": each.policy.name,
            "digest": each.policy.digest,
            "uncovered": {part: missing for part, _, missing in each.parts()},
        }
        for each in shown.coverages
    ]
    yield f'\n],"coverage":{_dumped(coverage)},"summary":{_dumped(shown.counts)}}}\n'


def _case(result: "Result") -> dict[str, Any]:
    outcome = result.outcome
    return {
        "file": result.question.origin.file,
        "line": result.question.origin.line,
        "name": result.case.name,
        "passed": result.passed,
        "verdict": outcome.verdict,
        "exemption": outcome.exemption.name if outcome.exemption else None,
        "findings": [
            {"rule": each.rule, "mode": each.mode, "field": each.field, "message": each.message}
            for each in outcome.findings
        ],
        "comparison": [row.as_json() for row in result.rows],
    }


def _dumped(value: Any) -> str:
    return orjson.dumps(value).decode()


_FORMATS: Final[Mapping[str, Callable[[Shown], Iterator[str]]]] = {"table": table, "json": as_json, "junit": as_junit}
