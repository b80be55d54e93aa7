"""`istag-webhook probe`: check that the API server calls the webhook for every resource."""

import json
import sys
from pathlib import Path

import click

from webhook.cli import fail
from webhook.cli.options import connection, format_option, namespace_option, output_option, policy_option
from webhook.cli.output import write
from webhook.cluster.client import connect
from webhook.errors import ClusterError, PolicyError
from webhook.policy.loading import Policy, load
from webhook.probe import probe as probed
from webhook.probe.verdict import Probed, Verdict


@click.command(short_help="Check that the API server calls the webhook for every resource.")
@namespace_option("istag-webhook-probe", "Namespace that the requests are sent to.")
@click.option(
    "--configuration", default="istag-webhook", show_default=True, help="Name of the validating webhook configuration."
)
@policy_option(
    "Policy file or directory that the webhook should enforce; may be repeated. A note says if another policy is in "
    "force."
)
@format_option(("table", "json"))
@output_option
@connection
def probe(
    *,
    namespace: str,
    configuration: str,
    policies: tuple[Path, ...],
    format_: str,
    output: Path | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Check that the API server calls the webhook for every resource.

    Each resource gets one request that is marked as a probe. The webhook always denies it, under every policy. Nothing
    is stored, even if no webhook denies it. The image streams of the namespace are listed before and after, and
    anything left behind is reported.

    A resource is closed if the webhook denied the request, and open if no webhook did. It is down if the webhook could
    not be called, unknown if something else denied the request, and absent if the API server does not serve it.

    Exit codes: 0 all six resources are closed, 1 one is open or something was left behind, 2 it cannot be told.

    It needs the rights to create imagestreamtags, imagetags, imagestreams, imagestreamimports and imagestreammappings
    in the namespace, to list its image streams and update the status of istag-webhook-probe, and to get the namespace
    and the configuration.
    """
    try:
        expected = load(*policies) if policies else None
        result = probed(connect(kubeconfig, context), namespace, configuration)
    except (ClusterError, PolicyError) as error:
        fail(str(error))
    write((_json(result, namespace) if format_ == "json" else _table(result), "\n"), output)
    for each in result.left:
        click.echo(f"left behind: {each}; remove it", err=True)
    if result.unlisted:
        click.echo(result.unlisted, err=True)
    if expected is not None:
        _compare(result, expected)
    sys.exit(result.exit_code)


def _compare(result: Probed, expected: Policy) -> None:
    """Print a note if a denial names another policy; replicas load a new policy up to minutes after it is written."""
    others = [
        answer.resource
        for answer in result.answers
        if answer.verdict is Verdict.CLOSED and str(expected) not in answer.message
    ]
    if others:
        click.echo(f"another policy than {expected} is in force: {', '.join(others)}", err=True)


def _table(result: Probed) -> str:
    width = max(len(answer.resource) for answer in result.answers)
    return "\n".join(f"{answer.resource:{width}}  {answer.verdict:7}  {answer.message}" for answer in result.answers)


def _json(result: Probed, namespace: str) -> str:
    resources = [
        {"resource": each.resource, "verdict": each.verdict, "message": each.message} for each in result.answers
    ]
    document = {
        "apiVersion": "istag-webhook/v1",
        "kind": "Probe",
        "namespace": namespace,
        "resources": resources,
        "left": list(result.left),
    }
    return json.dumps(document, indent=2)
