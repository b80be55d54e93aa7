"""`istag-webhook policy`: validate, schema, explain, diff, export."""

import json
from pathlib import Path

import click

from webhook.cli import fail
from webhook.cli.output import say
from webhook.cli.policy.diff import diff
from webhook.cli.policy.explain import explain
from webhook.cli.policy.export import export
from webhook.errors import PolicyRefused
from webhook.policy import load
from webhook.policy import schema as policy_schema
from webhook.text import counted


@click.group()
def policy() -> None:
    """Validate, explain, compare and export policies."""


@policy.command(short_help="Say every fault in a policy.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Load the policy in PATHS (files and directories, - for standard input) and say every fault in it.

    Without PATHS, the shipped policy. Exit code 0 where it can be used, 2 where it cannot.
    """
    try:
        loaded = load(*paths)
    except PolicyRefused as error:
        fail(str(error))
        return
    say(
        f"ok: {loaded.name}, {counted(len(loaded.rules), 'rule')}, {counted(len(loaded.defaults), 'default')}, "
        f"{counted(len(loaded.exemptions), 'exemption')}, {loaded.digest}"
    )


@policy.command(short_help="Print the JSON Schema of a policy.")
def schema() -> None:
    """Print the JSON Schema of a policy document, for editors and pipelines."""
    say(json.dumps(policy_schema(), indent=2))


policy.add_command(explain)
policy.add_command(export)
policy.add_command(diff)
