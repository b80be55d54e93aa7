"""`scan --fix` against a real API server: planned, carried out, broken off, repeated, and overtaken."""

import signal
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
import streams
from apiserver import ApiServer, Said
from streams import STREAMS, command

from webhook.cluster import Cluster, connect
from webhook.errors import ClusterRefused
from webhook.policy import load
from webhook.scan.fixing import apply

Scan = Callable[..., Said]


def test_fix(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """A plan changes nothing; --apply carries it out, but for what an annotation keeps; then nothing is left to do."""
    (namespace,) = fresh(1, 3)
    cluster = connect(scannable.kubeconfig)
    kept = {**streams.tag(1), "annotations": {"istag-webhook/keep": "importMode"}}
    cluster.patch(STREAMS, "app-0", {"spec": {"tags": [streams.tag(0), kept, streams.tag(2)]}}, namespace)
    before = cluster.get(STREAMS, "app-0", namespace)
    plan = [f'{namespace}/app-0:v{tag}: {{}} importPolicy.importMode to "PreserveOriginal"' for tag in (0, 2)]
    done = scan("-n", namespace, "--fix")
    assert (done.code, done.out.splitlines()) == (1, [line.format("sets") for line in plan])
    assert done.err.splitlines() == [
        "2 settings in 1 image streams lack what the defaults set",
        "nothing was changed; --apply sets them",
    ]
    assert cluster.get(STREAMS, "app-0", namespace) == before
    done = scan("-n", namespace, "--fix", "--apply")
    assert (done.code, done.out.splitlines()) == (0, [line.format(word) for word in ("sets", "set") for line in plan])
    after = cluster.get(STREAMS, "app-0", namespace)
    assert [tag["importPolicy"]["importMode"] for tag in after["spec"]["tags"]] == [
        "PreserveOriginal",
        "Legacy",
        "PreserveOriginal",
    ]
    done = scan("-n", namespace, "--fix", "--apply")
    assert (done.code, done.out) == (0, "every tag has what the defaults set\n")
    assert cluster.get(STREAMS, "app-0", namespace) == after


def test_fix_is_broken_off_and_repeated(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """SIGINT ends it between two streams, each of which is complete or as it was; the same command does the rest."""
    (namespace,) = fresh(200, 2, each=200)
    process = subprocess.Popen(
        command(scannable.kubeconfig, "-n", namespace, "--fix", "--apply"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    next(line for line in process.stdout if b": set " in line)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    done = int(said.split(b" of 200 image streams are complete")[0].split()[-1])
    assert said.endswith(b"broken off; the same command goes on where it ended\n")
    items = connect(scannable.kubeconfig).sender.send("GET", STREAMS.path(namespace))["items"]
    modes = [{tag["importPolicy"]["importMode"] for tag in item["spec"]["tags"]} for item in items]
    assert 0 < done < 200
    assert (modes.count({"PreserveOriginal"}), modes.count({"Legacy"})) == (done, 200 - done)
    again = scan("-n", namespace, "--fix", "--apply")
    assert again.code == 0
    assert f"{200 - done} of {200 - done} image streams are complete" in again.err
    assert scan("-n", namespace, "--fix").code == 0


class _Meddling:
    """A sender before which somebody else writes, as often as is said."""

    def __init__(self, sender: Any, times: int, write: Callable[[], Any]) -> None:
        self._sender, self._times, self._write, self.server = sender, times, write, sender.server

    def send(self, method: str, *arguments: Any) -> dict[str, Any]:
        if method == "PATCH" and self._times:
            self._times -= 1
            self._write()
        found: dict[str, Any] = self._sender.send(method, *arguments)
        return found


@pytest.mark.parametrize(
    ("patch", "times", "expected"),
    [
        pytest.param({"metadata": {"labels": {"a": "b"}}}, 1, 3, id="something-else-is-written"),
        pytest.param({"spec": {"tags": [streams.tag(1)]}}, 4, 1, id="the-tags-are-others"),
        pytest.param({"spec": {"tags": None}}, 1, None, id="no-tag-is-left"),
    ],
)
def test_who_was_faster_wins(
    scannable: ApiServer, fresh: Callable[..., list[str]], patch: dict[str, Any], times: int, expected: int | None
) -> None:
    """A completion is planned anew where the stream changed meanwhile, and undoes nothing."""
    (namespace,) = fresh(1, 3)
    mine = connect(scannable.kubeconfig)
    count = iter(range(9))

    def write() -> None:
        mine.patch(STREAMS, "app-0", {**patch, "metadata": {"labels": {"a": str(next(count))}}}, namespace)

    done = apply(Cluster(_Meddling(mine.sender, times, write)), f"{namespace}/app-0", load())
    assert (done and len(done.patch)) == expected
    stored = mine.get(STREAMS, "app-0", namespace)
    assert stored["metadata"]["labels"]["a"] == str(times - 1)
    modes = [tag["importPolicy"]["importMode"] for tag in stored["spec"].get("tags") or ()]
    assert modes == ["PreserveOriginal"] * (expected or 0)


def test_a_stream_that_is_gone_or_never_still(scannable: ApiServer, fresh: Callable[..., list[str]]) -> None:
    """A stream that was deleted meanwhile is passed over; one that changes each time is given up."""
    (namespace,) = fresh(1, 3)
    mine, count = connect(scannable.kubeconfig), iter(range(99))

    def write() -> None:
        mine.patch(STREAMS, "app-0", {"metadata": {"labels": {"a": str(next(count))}}}, namespace)

    with pytest.raises(ClusterRefused, match="the object has been modified"):
        apply(Cluster(_Meddling(mine.sender, 99, write)), f"{namespace}/app-0", load())
    assert next(count) == 5
    gone = _Meddling(mine.sender, 1, lambda: mine.delete(STREAMS, "app-0", namespace))
    assert apply(Cluster(gone), f"{namespace}/app-0", load()) is None
    assert apply(mine, f"{namespace}/app-0", load()) is None
