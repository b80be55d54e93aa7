"""`istag-webhook merge`: the reports of a divided command become one."""

import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from pathlib import Path
from typing import BinaryIO

import click

from webhook.cli import fail
from webhook.cli.options import verbose_option
from webhook.cli.output import write
from webhook.cli.reporting import Wanted, end, format_options
from webhook.cli.types import GivenPath
from webhook.documents.files import STANDARD_INPUT
from webhook.errors import ReportError
from webhook.report.merging import merged
from webhook.report.tally import Tally


@click.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath())
@format_options
@verbose_option
def merge(files: tuple[Path, ...], wanted: Wanted) -> None:
    """Put the reports of a command's parts together, in any format.

    FILES are what --format json printed for each part of --shard I/N: all parts, of the same command, policy and
    version; - is standard input. One report that is whole becomes another format. Exit code 0 where they found nothing,
    1 where they found something, as the command itself, 2 where a file is no such report.
    """
    tally = Tally()
    try:
        with ExitStack() as opened:
            reports = [(str(file), opened.enter_context(_lines(file))) for file in files]
            head, outcomes = merged(reports, tally)
            write(wanted.writer(head, outcomes, tally), wanted.output)
    except OSError as error:
        fail(f"{error.filename}: cannot be read: {error.strerror}")
    except ReportError as error:
        fail(str(error))
    if head.compares:
        sys.exit(wanted.code(found=bool(tally.changes.total())))
    end(tally, wanted)


def _lines(file: Path) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if str(file) == STANDARD_INPUT else file.open("rb")
