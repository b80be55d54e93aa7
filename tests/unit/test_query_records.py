"""The page "Query records": each query is run on real records, and its answer compared with one that is computed here."""

import gzip
import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import duckdb
import kubernetes_validate
import pytest
import yaml
from tests.support.trail import BEGIN, RULES, Pods, calls, incidents, policies
from tools.record_queries import PAGE, SCHEMA, SQL, columns, queries, rendered
from tools.reference import DOCS

from webhook.certs.signing import make, signer
from webhook.errors import MalformedReference
from webhook.evaluate.records import LONGEST
from webhook.reference import ImageReference
from webhook.registry import DOCKER_HUB, is_registry
from webhook.resources import catalog

Line = dict[str, Any]
Rows = list[tuple[Any, ...]]

_PAGE: Final = PAGE.read_text()
_JOB: Final = DOCS / "how-to" / "records-to-parquet.yaml"
_QUERIES: Final = queries()
_IMPORTER: Final = "system:serviceaccount:openshift-infra:image-import-controller"


class Records:
    """The lines of all files, read without DuckDB.

    Attributes:
        lines: every line that is a record.
        others: the number of other lines.
    """

    def __init__(self, directory: Path) -> None:
        self.directory, self.others = directory, 0
        self.lines: list[Line] = []
        for path in sorted(directory.rglob("*.jsonl*")):
            opened = gzip.open if path.suffix == ".gz" else open
            with opened(path, "rb") as file:
                for text in file:
                    try:
                        self.lines.append(json.loads(text))
                    except ValueError:
                        self.others += 1

    @property
    def decisions(self) -> list[Line]:
        """The decisions, in the order of their times."""
        return sorted((line for line in self.lines if line["kind"] == "decision"), key=_time)

    @property
    def changes(self) -> Iterator[tuple[Line, Line, bool]]:
        """Each tag of a decision of `validate`: the decision, the tag, and whether it could be stored."""
        for line in self.decisions:
            real = not line["dryRun"] or line["resource"] in ("imagestreamimports", "imagestreammappings")
            for tag in line["tags"] if line["webhook"] == "validate" else ():
                yield line, tag, line["allowed"] and real

    def latest(self, until: datetime | None = None) -> dict[str, tuple[Line, Line]]:
        """Return the decision that was the last to set each tag, and what it set."""
        found: dict[str, tuple[Line, Line]] = {}
        for line, tag, admitted in self.changes:
            if admitted and (until is None or _time(line) <= until):
                known = found.get(tag["tag"])
                if known is None or known[0] is not line:  # the first of several in one request
                    found[tag["tag"]] = (line, tag)
        return found


def _time(line: Line) -> datetime:
    return datetime.fromisoformat(line["time"])


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Records:
    """Records of a week of three pods: rotated, some compressed; one line is lost, one torn, and one could not be written."""
    directory = tmp_path_factory.mktemp("query")
    key, _ = make(directory / "keys")
    pods = Pods(directory / "records", signer(key))
    assert pods.write(islice(calls(), 2_000)) == 2_000
    pods.fail()
    pods.write(incidents(BEGIN + timedelta(days=6, hours=2)))
    pods.end()
    pods.rotate()
    assert {path.suffix for path in pods.files} == {".jsonl", ".gz"}
    plain = next(path for path in pods.files if path.suffix == ".jsonl")
    lines = plain.read_bytes().splitlines(keepends=True)
    plain.write_bytes(b"".join([*lines[:20], *lines[21:], lines[20][:100]]))
    return Records(directory)


@pytest.fixture
def database(records: Records, monkeypatch: pytest.MonkeyPatch) -> duckdb.DuckDBPyConnection:
    """DuckDB with the views of records.sql, next to the records."""
    monkeypatch.chdir(records.directory)
    connection = duckdb.connect()
    connection.execute(SQL.read_text())
    return connection


# --- what each query is expected to find


def _moved(records: Records) -> Rows:
    return [
        (_time(line), line["user"], tag["tag"], tag["from"], tag["to"], line["resource"])
        for line, tag, admitted in records.changes
        if admitted and line["namespace"].endswith("-prod") and tag["from"] != tag["to"]
        and "2026-11-20" <= line["time"] < "2026-11-27"
    ]  # fmt: skip


