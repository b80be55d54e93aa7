"""`istag-webhook history`: who pointed a tag where, and when, by the records."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from webhook import __version__
from webhook.cli.options import GivenPath, Moment, empty_option, period_options, workers_option
from webhook.cli.output import Wanted, fail, format_options, nothing, now, progress_of_files, write
from webhook.errors import MalformedGlob, ReportError, WorkerLost
from webhook.report.shape import LIMIT
from webhook.text import counted, printable

if TYPE_CHECKING:
    from webhook.evaluate.changes import Changes, Search
    from webhook.evaluate.meanings import Meanings
    from webhook.evaluate.records import Remarks
    from webhook.evaluate.scan import Stored
    from webhook.policy.match import TagPattern
    from webhook.report.header import Header
    from webhook.report.outcome import Outcome
    from webhook.report.tally import Tally

_FORMATS: Final = ("table", "json", "yaml", "html")
_DIGEST: Final = len("sha256:") + 12  # enough of a policy's digest for a person to compare
_SECOND: Final = len("2026-01-02T03:04:05")


@click.command()
@click.argument("pattern", metavar="NAMESPACE/STREAM:TAG")
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@period_options
@click.option("--at", type=Moment(), metavar="TIME", help="Show only what each tag meant at this time.")
@click.option(
    "--scan", type=GivenPath(dir_okay=False),
    help="Compare each tag with this report of scan --verbose --format json, made after the records.",
)  # fmt: skip
@workers_option
@empty_option
@format_options(_FORMATS)
def history(  # noqa: PLR0913 - one for each option
    pattern: str,
    files: tuple[str, ...],
    workers: int,
    wanted: Wanted,
    *,
    since: datetime | None,
    until: datetime | None,
    at: datetime | None,
    scan: Path | None,
    fail_on_empty: bool,
) -> None:
    """Show who pointed a tag where, and when.

    Each part of NAMESPACE/STREAM:TAG may be a glob, as in a policy: prod/*:live. FILES hold records of any level, plain
    or gzip, rotated or merged, of any number of pods and in any order; a directory means all files below it, - is
    standard input.

    Lists every change that validate decided, by time. A denied change did not happen. An allowed change is one that
    this webhook allowed: another webhook or the API server may have denied it later, which no record shows. The
    deletion of a single tag calls no webhook. The finding `unrecorded` means that a tag points elsewhere than the last
    allowed change says.

    Exit codes: 0 no findings, 1 a tag points elsewhere than the last allowed change says, 2 an input cannot be used.
    """
    from webhook.evaluate.changes import Changes, Search
    from webhook.evaluate.meanings import Meanings
    from webhook.evaluate.records import Remarks
    from webhook.policy.match import TagPattern
    from webhook.report.header import UNRECORDED
    from webhook.report.tally import Tally

    if (at or scan) and (since or until):
        raise click.UsageError("--since and --until: not valid with --at or --scan, which show one moment")
    if at and scan:
        raise click.UsageError("--at: not valid with --scan, which compares at the time of the scan")
    try:
        tags = TagPattern.parse(pattern)
        stored, time = _scanned(scan, tags) if scan else (None, _stamp(at))
    except (MalformedGlob, ReportError) as error:
        fail(str(error))
    tally, remarks = Tally(), Remarks()
    try:
        with Changes(tally.not_evaluated) as changes:
            read = _search(files, Search(tags), workers, changes, remarks, wanted)
            tally.not_evaluated.update(remarks.counts)
            which = "scan" if stored else "at" if at else ""
            found = _outcomes(changes, Meanings(), time, stored, (since, until))
            pieces = _table if wanted.format == "table" else wanted.writer
            write(pieces(_head(which, time), tally.counting(found), tally), wanted.output)
    except WorkerLost as error:
        fail(str(error))
    for line in (*remarks.faults, *remarks.lines):
        click.echo(str(line), err=True)
    if tally.not_evaluated:
        counts = ", ".join(f"{why}: {count:,}" for why, count in sorted(tally.not_evaluated.items()))
        click.echo(f"not listed: {counts}", err=True)
    if remarks.faults:
        sys.exit(2)
    if not tally.evaluated:
        nothing(f"no change of {pattern} in {counted(read, 'line')}", failing=fail_on_empty)
    sys.exit(wanted.code(found=bool(tally.rules[UNRECORDED])))


def _stamp(time: datetime | None) -> str:
    from webhook.evaluate.records import moment

    return moment(time)


def _scanned(path: Path, pattern: "TagPattern") -> "tuple[Stored, str]":
    """Return what the report of a scan says, and when the scan began.

    Raises:
        ReportError: it is not a whole report of a scan.
    """
    from webhook.errors import Fault
    from webhook.evaluate.scan import Stored
    from webhook.report.json import read
    from webhook.report.tally import Tally

    stored, tally = Stored(), Tally()
    try:
        with path.open("rb") as lines:
            head, outcomes = read(str(path), lines, tally)
            stored.read(outcomes, tally, pattern)
    except OSError as error:
        raise ReportError((Fault(str(path), "", f"cannot be read: {error.strerror}"),)) from None
    if head.command != "scan":
        raise ReportError((Fault(str(path), "command", f"expected a report of scan, got one of {head.command}"),))
    if head.shard:
        raise ReportError((Fault(str(path), "shard", f"expected a whole report, got part {head.shard}; use merge"),))
    return stored, _stamp(datetime.fromisoformat(head.time))


def _search(
    names: tuple[str, ...], search: "Search", workers: int, changes: "Changes", remarks: "Remarks", wanted: Wanted
) -> int:
    """Find the changes in all files, and return how many lines were read.

    Raises:
        WorkerLost: a process ended before its part was searched.
    """
    from webhook.documents.inputs import expand
    from webhook.evaluate.records import cut
    from webhook.evaluate.replay import in_order

    files, read = expand(names, remarks.faults), 0
    with progress_of_files("history", files, wanted) as progress:
        for found in in_order(search, search.candidates(cut(files, remarks.faults)), workers):
            try:
                changes.add(found.lines)
            except OSError as error:
                fail(f"temporary files: cannot be written: {error.strerror}; TMPDIR names another directory")
            remarks.add(found.remarks)
            read += found.read
            progress(found.size)
    return read


def _head(which: str, time: str) -> "Header":
    """Return the header of the report: of the changes, or of the tags `at` a time or as a `scan` found them."""
    from webhook.evaluate.meanings import LINE
    from webhook.report.header import Header

    command = f"history --{which} {_shown(time)}" if which else "history"
    return Header(command, "", "", __version__, now(), (LINE,))


def _outcomes(
    changes: "Changes",
    meanings: "Meanings",
    time: str,
    stored: "Stored | None",
    period: tuple[datetime | None, datetime | None],
) -> "Iterator[Outcome]":
    """Return the tags as a scan found them or at a time, or else the changes of a period."""
    if stored is not None:
        return meanings.compared(changes, time, stored)
    if time:
        return meanings.as_of(changes, time)
    since, until = map(_stamp, period)
    found = meanings.listed(changes)
    return (each for each in found if since <= each.time and (not until or each.time < until))


def _table(header: "Header", outcomes: "Iterable[Outcome]", tally: "Tally") -> Iterator[str]:
    """Yield a line for each tag of a change, the findings below it, and a summary."""
    from webhook.report.header import UNRECORDED

    for outcome in outcomes:
        for tag in outcome.tags:
            yield f"{_line(outcome, tag, header)}\n"
            if tag["digest"] and tag["digest"] not in (tag["to"] or ""):
                yield f"  digest: {tag['digest']}\n"
        yield from (f"  {line}\n" for line in _details(outcome))
    if not tally.evaluated:
        return
    if header.as_of:
        found = f": {tally.rules[UNRECORDED]:,} unrecorded" if "--scan" in header.command else ""
        yield f"{counted(tally.evaluated, 'tag')} as of {header.as_of}{found}\n"
        return
    allowed, denied = tally.verdicts["allow"], tally.verdicts["deny"]
    yield f"{counted(allowed + denied, 'change')}: {allowed:,} allowed, {denied:,} denied\n"
    yield f"{LIMIT}\n"


def _line(outcome: "Outcome", tag: "Mapping[str, str | None]", header: "Header") -> str:
    """Return the line of a tag: its change, or what it means and the change that set it."""
    from webhook.report.table import GREEN, RED, RESET

    before, after = (tag[key] or "none" for key in ("from", "to"))
    policy, _, digest = outcome.policy.rpartition("@")
    by = f"{policy}@{digest[:_DIGEST]}" if digest else ""
    request = " ".join(filter(None, (outcome.operation, outcome.resource)))
    facts = "; ".join(filter(None, (request, by, printable(str(outcome.origin)))))
    if header.as_of:
        differs = "--scan" in header.command and before != after
        since = f" since {_shown(outcome.time)} by {outcome.user} ({facts})" if outcome.time else ""
        return f"{tag['tag']}: {after}{f'; recorded: {before}' if differs else ''}{since}"
    verdict = f"{GREEN}allowed{RESET}" if outcome.verdict == "allow" else f"{RED}denied{RESET}"
    change = f"{before} -> {after}" if before != after else f"stays {after}"
    return f"{_shown(outcome.time)} {outcome.user} {verdict} {tag['tag']}: {change} ({facts})"


def _details(outcome: "Outcome") -> Iterator[str]:
    """Yield the exemption, the findings and the remark."""
    if (exemption := outcome.exemption) is not None:
        ticket = f" (ticket {exemption.ticket})" if exemption.ticket else ""
        yield f"exempt: {exemption.name}{ticket}" + (f": {exemption.reason}" if exemption.reason else "")
    yield from (f"{finding.mode}: {finding}" for finding in outcome.findings)
    if outcome.message:
        yield f"note: {outcome.message}"


def _shown(time: str) -> str:
    """Return a time to the second."""
    return f"{time[:_SECOND]}Z"
