"""`istag-webhook scan --fix`: show what the policy's defaults would set, and set it."""

import json
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial, wraps
from threading import Event
from typing import TYPE_CHECKING, Any, Final

import click

from webhook.cli.options import Duration
from webhook.cli.output import INTERRUPTED, Wanted, say
from webhook.errors import ClusterError
from webhook.text import counted, printable

if TYPE_CHECKING:
    from webhook.cluster.client import Cluster
    from webhook.evaluate.fix import Fix, Setting, TagFix
    from webhook.evaluate.rollout import Pace
    from webhook.evaluate.streams import Progress, Selection
    from webhook.policy.loading import Policy

_BATCH: Final = 10  # tags
_PAUSE: Final = 30  # seconds


def pace_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options of a pace, in one argument `pace`; None without `--import`."""

    @wraps(command)
    def wrapped(*, importing: bool, limit: int | None, batch: int | None, pause: int | None, **given: Any) -> None:
        from webhook.evaluate.rollout import Pace

        for option, value in (("--limit", limit), ("--batch", batch), ("--pause", pause)):
            if value is not None and not importing:
                raise click.UsageError(f"{option}: expected --import with it")
        pace = Pace(limit, batch or _BATCH, _PAUSE if pause is None else pause) if importing else None
        command(pace=pace, **given)

    for option in (
        click.option(
            "--pause", type=Duration(), metavar="DURATION",
            help=f"With --import: time between two batches, such as 30s or 5m.  [default: {_PAUSE}s]",
        ),
        click.option(
            "--batch", type=click.IntRange(1), metavar="N",
            help=f"With --import: the most tags that are imported between two pauses.  [default: {_BATCH}]",
        ),
        click.option(
            "--limit", type=click.IntRange(1), metavar="N",
            help="With --import: the most tags that this run imports. Default: all.",
        ),
        click.option("--import", "importing", is_flag=True, help="With --apply: also set what imports a tag."),
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
    """Print the plan, carry it out if it is `really` meant, and return the exit code.

    Args:
        cluster: whose image streams are completed.
        selection: which of them.
        policy: whose defaults are applied.
        progress: is told how many are done.
        wanted: the options that say how the command ends.
        really: whether anything is set.
        pace: how many tags may be imported, and how fast; None if none may be.

    Raises:
        ClusterError: the API server cannot be reached, or does not let the streams be listed.
    """
    from webhook.cli.reporting import NOTHING
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
        say("every tag has what the defaults set")
        return 0
    lacking = f"{counted(len(planned), 'image stream')} {'lacks' if len(planned) == 1 else 'lack'}"
    click.echo(f"{lacking} {counted(settings, 'setting')} that the defaults make", err=True)
    if imported:
        click.echo(f"OpenShift imports {counted(imported, 'tag')} if all of it is set", err=True)
    if not really:
        click.echo(f"nothing was changed; {_how(imported)}", err=True)
        return wanted.code(found=True)
    return _carry_out(cluster, planned, policy, progress, wanted, pace)


def _how(imported: int) -> str:
    """Return which options set what."""
    if not imported:
        return "--apply sets it"
    return "--apply sets what imports no tag, --apply --import sets all of it"


def _carry_out(
    cluster: "Cluster",
    planned: Mapping[str, frozenset[str]],
    policy: "Policy",
    progress: "Progress",
    wanted: Wanted,
    pace: "Pace | None",
) -> int:
    """Complete the streams one by one, until SIGINT: the one under way is brought to its end."""
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
        click.echo("interrupted; the same command continues", err=True)
        return INTERRUPTED
    return 2 if denied else wanted.code(found=bool(left))


def _why_left(pace: "Pace | None") -> str:
    """Return why tags were left, and what sets them."""
    if pace is None:
        return "setting the rest imports them; --apply --import sets it"
    return f"run the command again{'' if pace.limit is None else f' for the next {pace.limit}'}"


def _show(fix: "Fix", verb: str) -> None:
    """Print each setting of a fix, and what it does to its tag."""
    from webhook.evaluate.streams import key_of

    for tag in fix.tags:
        for setting in tag.settings:
            name = printable(f"{key_of(fix.stream)}:{tag.name}")
            say(f"{name}: {verb} {'.'.join(setting.field)} to {json.dumps(setting.value)}{_effect(tag, setting)}")


def _effect(tag: "TagFix", setting: "Setting") -> str:
    """Return that a setting imports its tag, what the tag means now, and what moves with it."""
    if not setting.imports:
        return ""
    followers = f", followed by {', '.join(map(printable, tag.followers))}" if tag.followers else ""
    return f"; {printable(setting.imports)}; present image: {printable(tag.image) or 'none'}{followers}"


@contextmanager
def _interrupts() -> Iterator[Event]:
    """Give an event that SIGINT sets instead of ending the command; the second one ends it."""
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
