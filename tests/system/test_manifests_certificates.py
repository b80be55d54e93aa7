"""The source of a certificate, and the other changes of a component."""

import os
import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner
from tests.support.rendered import (
    CERTIFICATES,
    MANIFESTS,
    OPTIONAL,
    Document,
    Kustomize,
    Render,
    environment,
    of_kind,
    overlay,
    place,
    server,
    templates,
    the,
    webhooks,
)
from tests.support.serving import until

from webhook.certs.signing import KEY
from webhook.cli.main import main
from webhook.cluster.client import selects
from webhook.evaluate.records import LONGEST
from webhook.settings import variable

_CONFIGURATIONS = ("ValidatingWebhookConfiguration", "MutatingWebhookConfiguration")
# Kinds that others define: their schemas are not Kubernetes'.
_OTHERS = {"ServiceMonitor", "PrometheusRule", "Issuer", "Certificate", "ImageStream", "BuildConfig"}
_SERVICE_CA = "service.beta.openshift.io"


def _defaults() -> dict[str, Any]:
    """Return the defaults of `istag-webhook certs cluster`."""
    certs = main.get_command(main.make_context("istag-webhook", ["certs"], resilient_parsing=True), "certs")
    command = certs.commands["cluster"]  # type: ignore[union-attr]
    return {each.name: each.default for each in command.params}


def test_certificates_by_ourselves(render: Render) -> None:
    """The Job runs a command that there is, and makes what the pods mount and the API server calls."""
    documents, given = render("dev"), _defaults()
    service = the(documents, "Service")
    assert place(service) == {"name": given["service"], "namespace": given["namespace"]}
    assert {each["metadata"]["name"] for each in documents if "webhooks" in each} == {given["configuration"]}
    for name, template in templates(documents):
        (container,) = template["spec"]["containers"]
        said = CliRunner().invoke(main, [*container["args"], "--help"])
        assert said.exit_code == 0, (name, said.output)


def test_certificates_by_cert_manager(render: Render) -> None:
    """The certificate is for the names that the API server asks for, in the Secret that the pods mount."""
    documents = render("kubernetes")
    certificate = the(documents, "Certificate")
    assert certificate["spec"]["secretName"] == _defaults()["secret"]
    host = "{name}.{namespace}.svc".format(**place(the(documents, "Service")))
    assert certificate["spec"]["dnsNames"] == [host, f"{host}.cluster.local"]
    source = "{namespace}/{name}".format(**place(certificate))
    for kind in _CONFIGURATIONS:
        assert the(documents, kind)["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": source}


def test_certificates_by_openshift(render: Render) -> None:
    """The service CA makes the Secret that the pods mount, and writes its CA into both configurations."""
    documents = render("openshift")
    annotations = the(documents, "Service")["metadata"]["annotations"]
    assert annotations == {f"{_SERVICE_CA}/serving-cert-secret-name": _defaults()["secret"]}
    for kind in _CONFIGURATIONS:
        assert the(documents, kind)["metadata"]["annotations"] == {f"{_SERVICE_CA}/inject-cabundle": "true"}


def test_one_way_to_a_certificate(documents: list[Document]) -> None:
    """An overlay has one, and no CA stands in the files."""
    ways = [
        bool(the(documents, "Service")["metadata"].get("annotations")),
        bool(of_kind(documents, "Certificate")),
        bool(of_kind(documents, "Job")),
    ]
    assert ways.count(True) == 1
    assert all("caBundle" not in webhook["clientConfig"] for webhook in webhooks(documents).values())


def test_mutual_tls(kustomize: Kustomize, tmp_path: Path) -> None:
    """The component sets what the server reads, and mounts what it names."""
    documents = kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "client-ca"))
    pod, container = server(documents)
    path = Path(environment(documents)[variable("client_ca")])
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert {"name": mounted[str(path.parent)], "configMap": {"name": "istag-webhook-client-ca"}} in pod["volumes"]
    assert variable("policy") in environment(documents)


def test_record_key(kustomize: Kustomize, tmp_path: Path) -> None:
    """The component sets what the server reads, and mounts the Secret that holds what `certs record-key` makes."""
    documents = kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "record-key"))
    pod, container = server(documents)
    path = Path(environment(documents)[variable("record_key")])
    mounted = {each["mountPath"]: each["name"] for each in container["volumeMounts"]}
    assert {"name": mounted[str(path.parent)], "secret": {"secretName": "istag-webhook-record-key"}} in pod["volumes"]
    assert path.name == KEY


