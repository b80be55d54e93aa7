"""Output of a command: reports to a terminal, a pipe or a file, messages on standard error, and exit codes."""

import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial, wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NoReturn

import click

from webhook import __version__
from webhook.cli.options import Decorator, format_option, output_option, verbose_option
from webhook.files import atomic
from webhook.report.shape import FORMATS, Format, Shard, writer
from webhook.text import printable

if TYPE_CHECKING:
    from webhook.policy.policy import Policy
    from webhook.report.header import Header
    from webhook.report.outcome import Outcome
    from webhook.report.tally import Tally

# The exit codes of a shell: 128 and the number of the signal, SIGINT and SIGPIPE.
INTERRUPTED: Final = 130
UNREAD: Final = 141
NOTHING: Final = "there are no tags in the selected image streams"


def fail(message: str) -> NoReturn:
    """Print an error and exit with 2."""
    click.echo(message, err=True)
    sys.exit(2)


def unwritable(error: OSError) -> NoReturn:
    """End the process because standard output cannot be written: with 2, or with 141 if its reader has closed it."""
    # Flushing the buffer at exit would fail again: docs.python.org/3/library/signal.html#note-on-sigpipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        click.echo(f"standard output: cannot be written: {error.strerror}", err=True)
    sys.exit(UNREAD if isinstance(error, BrokenPipeError) else 2)


def say(text: str, *, nl: bool = True, color: bool | None = None) -> None:
    """Print to standard output as `click.echo` does; on a write error, `unwritable` ends the process."""
    try:
        click.echo(text, nl=nl, color=color)
    except OSError as error:
        unwritable(error)


def write(pieces: Iterable[str], output: Path | None) -> None:
    """Write `pieces` as they come; colours go to a terminal only, and not if NO_COLOR is set (no-color.org).

    Args:
        pieces: the text, with ANSI colours.
        output: the file to write to, None for standard output.
    """
    if output is None:
        colour = False if os.environ.get("NO_COLOR") else None
        for piece in pieces:
            say(piece, nl=False, color=colour)
        return
    try:
        with atomic(output) as file:
            for piece in pieces:
                file.write(click.unstyle(piece))
    except OSError as error:
        fail(f"{output}: cannot be written: {error.strerror}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The report that a user wants.

    Attributes:
        format: one of FORMATS.
        output: the file to write to, None for standard output.
        exit_zero: whether the command exits with 0 despite findings.
        fail_on_warn: whether the command exits with 1 on findings in warn mode.
        verbose: whether a table also lists objects without findings.
    """

    format: str
    output: Path | None
    exit_zero: bool = False
    fail_on_warn: bool = False
    verbose: bool = False

    @property
    def writer(self) -> Format:
        """The writer of the report; a table has columns on a terminal."""
        if self.format != "table":
            return writer(self.format)
        from shutil import get_terminal_size

        from webhook.report.table import write as table

        width = get_terminal_size().columns if self.output is None and sys.stdout.isatty() else 0

        return partial(table, width=width, verbose=self.verbose)

    def code(self, *, found: bool) -> int:
        """Return the exit code of a command that finished, with findings if `found`."""
        return 1 if found and not self.exit_zero else 0


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a report to `command`, passed as one argument `wanted`."""
    warn = click.option("--fail-on-warn", is_flag=True, help="Exit with 1 on findings in warn mode too.")
    return format_option(FORMATS)(output_option(verbose_option(warn(_with_wanted(command)))))


def format_options(formats: Iterable[str] = FORMATS) -> Decorator:
    """Return the options `--format`, one of `formats`, and `--output`, passed as one argument `wanted`."""

    def decorate(command: Callable[..., None]) -> Callable[..., None]:
        return format_option(formats)(output_option(_with_wanted(command)))

    return decorate


def _with_wanted(command: Callable[..., None]) -> Callable[..., None]:
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
        "--exit-zero", is_flag=True, help="Exit with 0 despite findings, for a job that only reports."
    )
    return option(wrapped)


@contextmanager
def progress_of_files(label: str, files: Iterable[Path | None], wanted: Wanted) -> Iterator[Callable[[int], None]]:
    """Yield a callback for the bytes done: a progress bar on a terminal, unless the report is written to it."""
    size = sum(file.stat().st_size for file in files if file is not None and file.exists())
    streams = wanted.output is None and wanted.format != "table" and sys.stdout.isatty()
    if not size or streams or not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=size, label=label, file=sys.stderr) as bar:
        yield bar.update


def now() -> str:
    """Return the current time (RFC 3339, UTC)."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def head(command: str, policy: "Policy", shard: Shard | None = None) -> "Header":
    """Return the header of a report made now, of one part if `shard` is one of several."""
    from webhook.report.header import header

    return header(command, policy, __version__, now(), shard)


def emit(head: "Header", outcomes: "Iterable[Outcome]", wanted: Wanted) -> "Tally":
    """Write a report, and print errors and warnings to standard error as well.

    Returns:
        The summary.
    """
    from webhook.report.tally import Tally

    tally = Tally()
    write(wanted.writer(head, tally.counting(_reported(outcomes)), tally), wanted.output)
    return tally


def nothing(message: str, *, failing: bool) -> None:
    """Report that nothing was evaluated, and exit with 2 if `failing`."""
    click.echo(message, err=True)
    if failing:
        sys.exit(2)


def end(tally: "Tally", wanted: Wanted) -> None:
    """Exit with 2 if an input cannot be used, 1 if a change is denied, else 0."""
    from webhook.model.decision import Mode
    from webhook.report.outcome import DENY, ERROR

    denied = tally.verdicts[DENY] or (wanted.fail_on_warn and tally.modes[str(Mode.WARN)])
    sys.exit(2 if tally.verdicts[ERROR] else wanted.code(found=bool(denied)))


def with_notes(outcomes: "Iterable[Outcome]", files: Collection[str]) -> "Iterator[Outcome]":
    """Yield `outcomes`; print a note for each of `files` of which nothing was evaluated."""
    from webhook.report.outcome import SKIP

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


def _reported(outcomes: "Iterable[Outcome]") -> "Iterator[Outcome]":
    """Yield `outcomes`; print the errors, and the findings of what was skipped, to standard error."""
    from webhook.report.outcome import ERROR, SKIP, Origin

    for outcome in outcomes:
        if outcome.verdict == ERROR:
            click.echo(f"{printable(str(outcome.origin))}: {outcome.message}".removeprefix(": "), err=True)
        if outcome.verdict == SKIP:
            for finding, mark in outcome.located():
                at = Origin(outcome.origin.file, *(mark if mark.line else outcome.origin.mark))
                click.echo(f"{printable(str(at))}: warning: {finding.message}", err=True)
        yield outcome
