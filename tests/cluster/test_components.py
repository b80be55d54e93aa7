"""The components `build` and `hosted-control-plane` do what their pages say, and do not lock anybody out."""

import json
import re
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from tests.support.apiserver import ApiServer, path_of
from tests.support.installed import CALLS
from tests.support.overlays import applied
from tests.support.rendered import (
    MANIFESTS,
    Document,
    Kustomize,
    Render,
    environment,
    of_kind,
    overlay,
    server,
    templates,
    the,
)
from tests.support.serving import until

from webhook.cluster.client import selects

_VERSION = version("istag-webhook")
_REGISTRY = "image-registry.openshift-image-registry.svc:5000"


@pytest.fixture(scope="module")
def built(render: Render) -> list[Document]:
    """The overlay that builds the image."""
    return render("openshift-build")


def test_what_is_built_is_what_runs(built: list[Document]) -> None:
    """The build pushes to the tag that the Deployment follows, and every pod pulls from its stream."""
    (config,) = of_kind(built, "BuildConfig")
    to, stream = config["spec"]["output"]["to"], the(built, "ImageStream")["metadata"]
    assert (to["kind"], to["namespace"], to["name"]) == (
        "ImageStreamTag",
        stream["namespace"],
        f"{stream['name']}:{_VERSION}",
    )
    deployment = the(built, "Deployment")
    (trigger,) = json.loads(deployment["metadata"]["annotations"]["image.openshift.io/triggers"])
    assert trigger["from"] == {"kind": "ImageStreamTag", "name": to["name"]}
    assert deployment["metadata"]["namespace"] == stream["namespace"], "a trigger without a namespace follows its own"
    (name,) = re.findall(r'containers\[\?\(@\.name=="(\w+)"\)\]\.image$', trigger["fieldPath"])
    assert name == server(built)[1]["name"]
    images = {container["image"] for _, template in templates(built) for container in template["spec"]["containers"]}
    assert images == {f"{_REGISTRY}/{stream['namespace']}/{to['name']}"}


def test_a_new_version_is_built(built: list[Document]) -> None:
    """A BuildConfig is recreated for each version: only then does OpenShift start a build by itself."""
    (config,) = of_kind(built, "BuildConfig")
    assert config["metadata"]["name"].endswith(_VERSION)
    assert config["spec"]["source"]["git"]["ref"] == f"v{_VERSION}"
    assert {"type": "ConfigChange"} in config["spec"]["triggers"]
    assert (MANIFESTS.parent / config["spec"]["strategy"]["dockerStrategy"]["dockerfilePath"]).is_file()


def test_builds_may_run_and_push(built: list[Document]) -> None:
    """Build pods are privileged: their namespace admits them. Their account may push into the stream's namespace."""
    (config,) = of_kind(built, "BuildConfig")
    labels = the(built, "Namespace", config["metadata"]["namespace"])["metadata"]["labels"]
    assert labels["pod-security.kubernetes.io/enforce"] == "privileged"
    binding = the(built, "RoleBinding", "istag-webhook-build")
    assert binding["metadata"]["namespace"] == config["spec"]["output"]["to"]["namespace"]
    assert binding["subjects"] == [
        {"kind": "ServiceAccount", "name": "builder", "namespace": config["metadata"]["namespace"]}
    ]
    assert binding["roleRef"]["name"] == "system:image-builder"


def test_the_dockerfile_suits_openshift() -> None:
    """OpenShift's builds fail with a cache mount."""
    assert "--mount=" not in (MANIFESTS.parent / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def unanswered(api: ApiServer, built: list[Document]) -> Iterator[ApiServer]:
    """An API server with the overlay in force, and no pod that could answer."""
    api.namespace("openshift-config-managed")
    api.namespace("istag-webhook")  # with the label that its selector reads, as servers since 1.21 set it
    probed = api.namespace()

    def is_called() -> bool:
        before = api.metric(CALLS, name="validate.istag-webhook.io")
        _pushed(api, probed)
        return api.metric(CALLS, name="validate.istag-webhook.io") > before

    with applied(api, built) as said:
        assert said.code == 0, said.err
        until(is_called, "the validating webhook to be called")
        yield api
    until(lambda: not is_called(), "the validating webhook to be called no more")


def _pushed(api: ApiServer, namespace: str) -> int:
    """Return the status of a dry run of the mapping that a push creates."""
    image = {
        "metadata": {"name": "sha256:" + "0" * 64},
        "dockerImageReference": f"{_REGISTRY}/{namespace}/istag-webhook",
    }
    mapping = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamMapping",
        "metadata": {"name": "istag-webhook", "namespace": namespace},
        "tag": _VERSION,
        "image": image,
    }
    return api.request("POST", path_of("imagestreammappings", namespace) + "?dryRun=All", mapping).status


def test_a_build_can_push_while_nobody_answers(unanswered: ApiServer) -> None:
    """A push to our own stream waits for no pod of ours; a push elsewhere is denied."""
    assert _pushed(unanswered, "istag-webhook") == 201
    assert _pushed(unanswered, unanswered.namespace()) == 500


@pytest.mark.parametrize(
    ("namespace", "labels", "pod", "may"),
    [
        ("openshift-host-network", {"policy-group.network.openshift.io/host-network": ""}, {}, True),
        ("kube-system", {}, {"app": "konnectivity-agent"}, True),
        ("kube-system", {}, {"app": "other"}, False),
        ("team", {}, {"app": "konnectivity-agent"}, False),
    ],
    ids=["host-network", "agent", "another-pod", "a-pod-of-that-name-elsewhere"],
)
def test_who_calls_on_a_hosted_control_plane(
    kustomize: Kustomize, tmp_path: Path, namespace: str, labels: dict[str, str], pod: dict[str, str], may: bool
) -> None:
    """Only the tunnel's agents may call the admission port."""
    documents = kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "hosted-control-plane"))
    admission, _ = the(documents, "NetworkPolicy")["spec"]["ingress"]
    given = {"kubernetes.io/metadata.name": namespace, **labels}
    assert may is any(
        selects(peer["namespaceSelector"], given) and selects(peer.get("podSelector", {}), pod)
        for peer in admission["from"]
    )


def test_both_families(documents: list[Document]) -> None:
    """Services take both families if the cluster has both, and the server listens on both."""
    for service in of_kind(documents, "Service"):
        assert service["spec"]["ipFamilyPolicy"] == "PreferDualStack"
    assert "ISTAG_WEBHOOK_HOST" not in environment(documents)
