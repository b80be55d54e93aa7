"""The certificate of an installation, against a real API server: what each moment of a renewal trusts, and with what rights."""

import json
import shutil
import subprocess
import sys
import threading
from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from tests.support.apiserver import ApiServer, Said, path_of
from tests.support.serving import mount, serving, until

from webhook.certs.issuing import pair
from webhook.certs.serving import Serving, belongs
from webhook.cli.main import main

_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_KINDS = ("validating", "mutating")
_SECRET = "istag-webhook-tls"  # noqa: S105 - its name
_RIGHTS = {
    "get the Secret": ("Role", "", "secrets", "get", _SECRET),
    "update the Secret": ("Role", "", "secrets", "update", _SECRET),
    "create Secrets": ("Role", "", "secrets", "create", ""),
    **{
        f"{verb} the {kind} configuration": (
            "ClusterRole", "admissionregistration.k8s.io", f"{kind}webhookconfigurations", verb, "configuration",
        )
        for kind in _KINDS
        for verb in ("get", "update")
    },
}  # fmt: skip


@dataclass(frozen=True)
class Place:
    """An installation in a namespace of its own, with a user who has the rights of `--help`."""

    api: ApiServer
    namespace: str
    kubeconfig: Path

    @property
    def command(self) -> list[str]:
        """The command line."""
        return [
            sys.executable, "-m", "webhook.cli", "certs", "cluster", "--namespace", self.namespace,
            "--configuration", self.namespace, "--kubeconfig", str(self.kubeconfig),
        ]  # fmt: skip

    @property
    def host(self) -> str:
        """The webhook that the API server calls."""
        return f"istag-webhook.{self.namespace}.svc"

    def run(self, *arguments: str) -> Said:
        """Run the command."""
        done = CliRunner().invoke(main, [*self.command[3:], *arguments])
        return Said(done.exit_code, done.stdout, done.stderr)

    def at_once(self, number: int, *arguments: str) -> list[Said]:
        """Run the command several times at once."""
        pipe = subprocess.PIPE
        running = [
            subprocess.Popen([*self.command, *arguments], stdout=pipe, stderr=pipe, text=True) for _ in range(number)
        ]
        answers = [process.communicate(timeout=120) for process in running]
        return [Said(process.returncode, *answer) for process, answer in zip(running, answers, strict=True)]

    @property
    def paths(self) -> tuple[str, ...]:
        """The paths that list Secrets and configurations."""
        return (
            f"/api/v1/namespaces/{self.namespace}/secrets",
            *(f"{_ADMISSION}/{kind}webhookconfigurations" for kind in _KINDS),
        )

    def now(self) -> "Moment":
        """Return the current objects of the cluster."""
        documents = [
            self.api.request("GET", f"{path}/{name}").document
            for path, name in zip(self.paths, self.names, strict=True)
        ]
        return Moment(*map(_read, documents))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the three objects."""
        return (_SECRET, self.namespace, self.namespace)

    def version(self) -> str:
        """Return the newest resourceVersion."""
        listed = self.api.request("GET", "/api/v1/namespaces?limit=1").document
        return str(listed["metadata"]["resourceVersion"])

    def history(self, version: str, before: "Moment | None" = None) -> "list[Moment]":
        """Return every moment since a resourceVersion: etcd numbers what is written to all three objects in one line."""
        queries = [
            f"{path}?watch=1&resourceVersion={version}&timeoutSeconds=1&fieldSelector=metadata.name={name}"
            for path, name in zip(self.paths, self.names, strict=True)
        ]
        with ThreadPoolExecutor() as pool:
            watched = pool.map(lambda query: self.api.kubectl("get", "--raw", query).out.splitlines(), queries)
            found = [(index, json.loads(line)["object"]) for index, lines in enumerate(watched) for line in lines]
        events = sorted((int(each["metadata"]["resourceVersion"]), index, _read(each)) for index, each in found)
        last = [before.secret, before.validating, before.mutating] if before else [{}, b"", b""]
        moments = [before] if before else []
        for _, index, value in events:
            last[index] = value
            moments.append(Moment(*last))
        return moments


@dataclass(frozen=True)
class Moment:
    """The Secret's entries, and both caBundles."""

    secret: dict[str, bytes]
    validating: bytes
    mutating: bytes


