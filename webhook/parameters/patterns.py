"""Globs of a policy, alone, in lists and in maps."""

from typing import Any

from marshmallow import ValidationError

from webhook.errors import MalformedGlob
from webhook.globs import Glob, ReferenceGlob
from webhook.parameters.containers import Items
from webhook.parameters.scalars import Parameter, Schema, shown


class GlobText(Parameter):
    """A glob: `*` within a segment, `**` across segments."""

    expected = "one glob"

    def __init__(self, separator: str = "/") -> None:
        super().__init__()
        self._separator = separator

    def read(self, value: Any) -> Glob:
        """Return the glob."""
        if not isinstance(value, str):
            raise self.wrong(value)
        try:
            return Glob.compile(value, self._separator)
        except MalformedGlob as error:
            raise ValidationError(str(error)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1}


class ReferenceGlobText(Parameter):
    """A glob of image references: a registry, or a registry with a path."""

    expected = "one glob such as quay.io/acme/**"

    def read(self, value: Any) -> ReferenceGlob:
        """Return the glob."""
        if not isinstance(value, str):
            raise self.wrong(value)
        try:
            return ReferenceGlob.compile(value)
        except MalformedGlob as error:
            raise ValidationError(str(error)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1}


class GlobMap(Parameter):
    """A map of names to globs that their values must match."""

    expected = "a map of names to globs of their values, with one at least"

    def read(self, value: Any) -> tuple[tuple[str, Glob], ...]:
        """Return the pairs."""
        if not isinstance(value, dict) or not value:
            raise self.wrong(value)
        globs, errors = GlobText(""), dict[str, Any]()
        read: list[tuple[str, Glob]] = []
        for name, item in value.items():
            try:
                read.append((str(name), globs.read(item)))
            except ValidationError as error:
                errors[str(name)] = error.messages
        if errors:
            raise ValidationError(errors)
        return tuple(read)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string", "minLength": 1}}


class TextMap(Parameter):
    """A map of names to strings."""

    expected = "a map of names to strings, with one at least"

    def read(self, value: Any) -> tuple[tuple[str, str], ...]:
        """Return the pairs."""
        if not isinstance(value, dict) or not value:
            raise self.wrong(value)
        if errors := {
            str(name): [f"expected a string, got {shown(item)}; quote it"]
            for name, item in value.items()
            if not isinstance(item, str)
        }:
            raise ValidationError(errors)
        return tuple((str(name), item) for name, item in value.items())

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "object", "minProperties": 1, "additionalProperties": {"type": "string"}}


def globs(separator: str = "/") -> Items:
    """Return the parameter that is a list of globs."""
    return Items(GlobText(separator))


def reference_globs() -> Items:
    """Return the parameter that is a list of globs of image references."""
    return Items(ReferenceGlobText())
