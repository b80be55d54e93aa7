"""The base of all values of a policy, and those that are neither lists nor records: scalars, globs, names."""

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Final

from marshmallow import ValidationError, fields

from webhook.errors import MalformedGlob
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import REFERENCE
from webhook.globs.matching import Glob, ReferenceGlob
from webhook.text import cut, nearest, quoted

_QUANTITY: Final = re.compile(r"([0-9]{1,12})(Ki|Mi|Gi|Ti|k|M|G|T)?")
_FACTORS: Final = {
    "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, None: 1,
}  # fmt: skip
Schema = Mapping[str, Any]


def shown(value: Any) -> str:
    """Return a policy's value for a message, in YAML notation."""
    if isinstance(value, str):
        return quoted(value)
    return cut(json.dumps(value, default=str), 80)


class Parameter(fields.Field[Any]):
    """A value of a policy: `read` parses it, `schema` describes it."""

    expected = "a value"

    def __init__(self, *, required: bool = False, data_key: str | None = None) -> None:
        super().__init__(
            required=required,
            data_key=data_key,
            error_messages={
                "required": f"is required; expected {self.expected}",
                "null": f"expected {self.expected}, got null",
            },
        )

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **kwargs: Any) -> Any:  # noqa: ARG002 - marshmallow's signature
        return self.read(value)

    def read(self, value: Any) -> Any:
        """Parse `value`.

        Raises:
            ValidationError: the value is invalid; the message says what was expected.
        """
        raise NotImplementedError

    def schema(self) -> Schema:
        """Return the JSON Schema of the value."""
        raise NotImplementedError

    def wrong(self, value: Any, known: Iterable[str] = ()) -> ValidationError:
        """Return the error for an invalid `value`, with the word of `known` that is most like it."""
        meant = nearest(value, known) if isinstance(value, str) else ""
        sentence = f"expected {self.expected}, got {shown(value)}"
        return ValidationError(f"{sentence}; did you mean {meant}?" if meant else sentence)


class _Typed(Parameter):
    """Any value of one type.

    Attributes:
        of: the type.
        named: the name of the type in a JSON Schema.
    """

    of: ClassVar[type]
    named: ClassVar[str]

    def read(self, value: Any) -> Any:
        """Return the value."""
        if not isinstance(value, self.of):
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": self.named}


class Bool(_Typed):
    """true or false."""

    expected, of, named = "true or false", bool, "boolean"


class Text(_Typed):
    """Any string."""

    expected, of, named = "a string", str, "string"


class Object(_Typed):
    """A map with any keys."""

    expected, of, named = "a map", dict, "object"


class Count(Parameter):
    """A whole number."""

    def __init__(self, least: int) -> None:
        self.expected = f"a whole number of at least {least}"
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
    """A size in bytes, in Kubernetes notation: 500Mi, 2Gi."""

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
    """A non-empty line of text: the API server drops a warning that contains a newline."""

    expected = "a line of printable text"

    def read(self, value: Any) -> str:
        """Return the string."""
        if not isinstance(value, str) or not value.strip() or not value.isprintable():
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1, "pattern": r"^[^\n]*$"}


class Anything(Parameter):
    """Any value."""

    def read(self, value: Any) -> Any:
        """Return the value."""
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {}


class Choice(Parameter):
    """One of a few words."""

    def __init__(self, *choices: str, required: bool = False) -> None:
        self.expected = " or ".join(choices) if len(choices) < 3 else f"one of {', '.join(choices)}"  # noqa: PLR2004 - "or" joins two
        super().__init__(required=required)
        self._choices = choices

    def read(self, value: Any) -> str:
        """Return the word."""
        if not isinstance(value, str) or value not in self._choices:
            raise self.wrong(value, self._choices)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"enum": list(self._choices)}


class GlobText(Text):
    """A glob for the values of one kind."""

    expected = "one glob"

    def __init__(self, alphabet: Alphabet) -> None:
        super().__init__()
        self._alphabet = alphabet

    def read(self, value: Any) -> Any:
        """Return the glob."""
        try:
            return self._compiled(super().read(value))
        except MalformedGlob as error:
            raise ValidationError(str(error)) from None

    def _compiled(self, text: str) -> Glob | ReferenceGlob:
        return Glob.compile(text, self._alphabet)

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "minLength": 1, "pattern": self._alphabet.expression}


class ReferenceGlobText(GlobText):
    """A glob of image references: a registry, or a registry and a path."""

    expected = "one glob such as quay.io/acme/**"

    def __init__(self) -> None:
        super().__init__(REFERENCE)

    def _compiled(self, text: str) -> ReferenceGlob:
        return ReferenceGlob.compile(text)


class NameText(Text):
    """The name of one value of a kind, without wildcards."""

    def __init__(self, names: Alphabet) -> None:
        self.expected = f"the name of one {names.noun}"
        super().__init__()
        self._names = names

    def read(self, value: Any) -> str:
        """Return the name."""
        name: str = super().read(value)
        if fault := self._names.fault_of_name(name):
            raise ValidationError(fault)
        return name

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": self._names.expression_of_name}
