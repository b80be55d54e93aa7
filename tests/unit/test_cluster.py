"""The room of the Kubernetes API: how a cluster is found, and the errors if it cannot be reached."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from webhook.cluster.client import Resource, connect
from webhook.errors import ClusterError

_HOME = {"PATH": "", "HOME": "/nonexistent"}


def _kubeconfig(directory: Path, **cluster: object) -> Path:
    path = directory / "kubeconfig"
    named = [{"name": "a", "cluster": {"server": "https://127.0.0.1:1", **cluster}}]
    path.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "a",
                "clusters": named,
                "users": [{"name": "a", "user": {"token": "secret"}}],
                "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
            }
        )
    )
    return path


@pytest.mark.parametrize(
    ("resource", "arguments", "path"),
    [
        (Resource("", "v1", "namespaces"), ("", "app"), "/api/v1/namespaces/app"),
        (Resource("", "v1", "secrets"), ("app",), "/api/v1/namespaces/app/secrets"),
        (
            Resource("image.openshift.io", "v1", "imagestreamtags"),
            ("app", "ruby:2.7"),
            "/apis/image.openshift.io/v1/namespaces/app/imagestreamtags/ruby%3A2.7",
        ),
        (
            Resource("image.openshift.io", "v1", "imagestreams"),
            ("app", "../x", "status"),
            "/apis/image.openshift.io/v1/namespaces/app/imagestreams/..%2Fx/status",
        ),
    ],
    ids=["core", "list", "group", "subresource"],
)
def test_paths(resource: Resource, arguments: tuple[str, ...], path: str) -> None:
    """A resource knows its URL, and a name cannot leave it."""
    assert resource.path(*arguments) == path


@pytest.mark.parametrize(
    ("cluster", "sentence"),
    [
        ({"insecure-skip-tls-verify": True}, "https://127.0.0.1:1: insecure-skip-tls-verify is not supported; expected certificate-authority"),
        ({"server": "http://127.0.0.1:1"}, '"http://127.0.0.1:1" does not use TLS; expected https://'),
        ({"certificate-authority": "missing.crt"}, "{path}: the kubeconfig cannot be used: File does not exist: {path}"),
    ],
    ids=["unverified", "plain", "no-ca"],
)  # fmt: skip
def test_kubeconfigs_that_are_refused(tmp_path: Path, cluster: dict[str, object], sentence: str) -> None:
    """A server that would not be verified is not asked, and a file that cannot be used is named."""
    path = _kubeconfig(tmp_path, **cluster)
    with pytest.raises(ClusterError) as refused:
        connect(path)
    said = str(refused.value).replace(str(tmp_path / "missing.crt"), str(path))
    assert said == sentence.format(path=path)


@pytest.mark.parametrize("text", ["", "[", "a", "[]", "{}", "kind: Config\ncontexts: 1\ncurrent-context: a"])
def test_no_kubeconfig_at_all(tmp_path: Path, text: str) -> None:
    """Any other content of a file is one message with its path."""
    path = tmp_path / "kubeconfig"
    path.write_text(text)
    with pytest.raises(ClusterError, match=rf"^{path}: the kubeconfig cannot be used: "):
        connect(path)


def test_no_answer(tmp_path: Path) -> None:
    """A server that is not there is said, and the token is not."""
    cluster = connect(_kubeconfig(tmp_path))
    with pytest.raises(ClusterError, match=r"^https://127\.0\.0\.1:1: no answer: .*refused") as refused:
        cluster.get(Resource("", "v1", "namespaces"), "app")
    assert refused.value.status == 0
    assert "secret" not in str(refused.value)


def test_a_context_that_is_not_there(tmp_path: Path) -> None:
    """A context is looked for in the file."""
    with pytest.raises(ClusterError, match=r"cannot be used: .*nonsense"):
        connect(_kubeconfig(tmp_path), "nonsense")


@pytest.mark.parametrize(
    ("environment", "sentence"),
    [
        ({}, "no cluster configured: expected --kubeconfig, KUBECONFIG, ~/.kube/config or a pod's service account: Service host/port is not set."),
        ({"KUBECONFIG": "/nonexistent/a:/nonexistent/b"}, "/nonexistent/a:/nonexistent/b: the kubeconfig does not exist"),
    ],
    ids=["nowhere", "KUBECONFIG"],
)  # fmt: skip
def test_where_a_cluster_is_looked_for(environment: dict[str, str], sentence: str) -> None:
    """Without a flag it is looked for where kubectl does."""
    code = "from webhook.cluster.client import connect\ntry: connect()\nexcept Exception as error: print(error)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={**_HOME, **environment}, capture_output=True, text=True, check=False
    )
    assert (done.stdout, done.stderr) == (sentence + "\n", "")


_WITHOUT = "import sys\nsys.modules['kubernetes'] = None\nfrom webhook.cli.main import main\nmain()"
_LOADED = """\
import sys
from webhook.cli.main import main
try: main()
finally: print([name for name in sys.modules if name.partition(".")[0] in ("kubernetes", "urllib3", "pydantic")])
"""


@pytest.mark.parametrize("command", [["certs", "cluster"], ["probe"]], ids=" ".join)
def test_the_client_is_an_extra(command: list[str]) -> None:
    """Without the extra a command that needs it ends with 2, and says how to install it."""
    done = subprocess.run([sys.executable, "-c", _WITHOUT, *command], capture_output=True, text=True, check=False)
    said = "the Kubernetes client is not installed; pip install 'istag-webhook[cluster]', in a checkout '.[cluster]'\n"
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize(
    "command", [["check", "missing"], ["serve", "--cert", "missing"], ["probe", "--help"]], ids=" ".join
)
def test_nobody_else_loads_it(command: list[str]) -> None:
    """Commands that ask no cluster do not read its library."""
    done = subprocess.run([sys.executable, "-c", _LOADED, *command], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "[]"
