"""The history of tags: what records say about a tag, at a time, and compared with a scan."""

import json
import lzma
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.openshift.recorded import PACKED
from tests.support.builders import (
    DIGEST,
    docker,
    import_review,
    imported,
    istag_of,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.examples import examples
from tests.support.recording import BEGIN, recorded
from tests.support.sentences import UNREADABLE

from webhook.admission import engine
from webhook.audit.chain import stamp
from webhook.audit.record import Context, record, tags
from webhook.cli.main import main
from webhook.errors import MalformedGlob
from webhook.evaluate.changes import DRY_RUN, INCOMPLETE, MUTATE, REPEATED, Changes, Search
from webhook.evaluate.meanings import Meanings
from webhook.evaluate.question import review_of as review_at
from webhook.evaluate.records import OTHER, Part, Remarks
from webhook.evaluate.scan import Stored, evaluated
from webhook.model.decision import allow
from webhook.policy.match import TagPattern
from webhook.policy.policy import Policy
from webhook.report.header import UNRECORDED, Header
from webhook.report.json import write
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

_QUAY = policy_of("spec: {rules: [{name: ours, registries: {allow: [quay.io]}}]}")
_ANY = policy_of("spec: {rules: [{name: any, registries: {allow: ['**']}}]}")
_A, _B, _C = (f"quay.io/acme/app:{name}" for name in "abc")
_EVERYTHING = "*/*:*"


def _changes(
    *files: Iterable[bytes],
    pattern: str = _EVERYTHING,
    remarks: Remarks | None = None,
    counts: Counter[str] | None = None,
) -> Changes:
    """Return the changes in files with these lines."""
    search, changes, remarks = (
        Search(TagPattern.parse(pattern)),
        Changes(Counter() if counts is None else counts),
        remarks or Remarks(),
    )
    parts = (Part(f"{number}.jsonl", 1, b"\n".join(lines), 0) for number, lines in enumerate(files))
    for candidates in search.candidates(parts):
        found = search(candidates)
        changes.add(found.lines)
        remarks.add(found.remarks)
    return changes


def _listed(*lines: bytes, **given: Any) -> list[Outcome]:
    return list(Meanings().listed(_changes(lines, **given)))


def _at(minutes: float, *files: Iterable[bytes]) -> dict[str, str | None]:
    """Return what each tag meant, some minutes after BEGIN."""
    found = Meanings().as_of(_changes(*files), stamp(BEGIN + timedelta(minutes=minutes)))
    return {str(outcome.tags[0]["tag"]): outcome.tags[0]["to"] for outcome in found}


def _set(to: str, old: str = "", minutes: int = 0, policy: Policy = _ANY, **request: Any) -> bytes:
    """Return the record of a change of app/app:live."""
    webhook, level = request.pop("webhook", "validate"), request.pop("level", "metadata")
    before = {} if old else {"oldObject": istag_of(None)}
    document = review_of(docker(to), old=docker(old) if old else None, **{**before, **request})
    return recorded(document, policy, webhook, level, minutes=minutes)


def _other(document: dict[str, Any], minutes: int = 0, level: str = "metadata", policy: Policy = _ANY) -> bytes:
    return recorded(document, policy, level=level, minutes=minutes)


def _shown(outcome: Outcome) -> list[tuple[Any, ...]]:
    return [(tag["tag"], tag["from"], tag["to"], tag["digest"]) for tag in outcome.tags]


_LIVE = "app/app:live"
_IMAGE = f"ImageStreamImage app@{DIGEST}"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (_set(_A), [(_LIVE, None, f"DockerImage {_A}", "")]),
        (_set(f"{_A}@{DIGEST}", _B), [(_LIVE, f"DockerImage {_B}", f"DockerImage {_A}@{DIGEST}", DIGEST)]),
        (_other(push_review()), [(_LIVE, None, _IMAGE, DIGEST)]),
        (_other(push_review({"dockerImageReference": _A})), [(_LIVE, None, f"DockerImage {_A}", "")]),
        (_other(push_review({"dockerImageReference": _A}), level="request"), [(_LIVE, None, f"DockerImage {_A}", DIGEST)]),
        (_other(import_review(imported(_A))), [(_LIVE, None, f"DockerImage {_A}", "")]),
        (_other(import_review(imported(_A), dryRun=True)), [(_LIVE, None, f"DockerImage {_A}", "")]),
        (
            _other(import_review(repository={"from": docker("quay.io/acme/app")})),
            [("app/app:*", None, "DockerImage quay.io/acme/app", "")],
        ),
        (_other(stream_review(stream_of(tag_of(docker(_A))), stream_of())), [(_LIVE, None, f"DockerImage {_A}", "")]),
        (_other(stream_review(stream_of(), stream_of(tag_of(docker(_A))))), [(_LIVE, f"DockerImage {_A}", None, "")]),
        (_other(stream_review(None, stream_of(tag_of(docker(_A))))), [(_LIVE, f"DockerImage {_A}", None, "")]),
        (_other(stream_review(None, stream_of())), [("app/app:*", None, None, "")]),
        (_other(reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(docker(_A))))), [(_LIVE, None, f"DockerImage {_A}", "")]),
    ],
    ids=[
        "new", "digest", "push", "foreign push", "foreign push with request", "import", "dry run of an import",
        "import of a repository", "stream", "removed from the stream", "stream deleted", "stream without tags deleted",
        "image tag",
    ],
)  # fmt: skip
def test_what_a_change_shows(line: bytes, expected: list[tuple[Any, ...]]) -> None:
    """Each resource says when, who, from, to, and the digest if it is known."""
    (outcome,) = _listed(line, pattern="app/app:live")
    assert _shown(outcome) == expected
    assert (outcome.time, outcome.verdict, outcome.policy) == (stamp(BEGIN), "allow", f"test@{_ANY.digest}")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (_set(_A, webhook="mutate"), MUTATE),
        (_set(_A, dryRun=True), DRY_RUN),
        (_set(_A)[:-10], OTHER),
        (_set(_A).replace(b'"tags":[', b'"tags":[0,'), OTHER),
    ],
    ids=["mutate", "dry run", "torn", "no tag"],
)  # fmt: skip
def test_what_is_not_listed(line: bytes, why: str) -> None:
    """What changes nothing, or cannot be read, is counted if it is about the tag."""
    remarks = Remarks()
    assert _listed(line, pattern="app/app:live", remarks=remarks) == []
    assert remarks.counts == {why: 1}
    assert _listed(line, pattern="app/other:live", remarks=(others := Remarks())) == []
    assert not others.counts


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5), lambda each: st.lists(each, max_size=2) | st.dictionaries(st.sampled_from(["path", "tag", "from", "tags", "name"]), each, max_size=3)
)  # fmt: skip


