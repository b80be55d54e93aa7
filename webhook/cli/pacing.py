"""The options of `scan --fix` that say how many tags it may import, and how fast."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from threading import Event
from typing import Any, Final

import click

from webhook.cli.types import Duration

_BATCH: Final = 10
_PAUSE: Final = 30


@dataclass(frozen=True, slots=True)
class Pace:
    """How many tags may be imported, and how fast.

    Attributes:
        limit: the most tags of a run, None for any number.
        batch: the most tags between two pauses.
        pause: seconds between two batches.
    """

    limit: int | None = None
    batch: int = _BATCH
    pause: int = _PAUSE


class Budget:
    """What is left of a Pace while it is used up."""

    def __init__(self, pace: Pace | None) -> None:
        """Take a pace, None if nothing may be imported."""
        self._pause = pace.pause if pace else 0
        self._batch = pace.batch if pace else 0
        self._left: float = 0 if pace is None else float("inf") if pace.limit is None else pace.limit
        self._now = self._batch

    @property
    def spent(self) -> bool:
        """Whether nothing more may be imported in this run."""
        return self._left <= 0

    @property
    def most(self) -> int:
        """How many tags may be imported before the next pause."""
        return int(min(self._now, self._left))

    def spend(self, tags: int) -> None:
        """Note that tags were imported."""
        self._now -= tags
        self._left -= tags

    def wait(self, interrupted: Event) -> None:
        """Begin the next batch if this one is used up and there may be another: after the pause, or an interrupt."""
        if self._now > 0 or self.spent:
            return
        if self._pause:
            click.echo(f"waiting {self._pause} s before the next {self._batch} tags", err=True)
        _sleep(interrupted, self._pause)
        self._now = self._batch


def _sleep(interrupted: Event, seconds: float) -> None:
    """Wait; an interrupt ends it."""
    until = time.monotonic() + seconds
    while not interrupted.is_set() and (left := until - time.monotonic()) > 0:
        interrupted.wait(left)


def pace_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the options of a pace, in one argument `pace`; None without `--import`."""

    @wraps(command)
    def wrapped(*, importing: bool, limit: int | None, batch: int | None, pause: int | None, **given: Any) -> None:
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
