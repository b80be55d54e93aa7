"""`istag-webhook probe` against a real API server and the real webhook: with the rights of its component, and no others."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from apiserver import ApiServer, Said, path_of
from click.testing import CliRunner
from installed import VALIDATING, calling, shipped
from serving import Server, serving, until
from support import HEAD

from webhook import doors
from webhook.cli import main
from webhook.errors import ClusterRefused
from webhook.probe import Verdict
from webhook.probe.request import STREAM, requests
from webhook.probe.selector import selects
from webhook.probe.verdict import Answer, exit_code, refusal

_COMPONENT = Path(__file__).parent.parent / "manifests" / "components" / "probe"
_ACCOUNT = "system:serviceaccount:istag-webhook:istag-webhook-probe"
_PATH = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_NAME = "validate.istag-webhook.io"
_OURS = "istag-webhook"


@dataclass(frozen=True)
class Probed:
    """A cluster with the probe's namespace, and a webhook that is called where the tests say."""

    api: ApiServer
    server: Server
    kubeconfig: Path

    def run(self, *arguments: str) -> Said:
        """Run the command as its service account."""
        done = CliRunner().invoke(main, ["probe", "--kubeconfig", str(self.kubeconfig), *arguments])
        return Said(done.exit_code, done.stdout, done.stderr)

    def verdicts(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Run the command, and return its exit code and the verdict of each door."""
        said = self.run("--format", "json", *arguments)
        assert not said.err
        return said.code, {each["door"]: each["verdict"] for each in json.loads(said.out)["doors"]}

    def configure(self, *resources: str, **fields: Any) -> None:
        """Install the shipped configuration for these resources alone, with other fields where they are given."""
        document = calling(shipped()[VALIDATING], f"https://localhost:{self.server.port}", self.server.ca)
        (webhook,) = document["webhooks"]
        webhook["rules"][0]["resources"] = list(resources)
        own = {"matchExpressions": [{"key": "kubernetes.io/metadata.name", "operator": "In", "values": [STREAM]}]}
        webhook.update({"namespaceSelector": own, **fields})
        self.remove()
        made = self.api.request("POST", _PATH, document)
        assert made.status == 201, made.document

    def remove(self) -> None:
        """Remove the webhook configuration."""
        self.api.request("DELETE", f"{_PATH}/{_OURS}")

    def stored(self) -> dict[str, list[Any]]:
        """Return everything of image.openshift.io in the probe's namespace, with its version."""
        return {
            door: [
                (each["metadata"]["name"], each["metadata"]["resourceVersion"])
                for each in self.api.request("GET", path_of(door, STREAM)).document["items"]
            ]
            for door in doors.RESOURCES
        }


@pytest.fixture(scope="module")
def probed(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Probed]:
    """A running webhook, and the objects of the probe's component."""
    documents = [
        each for name in ("namespace", "rbac") for each in yaml.safe_load_all((_COMPONENT / f"{name}.yaml").read_text())
    ]
    documents[0]["metadata"]["labels"] = {"kubernetes.io/metadata.name": STREAM}  # servers since 1.21 set it themselves
    ours = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": _OURS}}
    applied = api.kubectl("apply", "-f", "-", stdin=[ours, *documents])
    assert applied.code == 0, applied.err
    try:
        with serving(tmp_path_factory.mktemp("probed")) as server:
            yield Probed(api, server, api.kubeconfig_of(_ACCOUNT))
    finally:
        api.request("DELETE", f"{_PATH}/{_OURS}")
        api.kubectl("delete", "namespace", STREAM, "--wait=false")


_ALL = tuple(doors.DOORS)
_CLOSED = dict.fromkeys(_ALL, "closed")


def _soon(probed: Probed, expected: tuple[int, dict[str, str]], *arguments: str) -> None:
    """Hold that this comes to be said, as soon as the API server knows of the configuration, and nothing is stored."""
    before = probed.stored()
    until(lambda: probed.verdicts(*arguments) == expected, f"the probe to say {expected}")
    assert probed.stored() == before


def test_every_door_is_closed(probed: Probed) -> None:
    """Where the API server asks us of every door, each is closed, and the table says by which rule."""
    probed.configure(*_ALL)
    _soon(probed, (0, _CLOSED))
    said = probed.run()
    assert [line.split()[:2] for line in said.out.splitlines()] == [[door, "closed"] for door in _ALL]
    assert all(f'admission webhook "{_NAME}" denied the request: ' in line for line in said.out.splitlines())


@pytest.mark.parametrize("door", _ALL)
def test_one_door_is_open(probed: Probed, door: str) -> None:
    """A door that the configuration forgets is found, whatever the others are; nothing is stored through it."""
    probed.configure(*(each for each in _ALL if each != door))
    _soon(probed, (1, {**_CLOSED, door: "open"}))


def test_no_configuration(probed: Probed) -> None:
    """Without a webhook configuration every door is open, and that is why."""
    probed.remove()
    _soon(probed, (1, dict.fromkeys(_ALL, "open")))
    assert all(line.endswith(": there is no such webhook configuration") for line in probed.run().out.splitlines())


@pytest.mark.parametrize(("policy", "code", "verdict"), [("Fail", 2, "down"), ("Ignore", 1, "open")])
def test_the_webhook_is_down(probed: Probed, policy: str, code: int, verdict: str) -> None:
    """A webhook that cannot be called closes its doors, or with `failurePolicy: Ignore` opens them."""
    probed.configure(*_ALL, failurePolicy=policy, clientConfig={"url": "https://localhost:1/validate"})
    _soon(probed, (code, dict.fromkeys(_ALL, verdict)))


@pytest.mark.parametrize(
    ("fields", "code", "sentence"),
    [
        ({}, 0, "somebody else refused it: "),
        ({"clientConfig": {"url": "https://localhost:1/x"}}, 2, "another webhook could not be called: "),
    ],
    ids=["refuses", "is-down"],
)
def test_somebody_else(probed: Probed, fields: dict[str, Any], code: int, sentence: str) -> None:
    """Neither a refusal that is not ours nor another webhook that is down says anything of our door."""
    probed.configure(*_ALL, name="validate.example.com", **fields)
    until(lambda: probed.verdicts()[0] == code, "the other webhook")
    document = probed.api.request("GET", f"{_PATH}/{_OURS}").document
    theirs = {"metadata": {"name": "theirs"}, "webhooks": document["webhooks"]}
    assert probed.api.request("POST", _PATH, theirs).status == 201
    try:
        probed.configure("imagestreamtags", failurePolicy="Ignore", clientConfig={"url": "https://localhost:1/x"})
        _soon(probed, (2, dict.fromkeys(_ALL, "unknown")))
        assert all(sentence in line for line in probed.run().out.splitlines())
    finally:
        probed.api.request("DELETE", f"{_PATH}/theirs")


def test_a_policy_that_refuses_nothing(probed: Probed, tmp_path: Path) -> None:
    """What the policy would let through is not sent; the rule `schema` refuses at the other doors under any policy."""
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: few, tagLimit: {max: 3}}]}")
    probed.configure(*_ALL)
    unknown = ("imagestreams", "imagestreams/status", "imagestreamimports")
    _soon(probed, (2, {**_CLOSED, **dict.fromkeys(unknown, "unknown")}), "--policy", str(tmp_path))
    said = probed.run("--policy", str(tmp_path))
    assert "imagestreams         unknown  the policy test refuses nothing of what could be sent here" in said.out


