"""`istag-webhook scan`: hold a live cluster against a policy."""

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
from webhook.cli.output import Wanted, fail, report_options, write
from webhook.errors import ClusterError, MalformedGlob, PolicyError
from webhook.report.shape import Shard

if TYPE_CHECKING:
    from webhook.cluster.client import Cluster
    from webhook.evaluate.rollout import Pace
    from webhook.evaluate.streams import Progress, Selection
    from webhook.policy.loading import Policy
    from webhook.report.outcome import Outcome
    from webhook.report.tally import Tally

_APIS: Final = ("openreports", "wgpolicyk8s")
_PATIENCE: Final = 0.25  # seconds: every request of a scan may be repeated, for none counts or adds up


@click.command()
@policy_option()
@connection
@namespaces_option
@selector_option
@shard_option
@click.option(
    "--chunk-size", "chunk", type=click.IntRange(1), default=100, show_default=True,
    help="Image streams to ask for at a time.",
)  # fmt: skip
@click.option("--images", is_flag=True, help="Fetch the image of each tag, for the rules that evaluate images.")
@report_options
@click.option(
    "--write-reports", "reports", type=click.Choice(_APIS),
    help="Write a report into each namespace of the cluster, and remove ours that are stale.",
)  # fmt: skip
@click.option("--fix", "fixing", is_flag=True, help="Show what the policy's defaults would set in tags that lack it.")
@click.option("--apply", "really", is_flag=True, help="With --fix: set it, except what imports a tag.")
@at_option("Evaluate exemptions and rules that end as of this time.")
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
    """Hold a live cluster against a policy.

    Every tag of every image stream is evaluated as it is, by each rule's own mode, as if it were set now: a rule that
    says existing: ignore leaves an edit in peace, and not a scan. Who set a tag is not known, so rules that match users
    or groups say nothing, and no exemption holds.

    --fix completes tags as the webhook completes new ones. It shows what it would set, and changes nothing without
    --apply. If importMode is set, OpenShift imports the tag at once, and the tag then means whatever its source names
    now. The plan names each such tag and its present image. --apply leaves these settings alone; --apply --import makes
    them in batches. It is safe to interrupt and rerun.

    Exit code 0 where nothing is found that is enforced, 1 where something is, or where --fix leaves something to set, 2
    where the cluster or the policy cannot be used, or something could not be written. A part of several (--shard) ends
    with 0 instead of 1: merge says what all found.
    """
    for wrong, sentence in (
        (really and not fixing, "--apply: expected --fix with it"),
        (pace is not None and not really, "--import: expected --fix --apply with it"),
        (bool(reports and selector), "--write-reports: a report is of a namespace; expected no --selector"),
        (
            fixing
            and bool(reports or images or wanted != Wanted("table", None, wanted.exit_zero, verbose=wanted.verbose)),
            "--fix: it makes no report; expected no --images, --format, --output, --fail-on-warn or --write-reports",
        ),
    ):
        if wrong:
            raise click.UsageError(sentence)
    from webhook.cli.fix import fix
    from webhook.cli.reporting import NOTHING, end
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
    if not tally.judged:
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
    """Print what is found and write it back, and return the summary, and what could not be written."""
    from webhook.cli.reporting import head
    from webhook.evaluate.reports import Reports, written_back
    from webhook.evaluate.scan import scan as scanned
    from webhook.model.review import TagField
    from webhook.report.openreports import APIS
    from webhook.report.tally import Tally

    if selection.shard.count > 1 and wanted.output is not None and wanted.output.is_file():
        wanted.output.unlink()  # a part that fails must not be there from the last time
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
    everything = wanted.verbose and wanted.format == "table"
    listed = (outcome for outcome in found if outcome.findings or everything)
    # A cluster that cannot be asked has no report, not even the head of one.
    write(wanted.writer(first, chain(tuple(islice(listed, 1)), listed), tally), wanted.output)
    if written:
        for namespace in written.remove_stale(selection.holds):
            click.echo(f"removed the report of {namespace}: it has no image streams any more", err=True)
    return tally, faults


@contextmanager
def _progress(wanted: Wanted) -> "Iterator[Progress]":
    """Yield what is told of the streams that are done: a bar on a terminal, where nothing else is written to it."""
    if not sys.stderr.isatty() or (wanted.output is None and sys.stdout.isatty()):
        yield lambda _done, _remaining: None
        return
    with click.progressbar(length=1, label="image streams", show_pos=True, file=sys.stderr) as bar:

        def told(done: int, remaining: int | None) -> None:
            bar.length = max(1, done + (remaining or 0))
            bar.update(done - bar.pos)

        yield told
