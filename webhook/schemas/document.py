"""Fields and documents that are asked in microseconds and answer in marshmallow's words.

A marshmallow schema costs about ten microseconds a nested object, whatever it holds, and nearly every document that
reaches us is well formed. So each field can be asked `accepts` directly, and only a document that is not
accepted is loaded by marshmallow, for the errors. `Document.accepts` and `Document.validate` agree by test.

As in the API server's decoder, null is the zero value of every type: a key that is required may hold null.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, ClassVar, Final

from marshmallow import INCLUDE, Schema, ValidationError, validates_schema

from webhook.model import Reason, SchemaFault
from webhook.schemas.fields import REQUIRED, Checked, shown

_MOST_WRONG: Final = (
    100  # elements of a list that are explained: to load one takes a hundred times as long as to accept it
)
_REASONS: Final = {
    REQUIRED: Reason.REQUIRED,
    "Unsupported value": Reason.NOT_SUPPORTED,
    "Forbidden": Reason.FORBIDDEN,
}


class Part(Checked):
    """An object that has a document of its own."""

    expected = "an object"

    def __init__(self, document: "Document", *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(required=required, data_key=data_key)
        self.document = document
        self.accepts = document.accepts  # type: ignore[method-assign]

    def errors(self, value: Any) -> Any:
        """Return what the document says of `value`."""
        return self.document.validate(value) if value.__class__ is dict else super().errors(value)


class Parts(Checked):
    """A list of objects that share a document: elements are checked in place, no schema is loaded for each."""

    expected = "a list of objects"

    def __init__(self, document: "Document", *, required: bool = False) -> None:
        super().__init__(required=required)
        self.document = document

    def accepts(self, value: Any) -> bool:
        """Whether `value` is a list whose every element the document accepts."""
        if value.__class__ is not list:
            return False
        accepts = self.document.accepts
        return all(accepts(item) for item in value)

    def errors(self, value: Any) -> Any:
        """Return what the document says of each element that it does not accept, by index; of many of the first."""
        if value.__class__ is not list:
            return super().errors(value)
        found: dict[int | str, Any] = {}
        for index, item in enumerate(value):
            if self.document.accepts(item):
                continue
            if len(found) == _MOST_WRONG:
                found["_schema"] = [f"Invalid value: more than {_MOST_WRONG} elements are wrong"]
                break
            wrong = [f"Invalid value: {shown(item)}: expected an object"]
            found[index] = self.document.validate(item) if item.__class__ is dict else wrong
        return found


class Document(Schema):
    """A schema of an object of the API: unknown fields are always taken, for Kubernetes adds fields.

    Attributes:
        unchecked: the API's fields whose values are not checked.
        names: all fields that the API has.
        below: the documents of the fields that are objects or lists of objects.
    """

    unchecked: ClassVar[tuple[str, ...]] = ()

    class Meta:
        """Nested schemas do not inherit this from each other, so it stands at the root of them all."""

        unknown = INCLUDE

    def __init__(self) -> None:
        super().__init__()
        checked = {
            field.data_key or name: field for name, field in self.load_fields.items() if isinstance(field, Checked)
        }
        self._keys = {name: field.data_key for name, field in self.load_fields.items() if field.data_key}
        self.names = frozenset((*(field.data_key or name for name, field in self.load_fields.items()), *self.unchecked))
        self.below = {name: field.document for name, field in checked.items() if isinstance(field, Part | Parts)}
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