@examples(200)
@given(st.sampled_from(sorted(json.loads(_set(_A, level="request")))), _VALUES, st.binary(max_size=20))
def test_no_record_is_too_strange(name: str, value: Any, around: bytes) -> None:
    """Whatever a line holds, it is listed, counted, or of another kind; it is never a failure of the webhook itself."""
    changed = json.dumps({**json.loads(_set(_A, level="request")), name: value}).encode()
    remarks = Remarks()
    for line in (changed, around + changed, changed + around, around):
        for outcome in _listed(line, remarks=remarks):
            assert {str(tag["tag"]) for tag in outcome.tags}
    assert remarks.faults == []


def test_a_denial_is_listed_with_its_findings_alone() -> None:
    """A denied change shows the findings on matching tags, and not those on others."""
    both = stream_of(tag_of(docker("docker.io/a/b:1")), tag_of(docker("docker.io/a/c:1"), name="test"))
    line = _other(stream_review(both, stream_of()), policy=_QUAY)
    (outcome,) = _listed(line, pattern="app/app:test")
    assert (outcome.verdict, [each.field for each in outcome.findings]) == ("deny", ["spec.tags[1].from.name"])
    assert len(_listed(line)[0].findings) == 2


def test_an_exemption_is_shown() -> None:
    """The exemption, its reason and its ticket are shown."""
    policy = policy_of(
        "spec: {exemptions: [{name: night, users: [alice], ticket: OPS-1}], rules: [{name: a, registries: {allow: [b.c]}}]}"
    )
    (outcome,) = _listed(_set(_A, policy=policy))
    assert outcome.exemption is not None
    assert (outcome.exemption.name, outcome.exemption.ticket) == ("night", "OPS-1")


