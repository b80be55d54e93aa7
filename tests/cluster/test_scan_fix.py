"""`scan --fix` against a real API server: planned, carried out, interrupted, repeated, and overtaken."""

import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.support import streams
from tests.support.apiserver import ApiServer, Said
from tests.support.builders import HEAD
from tests.support.serving import until
from tests.support.streams import STREAMS, command

from webhook.cluster.client import Cluster, connect
from webhook.errors import ClusterError
from webhook.evaluate.rollout import Applied, apply
from webhook.policy.loading import load

Scan = Callable[..., Said]
_MODE = 'importPolicy.importMode to "PreserveOriginal"'
_APPLY = ("--fix", "--apply")
_IMPORT = (*_APPLY, "--import", "--pause", "0s")
_DIGEST = f"sha256:{'a' * 64}"


def _modes(cluster: Cluster, namespace: str, name: str = "app-0") -> list[str]:
    """Return the import modes of the tags of a stream."""
    tags = cluster.get(STREAMS, name, namespace)["spec"].get("tags") or ()
    return [tag["importPolicy"]["importMode"] for tag in tags]


def _write(cluster: Cluster, namespace: str, tags: list[dict[str, Any]], **digests: str) -> None:
    """Give the stream `app-0` these tags, and a history to some of them."""
    cluster.patch(STREAMS, "app-0", {"spec": {"tags": tags}}, namespace)
    history = [
        {
            "tag": tag,
            "items": [
                {
                    "created": "2000-01-01T00:00:00Z",
                    "dockerImageReference": f"quay.io/acme/app@{digest}",
                    "image": digest,
                    "generation": 1,
                }
            ],
        }
        for tag, digest in digests.items()
    ]
    cluster.patch(STREAMS, "app-0", {"status": {"dockerImageRepository": "", "tags": history}}, namespace, "status")