def _read(document: dict[str, Any]) -> Any:
    if "webhooks" in document:
        (webhook,) = document["webhooks"]
        return b64decode(webhook["clientConfig"].get("caBundle") or "")
    return {key: b64decode(value) for key, value in (document.get("data") or {}).items()}


def _configuration(kind: str, namespace: str, **service: str) -> dict[str, Any]:
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": f"{kind.title()}WebhookConfiguration",
        "metadata": {"name": namespace},
        "webhooks": [
            {
                "name": "validate.istag-webhook.io",
                "admissionReviewVersions": ["v1"],
                "sideEffects": "None",
                "clientConfig": {"service": {"name": "istag-webhook", "namespace": namespace, "path": "/x", **service}},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "rules": [
                    {
                        "apiGroups": ["image.openshift.io"],
                        "apiVersions": ["v1"],
                        "operations": ["CREATE"],
                        "resources": ["imagestreamtags"],
                    }
                ],
            }
        ],
    }


def _limit(api: ApiServer, namespace: str, without: str = "") -> None:
    """Give the user the rights, but for one; and wait until the API server holds it so."""
    for scope, path in (("Role", f"{_RBAC}/namespaces/{namespace}/roles"), ("ClusterRole", f"{_RBAC}/clusterroles")):
        rules = [
            {"apiGroups": [group], "resources": [resource], "verbs": [verb]}
            | ({"resourceNames": [namespace if name == "configuration" else name]} if name else {})
            for right, (kind, group, resource, verb, name) in _RIGHTS.items()
            if kind == scope and right != without
        ]
        role = {"metadata": {"name": namespace}, "rules": rules}
        if api.request("PUT", f"{path}/{namespace}", role).status == 201:  # it was not there before
            binding = {
                "metadata": {"name": namespace},
                "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": scope, "name": namespace},
                "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": f"rotator-{namespace}"}],
            }
            assert api.request("POST", path.replace("roles", "rolebindings"), binding).status == 201

    def held() -> bool:
        return all(_may(api, namespace, *_RIGHTS[right]) is (right != without) for right in _RIGHTS)

    until(held, "the rights to be as they were written")


def _may(api: ApiServer, namespace: str, scope: str, group: str, resource: str, verb: str, name: str) -> bool:
    attributes = {
        "group": group,
        "resource": resource,
        "verb": verb,
        "name": namespace if name == "configuration" else name,
    }
    if scope == "Role":
        attributes["namespace"] = namespace
    review = {"spec": {"user": f"rotator-{namespace}", "resourceAttributes": attributes}}
    answer = api.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return answer.document["status"]["allowed"] is True


@pytest.fixture
def place(api: ApiServer) -> Iterator[Place]:
    """An installation without a certificate."""
    namespace = api.namespace()
    _limit(api, namespace)
    try:
        for kind in _KINDS:
            path = f"{_ADMISSION}/{kind}webhookconfigurations"
            assert api.request("POST", path, _configuration(kind, namespace)).status == 201
        yield Place(api, namespace, api.kubeconfig_of(f"rotator-{namespace}"))
    finally:
        for kind in _KINDS:
            api.request("DELETE", f"{_ADMISSION}/{kind}webhookconfigurations/{namespace}")


def _verified(directory: Path, bundle: bytes, cert: bytes, host: str) -> bool:
    """Whether OpenSSL verifies a serving certificate."""
    openssl = shutil.which("openssl")
    assert openssl, "openssl is not installed"
    (directory / "bundle").write_bytes(bundle)
    (directory / "cert").write_bytes(cert)
    done = subprocess.run(
        [openssl, "verify", "-x509_strict", "-purpose", "sslserver", "-verify_hostname", host, "-CAfile", directory / "bundle", directory / "cert"],
        capture_output=True, check=False,
    )  # fmt: skip
    return done.returncode == 0


