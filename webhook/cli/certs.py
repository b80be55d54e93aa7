"""`istag-webhook certs`: certificates for development, and those of a cluster."""

from pathlib import Path

import click

from webhook.certs import renewal
from webhook.certs.issuing import issue
from webhook.certs.renewal import Installation, Terms
from webhook.cli import fail
from webhook.cli.options import connection, namespace_option
from webhook.cli.output import say
from webhook.cli.types import GivenPath
from webhook.cluster.client import connect
from webhook.errors import CertificateError, ClusterError


class _Certs(click.Group):
    """A group with a command that need not be named: `certs app.example` is `certs local app.example`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that was meant."""
        if not args or args[0] not in (*self.commands, *ctx.help_option_names):
            args = ["local", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_Certs, subcommand_metavar="[COMMAND] [ARGS]...")
def certs() -> None:
    """Make certificates: `local` where no command is named."""


@certs.command()
@click.argument("names", nargs=-1)
@click.option(
    "--directory",
    type=GivenPath(),
    default=Path("certs"),
    show_default=True,
    help="Directory to write to.",
)
@click.option("--days", type=click.IntRange(1, 397), default=90, show_default=True, help="Days that they are valid.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def local(names: tuple[str, ...], directory: Path, days: int, *, force: bool) -> None:
    """Make a CA and a serving certificate for development.

    NAMES are the DNS names and IP addresses it is for. Default: localhost 127.0.0.1 ::1
    """
    try:
        issued = issue(directory, names or ("localhost", "127.0.0.1", "::1"), days=days, force=force)
    except CertificateError as error:
        fail(str(error))
    for path, what in (
        (issued.ca, "the CA: what callers trust, a webhook configuration's caBundle"),
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
@click.option("--days", type=click.IntRange(1, 397), default=90, show_default=True, help="Days that it is valid.")
@click.option(
    "--renew-before",
    type=click.IntRange(0, 396),
    default=30,
    show_default=True,
    help="Days before its end that it is renewed.",
)
@click.option("--renew", is_flag=True, help="Renew it now.")
@click.option("--forget", is_flag=True, help="Stop trusting every CA that did not sign the certificate that is served.")
@click.option("--dry-run", is_flag=True, help="Have the next step checked by the API server, and store nothing.")
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

    Through the Kubernetes API, a CA and the serving certificate that it signed go into the Secret, and the CA into the
    caBundle of both webhook configurations, which trust it before it is served. A CA stays trusted until it expires,
    and so does the certificate that it signed: a pod that still serves that one goes on being called. After a key has
    leaked: --renew, and when every pod serves the new certificate, --forget.

    It may be run again, and by two at once: as a Job to install, and as a CronJob after. It needs the rights to get and
    update that Secret and both webhook configurations, and to create Secrets in the namespace.
    """
    if renew_before >= days:
        fail(f"--renew-before: expected less than the {days} days that a certificate is valid, got {renew_before}")
    try:
        expires = renewal.renew(
            connect(kubeconfig, context),
            Installation(**where),
            Terms(days, renew_before, renew, forget, dry_run),
            lambda step: say(f"dry run: {step}" if dry_run else step),
        )
    except (CertificateError, ClusterError) as error:
        fail(str(error))
    if expires:
        say(f"serving until {expires:%Y-%m-%d %H:%M} UTC")