def test_what_imports_is_left(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """The plan names each tag that is imported and its image; --apply leaves it, --apply --import sets it."""
    (namespace,) = fresh(1, 1)
    cluster = connect(scannable.kubeconfig)
    kept = {**streams.tag(1), "annotations": {"istag-webhook/keep": "importMode"}}
    alias = {"name": "live", "from": {"kind": "ImageStreamTag", "name": "v0"}, "referencePolicy": {"type": "Source"}}
    _write(cluster, namespace, [streams.tag(0), kept, streams.tag(2), alias], v0=_DIGEST, v1=_DIGEST)
    before = cluster.get(STREAMS, "app-0", namespace)
    lines = [
        f"{namespace}/app-0:v0: {{}} {_MODE}; imports the tag at once; current image: {_DIGEST}, followed by live",
        f"{namespace}/app-0:v2: {{}} {_MODE}; imports the tag at once; current image: none",
    ]
    done = scan("-n", namespace, "--fix")
    assert (done.code, done.out.splitlines()) == (1, [line.format("sets") for line in lines])
    assert done.err.splitlines() == [
        "1 image stream lacks 2 settings of the defaults",
        "OpenShift imports 2 tags if all are applied",
        "no changes made; --apply makes the changes that import no tag, --apply --import makes all changes",
    ]
    assert cluster.get(STREAMS, "app-0", namespace) == before

    done = scan("-n", namespace, *_APPLY)
    assert (done.code, done.out.splitlines()) == (1, [line.format(word) for word in ("sets", "left") for line in lines])
    assert done.err.splitlines()[-2:] == [
        "0 of 1 image stream is complete",
        "2 tags left: the remaining changes import them; --apply --import makes these changes",
    ]
    assert cluster.get(STREAMS, "app-0", namespace) == before

    done = scan("-n", namespace, *_IMPORT)
    assert (done.code, done.out.splitlines()) == (0, [line.format(word) for word in ("sets", "set") for line in lines])
    after = cluster.get(STREAMS, "app-0", namespace)
    assert [tag.get("importPolicy", {}).get("importMode") for tag in after["spec"]["tags"]] == [
        "PreserveOriginal", "Legacy", "PreserveOriginal", None,
    ]  # fmt: skip
    done = scan("-n", namespace, *_IMPORT)
    assert (done.code, done.out) == (0, "every tag has the settings of the defaults\n")
    assert cluster.get(STREAMS, "app-0", namespace) == after


_ALL = """\
spec:
  defaults:
    - name: everything
      set:
        importPolicy: {importMode: PreserveOriginal, scheduled: true, insecure: true}
        referencePolicy: {type: Local}
        annotations: {example.com/team: a}
"""


def test_each_setting_by_itself(
    scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]], tmp_path: Path
) -> None:
    """Of one tag, --apply sets what imports nothing and leaves what does, whatever objects the stored tag lacks."""
    (namespace,) = fresh(1, 1)
    cluster = connect(scannable.kubeconfig)
    (tmp_path / "policy.yaml").write_text(HEAD + _ALL)
    bare = {"name": "bare", "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}, "generation": 1}
    fixed = {**bare, "name": "fixed", "reference": True}
    _write(cluster, namespace, [bare, streams.tag(0), fixed], v0=_DIGEST)
    arguments = ("-n", namespace, "--policy", str(tmp_path / "policy.yaml"))
    done = scan(*arguments, *_APPLY)
    assert done.code == 1
    first, second, third = cluster.get(STREAMS, "app-0", namespace)["spec"]["tags"]
    common = {"annotations": {"example.com/team": "a"}, "referencePolicy": {"type": "Local"}}
    assert first == {**bare, **common, "importPolicy": {"insecure": True}}
    assert second == {**streams.tag(0), **common, "importPolicy": {"insecure": True, "importMode": "Legacy"}}
    # A tag that is only a reference is never imported.
    assert third == {**fixed, **common, "importPolicy": {"insecure": True, "importMode": "PreserveOriginal"}}
    left = [line for line in done.out.splitlines() if ": left " in line]
    assert left == [
        f"{namespace}/app-0:{name}: left {field}; imports the tag {how}; current image: {image}"
        for name, image in (("bare", "none"), ("v0", _DIGEST))
        for field, how in (("importPolicy.scheduled to true", "on a schedule"), (_MODE, "at once"))
    ]
    assert scan(*arguments, *_IMPORT).code == 0
    tags = cluster.get(STREAMS, "app-0", namespace)["spec"]["tags"]
    everything = {"insecure": True, "importMode": "PreserveOriginal"}
    assert [tag["importPolicy"] for tag in tags] == [{**everything, "scheduled": True}] * 2 + [everything]
    assert scan(*arguments, "--fix").out == "every tag has the settings of the defaults\n"


@pytest.mark.parametrize("generation", [0, None])
def test_a_tag_without_a_generation(
    scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]], tmp_path: Path, generation: int | None
) -> None:
    """Any write of a stream imports a tag whose generation is 0 or null, so --apply leaves the whole stream."""
    (namespace,) = fresh(1, 1)
    cluster = connect(scannable.kubeconfig)
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {defaults: [{name: x, set: {annotations: {a: b}}}]}")
    old = {**streams.tag(0), "generation": generation, "annotations": {"a": "c"}}
    cluster.patch(STREAMS, "app-0", [{"op": "add", "path": "/spec/tags", "value": [old, streams.tag(1)]}], namespace,
                  content_type="application/json-patch+json")  # fmt: skip
    before = cluster.get(STREAMS, "app-0", namespace)
    done = scan("-n", namespace, "--policy", str(tmp_path / "policy.yaml"), *_APPLY)
    line = f'{namespace}/app-0:v1: {{}} annotations.a to "b"; imports v0 at once; current image: none'
    assert (done.code, done.out.splitlines()) == (1, [line.format(word) for word in ("sets", "left")])
    assert cluster.get(STREAMS, "app-0", namespace) == before
    assert scan("-n", namespace, "--policy", str(tmp_path / "policy.yaml"), *_IMPORT).code == 0