def test_the_second_that_may_be_sent(probed: Probed, tmp_path: Path) -> None:
    """A policy of registries alone refuses what comes from nowhere, at each door where a source can be named."""
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: ours, registries: {allow: [quay.io]}}]}")
    with serving(tmp_path, "--policy", str(tmp_path / "policy.yaml")) as server:
        replace(probed, server=server).configure(*_ALL)
        _soon(probed, (0, _CLOSED), "--policy", str(tmp_path / "policy.yaml"))


def test_a_namespace_that_is_left_out(probed: Probed) -> None:
    """Of a namespace that the configuration leaves out nothing can be told, nor of one that is not there."""
    probed.configure(*_ALL, namespaceSelector={"matchLabels": {"judged": "yes"}})
    said = probed.run()
    assert (said.code, said.out, said.err) == (
        2, "", f"namespace {STREAM} is left out by the namespaceSelector of istag-webhook; expected one that is not\n",
    )  # fmt: skip
    missing = probed.run("--namespace", "missing", "--kubeconfig", str(probed.api.kubeconfig))
    assert (missing.code, missing.err) == (
        2,
        'namespaces "missing" not found: a probe needs one: oc create namespace missing\n',
    )


def test_a_stream_that_is_not_there(probed: Probed) -> None:
    """Without its image stream nothing can be told of the status; the sentence says how to make it."""
    probed.configure(*_ALL)
    stream = probed.api.request("GET", path_of("imagestreams", STREAM, STREAM)).document
    assert probed.api.request("DELETE", path_of("imagestreams", STREAM, STREAM)).status == 200
    try:
        _soon(probed, (2, {**_CLOSED, "imagestreams/status": "unknown"}))
        assert f"oc create imagestream {STREAM} -n {STREAM}" in probed.run().out
    finally:
        del stream["metadata"]["resourceVersion"]
        until(lambda: probed.api.request("POST", path_of("imagestreams", STREAM), stream).status == 201, "the stream")


