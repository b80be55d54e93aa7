"""A stand-in for openshift-apiserver: it answers the requests of `istag-webhook probe` as OpenShift 4.22 does.

What is denied before the webhooks are called, what after them, with which status and which `details.kind`, and what is
stored, dry run or not: each was observed on a running openshift-apiserver. It calls the registered webhooks over TLS.
"""

import base64
import itertools
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

import trustme
import yaml
from tests.support.admitting import GROUP, Attributes, Denied, admit

_STREAM: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_SERVED: Final = ("imagestreamtags", "imagetags", "imagestreams", "imagestreamimports", "imagestreammappings")
_API: Final = f"/apis/{GROUP}/v1"
_CONFIGURATIONS: Final = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
_OF: Final = re.compile(f"{_API}/namespaces/([^/]+)/([^/]+)(?:/([^/]+))?(?:/([^/]+))?")
_BEGAN: Final = "2000-01-01T00:00:00Z"


@dataclass
class ImageApi:
    """The state of the stand-in, and the ways in which a test can change it.

    Attributes:
        namespaces: the labels of each namespace.
        configurations: the validating webhook configurations by name.
        streams: the stored image streams by namespace and name.
        served: the resources that are served.
        denied: resources that RBAC denies.
        allowed: registries that may be imported from (`allowedRegistriesForImport`), None for all.
        heeds_versions: whether an import with a resourceVersion fails on another stream; OpenShift's does.
        moves: how many lists of image streams are followed by somebody else's write of each.
        asked: the resources of all requests that came, in their order.
    """

    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    configurations: dict[str, dict[str, Any]] = field(default_factory=dict)
    streams: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    served: tuple[str, ...] = _SERVED
    denied: frozenset[str] = frozenset()
    allowed: tuple[str, ...] | None = None
    heeds_versions: bool = True
    moves: int = 0
    asked: list[str] = field(default_factory=list)
    _versions: Iterator[int] = field(default_factory=lambda: itertools.count(900_001))

    def answer(self, method: str, path: str, query: Mapping[str, list[str]], body: Any) -> dict[str, Any]:
        """Return the object that answers a request.

        Raises:
            Denied: it is denied.
        """
        if path.startswith("/api/v1/namespaces/"):
            name = path.rpartition("/")[2]
            return {"metadata": {"name": name, "labels": _found(self.namespaces, name, "namespaces")}}
        if path.startswith(_CONFIGURATIONS):
            return dict(_found(self.configurations, path.rpartition("/")[2], "validatingwebhookconfigurations"))
        if path == _API:
            return {"kind": "APIResourceList", "resources": [{"name": name} for name in self._names()]}
        match = _OF.fullmatch(path)
        assert match, path
        namespace, plural, name, subresource = (unquote(each or "") for each in match.groups())
        resource = "/".join(filter(None, (plural, subresource)))
        self.asked.append(f"{method} {resource}")
        if resource in self.denied:
            raise _denied(403, "Forbidden", plural, name, f'{plural}.{GROUP} is forbidden: User "alice" cannot')
        if method == "GET":
            return self._list(namespace)
        dry_run = query.get("dryRun") == ["All"]
        if resource == "imagestreams/status":
            return self._status(namespace, name, body, dry_run=dry_run)
        assert method == "POST", (method, path)
        creates: Mapping[str, Callable[..., dict[str, Any]]] = {
            "imagestreamtags": self._tag, "imagetags": self._tag, "imagestreams": self._stream,
            "imagestreamimports": self._import, "imagestreammappings": self._mapping,
        }  # fmt: skip
        return creates[resource](resource, namespace, body, dry_run=dry_run)

    def create(self, namespace: str, name: str, **metadata: Any) -> None:
        """Store an image stream without tags."""
        fields = {"namespace": namespace, "name": name, "generation": 1, **metadata}
        self._store({"metadata": fields, "spec": {"lookupPolicy": {"local": False}}, "status": {}})

    def _names(self) -> Iterator[str]:
        for name in self.served:
            yield name
            if name == "imagestreams":
                yield "imagestreams/status"

    def _list(self, namespace: str) -> dict[str, Any]:
        """Return the streams of a namespace; items of a list do not carry their kind."""
        found = [stream for (within, _), stream in sorted(self.streams.items()) if within == namespace]
        listed = json.loads(json.dumps({"metadata": {}, "items": found}))
        if self.moves:
            self.moves -= 1
            for stream in found:
                self._store(stream)
        return dict(listed)

    def _store(self, stream: dict[str, Any]) -> None:
        metadata = {**stream["metadata"], "resourceVersion": str(next(self._versions))}
        plain = {key: value for key, value in stream.items() if key not in ("kind", "apiVersion")}
        self.streams[metadata["namespace"], metadata["name"]] = {**plain, "metadata": metadata}

    def _admit(
        self, resource: str, namespace: str, given: Mapping[str, Any], old: Any = None, *, dry_run: bool
    ) -> None:
        operation = "UPDATE" if old else "CREATE"
        name, labels = given["metadata"]["name"], self.namespaces[namespace]
        attributes = Attributes(resource, namespace, labels, name, operation, given, old, dry_run)
        admit(tuple(self.configurations.values()), attributes)

    def _tag(self, resource: str, namespace: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """An ImageStreamTag or ImageTag: its own validation, the webhooks, then the validation of its stream."""
        kind, at = ("ImageTag", "spec") if resource == "imagetags" else ("ImageStreamTag", "tag")
        name, tag = body["metadata"]["name"], body.get(at)
        stream, _, word = name.partition(":")
        own, given = (tag or {}).get("annotations"), body["metadata"].get("annotations") or {}
        if "/" in name or "%" in name:
            raise _invalid(kind, name, "metadata.name", f"Invalid value: \"{name}\": may not contain '/'")
        if at == "spec" and (tag is None or tag.get("name", word) != word):
            raise _invalid(kind, name, "spec.name", 'Invalid value: "": must match image tag name')
        if at == "tag" and own is not None and own != given:
            raise _invalid(
                kind, name, "tag.annotations", 'Invalid value: "<map>": tag annotations must not be provided'
            )
        self._admit(resource, namespace, _created(body), dry_run=dry_run)
        if not _STREAM.fullmatch(stream):
            said = f'Invalid value: "{stream}": must match "{_STREAM.pattern}"'
            raise _invalid("ImageStream", stream, "metadata.name", said)
        stored = self.streams.get((namespace, stream)) or _empty(namespace, stream)
        tags = stored["spec"].get("tags") or []
        if any(each["name"] == word for each in tags):
            plural = "imagetags" if at == "spec" else "imagestreamtag"
            raise _denied(409, "AlreadyExists", plural, name, f'{plural}.{GROUP} "{name}" already exists')
        if not dry_run:
            kept = {**(tag or {}), "name": word, "annotations": own}
            self._store({**stored, "spec": {**stored["spec"], "tags": [*tags, kept]}})
        return body

    def _stream(self, resource: str, namespace: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """An ImageStream: validation, the webhooks, the store."""
        name = body["metadata"]["name"]
        if not _STREAM.fullmatch(name):
            said = f'Invalid value: "{name}": must match "{_STREAM.pattern}"'
            raise _invalid("ImageStream", name, "metadata.name", said)
        self._admit(resource, namespace, _created(body), dry_run=dry_run)
        if (namespace, name) in self.streams:
            raise _denied(409, "AlreadyExists", resource, name, f'{resource}.{GROUP} "{name}" already exists')
        if not dry_run:
            self._store(body)
        return body

    def _status(self, namespace: str, name: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """The status of an ImageStream: with it annotations, labels and lookupPolicy are stored, and tags are not."""
        plural = "imagestreams"
        if (namespace, name) not in self.streams:
            raise _denied(404, "NotFound", plural, name, f'{plural}.{GROUP} "{name}" not found')
        stored = self.streams[namespace, name]
        if body["metadata"].get("resourceVersion") != stored["metadata"]["resourceVersion"]:
            said = f'Operation cannot be fulfilled on {plural}.{GROUP} "{name}": the object has been modified; please'
            raise _denied(409, "Conflict", plural, name, said)
        spec = {**stored["spec"], "lookupPolicy": body["spec"]["lookupPolicy"]}
        new = {**body, "spec": spec}
        typed = {"kind": "ImageStream", "apiVersion": f"{GROUP}/v1"}
        self._admit(f"{plural}/status", namespace, {**typed, **new}, {**typed, **stored}, dry_run=dry_run)
        if not dry_run:
            self._store(new)
        return new

    def _import(self, resource: str, namespace: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """An ImageStreamImport, which a dry run does not spare."""
        name, spec, version = body["metadata"]["name"], body["spec"], body["metadata"].get("resourceVersion")
        kind, images = "ImageStreamImport", spec.get("images") or []
        for index, image in enumerate(images):
            if image["from"]["kind"] != "DockerImage":
                raise _invalid(kind, name, f"spec.images[{index}].from.kind", "Invalid value: only DockerImage")
        if not images and not spec.get("repository"):
            raise _invalid(kind, name, "spec.images", "Invalid value: null: you must specify at least one image")
        if not _STREAM.fullmatch(name):
            raise _invalid(kind, name, "metadata.name", f'Invalid value: "{name}": must match "{_STREAM.pattern}"')
        self._admit(resource, namespace, _created(body), dry_run=dry_run)
        for index, image in enumerate(images):
            registry = image["from"]["name"].partition("/")[0]
            if self.allowed is not None and registry not in self.allowed:
                said = f'Forbidden: registry "{registry}" not allowed by whitelist'
                raise _invalid(kind, name, f"spec.images[{index}].from.name", said, "FieldValueForbidden")
        stored = self.streams.get((namespace, name))
        if version and self.heeds_versions:
            _meant(resource, name, stored, version)
        if spec["import"]:
            stream = stored or _empty(namespace, name)
            named = [{"name": each["to"]["name"], "from": each["from"]} for each in images if each.get("to")]
            tags = [*(stream["spec"].get("tags") or ()), *named]
            self._store({**stream, "spec": {**stream["spec"], "tags": tags}})
        return body

    def _mapping(self, resource: str, namespace: str, body: dict[str, Any], *, dry_run: bool) -> dict[str, Any]:
        """An ImageStreamMapping, which a dry run does not spare."""
        name, image, kind = body["metadata"]["name"], body["image"], "ImageStreamMapping"
        if not body.get("tag"):
            raise _invalid(kind, name, "tag", "Required value")
        if not image.get("dockerImageReference"):
            raise _invalid(kind, name, "image.dockerImageReference", "Required value")
        if image.get("dockerImageLayers") and image.get("dockerImageManifests"):
            said = "Invalid value: dockerImageLayers should not be set when dockerImageManifests is set"
            raise _invalid(kind, name, "image.dockerImageLayers", said)
        self._admit(resource, namespace, _created(body), dry_run=dry_run)
        if (namespace, name) not in self.streams:
            raise _denied(404, "NotFound", resource, name, f'{resource}.{GROUP} "{name}" not found')
        stream = self.streams[namespace, name]
        item = {"image": image["metadata"]["name"], "dockerImageReference": image["dockerImageReference"]}
        history = [*(stream["status"].get("tags") or ()), {"tag": body["tag"], "items": [item]}]
        self._store({**stream, "status": {**stream["status"], "tags": history}})
        return {"kind": "Status", "status": "Success"}


def _meant(resource: str, name: str, stored: Mapping[str, Any] | None, version: str) -> None:
    """Raise Denied unless the stream of an import has the version that the import gives."""
    if stored is None:
        raise _denied(404, "NotFound", resource, name, f'{resource}.{GROUP} "{name}" not found')
    if stored["metadata"]["resourceVersion"] != version:
        said = f'Operation cannot be fulfilled on imagestream.{GROUP} "{name}": the image stream was updated'
        raise _denied(409, "Conflict", "imagestream", name, said)


def _found(known: Mapping[str, Any], name: str, plural: str) -> Any:
    if name not in known:
        raise _denied(404, "NotFound", plural, name, f'{plural} "{name}" not found')
    return known[name]


def _empty(namespace: str, name: str) -> dict[str, Any]:
    return {"metadata": {"namespace": namespace, "name": name, "generation": 0}, "spec": {}, "status": {}}


def _created(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return an object as the validating webhooks see it: with what the API server fills in."""
    return {**body, "metadata": {**body["metadata"], "uid": "1", "creationTimestamp": _BEGAN, "managedFields": []}}


def _denied(code: int, reason: str, kind: str, name: str, message: str) -> Denied:
    return Denied(code, reason, message, {"name": name, "group": GROUP, "kind": kind})


def _invalid(kind: str, name: str, path: str, said: str, reason: str = "FieldValueInvalid") -> Denied:
    message = f'{kind}.{GROUP} "{name}" is invalid: {path}: {said}'
    causes = [{"reason": reason, "message": said, "field": path}]
    return Denied(422, "Invalid", message, {"name": name, "group": GROUP, "kind": kind, "causes": causes})


@contextmanager
def serving_images(directory: Path) -> Iterator[tuple[ImageApi, Path]]:
    """Serve a stand-in on loopback until the end of the block, and give the kubeconfig of a user of it."""
    api, ca = ImageApi(), trustme.CA()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            url = urlsplit(self.path)
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"] or 0)) or b"null")
            try:
                with lock:
                    found = api.answer(self.command, url.path, parse_qs(url.query), body)
                code = 201 if self.command == "POST" else 200
            except Denied as denied:
                found, code = denied.status(), denied.code
            sent = json.dumps(found).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sent)))
            self.end_headers()
            self.wfile.write(sent)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815 - the library's names

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the library's name
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("127.0.0.1").configure_cert(context)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        kubeconfig = directory / "kubeconfig"
        kubeconfig.write_text(_kubeconfig(f"https://127.0.0.1:{server.server_address[1]}", ca))
        yield api, kubeconfig
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _kubeconfig(url: str, ca: trustme.CA) -> str:
    authority = base64.b64encode(ca.cert_pem.bytes()).decode()
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "test",
        "contexts": [{"name": "test", "context": {"cluster": "test", "user": "alice"}}],
        "clusters": [{"name": "test", "cluster": {"server": url, "certificate-authority-data": authority}}],
        "users": [{"name": "alice", "user": {"token": "alice"}}],
    }
    return yaml.safe_dump(document)
