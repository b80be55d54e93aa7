"""Our pods hold to Pod Security `restricted` and to OpenShift's restricted-v2, and ask for no more than they need."""

import copy
from typing import Any

import pytest
from tests.support.pod_security import CONTROLS, at, containers
from tests.support.rendered import (
    CERTIFICATES,
    COMPONENTS,
    MANIFESTS,
    Document,
    Kustomize,
    of_kind,
    overlay,
    templates,
    the,
)

# Every component that brings a pod or changes one.
_ADDED = sorted(
    path.name
    for path in COMPONENTS.iterdir()
    if path.name not in CERTIFICATES and any("containers:" in file.read_text() for file in path.glob("*.yaml"))
)


@pytest.fixture(scope="module", params=["none", *_ADDED])
def pods(
    request: pytest.FixtureRequest, kustomize: Kustomize, tmp_path_factory: pytest.TempPathFactory
) -> list[tuple[str, Document]]:
    """The pods of a cluster that makes its own certificate, with each component."""
    added = [request.param] if request.param != "none" else []
    chosen = overlay(tmp_path_factory.mktemp("pods"), MANIFESTS / "base", "self-signed", *added, "release")
    return [(name, template["spec"]) for name, template in templates(kustomize(chosen))]


@pytest.mark.parametrize("control", CONTROLS)
def test_control(control: str, pods: list[tuple[str, Document]]) -> None:
    """Each pod holds to each control of the standard."""
    assert [name for name, pod in pods if not CONTROLS[control](pod)] == []


def test_beyond_the_standard(pods: list[tuple[str, Document]]) -> None:
    """Any user may be given, no files were written to the image, and what is needed is said."""
    for name, pod in pods:
        for owner in (pod, *containers(pod)):
            fixed = {"runAsUser", "runAsGroup", "fsGroup", "supplementalGroups", "seLinuxOptions"}
            assert not fixed & (owner.get("securityContext") or {}).keys(), name
        for container in containers(pod):
            assert at(container, "securityContext", "readOnlyRootFilesystem") is True, name
            for field in ("requests", "limits"):
                assert at(container, "resources", field, "memory"), name
        assert isinstance(pod["automountServiceAccountToken"], bool), name


_HARDENED: dict[str, Any] = {
    "allowPrivilegeEscalation": False,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def _pod(**context: Any) -> Document:
    return {"containers": [{"name": "it", "securityContext": {**copy.deepcopy(_HARDENED), **context}}]}


def _container(**fields: Any) -> Document:
    pod = _pod()
    pod["containers"][0].update(fields)
    return pod


_BROKEN: list[tuple[str, Document]] = [
    ("HostProcess", _pod(windowsOptions={"hostProcess": True})),
    ("Host Namespaces", {**_pod(), "hostPID": True}),
    ("Privileged Containers", _pod(privileged=True)),
    ("Capabilities", _pod(capabilities={"drop": ["NET_RAW"]})),
    ("Capabilities", _pod(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]})),
    ("Capabilities", _pod(capabilities=None)),
    ("Volume Types", {**_pod(), "volumes": [{"name": "host", "hostPath": {"path": "/"}}]}),
    ("Host Ports", _container(ports=[{"containerPort": 8443, "hostPort": 8443}])),
    ("Host Probes", _container(livenessProbe={"httpGet": {"host": "10.0.0.1", "port": 80}})),
    ("Host Probes", _container(lifecycle={"preStop": {"tcpSocket": {"host": "10.0.0.1", "port": 80}}})),
    ("AppArmor", _pod(appArmorProfile={"type": "Unconfined"})),
    ("SELinux", _pod(seLinuxOptions={"type": "spc_t"})),
    ("/proc Mount Type", _pod(procMount="Unmasked")),
    ("Seccomp", _pod(seccompProfile=None)),
    ("Seccomp", _pod(seccompProfile={"type": "Unconfined"})),
    ("Sysctls", {**_pod(), "securityContext": {"sysctls": [{"name": "kernel.msgmax", "value": "1"}]}}),
    ("Privilege Escalation", _pod(allowPrivilegeEscalation=None)),
    ("Running as Non-root", _pod(runAsNonRoot=None)),
    ("Running as Non-root user", _pod(runAsUser=0)),
]


@pytest.mark.parametrize(
    ("control", "pod"), _BROKEN, ids=[f"{control}-{number}" for number, (control, _) in enumerate(_BROKEN)]
)
def test_a_control_can_fail(control: str, pod: Document) -> None:
    """A pod that breaks one control is found, by that control alone."""
    assert [name for name, holds in CONTROLS.items() if not holds(pod)] == [control]


def test_every_control_can_fail() -> None:
    """No control is in the table that nothing could break, and what breaks none is fine."""
    assert {control for control, _ in _BROKEN} == CONTROLS.keys()
    assert all(holds(_pod()) for holds in CONTROLS.values())


def test_no_rights(documents: list[Document]) -> None:
    """Nothing is bound to the server's service account, and no token of it is mounted."""
    assert the(documents, "ServiceAccount")["automountServiceAccountToken"] is False
    pod = the(documents, "Deployment")["spec"]["template"]["spec"]
    assert (pod["serviceAccountName"], pod["automountServiceAccountToken"]) == ("istag-webhook", False)
    for kind in ("RoleBinding", "ClusterRoleBinding"):
        for binding in of_kind(documents, kind):
            assert "istag-webhook" not in {subject["name"] for subject in binding["subjects"]}


def test_the_namespace_enforces_it(documents: list[Document]) -> None:
    """The API server itself holds the pods to the standard."""
    labels = the(documents, "Namespace")["metadata"]["labels"]
    for mode in ("enforce", "audit", "warn"):
        assert labels[f"pod-security.kubernetes.io/{mode}"] == "restricted"