def _always_verified(directory: Path, place: Place, moments: list[Moment]) -> None:
    """Hold that, at each moment, both bundles verify what is served, and what was served before."""
    served: set[bytes] = set()
    pairs: set[tuple[bytes, bytes]] = set()
    for moment in moments:
        served |= {moment.secret["tls.crt"]} if moment.secret.get("tls.crt") else set()
        pairs |= {(bundle, cert) for bundle in (moment.validating, moment.mutating) for cert in served}
    assert pairs
    assert all(_verified(directory, bundle, cert, place.host) for bundle, cert in pairs)


def test_install(place: Place, tmp_path: Path) -> None:
    """One run makes a Secret that pods can serve and both bundles verify, for both names; the next run does nothing."""
    first = place.run()
    assert (first.code, first.err) == (0, "")
    assert [line.partition(":")[2].split()[0] for line in first.out.splitlines()[:4]] == [
        "staged",
        "trusts",
        "trusts",
        "serves",
    ]
    found = place.now()
    assert found.validating == found.mutating == found.secret["ca.crt"]
    assert sorted(found.secret) == ["ca.crt", "tls.crt", "tls.key"]
    for host in (place.host, f"{place.host}.cluster.local"):
        assert _verified(tmp_path, found.validating, found.secret["tls.crt"], host)
    assert not _verified(tmp_path, found.validating, found.secret["tls.crt"], "elsewhere.svc")
    for name in ("tls.crt", "tls.key"):
        (tmp_path / name).write_bytes(found.secret[name])
    assert Serving(tmp_path / "tls.crt", tmp_path / "tls.key").expires
    version = place.version()
    again = place.run()
    assert (again.code, len(again.out.splitlines()), again.out) == (0, 1, first.out.splitlines(keepends=True)[-1])
    assert place.history(version) == []


@pytest.mark.parametrize("number", [2, 5])
def test_several_install_at_once(place: Place, tmp_path: Path, number: int) -> None:
    """All end well with one certificate, and at no moment is one served that a bundle does not verify."""
    version = place.version()
    said = place.at_once(number)
    assert [(each.code, each.err) for each in said] == [(0, "")] * number
    moments = place.history(version)
    _always_verified(tmp_path, place, moments)
    assert moments[-1] == place.now()
    assert len({moment.secret["tls.crt"] for moment in moments if moment.secret.get("tls.crt")}) == 1


@pytest.mark.parametrize("number", [2, 5])
def test_several_renew_at_once(place: Place, tmp_path: Path, number: int) -> None:
    """There is one new certificate; the old one, which pods still serve, is verified at every moment, and afterwards."""
    assert place.run("--days", "30", "--renew-before", "0").code == 0
    before, version = place.now(), place.version()
    said = place.at_once(number, "--days", "90", "--renew-before", "40")
    assert [(each.code, each.err) for each in said] == [(0, "")] * number
    moments = place.history(version, before)
    _always_verified(tmp_path, place, moments)
    served = [moment.secret["tls.crt"] for moment in moments]
    assert sum(old != new for old, new in pairwise(served)) == 1
    assert moments[-1] == place.now()


def test_after_a_leak(place: Place, tmp_path: Path) -> None:
    """`--renew` renews before the certificate expires, and `--forget` stops trusting the old one."""
    assert place.run().code == 0
    before, version = place.now(), place.version()
    assert place.run("--renew").code == 0
    _always_verified(tmp_path, place, place.history(version, before))
    assert place.run("--forget").code == 0
    after = place.now()
    assert after.validating == after.mutating == after.secret["ca.crt"]
    assert _verified(tmp_path, after.validating, after.secret["tls.crt"], place.host)
    assert not _verified(tmp_path, after.validating, before.secret["tls.crt"], place.host)


