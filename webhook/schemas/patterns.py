"""Globs of a policy: single ones, lists and maps."""

from typing import Any

from marshmallow import ValidationError

from webhook.errors import MalformedGlob
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import REFERENCE, TEXT
from webhook.globs.matching import Glob, ReferenceGlob
from webhook.schemas.containers import Items
from webhook.schemas.parameters import Parameter, Schema, shown


class GlobText(Parameter):
    """A glob for the values of one kind."""

    expected = "one glob"

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self._alphabet = alphabet

    def read(self, value: Any) -> Glob:
        """Return the glob."""
        if not isinstance(value, str):
            raise self.wrong(value)
        try:
            return Glob.compile(value, self._alphabet)
        except MalformedGlob as error:
            raise ValidationError(str(error)) from None

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return _schema(self._alphabet)


class ReferenceGlobText(Parameter):
    """A glob of image references: a registry, or a registry and a path."""

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
        return _schema(REFERENCE)


def _schema(alphabet: Alphabet) -> Schema:
    return {"type": "string", "minLength": 1, "pattern": alphabet.expression}


class GlobMap(Parameter):
    """A map of names to the globs that their values must match."""

    expected = "a non-empty map of names to globs"

    def __init__(self, names: Alphabet) -> None:
        super().__init__()
        self._names = names

    def read(self, value: Any) -> tuple[tuple[str, Glob], ...]:
        """Return the pairs."""
        if not isinstance(value, dict) or not value:
            raise self.wrong(value)
        globs, errors = GlobText(TEXT), dict[str, Any]()
        read: list[tuple[str, Glob]] = []
        for name, item in value.items():
            if fault := self._names.fault_of_name(str(name)):
                errors[str(name)] = [fault]
                continue
            try:
                read.append((str(name), globs.read(item)))
            except ValidationError as error:
                errors[str(name)] = error.messages
        if errors:
            raise ValidationError(errors)
        return tuple(read)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {
            "type": "object",
            "minProperties": 1,
            "propertyNames": {"pattern": self._names.expression_of_name},
            "additionalProperties": _schema(TEXT),
        }


class NameText(Parameter):
    """The name of one value of a kind, without wildcards."""

    def __init__(self, names: Alphabet) -> None:
        self.expected = f"the name of one {names.noun}"
        super().__init__()
        self._names = names

    def read(self, value: Any) -> str:
        """Return the name."""
        if not isinstance(value, str):
            raise self.wrong(value)
        if fault := self._names.fault_of_name(value):
            raise ValidationError(fault)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": self._names.expression_of_name}


class TextMap(Parameter):
    """A map of names to strings."""

    expected = "a non-empty map of names to strings"

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


def globs(alphabet: Alphabet) -> Items:
    """Return a parameter for a list of globs for the values of one kind."""
    return Items(GlobText(alphabet))


def reference_globs() -> Items:
    """Return a parameter for a list of globs of image references."""
    return Items(ReferenceGlobText())
