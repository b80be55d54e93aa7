"""`istag-webhook policy explain`: from a message, a rule or a rule kind to what it means and how to comply."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from webhook.admission.engine import PROBE_EXPLAINED, PROBE_RULE
from webhook.cli import fail
from webhook.cli.options import policy_option
from webhook.cli.output import say
from webhook.errors import PolicyError
from webhook.policy.explain import (
    RuleMessage,
    explained,
    explained_rule,
    fields_table,
    fields_text,
    kinds,
    read_message,
    resources_table,
    resources_text,
    table,
    variables_table,
)
from webhook.policy.lint.catalogue import explained_warning, mentioned, names, warnings_table, warnings_text
from webhook.policy.loading import Policy, load, shipped
from webhook.policy.located import located
from webhook.text import nearest, quoted


@click.command(short_help="Say why a change was denied and how to comply.")
@click.argument("words", metavar="[RULE|MESSAGE|KIND|WARNING]", nargs=-1)
@policy_option()
@click.option(
    "--markdown",
    is_flag=True,
    help="Print a table of the rule kinds in Markdown, or of the fields that `expression` reads.",
)
@click.option("--resources", is_flag=True, help="Say which kinds evaluate what at which resource.")
@click.option("--fields", is_flag=True, help="Print each field of the API, and the rule kinds that read it.")
@click.option("--warnings", is_flag=True, help="Explain every warning of `policy validate`.")
@click.option("--shipped", "show_shipped", is_flag=True, help="Print the shipped policy instead.")
def explain(
    words: tuple[str, ...],
    policies: tuple[Path, ...],
    *,
    markdown: bool,
    resources: bool,
    fields: bool,
    warnings: bool,
    show_shipped: bool,
) -> None:
    """Say why a change was denied and how to comply, or what a rule or a rule kind means.

    MESSAGE is what was printed, pasted as it is: one denial with several findings, a warning, a line of the record; -
    reads it from standard input. RULE is a rule's name in the policy, KIND a rule kind, WARNING a warning of `policy
    validate`; without any, all kinds.

    Exit code 0 where it was explained, 2 where nothing in it is known or the policy cannot be used.
    """
    if show_shipped:
        say(shipped(), nl=False)
    elif resources:
        say(resources_table() if markdown else resources_text())
    elif fields:
        say(fields_table() if markdown else fields_text())
    elif warnings:
        say(warnings_table() if markdown else warnings_text())
    elif markdown:
        say(next((found for word in words if word in kinds() and (found := variables_table(word))), table()))
    elif not words:
        say("\n\n".join(explained(each) for each in kinds()))
    else:
        text = sys.stdin.read() if words == ("-",) else " ".join(words)
        try:
            policy = load(*policies)
        except PolicyError as error:
            fail(str(error))
        texts = list(_explained(text.strip(), policy))
        if not texts:
            sys.exit(2)
        say("\n\n".join(texts))


def _explained(text: str, policy: Policy) -> Iterator[str]:
    """Yield a text for each rule or kind that `text` speaks of; what is unknown goes to standard error."""
    rules = {entry.name: entry for entry in policy.rules}
    places = {each.name: each for each in located(policy) if each.part == "rules"}
    if text in kinds() and text not in places:
        yield explained(text)
        return
    if text not in rules and (warned := mentioned(text)):
        yield from map(explained_warning, warned)
        return
    said = [RuleMessage(text, "")] if text in rules or text == PROBE_RULE else read_message(text)
    if not said:
        raise click.UsageError(_unknown(text, policy))
    for each in said:
        found = each.candidates(rules)
        if not found and each.candidates((PROBE_RULE,)):
            yield PROBE_EXPLAINED
            continue
        if not found:
            click.echo(
                f"rule {each.rule}: no such rule in {policy}; give the policy that was asked by --policy", err=True
            )
        if len(found) > 1:
            click.echo(f"rule {each.rule}…: the message was cut; it is one of {', '.join(found)}", err=True)
        for name in found:
            yield explained_rule(policy, rules[name], places.get(name), each.sentence)


def _unknown(text: str, policy: Policy) -> str:
    """Return the sentence for a text in which nothing is known."""
    rules = [entry.name for entry in policy.rules]
    meant = nearest(text, (*rules, *kinds(), *names()))
    hint = f"; did you mean {meant}?" if meant else "."
    return (
        "expected a message with `(rule NAME)` in it (a warning may have been cut before it), a rule, a rule kind or "
        f"a warning of `policy validate`, got {quoted(text)}{hint} The rules of {policy}: {', '.join(rules)}; "
        f"the kinds: {', '.join(kinds())}; the warnings: {', '.join(names())}"
    )
