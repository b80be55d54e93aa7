"""What the commands that report outcomes share: the head, what is said beside the report, and how they end."""

import sys
from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Final

import click

from webhook.cli.main import DISTRIBUTION
from webhook.cli.output import Wanted, write
from webhook.model.decision import Mode
from webhook.policy.loading import Policy
from webhook.report.header import Header, header
from webhook.report.outcome import DENY, ERROR, SKIP, Origin, Outcome
from webhook.report.shape import Shard
from webhook.report.tally import Tally
from webhook.text import printable

NOTHING: Final = "there are no tags in what was asked for"


def now() -> str:
    """Return the time (RFC 3339, UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def package_version() -> str:
    """Return the version of this package."""
    return version(DISTRIBUTION)


def head(command: str, policy: Policy, shard: Shard | None = None) -> Header:
    """Return the head of a report that is made now, of one part where `shard` is one of several."""
    return header(command, policy, package_version(), now(), shard)


def emit(head: Header, outcomes: Iterable[Outcome], wanted: Wanted) -> Tally:
    """Write a report; what cannot be used is said on standard error as well.

    Returns:
        The summary.
    """
    tally = Tally()
    write(wanted.writer(head, tally.counting(_said(outcomes)), tally), wanted.output)
    return tally


def nothing(message: str, *, failing: bool) -> None:
    """Say that nothing was evaluated, and end with 2 if that is `failing`."""
    click.echo(message, err=True)
    if failing:
        sys.exit(2)


def end(tally: Tally, wanted: Wanted) -> None:
    """End with 2 where an input cannot be used, 1 where something is denied, else 0."""
    refused = tally.verdicts[DENY] or (wanted.fail_on_warn and tally.modes[str(Mode.WARN)])
    sys.exit(2 if tally.verdicts[ERROR] else wanted.code(found=bool(refused)))


def noting(outcomes: Iterable[Outcome], files: Collection[str]) -> Iterator[Outcome]:
    """Yield `outcomes`; say of each of `files` that none of it was evaluated, where that is so."""
    silent: dict[str, list[str]] = {}
    judged: set[str] = set()
    for outcome in outcomes:
        if outcome.verdict == SKIP and not outcome.findings:
            silent.setdefault(outcome.origin.file, []).append(outcome.message)
        else:
            judged.add(outcome.origin.file)
        yield outcome
    for file in dict.fromkeys(files):
        if file in silent and file not in judged:
            click.echo(f"{printable(file)}: nothing to evaluate: {', '.join(dict.fromkeys(silent[file]))}", err=True)


def _said(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.verdict == ERROR:
            click.echo(f"{printable(str(outcome.origin))}: {outcome.message}".removeprefix(": "), err=True)
        if outcome.verdict == SKIP:
            for finding, mark in outcome.located():
                at = Origin(outcome.origin.file, *(mark if mark.line else outcome.origin.mark))
                click.echo(f"{printable(str(at))}: warning: {finding.message}", err=True)
        yield outcome
