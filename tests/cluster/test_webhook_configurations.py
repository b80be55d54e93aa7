"""The webhook configurations as they are shipped, and their conditions, held by a real API server and a CEL compiler."""

import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import cel
import pytest
from tests.support.apiserver import ApiServer
from tests.support.builders import NOW, REVIEWS
from tests.support.installed import MUTATING, VALIDATING, Document, shipped
from tests.support.overlays import MATCH_CONDITIONS, applied

from webhook.admission import engine
from webhook.admission.codec import decode
from webhook.policy.policy import Policy
from webhook.resources import catalog

_KINDS = pytest.mark.parametrize("kind", [VALIDATING, MUTATING])
# The names that a condition may use (admissionregistration.k8s.io/v1, MatchCondition).
_VARIABLES = {"object", "oldObject", "request", "authorizer"}
_REVIEWS = sorted(path for path in REVIEWS.glob("*.json") if not path.name.endswith(".expected.json"))


def _conditions(kind: str) -> list[Mapping[str, str]]:
    (webhook,) = shipped()[kind]["webhooks"]
    found: list[Mapping[str, str]] = webhook.get("matchConditions", [])
    return found


def _compiled(expression: str) -> cel.Program:
    """Compile a condition.

    Raises:
        ValueError: it is no CEL, or speaks of what a condition does not have.
    """
    program = cel.compile(expression)
    bound = {name for name in program.variables() if f"({name}," in expression.replace(" ", "")}
    if unknown := set(program.variables()) - _VARIABLES - bound:
        raise ValueError(f"unknown name {', '.join(sorted(unknown))}")
    return program


@_KINDS
def test_the_configuration_is_taken(api: ApiServer, kind: str) -> None:
    """An API server takes the configuration as it is: ours, or the cluster of ISTAG_TEST_KUBECONFIG, in a dry run."""
    other = os.environ.get("ISTAG_TEST_KUBECONFIG")
    sent = shipped()[kind]
    said = api.kubectl(
        "apply", "--dry-run=server", "--validate=false", "--output=json", "--filename=-",
        stdin=sent, kubeconfig=Path(other) if other else None,
    )  # fmt: skip
    (taken,) = said.document["webhooks"]
    for field, value in sent["webhooks"][0].items():
        if field == "matchConditions" and not other and api.version < MATCH_CONDITIONS:
            continue  # this server does not know them: it drops them
        assert taken.get(field) == value


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("object.", "Syntax error"),
        ("request.operation == 'CREATE' &&", "Syntax error"),
        ("tag.name == 'live'", "unknown name tag"),
        ("object.spec.tags.exists(each, has(each.from)) && other", "unknown name other"),
    ],
    ids=["cut-off", "half", "unknown", "unknown-beside-bound"],
)
def test_a_bad_condition_is_noticed(expression: str, said: str) -> None:
    """The validation here denies everything that the API server would deny."""
    with pytest.raises(ValueError, match=said):
        _compiled(expression)


@_KINDS
def test_conditions_are_cel(kind: str) -> None:
    """Each condition is CEL about what a condition may speak of, under a name of its own."""
    conditions = _conditions(kind)
    for condition in conditions:
        assert _compiled(condition["expression"])
    assert len({condition["name"] for condition in conditions}) == len(conditions)


@pytest.mark.parametrize("path", _REVIEWS, ids=lambda path: path.stem)
def test_a_condition_spares_no_tag(path: Path, strict: Policy) -> None:
    """A real review that a condition skips would have had no finding."""
    document = json.loads(path.read_text())
    kind, decide = (VALIDATING, engine.validate) if "validate" in path.stem else (MUTATING, engine.mutate)
    request = {"oldObject": None, **document["request"]}
    variables = {"request": request, "object": request["object"], "oldObject": request["oldObject"]}
    spared = [
        each["name"] for each in _conditions(kind) if _compiled(each["expression"]).execute(variables) is not True
    ]
    decision = decide(decode(path.read_bytes(), catalog.RESOURCES, NOW), strict)
    assert not spared or not (decision.findings or decision.patch or decision.tags)


_KUSTOMIZATION = """\
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: test-overlay
resources: [objects.yaml]
components: [monitoring]
"""
_COMPONENT = """\
apiVersion: kustomize.config.k8s.io/v1alpha1
kind: Component
resources: [monitor.yaml]
"""
_MONITOR = (
    "{apiVersion: monitoring.coreos.com/v1, kind: ServiceMonitor, metadata: {name: monitor}, spec: {endpoints: []}}"
)
_OBJECTS = """\
{apiVersion: v1, kind: Namespace, metadata: {name: test-overlay}}
---
{apiVersion: policy/v1, kind: PodDisruptionBudget, metadata: {name: budget}, spec: {minAvailable: 1}}
---
apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: scaler}
spec: {maxReplicas: 3, scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: server}}
"""


def test_an_overlay_with_a_component(
    api: ApiServer, kustomize: Callable[[Path], list[Document]], tmp_path: Path
) -> None:
    """The objects of an overlay are applied, including kinds that the server does not have."""
    (tmp_path / "monitoring").mkdir()
    for name, text in (
        ("kustomization.yaml", _KUSTOMIZATION), ("objects.yaml", _OBJECTS),
        ("monitoring/kustomization.yaml", _COMPONENT), ("monitoring/monitor.yaml", _MONITOR),
    ):  # fmt: skip
        (tmp_path / name).write_text(text)
    with applied(api, kustomize(tmp_path)) as said:
        assert (said.code, said.err) == (0, "")
        there = api.kubectl("get", "pdb,hpa,servicemonitor", "--namespace=test-overlay", "--output=name")
        assert [line.partition("/")[2] for line in there.out.splitlines()] == ["budget", "scaler", "monitor"]


def test_a_misspelled_field_is_refused(api: ApiServer) -> None:
    """Applying says which field a kind does not have."""
    service: dict[str, Any] = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "s", "namespace": "default"}}
    with applied(api, [{**service, "spec": {"portz": []}}]) as said:
        assert said.code == 1
        assert "portz" in said.err
