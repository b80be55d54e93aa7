"""Time: windows by the clock on the wall, entries that begin and end, and where the time of a review comes from."""

import ast
import json
from bisect import bisect_left
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import (
    HEAD,
    NOW,
    decoded,
    docker,
    import_review,
    imported,
    policy_of,
    review_of,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.examples import examples
from tests.support.recording import recorded

from webhook.admission import engine
from webhook.cli.main import main
from webhook.documents.inputs import input_files
from webhook.evaluate.check import Old, Sender, check
from webhook.evaluate.question import answer
from webhook.evaluate.records import Part, Remarks, Selection, questions
from webhook.evaluate.scan import evaluated
from webhook.model.decision import Exemption
from webhook.model.review import TagChange
from webhook.policy.entries import RULE
from webhook.resources import catalog
from webhook.rules.base import EvaluationContext
from webhook.rules.schedule import DAYS, Schedule, Window
from webhook.schemas.times import instant
from webhook.vap.export import export

_ROOT = Path(__file__).parents[2]
# A zone, and a day on which its clock jumps: forward, back, by half an hour, at midnight, over a whole day; or not at all.
_JUMPS = [
    ("Europe/Berlin", date(2026, 3, 29)),
    ("Europe/Berlin", date(2026, 10, 25)),
    ("America/New_York", date(2026, 3, 8)),
    ("America/New_York", date(2026, 11, 1)),
    ("Australia/Lord_Howe", date(2026, 4, 5)),
    ("Australia/Lord_Howe", date(2026, 10, 4)),
    ("America/Sao_Paulo", date(2018, 11, 4)),
    ("America/Sao_Paulo", date(2018, 2, 18)),
    ("Pacific/Apia", date(2011, 12, 30)),
    ("Asia/Kathmandu", date(2026, 6, 1)),
    ("UTC", date(2026, 6, 1)),
]
_MINUTE = timedelta(minutes=1)
_IDS = [f"{zone}-{day}" for zone, day in _JUMPS]
_HOURS = st.tuples(st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59])).map(lambda at: f"{at[0]:02}:{at[1]:02}")
_DAY_OF_WEEK = st.sampled_from(DAYS)
_WINDOWS = st.one_of(
    st.fixed_dictionaries({"from": _HOURS, "until": _HOURS, "days": st.lists(_DAY_OF_WEEK, min_size=1, unique=True)}),
    st.tuples(_DAY_OF_WEEK, _HOURS, _DAY_OF_WEEK, _HOURS).map(
        lambda at: {"from": f"{at[0]} {at[1]}", "until": f"{at[2]} {at[3]}"}
    ),
)


def _schedule(zone: str, **parts: Any) -> Schedule:
    windows = {key: [{"name": f"{key}{n}", **each} for n, each in enumerate(value)] for key, value in parts.items()}
    rule = RULE.read({"name": "r", "schedule": {"zone": zone, **windows}}).rule
    assert isinstance(rule, Schedule)
    return rule


@cache
def _clock(zone: str, day: date) -> list[tuple[datetime, datetime]]:
    """Return each minute of the days around `day` (UTC), more than a week, with the latest time shown by then."""
    begin = datetime.combine(day - timedelta(days=5), datetime.min.time(), UTC)
    minutes = [begin + _MINUTE * n for n in range(11 * 1440)]
    shown, found = datetime(1, 1, 1), []  # noqa: DTZ001 - local
    for minute in minutes:
        shown = max(shown, minute.astimezone(ZoneInfo(zone)).replace(tzinfo=None))
        found.append((minute, shown))
    return found


@cache
def _jumps(zone: str, day: date) -> list[int]:
    """Return the minutes around `day` at which the clock jumps or stands still."""
    return [n for n, ((_, one), (_, two)) in enumerate(pairwise(_clock(zone, day)), 1) if two - one != _MINUTE]


def _occurrences(window: dict[str, Any], first: date, last: date) -> list[tuple[datetime, datetime]]:
    """Return when a window begins and ends by the clock on the wall, day by day."""
    found = []
    for n in range((last - first).days):
        day = first + timedelta(days=n)
        weekly = " " in window["from"]
        if DAYS[day.weekday()] not in ([window["from"][:3]] if weekly else window["days"]):
            continue
        start = datetime.combine(day, datetime.strptime(window["from"][-5:], "%H:%M").time())  # noqa: DTZ007 - local
        end_of_day = datetime.strptime(window["until"][-5:], "%H:%M").time()  # noqa: DTZ007 - local
        end = datetime.combine(day, end_of_day)
        while end <= start or (weekly and DAYS[end.weekday()] != window["until"][:3]):
            end += timedelta(days=1)
        found.append((start, end))
    return found


