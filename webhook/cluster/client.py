"""The resources and verbs of the Kubernetes API, on plain JSON objects."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import quote

from webhook.errors import ClusterError


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource of the API.

    Attributes:
        group: its API group, "" for the core group.
        version: its version.
        plural: its name in the URL.
    """

    group: str
    version: str
    plural: str

    def __str__(self) -> str:
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def path(self, namespace: str = "", name: str = "", subresource: str = "") -> str:
        """Return the URL's path: of one object where there is a name, else of all in a namespace, or everywhere.

        Args:
            namespace: the namespace, "" for a resource without, and for all namespaces.
            name: the object's name.
            subresource: of the object, such as `status`.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        parts = "".join(f"/{quote(part, safe='')}" for part in (name, subresource) if part)
        return f"{root}{within}/{self.plural}{parts}"


@dataclass(frozen=True, slots=True)
class Page:
    """A chunk of a list.

    Attributes:
        items: the objects; the API leaves their `apiVersion` and `kind` out.
        token: what the next chunk is asked for with, "" after the last one.
        version: the list's resourceVersion.
        remaining: how many objects are left, None where the API server does not say.
    """

    items: tuple[dict[str, Any], ...]
    token: str
    version: str
    remaining: int | None


JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
_CHUNK: Final = 500  # objects; what kubectl asks for at once


class Sender(Protocol):
    """Whatever sends one request: `transport.Transport`."""

    server: str

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request and return the object that it answers."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """An API server, and who asks it. Every method may be called from several threads.

    Every method raises ClusterError with the API server's own message: `status` is its HTTP status, 0 where there was
    no answer. With `dry_run` everything is checked, admission too, and nothing is stored.
    """

    sender: Sender

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self.sender.server

    def get(self, resource: Resource, name: str, namespace: str = "", subresource: str = "") -> dict[str, Any]:
        """Return one object."""
        return self.sender.send("GET", resource.path(namespace, name, subresource))

    def resources(self, group: str, version: str) -> list[dict[str, Any]]:
        """Return what is served of a group (meta/v1, APIResource), nothing of one that is not there."""
        try:
            found = self.sender.send("GET", f"/apis/{group}/{version}")
        except ClusterError as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return []
        return list(found.get("resources") or ())

    def pages(
        self, resource: Resource, namespace: str = "", *, limit: int = _CHUNK, token: str = "", **selectors: str
    ) -> Iterator[Page]:
        """Yield the objects of a namespace, or of all, in chunks of one consistent list.

        Args:
            resource: what to list.
            namespace: where, "" for everywhere.
            limit: the most objects of a chunk.
            token: where to go on: a page's, or an error's.
            selectors: `labelSelector` and `fieldSelector`.

        Raises:
            ClusterError: `expired` where the list is older than the API server remembers (410). Go on with the
                error's `token`, where it has one: the rest is then of another moment. Else begin anew.
        """
        while True:
            query: dict[str, str | int] = {"limit": limit, **selectors}
            if token:
                query["continue"] = token
            document = self.sender.send("GET", resource.path(namespace), query)
            metadata = document.get("metadata") or {}
            token = metadata.get("continue") or ""
            yield Page(
                tuple(document.get("items") or ()),
                token,
                metadata.get("resourceVersion") or "",
                metadata.get("remainingItemCount"),
            )
            if not token:
                return

    def create(
        self, resource: Resource, body: Mapping[str, Any], namespace: str = "", *, dry_run: bool = False
    ) -> dict[str, Any]:
        """Create an object and return it as it is stored."""
        return self.sender.send("POST", resource.path(namespace), _query(dry_run=dry_run), body)

    def replace(
        self,
        resource: Resource,
        body: Mapping[str, Any],
        namespace: str = "",
        subresource: str = "",
        *,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Replace the object that has the name of `body`; 409 where its resourceVersion is not the last."""
        path = resource.path(namespace, body["metadata"]["name"], subresource)
        return self.sender.send("PUT", path, _query(dry_run=dry_run), body)

    def patch(
        self,
        resource: Resource,
        name: str,
        patch: Any,
        namespace: str = "",
        subresource: str = "",
        *,
        content_type: str = MERGE_PATCH,
        dry_run: bool = False,
    ) -> dict[str, Any]:
        """Patch an object: by a merge patch (RFC 7396), or what `content_type` says."""
        path = resource.path(namespace, name, subresource)
        return self.sender.send("PATCH", path, _query(dry_run=dry_run), patch, content_type)

    def delete(self, resource: Resource, name: str, namespace: str = "", *, dry_run: bool = False) -> dict[str, Any]:
        """Delete an object."""
        return self.sender.send("DELETE", resource.path(namespace, name), _query(dry_run=dry_run))


def _query(*, dry_run: bool) -> dict[str, str | int]:
    return {"dryRun": "All"} if dry_run else {}


def connect(kubeconfig: Path | None = None, context: str | None = None) -> Cluster:
    """Return the cluster that a kubeconfig names; nothing is sent yet.

    Args:
        kubeconfig: the file. None looks where kubectl does: KUBECONFIG, ~/.kube/config, a pod's service account.
        context: one of its contexts. None is the current one.

    Raises:
        ClusterError: the extra `cluster` is not installed, or the configuration cannot be used.
    """
    if find_spec("kubernetes") is None:
        raise ClusterError(
            "the Kubernetes client is not installed: pip install 'istag-webhook[cluster]', in a checkout '.[cluster]'"
        )
    from webhook.cluster.transport import Transport  # noqa: PLC0415 - only where a cluster is asked

    return Cluster(Transport.of(kubeconfig, context))
