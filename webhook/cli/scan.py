"""`istag-webhook scan`: evaluate a live cluster by a policy."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from webhook.cli.fix import pace_options
from webhook.cli.options import at_option, connection, namespaces_option, policy_option, selector_option, shard_option
from webhook.cli.output import NOTHING, Wanted, end, fail, head, report_options, write
from webhook.errors import ClusterError, MalformedGlob, PolicyError
from webhook.report.shape import Shard

if TYPE_CHECKING:
    from webhook.cluster.client import Cluster
    from webhook.evaluate.rollout import Pace
    from webhook.evaluate.streams import Progress, Selection
    from webhook.policy.policy import Policy
    from webhook.report.outcome import Outcome
    from webhook.report.tally import Tally

_APIS: Final = ("openreports", "wgpolicyk8s")
_PATIENCE: Final = 0.25  # seconds: every request of a scan is safe to repeat


@click.command()
@policy_option()
@connection
@namespaces_option
@selector_option
@shard_option
@click.option(
    "--chunk-size", "chunk", type=click.IntRange(1), default=100, show_default=True,
    help="Image streams per request.",
)  # fmt: skip
@click.option("--images", is_flag=True, help="Fetch the image of each tag, for the rules that evaluate images.")
@report_options
@click.option(
    "--write-reports", "reports", type=click.Choice(_APIS),
    help="Write a report to each namespace of the cluster, and remove stale reports of this command.",
)  # fmt: skip
@at_option("Evaluate exemptions and rules that end as of this time.")
@click.option("--fix", "fixing", is_flag=True, help="Show the settings of the policy's defaults that tags lack.")
@click.option(
    "--apply", "really", is_flag=True, help="With --fix: make these settings, except those that import a tag."
)
@pace_options
def scan(  # noqa: PLR0913 - one for each option
    policies: tuple[Path, ...],
    kubeconfig: Path | None,
    context: str | None,
    wanted: Wanted,
    *,
    images: bool,
    reports: str | None,
    fixing: bool,
    really: bool,
    pace: "Pace | None",
    namespaces: tuple[str, ...],
    selector: str,
    shard: Shard,
    chunk: int,
    at: datetime,
) -> None:
    """Evaluate a live cluster by a policy.

    Every tag of every image stream is evaluated as if it were set now, in each rule's own mode: `existing: ignore`
    applies to edits, not to a scan. The user who set a tag is unknown. So rules that match users or groups report
    nothing, and no exemption applies.

    --fix completes tags as the webhook completes new ones. It shows the plan, and changes nothing without --apply. If
    importMode is set, OpenShift imports the tag at once, and the tag then means whatever its source names now. The plan
    names each such tag and its current image. --apply skips these settings; --apply --import makes them in batches. It
    is safe to interrupt and rerun.

    Exit codes: 0 no enforced findings, 1 enforced findings, or settings that --fix left, 2 the cluster or the policy
    cannot be used, or a write failed. A part of several (--shard) exits with 0 instead of 1: merge reports the findings
    of all parts.
    """
    for wrong, sentence in (
        (really and not fixing, "--apply: only valid with --fix"),
        (pace is not None and not really, "--import: only valid with --fix --apply"),
        (
            bool(reports and selector),
            "--write-reports: not valid with --selector, because a report covers a whole namespace",
        ),
        (
            fixing
            and bool(reports or images or wanted != Wanted("table", None, wanted.exit_zero, verbose=wanted.verbose)),
            "--fix: makes no report; not valid with --images, --format, --output, --fail-on-warn or --write-reports",
        ),
    ):
        if wrong:
            raise click.UsageError(sentence)
    from webhook.cli.fix import fix
    from webhook.cluster.client import connect
    from webhook.evaluate.streams import Selection
    from webhook.globs.alphabets import NAMESPACE
    from webhook.globs.matching import Glob
    from webhook.policy.loading import load

    try:
        policy = load(*policies)
        selection = Selection(tuple(Glob.compile(each, NAMESPACE) for each in namespaces), selector, shard, chunk)
        cluster = connect(kubeconfig, context, _PATIENCE)
        with _progress(wanted) as progress:
            if fixing:
                sys.exit(fix(cluster, selection, policy, progress, wanted, really=really, pace=pace))
            tally, faults = _scan(cluster, selection, policy, at, progress, wanted, images=images, reports=reports)
    except (PolicyError, MalformedGlob, ClusterError) as error:
        fail(str(error))
    for fault in faults:
        click.echo(fault, err=True)
    if not tally.evaluated:
        click.echo(NOTHING, err=True)
    if faults:
        sys.exit(2)
    if shard.count == 1:
        end(tally, wanted)


def _scan(  # noqa: PLR0913 - what, by what, when, and how
    cluster: "Cluster",
    selection: "Selection",
    policy: "Policy",
    time: datetime,
    progress: "Progress",
    wanted: Wanted,
    *,
    images: bool,
    reports: str | None,
) -> "tuple[Tally, list[str]]":
    """Print the findings, write the reports, and return the summary and what could not be written."""
    from webhook.evaluate.reports import Reports, written_back
    from webhook.evaluate.scan import scan as scanned
    from webhook.model.review import TagField
    from webhook.report.openreports import APIS
    from webhook.report.tally import Tally

    if selection.shard.count > 1 and wanted.output is not None and wanted.output.is_file():
        wanted.output.unlink()  # a part that fails must not leave the output of the last run
    first, tally, faults = head("scan", policy, selection.shard), Tally(), list[str]()
    found: Iterable[Outcome] = tally.counting(scanned(cluster, selection, policy, time, progress, images=images))
    api = APIS[reports] if reports else None
    written = Reports(cluster, api) if api else None
    unasked = [entry.name for entry in policy.rules if TagField.IMAGE in entry.rule.reads and not images]
    if unasked:
        click.echo(f"not evaluated without --images: {', '.join(unasked)}", err=True)
    if api and written:
        written.check()
        found = written_back(found, written, api, first, faults)
    listed = (outcome for outcome in found if outcome.findings or wanted.verbose)
    # If the cluster cannot be read, there is no report, not even its header.
    write(wanted.writer(first, chain(tuple(islice(listed, 1)), listed), tally), wanted.output)
    if written:
        for namespace in written.remove_stale(selection.holds):
            click.echo(f"removed the report of {namespace}: the namespace no longer has image streams", err=True)
    return tally, faults


@contextmanager
def _progress(wanted: Wanted) -> "Iterator[Progress]":
    """Yield a callback for the streams done: a progress bar on a terminal, if nothing else is written to it."""
    if not sys.stderr.isatty() or (wanted.output is None and sys.stdout.isatty()):
        yield lambda _done, _remaining: None
        return
    with click.progressbar(length=1, label="image streams", show_pos=True, file=sys.stderr) as bar:

        def update(done: int, remaining: int | None) -> None:
            bar.length = max(1, done + (remaining or 0))
            bar.update(done - bar.pos)

        yield update
