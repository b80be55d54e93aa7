"""What the API serves, and where (Kubernetes API Concepts, "Resource URIs")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote


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
