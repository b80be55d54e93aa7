"""Fields and documents that are asked in microseconds and answer in marshmallow's words.

A marshmallow schema costs about ten microseconds a nested object, whatever it holds, and nearly every document that
reaches us is well formed. So each field here can be asked `accepts` directly, and only a document that is not
accepted is loaded by marshmallow, for the errors. `Document.accepts` and `Document.validate` agree by test.

As in the API server's decoder, null is the zero value of every type: a key that is required may hold null.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from marshmallow import INCLUDE, Schema, ValidationError, fields, validates_schema

from webhook.model import Reason, SchemaFault
from webhook.text import quoted

REQUIRED: Final = "Required value"
_REASONS: Final = {
    REQUIRED: Reason.REQUIRED,
    "Unsupported value": Reason.NOT_SUPPORTED,
    "Forbidden": Reason.FORBIDDEN,
}


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
        self._choices = frozenset(("", *choices))
        self.expected = ", ".join(f'"{choice}"' for choice in choices)  # type: ignore[misc]

    def accepts(self, value: Any) -> bool:
        """Whether `value` is one of the choices."""
        return value.__class__ is str and value in self._choices

    def errors(self, value: Any) -> str:
        """Return the sentence that names the supported values."""
        return f"Unsupported value: {shown(value)}: supported values: {self.expected}"


class Strings(Checked):
    """A map of strings to strings, such as annotations."""

    expected = "a map of strings to strings"

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


class Part(Checked):
    """An object that has a document of its own."""

    expected = "an object"

    def __init__(self, document: "Document", *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(required=required, data_key=data_key)
        self._document = document
        self.accepts = document.accepts  # type: ignore[method-assign]

    def errors(self, value: Any) -> Any:
        """Return what the document says of `value`."""
        return self._document.validate(value) if value.__class__ is dict else super().errors(value)


class Parts(Checked):
    """A list of objects that share a document: elements are checked in place, no schema is loaded for each."""

    expected = "a list of objects"

    def __init__(self, document: "Document", *, required: bool = False) -> None:
        super().__init__(required=required)
        self._document = document

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a list whose every element the document accepts."""
        if value.__class__ is not list:
            return False
        accepts = self._document.accepts
        return all(accepts(item) for item in value)

    def errors(self, value: Any) -> Any:
        """Return what the document says of each element that it does not accept, by index."""
        if value.__class__ is not list:
            return super().errors(value)
        return {
            index: self._document.validate(item)
            if item.__class__ is dict
            else [f"Invalid value: {shown(item)}: expected an object"]
            for index, item in enumerate(value)
            if not self._document.accepts(item)
        }


class Document(Schema):
    """A schema of an object of the API: unknown fields are always taken, for Kubernetes adds fields."""

    class Meta:
        """Nested schemas do not inherit this from each other, so it stands at the root of them all."""

        unknown = INCLUDE

    def __init__(self) -> None:
        super().__init__()
        checked = {
            field.data_key or name: field for name, field in self.load_fields.items() if isinstance(field, Checked)
        }
        self._keys = {name: field.data_key for name, field in self.load_fields.items() if field.data_key}
        plain = type(self).contradictions is Document.contradictions
        self.accepts = _compiled(checked, None if plain else self.contradictions)  # type: ignore[assignment, method-assign]

    def contradictions(self, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Yield a path below `document` and a sentence for each thing that no field can see alone.

        Called only where every field was accepted.
        """
        del document
        return ()

    def accepts(self, value: Any) -> bool:
        """Whether `value` is an object of which `validate` would have nothing to say; compiled for each schema."""
        raise NotImplementedError

    @validates_schema(skip_on_field_errors=True)
    def _contradicts(self, data: dict[str, Any], **_kwargs: Any) -> None:
        errors: dict[str, list[str]] = {}
        for path, sentence in self.contradictions({self._keys.get(name, name): value for name, value in data.items()}):
            errors.setdefault(path, []).append(sentence)
        if errors:
            raise ValidationError(errors)

    def faults(self, value: Any) -> tuple[SchemaFault, ...]:
        """Return what is wrong in `value`, none where nothing is, with paths such as `image.signatures[2].type`."""
        if self.accepts(value):
            return ()
        if value.__class__ is not dict:
            return (SchemaFault("", f"Invalid value: {shown(value)}: expected an object", Reason.INVALID),)
        return tuple(_flat("", self.validate(value)))


def _compiled(
    checked: Mapping[str, Checked], contradictions: Callable[[Mapping[str, Any]], Iterable[tuple[str, str]]] | None
) -> Callable[[Any], bool]:
    """Return `accepts` of a schema as one function without a loop, as dataclasses make their methods.

    Args:
        checked: the schema's fields by their keys.
        contradictions: what sees the whole document, None where nothing does.
    """
    scope: dict[str, Any] = {"missing": object(), "contradictions": contradictions}
    lines = ["def accepts(value):", "    if value.__class__ is not dict: return False", "    get = value.get"]
    for number, (key, field) in enumerate(checked.items()):
        scope[f"whole{number}"], scope[f"accepts{number}"] = field.whole, field.accepts
        lines.append(f"    found = get({key!r}, missing)" if field.required else f"    found = get({key!r})")
        if field.required:
            lines.append("    if found is missing: return False")
        wrong = f"found.__class__ is not whole{number} and not accepts{number}(found)"
        lines.append(f"    if found is not None and {wrong}: return False")
    lines.append("    return True" if contradictions is None else "    for _ in contradictions(value): return False")
    if contradictions is not None:
        lines.append("    return True")
    exec("\n".join(lines), scope)  # noqa: S102 - the keys are those that the schemas of this package declare
    accepts: Callable[[Any], bool] = scope["accepts"]
    return accepts


def _flat(path: str, errors: Any) -> Iterator[SchemaFault]:
    """Turn marshmallow's nested errors into faults."""
    if isinstance(errors, dict):
        for key, below in errors.items():
            if isinstance(key, int):
                yield from _flat(f"{path}[{key}]", below)
            elif key == "_schema":
                yield from _flat(path, below)
            else:
                yield from _flat(f"{path}.{key}" if path else key, below)
    else:
        for message in errors:
            yield SchemaFault(path, message, _REASONS.get(message.partition(":")[0], Reason.INVALID))
