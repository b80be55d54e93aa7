"""`istag-webhook probe` against a stand-in for openshift-apiserver, which calls the real webhook over TLS."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cel
import pytest
from click.testing import CliRunner
from tests.support.admitting import Attributes
from tests.support.apiserver import Said
from tests.support.builders import HEAD, NOW
from tests.support.imageapi import ImageApi, serving_images
from tests.support.installed import VALIDATING, calling, shipped
from tests.support.paths import DATA
from tests.support.sentences import OTHER_DENIED
from tests.support.serving import Server, serving, until

from webhook.admission import engine
from webhook.admission.codec import of_document
from webhook.cli.main import main
from webhook.cluster.client import selects
from webhook.errors import ClusterError
from webhook.evaluate.probe import Answer, Probed, Verdict, denial
from webhook.model.decision import Finding
from webhook.policy.loading import load
from webhook.resources import catalog
from webhook.resources.objects import PROBE_RULE, PROBE_STREAM, Run

_NAME = "validate.istag-webhook.io"
_ALL = tuple(catalog.RESOURCES)
_CLOSED = dict.fromkeys(_ALL, "closed")
_NOTHING = "https://localhost:1/validate"  # nothing listens there
_THEIRS = "validate.example.com"


@dataclass(frozen=True)
class Cluster:
    """A stand-in with the probe's namespace and stream, and a webhook that it calls."""

    api: ImageApi
    server: Server
    kubeconfig: Path

    def run(self, *arguments: str) -> Said:
        """Run the command."""
        done = CliRunner().invoke(main, ["probe", "--kubeconfig", str(self.kubeconfig), *arguments])
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        return Said(done.exit_code, done.stdout, done.stderr)

    def verdicts(self, *arguments: str) -> tuple[int, dict[str, str]]:
        """Run the command; return its exit code and the verdict of each resource. It must leave the streams alone."""
        before = json.dumps(sorted(self.api.streams.items()))
        said = self.run("--format", "json", *arguments)
        assert json.dumps(sorted(self.api.streams.items())) == before
        document = json.loads(said.out)
        assert (said.err, document["left"]) == ("", [])
        return said.code, {each["resource"]: each["verdict"] for each in document["resources"]}

    def configure(self, *resources: str, **fields: Any) -> None:
        """Install the shipped configuration for these resources alone, with other fields if given."""
        document = calling(shipped()[VALIDATING], f"https://localhost:{self.server.port}", self.server.ca)
        (webhook,) = document["webhooks"]
        webhook["rules"][0]["resources"] = list(resources)
        if "url" in fields:
            webhook["clientConfig"]["url"] = fields.pop("url")
        webhook.update(fields)
        self.api.configurations = {"istag-webhook": document}

    def add(self, **fields: Any) -> None:
        """Install a webhook of another owner for all resources."""
        before = self.api.configurations
        self.configure(*_ALL, name=_THEIRS, **fields)
        self.api.configurations = {**before, "theirs": self.api.configurations["istag-webhook"]}


