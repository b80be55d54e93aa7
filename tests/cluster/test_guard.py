"""The component `guard`: who may change what decides whether the webhook is called, evaluated as the API server does."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cel
import pytest
from tests.support.apiserver import ApiServer
from tests.support.overlays import applied
from tests.support.rendered import MANIFESTS, Document, Kustomize, of_kind, overlay
from tests.support.vap import Evaluator

_SERVICE_CA = "system:serviceaccount:openshift-service-ca:service-ca"
_CERTS = "system:serviceaccount:istag-webhook:istag-webhook-certs"
_COLLECTOR = "system:serviceaccount:kube-system:namespace-controller"
_ADMINS = "istag-webhook-admins"
# The names that an expression may use (admissionregistration.k8s.io/v1, Variable).
_NAMES = {"object", "oldObject", "request", "variables", "group", "label", "prefix"}


@pytest.fixture(scope="module")
def guard(kustomize: Kustomize, tmp_path_factory: pytest.TempPathFactory) -> list[Document]:
    """The additions of the component to an overlay."""
    directory = tmp_path_factory.mktemp("guard")
    return kustomize(overlay(directory, MANIFESTS / "overlays" / "openshift", "guard"))


@pytest.fixture(scope="module")
def evaluator(guard: list[Document]) -> Evaluator:
    """The policies, to be asked about requests."""
    documents = [*of_kind(guard, "ValidatingAdmissionPolicy"), *of_kind(guard, "ValidatingAdmissionPolicyBinding")]
    for document in documents:
        document["metadata"]["annotations"] = {"istag-webhook/rule": document["metadata"]["name"]}
    return Evaluator(documents)


def _request(
    operation: str, resource: str, name: str, user: str, *groups: str, namespace: str = "", **objects: Any
) -> Document:
    group = "" if resource in ("configmaps", "namespaces") else "admissionregistration.k8s.io"
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {
        "operation": operation,
        "resource": {"group": group, "version": "v1", "resource": resource},
        "userInfo": {"username": user, **({"groups": list(groups)} if groups else {})},
        "object": None if operation == "DELETE" else {"metadata": {**metadata, **objects.get("new", {})}},
        "oldObject": None if operation == "CREATE" else {"metadata": {**metadata, **objects.get("old", {})}},
    }


def _configuration(operation: str, user: str, *groups: str, name: str = "istag-webhook") -> Document:
    return _request(operation, "validatingwebhookconfigurations", name, user, *groups)


def _policy(
    operation: str, user: str, *groups: str, name: str = "istag-webhook-policy", namespace: str = "istag-webhook"
) -> Document:
    return _request(operation, "configmaps", name, user, *groups, namespace=namespace)


def _namespace(
    name: str, old: dict[str, str] | None, new: dict[str, str] | None, user: str = "alice", *groups: str
) -> Document:
    return _request(
        "UPDATE", "namespaces", name, user, *groups,
        old={} if old is None else {"labels": old}, new={} if new is None else {"labels": new},
    )  # fmt: skip


_RUN_LEVEL = {"openshift.io/run-level": "0"}


@pytest.mark.parametrize(
    ("request_", "denied"),
    [
        pytest.param(_configuration("UPDATE", "alice", "system:authenticated"), True, id="configuration-by-anybody"),
        pytest.param(_configuration("DELETE", "alice"), True, id="configuration-deleted-without-groups"),
        pytest.param(_configuration("DELETE", "alice", _ADMINS), False, id="configuration-deleted-by-a-member"),
        pytest.param(_configuration("UPDATE", "admin", "system:masters"), False, id="configuration-by-masters"),
        pytest.param(_configuration("UPDATE", "kube:admin", "system:cluster-admins"), False, id="configuration-by-kubeadmin"),
        pytest.param(_configuration("UPDATE", _SERVICE_CA), False, id="ca-bundle-by-the-service-ca"),
        pytest.param(_configuration("UPDATE", _CERTS), False, id="ca-bundle-by-our-job"),
        pytest.param(_configuration("DELETE", _SERVICE_CA), True, id="configuration-deleted-by-the-service-ca"),
        pytest.param(_configuration("UPDATE", "alice", name="other"), False, id="another-configuration"),
        pytest.param(_request("DELETE", "mutatingwebhookconfigurations", "istag-webhook", "alice"), True, id="mutating"),
        pytest.param(_policy("UPDATE", "alice"), True, id="policy-by-anybody"),
        pytest.param(_policy("UPDATE", "alice", _ADMINS), False, id="policy-by-a-member"),
        pytest.param(_policy("UPDATE", _SERVICE_CA), True, id="policy-by-the-service-ca"),
        pytest.param(_policy("DELETE", _COLLECTOR), False, id="policy-of-a-deleted-namespace"),
        pytest.param(_policy("UPDATE", _COLLECTOR), True, id="policy-changed-by-the-namespace-controller"),
        pytest.param(_policy("UPDATE", "alice", namespace="team"), False, id="config-map-of-another-namespace"),
        pytest.param(_policy("UPDATE", "alice", name="other"), False, id="another-config-map"),
        pytest.param(_request("DELETE", "namespaces", "istag-webhook", "alice"), True, id="namespace-deleted"),
        pytest.param(_request("DELETE", "namespaces", "team", "alice"), False, id="another-namespace-deleted"),
        pytest.param(_namespace("team", None, _RUN_LEVEL), True, id="run-level-set"),
        pytest.param(_namespace("team", _RUN_LEVEL, {}), True, id="run-level-removed"),
        pytest.param(_namespace("team", _RUN_LEVEL, _RUN_LEVEL), False, id="run-level-as-it-was"),
        pytest.param(_namespace("team", None, _RUN_LEVEL, "alice", _ADMINS), False, id="run-level-by-a-member"),
        pytest.param(_namespace("team", {"istag-webhook/enabled": "true"}, None), True, id="opted-out"),
        pytest.param(_namespace("team", None, {"team": "a"}), False, id="another-label"),
        pytest.param(_namespace("openshift-etcd", None, _RUN_LEVEL), False, id="run-level-of-the-platform"),
        pytest.param(_namespace("openshiftx", None, _RUN_LEVEL), True, id="a-name-like-the-platform"),
        pytest.param(
            _namespace("istag-webhook", {"pod-security.kubernetes.io/enforce": "restricted"}, {}), True, id="own-pod-security"
        ),
        pytest.param(
            _namespace("team", {"pod-security.kubernetes.io/enforce": "restricted"}, {}), False, id="pod-security-elsewhere"
        ),
        pytest.param(
            _request("CREATE", "namespaces", "team", "alice", new={"labels": _RUN_LEVEL}), True, id="created-with-a-run-level"
        ),
        pytest.param(_request("CREATE", "namespaces", "team", "alice"), False, id="created-without-labels"),
    ],
)  # fmt: skip
def test_who_may(evaluator: Evaluator, request_: Document, denied: bool) -> None:
    """Members of the groups may, others may not, and controllers may do what is theirs to do."""
    said = evaluator.decide(request_)
    assert bool(said) is denied
    for messages in said.values():
        (message,) = messages.values()
        assert request_["userInfo"]["username"] in message
        assert "allowed: the groups of the ValidatingAdmissionPolicy istag-webhook-guard" in message


def test_collections(guard: list[Document]) -> None:
    """A request that deletes a collection has no name in it: no rule selects by resourceNames."""
    for policy in of_kind(guard, "ValidatingAdmissionPolicy"):
        for rule in policy["spec"]["matchConstraints"]["resourceRules"]:
            assert "resourceNames" not in rule


def _expressions(spec: Document) -> Iterator[str]:
    for part in ("matchConditions", "variables", "validations"):
        for each in spec[part]:
            yield each["expression"]
            if "messageExpression" in each:
                yield each["messageExpression"]


def test_expressions(guard: list[Document]) -> None:
    """Every expression is CEL about what there is, and a variable comes after those that it reads."""
    for policy in of_kind(guard, "ValidatingAdmissionPolicy"):
        known: set[str] = set()
        for each in policy["spec"]["variables"]:
            assert set(re.findall(r"variables\.(\w+)", each["expression"])) <= known
            known.add(each["name"])
        for expression in _expressions(policy["spec"]):
            assert set(cel.compile(expression).variables()) <= _NAMES


def test_the_groups_are_the_same(guard: list[Document]) -> None:
    """Both policies name the same groups, and the roles are bound to the first."""
    named = {
        each["expression"]
        for policy in of_kind(guard, "ValidatingAdmissionPolicy")
        for each in policy["spec"]["variables"]
        if each["name"] == "groups"
    }
    (groups,) = named
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        bound = [each for each in of_kind(guard, kind) if each["metadata"]["name"] == "istag-webhook-admin"]
        assert [subject["name"] in groups for each in bound for subject in each["subjects"]] == [True]


_MINE = "--namespace=istag-webhook"


@pytest.fixture(scope="module")
def bound(api: ApiServer, guard: list[Document]) -> Iterator[ApiServer]:
    """An API server with the roles of the component."""
    api.namespace("openshift-config-managed")
    with applied(api, guard) as said:
        assert said.code == 0, said.err
        yield api


@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["update", "validatingwebhookconfiguration/istag-webhook"], "yes"),
        (["delete", "mutatingwebhookconfiguration/istag-webhook"], "yes"),
        (["delete", "validatingwebhookconfiguration/other"], "no"),
        (["update", "configmap/istag-webhook-policy", _MINE], "yes"),
        (["update", "configmap/other", _MINE], "no"),
        (["get", "secret/istag-webhook-tls", _MINE], "no"),
        (["update", "namespace/istag-webhook"], "no"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_rights_of_the_group(bound: ApiServer, arguments: list[str], allowed: str) -> None:
    """The group may change what the guard guards, and nothing else."""
    said = bound.kubectl("auth", "can-i", *arguments, "--as=alice", f"--as-group={_ADMINS}")
    assert said.out.strip() == allowed


def test_the_page_patches_both(kustomize: Kustomize, tmp_path: Path) -> None:
    """The kustomization of the how-to names other groups in both policies and in the bindings."""
    page = (MANIFESTS.parent / "docs" / "how-to" / "guard.md").read_text()
    block = page.partition("```yaml\n")[2].partition("```")[0]
    (tmp_path / "istag-webhook").symlink_to(MANIFESTS.parent)
    (tmp_path / "cluster").mkdir()
    (tmp_path / "cluster" / "kustomization.yaml").write_text(block)
    documents = kustomize(tmp_path / "cluster")
    for policy in of_kind(documents, "ValidatingAdmissionPolicy"):
        (groups,) = (each["expression"] for each in policy["spec"]["variables"] if each["name"] == "groups")
        assert "platform-admins" in groups
    for kind in ("ClusterRoleBinding", "RoleBinding"):
        (found,) = (each for each in of_kind(documents, kind) if each["metadata"]["name"] == "istag-webhook-admin")
        assert [subject["name"] for subject in found["subjects"]] == ["platform-admins"]
