"""`istag-webhook probe` against a real kube-apiserver: with the rights of its component, and no others.

Custom resources stand in for OpenShift's, so only answers that come from webhooks are as on OpenShift; what OpenShift
itself answers is held by test_probe.py.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.support.apiserver import ApiServer, Said, path_of
from tests.support.installed import VALIDATING, calling, shipped
from tests.support.sentences import OTHER_DENIED
from tests.support.serving import Server, serving, until

from webhook.cli.main import main
from webhook.resources import catalog
from webhook.resources.objects import PROBE_STREAM

_COMPONENT = Path(__file__).parents[2] / "manifests" / "components" / "probe"
_ACCOUNT = "system:serviceaccount:istag-webhook:istag-webhook-probe"
_PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NAME = "validate.istag-webhook.io"
_OURS = "istag-webhook"
_ALL = tuple(catalog.RESOURCES)
_CLOSED = dict.fromkeys(_ALL, "closed")


@dataclass(frozen=True)
class Cluster:
    """A cluster with the probe's namespace, and a webhook that is called where the tests say."""

    api: ApiServer
    server: Server
    kubeconfig: Path

    def run(self, *arguments: str) -> Said:
        """Run the command as its service account."""
        done = CliRunner().invoke(main, ["probe", "--kubeconfig", str(self.kubeconfig), *arguments])
        return Said(done.exit_code, done.stdout, done.stderr)

    def verdicts(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Run the command, and return its exit code and the verdict of each resource."""
        said = self.run("--format", "json", *arguments)
        assert not said.err
        return said.code, {each["resource"]: each["verdict"] for each in json.loads(said.out)["resources"]}

    def configure(self, *resources: str, **fields: Any) -> None:
        """Install the shipped configuration for these resources alone, with other fields if given."""
        document = calling(shipped()[VALIDATING], f"https://localhost:{self.server.port}", self.server.ca)
        (webhook,) = document["webhooks"]
        webhook["rules"][0]["resources"] = list(resources)
        own = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [PROBE_STREAM]}]}
        webhook.update({"namespaceSelector": own, **fields})
        self.api.request("DELETE", f"{_PATH}/{_OURS}")
        made = self.api.request("POST", _PATH, document)
        assert made.status == 201, made.document

    def stored(self) -> dict[str, list[Any]]:
        """Return everything of image.openshift.io in the probe's namespace, with its version."""
        return {
            resource: [
                (each["metadata"]["name"], each["metadata"]["resourceVersion"])
                for each in self.api.request("GET", path_of(resource, PROBE_STREAM)).document["items"]
            ]
            for resource in catalog.NAMES
        }

    def soon(self, expected: tuple[int, dict[str, str]], *arguments: str) -> None:
        """Hold that this comes to be said, as soon as the API server knows of the configuration; nothing is stored."""
        before = self.stored()
        until(lambda: self.verdicts(*arguments) == expected, f"the probe to say {expected}")
        assert self.stored() == before


@pytest.fixture(scope="module")
def cluster(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running webhook, and the objects of the probe's component."""
    documents = [
        each for name in ("namespace", "rbac") for each in yaml.safe_load_all((_COMPONENT / f"{name}.yaml").read_text())
    ]
    documents[0]["metadata"]["labels"] = {
        "kubernetes.io/metadata.name": PROBE_STREAM
    }  # servers since 1.21 set it themselves
    ours = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _OURS}}
    applied = api.kubectl("apply", "-f", "-", stdin=[ours, *documents])
    assert applied.code == 0, applied.err
    try:
        with serving(tmp_path_factory.mktemp("probed")) as server:
            yield Cluster(api, server, api.kubeconfig_of(_ACCOUNT))
    finally:
        api.request("DELETE", f"{_PATH}/{_OURS}")
        api.kubectl("delete", "namespace", PROBE_STREAM, "--wait=false")


@pytest.mark.parametrize("resource", ["", "imagestreamtags", "imagetags", "imagestreams", "imagestreams/status"])
def test_closed_or_open(cluster: Cluster, resource: str) -> None:
    """Every resource is closed, but for one that the configuration forgets."""
    cluster.configure(*(each for each in _ALL if each != resource))
    cluster.soon((1, {**_CLOSED, resource: "open"}) if resource else (0, _CLOSED))


def test_the_webhook_is_down(cluster: Cluster) -> None:
    """A webhook that cannot be called is down, in the words of a real API server."""
    cluster.configure(*_ALL, clientConfig={"url": "https://localhost:1/validate"})
    cluster.soon((2, dict.fromkeys(_ALL, "down")))


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({}, 0, OTHER_DENIED),
        ({"clientConfig": {"url": "https://localhost:1/x"}}, 2, "another webhook failed: "),
    ],
    ids=["denies", "is-down"],
)
def test_another_webhook(cluster: Cluster, fields: dict[str, Any], code: int, sentence: str) -> None:
    """Neither a denial by another webhook nor its failure says anything about ours."""
    cluster.configure(*_ALL, name="validate.example.com", **fields)
    until(lambda: cluster.verdicts()[0] == code, "the other webhook")
    document = cluster.api.request("GET", f"{_PATH}/{_OURS}").document
    theirs = {"metadata": {"name": "theirs"}, "webhooks": document["webhooks"]}
    assert cluster.api.request("POST", _PATH, theirs).status == 201
    try:
        cluster.configure("imagestreamtags", failurePolicy="Ignore", clientConfig={"url": "https://localhost:1/x"})
        cluster.soon((2, dict.fromkeys(_ALL, "unknown")))
        assert all(sentence in line for line in cluster.run().out.splitlines())
    finally:
        cluster.api.request("DELETE", f"{_PATH}/theirs")


def _rights() -> set[str]:
    """Return each verb on each resource that the component grants."""
    roles = [
        each for each in yaml.safe_load_all((_COMPONENT / "rbac.yaml").read_text()) if each["kind"].endswith("Role")
    ]
    return {
        f"{verb} {resource}"
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    }


def test_its_rights_are_enough_and_none_too_many(cluster: Cluster) -> None:
    """The component's roles let everything be asked, and each of their rights is used."""
    cluster.configure(*_ALL)
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    everyone = cluster.api.request("GET", f"{path}/test-images").document
    assert cluster.api.request("DELETE", f"{path}/test-images").status == 200
    try:
        cluster.soon((0, _CLOSED))
        used = {
            f"{event['verb']} {'/'.join(filter(None, (event['objectRef']['resource'], event['objectRef'].get('subresource'))))}"
            for event in cluster.api.audited(PROBE_STREAM)
            if event["user"]["username"] == _ACCOUNT
        }
        assert used >= {right for right in _rights() if "configurations" not in right}
    finally:
        del everyone["metadata"]["resourceVersion"], everyone["metadata"]["uid"]
        assert cluster.api.request("POST", path, everyone).status == 201


def test_a_right_that_is_missing(cluster: Cluster) -> None:
    """A user without the rights reads what the API server says."""
    said = cluster.run("--kubeconfig", str(cluster.api.kubeconfig_of("nobody")))
    assert (said.code, said.out) == (2, "")
    assert 'cannot get resource "namespaces"' in said.err
