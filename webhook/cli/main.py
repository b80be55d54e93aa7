"""The command `istag-webhook`, its lazily imported commands, and `serve`."""

import gc
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from traceback import walk_tb
from typing import Any, Final

import click
from click.core import ParameterSource

from webhook import __version__
from webhook.cli.options import GivenPath
from webhook.cli.output import INTERRUPTED, fail, say, unwritable
from webhook.errors import CertificateError, SettingsError
from webhook.settings import Settings, documented, flag, resolve, variable
from webhook.text import nearest, printable

_DEVELOPMENT: Final = ("localhost", "127.0.0.1", "::1")
_NO_CERTIFICATE: Final = "to try it on this machine, add --dev: it makes a certificate"
_TYPES: Final[dict[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: GivenPath(),
    Path | None: GivenPath(),
    tuple[Path, ...]: GivenPath(),
}


class _Choice(click.Choice[str]):
    """A closed set of values, shown in the help and in shell completion."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` unchanged: `resolve` reports every invalid setting at once."""
        del param, ctx
        return str(value)


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add an option for each setting to `command`."""
    for each in reversed(documented()):
        command = click.option(
            *((flag(each.name), "-p") if each.name == "policy" else (flag(each.name),)),
            each.name,
            type=_Choice(each.metadata["choices"]) if each.metadata["choices"] else _TYPES[each.type],
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
    "--dev", is_flag=True, help="Development mode: listen on loopback, and make missing certificates in certs/."
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
        missing = not given["cert"].exists() and str(given["cert"]) in {each.where for each in error.faults}
        fail(f"{error}\n{_NO_CERTIFICATE}" if missing else str(error))
    process.run()


def _development(ctx: click.Context, settings: Settings) -> Settings:
    """Return the settings for development: loopback and no drain unless set explicitly, and certificates."""
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


_HELP: Final = ["-h", "--help"]
_GARBAGE: Final = 50_000  # objects
_COMMANDS: Final = {
    "init": "webhook.cli.local:init",
    "serve": "webhook.cli.main:serve",
    "check": "webhook.cli.local:check",
    "test": "webhook.cli.test:test",
    "replay": "webhook.cli.records:replay",
    "merge": "webhook.cli.records:merge",
    "scan": "webhook.cli.scan:scan",
    "policy": "webhook.cli.main:policy",
    "history": "webhook.cli.history:history",
    "records": "webhook.cli.records:records",
    "probe": "webhook.cli.installation:probe",
    "certs": "webhook.cli.installation:certs",
    "version": "webhook.cli.main:version",
}
_POLICY_COMMANDS: Final = {
    "validate": "webhook.cli.policy:validate",
    "schema": "webhook.cli.policy:schema",
    "explain": "webhook.cli.policy:explain",
    "diff": "webhook.cli.diff:diff",
    "export": "webhook.cli.policy:export",
}


class Commands(click.Group):
    """A group that imports its commands on first use, and suggests the nearest command for an unknown name.

    Source: click.palletsprojects.com, "Lazily Loading Subcommands".
    """

    def __init__(self, *args: Any, lazy: Mapping[str, str] | None = None, **kwargs: Any) -> None:
        """Set the commands of the group, by name: `MODULE:ATTRIBUTE`."""
        super().__init__(*args, **kwargs)
        self.lazy = dict(lazy or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of `--help`."""
        del ctx
        return list(self.lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, None if the name is unknown."""
        del ctx
        if cmd_name not in self.lazy:
            return None
        module, _, name = self.lazy[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        command.context_settings.setdefault("help_option_names", _HELP)  # click caches it from the first context
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the command for `args`.

        Raises:
            click.UsageError: the command does not exist.
        """
        name = args[0]
        if not ctx.resilient_parsing and not name.startswith("-") and self.get_command(ctx, name) is None:
            meant = self._nested(ctx, name) or nearest(name, self.list_commands(ctx))
            hint = f" Did you mean '{meant}'?" if meant else ""
            ctx.fail(f"No such command '{printable(name)}'.{hint}")
        return super().resolve_command(ctx, args)

    def _nested(self, ctx: click.Context, name: str) -> str:
        """Return the command of that name in a group of this one, with the group; empty if there is none."""
        groups = ((each, self.get_command(ctx, each)) for each in self.list_commands(ctx))
        found = (each for each, group in groups if isinstance(group, Commands) and name in group.lazy)
        return next((f"{each} {name}" for each in found), "")


class _Main(Commands):
    """The top-level command: click's own output and Ctrl-C end the process as this package's output does."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the process, with fewer garbage collections than Python's default and none at its end.

        Imports create many objects and no garbage: collecting took a sixth of the CPU time of a `check` of one file.
        """
        gc.set_threshold(_GARBAGE)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            gc.freeze()

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the options before the command; `--help` prints."""
        with _printing():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C has its own exit code, because click's would be the one of findings."""
        try:
            with _printing():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


@contextmanager
def _printing() -> Iterator[None]:
    """Handle write errors of click's own output (`--help`) as for this package's output."""
    try:
        yield
    except OSError as error:
        if any(frame.f_code is click.echo.__code__ for frame, _ in walk_tb(error.__traceback__)):
            unwritable(error)
        raise


@click.group(cls=_Main, lazy=_COMMANDS, context_settings={"help_option_names": _HELP, "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Decide which OpenShift image stream tag may point where."""


@click.group(cls=Commands, lazy=_POLICY_COMMANDS)
def policy() -> None:
    """Validate, explain, compare and export policies."""


@click.command()
def version() -> None:
    """Print the version."""
    say(__version__)
