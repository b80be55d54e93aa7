"""What the tests share: recorded reviews, policies, the app."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from support import Lines, policy_of, review_of

from webhook.app import Service, create_app
from webhook.metrics import Metrics
from webhook.policy import Policy, load


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the flag that writes the golden answers anew."""
    parser.addoption("--regenerate", action="store_true", help="write the expected answers of the golden reviews anew")


@pytest.fixture(scope="session")
def shipped() -> Policy:
    """The policy that comes with the package."""
    return load()


@pytest.fixture(scope="session")
def strict() -> Policy:
    """A policy with a rule of nearly every kind."""
    return load(Path(__file__).parent / "policies" / "strict.yaml")


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
