"""`istag-webhook policy validate`, `schema`, `explain` and `export`."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import chain
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import click

from webhook import __version__
from webhook.cli.options import at_option, format_option, output_option, policy_argument, policy_option
from webhook.cli.output import fail, now, say, write
from webhook.errors import PolicyError
from webhook.report.shape import writer
from webhook.text import counted, nearest, quoted

if TYPE_CHECKING:
    from webhook.policy.lint.checks import Linted
    from webhook.policy.policy import Policy
    from webhook.report.outcome import Outcome

_TABLE: Final = "table"


@click.command(short_help="Print the JSON Schema of a policy.")
def schema() -> None:
    """Print the JSON Schema of a policy document, for editors and pipelines."""
    from webhook.policy.loading import schema as policy_schema

    say(json.dumps(policy_schema(), indent=2))


@click.command(short_help="Validate a policy.")
@policy_argument
@format_option((_TABLE, "json", "sarif", "github", "junit"))
@output_option
@click.option("--fail-on-warn", is_flag=True, help="Exit with 1 if there are warnings.")
@at_option("Warn about what ends within 14 days of this time.")
def validate(paths: tuple[Path, ...], format_: str, output: Path | None, *, fail_on_warn: bool, at: datetime) -> None:
    """Validate the policy in PATHS (files and directories, - for standard input).

    Reports every error and every warning with file, line and column. A warning is about a policy that is valid but
    dangerous: `policy explain NAME` explains it, `spec.ignore: [NAME]` in the policy silences it.

    Without PATHS, validates the policy in ISTAG_WEBHOOK_POLICY, or else the shipped one.

    Exit codes: 0 the policy is valid, 1 there are warnings and --fail-on-warn is given, 2 the policy is invalid.
    """
    from webhook.policy.lint.checks import lint
    from webhook.policy.loading import load
    from webhook.report.header import invalid, validated

    try:
        policy = load(*paths)
    except PolicyError as error:
        if format_ != _TABLE:
            write(_report(format_, None, invalid(error.faults)), output)
        fail(str(error))
    linted = lint(policy, at)
    pieces = _report(format_, policy, validated(policy, linted.warnings, failing=fail_on_warn))
    write(chain([_summary(policy, linted)] if format_ == _TABLE else (), pieces), output)
    for note in linted.unused:
        click.echo(f"note: {note}", err=True)
    sys.exit(1 if fail_on_warn and linted.warnings else 0)


def _report(form: str, policy: "Policy | None", outcomes: "Iterable[Outcome]") -> Iterator[str]:
    from webhook.report.header import validation_header
    from webhook.report.tally import Tally

    tally = Tally()
    return writer(form)(validation_header(policy, __version__, now()), tally.counting(outcomes), tally)


def _summary(policy: "Policy", linted: "Linted") -> str:
    parts = (
        f"ok: {policy.name}",
        counted(len(policy.written), "rule"),
        counted(len(policy.defaults), "default"),
        counted(len(policy.exemptions), "exemption"),
        policy.digest,
        *([counted(len(linted.warnings), "warning")] if linted.warnings else ()),
    )
    return f"{', '.join(parts)}\n"


@click.command(short_help="Print a policy as ValidatingAdmissionPolicies.")
@policy_argument
@click.option("--format", type=click.Choice(["vap"]), required=True, expose_value=False, help="Output format.")
@click.option(
    "--failure-policy", type=click.Choice(["Fail", "Ignore"]), default="Fail", show_default=True,
    help="failurePolicy: what the API server does if an expression cannot be evaluated.",
)  # fmt: skip
@output_option
def export(paths: tuple[Path, ...], failure_policy: str, output: Path | None) -> None:
    """Print the policy in PATHS as ValidatingAdmissionPolicies and their bindings, in YAML.

    The API server itself evaluates them: admissionregistration.k8s.io/v1, Kubernetes 1.30, OpenShift 4.17. A comment at
    the top and standard error list the rules that CEL cannot express.

    Without PATHS, prints the policy in ISTAG_WEBHOOK_POLICY, or else the shipped one.

    Exit codes: 0 a rule was exported, 2 no rule was exported or the policy cannot be used.
    """
    from webhook.documents import yaml
    from webhook.policy.loading import load
    from webhook.vap.export import UNREAD
    from webhook.vap.export import export as as_vap

    try:
        policy = load(*paths)
    except PolicyError as error:
        fail(str(error))
    exported = as_vap(policy, failure_policy)
    left = [*map(str, exported.left), *UNREAD]
    summary = f"{policy}: {counted(len(exported.rules), 'rule')} exported; left to the webhook: {len(left)}"
    click.echo("\n".join((summary, *(f"  {each}" for each in left))), err=True)
    if not exported.rules:
        fail("no rule can be exported")
    write(("\n".join(_head(policy, left)), "\n", yaml.dump_all(exported.documents)), output)


def _head(policy: "Policy", left: list[str]) -> Iterator[str]:
    """Yield the comment at the top."""
    yield f"# Policy {policy.name}, {policy.digest}, exported by istag-webhook policy export --format vap."
    yield "# Left to the webhook:"
    for each in left:
        yield from wrap(each, 118, initial_indent="# - ", subsequent_indent="#   ", break_long_words=False)


@click.command(short_help="Explain a denial, a rule, a rule kind or a warning.")
@click.argument("words", metavar="[RULE|MESSAGE|KIND|WARNING]", nargs=-1)
@policy_option()
@click.option(
    "--markdown",
    is_flag=True,
    help="Print a table of the rule kinds in Markdown, or of the fields that `expression` reads.",
)
@click.option("--resources", is_flag=True, help="Print what each rule kind evaluates in each resource.")
@click.option("--fields", is_flag=True, help="Print each field of the API, and the rule kinds that read it.")
@click.option("--warnings", is_flag=True, help="Explain every warning of `policy validate`.")
@at_option("List the windows of a rule of the kind schedule from this time on.")
@click.option("--shipped", "show_shipped", is_flag=True, help="Print the shipped policy instead.")
def explain(  # noqa: PLR0913 - one for each option
    words: tuple[str, ...],
    policies: tuple[Path, ...],
    *,
    at: datetime,
    markdown: bool,
    resources: bool,
    fields: bool,
    warnings: bool,
    show_shipped: bool,
) -> None:
    """Explain why a change was denied and how to comply, or what a rule, a rule kind or a warning means.

    MESSAGE is the printed message, pasted unchanged: a denial with any number of findings, a warning, or a line of the
    record; - reads it from standard input. RULE is a rule's name in the policy, KIND a rule kind, WARNING a warning of
    `policy validate`. Without arguments, prints all kinds.

    Exit codes: 0 explained, 2 the text names nothing known, or the policy cannot be used.
    """
    from webhook.policy import explain as about
    from webhook.policy.lint.checks import warnings_table, warnings_text
    from webhook.policy.loading import load, shipped

    if show_shipped:
        say(shipped(), nl=False)
    elif resources:
        say(about.resources_table() if markdown else about.resources_text())
    elif fields:
        say(about.fields_table() if markdown else about.fields_text())
    elif warnings:
        say(warnings_table() if markdown else warnings_text())
    elif markdown:
        say(
            next(
                (found for word in words if word in about.kinds() and (found := about.variables_table(word))),
                about.table(),
            )
        )
    elif not words:
        say("\n\n".join(about.explained(each) for each in about.kinds()))
    else:
        text = sys.stdin.read() if words == ("-",) else " ".join(words)
        try:
            policy = load(*policies)
        except PolicyError as error:
            fail(str(error))
        texts = list(_explanations(text.strip(), policy, at))
        if not texts:
            sys.exit(2)
        say("\n\n".join(texts))


def _explanations(text: str, policy: "Policy", time: datetime) -> Iterator[str]:
    """Yield a text for each rule or kind in `text` as of `time`; unknown ones are printed to standard error."""
    from webhook.admission.engine import PROBE_EXPLAINED
    from webhook.policy.explain import RuleMessage, explained, explained_rule, kinds, read_message
    from webhook.policy.lint.checks import explained_warning, mentioned
    from webhook.policy.written import located
    from webhook.resources.objects import PROBE_RULE

    rules = {entry.name: entry for entry in policy.rules}
    places = {each.name: each for each in located(policy) if each.part == "rules"}
    if text in kinds() and text not in places:
        yield explained(text)
        return
    if text not in rules and (warned := mentioned(text)):
        yield from map(explained_warning, warned)
        return
    messages = [RuleMessage(text, "")] if text in rules or text == PROBE_RULE else read_message(text)
    if not messages:
        raise click.UsageError(_unknown(text, policy))
    for each in messages:
        found = each.candidates(rules)
        if not found and each.candidates((PROBE_RULE,)):
            yield PROBE_EXPLAINED
            continue
        if not found:
            click.echo(f"rule {each.rule}: not in {policy}; give the policy of the message by --policy", err=True)
        if len(found) > 1:
            click.echo(f"rule {each.rule}…: the message was cut; the rule is one of {', '.join(found)}", err=True)
        for name in found:
            yield explained_rule(policy, rules[name], places.get(name), time, each.sentence)


def _unknown(text: str, policy: "Policy") -> str:
    """Return the error for a text that names nothing known."""
    from webhook.policy.explain import kinds
    from webhook.policy.lint.checks import names

    rules = [entry.name for entry in policy.rules]
    meant = nearest(text, (*rules, *kinds(), *names()))
    hint = f"; did you mean {meant}?" if meant else "."
    return (
        "expected a message with `(rule NAME)` in it (a warning may have been cut before it), a rule, a rule kind or "
        f"a warning of `policy validate`, got {quoted(text)}{hint} The rules of {policy}: {', '.join(rules)}; "
        f"the kinds: {', '.join(kinds())}; the warnings: {', '.join(names())}"
    )