def test_tags_that_a_record_leaves_out() -> None:
    """At level request they are read from the request; at level metadata it is said that they are missing."""
    many = stream_of(*(tag_of(docker(_A), name=f"t{number}") for number in range(120)))
    for level, found, counts in (("request", 1, {}), ("metadata", 0, {INCOMPLETE: 1})):
        remarks = Remarks()
        assert (
            len(_listed(_other(stream_review(many, stream_of()), level=level), pattern="app/app:t119", remarks=remarks))
            == found
        )
        assert remarks.counts == counts


@pytest.mark.parametrize("level", ["metadata", "request"])
@pytest.mark.parametrize("spaced", [False, True], ids=["as written", "encoded again"])
def test_only_lines_that_cannot_match_are_skipped(level: str, spaced: bool) -> None:
    """Whatever a pattern is, the lines that are not decoded have no change that matches it."""
    lines = [line for number in range(3) for line in _trace_lines(number, level)]
    if spaced:
        lines = [json.dumps(json.loads(line), sort_keys=True).encode() for line in lines]
    for pattern in ("tr000/two:v1", "*/two:v*", "tr*/*e:latest", "*/*:*1*", "tr001/*:*"):
        every = (outcome for outcome in _changes(lines) for tag in outcome.tags)
        parsed = TagPattern.parse(pattern)
        wanted = {
            each.origin for each in every if any(parsed.matches(str(tag["tag"]), every=True) for tag in each.tags)
        }
        assert {each.origin for each in _changes(lines, pattern=pattern)} >= wanted != set()


@pytest.mark.parametrize(
    ("lines", "findings", "meaning"),
    [
        ([_set(_A), _set(_B, _A, 1)], 0, _B),
        ([_set(_A), _set(_C, _B, 1)], 1, _C),
        ([_set(_A), _set(_C, _B, 1, _QUAY, operation="UPDATE")], 1, _C),
        ([_set(_A), _set("docker.io/a/b:1", _B, 1, _QUAY)], 1, _B),
        ([_set(_A), _set("docker.io/a/b:1", _A, 1, _QUAY)], 0, _A),
        ([_set(_A), _set(_B, _A, 1, webhook="mutate"), _set(_C, _A, 2, dryRun=True)], 0, _A),
        ([_set(_A), _other(push_review(), 1), _set(_A, _A, 2)], 0, None),
        ([_set(_A), _other(import_review(imported(_B)), 1), _set(_C, _A, 2)], 0, _C),
        ([_set(_A), _other(import_review(imported(_B)), 1), _set(_C, _B, 2)], 0, _C),
        ([_set(_A), _other(import_review(imported(_B)), 1), _set(_B, _C, 2)], 1, _B),
        ([_set(_A), _other(import_review(repository={"from": docker("quay.io/acme/app")}), 1), _set(_C, _B, 2)], 0, _C),
        ([_set(_A), _other(stream_review(None, stream_of(tag_of(docker(_A)))), 1), _set(_B, minutes=2)], 0, _B),
        ([_set(_A), _set(_B, minutes=1)], 1, _B),
        ([_set(_A), _set(_B, minutes=1, operation="CREATE"), _set(_C, _A, 2)], 0, _C),
        ([_set(_A), _set(_B, _A, 1), _set(_C, _A, 1, uid="another")], 0, _C),
    ],
    ids=[
        "follows", "unrecorded", "unrecorded, other policy", "seen by a denial", "a denial changes nothing",
        "mutate and dry runs change nothing", "a write of the same source keeps a push", "failed import", "import",
        "import and unrecorded", "import of a repository", "deleted and made again", "deleted without a review",
        "created, and perhaps refused", "race",
    ],
)  # fmt: skip
def test_unrecorded_changes(lines: list[bytes], findings: int, meaning: str | None) -> None:
    """A record whose old source is not that of the last allowed change is reported, unless both may be right."""
    listed = _listed(*lines)
    assert sum(each.rule == UNRECORDED for outcome in listed for each in outcome.findings) == findings
    assert _at(9, lines) == {_LIVE: f"DockerImage {meaning}" if meaning else _IMAGE}


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [(-1, f"DockerImage {_A}"), (0, f"DockerImage {_B}"), (4.99, f"DockerImage {_B}"), (5, _IMAGE), (9, None)],
    ids=["before the first", "at a change", "just before a change", "at a push", "after the stream was deleted"],
)  # fmt: skip
def test_at(minutes: float, expected: str | None) -> None:
    """A change holds from its own time on; before the first, its old source says what was."""
    lines = [_set(_B, _A), _other(push_review(), 5), _other(stream_review(None, stream_of(tag_of(docker(_B)))), 8)]
    assert _at(minutes, lines) == {_LIVE: expected}


