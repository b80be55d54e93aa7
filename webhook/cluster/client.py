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
        """Return the URL path of one object, or of the resource in one namespace or all namespaces.

        Args:
            namespace: the namespace, "" for all namespaces or a cluster-scoped resource.
            name: the name of the object, "" for a list.
            subresource: the subresource of the object, such as `status`.
        """
        root = f"/apis/{self.group}/{self.version}" if self.group else f"/api/{self.version}"
        within = f"/namespaces/{quote(namespace, safe='')}" if namespace else ""
        parts = "".join(f"/{quote(part, safe='')}" for part in (name, subresource) if part)
        return f"{root}{within}/{self.plural}{parts}"


@dataclass(frozen=True, slots=True)
class Page:
    """A chunk of a list.

    Attributes:
        items: the objects; the API omits their `apiVersion` and `kind`.
        token: the continue token of the next chunk, "" for the last one.
        version: the resourceVersion of the list.
        remaining: the number of objects left, None if the API server does not report it.
    """

    items: tuple[dict[str, Any], ...]
    token: str
    version: str
    remaining: int | None


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector (meta/v1, LabelSelector) selects an object with these labels; None selects everything."""
    given = selector or {}
    return all(labels.get(key) == value for key, value in (given.get("matchLabels") or {}).items()) and all(
        _holds(each, labels) for each in given.get("matchExpressions") or ()
    )


def _holds(requirement: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    value, values = labels.get(requirement["key"]), requirement.get("values") or ()
    match requirement["operator"]:
        case "In":
            return value in values
        case "NotIn":
            return value not in values
        case "Exists":
            return value is not None
        case _:
            return value is None


JSON_PATCH: Final = "application/json-patch+json"
MERGE_PATCH: Final = "application/merge-patch+json"
_CHUNK: Final = 500  # objects; the same as kubectl


class Sender(Protocol):
    """Sends requests; implemented by `transport.Transport`."""

    server: str

    def send(
        self,
        method: str,
        path: str,
        query: Mapping[str, str | int] | None = None,
        body: Any = None,
        content_type: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request, and return the object in the answer."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """A connection to an API server. All methods are thread-safe.

    All methods raise ClusterError with the message of the API server; its `status` is the HTTP status, 0 if there was
    no answer. With `dry_run`, the API server runs all checks including admission, and stores nothing.
    """

    sender: Sender

    @property
    def server(self) -> str:
        """The URL of the API server."""
        return self.sender.server

    def get(self, resource: Resource, name: str, namespace: str = "", subresource: str = "") -> dict[str, Any]:
        """Return one object."""
        return self.sender.send("GET", resource.path(namespace, name, subresource))

    def resources(self, group: str, version: str) -> list[dict[str, Any]]:
        """Return the resources of a group (meta/v1, APIResource), an empty list if the group is not served."""
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
        """Yield the objects of one namespace or all namespaces, in chunks of one consistent list.

        Args:
            resource: the resource to list.
            namespace: the namespace, "" for all namespaces.
            limit: the maximum number of objects in a chunk.
            token: the continue token of a page or of an error.
            selectors: `labelSelector` and `fieldSelector`.

        Raises:
            ClusterError: `expired` is true if the continue token has expired (410). To continue at a later
                resourceVersion, use
                the `token` of the error; if it is empty, start again.
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
        """Create an object, and return it as stored."""
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
        """Replace the object with the name of `body`; 409 if its resourceVersion is not current."""
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
        """Patch an object by a merge patch (RFC 7396), or another patch type in `content_type`."""
        path = resource.path(namespace, name, subresource)
        return self.sender.send("PATCH", path, _query(dry_run=dry_run), patch, content_type)

    def delete(self, resource: Resource, name: str, namespace: str = "", *, dry_run: bool = False) -> dict[str, Any]:
        """Delete an object."""
        return self.sender.send("DELETE", resource.path(namespace, name), _query(dry_run=dry_run))


def _query(*, dry_run: bool) -> dict[str, str | int]:
    return {"dryRun": "All"} if dry_run else {}


def connect(kubeconfig: Path | None = None, context: str | None = None, patience: float = 0.0) -> Cluster:
    """Return the cluster of a kubeconfig, without sending a request.

    Args:
        kubeconfig: the file. None follows kubectl: KUBECONFIG, ~/.kube/config, the service account of the pod.
        context: the context in the file. None is the current context.
        patience: seconds before the second retry of a request that failed or was rejected temporarily; each further
            retry waits twice as long. Only for callers whose every request may be repeated, including writes. 0
            retries at once what is safe to repeat after a lost connection, and nothing that was rejected.

    Raises:
        ClusterError: the extra `cluster` is not installed, or the configuration cannot be used.
    """
    if find_spec("kubernetes") is None:
        raise ClusterError(
            "the Kubernetes client is not installed; pip install 'istag-webhook[cluster]', in a checkout '.[cluster]'"
        )
    from webhook.cluster.transport import Transport  # noqa: PLC0415 - an optional extra

    return Cluster(Transport.of(kubeconfig, context, patience))
