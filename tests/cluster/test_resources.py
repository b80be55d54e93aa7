"""Our webhook behind a real API server: what kubectl shows, what is stored and what the audit log says, at each resource."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import jsonpatch
import pytest
from tests.support.apiserver import ApiServer, Said, leave_out, path_of
from tests.support.builders import DIGEST, docker, push_review
from tests.support.installed import VALIDATING, calling, installed, shipped
from tests.support.serving import Server, serving, until

_INSECURE = "an insecure import is not allowed; expected insecure: false (rule no-insecure-imports)"
_LATEST = '"nginx:latest" has the tag "latest"; denied: latest (rule no-latest)'
_GRAMMAR = 'no registry can serve a tag named "+"; expected [a-zA-Z0-9_][a-zA-Z0-9._-]{0,127} (rule servable-tag-names)'
_PINNED = f"quay.io/acme/app@{DIGEST}"
_IMPORTER = "system:serviceaccount:openshift-infra:image-import-controller"
Document = dict[str, Any]


def _document(kind: str, name: str, **fields: Any) -> Document:
    return {"apiVersion": "image.openshift.io/v1", "kind": kind, "metadata": {"name": name}, **fields}


def _tag(source: str = _PINNED, **policy: Any) -> Document:
    """Return a tag as a user writes it, who leaves the import mode alone."""
    return {"name": "live", "from": docker(source), "importPolicy": policy, "referencePolicy": {"type": "Source"}}


def _istag(tag: Document) -> Document:
    filled = {"generation": 0, "lookupPolicy": {"local": False}, "image": {"dockerImageMetadataVersion": "1.0"}}
    return _document("ImageStreamTag", "app:live", tag={**tag, "generation": 0}, **filled)


def _itag(tag: Document) -> Document:
    return _document("ImageTag", "app:live", spec={**tag, "generation": 0}, status={}, image={})


def _stream(*tags: Document) -> Document:
    return _document("ImageStream", "app", spec={"lookupPolicy": {"local": False}, "tags": list(tags)})


def _import(tag: Document) -> Document:
    image = {"to": {"name": tag["name"]}, **{key: tag[key] for key in ("from", "importPolicy", "referencePolicy")}}
    return _document("ImageStreamImport", "app", spec={"import": True, "images": [image]}, status={})


def _push(tag: Document) -> Document:
    return _document("ImageStreamMapping", "app", tag=tag["name"], image=push_review()["request"]["object"]["image"])


@dataclass(frozen=True)
class _Resource:
    """A resource, and the path of the tag in its object, "" if nothing can be completed."""

    resource: str
    write: Callable[[Document], Document]
    path: str = ""
    pointer: str = ""

    @property
    def kind(self) -> str:
        return str(self.write(_tag())["kind"])

    @property
    def name(self) -> str:
        return str(self.write(_tag())["metadata"]["name"])


_TAGS = [
    _Resource("imagestreamtags", _istag, "tag", "/tag"),
    _Resource("imagetags", _itag, "spec", "/spec"),
    _Resource("imagestreams", _stream, "spec.tags[0]", "/spec/tags/0"),
]
_IMPORTS = _Resource("imagestreamimports", _import, "spec.images[0]", "/spec/images/0")
_PUSHES = _Resource("imagestreammappings", _push)
_at_each = pytest.mark.parametrize("resource", [*_TAGS, _IMPORTS, _PUSHES], ids=lambda resource: resource.resource)
_at_sources = pytest.mark.parametrize("resource", [*_TAGS, _IMPORTS], ids=lambda resource: resource.resource)
_at_tags = pytest.mark.parametrize("resource", _TAGS, ids=lambda resource: resource.resource)
_dry_or_not = pytest.mark.parametrize("flags", [(), ("--dry-run=server",)], ids=["for-good", "dry-run"])


@pytest.fixture(scope="module")
def server(api: ApiServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The webhook with the shipped policy, installed as it is shipped."""
    with serving(tmp_path_factory.mktemp("resources")) as running:
        url = f"https://localhost:{running.port}"
        with installed(api, *(calling(document, url, running.ca) for document in shipped().values())):
            yield running


