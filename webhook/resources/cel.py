"""CEL that reads a tag from an object, in the form that the tags of every resource have there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from webhook.celtext import escaped, got, literal, record
from webhook.reference import INTERNAL_REGISTRIES
from webhook.resources.parsing import INSECURE_REPOSITORY

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


_INSECURE: Final = literal(INSECURE_REPOSITORY)


def annotations(base: str) -> str:
    """Return the annotations below `base`, or an empty map if there are none."""
    return got(base, "annotations", default="{}")


def is_insecure(annotations: str) -> str:
    """Return whether `annotations` make imports insecure."""
    return f'({_INSECURE} in {annotations} && {annotations}[{_INSECURE}].lowerAscii() == "true")'


def of_resources(names: tuple[str, ...]) -> str:
    """Return whether the request is of one of the resources `names`."""
    wanted = f"== {literal(names[0])}" if len(names) == 1 else f"in {literal(list(names))}"
    return f"request.resource.resource {wanted}"


def is_own(reference: str, image: str) -> str:
    """Return whether a reference names `image` in the stream's own repository of the internal registry."""
    path = f'{reference}.substring({reference}.indexOf("/") + 1)'
    host = literal(f"^(?i:{'|'.join(map(escaped, sorted(INTERNAL_REGISTRIES)))})(?::[0-9]+)?/")
    own = 'request.namespace + "/" + variables.name.split(":")[0]'
    return (
        f'({reference} == "" || {reference}.matches({host}) && {path}.split("@")[0].split(":")[0] == {own} && '
        f'{image} != "" && {path}.endsWith("@" + {image}))'
    )


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
        pushes: whether its tags say in `from.image` which image is recorded with the source.
    """

    tags: Callable[[TagReader, str], str]
    removed: str = ""
    overwritten: str = ""
    entries: Callable[[TagReader], str] | None = None
    pushes: bool = False
