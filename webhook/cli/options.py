"""The options that commands share, so that each means the same everywhere."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import click

from webhook.cli.types import GivenPath, Moment
from webhook.settings import variable

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

_POLICY: Final = "Policy file or directory; may be repeated. Default: the shipped policy."
_GLOB: Final = "Only this namespace, or those that match this glob; may be repeated. Default: all."

output_option: Final = click.option(
    "--output", "-o", type=GivenPath(dir_okay=False),
    help="File to write the report to, whole or not at all. Default: standard output.",
)  # fmt: skip
namespaces_option: Final = click.option("--namespace", "-n", "namespaces", multiple=True, metavar="GLOB", help=_GLOB)
selector_option: Final = click.option(
    "--selector", "-l", default="", help="Only image streams that this label selector selects."
)


verbose_option: Final = click.option(
    "--verbose", "-v", is_flag=True, help="In a table, also list what has no findings."
)


def policy_option(text: str = _POLICY) -> Decorator:
    """Return the option `--policy`, which is passed on as `policies`, paths; none if neither it nor its variable is."""
    return click.option(
        "--policy", "-p", "policies", multiple=True, type=GivenPath(), envvar=variable("policy"), show_envvar=True,
        help=text,
    )  # fmt: skip


def policy_argument(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the argument PATHS, paths of a policy; none if neither it nor the variable is given."""
    return click.argument("paths", nargs=-1, type=GivenPath(), envvar=variable("policy"))(command)


def namespace_option(default: str, text: str) -> Decorator:
    """Return the option `--namespace` of a command that works in one namespace."""
    return click.option("--namespace", "-n", default=default, show_default=True, help=text)


def format_option(formats: Iterable[str]) -> Decorator:
    """Return the option `--format`, which is passed on as `format_`; the first of `formats` is the default."""
    names = list(formats)
    return click.option(
        "--format", "format_", type=click.Choice(names), default=names[0], show_default=True, help="Output format."
    )


def sender_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options that say who sends a manifest: `user` and `groups`, and the `namespace` of objects."""
    for option in (
        namespace_option("default", "Namespace of manifests that name none."),
        click.option("--group", "groups", multiple=True, help="A group of that user; may be repeated."),
        click.option("--user", default="developer", show_default=True, help="Who would send a manifest."),
    ):
        command = option(command)
    return command


def period_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give `command` the options that say of which time records are read: `since` and `until`, or None."""
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
    """Give `command` the options `--kubeconfig` and `--context`, as `cluster.connect` takes them."""
    for option in (
        click.option("--context", help="Context of the kubeconfig. Default: its current one."),
        click.option(
            "--kubeconfig", type=GivenPath(),
            help="How to reach the cluster. Default: KUBECONFIG, ~/.kube/config, or the pod's service account.",
        ),
    ):  # fmt: skip
        command = option(command)
    return command
