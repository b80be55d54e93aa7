"""The command: each subcommand is read when it is called, so that a check does not wait for a server."""

import sys
from importlib import import_module
from typing import Any, Final

import click

_COMMANDS: Final = {
    "serve": "webhook.cli.serve:serve",
    "check": "webhook.cli.check:check",
    "test": "webhook.cli.test:test",
    "replay": "webhook.cli.replay:replay",
    "merge": "webhook.cli.merge:merge",
    "scan": "webhook.cli.scan:scan",
    "policy": "webhook.cli.policy:policy",
    "probe": "webhook.cli.probe:probe",
    "certs": "webhook.cli.certs:certs",
    "version": "webhook.cli.version:version",
}

INTERRUPTED: Final = 130  # the exit code, as a shell says it: 128 and the number of SIGINT


class _Commands(click.Group):
    """A group whose commands are imported when they are asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of `--help`."""
        del ctx
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one command, None where there is none."""
        del ctx
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        command: click.Command = getattr(import_module(module), name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C ends it with an exit code of its own, where click's would be that of a finding."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
def main() -> None:
    """Decide which OpenShift image stream tag may point where."""


def fail(message: str) -> None:
    """Print what is wrong and end with 2: the input cannot be used."""
    click.echo(message, err=True)
    sys.exit(2)
