"""`istag-webhook replay`: evaluate recorded decisions by another policy."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from webhook.cli import fail
from webhook.cli.options import namespaces_option, period_options, policy_option
from webhook.cli.output import write
from webhook.cli.reporting import Wanted, empty_option, format_options, head, nothing
from webhook.cli.shard import shard_option
from webhook.cli.types import GivenPath
from webhook.errors import MalformedGlob, PolicyError, WorkerLost
from webhook.globs.alphabets import NAMESPACE
from webhook.globs.matching import Glob
from webhook.policy.loading import load
from webhook.replay import Remarks
from webhook.replay import replay as judge_again
from webhook.replay.judging import LEFT_OUT, Judge, Selection, moment
from webhook.replay.parts import expand
from webhook.report import writer
from webhook.report.tally import Tally
from webhook.shard import Shard


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@policy_option()
@period_options
@namespaces_option
@click.option("--skip-dry-run", is_flag=True, help="Leave out what was only tried (dryRun).")
@click.option(
    "--workers", type=click.IntRange(1), default=lambda: len(os.sched_getaffinity(0)), show_default="one a core",
    help="Processes that evaluate.",
)  # fmt: skip
@shard_option
@empty_option
@format_options
def replay(
    files: tuple[str, ...],
    policies: tuple[Path, ...],
    workers: int,
    wanted: Wanted,
    *,
    fail_on_empty: bool,
    **selected: Any,
) -> None:
    """Evaluate recorded decisions by another policy.

    Says what would be denied that was allowed, and the reverse. FILES hold records of level request, plain or gzip,
    among whatever other lines; a directory stands for all files below it, - for standard input. What validate decided
    is evaluated as check evaluates it: the policy's defaults are applied before its rules. What mutate completed is
    completed again.

    Exit code 0 if nothing would change, 1 if something would, 2 if a file or the policy cannot be used. A part of
    several (--shard) ends with 0 instead of 1: merge reports what all found.
    """
    try:
        policy, selection = load(*policies), _selection(**selected)
    except (PolicyError, MalformedGlob) as error:
        fail(str(error))
    tally, remarks = Tally(), Remarks()
    found = expand(files, remarks.faults)
    try:
        with (
            _progress(found, wanted) as progress,
            closing(judge_again(found, Judge(policy, selection), tally, remarks, workers, progress)) as outcomes,
        ):
            report = writer(wanted.format)(head("replay", policy, selection.shard), outcomes, tally)
            write(report, wanted.output)
    except WorkerLost as error:
        fail(str(error))
    sys.exit(_ended(tally, remarks, selection.shard, wanted, failing=fail_on_empty))


def _selection(
    since: datetime | None, until: datetime | None, namespaces: tuple[str, ...], shard: Shard, *, skip_dry_run: bool
) -> Selection:
    """Return which records are meant.

    Raises:
        MalformedGlob: a namespace is no glob.
    """
    return Selection(
        moment(since),
        moment(until),
        tuple(Glob.compile(namespace, NAMESPACE) for namespace in namespaces),
        not skip_dry_run,
        shard,
    )


@contextmanager
def _progress(files: list[Path | None], wanted: Wanted) -> Iterator[Callable[[int], None]]:
    """Yield what is told of the bytes that are done: a bar on a terminal, unless the report streams to it meanwhile."""
    size = sum(file.stat().st_size for file in files if file is not None and file.exists())
    streams = wanted.output is None and wanted.format != "table" and sys.stdout.isatty()
    if not size or streams or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=size, label="replay", file=sys.stderr) as bar:
        yield bar.update


def _ended(tally: Tally, remarks: Remarks, shard: Shard, wanted: Wanted, *, failing: bool) -> int:
    """Say what could not be used, and return the exit code."""
    for fault in remarks.faults:
        click.echo(str(fault), err=True)
    for line in remarks.lines:
        click.echo(str(line), err=True)
    others = {why: count for why, count in tally.unjudged.items() if count}
    if others:
        said = ", ".join(f"{count:,} {why}" for why, count in sorted(others.items()))
        click.echo(f"not evaluated: {said}", err=True)
    if remarks.faults:
        return 2
    if shard.count > 1:
        return 0
    if not tally.judged:
        wanting = "one that --since, --until, --namespace and --skip-dry-run do not leave out"
        if set(others) != {LEFT_OUT}:
            wanting = "records of level request (serve --record-level request)"
        nothing(f"no record was evaluated: expected {wanting}", failing=failing)
    return wanted.code(found=bool(tally.changes.total()))
