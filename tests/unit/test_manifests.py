"""The manifests say what the code does: every path, port, resource, timeout and name."""

import re
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from tests.support.rendered import (
    COMPONENTS,
    MANIFESTS,
    Document,
    Render,
    environment,
    of_kind,
    place,
    server,
    templates,
    the,
    webhooks,
)

from webhook.cluster.client import selects
from webhook.resources import catalog
from webhook.resources.objects import GROUP, VERSION
from webhook.service.app import create_management_app
from webhook.service.metrics import Metrics
from webhook.settings import Settings, documented, variable

_ROOT = MANIFESTS.parent
_SHARED_SECONDS = 13  # all webhooks of a kind together, in openshift-apiserver
_ARBITER_SECONDS = 5  # what the server waits for its workers beside drain and grace


def test_rules(documents: list[Document]) -> None:
    """Each resource is a resource of the validating rule; of the mutating one, those where a patch is kept."""
    kept = {name for name, resource in catalog.RESOURCES.items() if any(place.kept for place in resource.places)}
    for kind, expected in (("validating", set(catalog.RESOURCES)), ("mutating", kept)):
        (rule,) = webhooks(documents)[kind]["rules"]
        assert set(rule["resources"]) == expected
        assert rule == {
            "resources": rule["resources"],
            "apiGroups": [GROUP],
            "apiVersions": [VERSION],
            "operations": sorted({each for name in expected for each in catalog.RESOURCES[name].operations}),
            "scope": "Namespaced",
        }


@pytest.mark.parametrize(("kind", "path"), [("validating", "/validate"), ("mutating", "/mutate")])
def test_terms(documents: list[Document], kind: str, path: str, client: Callable[[str], FlaskClient]) -> None:
    """How a webhook is called: its Service leads to the TLS port, and no time of others is used up."""
    webhook = webhooks(documents)[kind]
    assert path in {rule.rule for rule in client("").application.url_map.iter_rules()}
    service = the(documents, "Service")
    assert webhook["clientConfig"]["service"] == {**place(service), "port": 443, "path": path}
    terms = ("sideEffects", "matchPolicy", "timeoutSeconds", "admissionReviewVersions")
    assert [webhook[term] for term in terms] == ["None", "Equivalent", 5, ["v1"]]
    assert 2 * webhook["timeoutSeconds"] < _SHARED_SECONDS
    assert webhook.get("reinvocationPolicy") == ("IfNeeded" if kind == "mutating" else None)
    assert _container_port(documents, 443) == Settings().port


def _container_port(documents: list[Document], port: int) -> int:
    """Return the container's port that a port of the Service leads to."""
    (target,) = (each["targetPort"] for each in the(documents, "Service")["spec"]["ports"] if each["port"] == port)
    (found,) = (each["containerPort"] for each in server(documents)[1]["ports"] if each["name"] == target)
    assert isinstance(found, int)
    return found


@pytest.mark.parametrize(
    ("name", "policies"), [("openshift", "Fail Ignore"), ("kubernetes", "Fail Ignore"), ("dev", "Ignore Ignore")]
)
def test_failure_policy(name: str, policies: str, render: Render) -> None:
    """Nothing goes by notEvaluated but on a laptop; what completes never stops anybody."""
    found = webhooks(render(name))
    assert [found[kind]["failurePolicy"] for kind in ("validating", "mutating")] == policies.split()


def test_probes(documents: list[Document]) -> None:
    """The kubelet asks paths that there are, on the management port."""
    _, container = server(documents)
    known = {rule.rule for rule in create_management_app(lambda: "", Metrics()).url_map.iter_rules()}
    for name, path in (("startupProbe", "/readyz"), ("readinessProbe", "/readyz"), ("livenessProbe", "/livez")):
        assert container[name]["httpGet"] == {"path": path, "port": "management"}
        assert path in known
    assert _container_port(documents, 8080) == Settings().management_port


def test_settings(documents: list[Document]) -> None:
    """The environment holds settings that there are, and no Service's address can be taken for one."""
    pod, container = server(documents)
    given = environment(documents)
    assert container["args"] == ["serve"]
    assert given.keys() <= {variable(each.name) for each in documented()}
    link = the(documents, "Service")["metadata"]["name"].upper().replace("-", "_") + "_PORT"
    assert link == variable("port")
    assert all(template["spec"]["enableServiceLinks"] is False for _, template in templates(documents))
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    volumes = {each["name"]: each for each in pod["volumes"]}
    assert volumes[mounted[given[variable("policy")]]]["configMap"]["name"] == "istag-webhook-policy"
    tls = volumes[mounted[str(Path(given[variable("cert")]).parent)]]["secret"]["secretName"]
    assert (given[variable("cert")], given[variable("key")]) == tuple(
        re.findall(r'"(/etc/[^"]+)"', (_ROOT / "Dockerfile").read_text())
    )
    assert tls == "istag-webhook-tls"