@contextmanager
def _cluster(directory: Path, server: Server) -> Iterator[Cluster]:
    with serving_images(directory) as (api, kubeconfig):
        api.namespaces[PROBE_STREAM] = {"kubernetes.io/metadata.name": PROBE_STREAM}
        api.create(PROBE_STREAM, PROBE_STREAM)
        cluster = Cluster(api, server, kubeconfig)
        cluster.configure(*_ALL)
        yield cluster


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A webhook with the shipped policy."""
    with serving(tmp_path_factory.mktemp("probed")) as server:
        yield server


@pytest.fixture
def cluster(server: Server, tmp_path: Path) -> Iterator[Cluster]:
    """A cluster in which the shipped configuration is installed."""
    with _cluster(tmp_path, server) as cluster:
        yield cluster


def test_every_resource_is_closed(cluster: Cluster) -> None:
    """If the API server calls the webhook for every resource, each is closed by the rule for probes."""
    assert cluster.verdicts() == (0, _CLOSED)
    said = cluster.run()
    lines = said.out.splitlines()
    assert [line.split()[:2] for line in lines] == [[resource, "closed"] for resource in _ALL]
    for line in lines:
        assert f'admission webhook "{_NAME}" denied the request: ' in line
        assert line.endswith(f"policy in force: {load()} (rule {PROBE_RULE})")


@pytest.mark.parametrize("resource", _ALL)
@pytest.mark.parametrize("streams", [True, False], ids=["with-a-stream", "without"])
def test_one_resource_is_open(cluster: Cluster, resource: str, *, streams: bool) -> None:
    """A resource that the configuration forgets is found, and nothing is stored through it."""
    cluster.configure(*(each for each in _ALL if each != resource))
    expected = {**_CLOSED, resource: "open"}
    if not streams:
        cluster.api.streams.clear()
        expected["imagestreams/status"] = "unknown"
    code = 1 if "open" in expected.values() else 2
    assert cluster.verdicts() == (code, expected)


@pytest.mark.parametrize("allowed", [None, ("quay.io",)], ids=["any-registry", "allowed-registries"])
def test_no_configuration(cluster: Cluster, allowed: tuple[str, ...] | None) -> None:
    """Without a webhook configuration every resource is open, whatever registries may be imported from."""
    cluster.api.configurations, cluster.api.allowed = {}, allowed
    assert cluster.verdicts() == (1, dict.fromkeys(_ALL, "open"))
    assert cluster.run().out.count("webhook configuration istag-webhook does not exist: ") == len(_ALL)


@pytest.mark.parametrize(("policy", "code", "verdict"), [("Fail", 2, "down"), ("Ignore", 1, "open")])
def test_the_webhook_is_down(cluster: Cluster, policy: str, code: int, verdict: str) -> None:
    """A webhook that cannot be called is down; with `failurePolicy: Ignore` its resources are open."""
    cluster.configure(*_ALL, failurePolicy=policy, url=_NOTHING)
    assert cluster.verdicts() == (code, dict.fromkeys(_ALL, verdict))


def test_the_webhook_answers_an_error(cluster: Cluster) -> None:
    """A webhook that answers an HTTP error is down as well."""
    cluster.configure(*_ALL, url=f"https://localhost:{cluster.server.port}/elsewhere")
    assert cluster.verdicts() == (2, dict.fromkeys(_ALL, "down"))


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [({}, OTHER_DENIED), ({"url": _NOTHING}, "another webhook failed: ")],
    ids=["denies", "is-down"],
)
@pytest.mark.parametrize("ours", [True, False], ids=["ours-is-asked", "ours-is-not"])
def test_another_webhook(cluster: Cluster, fields: dict[str, Any], sentence: str, *, ours: bool) -> None:
    """Neither a denial by another webhook nor its failure says anything about ours, unless ours is called first."""
    cluster.configure(*_ALL if ours else _ALL[:1])
    cluster.add(**fields)
    opened = dict.fromkeys(_ALL if not ours else (), "unknown") | dict.fromkeys(_ALL[:1], "closed")
    assert cluster.verdicts() == ((0, _CLOSED) if ours else (2, opened))
    assert cluster.run().out.count(sentence) == (0 if ours else len(_ALL) - 1)


@pytest.mark.parametrize("resource", ["imagestreamtags", "imagestreamimports", "imagestreams/status"])
def test_the_api_server_denies_it(cluster: Cluster, resource: str) -> None:
    """A request that RBAC denies is unknown, not closed."""
    cluster.api.denied = frozenset({resource})
    assert cluster.verdicts() == (2, {**_CLOSED, resource: "unknown"})


_EVERYBODY = 'exemptions: [{name: all, users: ["*"], groups: ["*"]}]'


@pytest.mark.parametrize(
    "spec",
    [
        "rules: [{name: few, tagLimit: {max: 3}}]",
        "rules: [{name: some, mode: warn, pin: {denyTags: [latest]}}, {name: s, mode: audit, schema: {}}]",
        f"{_EVERYBODY}, rules: [{{name: few, tagLimit: {{max: 3}}}}]",
        "rules: [{name: ours, registries: {allow: [quay.io]}}, {name: named, annotations: {require: {a: b}}}]",
        "rules: [{name: none, match: {namespaces: [other]}, pin: {digest: true}}]",
    ],
    ids=["denies-nothing", "schema-only-audited", "exempts-everybody", "denies-much", "of-other-namespaces"],
)
def test_any_policy(cluster: Cluster, tmp_path: Path, spec: str) -> None:
    """A probe is denied under every policy, and for every user."""
    path = tmp_path / "policy.yaml"
    path.write_text(HEAD + f"spec: {{{spec}}}\n")
    with serving(tmp_path, "--policy", str(path)) as server:
        other = Cluster(cluster.api, server, cluster.kubeconfig)
        other.configure(*_ALL)
        assert other.verdicts() == (0, _CLOSED)
        assert other.verdicts("--policy", str(path)) == (0, _CLOSED)
        said = other.run("--policy", str(Path(engine.__file__).parents[1] / "policy" / "default.yaml"))
        assert said.code == 0
        assert said.err == f"another policy than {load()} is in force: {', '.join(_ALL)}\n"


def test_a_policy_that_cannot_be_used(cluster: Cluster, tmp_path: Path) -> None:
    """A policy with a fault ends the command before anything is sent."""
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: few, tagLimits: {max: 3}}]}\n")
    said = cluster.run("--policy", str(tmp_path / "policy.yaml"))
    assert (said.code, said.out, cluster.api.asked) == (2, "", [])
    assert "tagLimits" in said.err


def test_something_is_left_behind(cluster: Cluster) -> None:
    """An object that an API server stores despite the probe is reported by name, and the exit code is not 0."""
    cluster.configure(*(each for each in _ALL if each != "imagestreamimports"))
    cluster.api.heeds_versions = False
    said = cluster.run("--format", "json")
    (left,) = set(cluster.api.streams) - {(PROBE_STREAM, PROBE_STREAM)}
    assert (said.code, json.loads(said.out)["left"]) == (1, [f"image stream {'/'.join(left)}"])
    assert said.err == f"left behind: image stream {'/'.join(left)}; remove it\n"


def test_it_cannot_be_told_what_is_left_behind(cluster: Cluster) -> None:
    """A run whose streams cannot be listed afterwards is never a success; one that cannot list before sends nothing."""
    cluster.api.denied = frozenset({"imagestreams"})
    said = cluster.run()
    assert (said.code, said.out) == (2, "")
    assert "is forbidden" in said.err
    assert cluster.api.asked == ["GET imagestreams"]
    closed = tuple(Answer(resource, Verdict.CLOSED, "") for resource in _ALL)
    assert (Probed(closed).exit_code, Probed(closed, unlisted="no").exit_code) == (0, 2)


@pytest.mark.parametrize(("moves", "verdict"), [(3, "closed"), (99, "unknown")], ids=["moves-a-little", "never-still"])
def test_the_stream_moves(cluster: Cluster, moves: int, verdict: str) -> None:
    """If another client writes the stream meanwhile, its status is tried again, a few times."""
    cluster.api.moves = moves
    said = cluster.run("--format", "json")
    found = {each["resource"]: each["verdict"] for each in json.loads(said.out)["resources"]}
    assert (said.code, found) == (0 if verdict == "closed" else 2, {**_CLOSED, "imagestreams/status": verdict})
    assert cluster.api.asked.count("PUT imagestreams/status") == min(moves, 4) + 1


def test_another_stream_serves(cluster: Cluster) -> None:
    """The status of any image stream of the namespace can be asked for."""
    cluster.api.streams.clear()
    cluster.api.create(PROBE_STREAM, "app", annotations={"a": "b"})
    assert cluster.verdicts() == (0, _CLOSED)


def test_no_stream(cluster: Cluster) -> None:
    """Without an image stream nothing can be told of the status; the sentence says how to make one."""
    cluster.api.streams.clear()
    assert cluster.verdicts() == (2, {**_CLOSED, "imagestreams/status": "unknown"})
    assert f"has no image stream: oc create imagestream {PROBE_STREAM} -n {PROBE_STREAM}" in cluster.run().out


def test_a_resource_that_is_not_served(cluster: Cluster) -> None:
    """A resource that this API server does not serve is absent: then not all six are closed."""
    cluster.api.served = tuple(each for each in cluster.api.served if each != "imagetags")
    assert cluster.verdicts() == (2, {**_CLOSED, "imagetags": "absent"})


def test_a_namespace_that_is_left_out(cluster: Cluster) -> None:
    """Nothing is sent to a namespace that the configuration leaves out, nor to one that does not exist."""
    cluster.configure(*_ALL, namespaceSelector={"matchLabels": {"evaluated": "yes"}})
    said = cluster.run()
    assert (said.code, said.out, said.err) == (
        2, "", f"namespace {PROBE_STREAM}: not selected by the namespaceSelector of istag-webhook\n",
    )  # fmt: skip
    missing = cluster.run("--namespace", "missing")
    assert (missing.code, missing.err) == (
        2,
        'namespaces "missing" not found; create the namespace for probes: oc create namespace missing\n',
    )
    assert cluster.api.asked == []


def test_the_record_says_dry_run(cluster: Cluster) -> None:
    """Each request is recorded as a denied dry run, by the rule for probes alone."""
    before = len(cluster.server.records())
    assert cluster.run().code == 0
    records = until(lambda: cluster.server.records()[before:][: len(_ALL)], "the records")
    until(lambda: len(cluster.server.records()) == before + len(_ALL), "all records")
    records = cluster.server.records()[before:]
    assert [record["resource"] for record in records] == list(_ALL)
    for record in records:
        assert (record["verdict"], record["dryRun"]) == ("deny", True)
        assert [finding["rule"] for finding in record["findings"]] == [PROBE_RULE]


@pytest.mark.parametrize("resource", _ALL)
def test_no_condition_spares_what_is_sent(resource: str) -> None:
    """The conditions of the shipped configuration let the API server call us: else the probe would report it open."""
    (webhook,) = shipped()[VALIDATING]["webhooks"]
    review = _review(resource)
    variables = {"request": review, "object": review["object"], "oldObject": review["oldObject"]}
    spared = [
        each["name"] for each in webhook.get("matchConditions", ())
        if cel.compile(each["expression"]).execute(variables) is not True
    ]  # fmt: skip
    assert spared == []


def _review(resource: str) -> dict[str, Any]:
    """Return the request of the review of what is sent."""
    stream = {"metadata": {"name": PROBE_STREAM, "namespace": PROBE_STREAM}, "spec": {}, "status": {}}
    sent = catalog.RESOURCES[resource].probe
    body = sent.object(Run(PROBE_STREAM, "1", stream))
    assert body is not None
    old = stream if sent.replaces else None
    operation = "UPDATE" if sent.replaces else "CREATE"
    return Attributes(resource, PROBE_STREAM, {}, body["metadata"]["name"], operation, body, old).request()


@pytest.mark.parametrize("resource", _ALL)
def test_other_policies_have_nothing_to_say(resource: str) -> None:
    """But for its mark a request breaks no rule of the shipped policy: no other policy is likely to deny it."""
    sent = _review(resource)
    assert [each.rule for each in _findings(sent)] == [PROBE_RULE]
    sent["object"]["metadata"].pop("annotations", None)
    (sent["object"].get("status") or {}).pop("tags", None)
    assert [each for each in _findings(sent) if each.rule != "schema"] == []


def _findings(sent: dict[str, Any]) -> tuple[Finding, ...]:
    """Return what the shipped policy finds in a request."""
    document = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": sent}
    return engine.validate(of_document(document, catalog.RESOURCES, NOW), load()).findings


@pytest.mark.parametrize(
    ("old", "new", "denied"),
    [
        ([], ["istag-webhook-probe-1"], True),
        (["istag-webhook-probe-1"], ["istag-webhook-probe-1", "istag-webhook-probe-2"], True),
        (["istag-webhook-probe-1"], ["istag-webhook-probe-1"], False),
        (["istag-webhook-probe-1"], [], False),
        ([], ["istag-webhook-probe"], False),
        ([], ["live"], False),
    ],
)
def test_what_marks_a_status(old: list[str], new: list[str], *, denied: bool) -> None:
    """A new tag in a status marks a probe; an existing one has no effect."""
    sent = _review("imagestreams/status")
    del sent["object"]["metadata"]["annotations"]
    for document, names in ((sent["oldObject"], old), (sent["object"], new)):
        document["status"] = {"dockerImageRepository": "", "tags": [{"tag": name, "items": []} for name in names]}
    found = [each for each in _findings(sent) if each.rule == PROBE_RULE]
    assert [each.field for each in found] == (["status.tags"] if denied else [])


@pytest.mark.parametrize("metadata", [None, [], "x", {"annotations": None}, {"annotations": ["istag-webhook/probe"]}])
def test_what_marks_nothing(metadata: Any) -> None:
    """Invalid metadata marks nothing, and causes no error."""
    sent = _review("imagestreamimports")
    sent["object"] = {**sent["object"], "metadata": metadata}
    assert PROBE_RULE not in [each.rule for each in _findings(sent)]


def test_the_denial_is_explained(cluster: Cluster) -> None:
    """The message for a user who sends the mark can be pasted into `policy explain`."""
    line = cluster.run().out.splitlines()[0]
    for words in (line, PROBE_RULE, line[:-6] + "..."):
        done = CliRunner().invoke(main, ["policy", "explain", words])
        assert (done.exit_code, done.stdout) == (0, engine.PROBE_EXPLAINED + "\n")


def test_what_is_sent_cannot_be_stored() -> None:
    """No stream can have the names of the imagestreamtags and imagetags: real answers to such a name."""
    verdicts = json.loads((DATA / "api-server-verdicts.json").read_text())
    (seen,) = [each for each in verdicts if each["label"] == "stream bad double dash dot"]
    assert (seen["code"], seen["reviews"]) == (422, "M,V")  # both webhooks were called first
    for resource in ("imagestreamtags", "imagetags"):
        sent = catalog.RESOURCES[resource].probe.object(Run("app", "1", None))
        assert sent is not None
        assert ".." in sent["metadata"]["name"].partition(":")[0]
    error = ClusterError(seen["message"], seen["code"], {"details": {"kind": "ImageStream"}})
    assert denial("imagestreamtags", error, [_NAME]).verdict is Verdict.OPEN


_FORBIDDEN = [{"reason": "FieldValueForbidden"}]


@pytest.mark.parametrize(
    ("resource", "status", "details", "verdict"),
    [
        # Observed on openshift-apiserver 4.22 and 4.20, in each spelling.
        ("imagestreamtags", 422, {"kind": "ImageStream"}, "open"),
        ("imagestreamtags", 422, {"kind": "imagestreams"}, "open"),
        ("imagestreamtags", 422, {"kind": "ImageStreamTag"}, "unknown"),
        ("imagestreamtags", 403, {"kind": "imagestreamtags"}, "unknown"),
        ("imagetags", 422, {"kind": "ImageStream"}, "open"),
        ("imagetags", 422, {"kind": "ImageTag"}, "unknown"),
        ("imagestreams", 422, {"kind": "ImageStream"}, "unknown"),
        ("imagestreams", 409, {"kind": "imagestreams"}, "unknown"),
        ("imagestreams", 404, {"kind": "namespaces"}, "unknown"),
        ("imagestreams/status", 404, {"kind": "imagestreams"}, "unknown"),
        ("imagestreams/status", 422, {"kind": "ImageStream"}, "unknown"),
        ("imagestreams/status", 409, {"kind": "imagestreams"}, "unknown"),
        ("imagestreamimports", 404, {"kind": "imagestreamimports"}, "open"),
        ("imagestreamimports", 404, {"kind": "ImageStreamImport"}, "open"),
        ("imagestreamimports", 404, {"kind": "imagestreams"}, "open"),
        ("imagestreamimports", 404, {"kind": "ImageStream"}, "open"),
        ("imagestreamimports", 404, {"kind": "namespaces"}, "unknown"),
        ("imagestreamimports", 404, {}, "unknown"),
        ("imagestreamimports", 409, {"kind": "imagestream"}, "open"),
        ("imagestreamimports", 422, {"kind": "ImageStreamImport"}, "unknown"),
        ("imagestreamimports", 422, {"kind": "ImageStreamImport", "causes": _FORBIDDEN}, "open"),
        ("imagestreamimports", 422, {"kind": "ImageStreamImport", "causes": [*_FORBIDDEN, {}]}, "unknown"),
        ("imagestreammappings", 404, {"kind": "imagestreammappings"}, "open"),
        ("imagestreammappings", 404, {"kind": "ImageStreamMapping"}, "open"),
        ("imagestreammappings", 404, {"kind": "imagestreams"}, "open"),
        ("imagestreammappings", 403, {"kind": "imagestreammappings"}, "unknown"),
        ("imagestreammappings", 422, {"kind": "ImageStreamMapping"}, "unknown"),
        ("imagestreammappings", 429, {"kind": "imagestreammappings"}, "unknown"),
        ("imagestreammappings", 0, None, "unknown"),
    ],
)  # fmt: skip
def test_answers_of_the_api_server(resource: str, status: int, details: dict[str, Any] | None, verdict: str) -> None:
    """An answer about the stream behind a resource came after the webhooks, one about the object itself before them."""
    error = ClusterError("no", status, {"details": details} if details is not None else {})
    assert denial(resource, error, [_NAME]).verdict == verdict


@pytest.mark.parametrize(
    ("message", "verdict"),
    [
        (f'admission webhook "{_NAME}" denied the request: no', "closed"),
        (f'admission webhook "{_NAME}" denied the request without explanation', "closed"),
        (f'Internal error occurred: failed calling webhook "{_NAME}": EOF', "down"),
        (f'failed calling webhook "{_NAME}": context deadline exceeded', "down"),
        (f'admission webhook "{_THEIRS}" denied the request: as admission webhook "{_NAME}" denied the request', "unknown"),
        (f'Internal error occurred: failed calling webhook "{_THEIRS}": failed calling webhook "{_NAME}"', "unknown"),
        (f'admission webhook "{_NAME}.example.com" denied the request', "unknown"),
        (f'imagestreams "{_NAME}" is forbidden: admission webhook "{_NAME}" denied the request', "unknown"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("resource", _ALL)
def test_who_denied_it(resource: str, message: str, verdict: str) -> None:
    """Only the name of the webhook that the API server itself gives counts."""
    assert denial(resource, ClusterError(message, 500, {}), [_NAME]).verdict == verdict


@pytest.mark.parametrize(
    ("changed", "left", "code"),
    [
        ({}, (), 0),
        ({"imagetags": "absent"}, (), 2),
        ({"imagetags": "unknown"}, (), 2),
        ({"imagetags": "down"}, (), 2),
        ({"imagetags": "open"}, (), 1),
        ({"imagetags": "open", "imagestreams": "unknown"}, (), 1),
        ({}, ("x",), 1),
        (dict.fromkeys(_ALL, "absent"), (), 2),
    ],
)
def test_exit_codes(changed: dict[str, str], left: tuple[str, ...], code: int) -> None:
    """0 only if all six are closed; an open resource counts for more than one of which nothing is known."""
    answers = tuple(Answer(resource, Verdict(verdict), "") for resource, verdict in {**_CLOSED, **changed}.items())
    assert Probed(answers, left).exit_code == code
    assert Probed(answers[:-1], left).exit_code != 0


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