@pytest.fixture
def namespace(request: pytest.FixtureRequest, api: ApiServer, server: Server) -> str:
    """A namespace of one's own, for which the webhook is called."""
    del server
    resource = getattr(request.node, "callspec", None) and request.node.callspec.params.get("resource")
    if resource and ":" in resource.name and not api.any_name:
        leave_out(f"this API server takes no custom resource named {resource.name}")
    return api.namespace()


def _stored(api: ApiServer, namespace: str, resource: _Resource) -> Document | None:
    """Return the stored object, None if it does not exist."""
    answer = api.request("GET", path_of(resource.resource, namespace, resource.name))
    return answer.document if answer.status == 200 else None


def _written(stored: Document | None) -> Document:
    """Return what a user wrote of a stored object, and what was completed."""
    assert stored is not None
    return {**stored, "metadata": {"name": stored["metadata"]["name"]}}


def _send(api: ApiServer, namespace: str, document: Document, *arguments: str) -> Said:
    """Run kubectl with a document on its standard input."""
    return api.kubectl(*arguments, f"--namespace={namespace}", "--filename=-", stdin=document)


def _refusal(resource: _Resource, *sentences: str) -> str:
    """Return what kubectl shows of a denial."""
    head = f'The {resource.kind} "{resource.name}" is invalid: '
    return head + (sentences[0] if len(sentences) == 1 else "".join(f"\n* {sentence}" for sentence in sentences))


@_dry_or_not
@_at_each
def test_a_refused_create(api: ApiServer, namespace: str, resource: _Resource, flags: Sequence[str]) -> None:
    """A denial is one line that names the field and the rule, and nothing is stored."""
    bad, where = ({**_tag(), "name": "+"}, "tag") if resource is _PUSHES else (_tag(insecure=True), resource.path)
    said = _send(api, namespace, resource.write(bad), "create", "--as=alice", *flags)
    sentence = f"{where}: {_GRAMMAR}" if resource is _PUSHES else f"{where}.importPolicy.insecure: {_INSECURE}"
    assert (said.code, said.out, said.err) == (1, "", _refusal(resource, sentence) + "\n")
    assert _stored(api, namespace, resource) is None


@_dry_or_not
@_at_each
def test_an_allowed_create(api: ApiServer, namespace: str, resource: _Resource, flags: Sequence[str]) -> None:
    """An allowed object is completed by the JSON Patch and stored; a dry run shows the result and stores nothing."""
    document = resource.write(_tag())
    said = _send(api, namespace, document, "create", "--as=alice", "--output=json", *flags)
    assert (said.code, said.err) == (0, "")
    mode = {"op": "add", "path": f"{resource.pointer}/importPolicy/importMode", "value": "PreserveOriginal"}
    completed = jsonpatch.apply_patch(document, [mode] if resource.pointer else [])
    assert _written(json.loads(said.out)) == completed
    stored = _stored(api, namespace, resource)
    assert stored is None if flags else _written(stored) == completed


@_at_sources
def test_a_warning(api: ApiServer, namespace: str, resource: _Resource) -> None:
    """A finding in warn mode is shown as kubectl shows warnings, and denies nothing."""
    said = _send(api, namespace, resource.write(_tag("nginx:latest")), "create")
    assert (said.code, said.out) == (0, f"{resource.kind.lower()}.image.openshift.io/{resource.name} created\n")
    assert said.err == f"Warning: {resource.path}.from.name: {_LATEST}\n"


def test_two_findings(api: ApiServer, namespace: str) -> None:
    """Each finding of a denial is a line of its own."""
    stream = _stream(_tag(insecure=True), {**_tag(), "name": "+"})
    said = _send(api, namespace, stream, "create")
    sentences = f"spec.tags[0].importPolicy.insecure: {_INSECURE}", f"spec.tags[1].name: {_GRAMMAR}"
    assert said.error.replace("invalid: \n", "invalid:\n") == _refusal(_TAGS[2], *sentences).replace(": \n", ":\n")


def _patch(kind: str) -> Callable[[_Resource], tuple[list[str], Document | None]]:
    def arguments(resource: _Resource) -> tuple[list[str], Document | None]:
        bad = resource.write(_tag(insecure=True))
        changes: Any = {key: bad[key] for key in ("tag", "spec") if key in bad}
        if kind == "json":
            changes = [{"op": "add", "path": f"{resource.pointer}/importPolicy/insecure", "value": True}]
        return ["patch", resource.resource, resource.name, f"--type={kind}", f"--patch={json.dumps(changes)}"], None

    return arguments


