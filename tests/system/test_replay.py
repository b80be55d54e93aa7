"""Replay: what another policy would have decided, from whatever files records are in."""

import gzip
import io
import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import HEAD, docker, policy_of, push_review, review_of
from tests.support.recording import history, recorded
from tests.support.sentences import UNREADABLE
from tests.support.serving import PATIENCE

from webhook.cli.main import main
from webhook.documents.inputs import expand
from webhook.evaluate.records import Part, cut
from webhook.evaluate.replay import Evaluation
from webhook.policy.policy import Policy
from webhook.report.outcome import NEWLY_ALLOWED, NEWLY_COMPLETED, NEWLY_DENIED
from webhook.report.shape import FORMATS

_OPEN = "spec: {rules: [{name: any, registries: {allow: ['**']}}]}"
_STRICT = "spec: {rules: [{name: ours, registries: {allow: [quay.io]}}]}"
_WARNS = "spec: {rules: [{name: ours, mode: warn, registries: {allow: [quay.io]}}]}"
_EXEMPT = "spec: {exemptions: [{name: alice, users: [alice]}], rules: [{name: ours, registries: {allow: [quay.io]}}]}"
_COMPLETES = "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}]}"
_ASKS_AND_COMPLETES = (
    "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal}}}], "
    "rules: [{name: a, importPolicy: {importMode: [PreserveOriginal]}}]}"
)
_IMAGE = "spec: {rules: [{name: labelled, labels: {require: {owner: '*'}}}]}"
_NGINX = review_of(docker("docker.io/library/nginx:1"))


def _replay(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["replay", *map(str, arguments), "--workers", "1"])


def _command(*arguments: object, input: bytes = b"") -> "subprocess.CompletedProcess[bytes]":  # noqa: A002 - as subprocess has it
    return subprocess.run(
        [sys.executable, "-m", "webhook.cli", *map(str, arguments)],
        input=input, capture_output=True, check=False, timeout=120,
    )  # fmt: skip