def _secret(place: Place, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the Secret by hand."""
    path = f"{place.paths[0]}/{_SECRET}"
    document = place.api.request("GET", path).document
    change(document)
    assert place.api.request("PUT", path, document).status == 200


def _broken_off(document: dict[str, Any]) -> None:
    """Leave the Secret as a run that was killed after its first step does."""
    made = pair(document["hosts"], days=90)
    entries = {"next.crt": made.cert, "next.key": made.key, "ca.crt": b64decode(document["data"]["ca.crt"]) + made.ca}
    document["data"].update({key: b64encode(value).decode() for key, value in entries.items()})


@pytest.mark.parametrize(
    ("spoil", "renewed"),
    [
        (lambda document: document["data"].update({"tls.crt": ""}), True),
        (lambda document: document["data"].update({"tls.key": b64encode(b"rubbish").decode()}), True),
        (lambda document: document["data"].pop("ca.crt"), True),
        (lambda document: document["data"].update({"next.crt": "eA==", "next.key": "eA=="}), False),
        (_broken_off, True),
    ],
    ids=["no certificate", "no key", "no CA", "rubbish is staged", "broken off"],
)
def test_what_is_found_is_mended(place: Place, tmp_path: Path, spoil: Callable[[Any], None], *, renewed: bool) -> None:
    """Whatever the state of a Secret, the next run ends with a verified pair, and an old pair stays verified."""
    assert place.run().code == 0
    before = place.now()
    _secret(place, lambda document: spoil(document | {"hosts": [place.host, f"{place.host}.cluster.local"]}))
    said = place.run()
    assert (said.code, said.err) == (0, "")
    after = place.now()
    assert (after.secret["tls.crt"] != before.secret["tls.crt"]) is renewed
    assert belongs(after.secret["tls.crt"], after.secret["tls.key"])
    _always_verified(tmp_path, place, [before, after])
    assert ("staged" in said.out) is (renewed and spoil is not _broken_off)


def test_the_secret_was_deleted(place: Place, tmp_path: Path) -> None:
    """Pods go on serving what they have mounted, so what the bundles trust stays trusted."""
    assert place.run().code == 0
    before, version = place.now(), place.version()
    assert place.api.request("DELETE", f"{place.paths[0]}/{_SECRET}").status == 200
    assert place.run().code == 0
    _always_verified(tmp_path, place, [*place.history(version, before), place.now()])


def test_somebody_elses_secret(place: Place) -> None:
    """A Secret that this command did not make is left as it is."""
    theirs = {"metadata": {"name": _SECRET}, "data": {"tls.crt": "eA==", "tls.key": "eQ=="}}
    assert place.api.request("POST", place.paths[0], theirs).status == 201
    version = place.version()
    said = place.run()
    assert (said.code, said.out, said.err) == (
        2, "", f"secret {place.namespace}/{_SECRET} was not created by this command; "
        "expected the label app.kubernetes.io/managed-by=istag-webhook, or no secret of this name\n",
    )  # fmt: skip
    assert place.history(version) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"metadata": {"annotations": {"service.beta.openshift.io/inject-cabundle": "true"}}}, "the annotation service.beta.openshift.io/inject-cabundle injects its caBundle; remove the annotation"),
        ({"webhooks": []}, "expected a webhook that calls the service {namespace}/istag-webhook"),
    ],
    ids=["injected", "no webhook"],
)  # fmt: skip
def test_configurations_that_are_not_ours(place: Place, change: dict[str, Any], sentence: str) -> None:
    """A configuration whose bundle is not ours to write is denied before anything is written."""
    path = f"{place.paths[2]}/{place.namespace}"
    assert place.api.request("PATCH", path, change, Content_Type="application/merge-patch+json").status == 200
    said = place.run()
    expected = sentence.format(namespace=place.namespace)
    assert (said.code, said.err) == (2, f"mutatingwebhookconfigurations {place.namespace}: {expected}\n")
    assert place.now().secret == {}


@pytest.mark.parametrize("missing", _RIGHTS)
def test_every_right_is_needed(place: Place, missing: str) -> None:
    """Without one of the rights the API server's sentence is shown; with it, the next run finishes what was begun."""
    _limit(place.api, place.namespace, missing)
    said = place.run()
    _, group, resource, verb, _ = _RIGHTS[missing]
    assert said.code == 2
    assert f'cannot {verb} resource "{resource}" in API group "{group}"' in said.err
    _limit(place.api, place.namespace)
    assert place.run().code == 0
    assert place.now().secret["tls.crt"]


def test_dry_run(place: Place) -> None:
    """A dry run has the next step checked, and stores nothing."""
    version = place.version()
    said = place.run("--dry-run")
    assert (said.code, said.out.count("dry run: "), said.err) == (0, 1, "")
    assert place.history(version) == []


def test_terms_that_make_no_sense(place: Place) -> None:
    """A certificate that would be renewed as soon as it is made is denied."""
    said = place.run("--days", "30", "--renew-before", "30")
    assert (said.code, said.err) == (
        2,
        "--renew-before: expected fewer than the 30 days of validity, got 30\n",
    )


def test_the_api_server_calls_what_was_made(place: Place, tmp_path: Path) -> None:
    """From no certificate to a renewed one, and the old CA forgotten: every call of the API server itself is answered."""
    assert place.run().code == 0
    mount(tmp_path / "tls", place.now().secret)
    files = "--cert", str(tmp_path / "tls" / "tls.crt"), "--key", str(tmp_path / "tls" / "tls.key")
    with serving(tmp_path, *files) as server:
        service = {"metadata": {"name": "istag-webhook"}, "spec": {"type": "ExternalName", "externalName": "localhost"}}
        made = place.api.request("POST", f"/api/v1/namespaces/{place.namespace}/services", service)
        assert made.status == 201, made.document
        for kind, path in zip(_KINDS, place.paths[1:], strict=True):
            at = "/webhooks/0/clientConfig/service"
            patch = [{"op": "add", "path": f"{at}/port", "value": server.port},
                     {"op": "add", "path": f"{at}/path", "value": f"/{kind.removesuffix('ing').removesuffix('at')}ate"}]  # fmt: skip
            patched = place.api.request(
                "PATCH", f"{path}/{place.namespace}", patch, Content_Type="application/json-patch+json"
            )
            assert patched.status == 200, patched.document
        until(lambda: _created(place, "!").startswith("422"), "the API server to call the webhook")
        answers: Counter[str] = Counter()
        stop = threading.Event()

        def load() -> None:
            while not stop.is_set():
                answers[_created(place, "live")] += 1

        caller = threading.Thread(target=load)
        caller.start()
        try:
            assert place.run("--renew").code == 0
            mount(tmp_path / "tls", place.now().secret)
            loaded = "certificate loaded"
            until(
                lambda: sum(loaded in line["message"] for line in tuple(server.logs)) == 2, "both workers to serve it"
            )
            assert place.run("--forget").code == 0
            before = answers["201"]
            until(lambda: answers["201"] > before + 20, "answers after the old CA was forgotten")
        finally:
            stop.set()
            caller.join()
        assert set(answers) == {"201"}
        assert len(server.records()) >= answers["201"]


def _created(place: Place, tag: str) -> str:
    """Create a tag in a dry run, and return the status, with the message of a denial."""
    document = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStreamTag",
        "metadata": {"name": f"app:{tag}"},
        "tag": {"name": tag, "from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}},
        "generation": 0,
        "lookupPolicy": {"local": False},
        "image": {"metadata": {}},
    }
    document["tag"] |= {"importPolicy": {"importMode": "Legacy"}, "referencePolicy": {"type": "Source"}}  # type: ignore[operator]
    answer = place.api.request("POST", f"{path_of('imagestreamtags', place.namespace)}?dryRun=All", document)
    return f"{answer.status} {answer.document.get('message', '')}".strip()
