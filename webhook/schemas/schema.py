"""Documents that validate in microseconds and report errors as marshmallow does.

A marshmallow schema takes about ten microseconds for each nested object, and almost every document that the webhook
receives is valid. Therefore each schema generates a function, `accepts`, from its fields, and marshmallow loads only
the documents that it rejects, to produce the errors. Tests prove that `Document.accepts` and `Document.validate` agree,
and `make bench-optimisations` measures the difference.

As in the API server's decoder, null is the zero value of every type: a required key may have the value null.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from textwrap import indent
from typing import Any, ClassVar, Final

from marshmallow import INCLUDE, Schema, ValidationError, validates_schema

from webhook.model.review import Reason, SchemaFault
from webhook.schemas.fields import REQUIRED, Checked, shown

_MOST_WRONG: Final = (
    100  # elements of a list that get an error: loading an element takes a hundred times as long as accepting it
)
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
        self.accepts = document.accepts  # type: ignore[method-assign, assignment]

    def errors(self, value: Any) -> Any:
        """Return the errors of the document for `value`."""
        return self.document.validate(value) if value.__class__ is dict else super().errors(value)


class Parts(Checked):
    """A list of objects of one document, checked in place without a schema for each."""

    expected = "a list of objects"

    def __init__(self, document: "Document", *, required: bool = False) -> None:
        super().__init__(required=required)
        self.document = document
        self.accepts = document.acceptance(many=True)  # type: ignore[method-assign, assignment]

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
        accepts: returns whether a value is an object that `validate` finds valid.
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
        self.accepts = self.acceptance(many=False)

    def contradictions(self, document: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
        """Yield a path below `document` and a message for each violation that spans fields.

        The method is called only if every field was accepted.
        """
        del document
        return ()

    def acceptance(self, *, many: bool) -> Callable[[Any], bool]:
        """Generate the function that returns whether a value is valid.

        It has one statement for each field instead of a loop over the fields, and thus takes half the time.

        Args:
            many: whether the value is a list of objects of this document, and not one object.
        """
        scope: dict[str, Any] = {"contradictions": self.contradictions}
        lines = ["if type(value) is not dict: return False"]
        for number, (key, required, whole, accepts) in enumerate(self._checked):
            scope |= {f"whole{number}": whole, f"accepts{number}": accepts}
            wrong = f"type(found) is not whole{number} and found is not None and not accepts{number}(found)"
            lines += [f"if {key!r} in value:", f" found = value[{key!r}]", f" if {wrong}: return False"]
            if required:
                lines.append("else: return False")
        if type(self).contradictions is not Document.contradictions:
            lines.append("for _ in contradictions(value): return False")
        checks = "\n".join(lines)
        if many:
            loop = f"if type(values) is not list: return False\nfor value in values:\n{indent(checks, ' ')}"
            source = f"def accepts(values):\n{indent(loop, ' ')}\n return True"
        else:
            source = f"def accepts(value):\n{indent(checks, ' ')}\n return True"
        exec(compile(source, f"<{type(self).__name__}>", "exec"), scope)  # noqa: S102 - the source holds only the names of our fields
        generated: Callable[[Any], bool] = scope["accepts"]
        return generated

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
