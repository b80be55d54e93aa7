"""`istag-webhook version`."""

from importlib.metadata import version as installed
from typing import Final

import click

from webhook.cli.output import say

DISTRIBUTION: Final = "istag-webhook"


@click.command()
def version() -> None:
    """Print the version."""
    say(installed(DISTRIBUTION))