# --- any history


@dataclass
class _World:
    """The obvious way: the sources and meanings of the tags of a stream, and the records of all that happens to it."""

    sources: dict[str, str] = field(default_factory=dict)
    meanings: dict[str, str | None] = field(default_factory=dict)
    exists: bool = True
    minutes: int = 0
    lines: list[bytes] = field(default_factory=list)
    past: list[dict[str, str | None]] = field(default_factory=list)

    def does(self, what: str, tag: str, number: int) -> None:
        """Do something to a tag."""
        self.minutes += 1
        source, old = f"quay.io/acme/app:{number}", self.sources.get(tag)
        if what in ("set", "deny", "dry"):
            policy = _QUAY if what == "deny" else _ANY
            source = f"docker.io/acme/app:{number}" if what == "deny" else source
            request = {} if self.exists else {"operation": "CREATE", "oldObject": None}
            self._record(
                _set(source, old or "", self.minutes, policy, name=f"app:{tag}", dryRun=what == "dry", **request)
            )
            if what == "set":
                self.meanings |= {tag: f"DockerImage {source}"} if old != source else {}
                self.sources[tag], self.exists = source, True
        elif what == "push" and self.exists:
            image = f"sha256:{number:064x}"
            own = f"image-registry.openshift-image-registry.svc:5000/app/app@{image}"
            self._record(
                _other(push_review({"metadata": {"name": image}, "dockerImageReference": own}, tag), self.minutes)
            )
            self.meanings[tag] = f"ImageStreamImage app@{image}"
        elif what == "drop" and old:
            self._record(_other(stream_review(self._stream(without=tag), self._stream()), self.minutes))
            del self.sources[tag]
            self.meanings[tag] = None
        elif what == "delete" and self.exists:
            self._record(_other(stream_review(None, self._stream()), self.minutes))
            self.sources, self.meanings, self.exists = {}, dict.fromkeys(self.meanings), False
        elif what == "silent" and self.exists:
            self.sources[tag], self.meanings[tag] = source, f"DockerImage {source}"
        self.past.append(dict(self.meanings))

    def _record(self, line: bytes) -> None:
        self.lines.append(line)

    def _stream(self, without: str = "") -> dict[str, Any]:
        kept = (tag_of(docker(source), name=tag) for tag, source in self.sources.items() if tag != without)
        return stream_of(*kept)


_STEPS = st.tuples(
    st.sampled_from(["set", "set", "push", "deny", "dry", "drop", "delete"]),
    st.sampled_from(["a", "b"]),
    st.integers(0, 2),
)


@examples(200)
@given(st.lists(st.tuples(_STEPS, st.integers(0, 2)), max_size=14), st.permutations([0, 1, 2]), st.integers(0, 14))
def test_at_any_time_of_any_history(
    steps: list[tuple[tuple[str, str, int], int]], order: list[int], minutes: int
) -> None:
    """Whichever writer recorded a change, and in whatever order the files are read, a tag means what it meant."""
    world, writers = _World(), [list[bytes](), list[bytes](), list[bytes]()]
    for step, writer in steps:
        known = len(world.lines)
        world.does(*step)
        writers[writer] += world.lines[known:]
    then = world.past[min(minutes, len(world.past)) - 1] if minutes and world.past else {}
    found = _at(minutes, *(writers[number] for number in order))
    assert {tag: found.get(f"app/app:{tag}") for tag in "ab"} == {tag: then.get(tag) for tag in "ab"}


@examples(100)
@given(st.lists(_STEPS, max_size=8), st.sampled_from("ab"), st.lists(_STEPS, max_size=4))
def test_a_silent_change_is_reported(
    before: list[tuple[str, str, int]], tag: str, after: list[tuple[str, str, int]]
) -> None:
    """A change without a record is reported by the next record that shows the tag's source, and nothing else is."""
    world = _World()
    for step in before:
        world.does(*step)
    assert not any(each.findings for each in _listed(*world.lines) if each.verdict == "allow")
    world.does("set", tag, 0)
    world.does("silent", tag, 9)
    world.does("set", tag, 1)
    for step in after:
        world.does(*step)
    found = [each for outcome in _listed(*world.lines) for each in outcome.findings if each.rule == UNRECORDED]
    assert len(found) == 1
    assert (
        "points to DockerImage quay.io/acme/app:9, but the last allowed change says DockerImage quay.io/acme/app:0"
        in found[0].message
    )


