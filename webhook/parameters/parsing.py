"""A document read by a parameter: what it means, or every fault with its line."""

from typing import Any

from marshmallow import ValidationError

from webhook.documents import Document
from webhook.errors import Fault
from webhook.parameters.scalars import Parameter


def parse(parameter: Parameter, document: Document) -> tuple[Any, list[Fault]]:
    """Return what `parameter` makes of `document`, None where there are faults, and the faults in their order."""
    try:
        return parameter.read(document.value), []
    except ValidationError as error:
        found = sorted(_flat("", error.messages), key=lambda each: (document.line(each[0]), each[0]))
        return None, [document.fault(path, message) for path, message in found]


def _flat(path: str, errors: Any) -> list[tuple[str, str]]:
    """Turn marshmallow's nested errors into paths and messages."""
    if isinstance(errors, dict):
        return [
            found
            for key, below in errors.items()
            for found in _flat(
                f"{path}[{key}]"
                if isinstance(key, int)
                else path
                if key == "_schema"
                else f"{path}.{key}"
                if path
                else str(key),
                below,
            )
        ]
    return [(path, str(message)) for message in errors]
