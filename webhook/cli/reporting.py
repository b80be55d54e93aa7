"""What the commands that report outcomes share: the options, what is said beside the report, and how they end."""

import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final

import click

from webhook.cli.options import format_option, output_option, verbose_option
from webhook.cli.output import write
from webhook.cli.version import DISTRIBUTION
from webhook.model.decision import Mode
from webhook.policy.loading import Policy
from webhook.report import FORMATS, Format, table, writer
from webhook.report.header import Header, header
from webhook.report.outcome import DENY, ERROR, SKIP, Origin, Outcome
from webhook.report.tally import Tally
from webhook.shard import Shard
from webhook.text import printable

NOTHING: Final = "there are no tags in what was asked for"


@dataclass(frozen=True, slots=True)
class Wanted:
    """The report that a user wants.

    Attributes:
        format: one of FORMATS.
        output: the file that it goes to, None for standard output.
        exit_zero: whether the command ends with 0 whatever is found.
        fail_on_warn: whether the command ends with 1 where there are findings in warn mode.
        verbose: whether a table lists what has no findings too.
    """

    format: str
    output: Path | None
    exit_zero: bool = False
    fail_on_warn: bool = False
    verbose: bool = False

    @property
    def writer(self) -> Format:
        """What writes the report; a table has columns on a terminal."""
        if self.format != "table":
            return writer(self.format)
        width = get_terminal_size().columns if self.output is None and sys.stdout.isatty() else 0
        return partial(table.write, width=width, verbose=self.verbose)

    def code(self, *, found: bool) -> int:
        """Return the exit code of a command that could do its work, and has `found` what it looks for."""
        return 1 if found and not self.exit_zero else 0


empty_option = click.option("--fail-on-empty", is_flag=True, help="End with 2 if nothing was evaluated.")


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options of a report, in one argument `wanted`."""
    warn = click.option("--fail-on-warn", is_flag=True, help="End with 1 where there are findings in warn mode too.")
    return format_option(FORMATS)(output_option(verbose_option(warn(_wanting(command)))))


def format_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the form of a report and where it goes, in one argument `wanted`."""
    return format_option(FORMATS)(output_option(_wanting(command)))


def _wanting(command: Callable[..., None]) -> Callable[..., None]:
    @wraps(command)
    def wrapped(
        format_: str,
        output: Path | None,
        *,
        exit_zero: bool,
        fail_on_warn: bool = False,
        verbose: bool = False,
        **given: Any,
    ) -> None:
        command(wanted=Wanted(format_, output, exit_zero, fail_on_warn, verbose), **given)

    option = click.option(
        "--exit-zero", is_flag=True, help="End with 0 whatever is found, for a job that only reports."
    )
    return option(wrapped)


def now() -> str:
    """Return the time (RFC 3339, UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def head(command: str, policy: Policy, shard: Shard | None = None) -> Header:
    """Return the head of a report that is made now, of one part where `shard` is one of several."""
    return header(command, policy, version(DISTRIBUTION), now(), shard)


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