@pytest.mark.parametrize(("zone", "day"), _JUMPS, ids=_IDS)
@examples(40)
@given(windows=st.lists(_WINDOWS, min_size=1, max_size=2), data=st.data())
def test_a_window_is_the_minutes_on_the_clock(zone: str, day: date, windows: list[Any], data: st.DataObject) -> None:
    """Minute by minute, a rule denies what the clock on the wall says, when it jumps as well."""
    clock = _clock(zone, day)
    spans = [span for each in windows for span in _occurrences(each, day - timedelta(days=13), day + timedelta(days=7))]
    shown = [local for _, local in clock]  # it never goes back, so the minutes of a span follow each other
    edges = {bisect_left(shown, at) for span in spans for at in span}
    near = sorted({min(max(n + by, 0), len(clock) - 1) for n in (*edges, *_jumps(zone, day)) for by in (-1, 0, 1)})
    rule = _schedule(zone, deny=windows)
    asked = near + data.draw(st.lists(st.integers(0, len(clock) - 1), max_size=20))
    closed = [any(start <= shown[n] < end for start, end in spans) for n in asked]
    assert [_denies(rule, clock[n][0]) for n in asked] == closed
    allowing = _schedule(zone, allow=windows)
    assert [_denies(allowing, clock[n][0]) for n in asked[:20]] == [not each for each in closed[:20]]


def _denies(rule: Schedule, moment: datetime) -> bool:
    review = replace(_MOVE, time=moment)
    (change,) = (each for each in catalog.changes(review) if isinstance(each, TagChange))
    return bool(list(rule.check(change, EvaluationContext(review))))


_MOVE = decoded(review_of(docker("quay.io/acme/app:2"), old=docker("quay.io/acme/app:1")))


