"""The real server over real TLS against tests/data/openapi.yaml: what it describes is all that the server says."""

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, assume, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    positive_data_acceptance,
    response_schema_conformance,
    status_code_conformance,
)
from tests.support.builders import REVIEWS
from tests.support.paths import DATA
from tests.support.serving import Server, serving, until

from webhook.resources import catalog
from webhook.service.app import LARGEST

_SCHEMA: Final = schemathesis.openapi.from_path(DATA / "openapi.yaml")
_ALWAYS: Final = [status_code_conformance, content_type_conformance, response_schema_conformance]
_REVIEW: Final = (REVIEWS / "A07-oc-tag-digest.2-validate.json").read_bytes()
_STRICT: Final = str(DATA / "policies" / "strict.yaml")
_TYPE: Final[dict[str, str]] = {"Content-Type": "application/json"}
_METHODS: Final = {"/validate": "POST", "/mutate": "POST", "/livez": "GET", "/readyz": "GET", "/metrics": "GET"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server under a policy with a rule of nearly every kind."""
    with serving(tmp_path_factory.mktemp("openapi"), "--policy", _STRICT) as running:
        yield running


@pytest.fixture(scope="module")
def session(server: Server) -> Iterator[requests.Session]:
    """One client, which trusts the server's authority alone."""
    with requests.Session() as made:
        made.trust_env, made.verify = False, str(server.ca)
        yield made


def _operation(path: str) -> Any:
    return _SCHEMA[path][_METHODS[path]]


def _where(server: Server, path: str) -> str:
    if _METHODS[path] == "POST":
        return f"https://localhost:{server.port}"
    return f"http://127.0.0.1:{server.management_port}"


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE], ids=["right", "wrong"])
@pytest.mark.parametrize("path", ["/validate", "/mutate"])
def test_reviews(server: Server, session: requests.Session, path: str, mode: GenerationMode) -> None:
    """Every review of the description is answered, and anything else is denied, in the words of the description."""

    @settings(max_examples=40, suppress_health_check=list(HealthCheck))
    @given(case=_operation(path).as_strategy(generation_mode=mode))
    def holds(case: Any) -> None:
        assume(not _beyond_64_bits(case.body))
        case.call_and_validate(
            base_url=_where(server, path),
            session=session,
            verify=str(server.ca),
            checks=[*_ALWAYS, not_a_server_error, negative_data_rejection, positive_data_acceptance],
        )

    holds()
    assert [line for line in server.logs if line.get("severity") == "ERROR"] == []


def _beyond_64_bits(value: Any) -> bool:
    """Whether a number in a JSON value may be written as an integer that is denied, which a JSON Schema cannot say."""
    if isinstance(value, dict | list):
        return any(map(_beyond_64_bits, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int | float) and abs(value) >= 2**63


def _said(server: Server, session: requests.Session, path: str, method: str = "", **request: Any) -> int:
    """Ask, hold the answer against the description, and return its status."""
    method = method or _METHODS[path]
    answer = session.request(method, _where(server, path) + path, verify=str(server.ca), timeout=30, **request)
    _operation(path).Case().validate_response(answer, checks=_ALWAYS)
    return answer.status_code


@pytest.mark.parametrize("path", ["/validate", "/mutate"])
@pytest.mark.parametrize(
    ("status", "method", "request_"),
    [
        pytest.param(400, "POST", {"data": b'{"a":1,"a":2}', "headers": _TYPE}, id="400-no-review"),
        pytest.param(405, "PUT", {"data": _REVIEW, "headers": _TYPE}, id="405-method"),
        pytest.param(413, "POST", {"headers": {**_TYPE, "Content-Length": str(LARGEST + 1)}}, id="413-large"),
        pytest.param(415, "POST", {"data": _REVIEW, "headers": {"Content-Type": "text/yaml"}}, id="415-yaml"),
        pytest.param(415, "POST", {"data": b"x", "headers": _TYPE | {"Content-Encoding": "gzip"}}, id="415-gzip"),
    ],
)
def test_refusals(
    server: Server, session: requests.Session, path: str, status: int, method: str, request_: dict[str, Any]
) -> None:
    """Each status of an improper question is given, as it is described."""
    assert _said(server, session, path, method, **request_) == status


@pytest.mark.parametrize(
    "path", sorted(each for each in REVIEWS.glob("*.json") if not each.name.endswith(".expected.json"))[::5], ids=lambda path: path.name[:24]
)  # fmt: skip
def test_recorded_reviews(server: Server, session: requests.Session, path: Path) -> None:
    """Recorded reviews are answered as it is described, patches, warnings and denials included."""
    for endpoint in ("/validate", "/mutate"):
        assert _said(server, session, endpoint, data=path.read_bytes(), headers=_TYPE) == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
def test_the_management_port(server: Server, session: requests.Session, path: str) -> None:
    """Health and metrics are what is described."""
    assert _said(server, session, path) == 200


def test_a_fault_of_ours(tmp_path: Path) -> None:
    """A record that cannot be written is a 500, and a server that stops is not ready: both as described."""
    with serving(tmp_path, "--record", "/dev/full", "--drain", "20") as server, requests.Session() as session:
        session.trust_env = False
        assert _said(server, session, "/validate", data=_REVIEW, headers=_TYPE) == 500
        server.signal(signal.SIGTERM)
        until(lambda: _said(server, session, "/readyz") == 503, "readiness to say that the server stops")
        server.signal(signal.SIGINT)


def test_every_resource_is_described() -> None:
    """The description names the resources that the webhook knows."""
    request = _SCHEMA.raw_schema["components"]["schemas"]["Question"]["properties"]["request"]
    assert set(request["properties"]["resource"]["properties"]["resource"]["enum"]) == set(catalog.NAMES)
