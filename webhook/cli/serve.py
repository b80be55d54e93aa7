"""`istag-webhook serve`: everything is checked before any worker starts."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from webhook.cli.options import GivenPath
from webhook.cli.output import fail
from webhook.errors import CertificateError, SettingsError
from webhook.settings import Settings, documented, flag, resolve, variable

_DEVELOPMENT: Final = ("localhost", "127.0.0.1", "::1")
_TYPES: Final[dict[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: GivenPath(),
    Path | None: GivenPath(),
    tuple[Path, ...]: GivenPath(),
}


class _Closed(click.Choice[str]):
    """A closed set of values, which the help and the shell's completion show."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` as it is: `resolve` reports every setting that cannot be used, all at once."""
        del param, ctx
        return str(value)


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each setting."""
    for each in reversed(documented()):
        command = click.option(
            *((flag(each.name), "-p") if each.name == "policy" else (flag(each.name),)),
            each.name,
            type=_Closed(each.metadata["choices"]) if each.metadata["choices"] else _TYPES[each.type],
            multiple=each.type == tuple[Path, ...],
            default=each.default,
            envvar=variable(each.name),
            show_default=each.default not in (None, ()),
            show_envvar=True,
            help=each.metadata["help"],
        )(command)
    return command


@click.command()
@setting_options
@click.option(
    "--dev", is_flag=True, help="Development: on loopback, with certificates made in certs/ where there are none."
)
@click.pass_context
def serve(ctx: click.Context, /, *, dev: bool, **given: Any) -> None:
    """Serve the admission endpoints over TLS."""
    from webhook.service import logs
    from webhook.service.process import Process

    try:
        settings = resolve(given)
        logs.configure(settings.log_level, form=settings.log_format)
        process = Process.of(_development(ctx, settings) if dev else settings)
    except SettingsError as error:
        fail(str(error))
    process.run()


def _development(ctx: click.Context, settings: Settings) -> Settings:
    """Return the settings for development: loopback and no drain unless said otherwise, and certificates."""
    from webhook.certs.issuing import issue

    if ctx.get_parameter_source("host") is ParameterSource.DEFAULT:
        settings = replace(settings, host="127.0.0.1")
    if ctx.get_parameter_source("drain") is ParameterSource.DEFAULT:
        settings = replace(settings, drain=0.0)
    if not settings.cert.exists() and not settings.key.exists():
        try:
            issued = issue(settings.cert.parent, _DEVELOPMENT)
        except CertificateError as error:
            fail(str(error))
        click.echo(f"wrote {issued.ca}, {issued.cert} and their keys, for {', '.join(_DEVELOPMENT)}", err=True)
    return settings
