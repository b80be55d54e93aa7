"""Fields that validate a value with one call."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields

from webhook.text import quoted

REQUIRED: Final = "Required value"
_QUOTE: Final = "; quote it to make it a string in YAML"
_QUOTE_EACH: Final = "; quote the values to make them strings in YAML"


def shown(value: object) -> str:
    """Return a JSON value for a message, printable and bounded."""
    return quoted(value) if isinstance(value, str) else quoted(json.dumps(value, default=str))[1:-1].replace('\\"', '"')


class Checked(fields.Field[Any]):
    """A field that validates a value other than null with one call."""

    expected: ClassVar[str]
    whole: ClassVar[type | None] = None  # a class whose values are all valid, without a call

    def __init__(self, *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(
            required=required,
            allow_none=True,
            data_key=data_key,
            error_messages={"required": f"{REQUIRED}: the key is missing"},
        )

    def accepts(self, value: Any) -> bool:
        """Whether the API server's decoder accepts `value`, which is not null."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002 - marshmallow's signature
        if not self.accepts(value):
            raise ValidationError(self.errors(value))
        return value

    def errors(self, value: Any) -> Any:
        """Return the message for an invalid `value`, or the errors below it by key."""
        return f"Invalid value: {shown(value)}: expected {self.expected}"


class Text(Checked):
    """A string."""

    expected = "a string"
    whole = str

    def errors(self, value: Any) -> str:
        """Return the message, with the advice to quote a value that YAML reads as another type."""
        return f"{super().errors(value)}{_QUOTE if isinstance(value, bool | int | float) else ''}"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a string."""
        return value.__class__ is str


class Flag(Checked):
    """A boolean."""

    expected = "true or false"
    whole = bool

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a boolean."""
        return value is True or value is False


class Count(Checked):
    """A 64-bit integer."""

    expected = "a 64-bit integer"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a 64-bit integer; a boolean is not."""
        return value.__class__ is int and -(2**63) <= value < 2**63


class Choice(Checked):
    """One of the strings of an enumeration; the empty string means unset and is always valid."""

    def __init__(self, *choices: str, required: bool = False) -> None:
        super().__init__(required=required)
        self.choices = frozenset(("", *choices))
        self.expected = ", ".join(f'"{choice}"' for choice in choices)  # type: ignore[misc]

    def accepts(self, value: Any) -> bool:
        """Whether `value` is one of the choices."""
        return value.__class__ is str and value in self.choices

    def errors(self, value: Any) -> str:
        """Return the message with the supported values."""
        return f"Unsupported value: {shown(value)}: supported values: {self.expected}"


class Strings(Checked):
    """A map of strings to strings, such as annotations."""

    expected = "a map of strings to strings"

    def errors(self, value: Any) -> str:
        """Return the message, with the advice to quote values that YAML reads as another type."""
        items = value.values() if isinstance(value, dict) else ()
        scalar = any(isinstance(item, bool | int | float) for item in items)
        return f"{super().errors(value)}{_QUOTE_EACH if scalar else ''}"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a map whose values are strings or null."""
        return value.__class__ is dict and all(item is None or item.__class__ is str for item in value.values())


class Texts(Checked):
    """A list of strings."""

    expected = "a list of strings"

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a list of strings."""
        return value.__class__ is list and all(item.__class__ is str for item in value)


class AnyObject(Checked):
    """An object whose content is not validated."""

    expected = "an object"
    whole = dict

    def accepts(self, value: Any) -> bool:
        """Whether `value` is an object."""
        return value.__class__ is dict
