"""The options of `serve`: one for each setting."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import click

from webhook.cli.types import GivenPath
from webhook.settings import documented, variable

_TYPES: Final[dict[Any, Any]] = {
    int: click.INT,
    float: click.FLOAT,
    str: click.STRING,
    Path: GivenPath(),
    Path | None: GivenPath(),
    tuple[Path, ...]: GivenPath(),
}


class _Closed(click.Choice[str]):
    """A closed set of values, which the help and the shell's completion show."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return `value` as it is: `resolve` reports every setting that cannot be used, all at once."""
        del param, ctx
        return str(value)


def option_names(setting: str) -> tuple[str, ...]:
    """Return the names of the option of a setting."""
    name = f"--{setting.replace('_', '-')}"
    return (name, "-p") if setting == "policy" else (name,)


def setting_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command` an option for each setting."""
    for each in reversed(documented()):
        repeated = each.type == tuple[Path, ...]
        command = click.option(
            *option_names(each.name),
            each.name,
            type=_Closed(each.metadata["choices"]) if each.metadata["choices"] else _TYPES[each.type],
            multiple=repeated,
            default=each.default,
            envvar=variable(each.name),
            show_default=each.default not in (None, ()),
            show_envvar=True,
            help=each.metadata["help"],
        )(command)
    return command
