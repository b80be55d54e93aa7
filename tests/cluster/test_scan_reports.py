"""The reports that a scan writes, the images that it fetches, and the permissions that it needs."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support import streams
from tests.support.apiserver import ApiServer, Said
from tests.support.streams import STREAMS, command, report_of

from webhook.cluster.client import Cluster, Resource, connect
from webhook.errors import ClusterError
from webhook.evaluate.reports import Reports
from webhook.policy.loading import load
from webhook.report.header import header
from webhook.report.openreports import OPENREPORTS, Api, Gathered
from webhook.report.shape import Shard

_REPORTS = Resource("openreports.io", "v1alpha1", "reports")
_POLICY_REPORTS = Resource("wgpolicyk8s.io", "v1alpha2", "policyreports")
Scan = Callable[..., Said]


def _report(api: ApiServer, namespace: str, resource: Resource = _REPORTS) -> dict[str, Any]:
    return connect(api.kubeconfig).get(resource, "istag-webhook", namespace)


def _undated(report: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a report says, without times and what the API server adds."""
    metadata = {key: report["metadata"][key] for key in ("namespace", "name", "labels", "annotations")}
    results = [{key: value for key, value in result.items() if key != "timestamp"} for result in report["results"]]
    return {**report, "metadata": metadata, "results": results}


@pytest.mark.parametrize(
    ("form", "resource"),
    [("openreports", _REPORTS), ("wgpolicyk8s", _POLICY_REPORTS)],
    ids=["openreports", "wgpolicyk8s"],
)
def test_reports_are_written_back(
    scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]], form: str, resource: Resource
) -> None:
    """Each namespace has a report that the API server takes whole; one that says the same is not written again."""
    namespaces = fresh(3, 20, each=2)
    chosen = [argument for name in namespaces for argument in ("--namespace", name)]
    assert scan(*chosen, "--write-reports", form).code == 1
    stored = [_report(scannable, name, resource) for name in namespaces]
    printed = json.loads(scan(*chosen, "--format", form).out)["items"]
    assert list(map(_undated, stored)) == list(map(_undated, printed))
    assert stored[0]["summary"] == {"pass": 0, "fail": 2, "warn": 42, "error": 0, "skip": 0}
    first = stored[0]["results"][0]
    assert (first["rule"], first["result"], first["severity"], first["scored"]) == (
        "no-insecure-imports",
        "fail",
        "high",
        True,
    )
    assert first["resources"] == [
        {
            "apiVersion": "image.openshift.io/v1",
            "kind": "ImageStreamTag",
            "namespace": namespaces[0],
            "name": "app-0:v7",
        }
    ]
    assert scan(*chosen, "--write-reports", form).code == 1
    assert [_report(scannable, name, resource) for name in namespaces] == stored


def test_a_report_follows_what_is_found(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """A fixed finding leaves the report, an earlier one keeps its time, and a stale report is removed."""
    here, gone, beside = fresh(3, 20, each=1)
    cluster, write = connect(scannable.kubeconfig), ("--write-reports", "openreports")
    assert scan("-n", here, "-n", gone, "-n", beside, *write).code == 1
    report = _report(scannable, here)
    old = {**report, "results": [{**each, "timestamp": {"seconds": 1, "nanos": 0}} for each in report["results"]]}
    old["metadata"]["labels"]["team"] = "payments"
    old["metadata"]["annotations"] |= {"istag-webhook/omitted": "7", "note": "seen"}
    cluster.replace(_REPORTS, old, here)
    cluster.patch(STREAMS, "app-0", {"spec": {"tags": [streams.tag(8), streams.tag(28)]}}, here)
    streams.empty(scannable.kubeconfig, [gone, beside])
    done = scan("-n", here, "-n", gone, *write)
    assert (done.code, done.err) == (0, f"removed the report of {gone}: the namespace no longer has image streams\n")
    new = _report(scannable, here)
    assert new["summary"] == {"pass": 0, "fail": 0, "warn": 2, "error": 0, "skip": 0}
    assert new["metadata"]["labels"]["team"] == "payments"
    assert new["metadata"]["annotations"].keys() == {"istag-webhook/policy", "note"}
    times = {result["resources"][0]["name"]: result["timestamp"]["seconds"] for result in new["results"]}
    assert times["app-0:v8"] == 1
    assert times["app-0:v28"] > 1
    assert _report(scannable, beside)["summary"]["fail"] == 1  # it was not asked for
    with pytest.raises(ClusterError, match="not found"):
        _report(scannable, gone)


def test_a_report_of_somebody_else_is_left(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]]) -> None:
    """A report that has our name and not our label is not written to, and the others are."""
    theirs, ours = fresh(2, 8, each=1)
    cluster = connect(scannable.kubeconfig)
    stored = cluster.create(
        _REPORTS,
        {"apiVersion": "openreports.io/v1alpha1", "kind": "Report", "metadata": {"name": "istag-webhook"}},
        theirs,
    )
    done = scan("-n", theirs, "-n", ours, "--write-reports", "openreports")
    assert (done.code, done.err) == (
        2,
        f"the report of {theirs} was not written: reports.openreports.io {theirs}/istag-webhook was not written by istag-webhook: "
        "it lacks the label app.kubernetes.io/managed-by=istag-webhook; it is not changed\n",
    )
    assert _report(scannable, theirs) == stored
    cluster.delete(_REPORTS, "istag-webhook", theirs)
    assert _report(scannable, ours)["summary"] == {"pass": 0, "fail": 0, "warn": 9, "error": 0, "skip": 0}


