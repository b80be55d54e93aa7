"""Recorded reviews and their answers; `pytest --regenerate` updates the answers, to be reviewed in the diff."""

import json
from base64 import b64decode
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import NOW, REVIEWS

from webhook.admission import engine
from webhook.admission.codec import decode, encode
from webhook.audit.record import annotations, tags
from webhook.policy.policy import Policy
from webhook.resources import catalog

_FILES = sorted(path for path in REVIEWS.glob("*.json") if not path.name.endswith(".expected.json"))


def _answer(path: Path, policy: Policy) -> dict[str, Any]:
    review = decode(path.read_bytes(), catalog.RESOURCES, NOW)
    decide = engine.mutate if "-mutate" in path.name else engine.validate
    decision = decide(review, policy)
    response: dict[str, Any] = json.loads(encode(review, decision, annotations(decision, tags(decision), policy)))[
        "response"
    ]
    assert response.pop("uid") == review.uid
    response["auditAnnotations"].pop("policy")
    if "patch" in response:
        response["patch"] = json.loads(b64decode(response["patch"]))
    return response


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.stem)
def test_answer(path: Path, shipped: Policy, strict: Policy, pytestconfig: pytest.Config) -> None:
    """A recorded review gets the answers next to it, under the shipped policy and under a strict one."""
    answers = {"shipped": _answer(path, shipped), "strict": _answer(path, strict)}
    expected = path.with_suffix(".expected.json")
    if pytestconfig.getoption("--regenerate"):
        expected.write_text(json.dumps(answers, indent=1, ensure_ascii=False) + "\n")
    assert answers == json.loads(expected.read_text())


def test_there_are_enough() -> None:
    """At least forty reviews are golden, and each answer has its review."""
    assert len(_FILES) >= 40
    assert {path.with_suffix(".expected.json") for path in _FILES} == set(REVIEWS.glob("*.expected.json"))