def _policy(directory: Path, text: str = _STRICT) -> Path:
    path = directory / "policy.yaml"
    path.write_text(HEAD + text)
    return path


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A policy that takes images of quay.io only."""
    return _policy(tmp_path)


def _evaluated(line: bytes, policy: str) -> tuple[str, list[str]]:
    """Return what changes, and the rules that say so."""
    evaluated = Evaluation(policy_of(policy))(Part("r", 1, line, 0))
    assert evaluated.tally.evaluated == 1
    found = evaluated.outcomes
    return (found[0].change, [finding.rule for finding in found[0].deciding]) if found else ("", [])


@pytest.mark.parametrize(
    ("document", "webhook", "then", "now", "change", "rules"),
    [
        (_NGINX, "validate", _OPEN, _STRICT, NEWLY_DENIED, ["ours"]),
        (_NGINX, "validate", _STRICT, _OPEN, NEWLY_ALLOWED, ["ours"]),
        (_NGINX, "validate", _STRICT, _WARNS, NEWLY_ALLOWED, ["ours"]),
        (_NGINX, "validate", _OPEN, _WARNS, "", []),
        (_NGINX, "validate", _STRICT, _STRICT, "", []),
        (_NGINX, "validate", _STRICT, _EXEMPT, NEWLY_ALLOWED, ["ours"]),
        (_NGINX, "validate", _OPEN, _ASKS_AND_COMPLETES, "", []),
        (_NGINX, "mutate", _OPEN, _COMPLETES, NEWLY_COMPLETED, []),
        (_NGINX, "mutate", _COMPLETES, _OPEN, NEWLY_COMPLETED, []),
        (_NGINX, "mutate", _COMPLETES, _COMPLETES, "", []),
        (_NGINX, "mutate", _OPEN, _STRICT, "", []),
        (push_review(), "validate", _OPEN, _IMAGE, NEWLY_DENIED, ["labelled"]),
    ],
    ids=[
        "denied", "allowed", "only-warned", "warned-now", "same", "exempt", "defaults-come-first", "completed",
        "not-completed", "completed-the-same", "mutate-refuses-nothing", "push",
    ],
)  # fmt: skip
def test_what_changes(
    document: dict[str, Any], webhook: str, then: str, now: str, change: str, rules: list[str]
) -> None:
    """Differences from another policy are reported, with the rules that deny a change, or denied it before."""
    assert _evaluated(recorded(document, policy_of(then), webhook), now) == (change, rules)


def test_the_same_policy_changes_nothing(shipped: Policy) -> None:
    """Every recorded review that is evaluated again by the same policy comes out as it was."""
    lines = history(shipped)
    evaluated = Evaluation(shipped)(Part("r", 1, b"\n".join(lines), 0))
    assert (evaluated.outcomes, evaluated.tally.evaluated) == ([], len(lines))


def test_secrets_that_were_not_recorded_change_nothing() -> None:
    """No rule reads the parts of an image that the record omits."""
    image = {"dockerImageMetadata": {"kind": "DockerImage", "Config": {"Env": ["A=b"], "Labels": {"owner": "me"}}}}
    assert _evaluated(recorded(push_review(image), policy_of(_IMAGE)), _IMAGE) == ("", [])


def _mixed(policy: Policy) -> bytes:
    good = recorded(_NGINX, policy)
    foreign = good.replace(b"imagestreamtags", b"pods")
    lines = [
        good, b"", b"not json", b'{"level":"info","message":"started"}', b"2026-01-02T03:04:05Z stdout F " + good,
        recorded(_NGINX, policy, level="metadata"), foreign, good[:-10],
    ]  # fmt: skip
    return b"\n".join(lines)


def test_lines_that_are_no_records(tmp_path: Path, strict: Path) -> None:
    """Invalid lines are counted, and the first are reported with file and line; the others are evaluated."""
    (tmp_path / "a.log").write_bytes(_mixed(policy_of(_OPEN)))
    done = _replay(tmp_path / "a.log", "--policy", strict)
    assert done.exit_code == 1
    assert done.stderr.splitlines() == [
        f"{tmp_path}/a.log:3: expected a record, got a truncated line or one that is not JSON",
        f"{tmp_path}/a.log:4: expected a record, got another JSON line",
        f"{tmp_path}/a.log:7: request.resource: expected imagestreamimports, imagestreammappings, imagestreams, "
        "imagestreams/status, imagestreamtags, imagetags of image.openshift.io/v1, got pods of image.openshift.io/v1",
        f"{tmp_path}/a.log:8: expected a record, got a truncated line or one that is not JSON",
        "not evaluated: other lines: 3, records of level metadata: 1, records whose request cannot be evaluated: 1",
    ]
    assert "2 evaluated by test@sha256:" in done.stdout
    assert f"{tmp_path}/a.log:5: app/app:live: denied (was allowed)\n  enforce: tag.from.name: " in done.stdout


@given(
    st.lists(
        st.binary(max_size=60)
        | st.sampled_from([b"{", b'{"webhook":1}', b'{"webhook":"validate","verdict":"deny"}', b"[]", b'"', b"null"])
    )
)
def test_no_line_is_too_strange(lines: list[bytes]) -> None:
    """Whatever a file contains, each line that is not empty is counted once."""
    data = b"\n".join(lines)
    tally = Evaluation(_ANY)(Part("r", 1, data, 0)).tally
    assert tally.not_evaluated.total() == sum(1 for line in data.split(b"\n") if line and not line.isspace())


_ANY = policy_of(_OPEN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("findings", None), ("findings", [{"rule": "a"}]), ("findings", [{"rule": "a", "mode": "x", "message": "", "field": "", "existing": False}]),
        ("patch", [1]), ("time", None), ("time", "yesterdayZ"), ("time", "2026-01-02T03:04:05+01:00"), ("verdict", "perhaps"), ("verdict", []), ("webhook", {}), ("request", []),
    ],
)  # fmt: skip
def test_records_that_are_no_records(field: str, value: Any) -> None:
    """A line that looks like a record and holds something else is counted, and nothing is raised."""
    line = json.dumps({**json.loads(recorded(_NGINX, _ANY)), field: value}).encode()
    evaluated = Evaluation(_ANY)(Part("r", 1, line, 0))
    assert (evaluated.tally.evaluated, evaluated.tally.not_evaluated.total()) == (0, 1)


def _gzipped(data: bytes) -> bytes:
    half = data.index(b"\n") + 1
    return gzip.compress(data[:half]) + gzip.compress(data[half:])


@pytest.mark.parametrize("form", ["plain", "gzip", "directory", "stdin", "gzip-stdin"])
def test_files(tmp_path: Path, strict: Path, form: str) -> None:
    """Records are read plain or gzip, by what is in a file and not by its name, from files, directories, stdin."""
    data = b"\n".join(history(policy_of(_OPEN))) + b"\n"
    stored = _gzipped(data) if "gzip" in form else data
    logs = tmp_path / "logs"
    (logs / "deep" / ".hidden").mkdir(parents=True)
    file = logs / "deep" / "records.txt"
    file.write_bytes(stored)
    (logs / "deep" / ".hidden" / "x").write_bytes(b"no record")
    name = "-" if "stdin" in form else logs if form == "directory" else file
    done = _command("replay", name, "--policy", strict, "--format", "json", input=stored)
    report = json.loads(done.stdout)
    assert done.stderr == b""
    assert report["summary"]["allowed"] + report["summary"]["denied"] == data.count(b"\n")
    first = report["outcomes"][0]
    assert first["file"] == ("-" if name == "-" else str(file))
    assert json.loads(data.splitlines()[first["line"] - 1])["name"] == first["name"]


@pytest.mark.parametrize(
    ("stored", "sentence", "whole"),
    [
        (lambda data: gzip.compress(data)[:-9], "the compressed data is incomplete or invalid: Compressed file ended", True),
        (lambda data: gzip.compress(data)[:40] + b"\xff" * 40, "the compressed data is incomplete or invalid: Error -3", False),
        (lambda data: gzip.compress(data) + b"rubbish", "the compressed data is incomplete or invalid: Not a gzipped", True),
        (None, UNREADABLE, False),
    ],
    ids=["cut-off", "broken", "followed-by-rubbish", "absent"],
)  # fmt: skip
def test_files_that_cannot_be_read(
    tmp_path: Path, strict: Path, stored: Callable[[bytes], bytes] | None, sentence: str, whole: bool
) -> None:
    """A file that cannot be read to its end ends with 2, after what could be read of it was evaluated."""
    if stored is not None:
        (tmp_path / "a.log").write_bytes(stored(recorded(_NGINX, policy_of(_OPEN)) + b"\n"))
    done = _replay(tmp_path / "a.log", "--policy", strict)
    assert done.exit_code == 2
    assert f"{tmp_path}/a.log: {sentence}" in done.stderr
    assert ("1 newly denied" in done.stdout) == whole


@pytest.mark.parametrize("stored", [b"", b"\n\n", recorded(_NGINX, _ANY, level="metadata"), b"nothing"])
def test_nothing_to_evaluate(tmp_path: Path, stored: bytes) -> None:
    """If no record can be evaluated, the command does not report success."""
    (tmp_path / "a.log").write_bytes(stored)
    done = _replay(tmp_path / "a.log")
    assert done.exit_code == 0
    assert _replay(tmp_path / "a.log", "--fail-on-empty").exit_code == 2
    assert "no record was evaluated: expected records of level request" in done.stderr


def test_nothing_is_left_to_evaluate(tmp_path: Path) -> None:
    """If the options exclude every record, the message names them and not the record's level."""
    (tmp_path / "a.log").write_bytes(recorded(_NGINX, _ANY))
    done = _replay(tmp_path / "a.log", "--namespace", "nowhere")
    assert done.exit_code == 0
    assert "no record was evaluated: expected one that --since, --until, --namespace" in done.stderr


