"""Shared by the commands that report outcomes: the header, messages on standard error, and exit codes."""

import sys
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from typing import Final

import click

from webhook import __version__
from webhook.cli.output import Wanted, write
from webhook.model.decision import Mode
from webhook.policy.loading import Policy
from webhook.report.header import Header, header
from webhook.report.outcome import DENY, ERROR, SKIP, Origin, Outcome
from webhook.report.shape import Shard
from webhook.report.tally import Tally
from webhook.text import printable

NOTHING: Final = "there are no tags in the selected image streams"


def now() -> str:
    """Return the current time (RFC 3339, UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def head(command: str, policy: Policy, shard: Shard | None = None) -> Header:
    """Return the header of a report made now, of one part if `shard` is one of several."""
    return header(command, policy, __version__, now(), shard)


def emit(head: Header, outcomes: Iterable[Outcome], wanted: Wanted) -> Tally:
    """Write a report, and print errors and warnings to standard error as well.

    Returns:
        The summary.
    """
    tally = Tally()
    write(wanted.writer(head, tally.counting(_reported(outcomes)), tally), wanted.output)
    return tally


def nothing(message: str, *, failing: bool) -> None:
    """Report that nothing was evaluated, and exit with 2 if `failing`."""
    click.echo(message, err=True)
    if failing:
        sys.exit(2)


def end(tally: Tally, wanted: Wanted) -> None:
    """Exit with 2 if an input cannot be used, 1 if a change is denied, else 0."""
    denied = tally.verdicts[DENY] or (wanted.fail_on_warn and tally.modes[str(Mode.WARN)])
    sys.exit(2 if tally.verdicts[ERROR] else wanted.code(found=bool(denied)))


def with_notes(outcomes: Iterable[Outcome], files: Collection[str]) -> Iterator[Outcome]:
    """Yield `outcomes`; print a note for each of `files` of which nothing was evaluated."""
    silent: dict[str, list[str]] = {}
    evaluated: set[str] = set()
    for outcome in outcomes:
        if outcome.verdict == SKIP and not outcome.findings:
            silent.setdefault(outcome.origin.file, []).append(outcome.message)
        else:
            evaluated.add(outcome.origin.file)
        yield outcome
    for file in dict.fromkeys(files):
        if file in silent and file not in evaluated:
            click.echo(f"{printable(file)}: nothing to evaluate: {', '.join(dict.fromkeys(silent[file]))}", err=True)


def _reported(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.verdict == ERROR:
            click.echo(f"{printable(str(outcome.origin))}: {outcome.message}".removeprefix(": "), err=True)
        if outcome.verdict == SKIP:
            for finding, mark in outcome.located():
                at = Origin(outcome.origin.file, *(mark if mark.line else outcome.origin.mark))
                click.echo(f"{printable(str(at))}: warning: {finding.message}", err=True)
        yield outcome
