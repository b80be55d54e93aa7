"""`istag-webhook version`."""

from importlib.metadata import version as installed
from typing import Final

import click

DISTRIBUTION: Final = "istag-webhook"


@click.command()
def version() -> None:
    """Print the version."""
    click.echo(installed(DISTRIBUTION))