def test_images(scannable: ApiServer, scan: Scan, fresh: Callable[..., list[str]], tmp_path: Path) -> None:
    """With --images the rules about images evaluate what each tag means now; one that was pruned is not evaluated."""
    (namespace,) = fresh(1, 3)
    cluster = connect(scannable.kubeconfig)
    digests = [f"sha256:{character * 64}" for character in "abc"]
    for digest, architecture in zip(digests, ("amd64", "arm64"), strict=False):
        image = {"apiVersion": "image.openshift.io/v1", "kind": "Image", "metadata": {"name": digest}}
        described = {"dockerImageMetadata": {"kind": "DockerImage", "Architecture": architecture}}
        assert scannable.request("POST", "/apis/image.openshift.io/v1/images", {**image, **described}).status == 201
    events = [
        {"created": "2026-01-01T00:00:00Z", "dockerImageReference": "r/x", "generation": 1, "image": each}
        for each in digests
    ]
    tags = [
        {"tag": name, "items": [event]}
        for name, event in zip(("v0", "v1", "v2", "pushed"), (*events, events[0]), strict=True)
    ]
    cluster.patch(STREAMS, "app-0", {"status": {"dockerImageRepository": "r/app", "tags": tags}}, namespace, "status")
    policy = _policy(tmp_path, "{name: arm, platforms: {require: [linux/arm64]}}")
    done = scan("-n", namespace, "--policy", policy)
    assert (done.code, done.err) == (0, "not evaluated without --images: arm\n")
    done = scan("-n", namespace, "--policy", policy, "--images", "--format", "json")
    assert done.code == 1
    assert [(each.title.partition("/")[2], [str(finding) for finding in each.findings]) for each in report_of(done.out)[0]] == [
        ("app-0:v0", ['spec.tags[0]: the image does not support linux/arm64; it supports "linux/amd64" (rule arm)']),
        ("app-0:pushed", ['status.tags[3]: the image does not support linux/arm64; it supports "linux/amd64" (rule arm)']),
    ]  # fmt: skip


def test_a_cluster_without_such_reports(scannable: ApiServer) -> None:
    """A missing definition is reported once, before anything is evaluated."""
    reports = Reports(connect(scannable.kubeconfig), Api("openreports.io", "v2", "Report", "reports", configured=True))
    with pytest.raises(
        ClusterError, match=r"^the cluster does not serve reports\.openreports\.io; install its definition$"
    ):
        reports.check()


class _Repeating:
    """A sender that repeats each of these methods once, as the client library does after an answer that was lost."""

    def __init__(self, sender: Any, *methods: str) -> None:
        self._sender, self.left, self.server = sender, list(methods), sender.server

    def send(self, method: str, *arguments: Any) -> dict[str, Any]:
        if method in self.left:
            self.left.remove(method)
            self._sender.send(method, *arguments)
        found: dict[str, Any] = self._sender.send(method, *arguments)
        return found


def test_an_answer_that_is_lost(scannable: ApiServer, fresh: Callable[..., list[str]]) -> None:
    """A report whose answer was lost is not written twice, and is recognised as ours."""
    (namespace,) = fresh(1, 1)
    repeating = _Repeating(connect(scannable.kubeconfig).sender, "POST", "PUT", "DELETE")
    cluster = Cluster(repeating)
    head = header("scan", load(), "1", "2026-01-02T03:04:05Z")
    for found in (0, 1):
        reports, gathered = Reports(cluster, OPENREPORTS), Gathered()
        gathered.summary["pass"] = found
        reports.write(gathered.document(OPENREPORTS, head, namespace))
        assert _report(scannable, namespace)["summary"]["pass"] == found
    assert list(Reports(cluster, OPENREPORTS).remove_stale(lambda name: name == namespace)) == [namespace]
    assert repeating.left == []
    with pytest.raises(ClusterError, match="not found"):
        _report(scannable, namespace)


@pytest.fixture
def bare(scannable: ApiServer) -> Iterator[ApiServer]:
    """The API server, on which only users with a given role may access image streams."""
    name = "clusterrolebinding/test-images"
    binding = scannable.kubectl("get", name, "-o", "json").document
    assert scannable.kubectl("delete", name).code == 0
    yield scannable
    kept = {**binding, "metadata": {"name": binding["metadata"]["name"]}}
    assert scannable.kubectl("create", "-f", "-", stdin=kept).code == 0