def _file(*command: str) -> Callable[[_Resource], tuple[list[str], Document | None]]:
    return lambda resource: ([*command, "--filename=-"], resource.write(_tag(insecure=True)))


@pytest.mark.parametrize(
    "way",
    [
        _file("replace"), _patch("json"), _patch("merge"), _file("apply"), _file("apply", "--dry-run=server"),
        _file("apply", "--server-side", "--force-conflicts"),
    ],
    ids=["replace", "json-patch", "merge-patch", "apply", "apply-dry-run", "server-side-apply"],
)  # fmt: skip
@_at_tags
def test_a_refused_change(
    api: ApiServer, namespace: str, resource: _Resource, way: Callable[[_Resource], tuple[list[str], Document | None]]
) -> None:
    """However a change comes, it is denied in the same words, and the object is what it was."""
    before = api.create(namespace, resource.write(_tag()))
    arguments, document = way(resource)
    said = api.kubectl(*arguments, f"--namespace={namespace}", stdin=document)
    assert (said.code, said.out, said.error) == (
        1,
        "",
        _refusal(resource, f"{resource.path}.importPolicy.insecure: {_INSECURE}"),
    )
    assert _stored(api, namespace, resource) == before


@pytest.mark.parametrize("flags", [(), ("--server-side",)], ids=["client-side", "server-side"])
@_at_tags
def test_an_apply_again(api: ApiServer, namespace: str, resource: _Resource, flags: Sequence[str]) -> None:
    """Applying an object again does not change it: a pipeline that applies forever changes nothing."""
    document = resource.write(_tag())
    assert _send(api, namespace, document, "apply", *flags).code == 0
    first = _stored(api, namespace, resource)
    assert _send(api, namespace, document, "apply", *flags).code == 0
    again = _stored(api, namespace, resource)
    assert _written(again) == _written(first)
    assert "PreserveOriginal" in json.dumps(again)


def test_a_refused_status(api: ApiServer, namespace: str) -> None:
    """A write of a stream's status is evaluated too, and a denied one changes nothing."""
    resource = _TAGS[2]
    before = api.create(namespace, resource.write(_tag()))
    status = {"dockerImageRepository": "", "tags": [{"tag": "live", "items": [{"created": "2026-01-01T00:00:00Z"}]}]}
    answer = api.request("PUT", path_of("imagestreams", namespace, "app") + "/status", {**before, "status": status})
    assert answer.status == 422
    causes = [cause["field"] for cause in answer.document["details"]["causes"]]
    assert causes == [f"status.tags[0].items[0].{field}" for field in ("dockerImageReference", "image", "generation")]
    assert _stored(api, namespace, resource) == before


@_at_each
def test_a_delete(api: ApiServer, namespace: str, resource: _Resource) -> None:
    """A delete is not sent to the webhook, and succeeds."""
    api.create(namespace, resource.write(_tag()))
    said = api.kubectl("delete", resource.resource, resource.name, f"--namespace={namespace}", "--as=alice")
    assert said.code == 0, said.err
    assert _stored(api, namespace, resource) is None
    (event,) = [event for event in api.audited(namespace) if event["verb"] == "delete"]
    assert _ours(event) == {}


def _ours(event: Document, webhook: str = "") -> dict[str, str]:
    """Return the annotations of our webhooks in an audit event, or of one of them."""
    prefix = f"{webhook}.istag-webhook.io/"
    return {key: value for key, value in event["annotations"].items() if prefix in key}


@_at_sources
def test_the_audit_log(api: ApiServer, namespace: str, resource: _Resource) -> None:
    """The audit log says who pointed which tag where, by which policy and why not, and what was completed."""
    _send(api, namespace, resource.write(_tag("nginx:latest", insecure=True)), "create", "--as=alice")
    (event,) = [event for event in api.audited(namespace) if event["verb"] == "create"]
    assert (event["impersonatedUser"]["username"], event["responseStatus"]["code"]) == ("alice", 422)
    policy = _ours(event, "validate").pop("validate.istag-webhook.io/policy")
    assert policy.startswith("shipped@sha256:")
    told = {"policy": policy, "tag": f"{namespace}/app:live", "from": "", "to": "DockerImage nginx:latest"}
    said = {
        "enforce": f"{resource.path}.importPolicy.insecure: {_INSECURE}",
        "warn": f"{resource.path}.from.name: {_LATEST}",
        "audit": f'{resource.path}.from.name: "nginx:latest" has no digest; expected name@digest (rule images-by-digest)',
    }
    assert _ours(event, "mutate") == {f"mutate.istag-webhook.io/{key}": value for key, value in told.items()}
    assert _ours(event, "validate") == {
        f"validate.istag-webhook.io/{key}": value for key, value in (told | said).items()
    }
    patch = json.loads(event["annotations"]["patch.webhook.admission.k8s.io/round_0_index_0"])
    assert patch["webhook"] == "mutate.istag-webhook.io"
    assert [each["path"] for each in patch["patch"]] == [f"{resource.pointer}/importPolicy/importMode"]


