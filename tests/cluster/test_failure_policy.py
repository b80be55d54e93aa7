"""Behaviour of the API server when the webhook is down, slow or returns invalid answers."""

import copy
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.apiserver import ApiServer, path_of
from tests.support.faulty import Faulty, faulty
from tests.support.installed import MUTATING, VALIDATING, Document, calling, installed, shipped
from tests.support.serving import serving

_STREAM: Document = {
    "apiVersion": "image.openshift.io/v1",
    "kind": "ImageStream",
    "metadata": {"name": "app"},
    "spec": {
        "lookupPolicy": {"local": False},
        "tags": [{"name": "live", "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}, "importPolicy": {}}],
    },
}
# The API server's message for each fault, in the words of 1.20 and of later versions.
_FAULTS = {
    "down": "connect: connection refused",
    "slow": "context deadline exceeded|Client.Timeout exceeded|timed out",
    "untrusted": "x509: certificate signed by unknown authority",
    "500": "broken",
    "html": "json parse error|html",
    "no-response": "response was absent",
    "wrong-uid": "expected response.uid",
    "wrong-version": "unknown conversion|expected webhook response of admission.k8s.io/v1",
}
_BOTH = [(kind, fault, said) for kind in (VALIDATING, MUTATING) for fault, said in _FAULTS.items()]
_TABLE = [*_BOTH, (VALIDATING, "patch", "patch"), (MUTATING, "untyped-patch", "patchType")]
_POLICIES = ("Fail", "Ignore")


def _copies(kind: str, failing: Faulty) -> Document:
    """Return the shipped configuration with a copy of its webhook for each fault and policy, which a label chooses.

    The first is healthy. Each waits one second at most, as nothing but that is tested.
    """
    faults = ["healthy", *(fault for each, fault, _ in _TABLE if each == kind)]
    webhooks = []
    for fault in faults:
        url = {"down": failing.down, "slow": failing.slow}.get(fault, failing.answering)
        ca = failing.other_ca if fault == "untrusted" else failing.ca
        for policy in _POLICIES:
            document = calling(shipped()[kind], url, ca, path="/healthy" if fault == "untrusted" else f"/{fault}")
            (webhook,) = document["webhooks"]
            chosen = f"{fault}-{policy}".lower()
            webhook["namespaceSelector"] = {"matchLabels": {_label(kind): chosen}}
            webhook |= {"name": f"{chosen}.{webhook['name']}", "failurePolicy": policy, "timeoutSeconds": 1}
            webhooks.append(webhook)
    return {**document, "metadata": {"name": "faults"}, "webhooks": webhooks}


def _label(kind: str) -> str:
    return f"test/{kind}"


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Faulty]:
    """The webhooks that fail."""
    with faulty(tmp_path_factory.mktemp("faulty")) as running:
        yield running


@pytest.fixture(scope="module")
def table(api: ApiServer, failing: Faulty) -> Iterator[None]:
    """All rows of the table, installed at once: a namespace's label chooses one."""
    documents = [_copies(kind, failing) for kind in (VALIDATING, MUTATING)]
    labels = {_label(kind): "healthy-fail" for kind in (VALIDATING, MUTATING)}
    with installed(api, *documents, labels=labels):
        yield


@pytest.mark.usefixtures("table")
@pytest.mark.parametrize("policy", _POLICIES)
@pytest.mark.parametrize(
    ("kind", "fault", "said"), _TABLE, ids=[f"{kind[:-20].lower()}-{fault}" for kind, fault, _ in _TABLE]
)
def test_failure_policy(api: ApiServer, kind: str, fault: str, said: str, policy: str) -> None:
    """A webhook that cannot answer denies with failurePolicy Fail, and allows with Ignore."""
    namespace = api.namespace(**{_label(kind): f"{fault}-{policy}".lower()})
    if policy == "Ignore":
        assert api.create(namespace, _STREAM)["spec"] == _STREAM["spec"]
        return
    done = api.kubectl("create", f"--namespace={namespace}", "--filename=-", stdin=_STREAM)
    assert (done.code, done.out) == (1, "")
    assert api.request("GET", path_of("imagestreams", namespace, "app")).status == 404
    name = f"{fault}-fail.{shipped()[kind]['webhooks'][0]['name']}"
    assert done.err.startswith(
        f'Error from server (InternalError): error when creating "STDIN": Internal error occurred: failed calling webhook "{name}": '
    )
    assert re.search(said, done.err)


def test_both_down(api: ApiServer, failing: Faulty) -> None:
    """While the webhook is down, no tag changes; deletions, other objects and the platform's namespaces are unaffected."""
    namespace = api.namespace()
    api.create(namespace, _STREAM)
    with installed(api, *(calling(document, failing.down, failing.ca) for document in shipped().values())):
        before = api.request("GET", path_of("imagestreams", namespace, "app")).document
        change = '--patch={"spec": {"lookupPolicy": {"local": true}}}'
        done = api.kubectl("patch", "is", "app", "--type=merge", change, f"--namespace={namespace}")
        assert done.code == 1
        assert 'failed calling webhook "validate.istag-webhook.io"' in done.err
        assert api.request("GET", path_of("imagestreams", namespace, "app")).document == before
        for arguments in (
            ["delete", "is", "app", f"--namespace={namespace}"],
            ["create", "configmap", "other", f"--namespace={namespace}"],
            ["create", f"--namespace={api.namespace('openshift-apiserver')}", "--filename=-", "--dry-run=server"],
        ):
            done = api.kubectl(*arguments, stdin=_STREAM)
            assert done.code == 0, done.err


def test_the_mutating_one_fails_open(api: ApiServer, failing: Faulty, tmp_path: Path) -> None:
    """If only the mutating webhook is down, nothing is completed, and the validating one evaluates the stored object."""
    with serving(tmp_path) as server:
        validating = calling(shipped()[VALIDATING], f"https://localhost:{server.port}", server.ca)
        with installed(api, validating, calling(shipped()[MUTATING], failing.down, failing.ca)):
            namespace = api.namespace()
            assert api.create(namespace, _STREAM)["spec"] == _STREAM["spec"]
            insecure = copy.deepcopy(_STREAM)
            insecure["spec"]["tags"][0]["importPolicy"]["insecure"] = True
            done = api.kubectl("create", f"--namespace={api.namespace()}", "--filename=-", stdin=insecure)
            assert done.code == 1
            assert "an insecure import is not allowed" in done.err
