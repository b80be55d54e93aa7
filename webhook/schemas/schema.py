"""Fields and documents that validate in microseconds and report errors as marshmallow does.

A marshmallow schema takes about ten microseconds for each nested object, and almost every document that the webhook
receives is valid. Therefore each field has a fast path, `accepts`, and marshmallow loads only the documents that fail
it, to produce the errors. Tests prove that `Document.accepts` and `Document.validate` agree, and
`python -m tools.bench schemas` measures the difference. Both use the fields of the schema.

As in the API server's decoder, null is the zero value of every type: a required key may have the value null.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from marshmallow import INCLUDE, Schema, ValidationError, validates_schema

from webhook.model.review import Reason, SchemaFault
from webhook.schemas.fields import REQUIRED, Checked, shown

_MOST_WRONG: Final = (
    100  # elements of a list that get an error: loading an element takes a hundred times as long as accepting it
)
_MISSING: Final = object()
_REASONS: Final = {
    REQUIRED: Reason.REQUIRED,
    "Unsupported value": Reason.NOT_SUPPORTED,
    "Forbidden": Reason.FORBIDDEN,
}


class Part(Checked):
    """An object with a document of its own."""

    expected = "an object"

    def __init__(self, document: "Document", *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(required=required, data_key=data_key)
        self.document = document
        self.accepts = document.accepts  # type: ignore[method-assign]

    def errors(self, value: Any) -> Any:
        """Return the errors of the document for `value`."""
        return self.document.validate(value) if value.__class__ is dict else super().errors(value)


class Parts(Checked):
    """A list of objects of one document, checked in place without a schema for each."""

    expected = "a list of objects"

    def __init__(self, document: "Document", *, required: bool = False) -> None:
        super().__init__(required=required)
        self.document = document

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a list, and the document accepts each element."""
        if value.__class__ is not list:
            return False
        accepts = self.document.accepts
        for item in value:  # noqa: SIM110 - a generator costs as much as an element
            if not accepts(item):
                return False
        return True

    def errors(self, value: Any) -> Any:
        """Return the errors of the rejected elements by index, up to a limit."""
        if value.__class__ is not list:
            return super().errors(value)
        found: dict[int | str, Any] = {}
        for index, item in enumerate(value):
            if self.document.accepts(item):
                continue
            if len(found) == _MOST_WRONG:
                found["_schema"] = [f"Invalid value: more than {_MOST_WRONG} elements are invalid"]
                break
            wrong = [f"Invalid value: {shown(item)}: expected an object"]
            found[index] = self.document.validate(item) if item.__class__ is dict else wrong
        return found


class Document(Schema):
    """A schema of an API object. Unknown fields are always accepted, because Kubernetes adds fields.

    Attributes:
        unchecked: the API's fields whose values are not validated.
        names: all fields of the API type.
        below: the documents of the fields that are objects or lists of objects.
    """

    unchecked: ClassVar[tuple[str, ...]] = ()

    class Meta:
        """Nested schemas do not inherit this from each other; all of them inherit it from here."""

        unknown = INCLUDE

    def __init__(self) -> None:
        super().__init__()
        self._checked = tuple(
            (field.data_key or name, field.required, field.whole, field.accepts)
            for name, field in self.load_fields.items()
            if isinstance(field, Checked)
        )
        self._keys = {name: field.data_key for name, field in self.load_fields.items() if field.data_key}
        self.names = frozenset((*(field.data_key or name for name, field in self.load_fields.items()), *self.unchecked))
        self.below = {
            field.data_key or name: field.document
            for name, field in self.load_fields.items()
            if isinstance(field, Part | Parts)
        }
        self._contradictable = type(self).contradictions is not Document.contradictions

    def contradictions(self, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Yield a path below `document` and a message for each violation that spans fields.

        The method is called only if every field was accepted.
        """
        del document
        return ()

    def accepts(self, value: Any) -> bool:
        """Whether `value` is an object that `validate` finds valid."""
        if value.__class__ is not dict:
            return False
        get = value.get
        for key, required, whole, accepts in self._checked:
            found = get(key, _MISSING)
            if found is _MISSING:
                if required:
                    return False
            elif found is not None and found.__class__ is not whole and not accepts(found):
                return False
        return not self._contradictable or next(iter(self.contradictions(value)), None) is None

    @validates_schema(skip_on_field_errors=True)
    def _contradicts(self, data: dict[str, Any], **_kwargs: Any) -> None:
        errors: dict[str, list[str]] = {}
        for path, sentence in self.contradictions({self._keys.get(name, name): value for name, value in data.items()}):
            errors.setdefault(path, []).append(sentence)
        if errors:
            raise ValidationError(errors)

    def faults(self, value: Any) -> tuple[SchemaFault, ...]:
        """Return the violations in `value`, with paths such as `image.signatures[2].type`."""
        if self.accepts(value):
            return ()
        if value.__class__ is not dict:
            return (SchemaFault("", f"Invalid value: {shown(value)}: expected an object", Reason.INVALID),)
        return tuple(_flat("", self.validate(value)))


def _flat(path: str, errors: Any) -> Iterator[SchemaFault]:
    """Flatten marshmallow's nested errors to faults."""
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
