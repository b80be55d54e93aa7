"""The record of a real server proves itself: over kills, rotation and compression, with the policy of each decision."""

import gzip
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.builders import HEAD, docker, review_of
from tests.support.sentences import UNREADABLE
from tests.support.serving import Server, serving, until

from webhook.certs.signing import make
from webhook.cli.main import main
from webhook.policy.loading import load

_BODY = json.dumps(review_of(docker("quay.io/acme/app:1"))).encode()


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="istag-webhook")


def _verify(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
    done = _run("records", "verify", "--format", "json", *arguments)
    return done.exit_code, json.loads(done.output)


def _policy(path: Path, registry: str) -> None:
    text = HEAD + f"spec: {{rules: [{{name: trusted, registries: {{allow: [{registry}]}}}}]}}\n"
    path.with_suffix(".new").write_text(text)
    path.with_suffix(".new").rename(path)


def _kinds(found: dict[str, Any]) -> list[str]:
    return [each["kind"] for each in found["found"]]


def _lines(*files: Path) -> Iterator[dict[str, Any]]:
    for file in files:
        yield from map(json.loads, file.read_bytes().splitlines())


def test_a_record_over_kills_rotation_and_gzip(tmp_path: Path) -> None:
    """Two workers, one of them killed, in files that are rotated, compressed and merged: only its end is untold."""
    records, old = tmp_path / "records" / "records.jsonl", tmp_path / "records" / "records.1"
    records.parent.mkdir()
    private, public = make(tmp_path / "keys")
    with serving(tmp_path, "--record", str(records), "--record-key", str(private)) as server:
        for _ in range(20):
            assert server.post(_BODY)[0] == 200
        killed = min(server.workers())
        os.kill(killed, signal.SIGKILL)
        until(lambda: killed not in server.workers() and len(server.workers()) == 2, "another worker")
        records.rename(old)
        for _ in range(20):
            assert server.post(_BODY)[0] == 200
        server.signal(signal.SIGHUP)
        until(lambda: sum(each["kind"] == "policy" for each in _lines(old, records)) == 5, "two more workers")
        assert server.post(_BODY)[0] == 200
    compressed = old.with_suffix(".1.gz")
    compressed.write_bytes(gzip.compress(old.read_bytes()))
    merged = tmp_path / "merged.jsonl"
    merged.write_bytes(records.read_bytes() + old.read_bytes())
    for files in ([compressed, records], [records, compressed], [merged]):
        code, found = _verify("--key", public, *files)
        assert (code, found["writers"], found["other"]) == (0, 5, 0), found
        assert {each["where"].split()[0].partition("/")[2] for each in found["found"]} == {str(killed)}
    assert sum(each["kind"] == "decision" for each in _lines(old, records)) == 41
    lines = merged.read_bytes().splitlines(keepends=True)
    place = next(place for place, line in enumerate(lines) if b'"decision"' in line)
    merged.write_bytes(b"".join(lines[:place] + lines[place + 1 :]))
    code, found = _verify("--key", public, merged)
    assert (code, _kinds(found)[0]) == (1, "missing")


def test_each_decision_comes_after_its_policy(tmp_path: Path) -> None:
    """A worker writes a new policy before it decides by it; the documents of the record are the policy."""
    policy, records = tmp_path / "policy.yaml", tmp_path / "records.jsonl"
    _policy(policy, "quay.io")
    with serving(tmp_path, "--policy", str(policy), "--record", str(records)) as server:
        for registry in ("quay.io", "registry.example", "quay.io"):
            _policy(policy, registry)
            allowed = registry == "quay.io"
            until(lambda: {server.post(_BODY)[1]["response"]["allowed"] for _ in range(8)} == {allowed}, registry)  # noqa: B023 - asked at once
    recorded: dict[str, set[str]] = {}  # a decision that began before a reload may be written after the new policy
    for line in _lines(records):
        writer = json.dumps(line["writer"])
        if line["kind"] == "policy":
            recorded.setdefault(writer, set()).add(line["policy"]["digest"])
            (document,) = line["policy"]["documents"]
            (tmp_path / "again.json").write_text(json.dumps(document))
            assert load(tmp_path / "again.json").digest == line["policy"]["digest"]
        else:
            assert line["policy"]["digest"] in recorded[writer]
    code, found = _verify(records)
    assert (code, _kinds(found)) == (0, ["unproven"] * (1 + len(recorded)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that records on standard output."""
    with serving(tmp_path_factory.mktemp("records")) as running:
        yield running


_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (f"00-{_TRACE}-00f067aa0ba902b7-01", True),
        (f"01-{_TRACE}-00f067aa0ba902b7-00", True),
        (f"ff-{_TRACE}-00f067aa0ba902b7-01", False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{_TRACE}-{'0' * 16}-01", False),
        (f"00-{_TRACE.upper()}-00f067aa0ba902b7-01", False),
        (f"00-{_TRACE}-00f067aa0ba902b7-01-{'x' * 1_000}", False),
        ("", False),
    ],
    ids=["sampled", "a later version", "no version", "no trace", "no parent", "upper case", "too long", "empty"],
)
def test_traceparent(server: Server, header: str, kept: bool) -> None:
    """A well-formed trace context of the API server is in the record, any other is not."""
    server.out.clear()
    connection = server.connect()
    connection.request("POST", "/validate", _BODY, {"Content-Type": "application/json", "traceparent": header})
    assert connection.getresponse().status == 200
    connection.close()
    (record,) = until(server.records, "the record")
    assert record.get("traceparent") == (header if kept else None)


def test_keys(tmp_path: Path) -> None:
    """The key is made once, private for its owner only; what is no such key is said."""
    done = _run("certs", "record-key", "--directory", tmp_path)
    assert done.exit_code == 0
    assert (tmp_path / "record.key").stat().st_mode & 0o077 == 0
    again = _run("certs", "record-key", "--directory", tmp_path)
    assert (again.exit_code, again.output.splitlines()) == (
        2,
        [f"{tmp_path}/{name}: already exists; use --force to overwrite it" for name in ("record.key", "record.pub")],
    )
    (tmp_path / "records").write_text("a log line\n")
    for given, expected in (
        (["--key", tmp_path / "record.key", tmp_path / "records"], "expected an Ed25519 public key in PEM"),
        (["--key", tmp_path / "none", tmp_path / "records"], UNREADABLE),
        ([tmp_path / "records"], "expected records, got none"),
    ):
        done = _run("records", "verify", *given)
        assert done.exit_code == 2
        assert done.output.splitlines()[-1].endswith(expected)
