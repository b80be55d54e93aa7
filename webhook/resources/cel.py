"""CEL that reads a tag from an object: its text, and the form that the tags of every resource have there."""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.resources.parsing import INSECURE_REPOSITORY

# Pointers, maps and lists of image.openshift.io/v1, which the API server may send as null; other fields it never does.
_NULLABLE: Final = frozenset(
    ["tag", "from", "spec", "annotations", "tags", "images", "repository", "to", "signatures", "conditions"]
)
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")
# What is read of a tag only for other fields of it.
_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "homes": ("insecure", "insecureField"),
    "stored": ("annotations",),
    "nameField": ("nameField",),
    "fromField": ("fromField",),
    "path": ("path", "insecureField"),
}
# The annotations of the object on each side, and the tag in the name of an object that is one tag.
GIVEN: Final[Mapping[str, str]] = {"object": "variables.annotations", "oldObject": "variables.annotationsBefore"}
NO_ANNOTATIONS: Final = "[{}, {}]"
TAG_OF_NAME: Final = (
    '(variables.name.matches(":.") ? variables.name.substring(variables.name.indexOf(":") + 1) : "latest")'
)


def literal(value: Any) -> str:
    """Return a string, a boolean or a number, or a list of them, as CEL writes it."""
    return json.dumps(value, ensure_ascii=False)


_INSECURE: Final = literal(INSECURE_REPOSITORY)


def escaped(text: str) -> str:
    """Return the pattern that matches just `text`."""
    return _SPECIAL.sub(r"\\\1", text)


def there(base: str, *keys: str) -> str:
    """Return whether the field at `keys` below `base` is there and not null; an object has its metadata."""
    parts, at = [], base
    for key in keys:
        at = f"{at}.{key}"
        if key != "metadata":
            parts += [f"has({at})", f"{at} != null"] if key in _NULLABLE else [f"has({at})"]
    return " && ".join(parts)


def got(base: str, *keys: str, default: str = '""') -> str:
    """Return the field at `keys` below `base`, or `default` if it is not there."""
    return f"({there(base, *keys)} ? {'.'.join((base, *keys))} : {default})"


def annotations(base: str) -> str:
    """Return the annotations below `base`, or an empty map if there are none."""
    return got(base, "annotations", default="{}")


def record(**fields: str) -> str:
    """Return a map; its values are of different types, which CEL allows if their types are not looked at."""
    lines = (f"{literal(key)}: dyn({bare(value)})".replace("\n", "\n  ") for key, value in fields.items())
    return "{\n  " + ",\n  ".join(lines) + "\n}"


def bare(text: str) -> str:
    """Return an expression without the parentheses around the whole of it."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if text.startswith("(") and at == len(text) - 1 else text
    return text


def is_insecure(annotations: str) -> str:
    """Return whether `annotations` make imports insecure."""
    return f'({_INSECURE} in {annotations} && {annotations}[{_INSECURE}].lowerAscii() == "true")'


def of_resources(names: tuple[str, ...]) -> str:
    """Return whether the request is of one of the resources `names`."""
    wanted = f"== {literal(names[0])}" if len(names) == 1 else f"in {literal(list(names))}"
    return f"request.resource.resource {wanted}"


@dataclass(frozen=True, slots=True)
class TagReader:
    """Writes the expressions that read tags.

    Attributes:
        wanted: the fields of a tag that are used.
    """

    wanted: frozenset[str]

    def tag(self, tag: str, name: str, path: str, homes: tuple[tuple[str, str], ...], stored: str, **given: str) -> str:
        """Return one tag as its resource carries it, with what other fields of the object say of it.

        Args:
            tag: the TagReference.
            name: the tag's name.
            path: its JSON path.
            homes: annotations that can make it insecure, each with the JSON path of the map that holds them.
            stored: the two maps of the annotations that it will have; the first wins.
            given: other fields of the tag: `nameField`, `fromField`, `every`.
        """
        fields = {
            "name": name,
            "path": path,
            "nameField": f'{path} + ".name"',
            "fromField": f'{path} + ".from.name"',
            "every": "false",
            "tag": tag,
            "homes": f"[{', '.join(record(path=path, annotations=found) for path, found in homes)}]",
            "stored": stored,
            **given,
        }
        unused = {field for field, used in _FOR.items() if self.wanted.isdisjoint(used)}
        return record(**{field: value for field, value in fields.items() if field not in unused})


@dataclass(frozen=True, slots=True)
class Cel:
    """How CEL reads the tags of a resource, for ValidatingAdmissionPolicies.

    Attributes:
        tags: writes the expression for the list of tags on one side, `object` or `oldObject`.
        removed: the JSON path at which a tag is missing that the change removes, "" if it removes none.
        overwritten: the expression for the tags that an import may set which comes after the change, "" for none.
        entries: writes the expression for everything that the change imports, with or without a tag that it goes to.
    """

    tags: Callable[[TagReader, str], str]
    removed: str = ""
    overwritten: str = ""
    entries: Callable[[TagReader], str] | None = None