def _asked(api: ApiServer, user: str) -> set[tuple[str, str, str]]:
    """Return the group, the resource and the verb of all that a user was allowed to do."""
    lines = [line for line in (api.directory / "audit.log").read_text().splitlines() if f'"username":"{user}"' in line]
    events = [event for event in map(json.loads, lines) if event["stage"] == "ResponseComplete"]
    assert [event["responseStatus"] for event in events if event["responseStatus"]["code"] == 403] == []
    return {
        (event["objectRef"].get("apiGroup", ""), event["objectRef"]["resource"], event["verb"])
        for event in events
        if "objectRef" in event
    }


@pytest.mark.parametrize("component", ["scan", "scan-sharded"])
def test_the_rights_of_the_component(
    bare: ApiServer,
    fresh: Callable[..., list[str]],
    kustomize: Callable[[Path], list[dict[str, Any]]],
    tmp_path: Path,
    component: str,
) -> None:
    """The component's job needs exactly the permissions that the component grants."""
    documents = _component(kustomize, tmp_path, component)
    role, user = documents["ClusterRole", "istag-webhook-scan"], f"{component}-user"
    role = {**role, "metadata": {"name": user}}
    binding = {**documents["ClusterRoleBinding", "istag-webhook-scan"], "metadata": {"name": user}}
    binding["roleRef"] = {**binding["roleRef"], "name": user}
    binding["subjects"] = [{"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": user}]
    assert bare.kubectl("create", "-f", "-", stdin=[role, binding]).code == 0

    pod = documents["CronJob", "istag-webhook-scan"]["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    (_, *arguments) = (
        argument.replace("$(JOB_COMPLETION_INDEX)", "0").replace("/reports", str(tmp_path))
        for argument in pod["containers"][0]["args"]
    )
    stale, changed = _in_the_first_part(fresh, 2)
    cluster = connect(bare.kubeconfig)
    labels = {"app.kubernetes.io/managed-by": "istag-webhook"}
    for namespace in (stale, changed):
        report = {"apiVersion": "openreports.io/v1alpha1", "kind": "Report"}
        cluster.create(_REPORTS, {**report, "metadata": {"name": "istag-webhook", "labels": labels}}, namespace)
    streams.empty(bare.kubeconfig, [stale])
    done = subprocess.run(
        command(bare.kubeconfig_of(user), *arguments),
        env={**os.environ, "JOB_COMPLETION_INDEX": "0"}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert f"removed the report of {stale}: the namespace no longer has image streams\n" in done.stderr
    assert _report(bare, changed)["summary"]["warn"] == 1
    assert _asked(bare, user) == {
        (group, resource, verb)
        for rule in role["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_the_parts_of_the_component(kustomize: Callable[[Path], list[dict[str, Any]]], tmp_path: Path) -> None:
    """There are as many pods as parts, and what they write is what is merged."""
    jobs = {
        name: each["spec"]["jobTemplate"]["spec"]
        for name, each in _component(kustomize, tmp_path, "scan-sharded").items()
        if each["kind"] == "CronJob"
    }
    scan, merge = jobs["CronJob", "istag-webhook-scan"], jobs["CronJob", "istag-webhook-merge"]
    (_, shard, *_, output), (_, *merged) = (job["template"]["spec"]["containers"][0]["args"] for job in (scan, merge))
    assert (scan["completionMode"], scan["completions"], scan["parallelism"]) == ("Indexed", 4, 4)
    assert shard == f"--shard=/{scan['completions']}"
    written = [output.replace("$(JOB_COMPLETION_INDEX)", str(number)) for number in range(scan["completions"])]
    assert [f"--output={argument}" for argument in merged if not argument.startswith("--")] == written


def _component(
    kustomize: Callable[[Path], list[dict[str, Any]]], directory: Path, component: str
) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the documents of a component, by kind and name."""
    beside = os.path.relpath(Path(__file__).parents[2] / "manifests" / "components" / component, directory)
    (directory / "kustomization.yaml").write_text(json.dumps({"components": [beside]}))
    return {(each["kind"], each["metadata"]["name"]): each for each in kustomize(directory)}


def _in_the_first_part(fresh: Callable[..., list[str]], count: int) -> list[str]:
    """Return namespaces with a stream each that belong to the first of four parts."""
    made = fresh(24, 1, each=1)
    return [name for name in made if Shard(1, 4).holds(name.encode())][:count]


def test_a_right_that_is_missing_is_named(bare: ApiServer, scan: Scan) -> None:
    """The API server's own sentence says who may not do what."""
    done = scan(kubeconfig=bare.kubeconfig_of("nobody"))
    assert (done.code, done.out) == (2, "")
    assert 'User "nobody" cannot list resource "imagestreams" in API group "image.openshift.io"' in done.err


def _policy(directory: Path, rules: str) -> Path:
    path = directory / "policy.yaml"
    path.write_text(
        f"apiVersion: istag-webhook/v1\nkind: ImageTagPolicy\nmetadata: {{name: test}}\nspec: {{rules: [{rules}]}}\n"
    )
    return path
