"""Every overlay and component, applied to a real API server, and what their roles let a service account do."""

from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.support.apiserver import ApiServer, path_of
from tests.support.installed import CALLS, Document
from tests.support.overlays import all_as_served, applied
from tests.support.rendered import CERTIFICATES, MANIFESTS, OPTIONAL, OVERLAYS, Kustomize, Render, overlay
from tests.support.serving import until

from webhook.cli.main import main

_ACCOUNT = "system:serviceaccount:istag-webhook"

_STREAM = {"apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "app"}, "spec": {}}


@pytest.fixture
def platform(api: ApiServer) -> ApiServer:
    """The API server with the namespace that OpenShift's console reads dashboards from."""
    api.namespace("openshift-config-managed")
    return api


def _is_taken(api: ApiServer, documents: list[Document]) -> None:
    """Apply documents, and once more: then nothing is left to change."""
    with applied(api, documents) as said:
        assert (said.code, said.error) == (0, "")
        assert [each for each in said.warnings if "last-applied-configuration" not in each] == []  # an earlier test's
        again = api.kubectl("apply", "--filename=-", stdin=all_as_served(api, documents))
        assert (again.code, again.err) == (0, "")
        assert [line for line in again.out.splitlines() if not line.endswith(" unchanged")] == []


@pytest.mark.parametrize("name", OVERLAYS)
def test_overlay(platform: ApiServer, render: Render, name: str) -> None:
    """An API server takes each overlay as it is, and a second time changes nothing."""
    _is_taken(platform, render(name))


@pytest.mark.parametrize("certificates", CERTIFICATES)
def test_all_components(platform: ApiServer, kustomize: Kustomize, tmp_path: Path, certificates: str) -> None:
    """Each way to a certificate goes with all other components together."""
    _is_taken(platform, kustomize(overlay(tmp_path, MANIFESTS / "base", certificates, *OPTIONAL, "release")))


@pytest.mark.parametrize("component", OPTIONAL)
def test_component(platform: ApiServer, kustomize: Kustomize, tmp_path: Path, component: str) -> None:
    """Each component goes alone."""
    _is_taken(platform, kustomize(overlay(tmp_path, MANIFESTS / "base", "self-signed", component, "release")))


@pytest.fixture(scope="module", params=["all", "opt-in", "fail-open"])
def in_force(
    request: pytest.FixtureRequest, api: ApiServer, kustomize: Kustomize, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """Our configurations in force, without a pod that could answer, and what is added to them."""
    added = [] if request.param == "all" else [request.param]
    chosen = overlay(tmp_path_factory.mktemp("forced"), MANIFESTS / "base", "self-signed", *added, "release")
    probed = api.namespace(**{"istag-webhook/enabled": "true"})
    with applied(api, kustomize(chosen)) as said:
        assert said.code == 0, said.err
        until(lambda: _is_called(api, probed), "the validating webhook to be called")
        yield request.param
    until(lambda: not _is_called(api, probed), "the validating webhook to be called no more")


def _is_called(api: ApiServer, namespace: str) -> bool:
    """Whether the validating webhook is called for a change in a namespace."""
    before = api.metric(CALLS, name="validate.istag-webhook.io")
    _created(api, namespace)
    return api.metric(CALLS, name="validate.istag-webhook.io") > before


def _created(api: ApiServer, namespace: str) -> int:
    """Return the status of a dry run that creates an image stream."""
    return api.request("POST", path_of("imagestreams", namespace) + "?dryRun=All", _STREAM).status


@pytest.mark.parametrize(
    ("name", "labels", "stopped_by"),
    [
        ("istag-webhook", {}, set()),
        ("kube-public", {}, set()),
        ("openshift", {}, set()),
        ("openshift-etcd", {"openshift.io/run-level": "0"}, set()),
        ("", {}, {"all"}),
        ("", {"istag-webhook/enabled": "true"}, {"all", "opt-in"}),
    ],
    ids=["own", "kube-public", "openshift", "run-level", "team", "team-that-opts-in"],
)
def test_who_waits_for_us(
    api: ApiServer, in_force: str, name: str, labels: dict[str, str], stopped_by: set[str]
) -> None:
    """While the webhook is down, only evaluated requests are denied, with fail-open none; never our own or the platform's."""
    namespace = api.namespace(name, **labels)
    assert _created(api, namespace) == (500 if in_force in stopped_by else 201)


@pytest.fixture(scope="module")
def self_signed(api: ApiServer, render: Render) -> Iterator[list[Document]]:
    """The overlay whose Job makes the certificate, applied."""
    with applied(api, render("dev")) as said:
        assert said.code == 0, said.err
        yield render("dev")


def test_the_job_has_the_rights_that_it_needs(api: ApiServer, self_signed: list[Document]) -> None:
    """With the rights of the component alone, the command makes the certificate, and both configurations trust it."""
    arguments = ["certs", "cluster", "--kubeconfig", str(api.kubeconfig_of(f"{_ACCOUNT}:istag-webhook-certs"))]
    try:
        for _ in range(2):
            said = CliRunner().invoke(main, arguments)
            assert said.exit_code == 0, said.output
        secret = api.kubectl("get", "secret/istag-webhook-tls", "--namespace=istag-webhook", "--output=json").document
        for kind in ("validating", "mutating"):
            found = api.kubectl("get", f"{kind}webhookconfiguration/istag-webhook", "--output=json").document
            assert found["webhooks"][0]["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
        assert b64decode(secret["data"]["tls.crt"]).startswith(b"-----BEGIN CERTIFICATE-----")
        again = api.kubectl("apply", "--filename=-", stdin=all_as_served(api, self_signed))
        assert again.code == 0, again.err
        for kind in ("validating", "mutating"):
            found = api.kubectl("get", f"{kind}webhookconfiguration/istag-webhook", "--output=json").document
            assert found["webhooks"][0]["clientConfig"]["caBundle"] == secret["data"]["ca.crt"]
    finally:
        api.kubectl("delete", "secret/istag-webhook-tls", "--namespace=istag-webhook", "--ignore-not-found")


_MINE = "--namespace=istag-webhook"


@pytest.mark.usefixtures("self_signed")
@pytest.mark.parametrize(
    ("arguments", "allowed"),
    [
        (["get", "secret/istag-webhook-tls", _MINE], "yes"),
        (["update", "secret/istag-webhook-tls", _MINE], "yes"),
        (["create", "secrets", _MINE], "yes"),
        (["get", "secret/other", _MINE], "no"),
        (["list", "secrets", _MINE], "no"),
        (["delete", "secret/istag-webhook-tls", _MINE], "no"),
        (["create", "secrets", "--namespace=default"], "no"),
        (["update", "mutatingwebhookconfiguration/istag-webhook"], "yes"),
        (["update", "validatingwebhookconfiguration/other"], "no"),
        (["list", "validatingwebhookconfigurations"], "no"),
        (["delete", "validatingwebhookconfiguration/istag-webhook"], "no"),
        (["create", "pods", _MINE], "no"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else value,
)
def test_the_job_has_no_other_rights(api: ApiServer, arguments: list[str], allowed: str) -> None:
    """The one Secret and the two configurations, by their names, and nothing else."""
    said = api.kubectl("auth", "can-i", *arguments, f"--as={_ACCOUNT}:istag-webhook-certs")
    assert said.out.strip() == allowed


@pytest.mark.usefixtures("self_signed")
def test_the_server_has_no_rights(api: ApiServer) -> None:
    """The server's service account has the permissions of any service account without a role."""
    listed = (
        api.kubectl("auth", "can-i", "--list", _MINE, f"--as={_ACCOUNT}:{name}").out.splitlines()
        for name in ("istag-webhook", "nobody")
    )
    ours, anybodys = map(sorted, listed)
    assert ours == anybodys