@examples(100)
@given(st.lists(st.integers(0, 20), max_size=60), st.integers(1, 2_000))
def test_the_order_does_not_depend_on_memory(minutes: list[int], run: int) -> None:
    """However many runs are sorted in temporary files, the changes come by time, and a repeated record once."""
    lines = [_set(_A, minutes=each, uid=str(each)) for each in minutes]
    search, counts = Search(TagPattern.parse(_EVERYTHING)), Counter[str]()
    times = [stamp(BEGIN + timedelta(minutes=each)) for each in sorted(set(minutes))]
    with Changes(counts, run, most=3) as changes:  # so that runs of several sizes are merged
        for number, line in enumerate(lines):
            for candidates in search.candidates([Part(f"{number}.jsonl", 1, line, 0)]):
                changes.add(search(candidates).lines)
        assert [each.time for each in changes] == times
    assert counts[REPEATED] == len(lines) - len(times)


# --- real requests


@cache
def _traces() -> tuple[dict[str, Any], ...]:
    with lzma.open(PACKED) as lines:
        return tuple(map(json.loads, lines))


def _trace_lines(number: int, level: str = "metadata") -> Iterator[bytes]:
    """Yield the records of a recorded sequence of requests, a minute apart."""
    time = BEGIN
    for step in _traces()[number]["steps"]:
        for each in step["reviews"]:
            time += timedelta(minutes=1)
            review = review_at({**each["request"], "uid": str(time)}, time)
            decision = getattr(engine, each["webhook"])(review, _ANY)
            decision = decision if decision.allowed else allow(decision.changes)  # as the webhook of the recording
            context = Context(each["webhook"], "1.2.3", level)
            yield record(review, decision, tags(decision), _ANY, context, time=time, seconds=0.001)


def _final(trace: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the streams after a recorded sequence, as the API server stored them."""
    streams: dict[str, Any] = {}
    for step in trace["steps"]:
        streams |= step.get("state") or {}
    return (stream for stream in streams.values() if stream is not None)


def _told(trace: dict[str, Any]) -> bool:
    """Whether every change of a sequence was reviewed, and stored if it was allowed."""
    deleted = any(step["method"] == "DELETE" and not step["reviews"] for step in trace["steps"])
    refused = any(
        step["code"] >= 400 and any(each["webhook"] == "validate" for each in step["reviews"])
        for step in trace["steps"]
    )
    return not deleted and not refused and not trace["importer"]


def test_recorded_requests_agree_with_what_was_stored() -> None:
    """The records of a real API server's requests say what it stored; only what called no webhook, or failed, differs."""
    policy, differ, agree = _ANY.for_stored_streams(), 0, 0
    for number, trace in enumerate(_traces()):
        scan, tally = Stored(), Tally()
        found = (each for stream in _final(trace) for each in evaluated(stream, policy, {}, datetime.now(UTC)))
        scan.read(tally.counting(found), tally, TagPattern.parse(_EVERYTHING))
        compared = list(
            Meanings().compared(_changes(_trace_lines(number)), stamp(datetime.max.replace(tzinfo=UTC)), scan)
        )
        wrong = [each.title for each in compared if each.findings]
        assert not (wrong and _told(trace)), (number, wrong)
        differ, agree = differ + len(wrong), agree + len(compared) - len(wrong)
    assert agree > 500
    assert differ > 20


# --- the command


def _history(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["history", *map(str, arguments), "--workers", "1"])


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("app:live", 'expected NAMESPACE/STREAM:TAG such as prod/app:live, got "app:live"'),
        ("prod/app", 'expected NAMESPACE/STREAM:TAG such as prod/app:live, got "prod/app"; for all tags of the stream write "prod/app:*"'),
        ("", 'expected NAMESPACE/STREAM:TAG such as prod/app:live, got ""'),
        ("prod/App:live", '"App" matches no image stream: it has "A"; expected a-z, 0-9 and single ".", "_" and "-" within, and "*" for any; write "app"'),
        ("prod/app:", "expected a glob, got an empty string"),
    ],
    ids=["no namespace", "no tag", "empty", "upper case", "empty tag"],
)  # fmt: skip
def test_a_pattern_that_matches_nothing(pattern: str, message: str) -> None:
    """A wrong pattern is an error, which says what to write."""
    with pytest.raises(MalformedGlob) as raised:
        TagPattern.parse(pattern)
    assert str(raised.value) == message
    done = _history(pattern, "none.jsonl")
    assert (done.exit_code, done.stderr) == (2, f"{message}\n")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    """A directory with records of two writers."""
    folder = tmp_path / "records"
    folder.mkdir()
    (folder / "a.jsonl").write_bytes(b"\n".join([_set(_A), _set(_C, _A, 2)]) + b"\n")
    (folder / "b.jsonl").write_bytes(
        b"\n".join([b"a log line", _set(_B, _A, 1, _QUAY), _set("docker.io/a/b:1", _A, 3, _QUAY)])
    )
    return folder


