"""CEL text, and the expressions that read the tags of a resource."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from webhook.globs.matching import Glob, ReferenceGlob, Segments
from webhook.reference import INTERNAL_REGISTRIES
from webhook.registry import DEFAULT_PORT, DOCKER_HUB, LIBRARY
from webhook.resources.parsing import INSECURE_REPOSITORY

# Pointers, maps and lists of image.openshift.io/v1 may be null in a request; other fields are never null.
_NULLABLE: Final = frozenset(
    ["tag", "from", "spec", "annotations", "tags", "images", "repository", "to", "signatures", "conditions"]
)
_ANY_HOST: Final = r"(?:[^:]*|\[[^\]]*\])"
_SPECIAL: Final = re.compile(r"([\\.+*?()|\[\]{}^$])")


def literal(value: Any) -> str:
    """Return a string, a boolean or a number, or a list of them, as a CEL literal."""
    return json.dumps(value, ensure_ascii=False)


def escaped(text: str) -> str:
    """Return the pattern that matches only `text`."""
    return _SPECIAL.sub(r"\\\1", text)


def all_of(parts: Iterable[str]) -> str:
    """Return the conjunction of `parts`, `true` without any."""
    return " && ".join(_operand(part) for part in parts if part != "true") or "true"


def any_of(parts: Iterable[str]) -> str:
    """Return the disjunction of `parts`, `false` without any."""
    found = list(parts)
    return "true" if "true" in found else " || ".join(_operand(part) for part in found) or "false"


def negated(part: str) -> str:
    """Return the negation of `part`."""
    return f"!({part})"


def _operand(part: str) -> str:
    return f"({part})" if " || " in part or " && " in part or " ? " in part else part


def there(base: str, *keys: str) -> str:
    """Return whether the field at `keys` below `base` is present and not null; an object always has its metadata."""
    parts, at = [], base
    for key in keys:
        at = f"{at}.{key}"
        if key != "metadata":
            parts += [f"has({at})", f"{at} != null"] if key in _NULLABLE else [f"has({at})"]
    return " && ".join(parts)


def got(base: str, *keys: str, default: str = '""') -> str:
    """Return the field at `keys` below `base`, or `default` if it is absent."""
    return f"({there(base, *keys)} ? {'.'.join((base, *keys))} : {default})"


def record(**fields: str) -> str:
    """Return a map; its values have different types, which CEL allows if they are `dyn`."""
    lines = (f"{literal(key)}: dyn({bare(value)})".replace("\n", "\n  ") for key, value in fields.items())
    return "{\n  " + ",\n  ".join(lines) + "\n}"


def bare(text: str) -> str:
    """Return an expression without its outer parentheses."""
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return text[1:-1] if text.startswith("(") and at == len(text) - 1 else text
    return text


def matches(text: str, globs: Iterable[Glob]) -> str:
    """Return whether one of `globs` matches the expression `text`."""
    given = list(globs)
    exact = [glob.pattern for glob in given if glob.exact]
    found = [f"{text} in {literal(exact)}"] if len(exact) > 1 else [f"{text} == {literal(each)}" for each in exact]
    return any_of((*found, *(_matches(text, glob) for glob in given if not glob.exact)))


def _matches(text: str, glob: Glob) -> str:
    """Return whether a glob of one segment matches; no rule reads a value of several segments, a platform, in CEL."""
    parts = glob.segments[0]
    if parts == ("", ""):
        return "true"
    if len(parts) == 2 and not parts[1]:  # noqa: PLR2004 - one star
        return f"{text}.startsWith({literal(parts[0])})"
    if len(parts) == 2 and not parts[0]:  # noqa: PLR2004 - one star
        return f"{text}.endsWith({literal(parts[1])})"
    return f"{text}.matches({literal(_anchored('.*'.join(map(escaped, parts))))})"


def _anchored(pattern: str) -> str:
    return f"(?s)^{pattern}$"


def _pattern(segments: Segments, separator: str, outside: str = "") -> str:
    """Return the pattern of segments; `outside` is a set of further characters that no star matches."""
    inside = f"[^{separator}{outside}]*"
    whole = f"[^{outside}]*" if outside else ".*"
    return escaped(separator).join(inside.join(map(escaped, parts)) if parts else whole for parts in segments)


def reference_matches(registry: str, repository: str, globs: Iterable[ReferenceGlob]) -> str:
    """Return whether one of `globs` matches the image whose registry and repository are those expressions."""
    return any_of(all_of((_host_matches(registry, each), _path_matches(registry, repository, each))) for each in globs)


def _host_matches(registry: str, glob: ReferenceGlob) -> str:
    if glob.registry:
        return f"{registry} == {literal(glob.registry)}"
    if not glob.host and glob.port == "*":
        return "true"
    port = "(?::[0-9]+)?" if glob.port == "*" else escaped(f":{glob.port}") if glob.port else f"(?::{DEFAULT_PORT})?"
    host = _pattern(glob.host, ".", ":") if glob.host else _ANY_HOST
    return f"{registry}.matches({literal(_anchored(host + port))})"


def _path_matches(registry: str, repository: str, glob: ReferenceGlob) -> str:
    if not glob.path:
        return "true"
    if glob.below:
        return f"{repository}.startsWith({literal(glob.below)})"
    found = _repository_matches(repository, glob, "")
    if not glob.official:
        return found
    official = all_of((f'{registry} == "{DOCKER_HUB}"', _repository_matches(repository, glob, f"{LIBRARY}/")))
    return any_of((found, official))


def _repository_matches(repository: str, glob: ReferenceGlob, before: str) -> str:
    if glob.repository:
        return f"{repository} == {literal(before + glob.repository)}"
    return f"{repository}.matches({literal(_anchored(before + _pattern(glob.path, '/')))})"


# Fields of a tag that are read only to compute other fields.
_FOR: Final[Mapping[str, tuple[str, ...]]] = {
    "homes": ("insecure", "insecureField"),
    "stored": ("annotations",),
    "nameField": ("nameField",),
    "fromField": ("fromField",),
    "path": ("path", "insecureField"),
}
# The annotations of the object on each side, and the tag in the name of an object of a single tag.
GIVEN: Final[Mapping[str, str]] = {"object": "variables.annotations", "oldObject": "variables.annotationsBefore"}
NO_ANNOTATIONS: Final = "[{}, {}]"
TAG_OF_NAME: Final = (
    '(variables.name.matches(":.") ? variables.name.substring(variables.name.indexOf(":") + 1) : "latest")'
)


_INSECURE: Final = literal(INSECURE_REPOSITORY)


def annotations(base: str) -> str:
    """Return the annotations below `base`, or an empty map without any."""
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
        """Return one tag from its resource, completed from other fields of the object.

        Args:
            tag: the TagReference.
            name: the tag's name.
            path: its JSON path.
            homes: annotations that can make it insecure, each with the JSON path of their map.
            stored: the two maps of the annotations that it will have; the first has precedence.
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
        removed: the JSON path that lacks a tag which the change removes, "" if it removes none.
        overwritten: the expression for the tags that an import after the change may set, "" for none.
        entries: writes the expression for everything that the change imports, to a tag or not.
        pushes: whether `from.image` of its tags is the image that is recorded with the source.
    """

    tags: Callable[[TagReader, str], str]
    removed: str = ""
    overwritten: str = ""
    entries: Callable[[TagReader], str] | None = None
    pushes: bool = False
