"""`scan` against a real API server: ten thousand tags, lists that expire, parts, and memory."""

import base64
import contextlib
import http.client
import json
import os
import pty
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support import streams
from tests.support.apiserver import ApiServer, Said
from tests.support.builders import policy_of, review_of
from tests.support.recording import recorded as record_of
from tests.support.streams import report_of

from webhook.cli.main import main
from webhook.cluster.client import Cluster, connect
from webhook.errors import ClusterError, ReportError
from webhook.evaluate.streams import chunks, key_of

_COUNT, _TAGS = 500, 20
Scan = Callable[..., Said]


@pytest.fixture(scope="module")
def filled(scannable: ApiServer) -> Iterator[ApiServer]:
    """The API server with 10,000 tags in 500 streams of 100 namespaces."""
    small = streams.streams(50, _TAGS, test="scan", part="small")
    documents = [*small, *islice(streams.streams(_COUNT, _TAGS, test="scan"), 50, None)]
    namespaces = streams.fill(scannable.kubeconfig, documents)
    yield scannable
    streams.empty(scannable.kubeconfig, namespaces)


@pytest.mark.usefixtures("filled")
def test_ten_thousand_tags(scan: Scan) -> None:
    """Every tag of the cluster is evaluated, and those with findings are reported."""
    done = scan("--selector", "test=scan", "--format", "json")
    assert (done.code, done.err) == (1, "")
    outcomes, tally = report_of(done.out)
    assert tally.evaluated == _COUNT * _TAGS
    assert (tally.verdicts["allow"], tally.verdicts["deny"]) == (9_500, 500)
    assert tally.modes == {"enforce": 500, "warn": 500, "audit": 10_000}
    assert outcomes[7].title == "team-000/app-0:v7"
    assert [(finding.rule, finding.existing) for finding in outcomes[7].findings] == [
        ("no-insecure-imports", True),
        ("images-by-digest", True),
    ]