def test_nothing_changes(tmp_path: Path, strict: Path) -> None:
    """If nothing would change, it exits with 0."""
    (tmp_path / "a.log").write_bytes(recorded(_NGINX, policy_of(_STRICT)))
    done = _replay(tmp_path / "a.log", "--policy", strict)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.endswith("0 newly denied, 0 newly allowed, 0 mutated differently\n")


@pytest.mark.parametrize(
    ("options", "evaluated"),
    [
        ([], 4),
        (["--since", "2026-01-02T04:04:05Z"], 3),
        (["--since", "2026-01-02T05:04:05+01:00"], 3),
        (["--until", "2026-01-02T04:04:05"], 1),
        (["--since", "2026-01-02", "--until", "2026-01-03"], 4),
        (["--namespace", "team-*"], 2),
        (["--namespace", "team-a", "--namespace", "app"], 3),
        (["--skip-dry-run"], 3),
    ],
    ids=["all", "since", "since-offset", "until", "day", "glob", "two", "dry-run"],
)
def test_selection(tmp_path: Path, strict: Path, options: list[str], evaluated: int) -> None:
    """Records are chosen by time, namespace and whether they were only tried; the others are counted as left out."""
    lines = [
        recorded(review_of(docker("nginx"), namespace=namespace, dryRun=dry), _ANY, minutes=60 * hour)
        for hour, (namespace, dry) in enumerate([("app", False), ("app", True), ("team-a", False), ("team-b", False)])
    ]
    (tmp_path / "a.log").write_bytes(b"\n".join(lines))
    done = _replay(tmp_path / "a.log", "--policy", strict, *options)
    assert f"{evaluated} evaluated" in done.stdout
    assert ("skipped by" in done.stderr) == (evaluated < 4)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--namespace", "**a"], '"**a" matches no namespace: '),
        (["--since", "yesterday"], "expected a duration such as 1h, or a time such as 2026-01-31"),
        (["--policy", "/nowhere"], "/nowhere: cannot be read"),
        (["--shard", "5/4"], "--shard"),
    ],
)
def test_usage(tmp_path: Path, options: list[str], sentence: str) -> None:
    """An option that cannot be used ends with 2 before anything is read."""
    done = _replay(tmp_path / "absent", *options)
    assert done.exit_code == 2
    assert sentence in done.output
    assert "absent" not in done.output


