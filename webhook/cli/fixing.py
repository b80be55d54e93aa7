"""`istag-webhook scan --fix`: show what the policy's defaults would set, and set it."""

import json
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from webhook.cli import INTERRUPTED
from webhook.cli.output import say
from webhook.cli.reporting import NOTHING, Wanted
from webhook.cluster import Cluster
from webhook.errors import ClusterRefused
from webhook.policy import Policy
from webhook.scan.fixing import Fix, apply
from webhook.scan.stream import key_of
from webhook.scan.walk import Progress, Selection, streams


def fix(
    cluster: Cluster, selection: Selection, policy: Policy, progress: Progress, wanted: Wanted, *, really: bool
) -> int:
    """Print the plan, carry it out where it is `really` meant, and return the exit code.

    Raises:
        ClusterRefused: the API server cannot be reached, or refuses to list.
    """
    planned: list[str] = []
    settings, seen = 0, False
    for stream in streams(cluster, selection, progress):
        seen = True
        completion = Fix.of(stream, policy)
        if completion is not None:
            planned.append(key_of(stream))
            settings += len(completion.patch)
            _show(completion, "sets")
    if not seen:
        click.echo(NOTHING, err=True)
        return 0
    if not planned:
        say("every tag has what the defaults set")
        return 0
    click.echo(f"{settings} settings in {len(planned)} image streams lack what the defaults set", err=True)
    if not really:
        click.echo("nothing was changed; --apply sets them", err=True)
        return wanted.code(found=True)
    return _carry_out(cluster, planned, policy, progress)


def _carry_out(cluster: Cluster, planned: list[str], policy: Policy, progress: Progress) -> int:
    """Complete the streams one by one, until SIGINT: the one under way is brought to its end."""
    done, refused = 0, 0
    with _interrupts() as interrupted:
        for key in planned:
            if interrupted:
                break
            try:
                completion = apply(cluster, key, policy)
            except ClusterRefused as error:
                refused += 1
                click.echo(f"{key}: {error}", err=True)
                continue
            done += 1
            progress(done, len(planned) - done)
            if completion is not None:
                _show(completion, "set")
    click.echo(f"{done} of {len(planned)} image streams are complete", err=True)
    if interrupted:
        click.echo("broken off; the same command goes on where it ended", err=True)
        return INTERRUPTED
    return 2 if refused else 0


def _show(completion: Fix, verb: str) -> None:
    for tag, field, value in completion.lines():
        say(f"{tag}: {verb} {field} to {json.dumps(value)}")


@contextmanager
def _interrupts() -> Iterator[list[Any]]:
    """Give a list that SIGINT fills instead of ending the command; the second one ends it."""
    seen: list[Any] = []

    def remember(number: int, frame: Any) -> None:
        seen.append(number)
        if len(seen) > 1:
            signal.default_int_handler(number, frame)

    before = signal.signal(signal.SIGINT, remember)
    try:
        yield seen
    finally:
        signal.signal(signal.SIGINT, before)