def _history(records: Records) -> Rows:
    fields = ("user", "resource", "operation", "dryRun", "allowed")
    return [
        (_time(line), *(line[field] for field in fields), tag["from"], tag["to"])
        for line, tag, _ in records.changes
        if tag["tag"] == "team0-prod/app:live"
    ]


def _meant(records: Records) -> Rows:
    latest = records.latest(datetime(2026, 11, 24, 12, tzinfo=UTC))
    return [
        (name, tag["to"], line["user"], _time(line))
        for name, (line, tag) in latest.items()
        if line["namespace"] == "team0-prod" and tag["to"] is not None
    ]


def _kinds(records: Records) -> Rows:
    found: defaultdict[tuple[str, str], list[Line]] = defaultdict(list)
    for line, _, _ in records.changes:
        kind = "person"
        if line["user"].startswith("system:"):
            kind = "service account" if line["user"].split(":")[1] == "serviceaccount" else "system"
        found[kind, line["resource"]].append(line)
    return [
        (*key, len(lines), len({line["user"] for line in lines}), sum(not line["allowed"] for line in lines))
        for key, lines in found.items()
    ]


def _late(records: Records) -> Rows:
    rows: Rows = []
    for line, tag, admitted in records.changes:
        local = _time(line).astimezone(ZoneInfo("Europe/Berlin")).replace(tzinfo=None)
        if admitted and not line["user"].startswith("system:") and (local.weekday() > 4 or not 7 <= local.hour < 19):
            rows.append((local, line["user"], tag["tag"], tag["to"]))
    return rows


def _busiest(records: Records) -> Rows:
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line, tag, _ in records.changes:
        found[tag["tag"].partition(":")[0]].append(line)
    rows = [
        (stream, len(lines), len({line["user"] for line in lines}), sum(not line["allowed"] for line in lines), max(map(_time, lines)))
        for stream, lines in found.items()
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (-row[1], row[0]))[:20]


def _registry(source: str | None) -> str | None:
    """Return the registry of a source by the package's own parser; of a malformed one, the registry that it names."""
    kind, _, name = (source or "").partition(" ")
    if kind != "DockerImage":
        return None
    try:
        return ImageReference.parse(name).registry
    except MalformedReference:
        first, slash, _ = name.partition("/")
        return first.lower() if slash and is_registry(first) else DOCKER_HUB


def _imported(records: Records) -> Rows:
    found: defaultdict[str | None, list[tuple[str, datetime]]] = defaultdict(list)
    for line, tag, admitted in records.changes:
        if admitted and line["user"] == _IMPORTER:
            found[_registry(tag["to"])].append((tag["tag"], _time(line)))
    return [
        (registry, len(rows), len({name for name, _ in rows}), max(time for _, time in rows))
        for registry, rows in found.items()
    ]


def _dry(records: Records) -> Rows:
    return [
        (_time(line), line["user"], line["resource"], tag["tag"], tag["to"])
        for line, tag, admitted in records.changes
        if line["dryRun"] and admitted
    ]


def _denied(records: Records) -> Rows:
    found: defaultdict[str, list[tuple[str, str, str]]] = defaultdict(list)
    for line in records.decisions:
        for each in line["findings"] if line["verdict"] == "deny" else ():
            if each["mode"] == "enforce":
                found[each["rule"]].append((line["uid"], line["user"], each["message"]))
    return [
        (rule, len({uid for uid, _, _ in rows}), len({user for _, user, _ in rows}), min(text for _, _, text in rows))
        for rule, rows in found.items()
    ]


def _exempt(records: Records) -> Rows:
    fields = ("user", "resource", "namespace", "name")
    return [
        (_time(line), *(line[field] for field in fields), *(line["exemption"][field] for field in ("name", "ticket", "reason")),
         sorted({each["rule"] for each in line["findings"]}))
        for line in records.decisions
        if line["webhook"] == "validate" and line["exemption"] and line["findings"]
    ]  # fmt: skip


def _enforced(records: Records) -> Rows:
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for line in records.decisions:
        for each in (
            line["findings"] if line["webhook"] == "validate" and line["allowed"] and not line["exemption"] else ()
        ):
            if not each["existing"]:
                found[each["rule"], each["mode"], line["user"]].add(line["uid"])
    return [(*key, len(uids)) for key, uids in found.items()]


