"""The export in a real API server, where it knows ValidatingAdmissionPolicies: it takes them, and decides as we do."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.support.apiserver import ApiServer
from tests.support.builders import NOW, REVIEWS, docker, stream_of, tag_of
from tests.support.serving import until
from tests.support.vap import Evaluator

from webhook.admission.codec import decode
from webhook.policy.loading import load
from webhook.resources import catalog
from webhook.vap.export import export

_GROUP = "/apis/admissionregistration.k8s.io/v1"


@pytest.fixture(scope="module")
def enforced(api: ApiServer) -> Iterator[tuple[str, Evaluator]]:
    """A namespace in which the shipped policy's export holds, and its evaluator."""
    known = {each["name"] for each in api.request("GET", _GROUP).document["resources"]}
    if "validatingadmissionpolicies" not in known:
        major, minor = api.version
        pytest.skip(f"Kubernetes {major}.{minor} knows no ValidatingAdmissionPolicy; 1.30 does")
    namespace = api.namespace()
    documents = export(load()).documents
    for document in documents:
        if document["kind"] == "ValidatingAdmissionPolicyBinding":
            here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}}}
            document["spec"]["matchResources"] = here
    said = api.kubectl("create", "-f", "-", stdin=list(documents))
    assert said.code == 0, said.err
    insecure = stream_of(tag_of(docker("quay.io/acme/app:1"), importPolicy={"insecure": True}))
    until(lambda: _created(api, namespace, insecure, "alice")[0], "the policies to be enforced", 60)
    yield namespace, Evaluator(documents)
    api.kubectl("delete", "-f", "-", stdin=list(documents))


def _created(api: ApiServer, namespace: str, document: dict[str, Any], user: str) -> tuple[bool, str]:
    """Return whether the creation of `document` is denied, and the message."""
    metadata = {**document["metadata"], "namespace": namespace}
    stripped = {key: metadata[key] for key in ("name", "generateName", "namespace", "annotations") if metadata.get(key)}
    done = api.kubectl(
        "create", "-f", "-", "--dry-run=server", f"--as={user}", stdin={**document, "metadata": stripped}
    )
    return done.code != 0, done.err


def test_the_types_are_right(api: ApiServer, enforced: tuple[str, Evaluator]) -> None:
    """The API server's type checker has no warning about any expression."""
    del enforced

    def checked() -> list[dict[str, Any]]:
        return [
            each for each in api.request("GET", f"{_GROUP}/validatingadmissionpolicies").document["items"]
            if each["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "istag-webhook"
        ]  # fmt: skip

    assert checked()
    warnings = [each.get("status", {}).get("typeChecking", {}).get("expressionWarnings", []) for each in checked()]
    assert [each for each in warnings if each] == []


def test_recorded_creations(api: ApiServer, enforced: tuple[str, Evaluator]) -> None:
    """A recorded creation is denied, warned about or allowed as by the evaluator of the other tests."""
    namespace, evaluator = enforced
    evaluated = 0
    for path in sorted(REVIEWS.glob("*-validate.json")):
        review = decode(path.read_bytes(), catalog.RESOURCES, NOW)
        name = review.name or ""
        if review.operation != "CREATE" or "/" in review.resource or (":" in name and not api.any_name):
            continue
        request = {**review.request, "namespace": namespace}
        actions = {action for found in evaluator.decide(request).values() for action in found}
        refused, said = _created(api, namespace, json.loads(json.dumps(review.object)), review.user.name)
        assert refused is ("Deny" in actions), f"{path.name}: {said}"
        assert ("Warning:" in said) is ("Warn" in actions), f"{path.name}: {said}"
        evaluated += 1
    assert evaluated > 3
