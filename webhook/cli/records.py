"""The commands that read records: `istag-webhook replay`, `merge` of its parts, and `records verify`."""

import json
import sys
from collections.abc import Sequence
from contextlib import ExitStack, closing, nullcontext
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from webhook.cli.options import (
    GivenPath,
    empty_option,
    format_option,
    namespaces_option,
    output_option,
    period_options,
    policy_option,
    shard_option,
    verbose_option,
    workers_option,
)
from webhook.cli.output import Wanted, end, fail, format_options, head, nothing, progress_of_files, write
from webhook.errors import CertificateError, Fault, MalformedGlob, PolicyError, ReportError, WorkerLost
from webhook.report.shape import Shard, writer

if TYPE_CHECKING:
    from webhook.evaluate.records import Remarks
    from webhook.evaluate.runs import Found
    from webhook.evaluate.verify import Verification
    from webhook.report.tally import Tally

_STANDARD_INPUT: Final = "-"


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@policy_option()
@period_options
@namespaces_option
@click.option("--skip-dry-run", is_flag=True, help="Skip records of dry runs.")
@workers_option
@shard_option
@empty_option
@format_options()
def replay(  # noqa: PLR0913 - one for each option
    files: tuple[str, ...],
    policies: tuple[Path, ...],
    workers: int,
    wanted: Wanted,
    *,
    fail_on_empty: bool,
    since: datetime | None,
    until: datetime | None,
    namespaces: tuple[str, ...],
    skip_dry_run: bool,
    shard: Shard,
) -> None:
    """Evaluate recorded decisions by another policy.

    Reports what would be denied that was allowed, and the reverse. FILES hold records of level request, plain or gzip,
    among any other lines; a directory means all files below it, - is standard input. A decision of validate is
    evaluated as by check: the policy's defaults are applied before its rules. A decision of mutate is computed again.

    Exit codes: 0 no decision would change, 1 a decision would change, 2 a file or the policy cannot be used. A part of
    several (--shard) exits with 0 instead of 1: merge reports the findings of all parts.
    """
    from webhook.documents.inputs import expand
    from webhook.evaluate.records import Remarks, Selection, moment
    from webhook.evaluate.replay import Evaluation
    from webhook.evaluate.replay import replay as evaluate_again
    from webhook.globs.alphabets import NAMESPACE
    from webhook.globs.matching import Glob
    from webhook.policy.loading import load
    from webhook.report.tally import Tally

    try:
        policy = load(*policies)
        globs = tuple(Glob.compile(each, NAMESPACE) for each in namespaces)
    except (PolicyError, MalformedGlob) as error:
        fail(str(error))
    evaluation = Evaluation(policy, Selection(moment(since), moment(until), globs, not skip_dry_run, shard))
    tally, remarks = Tally(), Remarks()
    found = expand(files, remarks.faults)
    try:
        with (
            progress_of_files("replay", found, wanted) as progress,
            closing(evaluate_again(found, evaluation, tally, remarks, workers, progress)) as outcomes,
        ):
            write(writer(wanted.format)(head("replay", policy, shard), outcomes, tally), wanted.output)
    except WorkerLost as error:
        fail(str(error))
    sys.exit(_ended(tally, remarks, shard, wanted, failing=fail_on_empty))


