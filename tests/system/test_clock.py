"""The time of day jumps while we serve: what waits is measured on the monotonic clock, so nothing notices but the records."""

import json
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.support.builders import HEAD, docker, review_of
from tests.support.clock import Clock
from tests.support.hammer import TRUSTED, Hammer
from tests.support.measuring import Measured
from tests.support.recording import decisions
from tests.support.serving import PATIENCE, Load, Server, serving, until

from webhook.certs.issuing import issue

_REVIEW = json.dumps(review_of(docker(TRUSTED), uid="kept")).encode()
_JUMPS = (timedelta(hours=6), timedelta(days=-2), timedelta(days=36_500), timedelta())


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    """A clock that is right."""
    return Clock(tmp_path / "offset")


def _last(records: Path) -> datetime:
    return datetime.fromisoformat(decisions(records)[-1]["time"])


def test_a_clock_that_jumps_under_load(tmp_path: Path, clock: Clock, measured: Measured) -> None:
    """Hours ahead, days back and past the certificate's end: no request fails, no worker is replaced, records state the time."""
    records, policy = tmp_path / "records.jsonl", tmp_path / "policy.yaml"
    policy.write_text(HEAD + "spec: {rules: [{name: trusted, registries: {allow: [quay.io]}}]}\n")
    given = ("--policy", str(policy), "--record", str(records))
    with serving(tmp_path, *given, **clock.environment) as server, Hammer(server) as load:
        workers, kept = server.workers(), server.connect()
        kept.connect()
        socket = kept.sock
        for jump in _JUMPS:
            clock.jump(jump)
            load.more(f"after a jump to {jump}", count=100)
            assert abs(_last(records) - datetime.now(UTC) - jump) < timedelta(hours=1)
            assert server.post(_REVIEW.replace(b'"kept"', f'"kept {jump}"'.encode()), connection=kept)[0] == 200
            assert server.post(_REVIEW.replace(b'"kept"', f'"new {jump}"'.encode()))[0] == 200
            assert server.get("/readyz")[0] == 200
        assert kept.sock is socket, "an idle connection was closed"
        kept.close()
        assert server.workers() == workers
        assert server.metric("istag_webhook_shed_requests_total") == 0
    assert (load.lost, set(load.statuses)) == ([], {200})
    measured(**load.counted)
    load.hold(
        line for line in records.read_bytes().splitlines() if b'"uid":"kept' not in line and b'"uid":"new' not in line
    )
    assert [line for line in server.logs if "denied" in line["message"] or "exception" in line] == []


@pytest.mark.parametrize("jump", [timedelta(hours=6), timedelta(hours=-6)], ids=["ahead", "back"])
def test_a_clock_that_jumps_while_it_drains(tmp_path: Path, clock: Clock, jump: timedelta, measured: Measured) -> None:
    """The drain takes as long as it should: no request fails, and it ends with 0."""
    with serving(tmp_path, "--drain", "3", "--grace", "20", **clock.environment) as server:
        with Load(server, _REVIEW) as load:
            server.signal(signal.SIGTERM)
            until(lambda: server.get("/readyz") == (503, "draining\n"), "readiness to say that it drains")
            clock.jump(jump)
            answered = load.answered
            until(lambda: load.answered > answered + 50 or load.failed, "answers while it drains")
            assert load.failed == []
        measured(**load.counted)
        assert server.process.wait(PATIENCE) == 0
    assert not server.logged("SIGKILL")


def test_a_certificate_and_a_clock_that_was_wrong(tmp_path: Path, clock: Clock) -> None:
    """A renewed pair that is not valid yet, or has expired, by a wrong clock is used as soon as the clock is right."""
    with serving(tmp_path, **clock.environment) as server:

        def refusals() -> int:
            return sum("certificate rejected" in line["message"] for line in tuple(server.logs))

        def loaded() -> int:
            return sum("certificate loaded" in line["message"] for line in tuple(server.logs))

        for round_, jump in enumerate((timedelta(days=-30), timedelta(days=36_500)), 1):
            clock.jump(jump)
            issue(tmp_path / "certs", ["localhost"], force=True)
            _reaches(refusals, 2 * round_, "both workers to deny the new certificate")
            assert server.get("/readyz")[0] == 200
            clock.jump(timedelta())
            _reaches(loaded, 2 * round_, "both workers to take up the new certificate")
            assert refusals() == 2 * round_, "it is said once for each change"
            assert _posted(server) == 200


def _reaches(count: Callable[[], int], least: int, what: str) -> None:
    until(lambda: count() >= least, what)


def _posted(server: Server) -> int:
    status: int = server.post(_REVIEW)[0]
    return status
