"""The values of options: paths, durations and times."""

import os
import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from webhook.text import quoted

_DURATION: Final = re.compile(r"([0-9]{1,6})([smhdw]?)")
_SECONDS: Final = {"": 1, "s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# RFC 3339, its offset optional, and a date alone.
_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d:\d\d(\.\d{1,6})?([Zz]|[+-]\d\d:\d\d)?)?", re.ASCII)


class GivenPath(click.Path):
    """A path that is not empty: `Path("")` would be the working directory."""

    def __init__(self, path_type: type[str | Path] = Path, *, dir_okay: bool = True) -> None:
        """Take paths as `click.Path` does, and pass them on as a `path_type`."""
        super().__init__(dir_okay=dir_okay, allow_dash=True, path_type=path_type)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """Read what was given.

        Raises:
            click.BadParameter: it is empty.
        """
        if not os.fspath(value):
            self.fail("expected a path, got an empty string", param, ctx)
        return super().convert(value, param, ctx)


class Duration(click.ParamType[int]):
    """A number of seconds, or of minutes, hours, days or weeks with `m`, `h`, `d` or `w` behind it."""

    name = "DURATION"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read what was given, in seconds.

        Raises:
            click.BadParameter: it is no duration.
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
        """Read what was given; a time without an offset is in UTC.

        Raises:
            click.BadParameter: it is neither a time nor a duration, or a time that no calendar has.
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
    """Return the time that is meant, None if there is none such."""
    with suppress(ValueError, OverflowError):  # no calendar has it, or not in UTC
        if (form := _DURATION.fullmatch(value)) and form[2]:
            return datetime.now(UTC) - timedelta(seconds=int(form[1]) * _SECONDS[form[2]])
        if _MOMENT.fullmatch(value):
            found = datetime.fromisoformat(value.upper())
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    return None
