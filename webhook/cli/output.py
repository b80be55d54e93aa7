"""Where what a command says goes: a terminal, a pipe, or a file that is there whole or not at all."""

import os
from collections.abc import Iterable
from pathlib import Path

import click

from webhook.cli import fail, unwritable
from webhook.files import atomic


def say(text: str, *, nl: bool = True, color: bool | None = None) -> None:
    """Print to standard output as `click.echo` does.

    Where it cannot be written the process ends with 2, where nobody reads on with 141: 1 is for what was found.
    """
    try:
        click.echo(text, nl=nl, color=color)
    except OSError as error:
        unwritable(error)


def write(pieces: Iterable[str], output: Path | None) -> None:
    """Write `pieces` as they come; colours go to a terminal only, and not where NO_COLOR is set (no-color.org).

    Args:
        pieces: the text, with ANSI colours.
        output: the file that they go to, None for standard output.
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