def test_termination(documents: list[Document]) -> None:
    """The kubelet waits until the server has drained; no request is denied while pods are replaced."""
    deployment = the(documents, "Deployment")["spec"]
    patience = Settings().drain + Settings().grace + _ARBITER_SECONDS
    assert deployment["template"]["spec"]["terminationGracePeriodSeconds"] > patience
    assert deployment["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


@pytest.mark.parametrize("name", ["openshift", "kubernetes"])
def test_availability(name: str, render: Render) -> None:
    """Three replicas at least, on as many nodes and zones as there are; one may be evicted at a time."""
    documents = render(name)
    scaler, deployment = the(documents, "HorizontalPodAutoscaler")["spec"], the(documents, "Deployment")["spec"]
    assert (scaler["minReplicas"], "replicas" in deployment) == (3, False)
    assert scaler["scaleTargetRef"] == {"apiVersion": "apps/v1", "kind": "Deployment", "name": "istag-webhook"}
    assert the(documents, "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    pod = deployment["template"]["spec"]
    assert pod["priorityClassName"] == "system-cluster-critical"
    spread = {each["topologyKey"]: each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]}
    assert spread == dict.fromkeys(("kubernetes.io/hostname", "topology.kubernetes.io/zone"), "ScheduleAnyway")


def test_selectors(documents: list[Document]) -> None:
    """Every selector of the server's pods selects all of them, and no pod of a Job."""
    selectors = [{"matchLabels": the(documents, "Service")["spec"]["selector"]}]
    selectors += [each["spec"]["selector"] for each in of_kind(documents, "PodDisruptionBudget")]
    selectors.append(the(documents, "NetworkPolicy")["spec"]["podSelector"])
    selectors.append(the(documents, "Deployment")["spec"]["selector"])
    spread = the(documents, "Deployment")["spec"]["template"]["spec"]["topologySpreadConstraints"]
    selectors += [each["labelSelector"] for each in spread]
    for name, template in templates(documents):
        for selector in selectors:
            assert selects(selector, template["metadata"]["labels"]) is (name == "Deployment/istag-webhook")


def test_labels(documents: list[Document]) -> None:
    """Everything says what it belongs to, and the version is the package's, in the image's tag too."""
    assert version("istag-webhook") in (COMPONENTS / "release" / "kustomization.yaml").read_text()
    for document in documents:
        labels = document["metadata"]["labels"]
        assert labels["app.kubernetes.io/name"] == labels["app.kubernetes.io/part-of"] == "istag-webhook"
        assert labels["app.kubernetes.io/version"] == version("istag-webhook")
    name = re.search(r'LABEL name="([^"]+)"', (_ROOT / "Dockerfile").read_text())
    assert name is not None
    for _, template in templates(documents):
        for container in template["spec"]["containers"]:
            assert container["image"] == f"{name[1]}:{version('istag-webhook')}"


def test_network(documents: list[Document]) -> None:
    """OpenShift's API server reaches the TLS port, monitoring reaches the metrics, and the server calls nothing."""
    spec = the(documents, "NetworkPolicy")["spec"]
    # No `egress: []`: the API server drops an empty list, so a comparison would always differ.
    assert (spec["policyTypes"], "egress" in spec) == (["Ingress", "Egress"], False)
    admission, management = spec["ingress"]
    assert (admission["ports"], management["ports"]) == tuple(
        [{"protocol": "TCP", "port": name}] for name in ("admission", "management")
    )
    openshift = the(documents, "Service")["metadata"].get("annotations", {})
    callers = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "openshift-apiserver"}}}]
    assert admission.get("from") == (callers if openshift else None)
    (monitoring,) = management["from"]
    for name, reads in (("openshift-monitoring", True), ("openshift-user-workload-monitoring", True), ("app", False)):
        assert selects(monitoring["namespaceSelector"], {"kubernetes.io/metadata.name": name}) is reads
    for monitor in of_kind(documents, "ServiceMonitor"):
        (endpoint,) = monitor["spec"]["endpoints"]
        assert endpoint["port"] in {each["name"] for each in the(documents, "Service")["spec"]["ports"]}
        assert selects(monitor["spec"]["selector"], the(documents, "Service")["metadata"]["labels"])


@pytest.mark.parametrize(
    ("name", "labels", "called"),
    [
        ("istag-webhook", {}, False),
        ("kube-system", {}, False),
        ("openshift", {}, False),
        ("openshift-apiserver", {}, False),
        ("openshift-etcd", {"openshift.io/run-level": "0"}, False),
        ("openshift-ovn", {"openshift.io/run-level": "1"}, False),
        ("app", {}, True),
        ("openshift-like", {}, True),
        ("app", {"openshift.io/run-level": ""}, True),
    ],
    ids=lambda value: value or "none" if isinstance(value, str) else None,
)
def test_namespaces(documents: list[Document], name: str, labels: dict[str, str], called: bool) -> None:
    """Neither our own namespace nor one that the cluster needs to come up waits for us, whatever the API server's age."""
    for webhook in webhooks(documents).values():
        assert selects(webhook["namespaceSelector"], {"kubernetes.io/metadata.name": name, **labels}) is called


def test_policy(documents: list[Document]) -> None:
    """The ConfigMap holds the shipped policy, under a name that stays: it changes without a rollout."""
    (text,) = the(documents, "ConfigMap", "istag-webhook-policy")["data"].values()
    assert text == (_ROOT / "webhook" / "policy" / "default.yaml").read_text()
