"""Output of a command: to a terminal, a pipe, or a file that is written atomically."""

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial, wraps
from pathlib import Path
from shutil import get_terminal_size
from typing import Any, Final, NoReturn

import click

from webhook.cli.options import Decorator, format_option, output_option, verbose_option
from webhook.files import atomic
from webhook.report.shape import FORMATS, Format, writer

# The exit codes of a shell: 128 and the number of the signal, SIGINT and SIGPIPE.
INTERRUPTED: Final = 130
UNREAD: Final = 141


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
        width = get_terminal_size().columns if self.output is None and sys.stdout.isatty() else 0
        from webhook.report.table import write as table

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
