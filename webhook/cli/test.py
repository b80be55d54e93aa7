"""`istag-webhook test`: policies are held against the cases that stand beside them."""

import json
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import as_file, files
from itertools import chain
from pathlib import Path

import click

from webhook.cli.options import format_option, output_option
from webhook.cli.output import say, write
from webhook.cli.reporting import now
from webhook.cli.types import GivenPath
from webhook.documents.files import given
from webhook.errors import CaseRefused, Fault, PolicyRefused
from webhook.policy import TEST_KIND, Policy
from webhook.policy import load as load_policy
from webhook.policytests import SUFFIXES, Coverage, Result, Suite, load, run
from webhook.policytests import schema as test_schema
from webhook.report import junit
from webhook.text import counted

_RED, _GREEN, _RESET = "\x1b[31m", "\x1b[32m", "\x1b[0m"


@click.command()
@click.argument("paths", nargs=-1, type=GivenPath(str))
@click.option(
    "--coverage", is_flag=True, help="Name the rules that no case refuses, and defaults and exemptions unused."
)
@click.option("--fail-uncovered", is_flag=True, help="End with 1 where there are such; implies --coverage.")
@format_option(("table", "junit"))
@output_option
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a test document instead.")
def test(
    paths: tuple[str, ...], format_: str, output: Path | None, *, coverage: bool, fail_uncovered: bool, schema: bool
) -> None:
    """Hold policies against the cases that stand beside them.

    PATHS are files of kind ImageTagPolicyTest, and directories, which are searched for *.test.yaml and *_test.yaml.
    Without PATHS, the tests of the shipped policy are run. Exit code 0 where every case comes out as expected, 1 where
    one does not, 2 where a test or a policy cannot be used; what can be run is run all the same.
    """
    if schema:
        say(json.dumps(test_schema(), indent=2))
        return
    with as_file(files("webhook.policy")) as shipped:
        suites, faults = _suites(paths or (str(shipped / "default.test.yaml"),))
        results, coverages, wrong = _run(suites)
    faults += wrong
    failed = [result for result in results if not result.passed]
    uncovered = [each for each in coverages if not each.whole]
    pieces = _junit(results) if format_ == "junit" else _table(results, coverages if coverage or fail_uncovered else [])
    write(pieces, output)
    for fault in faults:
        click.echo(str(fault), err=True)
    sys.exit(2 if faults else 1 if failed or (fail_uncovered and uncovered) else 0)


def _suites(paths: tuple[str, ...]) -> tuple[list[Suite], list[Fault]]:
    """Return the tests in `paths`, and every fault in them."""
    loaded = [load(file) for file in given(paths, SUFFIXES, f"a document of kind {TEST_KIND}")]
    return list(chain.from_iterable(found for found, _ in loaded)), list(chain.from_iterable(bad for _, bad in loaded))


def _run(suites: list[Suite]) -> tuple[list[Result], list[Coverage], list[Fault]]:
    """Run every case; return what came of them, what they met of each policy, and what could not be run."""
    results: list[Result] = []
    faults: list[Fault] = []
    by_policy: dict[tuple[Path, ...], tuple[Policy, list[Result]]] = {}
    for suite in suites:
        key = tuple(path.resolve() for path in suite.policies)
        if key not in by_policy:
            try:
                by_policy[key] = load_policy(*suite.policies), []
            except PolicyRefused as error:
                faults.extend(error.faults)
                continue
        policy, met = by_policy[key]
        for case, line in suite.cases:
            try:
                met.append(run(case, suite.file, line, policy))
            except CaseRefused as error:
                faults.extend(error.faults)
            else:
                results.append(met[-1])
    return results, [Coverage.of(policy, met) for policy, met in by_policy.values()], faults


def _table(results: list[Result], coverages: list[Coverage]) -> Iterator[str]:
    """Yield a line for each case, a diff for each that failed, what was not covered, and a summary."""
    for result in results:
        colour, verdict = (_GREEN, "passed") if result.passed else (_RED, "failed")
        yield f"{result.file}:{result.line}: {result.case.name}: {colour}{verdict}{_RESET}\n"
        for line in result.diff():
            tint = {"-": _RED, "+": _GREEN}.get(line[:1], "")
            yield f"  {tint}{line}{_RESET}\n" if tint else f"  {line}\n"
    for coverage in coverages:
        for part, names, missed in coverage.parts():
            what = f"{coverage.policy.name}: {len(names) - len(missed)} of {len(names)} {part} covered"
            yield f"{what}{'; not: ' if missed else ''}{', '.join(missed)}\n"
    passed = sum(result.passed for result in results)
    yield f"{counted(len(results), 'case')}: {passed} passed, {len(results) - passed} failed\n"


def _junit(results: list[Result]) -> Iterator[str]:
    """Yield the report of the cases in the form of JUnit."""
    by_file: dict[str, list[junit.Case]] = {}
    for result in results:
        case = junit.Case(result.case.name, junit.group(result.file, "test"), result.file, result.line)
        if not result.passed:
            said = "\n".join(result.diff())
            case = replace(case, verdict="failure", message="not as expected", type="expectation", text=said)
        by_file.setdefault(result.file, []).append(case)
    return junit.document("test", (junit.suite(file, cases, now()) for file, cases in by_file.items()))