def _around(records: Records) -> Rows:
    found: defaultdict[tuple[str, str], list[tuple[Line, Line, bool]]] = defaultdict(list)
    for line, tag, admitted in records.changes:
        found[line["user"], tag["tag"]].append((line, tag, admitted))
    return [
        (_time(line), *key, line["resource"], other["resource"], passed["to"], _time(other) - _time(line))
        for key, changes in found.items()
        for line, _, _ in changes if not line["allowed"]
        for other, passed, admitted in changes
        if admitted and other["resource"] != line["resource"]
        and timedelta() <= _time(other) - _time(line) <= timedelta(minutes=1)
    ]  # fmt: skip


def _policies(records: Records) -> Rows:
    rows: Rows = []
    for policy in policies():
        lines = [line for line in records.lines if line.get("policy", {}).get("digest") == policy.digest]
        verdicts = [line["verdict"] for line in lines if line["kind"] == "decision"]
        times = list(map(_time, lines))
        rows.append((policy.name, policy.digest, min(times), max(times), len(verdicts), verdicts.count("deny"), RULES))
    return rows


def _outside(records: Records) -> Rows:
    rows = [
        (_registry(tag["to"]), name, tag["to"], line["user"], _time(line))
        for name, (line, tag) in records.latest().items()
    ]
    return [row for row in rows if row[0] not in (None, "quay.io", "registry.redhat.io")]


def _digests(records: Records) -> Rows:
    found: defaultdict[str, list[str]] = defaultdict(list)
    for line, tag in records.latest().values():
        if (tag["to"] or "").startswith("DockerImage "):
            found[line["namespace"]].append(tag["to"])
    return [(namespace, len(each), sum("@sha256:" in one for one in each)) for namespace, each in found.items()]


def _complete(records: Records) -> Rows:
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in records.lines:
        found[json.dumps(line["writer"])].append(line)
    rows: Rows = []
    for key, lines in found.items():
        writer, seqs = json.loads(key), sorted(line["seq"] for line in lines)
        gaps = sum(after - before - 1 for before, after in pairwise([0, *seqs]) if after > before)
        marks = [line for line in lines if line["kind"] == "checkpoint"]
        rows.append((
            writer["pod"], writer["process"], datetime.fromisoformat(writer["start"]), min(map(_time, lines)), max(map(_time, lines)),
            len(lines), gaps, len(seqs) - len(set(seqs)), max(line["failed"] for line in marks), any(line["end"] for line in marks),
        ))  # fmt: skip
    return rows


def _quantile(values: list[float], share: float) -> float:
    """Return a quantile, interpolated between its neighbours."""
    ordered, at = sorted(values), share * (len(values) - 1)
    low = int(at)
    return ordered[low] + (at - low) * (ordered[min(low + 1, len(ordered) - 1)] - ordered[low])


def _took(records: Records) -> Rows:
    found: defaultdict[tuple[str, Any], list[float]] = defaultdict(list)
    for line in records.decisions:
        found[line["webhook"], _time(line).date()].append(1_000 * line["duration"])
    return [(*key, len(each), _quantile(each, 0.5), _quantile(each, 0.99), max(each)) for key, each in found.items()]


def _unseen(records: Records) -> Rows:
    """Return decisions of `validate` without one of `mutate`, for the resources of the catalog that are completed."""
    completed = {name for name, each in catalog.RESOURCES.items() if any(place.kept for place in each.places)}
    fields = ("user", "resource", "namespace", "name")
    before: dict[tuple[str, ...], datetime] = {}
    rows: Rows = []
    for line in records.decisions:
        key = tuple(line[field] for field in fields)
        if line["webhook"] == "mutate":
            before[key] = _time(line)
            continue
        since = _time(line) - before[key] if key in before else timedelta.max
        if (
            line["resource"] in completed
            and line["operation"] in ("CREATE", "UPDATE")
            and since > timedelta(seconds=10)
        ):
            rows.append((_time(line), *key))
    return rows


def _traces(records: Records) -> Rows:
    found: defaultdict[str, list[Line]] = defaultdict(list)
    for line in records.decisions:
        if "traceparent" in line:
            found[line["traceparent"].split("-")[1]].append(line)
    return [
        (
            trace,
            _time(lines[0]),
            lines[0]["user"],
            [line["webhook"] for line in lines],
            [line["verdict"] for line in lines],
        )
        for trace, lines in found.items()
    ]


