"""How a policy's values are read by marshmallow, and how its JSON Schema describes them."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from marshmallow import RAISE, ValidationError, fields
from marshmallow import Schema as Document

from webhook.errors import MalformedGlob
from webhook.globs import Glob, ReferenceGlob
from webhook.text import cut, quoted

_QUANTITY: Final = re.compile(r"([0-9]{1,12})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_FACTORS: Final = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, None: 1,
}  # fmt: skip
Schema = Mapping[str, Any]


def shown(value: Any) -> str:
    """Return a policy's value for a message, as YAML would write it."""
    if isinstance(value, str):
        return quoted(value)
    return cut(json.dumps(value, default=str), 80)


class Parameter(fields.Field[Any]):
    """A value of a policy: `read` makes it, `schema` describes it."""

    expected = "a value"

    def __init__(self, *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(
            required=required,
            data_key=data_key,
            error_messages={
                "required": f"must be there; expected {self.expected}",
                "null": f"expected {self.expected}, got null",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002 - marshmallow's signature
        return self.read(value)

    def read(self, value: Any) -> Any:
        """Return what the policy means by `value`.

        Raises:
            ValidationError: it means nothing; the message says what was expected.
        """
        raise NotImplementedError

    def schema(self) -> Schema:
        """Return the JSON Schema of the value."""
        raise NotImplementedError

    def wrong(self, value: Any) -> ValidationError:
        """Return the error that says what was expected instead of `value`."""
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
        self.expected = f"a whole number of {least} or more"
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
    """Bytes, as Kubernetes writes them: 500Mi, 2Gi."""

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
    """A string that is not empty."""

    expected = "a string that is not empty"

    def read(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str) or not value.strip():
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1}


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

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"enum": list(self._choices)}


class Items(Parameter):
    """A list, with one element at least and none twice, read element by element."""

    def __init__(self, item: Parameter, *, required: bool = False) -> None:
        self.expected = f"a list with {item.expected} at least"
        super().__init__(required=required)
        self._item = item

    def read(self, value: Any) -> tuple[Any, ...]:
        """Return the elements."""
        if not isinstance(value, list) or not value:
            raise self.wrong(value)
        errors: dict[int, Any] = {}
        read: list[Any] = []
        for index in range(len(value)):
            try:
                read.append(self._once(value, index))
            except ValidationError as error:
                errors[index] = error.messages
        if errors:
            raise ValidationError(errors)
        return tuple(read)

    def _once(self, values: list[Any], index: int) -> Any:
        """Return the element at `index`, which no element before it may be."""
        item = values[index]
        if item is None:
            raise self._item.wrong(item)
        if not isinstance(item, dict) and item in values[:index]:
            raise ValidationError(f"{shown(item)} stands twice in the list")
        return self._item.read(item)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "array", "items": self._item.schema(), "minItems": 1, "uniqueItems": True}


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


class Record(Parameter):
    """A map with known keys, each a parameter of its own."""

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
            keys: the keys it may have.
            make: what is made of them; it may raise ValidationError.
            docs: what the keys mean.
            needs: the keys of which one at least must be there.
            one_of: the keys of which exactly one must be there.
            required: whether the map itself must be there.
        """
        self.expected = "a map"
        super().__init__(required=required)
        self._keys, self._make, self._docs, self._needs, self._one_of = keys, make, docs or {}, needs, one_of
        self._document = Document.from_dict(dict(keys))(unknown=RAISE)
        self._document.error_messages["unknown"] = f"unknown key; expected one of {', '.join(keys)}"

    def read(self, value: Any) -> Any:
        """Return what is made of the map."""
        if not isinstance(value, dict):
            raise self.wrong(value)
        errors: dict[str, Any] = {}
        try:
            found = self._document.load(value)
        except ValidationError as error:
            errors.update(error.messages_dict)
        if value.keys() <= self._keys.keys() and (missing := self._missing(value)):
            errors["_schema"] = [missing]
        if errors:
            raise ValidationError(errors)
        return self._make(**found)

    def _missing(self, given: Mapping[str, Any]) -> str:
        """Return what the map lacks as a whole, "" where it lacks nothing."""
        if self._needs and not any(key in given for key in self._needs):
            expected = self._needs[0] if len(self._needs) == 1 else f"one at least of {', '.join(self._needs)}"
            return f"says nothing; expected {expected}"
        of_one = [key for key in self._one_of if key in given]
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


def globs(separator: str = "/") -> Items:
    """Return the parameter that is a list of globs."""
    return Items(GlobText(separator))


def reference_globs() -> Items:
    """Return the parameter that is a list of globs of image references."""
    return Items(ReferenceGlobText())
