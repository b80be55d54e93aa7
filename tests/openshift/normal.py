"""A form in which documents of the image API are compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def pruned(value: Any) -> Any:
    """Drop null and empty members: null, absent and empty mean the same to the image API."""
    if isinstance(value, Mapping):
        kept = {key: pruned(item) for key, item in value.items()}
        return {key: item for key, item in kept.items() if item is not None and item not in ({}, [])}
    if isinstance(value, list):
        return [pruned(item) for item in value]
    return value
