"""`istag-webhook records`: verify that records are complete and unaltered."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.cli.options import GivenPath, format_option, output_option
from webhook.cli.output import fail, write
from webhook.errors import CertificateError, Fault

if TYPE_CHECKING:
    from webhook.evaluate.runs import Found
    from webhook.evaluate.verify import Verification


@click.group()
def records() -> None:
    """Verify records of decisions."""


@records.command()
@click.argument("files", nargs=-1, required=True, type=GivenPath(str))
@click.option(
    "--key", "-k", "keys", multiple=True, type=GivenPath(),
    help="Public key that checkpoints are signed with, PEM; may be repeated. Default: only accidents are found.",
)  # fmt: skip
@click.option(
    "--fail-on-unproven", is_flag=True, help="End with 1 also if something cannot be told, such as the end of a writer."
)
@format_option(("table", "json"))
@output_option
def verify(
    files: tuple[str, ...], keys: tuple[Path, ...], format_: str, output: Path | None, *, fail_on_unproven: bool
) -> None:
    """Find altered, missing, moved, repeated and foreign lines.

    FILES hold records, plain or gzip, rotated or merged, of any number of pods and in any order; a directory stands for
    all files below it, - for standard input. Everything else is reported as unproven: lines after the last
    checkpoint of a writer, lines before the first that is here, and whether a writer without an end wrote more.

    Exit codes: 0 nothing is wrong, 1 something is, 2 a file or a key cannot be used, or there is no record.
    """
    from webhook.certs.signing import Keys
    from webhook.documents.inputs import expand
    from webhook.evaluate.records import cut
    from webhook.evaluate.runs import NOTE, UNPROVEN
    from webhook.evaluate.verify import Verification

    try:
        verification = Verification(Keys(*keys) if keys else None)
    except CertificateError as error:
        fail(str(error))
    faults: list[Fault] = []
    for part in cut(expand(files, faults), faults):
        verification.add(part)
    found = list(verification.found())
    write((_json(verification, found) if format_ == "json" else _table(verification, found), "\n"), output)
    for fault in faults:
        click.echo(str(fault), err=True)
    if not verification.lines:
        fail("expected records, got none")
    accepted = {NOTE} if fail_on_unproven else {NOTE, UNPROVEN}
    sys.exit(2 if faults else int(any(each.kind not in accepted for each in found)))


def _table(verification: "Verification", found: "Sequence[Found]") -> str:
    from webhook.evaluate.runs import NOTE, UNPROVEN
    from webhook.text import counted

    wrong = sum(each.kind not in (NOTE, UNPROVEN) for each in found)
    lines, writers = counted(verification.lines, "line"), counted(verification.writers, "writer")
    return "\n".join([*map(str, found), f"{lines} of {writers}: {counted(wrong, 'problem')}"])


def _json(verification: "Verification", found: "Sequence[Found]") -> str:
    document = {
        "apiVersion": "istag-webhook/v1",
        "kind": "RecordVerification",
        "lines": verification.lines,
        "writers": verification.writers,
        "other": verification.others,
        "found": [{"kind": each.kind, "where": each.where, "message": each.message} for each in found],
    }
    return json.dumps(document, indent=2)