def test_record_delivery(kustomize: Kustomize, tmp_path: Path) -> None:
    """The server writes to the volume that the sidecars read; they start before it and end after it."""
    documents = kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "record-delivery"))
    pod, container = server(documents)
    record = Path(environment(documents)[variable("record")])
    assert {"name": "records", "mountPath": str(record.parent)} in container["volumeMounts"]
    (mounted,) = (each["configMap"]["name"] for each in pod["volumes"] if each["name"] == "record-delivery")
    files = the(documents, "ConfigMap", mounted)["data"]
    for sidecar in pod["initContainers"]:
        assert sidecar["restartPolicy"] == "Always"
        assert {"name": "records", "mountPath": str(record.parent)} in sidecar["volumeMounts"]
        assert {"name": "record-delivery", "mountPath": "/etc/vector", "readOnly": True} in sidecar["volumeMounts"]
        (file,) = (each for each in (*sidecar.get("args", ()), *sidecar.get("command", ())) if "/etc/vector/" in each)
        assert Path(file).name in files
    config = yaml.safe_load(files["vector.yaml"])
    (source,), (sink,) = config["sources"].values(), config["sinks"].values()
    assert [fnmatch(str(record), pattern) for pattern in source["include"]] == [True]
    assert source["max_line_bytes"] == LONGEST
    assert (sink["inputs"], sink["encoding"]["codec"], sink["acknowledgements"]) == (
        ["records"],
        "text",
        {"enabled": True},
    )
    page = (MANIFESTS.parent / "docs" / "how-to" / "deliver-records.md").read_text()
    assert {name for name in re.findall(r"\$\{(\w+)", files["vector.yaml"]) if f"{name}=" not in page} == {"HOSTNAME"}


def test_records_are_rotated(tmp_path: Path) -> None:
    """The script renames a file that is large, keeps the newest, and leaves all others alone."""
    for second in range(4):
        (tmp_path / f"records.20260102T03040{second}Z.jsonl").write_text("old\n")
    for name in ("records.jsonl", "other"):
        (tmp_path / name).write_text("x" * 100)
    script = MANIFESTS / "components" / "record-delivery" / "rotate.sh"
    given = {**os.environ, "BYTES": "100", "KEPT": "2", "SECONDS_BETWEEN": "60"}
    with subprocess.Popen(["sh", str(script), str(tmp_path)], env=given) as process:
        until(lambda: not (tmp_path / "records.jsonl").exists() and len(list(tmp_path.iterdir())) == 3, "the rotation")
        process.terminate()
        assert process.wait(30) == 0
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept[:2] == ["other", "records.20260102T030403Z.jsonl"]
    assert (tmp_path / kept[2]).read_text() == "x" * 100


def test_fail_open(kustomize: Kustomize, tmp_path: Path) -> None:
    """With the component, no request is denied while no replica is ready."""
    found = webhooks(kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "fail-open")))
    assert {webhook["failurePolicy"] for webhook in found.values()} == {"Ignore"}


def test_opt_in(kustomize: Kustomize, tmp_path: Path) -> None:
    """With the component only a namespace that asks for it is evaluated; ours and the platform's still are not."""
    found = webhooks(kustomize(overlay(tmp_path, MANIFESTS / "overlays" / "openshift", "opt-in")))
    evaluated = {"istag-webhook/enabled": "true"}
    for webhook in found.values():
        for name, labels, called in (("app", {}, False), ("app", evaluated, True), ("kube-system", evaluated, False)):
            given = {"kubernetes.io/metadata.name": name, **labels}
            assert selects(webhook["namespaceSelector"], given) is called


@pytest.mark.parametrize("certificates", CERTIFICATES)
def test_schema(certificates: str, kustomize: Kustomize, tmp_path: Path) -> None:
    """All is valid by the schemas of the newest Kubernetes, with no field that it does not know."""
    chosen = overlay(tmp_path, MANIFESTS / "base", certificates, *OPTIONAL, "release")
    for document in kustomize(chosen):
        if document["kind"] not in _OTHERS:
            kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)
