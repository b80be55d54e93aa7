"""What a probe sends to each resource, as the resource's own module makes it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from webhook.cluster.client import Resource as Api
from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Resource
from webhook.resources.objects import GROUP, VERSION, Run


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent to one resource.

    Attributes:
        resource: the resource.
        namespace: where.
        body: the object.
    """

    resource: Resource
    namespace: str
    body: Mapping[str, Any]

    @property
    def api(self) -> Api:
        """The resource that is written."""
        return Api(GROUP, VERSION, self.resource.plural)

    @property
    def replaces(self) -> bool:
        """Whether it replaces an object that exists."""
        return self.resource.probe.replaces

    @property
    def subresource(self) -> str:
        """The subresource that is written, "" for none."""
        return self.resource.subresource


def request(resource: str, namespace: str, run: str, stream: Mapping[str, Any] | None) -> Request | None:
    """Return what is sent to a resource, None if it needs an image stream and there is none.

    Args:
        resource: the resource's name.
        namespace: where.
        run: what marks the requests of this run and no others; lower-case letters and digits.
        stream: an image stream of the namespace as the API server lists it, None if there is none.
    """
    found = RESOURCES[resource]
    body = found.probe.object(Run(namespace, run, stream))
    return Request(found, namespace, body) if body is not None else None