def _exported(records: Records) -> Rows:
    return [(len(records.lines) + records.others,)]


_EXPECTED: Final[dict[str, Callable[[Records], Rows]]] = {
    "Who moved production tags in a week?": _moved,
    "What is the history of a tag?": _history,
    "What did each tag of a namespace mean at a time?": _meant,
    "Do people or service accounts change tags?": _kinds,
    "Which changes came outside working hours?": _late,
    "Which image streams change most?": _busiest,
    "What did the importer import?": _imported,
    "Which dry runs took effect?": _dry,
    "What was denied, and by which rule?": _denied,
    "What did an exemption or a ticket let through?": _exempt,
    "Who would be denied if every rule were enforced?": _enforced,
    "Who was denied, and then succeeded on another path?": _around,
    "Which policy decided, and when did it change?": _policies,
    "Which tags point outside the allowed registries?": _outside,
    "Which namespaces refer to images by digest?": _digests,
    "Is the record of each writer complete?": _complete,
    "How long did decisions take?": _took,
    "Which changes did the mutating webhook not see?": _unseen,
    "Which decisions belong to one trace?": _traces,
    "How do I give the changes to other tools?": _exported,
}


# --- the queries


def _compare(found: Rows, expected: Rows) -> None:
    """Compare rows; their order may differ where the query leaves it open, and times are approximate as numbers are."""
    assert expected, "nothing is expected: the records do not show what the query is for"
    for one, other in zip(sorted(found, key=_key), sorted(expected, key=_key), strict=True):
        for got, wanted in zip(one, other, strict=True):
            assert got == (pytest.approx(wanted) if isinstance(wanted, float) else wanted)


def _key(row: tuple[Any, ...]) -> str:
    return repr(
        [
            each.astimezone(UTC) if isinstance(each, datetime) and each.tzinfo else each
            for each in row
            if not isinstance(each, float)
        ]
    )


def test_twenty_queries() -> None:
    """The page has twenty, and each has an expected answer."""
    assert list(_QUERIES) == list(_EXPECTED)
    assert len(_QUERIES) == 20
    assert _PAGE.count("```sql\n") - _PAGE.count("<!-- file docs/how-to/records.sql -->") >= 20


@pytest.mark.parametrize("question", _EXPECTED)
def test_a_query(question: str, records: Records, database: duckdb.DuckDBPyConnection) -> None:
    """Each query of the page finds what is in the records, and something is."""
    _compare(database.execute(_QUERIES[question]).fetchall(), _EXPECTED[question](records))


def test_the_records_are_not_complete(records: Records) -> None:
    """A line is missing, one could not be written, and one writer has no end: otherwise the query could not show them."""
    missing, _, failed, ended = zip(*(row[6:] for row in _complete(records)), strict=True)
    assert (sum(missing), sum(failed), ended.count(False)) == (1, 1, 1)


def test_the_exported_files(records: Records, database: duckdb.DuckDBPyConnection) -> None:
    """The files hold every change and every line."""
    database.execute(_QUERIES["How do I give the changes to other tools?"])
    (changes,) = database.sql("SELECT count(*) FROM 'changes.csv'").fetchall()
    assert changes == (sum(1 for _ in records.changes),)
    (lines,) = database.sql("SELECT count(kind) FROM 'records.parquet'").fetchall()
    assert lines == (len(records.lines),)
    assert records.others == 1


# --- the columns


def test_the_columns_are_those_of_the_schema(pytestconfig: pytest.Config) -> None:
    """records.sql states the types that the JSON Schema of a record says; `make golden` writes them."""
    anew = rendered(SQL.read_text())
    if pytestconfig.getoption("--regenerate"):
        SQL.write_text(anew)
    assert SQL.read_text() == anew
    assert SQL.read_text().count("': '") == len(columns(json.loads(SCHEMA.read_text())))


def test_the_longest_line() -> None:
    """DuckDB takes lines as long as the commands take."""
    assert f"maximum_object_size = {LONGEST}," in SQL.read_text()


