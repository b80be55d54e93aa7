"""The option `--shard`, for commands whose work several machines share."""

import os
from collections.abc import Callable
from typing import Any, Final

import click

from webhook.shard import FORM, Shard

# An Indexed Job numbers its pods from 0: https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
INDEX: Final = "JOB_COMPLETION_INDEX"


class _Part(click.ParamType[Shard]):
    """`I/N`, or `/N` where the environment says which."""

    name = "I/N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Shard:
        """Read what was given.

        Raises:
            click.BadParameter: it is not one of N parts.
        """
        if isinstance(value, Shard):
            return value
        form = FORM.fullmatch(value)
        if form is None:
            self.fail(f"expected I/N such as 2/4, or /4 in an Indexed Job, got {value!r}", param, ctx)
        given, count = form[1], int(form[2])
        if given is None:
            index = os.environ.get(INDEX, "")
            if not index.isascii() or not index.isdecimal():
                self.fail(f"/{count} takes the part from {INDEX}, expected a number there, got {index!r}", param, ctx)
            given = str(int(index) + 1)
        if not 1 <= int(given) <= count:
            self.fail(f"expected a part from 1/{count} to {count}/{count}, got {given}/{count}", param, ctx)
        return Shard(int(given), count)


def shard_option(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` the option `--shard` and its parameter `shard`, a Shard; by default the one of one."""
    return click.option(
        "--shard", type=_Part(), default=Shard(), metavar="I/N",
        help=f"Do the Ith of N parts, from 1/N to N/N; /N takes I from {INDEX} (from 0), as an Indexed Job sets it. "
        "merge puts the reports of all parts together.",
    )(command)  # fmt: skip