@pytest.mark.parametrize(("zone", "day"), _JUMPS, ids=_IDS)
@given(minute=st.integers(0, 3 * 1440))
def test_a_local_time_is_the_first_moment_that_shows_it(zone: str, day: date, minute: int) -> None:
    """A time that the clock shows twice is the first one; one that it skips is the moment of the jump."""
    local = datetime.combine(day - timedelta(days=1), datetime.min.time()) + _MINUTE * minute
    found = instant(local, ZoneInfo(zone))
    shown = found.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    before = (found - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    assert before < local <= shown
    assert instant(local + _MINUTE, ZoneInfo(zone)) >= found


@pytest.mark.parametrize(
    ("zone", "local", "moment"),
    [
        pytest.param("Europe/Berlin", "2026-03-29T02:30", "2026-03-29T01:00:00Z", id="skipped"),
        pytest.param("Europe/Berlin", "2026-10-25T02:30", "2026-10-25T00:30:00Z", id="twice"),
        pytest.param("Europe/Berlin", "2026-10-25T03:00", "2026-10-25T02:00:00Z", id="after-both"),
        pytest.param("America/Sao_Paulo", "2018-11-04", "2018-11-04T03:00:00Z", id="midnight-skipped"),
        pytest.param("Pacific/Apia", "2011-12-30T05:00", "2011-12-30T10:00:00Z", id="a-day-skipped"),
    ],
)
def test_jumps_of_the_clock(zone: str, local: str, moment: str) -> None:
    """Days on which the clock jumps, by name."""
    assert instant(datetime.fromisoformat(local), ZoneInfo(zone)) == datetime.fromisoformat(moment)


def test_a_window_that_the_clock_skips_does_not_occur() -> None:
    """A window inside of the skipped hour is left out, and the others stay."""
    rule = _schedule("Europe/Berlin", deny=[{"days": ["Sun"], "from": "02:15", "until": "02:45"}])
    starts = [span.start for _, span in rule.upcoming(datetime(2026, 3, 20, tzinfo=UTC), 2)]
    assert starts == [datetime(2026, 3, 22, 1, 15, tzinfo=UTC), datetime(2026, 4, 5, 0, 15, tzinfo=UTC)]


def test_the_last_windows_of_the_calendar() -> None:
    """At the end of the calendar, windows end instead of failing."""
    rule = _schedule(
        "Pacific/Auckland", deny=[{"from": "22:00", "until": "06:00"}, {"from": "2026-01-01", "until": "2027-01-01"}]
    )
    assert rule.upcoming(datetime(9999, 12, 30, tzinfo=UTC), 10) == []
    assert isinstance(rule.deny[0], Window)


@pytest.mark.parametrize(
    ("window", "fault"),
    [
        pytest.param("from: '16:00', until: 'Fri 17:00'", "until: expected a time of the same form as from", id="forms"),
        pytest.param("from: 2026-12-20, until: 2026-12-20", "until: expected a time after from", id="empty"),
        pytest.param("from: 2026-12-20, until: 2026-12-21T00:00:00Z", "until: expected an offset in both from and until, or in neither", id="offsets"),
        pytest.param("days: [Mon], from: 2026-12-20, until: 2026-12-21", 'days: expected it only with times of day such as "16:00"', id="days"),
        pytest.param("from: '24:00', until: '01:00'", 'from: expected a time of day such as "16:00", a time of the week such as "Fri 16:00", or a date such as 2026-12-24, got "24:00"', id="24-hours"),
        pytest.param("from: 2026-02-30, until: 2026-03-01", 'from: expected a time of day such as "16:00", a time of the week such as "Fri 16:00", or a date such as 2026-12-24, got "2026-02-30"', id="no-day"),
        pytest.param("days: [Mo], from: '16:00', until: '17:00'", 'days[0]: expected one of Mon, Tue, Wed, Thu, Fri, Sat, Sun, got "Mo"; did you mean Mon?', id="no-weekday"),
    ],
)  # fmt: skip
def test_a_window_that_cannot_be(window: str, fault: str, tmp_path: Path) -> None:
    """A window whose times do not fit together is an error with its place."""
    assert _faults(tmp_path, f"rules: [{{name: a, schedule: {{deny: [{{name: w, {window}}}]}}}}]") == [
        f"spec.rules[0].schedule.deny[0].{fault}"
    ]


@pytest.mark.parametrize(
    ("keys", "fault"),
    [
        pytest.param("from: 2026-12-20, until: 2026-12-20", "until: expected a time after from (2026-12-20T00:00Z), got 2026-12-20T00:00Z", id="empty"),
        pytest.param("until: 2026-12-20T00:00:00Z, zone: Europe/Berlin", "zone: expected a date, or a time without an offset, in from or until", id="zone-of-an-offset"),
        pytest.param("zone: UTC", "zone: expected a date, or a time without an offset, in from or until", id="zone-alone"),
        pytest.param("until: 2026-12-20, zone: Europe/Berln", 'zone: expected an IANA time zone such as Europe/Berlin, got "Europe/Berln"; did you mean Europe/Berlin?', id="no-zone"),
        pytest.param("until: 2026-12-20, zone: localtime", 'zone: expected an IANA time zone such as Europe/Berlin, got "localtime"', id="a-file"),
        pytest.param("until: tomorrow", 'until: expected a date such as 2026-12-24, or a time such as 2026-12-24T18:00 or 2026-12-24T18:00:00Z, got "tomorrow"', id="no-time"),
        pytest.param("until: 9999-12-31", 'until: expected a date such as 2026-12-24, or a time such as 2026-12-24T18:00 or 2026-12-24T18:00:00Z, got "9999-12-31"', id="too-late"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("part", ["exemptions", "rules"])
def test_a_period_that_cannot_be(keys: str, fault: str, part: str, tmp_path: Path) -> None:
    """A period that is empty, or a zone without a meaning, is an error with its place."""
    entry = f"{{name: a, {keys}, {'users: [bob]' if part == 'exemptions' else 'immutable: {}'}}}"
    assert _faults(tmp_path, f"{part}: [{entry}]") == [f"spec.{part}[0].{fault}"]


def _faults(tmp_path: Path, spec: str) -> list[str]:
    path = tmp_path / "policy.yaml"
    path.write_text(f"{HEAD}spec: {{{spec}}}\n")
    done = CliRunner().invoke(main, ["policy", "validate", str(path)])
    assert done.exit_code == 2
    return [line.split(": ", 1)[1] for line in done.stderr.splitlines()]


_QUAY = "registries: {allow: [quay.io]}"
_PERIOD = "from: 2026-11-01, until: 2026-12-01, zone: Europe/Berlin"
_SIDES = [
    pytest.param("2026-10-31T22:59:59Z", False, id="before"),
    pytest.param("2026-10-31T23:00:00Z", True, id="first-moment"),
    pytest.param("2026-11-30T22:59:59.999999Z", True, id="last-moment"),
    pytest.param("2026-11-30T23:00:00Z", False, id="after"),
]
_HUB = docker("docker.io/acme/app:1")
_REVIEWS = {
    "imagestreamtags": review_of(_HUB),
    "imagestreams": stream_review(stream_of(tag_of(_HUB))),
    "imagestreamimports": import_review(imported("docker.io/acme/app:1")),
}


@pytest.mark.parametrize("resource", _REVIEWS)
@pytest.mark.parametrize(("time", "held"), _SIDES)
def test_an_exemption_holds_in_its_period(resource: str, time: str, held: bool) -> None:
    """An exemption has effect from its first moment until its end, at every resource; its ticket is in the decision."""
    policy = policy_of(
        f"spec: {{exemptions: [{{name: e, users: [alice], ticket: CHG-1, {_PERIOD}}}], rules: [{{name: a, {_QUAY}}}]}}"
    )
    review = replace(decoded(_REVIEWS[resource]), time=datetime.fromisoformat(time))
    decision = engine.validate(review, policy)
    assert decision.allowed is held
    assert decision.exemption == (Exemption("e", "", "CHG-1") if held else None)


@pytest.mark.parametrize(("time", "held"), _SIDES)
def test_a_rule_holds_in_its_period(time: str, held: bool) -> None:
    """A rule denies from its first moment until its end."""
    policy = policy_of(f"spec: {{rules: [{{name: a, {_PERIOD}, {_QUAY}}}]}}")
    review = replace(decoded(review_of(_HUB)), time=datetime.fromisoformat(time))
    assert engine.validate(review, policy).allowed is not held


_ENDING = "spec: {exemptions: [{name: e, users: [alice], until: 2026-12-01}], rules: [{name: a, registries: {allow: [quay.io]}}]}\n"


def test_check_has_a_time(tmp_path: Path) -> None:
    """`check` evaluates as of --at."""
    (tmp_path / "policy.yaml").write_text(HEAD + _ENDING)
    (tmp_path / "review.json").write_text(json.dumps(review_of(_HUB)))
    codes = [
        CliRunner()
        .invoke(main, ["check", str(tmp_path / "review.json"), "-p", str(tmp_path / "policy.yaml"), "--at", at])
        .exit_code
        for at in ("2026-11-30", "2026-12-01")
    ]
    assert codes == [0, 1]


def test_a_manifest_is_sent_at_the_time(tmp_path: Path) -> None:
    """A manifest is evaluated as of the sender's time."""
    path = tmp_path / "stream.json"
    path.write_text(json.dumps(stream_of(tag_of(_HUB))))
    verdicts = [
        [
            each.verdict
            for each in check(input_files((str(path),)), policy_of(_ENDING), Sender(_MOVE.user, time=time), Old())
        ]
        for time in (NOW, NOW + timedelta(days=1))
    ]
    assert verdicts == [["allow"], ["deny"]]


def test_a_case_says_when_its_change_comes(tmp_path: Path) -> None:
    """`at` of a case decides, and --at decides for cases without it."""
    (tmp_path / "policy.yaml").write_text(HEAD + _ENDING)
    case = "{{name: {name}, {at}user: alice, change: {{from: 'docker.io/acme/app:1'}}, expect: {{verdict: {verdict}}}}}"
    cases = [
        case.format(name="own", at="at: 2026-11-30T12:00:00Z, ", verdict="allow"),
        case.format(name="given", at="", verdict="deny"),
    ]
    (tmp_path / "policy.test.yaml").write_text(
        "apiVersion: istag-webhook/v1\nkind: ImageTagPolicyTest\nmetadata: {name: t}\n"
        f"spec: {{cases: [{', '.join(cases)}]}}\n"
    )
    done = CliRunner().invoke(main, ["test", str(tmp_path), "--at", "2026-12-24"])
    assert done.exit_code == 0, done.output
    assert CliRunner().invoke(main, ["test", str(tmp_path), "--at", "2026-11-30"]).exit_code == 1


def test_a_record_is_evaluated_at_its_own_time() -> None:
    """`replay` asks each review again as of the time of its record."""
    policy = policy_of(_ENDING.replace("2026-12-01", "2026-01-02T03:30:00Z"))
    lines = [recorded(review_of(_HUB), policy, minutes=minutes) for minutes in (0, 60)]
    asked = questions(Part("-", 1, b"\n".join(lines), 0), Selection(), Remarks())
    assert [answer(each, policy).verdict for each in asked] == ["allow", "deny"]


def test_a_scan_names_the_exemption_that_ended() -> None:
    """What still violates the policy under an exemption that ended says so, with the end and the ticket."""
    spec = (
        "spec: {exemptions: [{name: e, groups: [sre], annotation: istag-webhook/reason, ticket: CHG-1, until: 2026-12-01, "
        "match: {tags: [live, v1]}}], rules: [{name: a, registries: {allow: [quay.io]}}]}"
    )
    reason = {"istag-webhook/reason": "migration"}
    stream = stream_of(
        tag_of(_HUB, annotations=reason), tag_of(_HUB, name="v1"), tag_of(_HUB, name="v2", annotations=reason)
    )
    policy = policy_of(spec).for_stored_streams()
    said = '"docker.io/acme/app" is not an allowed repository; allowed: quay.io'

    def messages(time: datetime) -> list[str]:
        return [found.message for each in evaluated(stream, policy, {}, time) for found in each.findings]

    assert messages(NOW) == [said] * 3
    assert messages(NOW + timedelta(days=1)) == [
        f"{said}; the exemption e ended 2026-12-01T00:00Z (ticket CHG-1)",
        said,
        said,
    ]


def test_the_export_leaves_out_what_ends() -> None:
    """A ValidatingAdmissionPolicy has no clock: entries with a period are listed, and no condition names them."""
    spec = (
        f"spec: {{exemptions: [{{name: e, users: [alice], {_PERIOD}}}, {{name: f, users: [bob], from: 2026-01-01}}, "
        f"{{name: g, users: [carol]}}], rules: [{{name: a, {_QUAY}}}, {{name: b, until: 2030-01-01, immutable: {{}}}}]}}"
    )
    exported = export(policy_of(spec))
    assert [str(each) for each in exported.left if "schema" not in str(each)] == [
        f"{entry}: a ValidatingAdmissionPolicy has no clock" for entry in ("exemptions/e", "exemptions/f", "rules/b")
    ]
    assert exported.rules == ("a",)
    text = json.dumps(exported.documents)
    assert ("not-exempt-e" in text, "not-exempt-f" in text, "not-exempt-g" in text) == (False, False, True)


def test_the_record_has_the_ticket() -> None:
    """The record of a change that an exemption lets through has its ticket."""
    policy = policy_of(
        "spec: {exemptions: [{name: e, users: [alice], ticket: CHG-1}], rules: [{name: a, immutable: {}}]}"
    )
    line = json.loads(recorded(review_of(_HUB), policy))
    assert line["exemption"] == {"name": "e", "reason": "", "ticket": "CHG-1"}


def test_explain_lists_the_next_windows(tmp_path: Path) -> None:
    """`policy explain` lists ten windows from --at on, in the zone of the rule."""
    (tmp_path / "policy.yaml").write_text(
        HEAD + "spec: {rules: [{name: r, until: 2030-01-01, schedule: {zone: Europe/Berlin, "
        'deny: [{name: weekend, from: "Fri 16:00", until: "Mon 08:00"}], '
        "exceptions: [{name: release, from: 2026-12-12, until: 2026-12-13}]}}]}\n"
    )
    done = CliRunner().invoke(main, ["policy", "explain", "r", "-p", str(tmp_path), "--at", "2026-12-11T15:00:00Z"])
    lines = done.output.splitlines()
    first = lines.index("The next windows from 2026-12-11T16:00+01:00 on (Europe/Berlin):") + 1
    assert lines[first : first + 2] == [
        "  - deny: weekend, 2026-12-11T16:00+01:00 to 2026-12-14T08:00+01:00",
        "  - exceptions: release, 2026-12-12T00:00+01:00 to 2026-12-13T00:00+01:00",
    ]
    assert lines[first + 10 : first + 12] == ["", "To fix it:"]
    assert "  in effect until 2030-01-01T00:00Z" in lines


_PURE = ("model", "globs", "schemas", "resources", "expressions", "rules", "policy", "admission", "vap")
_CLOCKS = {"now", "utcnow", "today", "time_ns", "monotonic", "perf_counter", "localtime", "gmtime", "fromtimestamp"}


@pytest.mark.parametrize("room", _PURE)
def test_the_engine_reads_no_clock(room: str) -> None:
    """The time of a review is an input: no module of the engine asks what time it is."""
    read = [
        f"{path.relative_to(_ROOT)}: {name}"
        for path in sorted((_ROOT / "webhook" / room).rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _names(node)
    ]
    assert read == []


def _names(node: ast.AST) -> list[str]:
    """Return the clocks that a node names; the CPU time of a thread limits the cost of CEL, and is none."""
    if isinstance(node, ast.Attribute):
        return [node.attr] if node.attr in _CLOCKS else []
    if isinstance(node, ast.ImportFrom) and node.module == "time":
        return [each.name for each in node.names if each.name != "thread_time"]
    return []
