"""The metrics of a real server, read by Prometheus's own parser: correct from any worker, and bounded."""

import contextlib
import json
import os
import re
import signal
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.support.builders import HEAD, REVIEWS, docker, review_of
from tests.support.prometheus import promtool
from tests.support.serving import PATIENCE, Server, serving, until

from webhook.resources.catalog import RESOURCES
from webhook.schemas.envelope import OPERATIONS

_POLICY = """
spec:
  exemptions:
    - {name: break-glass, groups: [sre], annotation: istag-webhook/reason}
  defaults:
    - {name: whole, set: {importPolicy: {importMode: PreserveOriginal}}}
  rules:
    - {name: trusted, registries: {allow: [quay.io]}}
    - {name: fixed, mode: warn, until: 2099-01-01, pin: {denyTags: [latest]}}
"""
_REFUSED = review_of(docker("docker.io/acme/app:latest"))
_ALLOWED = review_of(docker("quay.io/acme/app:1"))
# Every family, its type, and the labels of its samples: what dashboards and alerts may rely on.
FAMILIES = {
    "istag_webhook_admission_requests": ("counter", {"webhook", "resource", "operation", "verdict", "dry_run"}),
    "istag_webhook_admission_requests_in_flight": ("gauge", set()),
    "istag_webhook_shed_requests": ("counter", set()),
    "istag_webhook_admission_review_duration_seconds": ("histogram", {"webhook"}),
    "istag_webhook_findings": ("counter", {"rule", "mode", "verdict", "existing"}),
    "istag_webhook_exemptions": ("counter", {"exemption"}),
    "istag_webhook_patch_operations": ("counter", set()),
    "istag_webhook_malformed_reviews": ("counter", {"status"}),
    "istag_webhook_records": ("counter", {"result"}),
    "istag_webhook_policy_loads": ("counter", {"result"}),
    "istag_webhook_policy_last_load_successful": ("gauge", set()),
    "istag_webhook_policy_loaded_timestamp_seconds": ("gauge", set()),
    "istag_webhook_policy_info": ("gauge", {"policy", "digest"}),
    "istag_webhook_policy_warnings": ("gauge", {"warning"}),
    "istag_webhook_policy_ends_timestamp_seconds": ("gauge", {"part", "entry"}),
    "istag_webhook_certificate_expiry_timestamp_seconds": ("gauge", set()),
    "istag_webhook_faults": ("counter", set()),
    "istag_webhook_worker_starts": ("counter", set()),
    "istag_webhook_build_info": ("gauge", {"version"}),
}
Labels = frozenset[tuple[str, str]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server of three workers, to which one of everything was sent."""
    directory = tmp_path_factory.mktemp("metrics")
    (directory / "policy.yaml").write_text(HEAD + _POLICY)
    with serving(directory, "--policy", "policy.yaml", "--workers", "3") as running:
        until(lambda: _value(running, "istag_webhook_worker_starts_total") == 3, "all workers")
        yield running


def _samples(server: Server) -> dict[str, dict[Labels, float]]:
    """Return the value of each sample, by its name and labels."""
    found: dict[str, dict[Labels, float]] = {}
    for family in text_string_to_metric_families(server.get("/metrics")[1]):
        for sample in family.samples:
            found.setdefault(sample.name, {})[frozenset(sample.labels.items())] = sample.value
    return found


def _value(server: Server, name: str, **labels: str) -> float:
    """Return the sum of the samples of `name` that have `labels`."""
    return sum(value for of, value in _samples(server).get(name, {}).items() if labels.items() <= dict(of).items())


def _post(server: Server, document: dict[str, Any], path: str = "/validate", **request: Any) -> Any:
    """Post over a connection of its own, which any worker may take."""
    status, answer = server.post(json.dumps({**document, "request": {**document["request"], **request}}).encode(), path)
    assert status == 200
    return answer["response"]


def test_what_is_answered_is_counted(server: Server) -> None:
    """Each count is exact, of all workers together, and stands under the labels that say what happened."""
    reason = {"istag-webhook/reason": "INC-1"}
    exempt = review_of(docker("docker.io/acme/app:1"), tag={"annotations": reason})
    exempt["request"]["object"]["metadata"]["annotations"] = reason
    before = _samples(server)
    for _ in range(9):
        assert not _post(server, _REFUSED)["allowed"]
        assert not _post(server, _REFUSED, dryRun=True)["allowed"]
        assert _post(server, _ALLOWED, operation="CREATE")["allowed"]
        assert _post(server, exempt, userInfo={"username": "bob", "groups": ["sre"]})["allowed"]
        assert _post(server, _ALLOWED, "/mutate")["patch"]
    istag = {"webhook": "validate", "resource": "imagestreamtags"}
    wanted = [
        ("istag_webhook_admission_requests_total", {**istag, "operation": "UPDATE", "verdict": "deny", "dry_run": "false"}, 9),
        ("istag_webhook_admission_requests_total", {**istag, "operation": "UPDATE", "verdict": "deny", "dry_run": "true"}, 9),
        ("istag_webhook_admission_requests_total", {**istag, "operation": "CREATE", "verdict": "allow", "dry_run": "false"}, 9),
        ("istag_webhook_admission_requests_total", {**istag, "operation": "UPDATE", "verdict": "allow", "dry_run": "false"}, 9),
        ("istag_webhook_admission_requests_total",
         {"webhook": "mutate", "resource": "imagestreamtags", "operation": "UPDATE", "verdict": "patch", "dry_run": "false"}, 9),
        ("istag_webhook_admission_review_duration_seconds_count", {"webhook": "validate"}, 36),
        ("istag_webhook_admission_review_duration_seconds_bucket", {"webhook": "mutate", "le": "+Inf"}, 9),
        ("istag_webhook_findings_total", {"rule": "trusted", "mode": "enforce", "verdict": "deny", "existing": "false"}, 18),
        ("istag_webhook_findings_total", {"rule": "fixed", "mode": "warn", "verdict": "deny", "existing": "false"}, 18),
        ("istag_webhook_findings_total", {"rule": "trusted", "mode": "audit", "verdict": "allow", "existing": "false"}, 9),
        ("istag_webhook_exemptions_total", {"exemption": "break-glass"}, 9),
        ("istag_webhook_patch_operations_total", {}, 9),
        ("istag_webhook_records_total", {"result": "written"}, 45),
    ]  # fmt: skip

    def counted() -> bool:
        now = _samples(server)
        return all(
            now.get(name, {}).get(frozenset(labels.items()), 0) - before.get(name, {}).get(frozenset(labels.items()), 0)
            == count
            for name, labels, count in wanted
        )

    until(counted, "the counts of all workers")


def test_every_family(server: Server) -> None:
    """The metrics are those listed here: name, type and labels, and each has a description."""
    test_what_is_answered_is_counted(server)
    server.post(b"nonsense")
    until(lambda: _value(server, "istag_webhook_malformed_reviews_total"), "the malformed review")
    families = list(text_string_to_metric_families(server.get("/metrics")[1]))
    assert {
        family.name: (family.type, {label for sample in family.samples for label in sample.labels} - {"le"})
        for family in families
    } == FAMILIES
    assert all(family.documentation.endswith(".") for family in families)


def test_the_table() -> None:
    """The table of the metrics names each, with its labels."""
    text = (Path(__file__).parents[2] / "docs" / "reference" / "metrics.md").read_text()
    rows = dict(re.findall(r"^\| `(istag_webhook_\w+)` \| (.*?) \|", text, re.MULTILINE))
    assert set(rows) == {f"{name}_total" if kind == "counter" else name for name, (kind, _) in FAMILIES.items()}
    for name, (_, labels) in FAMILIES.items():
        said = rows[name if name in rows else f"{name}_total"]
        assert {word for part in re.findall(r"`([^`]*)`", said) for word in part.split()} == labels, name


def test_a_caller_makes_no_label(server: Server) -> None:
    """Each label only has known values or those in the policy, whatever a client sends."""
    for number in range(20):
        odd = f"made-up-{number}"
        resource = {"group": "image.openshift.io", "version": "v1", "resource": odd}
        for request in ({"operation": odd}, {"resource": resource}, {"subResource": odd}):
            body = json.dumps({**_ALLOWED, "request": {**_ALLOWED["request"], **request}}).encode()
            assert server.post(body)[0] == 400
        _post(server, _REFUSED, name=odd, namespace=odd, uid=odd, userInfo={"username": odd, "groups": [odd]})
        for method, path in ((odd, "/validate"), ("GET", f"/{odd}"), ("PUT", "/mutate")):
            connection = server.connect()
            connection.request(method, path)
            connection.getresponse().read()
            connection.close()
    until(lambda: _value(server, "istag_webhook_malformed_reviews_total", status="404") >= 20, "the counts")
    text = server.get("/metrics")[1]
    assert "made-up" not in text
    values: dict[str, set[str]] = {}
    for samples in _samples(server).values():
        for labels in samples:
            for label, value in labels:
                values.setdefault(label, set()).add(value)
    bounds = {
        "webhook": {"validate", "mutate"},
        "resource": set(RESOURCES),
        "operation": set(OPERATIONS),
        "verdict": {"allow", "deny", "patch"},
        "dry_run": {"true", "false"},
        "existing": {"true", "false"},
        "mode": {"enforce", "warn", "audit"},
        "rule": {"trusted", "fixed", "schema"},
        "exemption": {"break-glass"},
        "result": {"written", "failed", "loaded", "denied"},
        "status": {"400", "404", "405", "413", "415"},
        "policy": {"test"},
    }
    assert {label: values[label] - bound for label, bound in bounds.items() if values.get(label, set()) - bound} == {}


@contextlib.contextmanager
def _half(server: Server, body: bytes) -> Iterator[ssl.SSLSocket]:
    """A request whose head was sent, and half of its body."""
    context = ssl.create_default_context(cafile=server.ca)
    head = (
        f"POST /validate HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with (
        socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as connection,
    ):
        connection.sendall(head.encode() + body[: len(body) // 2])
        yield connection


def test_in_flight(server: Server) -> None:
    """Requests in any worker are counted until they are answered; an idle connection is not."""
    body = json.dumps(_ALLOWED).encode()
    with contextlib.ExitStack() as stack:
        halves = [stack.enter_context(_half(server, body)) for _ in range(7)]
        until(lambda: _value(server, "istag_webhook_admission_requests_in_flight") == 7, "the requests in flight")
        for half in halves:
            half.sendall(body[len(body) // 2 :])
            assert half.recv(2**16).startswith(b"HTTP/1.1 200 ")
        until(lambda: _value(server, "istag_webhook_admission_requests_in_flight") == 0, "none in flight")


def test_a_worker_that_dies(tmp_path: Path) -> None:
    """Counts of a killed worker are kept, its gauges released, and the active policy still exposed."""
    body = json.dumps(_ALLOWED).encode()
    with serving(tmp_path) as server, contextlib.ExitStack() as stack:
        for _ in range(10):
            _post(server, _ALLOWED)
        for _ in range(6):
            stack.enter_context(_half(server, body))
        until(lambda: _value(server, "istag_webhook_admission_requests_in_flight") == 6, "the requests in flight")
        until(lambda: _value(server, "istag_webhook_admission_requests_total") == 10, "the counts")
        policy, expiry = _samples(server)["istag_webhook_policy_info"], _value(server, _EXPIRY)
        before = server.workers()
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(server.workers()) == 2 and not server.workers() & before, "the new workers")
        until(lambda: _value(server, "istag_webhook_worker_starts_total") == 4, "all workers")
        assert _value(server, "istag_webhook_admission_requests_in_flight") == 0
        assert _value(server, "istag_webhook_admission_requests_total") == 10
        assert _samples(server)["istag_webhook_policy_info"] == policy
        assert _value(server, _EXPIRY) == expiry > 0


_EXPIRY = "istag_webhook_certificate_expiry_timestamp_seconds"


def _put(path: Path, registry: str) -> None:
    path.with_suffix(".new").write_text(
        HEAD + f"spec: {{rules: [{{name: trusted, registries: {{allow: [{registry}]}}}}]}}\n"
    )
    path.with_suffix(".new").rename(path)


def test_the_policy_in_force(tmp_path: Path) -> None:
    """Digest, age and the state of the last load follow the files, and a file that is put right again is good again."""
    policy = tmp_path / "policy.yaml"
    _put(policy, "quay.io")
    with serving(tmp_path, "--policy", "policy.yaml") as server:

        def in_force() -> set[str]:
            return {dict(labels)["digest"] for labels in _samples(server)["istag_webhook_policy_info"]}

        first, loaded = in_force(), _value(server, "istag_webhook_policy_loaded_timestamp_seconds")
        assert len(first) == 1
        _put(policy, "registry.example")

        def another() -> set[str] | None:
            found = in_force()
            return found if len(found) == 1 and found != first else None

        second = until(another, "the new digest alone")
        assert _value(server, "istag_webhook_policy_loaded_timestamp_seconds") > loaded
        assert _value(server, "istag_webhook_policy_last_load_successful") == 1
        policy.write_text("nonsense: [")
        until(lambda: _value(server, "istag_webhook_policy_last_load_successful") == 0, "the denial")
        until(lambda: _value(server, "istag_webhook_policy_loads_total", result="denied") == 2, "the denials")
        assert in_force() == second
        _put(policy, "registry.example")
        until(lambda: _value(server, "istag_webhook_policy_last_load_successful") == 1, "the policy that is good again")
        assert in_force() == second


def test_a_worker_that_comes_later(tmp_path: Path) -> None:
    """A worker that replaces another evaluates by the last good policy from its first answer, not by the one of the start."""
    policy = tmp_path / "policy.yaml"
    _put(policy, "quay.io")
    with serving(tmp_path, "--policy", "policy.yaml", "--workers", "1") as server:
        assert _post(server, _ALLOWED)["allowed"]
        _put(policy, "registry.example")
        until(lambda: not _post(server, _ALLOWED)["allowed"], "the new policy")
        _kill(server)
        assert not _post(server, _ALLOWED)["allowed"]
        policy.write_text("nonsense: [")
        until(lambda: _value(server, "istag_webhook_policy_last_load_successful") == 0, "the denial")
        _kill(server)
        assert not _post(server, _ALLOWED)["allowed"]
        assert _value(server, "istag_webhook_policy_last_load_successful") == 0


def _kill(server: Server) -> None:
    """Kill the one worker, and wait for another."""
    (worker,) = server.workers()
    os.kill(worker, signal.SIGKILL)
    until(lambda: server.workers() - {worker}, "another worker")


def test_records_that_fail(tmp_path: Path) -> None:
    """A record that cannot be written is counted, even if the answer is sent; it is an error only if it is not."""
    body = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()
    with serving(tmp_path, "--record", "/dev/full", "--audit", "best-effort") as server:
        assert _value(server, "istag_webhook_records_total", result="failed") == 0
        assert frozenset({("result", "failed")}) in _samples(server)["istag_webhook_records_total"]
        assert server.post(body)[0] == 200
        until(lambda: _value(server, "istag_webhook_records_total", result="failed") == 1, "the count")
        assert _value(server, "istag_webhook_faults_total") == 0
    with serving(tmp_path, "--record", "/dev/full") as server:
        assert server.post(body)[0] == 500
        until(lambda: _value(server, "istag_webhook_faults_total") == 1, "the count")


def test_promtool_finds_nothing(server: Server) -> None:
    """Prometheus's own linter accepts names, types and help."""
    done = promtool("check", "metrics", given=server.get("/metrics")[1])
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
