"""`istag-webhook policy`: validate, schema, explain."""

import json
from pathlib import Path

import click

from webhook.cli import fail
from webhook.errors import PolicyRefused
from webhook.policy import load, shipped
from webhook.policy import schema as policy_schema
from webhook.policy.explain import doors_table, doors_text, explained, kinds, table


@click.group()
def policy() -> None:
    """Validate policies, and say what they can hold."""


@policy.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
def validate(paths: tuple[Path, ...]) -> None:
    """Load the policy in PATHS (files and directories) and say every fault in it.

    Without PATHS, the shipped policy. Exit code 0 where it can be used, 2 where it cannot.
    """
    try:
        loaded = load(*paths)
    except PolicyRefused as error:
        fail(str(error))
        return
    click.echo(
        f"ok: {loaded.name}, {len(loaded.rules)} rules, {len(loaded.defaults)} defaults, "
        f"{len(loaded.exemptions)} exemptions, {loaded.digest}"
    )


@policy.command()
def schema() -> None:
    """Print the JSON Schema of a policy document, for editors and pipelines."""
    click.echo(json.dumps(policy_schema(), indent=2))


@policy.command()
@click.argument("kind", metavar="[KIND]", required=False, type=click.Choice(kinds()))
@click.option("--markdown", is_flag=True, help="Print a table in Markdown.")
@click.option("--doors", is_flag=True, help="Say which kinds judge what at which door.")
@click.option("--shipped", "show_shipped", is_flag=True, help="Print the shipped policy instead.")
def explain(kind: str | None, *, markdown: bool, doors: bool, show_shipped: bool) -> None:
    """Say what rule kinds there are, or what one KIND means, takes and judges."""
    if show_shipped:
        click.echo(shipped(), nl=False)
    elif doors:
        click.echo(doors_table() if markdown else doors_text())
    elif markdown:
        click.echo(table())
    else:
        click.echo("\n\n".join(explained(each) for each in ([kind] if kind else kinds())))
