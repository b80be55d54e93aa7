"""Scalar values of a policy."""

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from marshmallow import ValidationError, fields

from webhook.text import cut, nearest, quoted

_QUANTITY: Final = re.compile(r"([0-9]{1,12})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_FACTORS: Final = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, None: 1,
}  # fmt: skip
Schema = Mapping[str, Any]


def shown(value: Any) -> str:
    """Return a policy's value for a message, in YAML notation."""
    if isinstance(value, str):
        return quoted(value)
    return cut(json.dumps(value, default=str), 80)


class Parameter(fields.Field[Any]):
    """A value of a policy: `read` parses it, `schema` describes it."""

    expected = "a value"

    def __init__(self, *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(
            required=required,
            data_key=data_key,
            error_messages={
                "required": f"is required; expected {self.expected}",
                "null": f"expected {self.expected}, got null",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002 - marshmallow's signature
        return self.read(value)

    def read(self, value: Any) -> Any:
        """Parse `value`.

        Raises:
            ValidationError: the value is invalid; the message says what was expected.
        """
        raise NotImplementedError

    def schema(self) -> Schema:
        """Return the JSON Schema of the value."""
        raise NotImplementedError

    def wrong(self, value: Any) -> ValidationError:
        """Return the error for an invalid `value`."""
        return ValidationError(f"expected {self.expected}, got {shown(value)}")


class Bool(Parameter):
    """true or false."""

    expected = "true or false"

    def read(self, value: Any) -> bool:
        """Return the boolean."""
        if not isinstance(value, bool):
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "boolean"}


class Count(Parameter):
    """A whole number."""

    def __init__(self, least: int) -> None:
        self.expected = f"a whole number of at least {least}"
        super().__init__()
        self._least = least

    def read(self, value: Any) -> int:
        """Return the number."""
        if value.__class__ is not int or value < self._least:
            raise self.wrong(value)
        return int(value)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "integer", "minimum": self._least}


class Quantity(Parameter):
    """A size in bytes, in Kubernetes notation: 500Mi, 2Gi."""

    expected = "a quantity of bytes such as 500Mi or 2Gi"

    def read(self, value: Any) -> int:
        """Return the bytes."""
        match = _QUANTITY.fullmatch(str(value)) if value.__class__ in (str, int) else None
        if match is None or int(match[1]) == 0:
            raise self.wrong(value)
        return int(match[1]) * _FACTORS[match[2]]

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": ["string", "integer"], "pattern": f"^{_QUANTITY.pattern}$"}


class Sentence(Parameter):
    """A non-empty line of text: the API server drops a warning that contains a newline."""

    expected = "a line of printable text"

    def read(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1, "pattern": r"^[^\n]*$"}


class Text(Parameter):
    """Any string."""

    expected = "a string"

    def read(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str):
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string"}


class Object(Parameter):
    """A map with any keys."""

    expected = "a map"

    def read(self, value: Any) -> Mapping[str, Any]:
        """Return the map."""
        if not isinstance(value, dict):
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "object"}


class Anything(Parameter):
    """Any value."""

    def read(self, value: Any) -> Any:
        """Return the value."""
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {}


class Choice(Parameter):
    """One of a few words."""

    def __init__(self, *choices: str, required: bool = False) -> None:
        self.expected = " or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"  # noqa: PLR2004 - "or" joins two
        super().__init__(required=required)
        self._choices = choices

    def read(self, value: Any) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self._choices:
            raise self.wrong(value)
        return value

    def wrong(self, value: Any) -> ValidationError:
        """Return the error for an invalid value, with the nearest word."""
        meant = nearest(value, self._choices) if isinstance(value, str) else ""
        sentence = f"expected {self.expected}, got {shown(value)}"
        return ValidationError(f"{sentence}; did you mean {meant}?" if meant else sentence)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"enum": list(self._choices)}
