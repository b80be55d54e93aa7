"""Fields that know in one call whether they would load a value."""

import json
from collections.abc import Mapping
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields

from webhook.text import quoted

REQUIRED: Final = "Required value"
_QUOTE: Final = "; quote it, so that YAML reads it as a string"
_QUOTE_EACH: Final = "; quote the values, so that YAML reads them as strings"


def shown(value: object) -> str:
    """Return a JSON value for a message: printable, and cut where it is long."""
    return quoted(value) if isinstance(value, str) else quoted(json.dumps(value, default=str))[1:-1].replace('\\"', '"')


class Checked(fields.Field[Any]):
    """A field that knows in one call whether it would load a value other than null."""

    expected: ClassVar[str]
    whole: ClassVar[type | None] = None  # a class of which every value is accepted, unasked

    def __init__(self, *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(
            required=required,
            allow_none=True,
            data_key=data_key,
            error_messages={"required": f"{REQUIRED}: the key is not there"},
        )

    def accepts(self, value: Any) -> bool:
        """Whether `value`, which is not null, is one that the API server's decoder takes."""
        raise NotImplementedError

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002 - marshmallow's signature
        if not self.accepts(value):
            raise ValidationError(self.errors(value))
        return value

    def errors(self, value: Any) -> Any:
        """Return the sentence that says what was expected instead of `value`, or the errors below it by key."""
        return f"Invalid value: {shown(value)}: expected {self.expected}"


class Text(Checked):
    """A string."""

    expected = "a string"
    whole = str

    def errors(self, value: Any) -> str:
        """Return the sentence, with the advice to quote what YAML reads as another type."""
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
        """Whether `value` is an integer (a boolean is none) of 64 bits."""
        return value.__class__ is int and -(2**63) <= value < 2**63


class Choice(Checked):
    """One of the strings that an enumeration names; the empty string is unset and always taken."""

    def __init__(self, *choices: str, required: bool = False) -> None:
        super().__init__(required=required)
        self.choices = frozenset(("", *choices))
        self.expected = ", ".join(f'"{choice}"' for choice in choices)  # type: ignore[misc]

    def accepts(self, value: Any) -> bool:
        """Whether `value` is one of the choices."""
        return value.__class__ is str and value in self.choices

    def errors(self, value: Any) -> str:
        """Return the sentence that names the supported values."""
        return f"Unsupported value: {shown(value)}: supported values: {self.expected}"


class Strings(Checked):
    """A map of strings to strings, such as annotations."""

    expected = "a map of strings to strings"

    def errors(self, value: Any) -> str:
        """Return the sentence, with the advice to quote what YAML reads as another type."""
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
    """An object that nobody looks into."""

    expected = "an object"
    whole = dict

    def accepts(self, value: Any) -> bool:
        """Whether `value` is an object."""
        return value.__class__ is dict
