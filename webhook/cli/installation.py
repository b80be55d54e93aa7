"""`istag-webhook certs` and `probe`: keys and certificates, and a check that the API server calls the webhook."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from webhook.cli.options import (
    GivenPath,
    connection,
    format_option,
    namespace_option,
    output_option,
    policy_option,
)
from webhook.cli.output import fail, say, write
from webhook.errors import CertificateError, ClusterError, PolicyError

if TYPE_CHECKING:
    from webhook.evaluate.probe import Probed
    from webhook.policy.policy import Policy


class _Certs(click.Group):
    """A group with a default command: `certs app.example` is `certs local app.example`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Insert the default command."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["local", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Certs, subcommand_metavar="[COMMAND] [ARGS]...")
def certs() -> None:
    """Make certificates. The default command is `local`."""


@certs.command()
@click.argument("names", nargs=-1)
@click.option(
    "--directory",
    type=GivenPath(),
    default=Path("certs"),
    show_default=True,
    help="Directory to write to.",
)
@click.option("--days", type=click.IntRange(1, 397), default=90, show_default=True, help="Validity in days.")
@click.option("--force", is_flag=True, help="Overwrite existing files.")
def local(names: tuple[str, ...], directory: Path, days: int, *, force: bool) -> None:
    """Make a CA and a serving certificate for development.

    NAMES are the DNS names and IP addresses of the certificate. Default: localhost 127.0.0.1 ::1
    """
    from webhook.certs.issuing import issue

    try:
        issued = issue(directory, names or ("localhost", "127.0.0.1", "::1"), days=days, force=force)
    except CertificateError as error:
        fail(str(error))
    for path, what in (
        (issued.ca, "the CA: clients trust it, such as by a webhook configuration's caBundle"),
        (issued.ca_key, "the CA's key"),
        (issued.cert, "the serving certificate"),
        (issued.key, "its key"),
    ):
        say(f"wrote {path}  ({what})")
    say(f"next: istag-webhook serve --cert {issued.cert} --key {issued.key}")


@certs.command()
@namespace_option("istag-webhook", "Namespace of the Secret and the Service.")
@click.option("--secret", default="istag-webhook-tls", show_default=True, help="Secret that the pods mount.")
@click.option("--service", default="istag-webhook", show_default=True, help="Service that the API server calls.")
@click.option(
    "--configuration",
    default="istag-webhook",
    show_default=True,
    help="Name of the validating and of the mutating webhook configuration.",
)
@click.option("--days", type=click.IntRange(1, 397), default=90, show_default=True, help="Validity in days.")
@click.option(
    "--renew-before",
    type=click.IntRange(0, 396),
    default=30,
    show_default=True,
    help="Renew it this many days before it expires.",
)
@click.option("--renew", is_flag=True, help="Renew it now.")
@click.option(
    "--forget", is_flag=True, help="Stop trusting every CA that did not sign the current serving certificate."
)
@click.option("--dry-run", is_flag=True, help="Let the API server check the next step, and store nothing.")
@connection
def cluster(
    *,
    kubeconfig: Path | None,
    context: str | None,
    days: int,
    renew_before: int,
    renew: bool,
    forget: bool,
    dry_run: bool,
    **where: str,
) -> None:
    """Make or renew the certificate of an installation.

    A CA and the serving certificate it signed are stored in the Secret. Both webhook configurations trust the CA, in
    their caBundle, before the certificate is served. A CA stays trusted until it expires, so the API server keeps
    calling pods that still serve an earlier certificate. If a key has leaked, run with --renew, and with --forget as
    soon as every pod serves the new certificate.

    It is safe to run again, and concurrently: as a Job to install, then as a CronJob. It needs permission to get and
    update the Secret and both webhook configurations, and to create Secrets in the namespace.
    """
    from webhook.certs.renewal import Installation, Terms
    from webhook.certs.renewal import renew as renewed
    from webhook.cluster.client import connect

    if renew_before >= days:
        fail(f"--renew-before: expected fewer than the {days} days of validity, got {renew_before}")
    try:
        expires = renewed(
            connect(kubeconfig, context),
            Installation(**where),
            Terms(days, renew_before, renew, forget, dry_run),
            lambda step: say(f"dry run: {step}" if dry_run else step),
        )
    except (CertificateError, ClusterError) as error:
        fail(str(error))
    if expires:
        say(f"serving until {expires:%Y-%m-%d %H:%M} UTC")


@certs.command("record-key")
@click.option("--directory", type=GivenPath(), default=Path("certs"), show_default=True, help="Directory to write to.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def record_key(directory: Path, *, force: bool) -> None:
    """Make the key that signs checkpoints of the record.

    The server reads record.key (--record-key). Keep record.pub away from the server: `records verify --key` needs it.
    """
    from webhook.certs.signing import make

    try:
        private, public = make(directory, force=force)
    except CertificateError as error:
        fail(str(error))
    say(f"wrote {private}  (the key that signs: for a Secret)")
    say(f"wrote {public}  (the key that verifies: for auditors)")
    say(f"next: istag-webhook serve --record-key {private}")


@click.command(short_help="Check that the API server calls the webhook for every resource.")
@namespace_option("istag-webhook-probe", "Namespace that the requests are sent to.")
@click.option(
    "--configuration", default="istag-webhook", show_default=True, help="Name of the validating webhook configuration."
)
@policy_option(
    "Policy file or directory that the webhook should enforce; may be repeated. A note reports if another policy "
    "is in force."
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
    not be called. It is unknown if something else denied the request. It is absent if the API server does not serve it.

    Exit codes: 0 all six resources are closed, 1 one is open or something was left behind, 2 error.

    It needs permission to get the namespace and the configuration. In the namespace, it needs permission to create
    imagestreamtags, imagetags, imagestreams, imagestreamimports and imagestreammappings, to list image streams, and to
    update the status of istag-webhook-probe.
    """
    from webhook.cluster.client import connect
    from webhook.evaluate.probe import probe as probed
    from webhook.policy.loading import load

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


def _compare(result: "Probed", expected: "Policy") -> None:
    """Print a note if a denial names another policy; replicas may load a new policy minutes after it is written."""
    others = [
        answer.resource
        for answer in result.answers
        if answer.verdict == "closed" and str(expected) not in answer.message
    ]
    if others:
        click.echo(f"another policy than {expected} is in force: {', '.join(others)}", err=True)


def _table(result: "Probed") -> str:
    width = max(len(answer.resource) for answer in result.answers)
    return "\n".join(f"{answer.resource:{width}}  {answer.verdict:7}  {answer.message}" for answer in result.answers)


def _json(result: "Probed", namespace: str) -> str:
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
