"""`istag-webhook policy export`: a policy in the words of another engine."""

from collections.abc import Iterator
from pathlib import Path
from textwrap import wrap

import click

from webhook.cli import fail
from webhook.cli.options import output_option, policy_argument
from webhook.cli.output import write
from webhook.documents import yaml
from webhook.errors import PolicyError
from webhook.policy.loading import Policy, load
from webhook.policy.vap import STATUS, Exported
from webhook.policy.vap import export as as_vap


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
    try:
        policy = load(*paths)
    except PolicyError as error:
        fail(str(error))
    exported = as_vap(policy, failure_policy)
    left = list(_left(exported))
    summary = f"{policy}: {len(exported.rules)} rules exported; left to the webhook: {len(left)}"
    click.echo("\n".join((summary, *(f"  {each}" for each in left))), err=True)
    if not exported.rules:
        fail("no rule can be exported")
    write(("\n".join(_head(policy, left)), "\n", yaml.dump_all(exported.documents)), output)


def _left(exported: Exported) -> Iterator[str]:
    yield from map(str, exported.left)
    yield STATUS


def _head(policy: Policy, left: list[str]) -> Iterator[str]:
    """Yield the comment at the top."""
    yield f"# Policy {policy.name}, {policy.digest}, exported by istag-webhook policy export --format vap."
    yield "# Left to the webhook:"
    for each in left:
        yield from wrap(each, 118, initial_indent="# - ", subsequent_indent="#   ", break_long_words=False)
