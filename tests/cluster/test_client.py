"""The client of the Kubernetes API against a real API server: verbs, pages, an expired list, what is served."""

import http.client
import json
import socket
from importlib.metadata import version
from pathlib import Path

import pytest
import trustme
from tests.support.apiserver import ApiServer

from webhook.cluster.client import JSON_PATCH, Resource, connect
from webhook.errors import ClusterError

_MAPS = Resource("", "v1", "configmaps")


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


def _named(number: int) -> dict[str, object]:
    return {"metadata": {"name": f"map-{number}"}, "data": {"number": str(number)}}


def test_verbs(api: ApiServer) -> None:
    """Objects are stored and returned as plain JSON; a dry run stores nothing; the API server sees the user."""
    cluster, namespace = connect(api.kubeconfig), api.namespace()
    assert cluster.server == api.url
    assert cluster.create(_MAPS, _named(0), namespace, dry_run=True)["data"] == {"number": "0"}
    with pytest.raises(ClusterError, match='configmaps "map-0" not found') as refused:
        cluster.get(_MAPS, "map-0", namespace)
    assert (refused.value.status, refused.value.answer["reason"]) == (404, "NotFound")
    made = cluster.create(_MAPS, _named(0), namespace)
    assert cluster.patch(_MAPS, "map-0", {"data": {"a": "b"}}, namespace)["data"] == {"number": "0", "a": "b"}
    moved = [{"op": "move", "from": "/data/a", "path": "/data/c"}]
    assert cluster.patch(_MAPS, "map-0", moved, namespace, content_type=JSON_PATCH)["data"]["c"] == "b"
    with pytest.raises(ClusterError, match="the object has been modified") as refused:
        cluster.replace(_MAPS, made, namespace)
    assert refused.value.status == 409
    found = cluster.get(_MAPS, "map-0", namespace)
    assert cluster.replace(_MAPS, {**found, "data": {"x": "y"}}, namespace)["data"] == {"x": "y"}
    cluster.delete(_MAPS, "map-0", namespace, dry_run=True)
    assert cluster.delete(_MAPS, "map-0", namespace)["status"] == "Success"
    agents = {event["userAgent"] for event in api.audited(namespace) if event["objectRef"]["resource"] == "configmaps"}
    assert agents == {f"istag-webhook/{version('istag-webhook')}"}


def test_pages(api: ApiServer) -> None:
    """A list comes in chunks, all of one moment."""
    cluster, namespace = connect(api.kubeconfig), api.namespace()
    for number in range(5):
        cluster.create(_MAPS, _named(number), namespace)
    pages = list(cluster.pages(_MAPS, namespace, limit=2))
    assert [(len(page.items), page.remaining, bool(page.token)) for page in pages] == [
        (2, 3, True),
        (2, 1, True),
        (1, None, False),
    ]
    assert [item["metadata"]["name"] for page in pages for item in page.items] == [
        f"map-{number}" for number in range(5)
    ]
    assert len({page.version for page in pages}) == 1
    selected = cluster.pages(_MAPS, namespace, fieldSelector="metadata.name=map-3")
    assert [item["data"]["number"] for page in selected for item in page.items] == ["3"]


def test_an_expired_list(api: ApiServer) -> None:
    """A list that the API server has forgotten says so (410), and what it may go on with, at another moment."""
    cluster, namespace = connect(api.kubeconfig), api.namespace()
    for number in range(3):
        cluster.create(_MAPS, _named(number), namespace)
    first = next(cluster.pages(_MAPS, namespace, limit=1))
    newest = cluster.patch(_MAPS, "map-2", {"data": {"a": "b"}}, namespace)["metadata"]["resourceVersion"]
    _compact(api, int(newest))
    with pytest.raises(ClusterError, match="continue parameter is too old") as refused:
        list(cluster.pages(_MAPS, namespace, limit=1, token=first.token))
    assert (refused.value.expired, refused.value.status) == (True, 410)
    rest = cluster.pages(_MAPS, namespace, token=refused.value.token)
    assert [item["metadata"]["name"] for page in rest for item in page.items] == ["map-1", "map-2"]


def _compact(api: ApiServer, revision: int) -> None:
    """Have etcd forget what was before a revision, as it does every five minutes."""
    connection = http.client.HTTPConnection("etcd")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect(str(api.directory / "client:0"))
    try:
        connection.request("POST", "/v3/kv/compaction", json.dumps({"revision": revision}))
        answer = connection.getresponse()
        assert answer.status == 200, answer.read()
    finally:
        connection.close()


def test_what_is_served(api: ApiServer) -> None:
    """The resources of a group are known, and a group that is not there has none."""
    cluster = connect(api.kubeconfig)
    assert {"imagestreams", "imagestreams/status"} <= {
        each["name"] for each in cluster.resources("image.openshift.io", "v1")
    }
    assert cluster.resources("missing.example.com", "v1") == []


def test_another_server(api: ApiServer, tmp_path: Path) -> None:
    """A server whose certificate another CA signed is not talked to."""
    other = tmp_path / "ca.crt"
    trustme.CA().cert_pem.write_to_path(other)
    cluster = connect(_kubeconfig(tmp_path, server=api.url, **{"certificate-authority": str(other)}))
    with pytest.raises(ClusterError, match=r"no answer: .*certificate verify failed"):
        cluster.get(_MAPS, "x", "default")