def test_no_value_is_lost(records: Records, database: duckdb.DuckDBPyConnection) -> None:
    """Each field of each line is in its column, with its value."""
    found = database.execute("SELECT * EXCLUDE filename FROM records WHERE kind IS NOT NULL")
    names = [each[0] for each in found.description]
    rows = [dict(zip(names, row, strict=True)) for row in found.fetchall()]
    assert {name for line in records.lines for name in line} <= set(names)
    place = {(_writer(line), line["seq"]): line for line in records.lines}
    assert len(rows) == len(records.lines)
    for row in rows:
        line = place[(row["writer"]["pod"], row["writer"]["process"]), row["seq"]]
        for name in names:
            assert _plain(row[name], line.get(name)) == line.get(name), name


def _writer(line: Line) -> tuple[str, int]:
    return line["writer"]["pod"], line["writer"]["process"]


def _plain(value: Any, like: Any) -> Any:
    """Return a value of DuckDB as JSON has it: times and JSON as text, and no field that `like` does not have."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    if isinstance(value, dict):
        within = like if isinstance(like, dict) else {}
        return {
            name: _plain(each, within.get(name)) for name, each in value.items() if each is not None or name in within
        }
    if isinstance(value, list):
        return [_plain(one, other) for one, other in zip(value, like, strict=True)]
    return json.loads(value) if isinstance(value, str) and value != like else value


def test_registries(records: Records, database: duckdb.DuckDBPyConnection) -> None:
    """`registry_of` finds the registry that the package finds, for every source of the records."""
    named = (
        f"DockerImage {name}" for name in ("busybox", "localhost/a", "Quay.io/a:1", "[::1]:5000/a/b", "a.b:5000/c")
    )
    sources = {tag["to"] for line in records.decisions for tag in line["tags"] if tag["to"]} | set(named)
    found = {source: _registry(source) for source in (*sources, None)}
    assert len(set(found.values())) > 6
    for source, registry in found.items():
        assert database.execute("SELECT registry_of(?)", [source]).fetchall() == [(registry,)], source


# --- many records


def test_the_job_fits_kubernetes() -> None:
    """The Indexed Job is valid, and its SQL divides the files by as many parts as there are pods."""
    job = yaml.safe_load(_JOB.read_text())
    kubernetes_validate.validate(job, kubernetes_validate.latest_version(), strict=True)
    spec = job["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert (
        re.findall(r"hash\(file\) % (\d+) ", container["args"][0])
        == [str(spec["completions"])]
        == [str(spec["parallelism"])]
    )
    assert "/sql/records.sql" in container["command"]
    mounted = {each["mountPath"] for each in container["volumeMounts"]}
    assert {f"{container['workingDir']}/records", f"{container['workingDir']}/parquet", "/sql", "/tmp"} == mounted  # noqa: S108 - a volume


def test_the_parts_are_the_whole(records: Records, database: duckdb.DuckDBPyConnection) -> None:
    """The parts that the pods of the Job convert hold each line once, and every query finds in them what it found before."""
    (records.directory / "parquet").mkdir()
    job = yaml.safe_load(_JOB.read_text())["spec"]
    for index in range(job["completions"]):
        (sql,) = job["template"]["spec"]["containers"][0]["args"]
        pod = duckdb.connect()
        pod.execute(SQL.read_text())
        pod.execute(sql.replace("$(JOB_COMPLETION_INDEX)", str(index)))
    ((before, *_),) = database.sql("SELECT count(*) FROM records").fetchall()
    ((parts, files),) = database.sql("SELECT count(*), count(DISTINCT filename) FROM 'parquet/*.parquet'").fetchall()
    assert (parts, files) == (before, len(list((records.directory / "records").rglob("*.jsonl*"))))
    (view,) = re.findall(r"^(CREATE OR REPLACE VIEW records AS FROM 'parquet.*;)$", _PAGE, re.MULTILINE)
    database.execute(view)
    for question, expected in _EXPECTED.items():
        _compare(database.execute(_QUERIES[question]).fetchall(), expected(records))


def test_another_schema_that_does_not_fit() -> None:
    """A field that has another type in another kind of line is an error: there would be no one type for its column."""
    kinds = {name: {"properties": {"a": {"type": type_}}} for name, type_ in (("one", "string"), ("two", "integer"))}
    with pytest.raises(ValueError, match="a: expected one type in all kinds of lines, got VARCHAR and BIGINT"):
        columns({"$defs": kinds})