def test_table(records: Path) -> None:
    """The table has a line for each tag of a change, by time, and says what no record can prove."""
    done = _history("app/app:live", records)
    lines = done.stdout.splitlines()
    assert lines[0] == (
        f"2026-01-02T03:04:05Z alice allowed app/app:live: none -> DockerImage {_A} "
        f"(UPDATE imagestreamtags; test@{_ANY.digest[:19]}; {records}/a.jsonl:1)"
    )
    assert [line.split()[2] for line in lines if line.startswith("2026")] == ["allowed", "allowed", "allowed", "denied"]
    assert lines[-2:] == [
        "4 changes: 3 allowed, 1 denied",
        "allowed: by this webhook; no record says whether the API server stored the change",
    ]
    assert (done.exit_code, done.stderr) == (1, "")  # the denied one shows that B or C was not stored


def test_table_at(records: Path) -> None:
    """With --at, each tag has the change that set it."""
    done = _history("app/*:*", records, "--at", "2026-01-02T03:05:00Z")
    assert done.stdout.splitlines() == [
        f"app/app:live: DockerImage {_A} since 2026-01-02T03:04:05Z by alice "
        f"(UPDATE imagestreamtags; test@{_ANY.digest[:19]}; {records}/a.jsonl:1)",
        "1 tag as of 2026-01-02T03:05:00Z",
    ]
    assert done.exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["other/app:live"], 0, "no change of other/app:live in 5 lines"),
        (["other/app:live", "--fail-on-empty"], 2, "no change of other/app:live in 5 lines"),
        (["app/app:live", "--at", "yesterday"], 2, 'got "yesterday"'),
        (["app/app:live", "--at", "1h", "--since", "2h"], 2, "--since and --until: not valid with --at or --scan"),
        (["app/app:live", "--at", "1h", "--scan", "x.json"], 2, "--at: not valid with --scan"),
        (["app/app:live", "--scan", "none.json"], 2, f"none.json: {UNREADABLE}"),
        (["app/app:live", "none.jsonl"], 2, f"none.jsonl: {UNREADABLE}"),
    ],
    ids=["nothing", "failing if empty", "time", "two periods", "two moments", "no report", "no file"],
)  # fmt: skip
def test_messages(records: Path, arguments: list[str], code: int, message: str) -> None:
    """What is wrong, and that nothing matched, is said."""
    done = _history(*arguments, records)
    assert (done.exit_code, message in done.stderr) == (code, True)


def test_a_period_lists_only_its_changes(records: Path) -> None:
    """Changes before --since are not listed, but known: an unrecorded change is still found."""
    done = _history("app/app:live", records, "--since", "2026-01-02T03:07:00Z", "--format", "json")
    report = json.loads(done.stdout)
    assert [each["time"][:19] for each in report["outcomes"]] == ["2026-01-02T03:07:05"]
    assert [each["rule"] for each in report["outcomes"][0]["findings"]] == ["ours", UNRECORDED]


@pytest.mark.parametrize("form", ["json", "yaml", "html"])
def test_formats(records: Path, form: str) -> None:
    """Each format has the change, its user and its policy."""
    done = _history("app/app:live", records, "--format", form)
    assert all(text in done.stdout for text in (_A, "alice", _ANY.digest, "a.jsonl"))


