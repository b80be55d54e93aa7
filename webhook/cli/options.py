"""Shared options and the types of their values: an option means the same in every command."""

import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from webhook.report.shape import SHARD, Shard
from webhook.settings import variable
from webhook.text import quoted

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_DURATION: Final = re.compile(r"([0-9]{1,6})([smhdw]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# RFC 3339 with an optional offset, or a date alone.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)
# An Indexed Job numbers its pods from 0: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
INDEX: Final = "JOB_COMPLETION_INDEX"
_POLICY: Final = "Policy file or directory; may be repeated. Default: the shipped policy."
_GLOB: Final = "Only this namespace, or those that match this glob; may be repeated. Default: all."


class GivenPath(click.Path):
    """A path that is not empty, because `Path("")` would be the working directory."""

    def __init__(self, path_type: type[str | Path] = Path, *, dir_okay: bool = True) -> None:
        """Accept paths as `click.Path` does, and return them as `path_type`."""
        super().__init__(dir_okay=dir_okay, allow_dash=True, path_type=path_type)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Parse the value.

        Raises:
            click.BadParameter: it is empty.
        """
        if not os.fspath(value):
            self.fail("expected a path, got an empty string", param, ctx)
        return super().convert(value, param, ctx)


class Duration(click.ParamType[int]):
    """A number of seconds; the suffixes `m`, `h`, `d` and `w` mean minutes, hours, days and weeks."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Parse the value, and return seconds.

        Raises:
            click.BadParameter: it is not a duration.
        """
        if isinstance(value, int):
            return value
        form = _DURATION.fullmatch(value)
        if form is None:
            self.fail(f"expected a duration such as 30s, 5m or 1h, got {quoted(value)}", param, ctx)
        return int(form[1]) * _SECONDS[form[2]]


class Moment(click.ParamType[datetime]):
    """A time (RFC 3339), or a duration before now."""

    name = "TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse the value; a time without an offset is in UTC.

        Raises:
            click.BadParameter: it is neither a time nor a duration, or the time does not exist.
        """
        if isinstance(value, datetime):
            return value
        found = _moment(value)
        if found is None:
            self.fail(
                "expected a duration such as 1h, or a time such as 2026-01-31 or 2026-01-31T09:00:00Z, "
                f"got {quoted(value)}",
                param,
                ctx,
            )
        return found


def _moment(value: str) -> datetime | None:
    """Return the time, None if it is invalid."""
    with suppress(ValueError, OverflowError):  # it does not exist, or cannot be converted to UTC
        if (form := _DURATION.fullmatch(value)) and form[2]:
            return datetime.now(UTC) - timedelta(seconds=int(form[1]) * _SECONDS[form[2]])
        if _MOMENT.fullmatch(value):
            found = datetime.fromisoformat(value.upper())
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return None


class _Part(click.ParamType[Shard]):
    """`I/N`, or `/N` if the environment sets the index."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Parse the value.

        Raises:
            click.BadParameter: it is not one of N parts.
        """
        if isinstance(value, Shard):
            return value
        form = SHARD.fullmatch(value)
        if form is None:
            self.fail(f"expected I/N such as 2/4, or /4 in an Indexed Job, got {value!r}", param, ctx)
        given, count = form[1], int(form[2])
        if given is None:
            index = os.environ.get(INDEX, "")
            if not index.isascii() or not index.isdecimal():
                self.fail(f"/{count} takes the part from {INDEX}, expected a number in it, got {index!r}", param, ctx)
            given = str(int(index) + 1)
        if not 1 <= int(given) <= count:
            self.fail(f"expected a part from 1/{count} to {count}/{count}, got {given}/{count}", param, ctx)
        return Shard(int(given), count)


output_option: Final = click.option(
    "--output", "-o", type=GivenPath(dir_okay=False),
    help="File to write the report to, atomically. Default: standard output.",
)  # fmt: skip
namespaces_option: Final = click.option("--namespace", "-n", "namespaces", multiple=True, metavar="GLOB", help=_GLOB)
selector_option: Final = click.option(
    "--selector", "-l", default="", help="Only image streams that match this label selector."
)
verbose_option: Final = click.option("--verbose", "-v", is_flag=True, help="Also list objects without findings.")
workers_option: Final = click.option(
    "--workers", type=click.IntRange(1), default=lambda: len(os.sched_getaffinity(0)), show_default="one a core",
    help="Number of processes.",
)  # fmt: skip
empty_option = click.option("--fail-on-empty", is_flag=True, help="Exit with 2 if nothing was evaluated.")


def policy_option(text: str = _POLICY) -> Decorator:
    """Return the option `--policy`, passed as `policies`; empty if neither the option nor its variable is set."""
    return click.option(
        "--policy", "-p", "policies", multiple=True, type=GivenPath(), envvar=variable("policy"), show_envvar=True,
        help=text,
    )  # fmt: skip


def at_option(text: str) -> Decorator:
    """Return the option `--at`: the moment that is meant, by default now."""
    return click.option(
        "--at", type=Moment(), metavar="TIME", default=lambda: datetime.now(UTC), show_default="now", help=text
    )


def policy_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the argument PATHS of a policy to `command`; empty if neither it nor the variable is set."""
    return click.argument("paths", nargs=-1, type=GivenPath(), envvar=variable("policy"))(command)


def namespace_option(default: str, text: str) -> Decorator:
    """Return the option `--namespace` of a command that works in one namespace."""
    return click.option("--namespace", "-n", default=default, show_default=True, help=text)


def format_option(formats: Iterable[str]) -> Decorator:
    """Return the option `--format`, passed as `format_`; the first of `formats` is the default."""
    names = list(formats)
    return click.option(
        "--format", "format_", type=click.Choice(names), default=names[0], show_default=True, help="Output format."
    )


def sender_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the sender of a manifest to `command`: `user`, `groups`, and the `namespace` of objects."""
    for option in (
        namespace_option("default", "Namespace of manifests without one."),
        click.option("--group", "groups", multiple=True, help="Group of that user; may be repeated."),
        click.option("--user", default="developer", show_default=True, help="User who would send a manifest."),
    ):
        command = option(command)
    return command


def period_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the period of records to `command`: `since` and `until`, or None."""
    for option in (
        click.option("--until", type=Moment(), metavar="TIME", help="Only records before this time."),
        click.option(
            "--since", type=Moment(), metavar="TIME",
            help="Only records from this time on: a duration before now such as 1h or 7d, or a time such as 2026-01-31 "
            "or 2026-01-31T09:00:00Z.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def connection(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options `--kubeconfig` and `--context` to `command`, as `cluster.connect` takes them."""
    for option in (
        click.option("--context", help="Context of the kubeconfig. Default: its current one."),
        click.option(
            "--kubeconfig", type=GivenPath(),
            help="How to reach the cluster. Default: KUBECONFIG, ~/.kube/config, or the pod's service account.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command


def shard_option(command: Callable[..., None]) -> Callable[..., None]:
    """Add the option `--shard` to `command`, passed as `shard`; the default is part 1 of 1."""
    return click.option(
        "--shard", type=_Part(), default=Shard(), metavar="I/N",
        help=f"Process part I of N, from 1/N to N/N; /N takes I from {INDEX} (from 0), as set in an Indexed Job. "
        "merge joins the reports of all parts.",
    )(command)  # fmt: skip
