"""`istag-webhook scan --fix`: show what the policy's defaults would set, and set it with `--apply`."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import click

from webhook.cli.options import Duration
from webhook.cli.output import INTERRUPTED, NOTHING, Wanted, say
from webhook.errors import ClusterError
from webhook.text import counted, printable

if TYPE_CHECKING:
    from webhook.cluster.client import Cluster
    from webhook.evaluate.fix import Fix, Setting, TagFix
    from webhook.evaluate.rollout import Pace
    from webhook.evaluate.streams import Progress, Selection
    from webhook.policy.policy import Policy

_BATCH: Final = 10  # tags
_PAUSE: Final = 30  # seconds


def pace_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options of a pace to `command`, passed as one argument `pace`; None without `--import`."""

    @wraps(command)
    def wrapped(*, importing: bool, limit: int | None, batch: int | None, pause: int | None, **given: Any) -> None:
        from webhook.evaluate.rollout import Pace

        for option, value in (("--limit", limit), ("--batch", batch), ("--pause", pause)):
            if value is not None and not importing:
                raise click.UsageError(f"{option}: only valid with --import")
        pace = Pace(limit, batch or _BATCH, _PAUSE if pause is None else pause) if importing else None
        command(pace=pace, **given)

    for option in (
        click.option(
            "--pause", type=Duration(), metavar="DURATION",
            help=f"With --import: pause between two batches, such as 30s or 5m.  [default: {_PAUSE}s]",
        ),
        click.option(
            "--batch", type=click.IntRange(1), metavar="N",
            help=f"With --import: maximum number of tags per batch.  [default: {_BATCH}]",
        ),
        click.option(
            "--limit", type=click.IntRange(1), metavar="N",
            help="With --import: maximum number of tags that this run imports. Default: all.",
        ),
        click.option("--import", "importing", is_flag=True, help="With --apply: also make settings that import a tag."),
    ):  # fmt: skip
        wrapped = option(wrapped)
    return wrapped


def fix(
    cluster: "Cluster",
    selection: "Selection",
    policy: "Policy",
    progress: "Progress",
    wanted: Wanted,
    *,
    really: bool,
    pace: "Pace | None",
) -> int:
    """Print the plan, carry it out if `really` is set, and return the exit code.

    Args:
        cluster: the cluster with the image streams.
        selection: which image streams are completed.
        policy: the policy with the defaults.
        progress: is called with the number of streams done.
        wanted: the options for the exit code.
        really: whether anything is set.
        pace: how many tags may be imported, and how fast; None if none may be.

    Raises:
        ClusterError: the API server cannot be reached, or does not allow listing the streams.
    """
    from webhook.evaluate.fix import Fix
    from webhook.evaluate.streams import key_of, streams

    planned: dict[str, frozenset[str]] = {}
    settings, imported, seen = 0, 0, False
    for stream in streams(cluster, selection, progress):
        seen = True
        plan = Fix.of(stream, policy)
        if plan.tags:
            planned[key_of(stream)] = frozenset(plan.importing)
            settings += sum(len(tag.settings) for tag in plan.tags)
            imported += len(plan.importing)
            _show(plan, "sets")
    if not seen:
        click.echo(NOTHING, err=True)
        return 0
    if not planned:
        say("every tag has the settings of the defaults")
        return 0
    lacking = f"{counted(len(planned), 'image stream')} {'lacks' if len(planned) == 1 else 'lack'}"
    click.echo(f"{lacking} {counted(settings, 'setting')} of the defaults", err=True)
    if imported:
        click.echo(f"OpenShift imports {counted(imported, 'tag')} if all are applied", err=True)
    if not really:
        click.echo(f"no changes made; {_how(imported)}", err=True)
        return wanted.code(found=True)
    return _carry_out(cluster, planned, policy, progress, wanted, pace)


def _how(imported: int) -> str:
    """Return the options that apply the plan."""
    if not imported:
        return "--apply makes the changes"
    return "--apply makes the changes that import no tag, --apply --import makes all changes"


def _carry_out(
    cluster: "Cluster",
    planned: Mapping[str, frozenset[str]],
    policy: "Policy",
    progress: "Progress",
    wanted: Wanted,
    pace: "Pace | None",
) -> int:
    """Complete the streams one by one; on SIGINT, finish the current one and stop."""
    from webhook.evaluate.rollout import Budget, complete

    done, denied, left, budget = 0, 0, 0, Budget(pace, partial(click.echo, err=True))
    with _interrupts() as interrupted:
        for position, (key, tags) in enumerate(planned.items(), 1):
            if interrupted.is_set():
                break
            try:
                rest = complete(cluster, key, policy, tags, budget, interrupted, partial(_show, verb="set"))
            except ClusterError as error:
                denied += 1
                click.echo(f"{key}: {error}", err=True)
                continue
            if rest and not interrupted.is_set():
                _show(rest, "left")
            left += len(rest.tags) if rest else 0
            done += not rest
            progress(position, len(planned) - position)
    verb = "is" if len(planned) == 1 else "are"
    click.echo(f"{done} of {counted(len(planned), 'image stream')} {verb} complete", err=True)
    if left:
        click.echo(f"{counted(left, 'tag')} left: {_why_left(pace)}", err=True)
    if interrupted.is_set():
        click.echo("interrupted; run the same command to continue", err=True)
        return INTERRUPTED
    return 2 if denied else wanted.code(found=bool(left))


def _why_left(pace: "Pace | None") -> str:
    """Return why tags were left, and how to complete them."""
    if pace is None:
        return "the remaining changes import them; --apply --import makes these changes"
    return f"run the command again{'' if pace.limit is None else f' for the next {pace.limit}'}"


def _show(fix: "Fix", verb: str) -> None:
    """Print each setting of a fix and its effect on the tag."""
    from webhook.evaluate.streams import key_of

    for tag in fix.tags:
        for setting in tag.settings:
            name = printable(f"{key_of(fix.stream)}:{tag.name}")
            say(f"{name}: {verb} {'.'.join(setting.field)} to {json.dumps(setting.value)}{_effect(tag, setting)}")


def _effect(tag: "TagFix", setting: "Setting") -> str:
    """Return that a setting imports its tag, what the tag means now, and which tags follow it."""
    if not setting.imports:
        return ""
    followers = f", followed by {', '.join(map(printable, tag.followers))}" if tag.followers else ""
    return f"; {printable(setting.imports)}; current image: {printable(tag.image) or 'none'}{followers}"


@contextmanager
def _interrupts() -> Iterator[Event]:
    """Return an event that SIGINT sets instead of ending the command; a second SIGINT ends it."""
    seen = Event()

    def remember(number: int, frame: Any) -> None:
        if seen.is_set():
            signal.default_int_handler(number, frame)
        seen.set()

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