def test_json_becomes_a_page(records: Path, tmp_path: Path) -> None:
    """`merge` makes the page of a history from its JSON."""
    report = tmp_path / "report.json"
    assert _history("app/app:live", records, "--format", "json", "--output", report).exit_code == 1
    done = CliRunner().invoke(main, ["merge", str(report), "--format", "html"])
    assert "<title>4 changes · istag-webhook history</title>" in done.stdout
    assert "By the records of 2 Jan 2026." in done.stdout


def _scan(tmp_path: Path, *streams: dict[str, Any], whole: bool = True, command: str = "scan", shard: str = "") -> Path:
    """Write the report of a scan, with all tags or only those with findings."""
    tally, policy = Tally(), _QUAY.for_stored_streams()
    found = tally.counting(each for stream in streams for each in evaluated(stream, policy, {}, BEGIN))
    head = Header(command, "p", "sha256:0", "1", "2026-01-03T00:00:00+00:00", shard=shard)
    path = tmp_path / "scan.json"
    path.write_text("".join(write(head, (each for each in found if whole or each.findings), tally)))
    return path


@pytest.mark.parametrize(
    ("streams", "whole", "said"),
    [
        ([stream_of(tag_of(docker(_C)))], True, "app/app:live: DockerImage quay.io/acme/app:c since"),
        ([stream_of(tag_of(docker("docker.io/evil/x:1")))], True, "unrecorded"),
        ([stream_of(tag_of(docker("docker.io/evil/x:1")))], False, "unrecorded"),
        ([stream_of(tag_of(docker(_C), name="other"))], True, "points to nothing (to delete a tag calls no webhook)"),
        ([stream_of(tag_of(docker("docker.io/a:1"), name="other"))], False, "unrecorded"),
        ([], True, "the scan has no other tag of this stream; not compared"),
        ([stream_of(tag_of(docker("docker.io/a:1"), name="o"), tag_of(docker(_C)))], False, "the scan lists only tags with findings; not compared"),
        ([stream_of(tag_of(docker(_C)), tag_of(docker(_A), name="old"))], True, "no change of it is recorded"),
    ],
    ids=["same", "elsewhere", "elsewhere, with findings", "deleted", "deleted, all evaluated are listed", "another stream", "incomplete", "no record"],
)  # fmt: skip
def test_scan(tmp_path: Path, streams: list[dict[str, Any]], whole: bool, said: str) -> None:
    """A tag that a scan found elsewhere than the last allowed change says is reported; what cannot be told is said."""
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([_set(_A), _set(_C, _A, 2)]))
    done = _history("app/app:*", tmp_path / "a.jsonl", "--scan", _scan(tmp_path, *streams, whole=whole))
    assert said in done.stdout
    assert done.exit_code == ("warn: " in done.stdout)


def test_a_change_after_the_scan_is_not_compared(tmp_path: Path) -> None:
    """A scan takes a while: a tag that was changed since it began may be found before or after."""
    (tmp_path / "a.jsonl").write_bytes(b"\n".join([_set(_A), _set(_C, _A, 60 * 24)]))
    done = _history("app/app:*", tmp_path / "a.jsonl", "--scan", _scan(tmp_path, stream_of(tag_of(docker(_C)))))
    assert (done.exit_code, "changed after the scan began; not compared" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"command": "check"}, "command: expected a report of scan, got one of check"),
        ({"shard": "1/2"}, "shard: expected a whole report, got part 1/2; use merge"),
    ],
    ids=["another command", "a part"],
)  # fmt: skip
def test_a_report_that_is_no_scan(tmp_path: Path, records: Path, given: dict[str, str], message: str) -> None:
    """Only a whole report of scan can be compared."""
    path = _scan(tmp_path, stream_of(tag_of(docker(_C))), **given)  # type: ignore[arg-type]
    done = _history("app/app:*", records, "--scan", path)
    assert (done.exit_code, done.stderr) == (2, f"{path}: {message}\n")


def test_a_record_of_another_writer_is_escaped() -> None:
    """Whatever a line holds, it cannot control a terminal."""
    value = json.loads(_set(_A))
    value["user"], value["tags"][0]["to"] = "\x1b[31mmallory", "DockerImage \u202ex"
    (outcome,) = _listed(json.dumps(value).encode())
    assert (outcome.user, outcome.tags[0]["to"]) == ("\\x1b[31mmallory", "DockerImage \\u202ex")
