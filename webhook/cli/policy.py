"""`istag-webhook policy validate`, `schema` and `export`."""

import json
import sys
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Final

import click

from webhook.cli.options import format_option, output_option, policy_argument
from webhook.cli.output import fail, say, write
from webhook.errors import PolicyRefused
from webhook.report.shape import writer
from webhook.text import counted

if TYPE_CHECKING:
    from webhook.policy import Policy
    from webhook.policy.lint.reported import Linted
    from webhook.policy.vap import Exported
    from webhook.report.outcome import Outcome

_TABLE: Final = "table"


@click.command(short_help="Print the JSON Schema of a policy.")
def schema() -> None:
    """Print the JSON Schema of a policy document, for editors and pipelines."""
    from webhook.policy import schema as policy_schema

    say(json.dumps(policy_schema(), indent=2))


@click.command(short_help="Validate a policy.")
@policy_argument
@format_option((_TABLE, "json", "sarif", "github", "junit"))
@output_option
@click.option("--fail-on-warn", is_flag=True, help="Exit with 1 if there are warnings.")
def validate(paths: tuple[Path, ...], format_: str, output: Path | None, *, fail_on_warn: bool) -> None:
    """Validate the policy in PATHS (files and directories, - for standard input).

    Reports every error and every warning with file, line and column. A warning is about a policy that can be used and
    is dangerous: `policy explain NAME` explains it, `spec.ignore: [NAME]` in the policy silences it.

    Without PATHS, validates the policy in ISTAG_WEBHOOK_POLICY, or else the shipped one. Exit codes: 0 the policy can
    be used, 1 there are warnings and --fail-on-warn is given, 2 the policy cannot be used.
    """
    from webhook.policy import load
    from webhook.policy.lint.reported import lint
    from webhook.report.header import refused, validated

    try:
        policy = load(*paths)
    except PolicyRefused as error:
        if format_ != _TABLE:
            write(_report(format_, None, refused(error.faults)), output)
        fail(str(error))
    linted = lint(policy)
    pieces = _report(format_, policy, validated(policy, linted.warnings, failing=fail_on_warn))
    write(chain([_summary(policy, linted)] if format_ == _TABLE else (), pieces), output)
    for note in linted.unused:
        click.echo(f"note: {note}", err=True)
    sys.exit(1 if fail_on_warn and linted.warnings else 0)


def _report(form: str, policy: "Policy | None", outcomes: "Iterable[Outcome]") -> Iterator[str]:
    from webhook.cli.reporting import now, package_version
    from webhook.report.header import validation_header
    from webhook.report.tally import Tally

    tally = Tally()
    return writer(form)(validation_header(policy, package_version(), now()), tally.counting(outcomes), tally)


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
@click.option("--format", "form", type=click.Choice(["vap"]), required=True, help="vap: ValidatingAdmissionPolicy.")
@click.option(
    "--failure-policy", type=click.Choice(["Fail", "Ignore"]), default="Fail", show_default=True,
    help="What is done where an expression cannot be evaluated.",
)  # fmt: skip
@output_option
def export(paths: tuple[Path, ...], form: str, failure_policy: str, output: Path | None) -> None:
    """Print the policy in PATHS as ValidatingAdmissionPolicies and their bindings, in YAML.

    They are for admissionregistration.k8s.io/v1 (Kubernetes 1.30, OpenShift 4.17), which evaluates them in the API
    server itself. What CEL cannot express stands at the top and on standard error.

    Without PATHS, the policy in ISTAG_WEBHOOK_POLICY, or else the shipped one. Exit code 0 where a rule was exported,
    2 where none was or the policy cannot be used.
    """
    del form  # there is one
    from webhook.documents import yaml
    from webhook.policy import load
    from webhook.policy.vap import export as as_vap

    try:
        policy = load(*paths)
    except PolicyRefused as error:
        fail(str(error))
    exported = as_vap(policy, failure_policy)
    left = list(_left(exported))
    summary = f"{policy}: {len(exported.rules)} rules exported; left to the webhook: {len(left)}"
    click.echo("\n".join((summary, *(f"  {each}" for each in left))), err=True)
    if not exported.rules:
        fail("no rule can be exported")
    write(("\n".join(_head(policy, left)), "\n", yaml.dump_all(exported.documents)), output)


def _left(exported: "Exported") -> Iterator[str]:
    from webhook.policy.vap import STATUS

    yield from map(str, exported.left)
    yield STATUS


def _head(policy: "Policy", left: list[str]) -> Iterator[str]:
    """Yield the comment at the top."""
    yield f"# Policy {policy.name}, {policy.digest}, exported by istag-webhook policy export --format vap."
    yield "# Left to the webhook:"
    for each in left:
        yield from wrap(each, 118, initial_indent="# - ", subsequent_indent="#   ", break_long_words=False)