def test_an_exempt_user(api: ApiServer, namespace: str) -> None:
    """The importer is let through whatever it imports, and the audit log says by which exemption."""
    said = _send(api, namespace, _import(_tag(insecure=True)), "create", f"--as={_IMPORTER}")
    assert (said.code, said.err) == (0, "")
    (event,) = [event for event in api.audited(namespace) if event["verb"] == "create"]
    annotations = _ours(event, "validate")
    assert annotations["validate.istag-webhook.io/exemption"] == "image-import-controller"
    assert _INSECURE in annotations["validate.istag-webhook.io/audit"]


def test_the_record(api: ApiServer, namespace: str, server: Server) -> None:
    """Our own record of a request agrees with the API server's: who, where, what, and that it was a dry run."""
    _send(api, namespace, _stream(_tag(insecure=True)), "create", "--as=alice", "--as-group=dev", "--dry-run=server")
    records = until(lambda: [line for line in server.records() if line["namespace"] == namespace][1:], "both records")
    (record,) = records
    facts = {key: record[key] for key in ("webhook", "resource", "operation", "name", "user", "dryRun", "verdict")}
    assert facts == {
        "webhook": "validate", "resource": "imagestreams", "operation": "CREATE", "name": "app", "user": "alice",
        "dryRun": True, "verdict": "deny",
    }  # fmt: skip
    assert record["groups"] == ["dev", "system:authenticated"]


def test_no_way_round(api: ApiServer, namespace: str) -> None:
    """The three requests that `oc tag` falls back to after a 403 (PUT, POST, an edit of the stream) are denied for good."""
    if not api.any_name:
        leave_out("this API server takes no custom resource named app:live")
    for good in (_istag(_tag()), _stream(_tag())):
        api.create(namespace, good)
    tag, stream = (path_of(resource.resource, namespace, resource.name) for resource in (_TAGS[0], _TAGS[2]))
    bad = _istag(_tag(insecure=True))
    requests: list[tuple[str, str, Document]] = [
        ("replace", tag, bad),
        ("create", path_of("imagestreamtags", namespace), {**bad, "metadata": {"name": "app:other"}}),
        ("replace", stream, _stream(_tag(insecure=True))),
    ]
    for verb, path, document in requests:
        if verb == "replace":
            document["metadata"] = api.request("GET", path).document["metadata"]
        said = api.kubectl(verb, f"--raw={path}", "--filename=-", "--as=alice", stdin=document)
        assert said.code == 1
        assert _INSECURE in said.err
    refused = [event for event in api.audited(namespace) if event.get("impersonatedUser")]
    assert [(event["verb"], event["responseStatus"]["code"]) for event in refused] == [
        ("update", 422), ("create", 422), ("update", 422),
    ]  # fmt: skip


def _spared() -> list[str]:
    """Return the namespaces that the shipped configuration leaves out by name."""
    (webhook,) = shipped()[VALIDATING]["webhooks"]
    return [
        name
        for expression in webhook["namespaceSelector"]["matchExpressions"]
        if (expression["key"], expression["operator"]) == ("kubernetes.io/metadata.name", "NotIn")
        for name in expression["values"]
    ]


@pytest.mark.parametrize("name", _spared())
def test_a_namespace_that_is_left_out(api: ApiServer, server: Server, name: str) -> None:
    """The webhook is not called for its own namespace and the platform's, so that it cannot lock them out."""
    del server
    said = _send(api, api.namespace(name), _stream(_tag("nginx:latest", insecure=True)), "create", "--dry-run=server")
    assert (said.code, said.err) == (0, "")