def test_a_door_that_is_not_served(probed: Probed) -> None:
    """A door that this API server does not have is none, and no reason to be alarmed."""
    probed.configure(*_ALL)
    path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/imagetags.image.openshift.io"

    def serve(*, served: bool) -> None:
        patch = [{"op": "replace", "path": "/spec/versions/0/served", "value": served}]
        answer = probed.api.request("PATCH", path, patch, Content_Type="application/json-patch+json")
        assert answer.status == 200, answer.document
        until(
            lambda: (probed.api.request("GET", path_of("imagetags")).status == 200) is served, "imagetags to come or go"
        )

    serve(served=False)
    try:
        expected = {**_CLOSED, "imagetags": "absent"}
        until(lambda: probed.verdicts() == (0, expected), f"the probe to say {expected}")
    finally:
        serve(served=True)
        until(lambda: probed.verdicts() == (0, _CLOSED), "imagetags to be known again")


def _rights() -> list[str]:
    """Return each verb on each resource that the component grants."""
    roles = [
        each for each in yaml.safe_load_all((_COMPONENT / "rbac.yaml").read_text()) if each["kind"].endswith("Role")
    ]
    return [
        f"{verb} {resource}"
        for role in roles
        for rule in role["rules"]
        for verb in rule["verbs"]
        for resource in rule["resources"]
    ]


def test_its_rights_are_enough_and_none_too_many(probed: Probed) -> None:
    """The component's roles let everything be asked; without one of their rights something is not told."""
    probed.configure(*_ALL)
    path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings"
    everyone = probed.api.request("GET", f"{path}/test-images").document
    assert probed.api.request("DELETE", f"{path}/test-images").status == 200
    try:
        _soon(probed, (0, _CLOSED))
        used = {
            f"{event['verb']} {'/'.join(filter(None, (event['objectRef']['resource'], event['objectRef'].get('subresource'))))}"
            for event in probed.api.audited(STREAM)
            if event["user"]["username"] == _ACCOUNT
        }
        assert used >= {right for right in _rights() if "configurations" not in right}
    finally:
        del everyone["metadata"]["resourceVersion"], everyone["metadata"]["uid"]
        assert probed.api.request("POST", path, everyone).status == 201


def test_a_right_that_is_missing(probed: Probed) -> None:
    """Who may not ask is told so by the API server."""
    said = probed.run("--kubeconfig", str(probed.api.kubeconfig_of("nobody")))
    assert (said.code, said.out) == (2, "")
    assert 'cannot get resource "namespaces"' in said.err


