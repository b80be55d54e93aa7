"""What the commands that report share: the format, where it goes, and how the command ends."""

import os
import sys
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import wraps
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

import click

from webhook.cli import fail
from webhook.cli.version import DISTRIBUTION
from webhook.model import Mode
from webhook.policy import Policy
from webhook.report import FORMATS, writer
from webhook.report.header import Header, header
from webhook.report.outcome import DENY, ERROR, SKIP, Outcome
from webhook.report.tally import Tally
from webhook.text import printable


@dataclass(frozen=True, slots=True)
class Wanted:
    """The report that a user wants.

    Attributes:
        format: one of FORMATS.
        output: the file that it goes to, None for standard output.
        fail_on_warn: whether the command ends with 1 where there are findings in warn mode.
    """

    format: str
    output: Path | None
    fail_on_warn: bool


def report_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options of a report, in one argument `wanted`."""

    @wraps(command)
    def wrapped(format_: str, output: Path | None, *, fail_on_warn: bool, **given: Any) -> None:
        command(wanted=Wanted(format_, output, fail_on_warn), **given)

    for option in (
        click.option("--fail-on-warn", is_flag=True, help="End with 1 where there are findings in warn mode too."),
        click.option(
            "--output", type=click.Path(dir_okay=False, path_type=Path),
            help="File to write the report to, whole or not at all. Default: standard output.",
        ),
        click.option(
            "--format", "format_", type=click.Choice(list(FORMATS)), default="table", show_default=True,
            help="Form of the report.",
        ),
    ):  # fmt: skip
        wrapped = option(wrapped)
    return wrapped


def head(command: str, policy: Policy) -> Header:
    """Return the head of a report that is made now."""
    now = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return header(command, policy, version(DISTRIBUTION), now)


def emit(head: Header, outcomes: Iterable[Outcome], wanted: Wanted) -> Tally:
    """Write a report; what cannot be used is said on standard error as well.

    Returns:
        The summary.
    """
    tally = Tally()
    pieces = writer(wanted.format)(head, tally.counting(_said(outcomes)))
    if (output := wanted.output) is None:
        plain = True if os.environ.get("NO_COLOR") else None
        for piece in pieces:
            click.echo(piece, nl=False, color=False if plain else None)
        return tally
    try:
        with _whole(output) as file:
            for piece in pieces:
                file.write(click.unstyle(piece))
    except OSError as error:
        fail(f"{output}: cannot be written: {error.strerror}")
    return tally


def end(tally: Tally, wanted: Wanted) -> None:
    """End with 2 where an input cannot be used, 1 where something is refused, else 0."""
    refused = tally.verdicts[DENY] or (wanted.fail_on_warn and tally.modes[str(Mode.WARN)])
    sys.exit(2 if tally.verdicts[ERROR] else 1 if refused else 0)


def noting(outcomes: Iterable[Outcome], files: Collection[str]) -> Iterator[Outcome]:
    """Yield `outcomes`; say of each of `files` that none of it was judged, where that is so."""
    silent: dict[str, list[str]] = {}
    for outcome in outcomes:
        file = outcome.origin.file
        if file in files:
            if outcome.verdict == SKIP:
                silent.setdefault(file, []).append(outcome.message)
            else:
                files = [each for each in files if each != file]
        yield outcome
    for file in files:
        if kinds := dict.fromkeys(silent.get(file, ())):
            click.echo(f"{printable(file)}: nothing to judge: {', '.join(kinds)}", err=True)


def _said(outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
    for outcome in outcomes:
        if outcome.verdict == ERROR:
            click.echo(f"{printable(str(outcome.origin))}: {outcome.message}", err=True)
        yield outcome


@contextmanager
def _whole(path: Path) -> Iterator[TextIO]:
    """Open a file that takes the place of `path` when all is written; what is no plain file is written to directly."""
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            yield file
        Path(name).chmod(0o666 & ~_umask())
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
