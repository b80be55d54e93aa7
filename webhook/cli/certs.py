"""`istag-webhook certs`: certificates for development."""

from pathlib import Path

import click

from webhook.cli import fail
from webhook.errors import CertificateRefused
from webhook.tls import issue


@click.command()
@click.argument("names", nargs=-1)
@click.option(
    "--directory",
    type=click.Path(path_type=Path),
    default=Path("certs"),
    show_default=True,
    help="Directory to write to.",
)
@click.option("--days", type=click.IntRange(1, 397), default=90, show_default=True, help="Days that they are valid.")
@click.option("--force", is_flag=True, help="Overwrite what is there.")
def certs(names: tuple[str, ...], directory: Path, days: int, *, force: bool) -> None:
    """Make a CA and a serving certificate for development.

    NAMES are the DNS names and IP addresses it is for. Default: localhost 127.0.0.1 ::1
    """
    try:
        issued = issue(directory, names or ("localhost", "127.0.0.1", "::1"), days=days, force=force)
    except CertificateRefused as error:
        fail(str(error))
        return
    for path, what in (
        (issued.ca, "the CA: what callers trust, a webhook configuration's caBundle"),
        (issued.ca_key, "the CA's key"),
        (issued.cert, "the serving certificate"),
        (issued.key, "its key"),
    ):
        click.echo(f"wrote {path}  ({what})")
    click.echo(f"next: istag-webhook serve --cert {issued.cert} --key {issued.key}")