def test_order_of_files() -> None:
    """Files come in the order of their names, each once, so that a report does not depend on the arguments' order."""
    assert expand(["b", "-", "a", "./b"], []) == [None, Path("a"), Path("b")]


def test_parts_are_whole_lines(tmp_path: Path) -> None:
    """However a file is cut, each line is in one part with its number, and a line that is too long is not kept whole."""
    lines = [b"x" * length for length in (*range(150), 5000, 3)]
    (tmp_path / "a").write_bytes(b"\n".join(lines))
    found: dict[int, bytes] = {}
    for part in cut([tmp_path / "a"], [], 64, 1000):
        found |= enumerate(part.data.removesuffix(b"\n").split(b"\n"), part.line)
    assert len(found[151]) in range(1000, 1200)
    assert {**found, 151: b""} == {**dict(enumerate(lines, 1)), 151: b""}


@pytest.fixture(scope="module")
def year(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a few hundred records of several files, other lines among them."""
    directory = tmp_path_factory.mktemp("year")
    lines = history(_ANY, 4)
    (directory / "a.log").write_bytes(b"\n".join(lines[:300]) + b"\nnot a record\n")
    (directory / "b.log.gz").write_bytes(gzip.compress(b"\n".join(lines[300:])))
    return directory


def _reported(text: str | bytes) -> str:
    """Return a report as if it was made at another time."""
    said = text if isinstance(text, str) else text.decode()
    return said.replace(json.loads(said)["time"], "2026-02-03T04:05:06Z")


def test_workers_change_nothing(year: Path, strict: Path) -> None:
    """Several processes give the report that one gives, in the same order."""
    one, two = (
        _command("replay", year, "--policy", strict, "--format", "json", "--workers", workers) for workers in (1, 2)
    )
    assert (one.returncode, two.returncode) == (1, 1)
    assert _reported(one.stdout) == _reported(two.stdout)
    assert one.stderr == two.stderr


def test_four_parts_are_the_whole(year: Path, strict: Path, tmp_path: Path) -> None:
    """The merged result of an Indexed Job of four is the report of one, in every format."""
    arguments = [year, "--policy", strict, "--format", "json"]
    (tmp_path / "whole.json").write_text(_reported(_replay(*arguments).stdout))
    shards = []
    for index in range(4):
        done = CliRunner().invoke(
            main, ["replay", *map(str, arguments), "--workers", "1", "--shard", "/4"],
            env={"JOB_COMPLETION_INDEX": str(index)},
        )  # fmt: skip
        assert done.exit_code == 0
        assert len(json.loads(done.stdout)["outcomes"]) > 10
        shards.append(tmp_path / f"{index}.json")
        shards[-1].write_text(_reported(done.stdout))
    for form in FORMATS:
        merged, alone = (_merge(*files, "--format", form) for files in (reversed(shards), [tmp_path / "whole.json"]))
        assert (merged.exit_code, alone.exit_code) == (1, 1), merged.output
        assert merged.stdout == alone.stdout
    assert _merge(*shards, "--format", "json").stdout == (tmp_path / "whole.json").read_text()


def _merge(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["merge", *map(str, arguments)])


@pytest.fixture
def halves(tmp_path: Path, strict: Path) -> list[str]:
    """The reports of two halves."""
    (tmp_path / "r.log").write_bytes(b"\n".join(history(_ANY)[:20]))
    return [
        _replay(tmp_path / "r.log", "--policy", strict, "--format", "json", "--shard", f"{part}/2").stdout
        for part in (1, 2)
    ]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda a, b: [a], "a.json: shard: expected all parts, but 2/2 is missing"),
        (lambda a, b: [a, a], "b.json: shard: duplicate part 1/2, also in {}/a.json"),
        (lambda a, b: [a, b.replace('"shard":"2/2"', '"shard":"2/3"')], "expected the parts of one report, got {}/a.json (1/2), {}/b.json (2/3)"),
        (lambda a, b: [a, b.replace('"command":"replay"', '"command":"scan"')], 'b.json: command: expected "replay" as in {}/a.json, got "scan"'),
        (lambda a, b: [a, b.replace('"digest":"sha256:', '"digest":"sha256:0')], 'b.json: digest: expected "sha256:'),
        (lambda a, b: [a, b[: len(b) // 2]], "b.json:"),
        (lambda a, b: [a, b.replace('"summary":{"allowed":', '"summary":{"allowed":"x","x":')], "b.json:"),
        (lambda a, b: [a, "{}"], "b.json:1: "),
    ],
    ids=["missing", "twice", "of-another", "command", "policy", "cut-off", "summary", "other"],
)  # fmt: skip
def test_reports_that_do_not_fit(
    tmp_path: Path, halves: list[str], change: Callable[[str, str], list[str]], sentence: str
) -> None:
    """Reports that are not all parts of one report are denied, and it is said which and why."""
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, text in zip(files, change(*halves), strict=False):
        file.write_text(text)
    done = _merge(*(file for file in files if file.exists()), "--format", "json", "--output", tmp_path / "out")
    assert done.exit_code == 2
    assert sentence.replace("{}", str(tmp_path)) in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_report_on_standard_input(tmp_path: Path, halves: list[str]) -> None:
    """A part may come from standard input, as from a file."""
    files = [tmp_path / "a.json", tmp_path / "b.json"]
    for file, text in zip(files, halves, strict=True):
        file.write_text(text)
    piped = CliRunner().invoke(main, ["merge", str(files[0]), "-"], input=halves[1])
    assert (piped.exit_code, piped.stdout) == (1, _merge(*files).stdout)


def test_a_report_that_is_not_there(tmp_path: Path) -> None:
    """A file that cannot be read is said."""
    done = _merge(tmp_path / "absent.json")
    assert (done.exit_code, done.stderr) == (2, f"{tmp_path}/absent.json: {UNREADABLE}\n")


@contextmanager
def _endless(strict: Path, year: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a replay with two workers, in a process group of its own, whose input does not end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "webhook.cli", "replay", "-", "--policy", strict, "--workers", "2", "--format", "json"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, process_group=0,
    )  # fmt: skip
    assert process.stdin is not None
    try:
        process.stdin.write((year / "a.log").read_bytes() * 4)
        process.stdin.flush()
        _until(lambda: len(_children(process.pid)) == 2, "two workers")
        yield process
    finally:
        process.stdin.close()
        process.kill()
        process.wait()
        for stream in (process.stdout, process.stderr):
            if stream is not None:
                stream.close()


def _children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _until(true: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)


def _gone(pids: list[int]) -> bool:
    return not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_interrupt(year: Path, strict: Path) -> None:
    """Ctrl-C, which reaches every process of the group, ends them all with 130 and one word."""
    with _endless(strict, year) as process:
        workers = _children(process.pid)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=PATIENCE) == 130
        assert process.stderr is not None
        assert process.stderr.read() == b"interrupted\n"
        _until(lambda: _gone(workers), "the workers' end")


def test_a_worker_that_dies(year: Path, strict: Path) -> None:
    """A worker that is killed is an error that is said, and nothing hangs."""
    with _endless(strict, year) as process:
        os.kill(_children(process.pid)[0], signal.SIGKILL)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(timeout=PATIENCE) == 2
        assert process.stderr is not None
        assert b"a worker process ended before its part was evaluated" in process.stderr.read()


def test_workers_do_not_outlive_it(year: Path, strict: Path) -> None:
    """A replay that is killed leaves no process behind."""
    with _endless(strict, year) as process:
        workers = _children(process.pid)
        process.kill()
        process.wait()
        _until(lambda: _gone(workers), "the workers' end")


_PEAK = """
import resource, sys
from click.testing import CliRunner
from webhook.cli.main import main
done = CliRunner().invoke(main, ["replay", "--workers", "1", "--format", sys.argv[3], "--output", "/dev/null", "--policy", sys.argv[1], sys.argv[2]])
assert done.exit_code == 1, done.output
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.parametrize("form", ["table", "json"])
def test_memory_is_bounded(tmp_path: Path, strict: Path, form: str) -> None:
    """Five times as many records that all change take no more memory, within what an allocator does."""
    line = recorded(_NGINX, _ANY) + b"\n"
    peaks = []
    for times in (2_000, 10_000):
        with gzip.open(tmp_path / "r.gz", "wb", compresslevel=1) as file:
            for _ in range(times // 100):
                file.write(line * 100)
        done = subprocess.run(
            [sys.executable, "-c", _PEAK, strict, tmp_path / "r.gz", form], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout))
    assert peaks[1] < peaks[0] + 12, f"MiB: {peaks}"


def test_progress_on_a_terminal(year: Path, strict: Path) -> None:
    """On a terminal there is a complete progress bar; elsewhere nothing is written except the report."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "webhook.cli", "replay", year, "--policy", strict, "--workers", "2"],
        stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "80"},
    )  # fmt: skip
    os.close(theirs)
    shown = io.BytesIO()
    while True:
        try:
            piece = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not piece:
            break
        shown.write(piece)
    os.close(ours)
    assert process.wait(timeout=PATIENCE) == 1
    assert b"replay  [####################################]  100%" in shown.getvalue()
