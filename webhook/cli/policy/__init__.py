"""`istag-webhook policy`: validate, schema, explain, diff, export."""

import json

import click

from webhook.cli.groups import Suggesting
from webhook.cli.output import say
from webhook.cli.policy.diff import diff
from webhook.cli.policy.explain import explain
from webhook.cli.policy.export import export
from webhook.cli.policy.validate import validate
from webhook.policy.loading import schema as policy_schema


@click.group(cls=Suggesting)
def policy() -> None:
    """Validate, explain, compare and export policies."""


@policy.command(short_help="Print the JSON Schema of a policy.")
def schema() -> None:
    """Print the JSON Schema of a policy document, for editors and pipelines."""
    say(json.dumps(policy_schema(), indent=2))


policy.add_command(validate)
policy.add_command(explain)
policy.add_command(export)
policy.add_command(diff)
