"""Label selectors (meta/v1, LabelSelector), as the API server reads them."""

from collections.abc import Mapping
from typing import Any


def selects(selector: Mapping[str, Any] | None, labels: Mapping[str, str]) -> bool:
    """Whether a selector selects an object with these labels; one that is not there selects everything."""
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