@pytest.mark.parametrize(
    ("selector", "labels", "expected"),
    [
        (None, {}, True),
        ({}, {}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "b"}, True),
        ({"matchLabels": {"a": "b"}}, {"a": "c"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {}, False),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {}, True),
        ({"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]}, {"a": "b"}, False),
        ({"matchExpressions": [{"key": "a", "operator": "Exists"}]}, {"a": ""}, True),
        ({"matchExpressions": [{"key": "a", "operator": "DoesNotExist"}]}, {"a": ""}, False),
        ({"matchLabels": {"a": "b"}, "matchExpressions": [{"key": "c", "operator": "Exists"}]}, {"a": "b"}, False),
    ],
)
def test_selectors(selector: dict[str, Any] | None, labels: dict[str, str], *, expected: bool) -> None:
    """A selector selects what the API server's does."""
    assert selects(selector, labels) is expected


@pytest.mark.parametrize("door", _ALL)
def test_no_condition_spares_what_is_sent(door: str) -> None:
    """The conditions of the shipped configuration let the API server ask us: else the probe would call a door open."""
    (webhook,) = shipped()[VALIDATING]["webhooks"]
    for sent in requests(door, STREAM, {"metadata": {"name": STREAM}, "spec": {}, "status": {}}):
        request = sent.review().request
        variables = {"request": request, "object": request["object"], "oldObject": request["oldObject"]}
        spared = [
            each["name"] for each in webhook.get("matchConditions", ())
            if cel.compile(each["expression"]).execute(variables) is not True
        ]  # fmt: skip
        assert spared == []


def test_what_is_sent_cannot_be_stored() -> None:
    """At the doors where openshift-apiserver does not heed a dry run, what is sent must fail after the webhooks too."""
    verdicts = json.loads((Path(__file__).parent / "api-server-verdicts.json").read_text())
    refused = {
        each["body"]["metadata"]["name"].partition(":")[0]: each
        for each in verdicts
        if each["method"] == "POST" and each["body"]
    }
    seen = refused["a..b"]
    assert (seen["code"], seen["reviews"]) == (422, "M,V")  # both webhooks were asked first
    for door in ("imagestreamtags", "imagetags"):
        for each in requests(door, "app", None):
            assert ".." in each.body["metadata"]["name"].partition(":")[0]
    error = ClusterRefused(seen["message"], seen["code"], {"details": {"kind": "ImageStream"}})
    assert refusal("imagestreamtags", error, [_NAME]).verdict is Verdict.OPEN


@pytest.mark.parametrize(
    ("door", "status", "kind", "verdict"),
    [
        ("imagestreamimports", 404, "imagestreams", Verdict.OPEN),
        ("imagestreamimports", 422, "ImageStreamImport", Verdict.UNKNOWN),
        ("imagestreammappings", 404, "imagestreams", Verdict.OPEN),
        ("imagestreammappings", 403, "imagestreammappings", Verdict.UNKNOWN),
        ("imagestreams", 422, "ImageStream", Verdict.UNKNOWN),
        ("imagetags", 422, "ImageTag", Verdict.UNKNOWN),
        ("imagetags", 0, "", Verdict.UNKNOWN),
    ],
)
def test_what_the_api_server_says_itself(door: str, status: int, kind: str, verdict: Verdict) -> None:
    """A refusal of what stands behind a door came after the webhooks, one of the object itself before them."""
    assert refusal(door, ClusterRefused("no", status, {"details": {"kind": kind}}), [_NAME]).verdict is verdict


@pytest.mark.parametrize(
    ("verdicts", "code"),
    [
        ([], 2), (["absent"], 2), (["closed"], 0), (["closed", "absent"], 0), (["closed", "open", "unknown"], 1),
        (["closed", "unknown"], 2), (["closed", "down"], 2),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_exit_codes(verdicts: list[str], code: int) -> None:
    """An open door counts for more than one that cannot be told, and one that is not there for nothing."""
    assert exit_code([Answer("x", Verdict(each), "") for each in verdicts]) == code
