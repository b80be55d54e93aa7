"""A real kube-apiserver with its etcd, in separate processes, and kubectl."""

import base64
import http.client
import itertools
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest
import trustme
import yaml
from tests.support import assets
from tests.support.paths import DATA
from tests.support.serving import until

CRDS: Final = DATA / "crds"
_MASTERS: Final = "system:masters"
_AUDIT_POLICY: Final = """\
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: None, users: ["system:apiserver"]}
- {level: RequestResponse, resources: [{group: image.openshift.io}]}
- {level: Metadata}
"""
# Everyone who is authenticated may do everything to image streams: the tests are about admission.
_EVERYONE: Final = """\
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: test-images}
rules:
- {apiGroups: [image.openshift.io], resources: ["*"], verbs: ["*"]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: test-images}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: test-images}
subjects:
- {apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}
"""
_STARTS: Final = 3
LEFT_OUT: Final = "left out: "  # what a test is skipped with, and what is said again at the end of the run


@dataclass(frozen=True)
class Answer:
    """An answer of the API server: the HTTP status and the JSON document."""

    status: int
    document: dict[str, Any]


@dataclass(frozen=True)
class Said:
    """The result of a command."""

    code: int
    out: str
    err: str

    @property
    def warnings(self) -> list[str]:
        """The warnings that kubectl showed."""
        return [line.removeprefix("Warning: ") for line in self.err.splitlines() if line.startswith("Warning: ")]

    @property
    def error(self) -> str:
        """The standard error of kubectl without warnings."""
        return "\n".join(line for line in self.err.splitlines() if not line.startswith("Warning: "))

    @property
    def document(self) -> dict[str, Any]:
        """The JSON document on standard output."""
        assert self.code == 0, self.err
        found: dict[str, Any] = json.loads(self.out)
        return found


