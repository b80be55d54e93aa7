"""The rule about when a tag may change: freeze windows, and windows for changes."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from heapq import merge
from itertools import islice
from typing import Any, ClassVar, Final
from zoneinfo import ZoneInfo

from marshmallow import ValidationError

from webhook.model.review import Reason, Review, TagChange, TagField
from webhook.rules.base import CostBudget, EvaluationContext, Rule, Violation, listed, parameter
from webhook.rules.vocabulary import Inexpressible, Terms
from webhook.schemas.containers import Items, Record
from webhook.schemas.parameters import Choice, Parameter, Schema, Sentence
from webhook.schemas.times import UTC_ZONE, Moment, Zone, instant, written
from webhook.text import quoted

NO_CLOCK: Final = "a ValidatingAdmissionPolicy has no clock"
DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY: Final = timedelta(days=1)
_WEEK: Final = timedelta(days=7)
_CLOCK: Final = re.compile(rf"(?:({'|'.join(DAYS)}) )?([01][0-9]|2[0-3]):([0-5][0-9])")
_BACK: Final = 9  # days: a window lasts at most a week, and zones differ by a day
_MOST_STEPS: Final = 20  # windows in a row, after which the message names the end of the last


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """One occurrence of a window, from `start` until `end` (UTC)."""

    start: datetime
    end: datetime
    name: str

    def covers(self, moment: datetime) -> bool:
        """Whether `moment` is in it."""
        return self.start <= moment < self.end


@dataclass(frozen=True, slots=True)
class Window:
    """A time that occurs once, or every week, by the clock in one zone.

    Attributes:
        name: its name in messages.
        start: its beginning: a date and time for one occurrence, a time of day for many.
        end: its end if it occurs once, else how long it lasts by the clock.
        days: the days of the week on which it begins, from 0 for Monday; none if it occurs once.
    """

    name: str
    start: datetime | time
    end: datetime | timedelta
    days: tuple[int, ...] = ()

    def spans(self, moment: datetime, zone: ZoneInfo) -> Iterator[Span]:
        """Yield the occurrences that end after `moment`, in order."""
        if isinstance(self.start, datetime) and isinstance(self.end, datetime):
            yield from self._after(moment, self.start, self.end, zone)
        elif isinstance(self.start, time) and isinstance(self.end, timedelta):
            first = moment.astimezone(zone).date().toordinal() - _BACK
            for day in map(date.fromordinal, range(max(first, 2), date.max.toordinal() - _BACK)):
                if day.weekday() in self.days:
                    begin = datetime.combine(day, self.start)
                    yield from self._after(moment, begin, begin + self.end, zone)

    def _after(self, moment: datetime, start: datetime, end: datetime, zone: ZoneInfo) -> Iterator[Span]:
        """Yield one occurrence if it ends after `moment`; none if the clock skips all of it."""
        span = Span(instant(start, zone), instant(end, zone), self.name)
        if span.start < span.end and moment < span.end:
            yield span


class _Time(Parameter):
    """A moment, a time of day, or a time of the week."""

    expected = 'a time of day such as "16:00", a time of the week such as "Fri 16:00", or a date such as 2026-12-24'

    def read(self, value: Any) -> Any:
        """Return a datetime, a time, or a pair of the day of the week and a time."""
        found = _CLOCK.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            try:
                return Moment().read(value)
            except ValidationError:
                raise self.wrong(value) from None
        at = time(int(found[2]), int(found[3]))
        return (DAYS.index(found[1]), at) if found[1] else at

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "string", "pattern": f"^{_CLOCK.pattern}$"}, Moment().schema()]}


def _window(name: str, until: Any, days: tuple[str, ...] = (), **rest: Any) -> Window:
    """Create a Window.

    Raises:
        ValidationError: its times do not fit together.
    """
    begin = rest["from"]
    if type(begin) is not type(until):
        raise ValidationError({"until": ["expected a time of the same form as from"]})
    if days and not isinstance(begin, time):
        raise ValidationError({"days": ['expected it only with times of day such as "16:00"']})
    if isinstance(begin, datetime):
        if (begin.tzinfo is None) is not (until.tzinfo is None):
            raise ValidationError({"until": ["expected an offset in both from and until, or in neither"]})
        if until <= begin:
            raise ValidationError({"until": ["expected a time after from"]})
        return Window(name, begin, until)
    if isinstance(begin, time):
        length = (_of_day(until) - _of_day(begin)) % _DAY or _DAY
        return Window(name, begin, length, tuple(sorted(map(DAYS.index, days or DAYS))))
    (first, start), (last, end) = begin, until
    length = (last * _DAY + _of_day(end) - first * _DAY - _of_day(start)) % _WEEK or _WEEK
    return Window(name, start, length, (first,))


def _of_day(at: time) -> timedelta:
    return timedelta(hours=at.hour, minutes=at.minute)


_DOCS: Final[Mapping[str, str]] = {
    "name": "name of the window in messages",
    "days": "days of the week on which it begins; default: every day",
    "from": "when it begins: a time of day, a time of the week, or a date",
    "until": "when it ends, in the same form; a time of day that is not after `from` is on the next day",
}
_WINDOW: Final = Record(
    {
        "name": Sentence(required=True),
        "days": Items(Choice(*DAYS)),
        "from": _Time(required=True),
        "until": _Time(required=True),
    },
    _window,
    docs=_DOCS,
)


class _Windows(Items):
    """A list of windows."""

    def __init__(self) -> None:
        super().__init__(_WINDOW)
        self.expected = "a list of windows, each with name, from, until and, for times of day, perhaps days"


_WINDOWS: Final = _Windows()


@dataclass(frozen=True, slots=True)
class Schedule(Rule):
    """When a tag may be set, moved or removed: not in `deny` windows, and only in `allow` windows if there are any.

    Scheduled imports go on in a freeze, because the image import controller is exempt: deny `scheduled` as well.
    """

    kind: ClassVar[str] = "schedule"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.MOVE})
    evaluates_removal: ClassVar[bool] = True
    evaluates_untouched: ClassVar[bool] = False
    needs: ClassVar[tuple[str, ...]] = ("deny", "allow")
    zone: ZoneInfo = parameter(  # noqa: RUF009 - a zone is frozen
        Zone(), "time zone of the windows, UTC if absent", default=UTC_ZONE
    )
    deny: tuple[Window, ...] = parameter(_WINDOWS, "windows in which no tag may change")
    allow: tuple[Window, ...] = parameter(_WINDOWS, "the only windows in which a tag may change")
    exceptions: tuple[Window, ...] = parameter(_WINDOWS, "windows in which a tag may change in any case")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for a tag that is set, moved or removed while that is not allowed."""
        if change.moved and (why := context.once(self._closed)):
            yield Violation(f"{quoted(change.tag)} {why}", self._field(change), Reason.FORBIDDEN)

    @staticmethod
    def _field(change: TagChange) -> str:
        """Return the JSON path of what moves the tag; a push and an import name the tag that they set."""
        if change.new is None:
            return change.place.path
        return change.place.name if change.old_unknown else change.field("from.name")

    def cel(self, terms: Terms) -> Inexpressible:
        """Return why windows are not exported."""
        del terms
        return Inexpressible(NO_CLOCK)

    def remediation(self) -> Iterator[str]:
        """Yield when the change can be made."""
        yield "Wait until the time that the message names; `istag-webhook policy explain RULE` lists the next windows."
        yield "In an emergency, change it under an exemption, if the policy has one for you."

    def upcoming(self, moment: datetime, most: int) -> list[tuple[str, Span]]:
        """Return the first windows that end after `moment`, at most `most`, each with the parameter that lists it."""
        parts = (("deny", self.deny), ("allow", self.allow), ("exceptions", self.exceptions))
        found = merge(*(self._spans(part, window, moment) for part, windows in parts for window in windows))
        return [(part, span) for span, part in islice(found, most)]

    def is_over(self, windows: Iterable[Window], moment: datetime) -> bool:
        """Whether none of `windows`, which are of this rule, ends after `moment`."""
        return next(self._next(windows, moment), None) is None

    def _spans(self, part: str, window: Window, moment: datetime) -> Iterator[tuple[Span, str]]:
        return ((span, part) for span in window.spans(moment, self.zone))

    def _closed(self, review: Review, _: CostBudget) -> str:
        """Return why no tag may change at the time of the review, without the tag's name; "" if one may."""
        blocked = self._blocked(review.time)
        if blocked is None:
            return ""
        why, opens = blocked
        for _step in range(_MOST_STEPS):
            if opens is None:
                return f"{why}; allowed: never, no window follows"
            again = self._blocked(opens)
            if again is None:
                return f"{why}; allowed: from {written(opens, self.zone)}"
            opens = again[1]
        return f"{why}; allowed: not for a long time"

    def _blocked(self, moment: datetime) -> tuple[str, datetime | None] | None:
        """Return why nothing may change at `moment`, and the next moment to look at; None if it may."""
        exceptions = list(self._next(self.exceptions, moment))
        if any(span.covers(moment) for span in exceptions):
            return None
        soon = [span.start for span in exceptions]
        if denied := [span for span in self._next(self.deny, moment) if span.covers(moment)]:
            last = max(denied, key=lambda span: span.end)
            why = f"may not change in the window {last.name}, which ends {written(last.end, self.zone)}"
            return why, min((last.end, *soon))
        allowed = list(self._next(self.allow, moment))
        if not self.allow or any(span.covers(moment) for span in allowed):
            return None
        why = f"may change only in the windows {listed(window.name for window in self.allow)}"
        return why, min((*soon, *(span.start for span in allowed)), default=None)

    def _next(self, windows: Iterable[Window], moment: datetime) -> Iterator[Span]:
        """Yield of each window the first occurrence that ends after `moment`, if there is one."""
        for window in windows:
            yield from islice(window.spans(moment, self.zone), 1)
