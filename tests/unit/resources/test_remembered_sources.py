"""Short parsed sources stay in memory; no client can fill it."""

import gc
import tracemalloc

import pytest
from tests.support.builders import (
    decoded,
    docker,
    policy_of,
    review_of,
)
from tests.support.changes import (
    ANY,
)

from webhook.admission import engine
from webhook.model.review import TagChange
from webhook.resources import catalog, parsing


def test_a_source_that_is_not_remembered() -> None:
    """A name that is too long to be remembered is said to be too long, as one that is remembered."""
    for length in (260, 600):
        (change,) = catalog.changes(decoded(review_of(docker("quay.io/" + "a" * length))), untouched=True)
        assert isinstance(change, TagChange)
        assert change.new is not None
        assert change.new.source is not None
        assert "255" in change.new.source.fault


def test_sources_are_parsed_once() -> None:
    """A name that is read twice is parsed once, whether the schema or the resource reads it."""
    said = {"kind": "DockerImage", "name": "quay.io/acme/app:1"}
    first, second = parsing.source(said), parsing.source(dict(said))
    assert first == second
    assert first is not None
    assert second is not None
    assert first.reference is second.reference


@pytest.mark.slow
def test_sources_that_are_remembered() -> None:
    """A parsed source stays in memory if it is short; long ones do not fill it."""
    policy = policy_of(ANY % "audit")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(30):
            name = f"{number}" + "x" * 2**20
            for kind in ("DockerImage", "ImageStreamTag", "ImageStreamImage"):
                engine.validate(decoded(review_of({"kind": kind, "name": f"{name}:{name}"})), policy)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 30 * 2**20, "it is 180 MiB that were sent"
    finally:
        tracemalloc.stop()
