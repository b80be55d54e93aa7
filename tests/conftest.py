"""Fixtures of the tests: recorded reviews, policies, the app."""

import functools
import json
import shutil
import signal
import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, is_hypothesis_test, settings
from tests.support import apiserver, assets, measuring, streams
from tests.support.apiserver import LEFT_OUT, ApiServer, Said, leave_out
from tests.support.builders import Lines, policy_of, review_of
from tests.support.paths import DATA, ROOT
from tests.support.rendered import MANIFESTS, OVERLAYS, Document, Kustomize

from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.service.app import Service, create_app
from webhook.service.metrics import Metrics

# How long an example takes says how busy the machine is, and nothing of what is tested.
settings.register_profile("quick", deadline=None, suppress_health_check=[HealthCheck.too_slow], max_examples=30)
settings.register_profile("brief", settings.get_profile("quick"), max_examples=10)  # of `make test-unit`
settings.register_profile("thorough", settings.get_profile("quick"), max_examples=100)
settings.register_profile("fuzz", settings.get_profile("quick"), max_examples=3_400)  # ten thousand sequences
settings.load_profile("quick")
_KINDS: Final = ("unit", "system", "cluster")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that regenerates the golden answers."""
    parser.addoption("--regenerate", action="store_true", help="update the expected answers of the golden reviews")
    parser.addoption("--measure", action="store_true", help="write what the tests of faults counted into FAULTS.md")


def pytest_configure() -> None:
    """Heed SIGINT, as the commands shall that tests interrupt: what runs in the background ignores it, and hands that on."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark each test with its kind, the name of its directory, and give what shares a process to one worker.

    The tests of a module share its servers, and what it reads once. All tests with the fixture `api` share one API server.
    Coverage leaves out what evaluates the same lines hundreds of times: slow tests, and properties.
    """
    for item in items:
        kind, *_ = item.path.relative_to(ROOT / "tests").parts
        assert kind in _KINDS, f"{item.path} is in none of {_KINDS}"
        item.add_marker(kind)
        function = getattr(item, "function", None)
        if item.get_closest_marker("slow") or is_hypothesis_test(function):
            item.add_marker("no_cover")
        if isinstance(item, pytest.Function) and "api" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("api"))
        else:
            item.add_marker(pytest.mark.xdist_group(f"{kind}.{item.path.stem}"))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    """Say at the very end, and plainly, what was left out, and how to get what was missing."""
    yield
    if terminalreporter.config.getoption("--measure"):
        found = measuring.measured(terminalreporter.stats.get("passed", []))
        measuring.TABLE.write_text(measuring.written(measuring.TABLE.read_text(), found))
        terminalreporter.write_line(f"{measuring.TABLE.name} says what {len(found)} tests counted")
    skipped = [str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", [])]
    reasons = Counter(reason.partition(LEFT_OUT)[2] for reason in skipped if LEFT_OUT in reason)
    if reasons:
        terminalreporter.section("left out")
        for reason, count in reasons.items():
            terminalreporter.write_line(f"{count} skipped: {reason}")
        terminalreporter.write_line("CONTRIBUTING.md says where what was missing comes from.")


@pytest.fixture
def measured(record_property: Callable[[str, object], None]) -> measuring.Measured:
    """Return what notes how many requests a test counted, for FAULTS.md."""
    return lambda **counted: record_property(measuring.NAME, measuring.sentence(**counted))


@pytest.fixture(scope="session")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """A real API server with the CRDs of the five resources; see CONTRIBUTING.md for where its programs come from."""
    try:
        assets.servers()
        assets.kubectl(kustomize=False)
    except assets.NotFound as error:
        leave_out(f"no API server: {error}")
    # pytest keeps the directories of the last runs, and removes what a killed one left; etcd's is large, and goes at once.
    directory = tmp_path_factory.mktemp("api")
    try:
        with apiserver.running(directory) as server:
            yield server
    finally:
        shutil.rmtree(directory)


@pytest.fixture(scope="session")
def scannable(api: ApiServer) -> ApiServer:
    """The API server, with the definitions of reports and images for `scan` in addition to the five resources."""
    definitions = DATA / "scan"
    for said in (
        api.kubectl("create", "-f", definitions),
        api.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", definitions),
    ):
        assert said.code == 0, said.err
    return api


@pytest.fixture
def scan(scannable: ApiServer) -> Callable[..., Said]:
    """Return what runs `istag-webhook scan` as the cluster's administrator, or with another kubeconfig."""

    def run(*arguments: str | Path, kubeconfig: Path | None = None) -> Said:
        command = streams.command(kubeconfig or scannable.kubeconfig, *arguments)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert "Traceback" not in done.stderr
        return Said(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def fresh(scannable: ApiServer) -> Iterator[Callable[..., list[str]]]:
    """Return what makes streams in namespaces of their own, whose names it returns."""
    made: list[str] = []

    def make(count: int, tags: int, **given: Any) -> list[str]:
        prefix = f"{scannable.namespace()}-s"
        namespaces = sorted(streams.fill(scannable.kubeconfig, streams.streams(count, tags, prefix=prefix, **given)))
        made.extend(namespaces)
        return namespaces

    yield make
    streams.empty(scannable.kubeconfig, made)


@pytest.fixture(scope="session")
def kustomize() -> Callable[[Path], list[dict[str, Any]]]:
    """Return what renders a directory with `kubectl kustomize`, Components included."""
    try:
        assets.kubectl()
    except assets.NotFound as error:
        leave_out(f"no kubectl that knows Components: {error}")
    return apiserver.kustomized


@pytest.fixture(scope="session")
def render(kustomize: Kustomize) -> Callable[[str], list[Document]]:
    """Return what renders one of our overlays, once."""
    return functools.cache(lambda name: kustomize(MANIFESTS / "overlays" / name))


@pytest.fixture(params=OVERLAYS)
def documents(request: pytest.FixtureRequest, render: Callable[[str], list[Document]]) -> list[Document]:
    """The objects of each overlay."""
    return render(request.param)


@pytest.fixture(scope="session")
def shipped() -> Policy:
    """The policy that comes with the package."""
    return load()


@pytest.fixture(scope="session")
def strict() -> Policy:
    """A policy with a rule of nearly every kind."""
    return load(DATA / "policies" / "strict.yaml")


@pytest.fixture
def lines() -> Lines:
    """A journal that keeps its lines."""
    return Lines()


@pytest.fixture
def client(lines: Lines) -> Callable[[str], FlaskClient]:
    """Return a maker of Flask clients, each of an app with the policy in a YAML text."""

    def make(text: str, **service: Any) -> FlaskClient:
        policy = policy_of(text) if text else load()
        given = {"journal": lines, "metrics": Metrics(), "version": "0", **service}
        return create_app(Service(policy=lambda: policy, **given)).test_client()

    return make


@pytest.fixture
def body() -> bytes:
    """A plain review: `oc tag docker.io/acme/app:1 app/app:live`."""
    return json.dumps(review_of({"kind": "DockerImage", "name": "docker.io/acme/app:1"})).encode()
