"""`istag-webhook probe`: whether the API server asks us, at each door."""

import json
import sys
from pathlib import Path

import click

from webhook.cli import fail
from webhook.cli.connection import connection
from webhook.cli.output import say
from webhook.cluster import connect
from webhook.errors import ClusterRefused, PolicyRefused
from webhook.policy import load
from webhook.probe import Answer, exit_code
from webhook.probe import probe as probed


@click.command()
@click.option("--namespace", default="istag-webhook-probe", show_default=True, help="Namespace that is written to.")
@click.option(
    "--configuration", default="istag-webhook", show_default=True, help="Name of the validating webhook configuration."
)
@click.option(
    "--policy",
    "policies",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Policy file or directory that the webhook judges by; may be repeated. Default: the shipped policy.",
)
@click.option(
    "--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True, help="What to print."
)
@connection
def probe(
    *,
    namespace: str,
    configuration: str,
    policies: tuple[Path, ...],
    form: str,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Ask the API server, at each door to a tag, whether it asks us.

    What is sent must be refused by the policy, which is tried here first, and is never stored: it is a dry run, and
    where OpenShift does not heed one, it fails in the API server too. A door is closed where our webhook refused, down
    where it could not be called, open where nobody refused, unknown where somebody else did or another webhook could
    not be called, and absent where the API server does not serve it.

    Exit code 0 where every door is closed, 1 where one is open, 2 where it cannot be told. It needs the rights to
    create imagestreamtags, imagetags, imagestreams, imagestreamimports and imagestreammappings in the namespace, to get
    the image stream istag-webhook-probe there and update its status, and to get the namespace and the configuration.
    """  # fmt: skip
    try:
        answers = list(probed(connect(kubeconfig, context), namespace, configuration, load(*policies)))
    except (ClusterRefused, PolicyRefused) as error:
        fail(str(error))
        return
    say(_json(answers, namespace) if form == "json" else _table(answers))
    sys.exit(exit_code(answers))


def _table(answers: list[Answer]) -> str:
    width = max(len(answer.door) for answer in answers)
    return "\n".join(f"{answer.door:{width}}  {answer.verdict:7}  {answer.message}" for answer in answers)


def _json(answers: list[Answer], namespace: str) -> str:
    doors = [{"door": each.door, "verdict": each.verdict, "message": each.message} for each in answers]
    document = {"apiVersion": "istag-webhook/v1", "kind": "Probe", "namespace": namespace, "doors": doors}
    return json.dumps(document, indent=2)