@dataclass(frozen=True)
class ApiServer:
    """A running API server, with the CRDs that stand in for OpenShift's aggregated API of images.

    Who installs a webhook configuration removes it again: it holds for the whole server.

    Attributes:
        directory: where its files are; `kubeconfig` and `ca.crt` among them.
        port: on 127.0.0.1.
        kubectl_program: the kubectl that drives it.
        version: major and minor.
        any_name: whether it takes names such as `app:live` for custom resources; a stock one does not.
    """

    directory: Path
    port: int
    ca: trustme.CA = field(repr=False)
    kubectl_program: Path
    version: tuple[int, int] = (0, 0)
    any_name: bool = False
    _numbers: Iterator[int] = field(default_factory=itertools.count, repr=False)

    @property
    def url(self) -> str:
        """The URL of the webhook."""
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a cluster administrator."""
        return self.directory / "kubeconfig"

    @property
    def ca_file(self) -> Path:
        """The certificate of the CA that its serving certificate and the users' certificates come from."""
        return self.directory / "ca.crt"

    def kubeconfig_of(self, user: str, group: str = "") -> Path:
        """Write the kubeconfig of a user with its own certificate, and optionally a group."""
        path = self.directory / f"kubeconfig-{next(self._numbers)}"
        path.write_text(_kubeconfig(self.ca, self.url, user, group))
        return path

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Ask as the administrator; a header's underscores are hyphens (`Impersonate_User="alice"`)."""
        context = ssl.create_default_context(cafile=self.ca_file)
        context.load_cert_chain(self.directory / "admin.pem")
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, context=context, timeout=60)
        given = {"Content-Type": "application/json", **{key.replace("_", "-"): value for key, value in headers.items()}}
        try:
            connection.request(method, path, None if body is None else json.dumps(body), given)
            answer = connection.getresponse()
            text = answer.read().decode()
        finally:
            connection.close()
        is_json = (answer.getheader("Content-Type") or "").startswith("application/json")
        return Answer(answer.status, json.loads(text) if is_json else {"text": text})

    def kubectl(self, *arguments: str | Path, stdin: Any = None, kubeconfig: Path | None = None) -> Said:
        """Run kubectl as the administrator, or with another kubeconfig.

        Args:
            arguments: after `kubectl`; `--as=alice` makes it another user.
            stdin: text, a document, or several in a list, for `-f -`.
            kubeconfig: whose it is.
        """
        if stdin is not None and not isinstance(stdin, str):
            stdin = json.dumps(
                stdin if isinstance(stdin, dict) else {"kind": "List", "apiVersion": "v1", "items": stdin}
            )
        done = subprocess.run(
            [self.kubectl_program, f"--cache-dir={self.directory / 'cache'}", *arguments],
            env={**os.environ, "KUBECONFIG": str(kubeconfig or self.kubeconfig), "KUBERC": "off"},
            input=stdin, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return Said(done.returncode, done.stdout, done.stderr)

    def namespace(self, name: str = "", **labels: str) -> str:
        """Make a namespace, with a unique name unless one is given, and return its name.

        It has the label that servers since 1.21 set; one that is there already gets it.
        """
        name = name or f"test-{next(self._numbers)}"
        document = {"metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **labels}}}
        made = self.request("POST", "/api/v1/namespaces", document)
        if made.status == HTTPStatus.CONFLICT:
            merge = {"Content_Type": "application/merge-patch+json"}
            made = self.request("PATCH", f"/api/v1/namespaces/{name}", document, **merge)
        assert made.status < HTTPStatus.BAD_REQUEST, made.document
        return name

    def create(self, namespace: str, document: Any) -> dict[str, Any]:
        """Create an object of image.openshift.io as the administrator, and return what is stored."""
        made = self.request("POST", path_of(f"{document['kind'].lower()}s", namespace), document)
        assert made.status == HTTPStatus.CREATED, made.document
        return made.document

    def audited(self, namespace: str) -> list[dict[str, Any]]:
        """Return the audit log's events (audit.k8s.io/v1) of a namespace, oldest first."""
        lines = (self.directory / "audit.log").read_text().splitlines()
        events = [json.loads(line) for line in lines if namespace in line]
        return [event for event in events if event.get("objectRef", {}).get("namespace") == namespace]

    def metric(self, sample: str, /, **labels: str) -> float:
        """Return the sum of the samples of this name with these labels, of the server itself."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        lines = self.request("GET", "/metrics").document["text"].splitlines()
        return sum(
            float(line.rpartition(" ")[2])
            for line in lines
            if line.startswith(sample + "{") and all(label in line for label in wanted)
        )


@contextmanager
def running(directory: Path) -> Iterator[ApiServer]:
    """Run etcd and kube-apiserver on ports that the system picks, until the end of the block.

    Raises:
        assets.NotFound: their programs or a kubectl are not to be had.
    """
    programs, kubectl = assets.servers(), assets.kubectl(kustomize=False)
    ca = trustme.CA()
    server = ca.issue_cert("127.0.0.1", "localhost")
    server.cert_chain_pems[0].write_to_path(directory / "tls.crt")
    server.private_key_pem.write_to_path(directory / "tls.key")
    ca.cert_pem.write_to_path(directory / "ca.crt")
    ca.issue_cert("accounts.test").private_key_pem.write_to_path(directory / "accounts.key")
    _pair(ca, "admin", _MASTERS).private_key_and_cert_chain_pem.write_to_path(directory / "admin.pem")
    (directory / "audit-policy.yaml").write_text(_AUDIT_POLICY)
    # A socket in its directory: no other process can reach it, and no port can be in use.
    client, peer = "unix://client:0", "unix://peer:0"
    etcd: list[str | Path] = [
        programs / "etcd", "--data-dir=data", "--log-level=error", "--logger=zap", f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}", f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=default={peer}",
    ]  # fmt: skip
    with _process(etcd, directory) as store:
        until(lambda: (directory / "client:0").exists() or store.poll() is not None, "etcd to listen")
        for left in reversed(range(_STARTS)):
            port = _free_port()
            with _process(_command(programs / "kube-apiserver", port, client), directory) as process:
                api = ApiServer(directory, port, ca, kubectl)
                api.kubeconfig.write_text(_kubeconfig(ca, api.url, "admin", _MASTERS))
                until(lambda: process.poll() is not None or _is_ready(api), "the API server to be ready", 120)  # noqa: B023 - asked at once
                if process.poll() is None:
                    yield _filled(api)
                    return
            # The port was free, and may have been taken since: then the server ends, and gets another.
            assert left, f"the API server ended with {process.returncode}: {_last_words(directory, 'kube-apiserver')}"


def _command(program: Path, port: int, store: str) -> list[str | Path]:
    return [
        program, "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1", f"--secure-port={port}",
        f"--etcd-servers={store}", "--endpoint-reconciler-type=none", "--service-cluster-ip-range=10.0.0.0/24",
        "--tls-cert-file=tls.crt", "--tls-private-key-file=tls.key", "--client-ca-file=ca.crt", "--cert-dir=certs",
        "--service-account-issuer=https://kubernetes.default.svc", "--service-account-key-file=accounts.key",
        "--service-account-signing-key-file=accounts.key", "--authorization-mode=RBAC",
        # There is no controller manager: no namespace has a service account that a pod could be given.
        "--disable-admission-plugins=ServiceAccount",
        "--audit-log-path=audit.log", "--audit-policy-file=audit-policy.yaml",
    ]  # fmt: skip


def _filled(api: ApiServer) -> ApiServer:
    """Install the CRDs, and find out what kind of server it is."""
    made = api.kubectl("create", "-f", CRDS, "-f", "-", stdin=_EVERYONE)
    assert made.code == 0, made.err
    established = api.kubectl("wait", "--for=condition=Established", "--timeout=60s", "-f", CRDS)
    assert established.code == 0, established.err
    names = [crd["spec"]["names"]["plural"] for crd in crds()]
    until(lambda: all(api.request("GET", path_of(name)).status == 200 for name in names), "the CRDs to be served")
    version = api.request("GET", "/version").document
    colon = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamTag",
        "metadata": {"name": "app:live", "namespace": "default"},
    }
    created = api.request("POST", path_of("imagestreamtags", "default") + "?dryRun=All", colon)
    return ApiServer(
        api.directory, api.port, api.ca, api.kubectl_program,
        (int(version["major"]), int(version["minor"].rstrip("+"))), created.status == 201,
    )  # fmt: skip


def kustomized(directory: Path) -> list[dict[str, Any]]:
    """Return the documents that `kubectl kustomize` makes of a directory.

    Raises:
        assets.NotFound: there is no kubectl that knows Components.
    """
    command: list[str | Path] = [assets.kubectl(), "kustomize", directory]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return [document for document in yaml.safe_load_all(done.stdout) if document]


def crds() -> list[dict[str, Any]]:
    """Return the CRDs of the five resources."""
    return [yaml.safe_load(path.read_text()) for path in sorted(CRDS.glob("*.yaml"))]


def leave_out(why: object) -> NoReturn:
    """Skip a test that this machine has not the means for."""
    pytest.skip(f"{LEFT_OUT}{why}")


def path_of(resource: str, namespace: str = "", name: str = "") -> str:
    """Return the path of a resource of image.openshift.io."""
    within = f"/namespaces/{namespace}" if namespace else ""
    return f"/apis/image.openshift.io/v1{within}/{resource}" + (f"/{name}" if name else "")


def _is_ready(api: ApiServer) -> bool:
    try:
        return api.request("GET", "/readyz").status == 200
    except OSError:
        return False


def _free_port() -> int:
    """Return a port that is free now: kube-apiserver cannot be told to let the system pick one."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


def _unproxied() -> dict[str, str]:
    """Return this process's environment without proxies: webhooks are called on this machine."""
    return {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


@contextmanager
def _process(command: Sequence[str | Path], directory: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in a directory, which its output goes to; it ends with the block, or with this process."""
    name = Path(command[0]).name
    # Without the kernel's help a killed test run would leave its servers behind.
    tied = ["setpriv", "--pdeathsig=KILL"] if sys.platform == "linux" and shutil.which("setpriv") else []
    with (directory / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([*tied, *command], cwd=directory, stdout=log, stderr=log, env=_unproxied())
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _last_words(directory: Path, name: str) -> str:
    return (directory / f"{name}.log").read_text()[-2_000:]


def _kubeconfig(ca: trustme.CA, url: str, user: str, group: str) -> str:
    """Return a kubeconfig that holds all it needs."""
    pair = _pair(ca, user, group)
    document: Mapping[str, Any] = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": user, "namespace": "default"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": _encoded(ca.cert_pem)}}],
        "users": [
            {
                "name": user,
                "user": {
                    "client-certificate-data": _encoded(pair.cert_chain_pems[0]),
                    "client-key-data": _encoded(pair.private_key_pem),
                },
            }
        ],
    }
    return yaml.safe_dump(document)


def _pair(ca: trustme.CA, user: str, group: str) -> trustme.LeafCert:
    """Issue a user's certificate; Go denies one that names no host."""
    return ca.issue_cert("users.test", common_name=user, organization_name=group or "users")


def _encoded(blob: trustme.Blob) -> str:
    return base64.b64encode(blob.bytes()).decode()
