"""Times of a policy: IANA zones, dates, and the period in which an entry has effect.

A local time follows the clock on the wall. A time that the clock shows twice is its first occurrence (RFC 5545,
3.3.5). A time that the clock skips is the moment of the jump, so a later time never comes earlier.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from webhook.schemas.parameters import Parameter, Schema

# A date, or RFC 3339 with or without seconds and offset.
_FORM: Final = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?(Z|[+-][0-9]{2}:[0-9]{2})?)?"
)
_YEARS: Final = range(1970, 9999)  # the years that can be converted to any zone
_SECOND: Final = timedelta(seconds=1)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """Return the moment (UTC) at which the clock in `zone` first shows `local` or a later time.

    Args:
        local: a time without a zone, or one with an offset, which names its moment itself.
        zone: the zone of a time without an offset.
    """
    if local.tzinfo is not None:
        return local.astimezone(UTC)
    wanted = local.replace(tzinfo=zone)
    found = wanted.astimezone(UTC)
    if found.astimezone(zone).replace(tzinfo=None) == local:
        return found
    # The clock skips `local`. With fold=1 the later offset applies, which gives a moment before the jump.
    before, after = wanted.replace(fold=1).astimezone(UTC), found
    offset = before.astimezone(zone).utcoffset()
    while after - before > _SECOND:
        middle = before + (after - before) // 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    return after.replace(microsecond=0)


def written(time: datetime, zone: ZoneInfo | None = None) -> str:
    """Return `time` for a message (RFC 3339), in `zone` if there is one, else in UTC."""
    local = time.astimezone(zone or UTC)
    return local.isoformat(timespec="seconds" if local.second else "minutes").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Period:
    """The time in which an entry of a policy has effect.

    Attributes:
        start: its first moment (UTC), None if it has always begun.
        end: the first moment after it (UTC), None if it never ends.
    """

    start: datetime | None = None
    end: datetime | None = None

    def holds(self, time: datetime) -> bool:
        """Whether the entry has effect at `time`."""
        return (self.start is None or self.start <= time) and not self.ended(time)

    def ended(self, time: datetime) -> bool:
        """Whether the entry no longer has an effect at `time`."""
        return self.end is not None and self.end <= time

    def __str__(self) -> str:
        parts = (("from", self.start), ("until", self.end))
        return " ".join(f"{word} {written(time)}" for word, time in parts if time is not None)


class Zone(Parameter):
    """The name of a time zone in the IANA database."""

    expected = "an IANA time zone such as Europe/Berlin"

    def read(self, value: Any) -> ZoneInfo:
        """Return the zone."""
        if isinstance(value, str) and value in _zones():
            return ZoneInfo(value)
        raise self.wrong(value, sorted(_zones()))

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": "^[A-Za-z0-9_+/-]+$"}


@cache
def _zones() -> frozenset[str]:
    """Return the names of all zones, by the list in tzdata; a machine may have files of other names."""
    return frozenset(files("tzdata").joinpath("zones").read_text(encoding="utf-8").split())


class Moment(Parameter):
    """A date, or a time with or without an offset; a date begins at 00:00."""

    expected = "a date such as 2026-12-24, or a time such as 2026-12-24T18:00 or 2026-12-24T18:00:00Z"

    def read(self, value: Any) -> datetime:
        """Return the time, naive if it has no offset."""
        try:
            if isinstance(value, str) and _FORM.fullmatch(value):
                found = datetime.fromisoformat(value)
                if found.year in _YEARS:
                    return found
        except ValueError:  # no calendar has it
            pass
        raise self.wrong(value)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": f"^{_FORM.pattern}$"}


class Instant(Moment):
    """A moment; a date and a time without an offset are in UTC."""

    def read(self, value: Any) -> datetime:
        """Return the moment (UTC)."""
        return instant(super().read(value), UTC_ZONE)


UTC_ZONE: Final = ZoneInfo("UTC")
PERIOD: Final[Mapping[str, Parameter]] = {"from": Moment(), "until": Moment(), "zone": Zone()}
PERIOD_DOCS: Final[Mapping[str, str]] = {
    "from": "its first moment: a date begins at 00:00, a time without an offset is in `zone`; default: always",
    "until": "the first moment after it, as `from`; default: never",
    "zone": "IANA time zone of dates and of times without an offset; default: UTC",
}


def period(values: dict[str, Any]) -> Period | None:
    """Take the keys of `PERIOD` out of `values`, and return the period, None without any.

    Raises:
        ValidationError: it is empty, or its zone means nothing.
    """
    start, end, zone = values.pop("from", None), values.pop("until", None), values.pop("zone", None)
    if zone is not None and not any(each is not None and each.tzinfo is None for each in (start, end)):
        raise ValidationError({"zone": ["expected a date, or a time without an offset, in from or until"]})
    first, last = (each and instant(each, zone or UTC_ZONE) for each in (start, end))
    if first is not None and last is not None and last <= first:
        raise ValidationError({"until": [f"expected a time after from ({written(first)}), got {written(last)}"]})
    return Period(first, last) if first or last else None
