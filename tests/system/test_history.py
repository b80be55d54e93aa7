"""The history of tags from the records of real servers: two pods, rotated, compressed, and piped."""

import gzip
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import HEAD, docker, istag_of, push_review, review_of, stream_of, stream_review, tag_of
from tests.support.serving import PATIENCE, Server, serving

_POLICY = "spec: {rules: [{name: ours, registries: {allow: [quay.io]}}], exemptions: [{name: night, users: [bob], ticket: OPS-1}]}"
_APP = "quay.io/acme/app"


def _history(*arguments: object, input: bytes = b"") -> "subprocess.CompletedProcess[bytes]":  # noqa: A002 - as subprocess has it
    return subprocess.run(
        [sys.executable, "-m", "webhook.cli", "history", *map(str, arguments)],
        input=input, capture_output=True, check=False, timeout=PATIENCE,
    )  # fmt: skip


def _send(server: Server, document: dict[str, Any], uid: str, **request: Any) -> bool:
    """Send a review as an API server does, to the mutating webhook and to the validating one; return whether it is allowed."""
    document["request"] |= {**request, "uid": f"{uid}-mutate"}
    assert server.post(json.dumps(document).encode(), "/mutate")[0] == 200
    document["request"] |= {"uid": uid}
    allowed: bool = server.post(json.dumps(document).encode())[1]["response"]["allowed"]
    return allowed


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The records of two servers with two workers each, which decided in turn; those of one are rotated and compressed."""
    directory = tmp_path_factory.mktemp("pods")
    folder = directory / "records"
    folder.mkdir()
    (directory / "policy.yaml").write_text(HEAD + _POLICY)
    arguments = ("--policy", str(directory / "policy.yaml"), "--record-level", "request", "--record")
    (directory / "one").mkdir()
    (directory / "two").mkdir()
    with (
        serving(directory / "one", *arguments, str(folder / "one.jsonl")) as one,
        serving(directory / "two", *arguments, str(folder / "two.jsonl")) as two,
    ):
        assert _send(one, review_of(docker(f"{_APP}:1"), oldObject=istag_of(None)), "1")
        assert not _send(two, review_of(docker("docker.io/a/b:1"), old=docker(f"{_APP}:1")), "2")
        assert _send(
            two, review_of(docker("docker.io/a/b:2"), old=docker(f"{_APP}:1"), userInfo={"username": "bob"}), "3"
        )
        (folder / "one.jsonl").rename(folder / "one.1")
        assert _send(one, push_review(), "4")
        assert _send(two, review_of(docker(f"{_APP}:9"), old=docker("docker.io/a/b:2"), dryRun=True), "5")
        assert _send(one, review_of(docker(f"{_APP}:3"), old=docker("docker.io/a/b:2")), "6")
        assert _send(two, stream_review(stream_of(tag_of(docker(f"{_APP}:1"), name="other")), stream_of()), "7")
        assert _send(one, stream_review(None, stream_of(tag_of(docker(f"{_APP}:3")))), "8")
    (folder / "one.1.gz").write_bytes(gzip.compress((folder / "one.1").read_bytes()))
    (folder / "one.1").unlink()
    return folder


_EXPECTED = [
    ("allow", "alice", None, f"DockerImage {_APP}:1"),
    ("deny", "alice", f"DockerImage {_APP}:1", "DockerImage docker.io/a/b:1"),
    ("allow", "bob", f"DockerImage {_APP}:1", "DockerImage docker.io/a/b:2"),
    ("allow", "system:serviceaccount:openshift-image-registry:registry", None, f"ImageStreamImage app@sha256:{'a' * 64}"),
    ("allow", "alice", "DockerImage docker.io/a/b:2", f"DockerImage {_APP}:3"),
    ("allow", "alice", f"DockerImage {_APP}:3", None),
]  # fmt: skip


@pytest.mark.parametrize("form", ["directory", "files", "standard input", "twice"])
@pytest.mark.parametrize("workers", [1, 2])
def test_changes_by_time(records: Path, form: str, workers: int) -> None:
    """However the records of two pods are given, each change is there once, by time."""
    data = b""
    given: list[object] = [records]
    if form == "files":
        given = [*sorted(records.iterdir(), reverse=True)]
    elif form == "standard input":
        given = ["-"]
        data = gzip.decompress((records / "one.1.gz").read_bytes())
        data = (records / "two.jsonl").read_bytes() + (records / "one.jsonl").read_bytes() + data
    elif form == "twice":
        given, data = [records, "-"], (records / "two.jsonl").read_bytes()
    done = _history("app/app:live", *given, "--format", "json", "--workers", workers, input=data)
    report = json.loads(done.stdout)
    found = [
        (each["verdict"], each["user"], tag["from"], tag["to"]) for each in report["outcomes"] for tag in each["tags"]
    ]
    assert found == _EXPECTED
    assert report["outcomes"][2]["exemption"] == {"name": "night", "reason": "", "ticket": "OPS-1"}
    assert report["outcomes"][1]["findings"][0]["rule"] == "ours"
    assert (done.returncode, report["summary"]["rules"].get("unrecorded")) == (0, None)
    left_out = report["summary"]["notEvaluated"]
    assert (left_out["dry runs"], left_out.get("repeated records")) == ((2, 2) if form == "twice" else (1, None))


def test_at_each_change(records: Path) -> None:
    """At the time of each allowed change, the tag means what it set."""
    report = json.loads(_history("app/*:live", records, "--format", "json").stdout)
    for each in report["outcomes"]:
        at = json.loads(_history("app/*:live", records, "--at", each["time"], "--format", "json").stdout)
        (outcome,) = at["outcomes"]
        assert at["command"] == f"history --at {each['time'][:19]}Z"
        if each["verdict"] == "allow":
            assert (outcome["time"], outcome["tags"][0]["to"]) == (each["time"], each["tags"][0]["to"])
        else:
            assert outcome["tags"][0]["to"] == each["tags"][0]["from"]