@pytest.mark.usefixtures("filled")
def test_four_shards_are_the_whole(scan: Scan, tmp_path: Path) -> None:
    """The reports of four parts, put together, are the report of all."""
    chosen = ("--namespace", "team-00*", "--namespace", "team-01*")
    whole = scan(*chosen, "--format", "json")
    files = [tmp_path / f"{number}.json" for number in range(1, 5)]
    for number, file in enumerate(files, 1):
        part = scan(*chosen, "--shard", f"{number}/4", "--format", "json", "--output", file)
        assert (part.code, part.out, part.err) == (0, "", "")
        assert 0 < report_of(file.read_text())[1].evaluated < 2_000
    merged = subprocess.run(
        [sys.executable, "-m", "webhook.cli", "merge", "--format", "json", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (merged.returncode, merged.stderr) == (whole.code, "") == (1, "")
    ours, theirs = json.loads(whole.out), json.loads(merged.stdout)
    assert len(ours["outcomes"]) == 2_000
    del ours["time"], theirs["time"]
    assert ours == theirs


def test_the_order_is_the_same_however_it_is_read(scannable: ApiServer, scan: Scan) -> None:
    """Namespaces that are listed one by one come in the order in which the API server lists all of them."""
    base = scannable.namespace()
    names = [f"{base}-s", f"{base}-s-a", f"{base}-s0"]
    made = [
        {**each, "metadata": {**each["metadata"], "namespace": name}}
        for name in names
        for each in streams.streams(2, 1, test=base)
    ]
    streams.fill(scannable.kubeconfig, made)
    whole, parts = scan("--selector", f"test={base}"), scan("--namespace", f"{base}-s*")
    assert whole.out == parts.out
    assert [line.partition("/")[0] for line in whole.out.splitlines() if line.startswith(base)] == [
        name for name in (names[1], names[0], names[2]) for _ in range(2)
    ]  # fmt: skip
    streams.empty(scannable.kubeconfig, names)


def test_a_scan_ends_a_history(scan: Scan, fresh: Callable[..., list[str]], tmp_path: Path) -> None:
    """With --verbose the report lists every tag, so that a history finds one that points elsewhere, and one that is gone."""
    (namespace,) = fresh(1, 3)
    report = tmp_path / "now.json"
    assert scan("--namespace", namespace, "--verbose", "--format", "json", "--output", report).code in (0, 1)
    outcomes, tally = report_of(report.read_text())
    tags = {outcome.title: outcome.tags[0]["to"] for outcome in outcomes if outcome.tags}
    assert len(outcomes) == tally.evaluated
    recorded = {
        **tags,
        next(iter(tags)): "DockerImage quay.io/acme/other:1",
        f"{namespace}/app-0:gone": "DockerImage a:1",
    }
    policy = policy_of("spec: {rules: [{name: any, registries: {allow: ['**']}}]}")
    lines = []
    for name, to in recorded.items():
        kind, _, source = str(to).partition(" ")
        document = review_of({"kind": kind, "name": source}, namespace=namespace, name=name.partition("/")[2], uid=name)
        lines.append(record_of(document, policy))
    (tmp_path / "records.jsonl").write_bytes(b"\n".join(lines))
    done = CliRunner().invoke(
        main,
        ["history", f"{namespace}/*:*", str(tmp_path / "records.jsonl"), "--scan", str(report), "--format", "json"],
    )
    found = json.loads(done.stdout)["outcomes"]
    wrong = [each["tags"][0]["tag"] for each in found if each["findings"]]
    assert (done.exit_code, len(found), wrong) == (
        1,
        len(recorded),
        sorted([next(iter(tags)), f"{namespace}/app-0:gone"]),
    )


@pytest.mark.parametrize("token", [True, False], ids=["with-a-token", "from-the-start"])
def test_a_list_that_expires(filled: ApiServer, token: bool) -> None:
    """After a 410 each stream is seen once, wherever the API server lets the list continue."""
    cluster = Cluster(_Expiring(connect(filled.kubeconfig).sender, token=token))
    seen: list[str] = []
    for number, chunk in enumerate(chunks(cluster, "", selector="test=scan", size=90)):
        seen += map(key_of, chunk.items)
        if number in (1, 3):
            _forget(filled)
    assert len(seen) == _COUNT
    assert seen == sorted(set(seen))
    assert cluster.sender.expired == 2  # type: ignore[attr-defined]


class _Expiring:
    """A sender that counts lists that expired, and may keep to itself how they go on, as old API servers do."""

    def __init__(self, sender: Any, *, token: bool) -> None:
        self._sender, self._token, self.server, self.expired = sender, token, sender.server, 0

    def send(self, *arguments: Any) -> dict[str, Any]:
        try:
            found: dict[str, Any] = self._sender.send(*arguments)
        except ClusterError as error:
            assert error.expired
            assert error.token
            self.expired += 1
            if self._token:
                raise
            raise ClusterError(str(error), error.status) from None
        return found


def _forget(api: ApiServer) -> None:
    """Write something, and make etcd forget what was before it, which it does by itself every five minutes."""
    api.request("POST", "/api/v1/namespaces", {"metadata": {"generateName": "forget-"}})
    connection = http.client.HTTPConnection("localhost")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(api.directory / "client:0"))
    try:
        answer = _etcd(connection, "kv/range", {"key": base64.b64encode(b"/").decode()})
        _etcd(connection, "kv/compaction", {"revision": answer["header"]["revision"], "physical": True})
    finally:
        connection.close()


def _etcd(connection: http.client.HTTPConnection, path: str, body: Mapping[str, Any]) -> Any:
    connection.request("POST", f"/v3/{path}", json.dumps(body))
    answer = connection.getresponse()
    assert answer.status == 200
    return json.loads(answer.read())


def test_memory_is_bounded(filled: ApiServer) -> None:
    """Ten times the streams take no more memory."""
    few, many = (
        streams.peak(filled.kubeconfig, selector, "--chunk-size", "20") for selector in ("part=small", "test=scan")
    )
    assert many - few < 8 * 1024


def test_a_scan_that_is_interrupted(filled: ApiServer) -> None:
    """SIGINT ends it with 130, and what was printed until then is taken for no report."""
    command = streams.command(filled.kubeconfig, "--selector", "test=scan", "--format", "json")
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    printed = process.stdout.readline()
    process.send_signal(signal.SIGINT)
    rest, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"interrupted\n")
    with pytest.raises(ReportError, match=r"incomplete|expected the output"):
        report_of((printed + rest).decode())


def test_a_person_who_waits_sees_how_far_it_is(filled: ApiServer, tmp_path: Path) -> None:
    """On a terminal a bar shows how many streams are done of how many, and it is not in the report."""
    reader, terminal = pty.openpty()
    report = tmp_path / "report.json"
    with report.open("wb") as out:
        command = streams.command(
            filled.kubeconfig, "--selector", "part=small", "--chunk-size", "10", "--format", "json"
        )
        process = subprocess.Popen(command, stdout=out, stderr=terminal)
    os.close(terminal)
    shown = b""
    with contextlib.suppress(OSError):  # how a terminal ends
        while part := os.read(reader, 2**16):
            shown += part
    os.close(reader)
    assert process.wait() == 1
    assert (b"image streams" in shown, b"50/50" in shown) == (True, True)
    assert report_of(report.read_text())[1].evaluated == 1_000


@pytest.mark.parametrize("fixing", [(), ("--fix",)], ids=["scan", "fix"])
@pytest.mark.parametrize(
    ("chosen", "code", "sentence"),
    [
        (("-n", "taem-a"), 2, 'namespaces "taem-a" not found'),
        (("-n", "team-*", "-n", "taem-a"), 2, 'namespaces "taem-a" not found'),
        (("-n", "taem-*"), 0, "there are no tags in the selected image streams"),
        (("-n", "default", "--selector", "app=none"), 0, "there are no tags in the selected image streams"),
    ],
    ids=["name", "name-and-glob", "glob", "selector"],
)
def test_nothing_that_is_there(
    scan: Scan, chosen: tuple[str, ...], code: int, sentence: str, fixing: tuple[str, ...]
) -> None:
    """A namespace that is named and not there cannot be used; what matches nothing is said."""
    done = scan(*chosen, *fixing)
    assert (done.code, sentence in done.err) == (code, True)
    assert code == 0 or done.out == ""
