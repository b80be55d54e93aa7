"""Lists and maps of a policy, and how their fields read a document."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import RAISE, ValidationError
from marshmallow import Schema as MarshmallowSchema

from webhook.documents.document import Document
from webhook.errors import Fault
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import TEXT
from webhook.globs.matching import Glob
from webhook.schemas.parameters import GlobText, Parameter, ReferenceGlobText, Schema, shown
from webhook.text import nearest

_MOST_SUGGESTED: Final = 20  # unknown keys that get a suggestion, because the search is slow


class Items(Parameter):
    """A list without duplicates; it has at least one element unless it may be empty."""

    def __init__(self, item: Parameter, *, required: bool = False, empty: bool = False) -> None:
        one = item.expected.replace("a ", "one ", 1) if item.expected.startswith("a ") else item.expected
        self.expected = "a list" if empty else f"a list with at least {one}"
        super().__init__(required=required)
        self._item, self._empty = item, empty

    def read(self, value: Any) -> tuple[Any, ...]:
        """Return the elements."""
        if not isinstance(value, list) or not (value or self._empty):
            raise self.wrong(value)
        errors: dict[int, Any] = {}
        read: list[Any] = []
        seen: set[str] = set()
        for index, item in enumerate(value):
            try:
                read.append(self._once(item, seen))
            except ValidationError as error:
                errors[index] = error.messages
        if errors:
            raise ValidationError(errors)
        return tuple(read)

    def _once(self, item: Any, seen: set[str]) -> Any:
        """Return an element that is not in `seen`; equal maps are allowed."""
        if item is None:
            raise self._item.wrong(item)
        if not isinstance(item, dict):
            written = json.dumps(item, sort_keys=True)
            if written in seen:
                raise ValidationError(f"{shown(item)} is listed twice")
            seen.add(written)
        return self._item.read(item)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        unique = not isinstance(self._item, Record)  # equal maps are allowed
        return {
            "type": "array", "items": self._item.schema(), "minItems": int(not self._empty), "uniqueItems": unique,
        }  # fmt: skip


class Record(Parameter):
    """A map with known keys, each a parameter."""

    def __init__(
        self,
        keys: Mapping[str, Parameter],
        make: Callable[..., Any],
        *,
        docs: Mapping[str, str] | None = None,
        needs: tuple[str, ...] = (),
        one_of: tuple[str, ...] = (),
        required: bool = False,
    ) -> None:
        """Read a map.

        Args:
            keys: the known keys.
            make: creates the result from the values; may raise ValidationError.
            docs: the descriptions of the keys.
            needs: keys of which at least one is required.
            one_of: keys of which exactly one is required.
            required: whether the map itself is required.
        """
        self.expected = "a map"
        super().__init__(required=required)
        self._keys, self._make, self._docs, self._needs, self._one_of = keys, make, docs or {}, needs, one_of
        self._document = MarshmallowSchema.from_dict(dict(keys))(unknown=RAISE)

    def read(self, value: Any) -> Any:
        """Return the result for the map."""
        if not isinstance(value, dict):
            raise self.wrong(value)
        errors: dict[str, Any] = {}
        try:
            found = self._document.load(value)
        except ValidationError as error:
            errors.update(error.messages_dict)
        unknown = [key for key in value if key not in self._keys]
        errors.update({key: [self._unknown(key, suggest=at < _MOST_SUGGESTED)] for at, key in enumerate(unknown)})
        if value.keys() <= self._keys.keys() and (missing := self._missing(value)):
            errors["_schema"] = [missing]
        if errors:
            raise ValidationError(errors)
        return self._make(**found)

    def _unknown(self, key: str, *, suggest: bool) -> str:
        """Return the message for an unknown key."""
        meant = nearest(key, self._keys) if suggest else ""
        return (
            f"unknown key; did you mean {meant}?" if meant else f"unknown key; expected one of {', '.join(self._keys)}"
        )

    def _missing(self, value: Mapping[str, Any]) -> str:
        """Return what the map as a whole lacks, "" if nothing."""
        if self._needs and not any(key in value for key in self._needs):
            expected = self._needs[0] if len(self._needs) == 1 else f"at least one of {', '.join(self._needs)}"
            return f"expected {expected}, got none"
        of_one = [key for key in self._one_of if key in value]
        if self._one_of and len(of_one) != 1:
            got = f"got {' and '.join(of_one)}" if of_one else "got none"
            return f"expected exactly one of {', '.join(self._one_of)}; {got}"
        return ""

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        described = {
            key: {**kind.schema(), **({"description": self._docs[key]} if key in self._docs else {})}
            for key, kind in self._keys.items()
        }
        schema: dict[str, Any] = {"type": "object", "additionalProperties": False, "properties": described}
        if required := [key for key, kind in self._keys.items() if kind.required]:
            schema["required"] = required
        if self._needs:
            schema["anyOf"] = [{"required": [key]} for key in self._needs]
        if self._one_of:
            schema["oneOf"] = [{"required": [key]} for key in self._one_of]
        return schema


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
            "additionalProperties": GlobText(TEXT).schema(),
        }


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


def parse(parameter: Parameter, document: Document) -> tuple[Any, list[Fault]]:
    """Return the result of `parameter` for `document`, None if there are faults, and the faults in document order."""
    try:
        return parameter.read(document.value), []
    except ValidationError as error:
        found = sorted(_flat("", error.messages), key=lambda each: (document.line(each[0]), each[0]))
        return None, [document.fault(path, message) for path, message in found]


def _flat(path: str, errors: Any) -> list[tuple[str, str]]:
    """Flatten marshmallow's nested errors to paths and messages."""
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
