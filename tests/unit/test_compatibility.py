"""The promise for `istag-webhook/v1`: what was ever shipped can be loaded, and evaluates as it says."""

import hashlib
from pathlib import Path
from typing import Final

import pytest
from tests.support.builders import decoded, docker, review_of
from tests.support.paths import DATA, ROOT

from webhook.admission import engine
from webhook.policy.loading import load

_SHIPPED: Final = sorted((DATA / "shipped-policies").glob("*.yaml"))
_LOCAL: Final = "image-registry.openshift-image-registry.svc:5000/app/app@sha256:" + "a" * 64


@pytest.mark.parametrize("path", _SHIPPED, ids=lambda path: path.stem)
def test_every_shipped_policy_loads(path: Path) -> None:
    """It loads without a change, and still does what the first one did: it denies an insecure import, and no sound tag."""
    policy = load(path)
    insecure = review_of(
        docker("quay.io/acme/app:1"), tag={"importPolicy": {"insecure": True, "importMode": "PreserveOriginal"}}
    )
    assert not engine.validate(decoded(insecure), policy).allowed
    assert engine.validate(decoded(review_of(docker(_LOCAL))), policy).allowed


@pytest.mark.parametrize("path", _SHIPPED, ids=lambda path: path.stem)
def test_a_shipped_policy_is_never_edited(path: Path) -> None:
    """Its name holds the beginning of its SHA-256."""
    assert path.stem.endswith(hashlib.sha256(path.read_bytes()).hexdigest()[:12])


def test_the_policy_of_today_is_among_them() -> None:
    """A change of the shipped policy adds it to the shipped policies."""
    today = ROOT / "manifests" / "base" / "policy.yaml"
    assert today.read_bytes() in [path.read_bytes() for path in _SHIPPED], (
        "copy it to tests/data/shipped-policies, named by date and SHA-256"
    )
