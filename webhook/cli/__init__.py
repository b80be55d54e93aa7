"""The command: each subcommand is read when it is called, so that a check does not wait for a server."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from traceback import walk_tb
from typing import Any, Final, NoReturn

import click

from webhook.cli.groups import Suggesting

_COMMANDS: Final = {
    "init": "webhook.cli.init:init",
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

# The exit codes, as a shell says them: 128 and the number of the signal, SIGINT and SIGPIPE.
INTERRUPTED: Final = 130
UNREAD: Final = 141


class _Commands(Suggesting):
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

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read what comes before the command; `--help` prints."""
        with _printing():
            return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; Ctrl-C ends it with an exit code of its own, where click's would be that of a finding."""
        try:
            with _printing():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(INTERRUPTED)


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="istag-webhook", message="%(prog)s %(version)s")
def main() -> None:
    """Decide which OpenShift image stream tag may point where."""


def fail(message: str) -> NoReturn:
    """Print what is wrong and end with 2: the input cannot be used."""
    click.echo(message, err=True)
    sys.exit(2)


def unwritable(error: OSError) -> NoReturn:
    """End the process, whose standard output cannot be written: with 2, where nobody reads on with 141."""
    # What is buffered would fail once more at the end: docs.python.org/3/library/signal.html#note-on-sigpipe.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if not isinstance(error, BrokenPipeError):
        click.echo(f"standard output: cannot be written: {error.strerror}", err=True)
    sys.exit(UNREAD if isinstance(error, BrokenPipeError) else 2)


@contextmanager
def _printing() -> Iterator[None]:
    """Let what click prints itself (`--help`) end the process as ours does where it cannot be written."""
    try:
        yield
    except OSError as error:
        if any(frame.f_code is click.echo.__code__ for frame, _ in walk_tb(error.__traceback__)):
            unwritable(error)
        raise