def _ended(tally: "Tally", remarks: "Remarks", shard: Shard, wanted: Wanted, *, failing: bool) -> int:
    """Report the records that could not be used, and return the exit code."""
    from webhook.evaluate.records import NOT_SELECTED

    for fault in remarks.faults:
        click.echo(str(fault), err=True)
    for line in remarks.lines:
        click.echo(str(line), err=True)
    others = {why: count for why, count in tally.not_evaluated.items() if count}
    if others:
        skipped = ", ".join(f"{why}: {count:,}" for why, count in sorted(others.items()))
        click.echo(f"not evaluated: {skipped}", err=True)
    if remarks.faults:
        return 2
    if shard.count > 1:
        return 0
    if not tally.evaluated:
        wanting = "one that --since, --until, --namespace and --skip-dry-run select"
        if set(others) != {NOT_SELECTED}:
            wanting = "records of level request (serve --record-level request)"
        nothing(f"no record was evaluated: expected {wanting}", failing=failing)
    return wanted.code(found=bool(tally.changes.total()))


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath())
@format_options()
@verbose_option
def merge(files: tuple[Path, ...], wanted: Wanted) -> None:
    """Join the reports of a command's parts, in any format.

    FILES are the output of --format json for each part of --shard I/N: all parts, of the same command, policy and
    version; - is standard input. A single complete report is converted to another format.

    Exit codes: 0 no findings, 1 findings, 2 a file is not such a report.
    """
    from webhook.report.json import merged
    from webhook.report.tally import Tally

    tally = Tally()
    try:
        with ExitStack() as opened:
            reports = [
                (
                    str(file),
                    opened.enter_context(
                        nullcontext(sys.stdin.buffer) if str(file) == _STANDARD_INPUT else file.open("rb")
                    ),
                )
                for file in files
            ]
            header, outcomes = merged(reports, tally)
            write(wanted.writer(header, outcomes, tally), wanted.output)
    except OSError as error:
        fail(f"{error.filename}: cannot be read: {error.strerror}")
    except ReportError as error:
        fail(str(error))
    if header.compares:
        sys.exit(wanted.code(found=bool(tally.changes.total())))
    end(tally, wanted)


@click.group()
def records() -> None:
    """Verify records of decisions."""


@records.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@click.option(
    "--key", "-k", "keys", multiple=True, type=GivenPath(),
    help="Public key that checkpoints are signed with, PEM; may be repeated. Default: only accidents are found.",
)  # fmt: skip
@click.option(
    "--fail-on-unproven", is_flag=True, help="End with 1 also if something cannot be told, such as the end of a writer."
)
@format_option(("table", "json"))
@output_option
def verify(
    files: tuple[str, ...], keys: tuple[Path, ...], format_: str, output: Path | None, *, fail_on_unproven: bool
) -> None:
    """Find altered, missing, moved, repeated and foreign lines.

    FILES hold records, plain or gzip, rotated or merged, of any number of pods and in any order; a directory stands for
    all files below it, - for standard input. Everything else is reported as unproven: lines after the last
    checkpoint of a writer, lines before the first that is here, and whether a writer without an end wrote more.

    Exit codes: 0 nothing is wrong, 1 something is, 2 a file or a key cannot be used, or there is no record.
    """
    from webhook.certs.signing import Keys
    from webhook.documents.inputs import expand
    from webhook.evaluate.records import cut
    from webhook.evaluate.runs import NOTE, UNPROVEN
    from webhook.evaluate.verify import Verification

    try:
        verification = Verification(Keys(*keys) if keys else None)
    except CertificateError as error:
        fail(str(error))
    faults: list[Fault] = []
    for part in cut(expand(files, faults), faults):
        verification.add(part)
    found = list(verification.found())
    write((_json(verification, found) if format_ == "json" else _table(verification, found), "\n"), output)
    for fault in faults:
        click.echo(str(fault), err=True)
    if not verification.lines:
        fail("expected records, got none")
    accepted = {NOTE} if fail_on_unproven else {NOTE, UNPROVEN}
    sys.exit(2 if faults else int(any(each.kind not in accepted for each in found)))


def _table(verification: "Verification", found: "Sequence[Found]") -> str:
    from webhook.evaluate.runs import NOTE, UNPROVEN
    from webhook.text import counted

    wrong = sum(each.kind not in (NOTE, UNPROVEN) for each in found)
    lines, writers = counted(verification.lines, "line"), counted(verification.writers, "writer")
    return "\n".join([*map(str, found), f"{lines} of {writers}: {counted(wrong, 'problem')}"])


def _json(verification: "Verification", found: "Sequence[Found]") -> str:
    document = {
        "apiVersion": "istag-webhook/v1",
        "kind": "RecordVerification",
        "lines": verification.lines,
        "writers": verification.writers,
        "other": verification.others,
        "found": [{"kind": each.kind, "where": each.where, "message": each.message} for each in found],
    }
    return json.dumps(document, indent=2)
