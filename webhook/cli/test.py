"""`istag-webhook test`: run policy tests."""

import json
import sys
from importlib.resources import as_file, files
from itertools import chain
from pathlib import Path
from typing import Final

import click

from webhook.cli.cases import Shown, as_json, as_junit, table
from webhook.cli.options import format_option, output_option
from webhook.cli.output import say, write
from webhook.cli.types import GivenPath
from webhook.documents.files import input_files
from webhook.errors import CaseError, Fault, PolicyError
from webhook.policy.loading import TEST_KIND, Policy
from webhook.policy.loading import load as load_policy
from webhook.policytests.coverage import Coverage
from webhook.policytests.document import SUFFIXES, Suite, load
from webhook.policytests.document import schema as test_schema
from webhook.policytests.running import Result, run
from webhook.policytests.selecting import select
from webhook.text import counted, quoted

_FORMATS: Final = {"table": table, "json": as_json, "junit": as_junit}


@click.command()
@click.argument("paths", nargs=-1, type=GivenPath(str))
@click.option(
    "--policy", "-p", "policies", multiple=True, type=GivenPath(),
    help="Policy file or directory to test instead of those that the tests name; may be repeated.",
)  # fmt: skip
@click.option(
    "-k", "patterns", metavar="PATTERN", multiple=True,
    help="Run only cases whose name contains PATTERN or matches it as a glob, ignoring case; may be repeated.",
)  # fmt: skip
@click.option("-q", "--quiet", is_flag=True, help="Print only failed cases and the summary.")
@click.option("-v", "--verbose", is_flag=True, help="Print the verdict and the findings of each case.")
@click.option(
    "--coverage",
    is_flag=True,
    help="Name the rules that report nothing in any case, and unused defaults and exemptions.",
)
@click.option("--fail-uncovered", is_flag=True, help="Exit with 1 if there are any; implies --coverage.")
@format_option(_FORMATS)
@output_option
@click.option("--schema", is_flag=True, help="Print the JSON Schema of a test document instead.")
def test(  # noqa: PLR0913 - one for each option
    paths: tuple[str, ...],
    policies: tuple[Path, ...],
    patterns: tuple[str, ...],
    format_: str,
    output: Path | None,
    *,
    quiet: bool,
    verbose: bool,
    coverage: bool,
    fail_uncovered: bool,
    schema: bool,
) -> None:
    """Run policy tests.

    PATHS are files of kind ImageTagPolicyTest, and directories, which are searched for *.test.yaml and *_test.yaml.
    Without PATHS, the tests of the shipped policy are run. A case that fails is printed with what was reported beside
    what was expected.

    Exit codes: 0 every case passed, 1 a case failed, 2 a test or a policy cannot be used, or -k selects no case. Cases
    that can be run are run in any case.
    """
    if quiet and verbose:
        raise click.UsageError("expected one of -q and -v, got both")
    if schema:
        say(json.dumps(test_schema(), indent=2))
        return
    with as_file(files("webhook.policy")) as shipped:
        suites, faults = _suites(paths or (str(shipped / "default.test.yaml"),))
        selected, deselected = select(suites, patterns)
        if deselected and not selected:
            faults.append(_none_selected(patterns, deselected))
        results, coverages, wrong = _run(selected, policies)
    faults += wrong
    shown = Shown(tuple(results), tuple(coverages) if coverage or fail_uncovered else (), deselected, quiet, verbose)
    write(_FORMATS[format_](shown), output)
    for fault in faults:
        click.echo(str(fault), err=True)
    failed = shown.counts["failed"] or (fail_uncovered and not all(each.whole for each in coverages))
    sys.exit(2 if faults else 1 if failed else 0)


def _suites(paths: tuple[str, ...]) -> tuple[list[Suite], list[Fault]]:
    """Return the tests in `paths`, and every fault in them."""
    loaded = [load(file) for file in input_files(paths, SUFFIXES, f"a document of kind {TEST_KIND}")]
    return list(chain.from_iterable(found for found, _ in loaded)), list(chain.from_iterable(bad for _, bad in loaded))


def _none_selected(patterns: tuple[str, ...], deselected: int) -> Fault:
    expected = " or ".join(map(quoted, patterns))
    return Fault(
        "-k",
        "",
        f"expected the name of a case to contain or match {expected}, got none among {counted(deselected, 'case')}",
    )


def _run(suites: list[Suite], policies: tuple[Path, ...]) -> tuple[list[Result], list[Coverage], list[Fault]]:
    """Run every case by `policies`, or by those that its suite names; each policy is loaded once.

    Returns:
        The results, what they cover of each policy, and what cannot be run.
    """
    results: list[Result] = []
    faults: list[Fault] = []
    by_policy: dict[tuple[Path, ...], tuple[Policy, list[Result]] | None] = {}
    for suite in suites:
        key = tuple(path.resolve() for path in policies or suite.policies)
        if key not in by_policy:
            by_policy[key] = None
            try:
                by_policy[key] = load_policy(*(policies or suite.policies)), []
            except PolicyError as error:
                faults.extend(error.faults)
        loaded = by_policy[key]
        if loaded is None:
            continue
        policy, met = loaded
        for case, line in suite.cases:
            try:
                met.append(run(case, suite.file, line, policy))
            except CaseError as error:
                faults.extend(error.faults)
            else:
                results.append(met[-1])
    return results, [Coverage.of(*loaded) for loaded in by_policy.values() if loaded is not None], faults