def test_a_limit(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """A run imports no more tags than its limit, and the next one continues, within a stream too."""
    (namespace,) = fresh(2, 3)
    cluster = connect(scannable.kubeconfig)
    counts = []
    for code in (1, 1, 0):
        done = scan("-n", namespace, *_IMPORT, "--limit", "2")
        assert done.code == code
        assert done.out.count(": set ") == 2
        assert ("run the command again for the next 2" in done.err) is (code == 1)
        modes = [_modes(cluster, namespace, name) for name in ("app-0", "app-1")]
        counts.append([each.count("PreserveOriginal") for each in modes])
    assert counts == [[2, 0], [3, 1], [3, 3]]


@contextmanager
def _running(scannable: ApiServer, *arguments: str) -> Iterator[tuple[subprocess.Popen[bytes], bytearray]]:
    """Run a scan, and give its process and what it says on standard error so far."""
    process = subprocess.Popen(
        command(scannable.kubeconfig, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    said = bytearray()

    def read() -> None:
        assert process.stderr is not None
        for line in process.stderr:
            said.extend(line)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield process, said
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        reader.join()
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()


def test_batches(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """Between two batches it waits; SIGINT ends the wait, nothing more is set, and run the same command to continue."""
    (namespace,) = fresh(2, 3)
    cluster = connect(scannable.kubeconfig)
    arguments = ("-n", namespace, *_APPLY, "--import", "--batch", "4")
    with _running(scannable, *arguments, "--pause", "1h") as (process, said):
        until(lambda: b"waiting 3600 s before the next 4 tags" in said, "the pause")
        assert [_modes(cluster, namespace, name).count("Legacy") for name in ("app-0", "app-1")] == [0, 2]
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
    assert bytes(said).splitlines()[-3:] == [
        b"1 of 2 image streams are complete",
        b"2 tags left: run the command again",
        b"interrupted; run the same command to continue",
    ]
    assert [_modes(cluster, namespace, name).count("Legacy") for name in ("app-0", "app-1")] == [0, 2]
    done = scan(*arguments, "--pause", "0s")
    assert (done.code, "waiting" in done.err) == (0, False)
    assert _modes(cluster, namespace, "app-1") == ["PreserveOriginal"] * 3


def test_no_pause_at_the_end(scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """The last batch is followed by no pause, nor is one that only a limit ends."""
    (namespace,) = fresh(1, 3)
    for limit in ("2", "1"):
        done = scan("-n", namespace, *_APPLY, "--import", "--batch", "2", "--pause", "1h", "--limit", limit)
        assert "waiting" not in done.err


def test_fix_is_interrupted_and_repeated(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """SIGINT ends it between two streams, each of which is complete or as it was; the same command does the rest."""
    (namespace,) = fresh(200, 2, each=200)
    arguments = ("-n", namespace, *_IMPORT, "--batch", "1000")
    process = subprocess.Popen(
        command(scannable.kubeconfig, *arguments), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    next(line for line in process.stdout if b": set " in line)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    done = int(said.split(b" of 200 image streams are complete")[0].split()[-1])
    assert said.endswith(b"interrupted; run the same command to continue\n")
    items = connect(scannable.kubeconfig).sender.send("GET", STREAMS.path(namespace))["items"]
    modes = [{tag["importPolicy"]["importMode"] for tag in item["spec"]["tags"]} for item in items]
    assert 0 < done < 200
    assert (modes.count({"PreserveOriginal"}), modes.count({"Legacy"})) == (done, 200 - done)
    again = scan(*arguments)
    assert again.code == 0
    assert f"{200 - done} of {200 - done} image streams are complete" in again.err
    assert scan("-n", namespace, "--fix").code == 0


class _Meddling:
    """A sender that lets another client write first, a given number of times."""

    def __init__(self, sender: Any, times: int, write: Callable[[], Any]) -> None:
        self._sender, self._times, self._write, self.server = sender, times, write, sender.server

    def send(self, method: str, *arguments: Any) -> dict[str, Any]:
        if method == "PATCH" and self._times:
            self._times -= 1
            self._write()
        found: dict[str, Any] = self._sender.send(method, *arguments)
        return found


_EVERY = frozenset(f"v{number}" for number in range(9))


def _set(applied: Applied | None) -> list[str] | None:
    """Return the tags of which something was set, None if the stream no longer exists."""
    return None if applied is None else [tag.name for tag in applied.done.tags]


@pytest.mark.parametrize(
    ("patch", "times", "expected"),
    [
        pytest.param({"metadata": {"labels": {"a": "b"}}}, 1, ["v0", "v1", "v2"], id="something-else-is-written"),
        pytest.param({"spec": {"tags": [streams.tag(1)]}}, 4, ["v1"], id="the-tags-are-others"),
        pytest.param({"spec": {"tags": None}}, 1, [], id="no-tag-is-left"),
        pytest.param({"spec": {"tags": [streams.tag(9), streams.tag(1)]}}, 1, ["v1"], id="a-tag-that-was-not-planned"),
    ],
)
def test_who_was_faster_wins(
    scannable: ApiServer, fresh: Callable[..., list[str]], patch: dict[str, Any], times: int, expected: list[str]
) -> None:
    """A fix is planned again if the stream changed meanwhile: it undoes nothing, and imports only planned tags."""
    (namespace,) = fresh(1, 3)
    mine = connect(scannable.kubeconfig)
    count = iter(range(9))

    def write() -> None:
        mine.patch(STREAMS, "app-0", {**patch, "metadata": {"labels": {"a": str(next(count))}}}, namespace)

    done = apply(Cluster(_Meddling(mine.sender, times, write)), f"{namespace}/app-0", load(), _EVERY, 9)
    assert _set(done) == expected
    stored = mine.get(STREAMS, "app-0", namespace)
    assert stored["metadata"]["labels"]["a"] == str(times - 1)
    modes = {tag["name"]: tag["importPolicy"]["importMode"] for tag in stored["spec"].get("tags") or ()}
    assert [name for name, mode in modes.items() if mode == "PreserveOriginal"] == expected


def test_an_answer_that_is_lost(scannable: ApiServer, fresh: Callable[..., list[str]]) -> None:
    """A patch that is sent again because its answer was lost imports no further tag, and counts."""
    (namespace,) = fresh(1, 3)
    mine = connect(scannable.kubeconfig)
    sent: list[Any] = []

    class Losing(_Meddling):
        def send(self, method: str, *arguments: Any) -> dict[str, Any]:
            if method == "PATCH" and not sent:
                sent.append(mine.sender.send(method, *arguments))
            return super().send(method, *arguments)

    done = apply(Cluster(Losing(mine.sender, 0, list)), f"{namespace}/app-0", load(), _EVERY, 1)
    assert done is not None
    assert (_set(done), done.rest.importing, done.spent) == ([], ["v1", "v2"], 1)
    assert _modes(mine, namespace) == ["PreserveOriginal", "Legacy", "Legacy"]


def test_a_stream_that_is_gone_or_never_still(scannable: ApiServer, fresh: Callable[..., list[str]]) -> None:
    """A stream that was deleted meanwhile is skipped; one that changes each time is given up."""
    (namespace,) = fresh(1, 3)
    mine, count = connect(scannable.kubeconfig), iter(range(99))
    key = f"{namespace}/app-0"

    def write() -> None:
        mine.patch(STREAMS, "app-0", {"metadata": {"labels": {"a": str(next(count))}}}, namespace)

    with pytest.raises(ClusterError, match="the object has been modified"):
        apply(Cluster(_Meddling(mine.sender, 99, write)), key, load(), _EVERY, 9)
    assert next(count) == 5
    nothing = apply(mine, key, load())
    assert nothing is not None
    assert (nothing.done.tags, nothing.rest.importing) == ((), ["v0", "v1", "v2"])
    gone = _Meddling(mine.sender, 1, lambda: mine.delete(STREAMS, "app-0", namespace))
    assert apply(Cluster(gone), key, load(), _EVERY, 9) is None
    assert apply(mine, key, load(), _EVERY, 9) is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--apply"], "--apply: only valid with --fix"),
        (["--fix", "--import"], "--import: only valid with --fix --apply"),
        (["--import"], "--import: only valid with --fix --apply"),
        ([*_APPLY, "--limit", "1"], "--limit: only valid with --import"),
        ([*_APPLY, "--batch", "1"], "--batch: only valid with --import"),
        ([*_APPLY, "--pause", "0s"], "--pause: only valid with --import"),
        ([*_APPLY, "--import", "--pause", "a while"], 'expected a duration such as 30s, 5m or 1h, got "a while"'),
        ([*_APPLY, "--import", "--pause", "-1"], 'expected a duration such as 30s, 5m or 1h, got "-1"'),
        ([*_APPLY, "--import", "--limit", "0"], "0 is not in the range x>=1"),
    ],
)
def test_options_that_need_each_other(scan: Scan, arguments: list[str], sentence: str) -> None:
    """An option that means nothing without another one is an error, before anything is read."""
    done = scan(*arguments)
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
