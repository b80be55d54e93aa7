"""The variables that read a review as `resources` does: the tags that it would change, as they are to be and were.

A tag is a map: `name path nameField fromField every from insecure insecureField scheduled importMode referencePolicy
reference annotations`; `from` has `kind name namespace`, all empty if the tag has no source, and in a push `image`, the
digest that is recorded. What must be parsed of a DockerImage is in `variables.images`, beside the tag as `of`.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from webhook.cel import escaped, got, literal, record, there
from webhook.reference import INTERNAL_REGISTRIES
from webhook.resources.parsing import INSECURE_REPOSITORY

RESOURCES: Final = ("imagestreamtags", "imagetags", "imagestreams", "imagestreamimports", "imagestreammappings")
# The name in the request is empty where the API server is yet to make one (`generateName`).
NAME: Final = (
    'has(request.name) && request.name != "" ? request.name : '
    f"{got('object', 'metadata', 'name', default=got('object', 'metadata', 'generateName'))}"
)
STREAM: Final = f'({NAME}).split(":")[0]'
_TAG: Final = '(variables.name.matches(":.") ? variables.name.substring(variables.name.indexOf(":") + 1) : "latest")'
_INSECURE: Final = literal(INSECURE_REPOSITORY)
FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)
_GIVEN: Final = {"object": "variables.annotations", "oldObject": "variables.annotationsBefore"}


NO_ANNOTATIONS: Final = "[{}, {}]"
IMAGE_PATH: Final = f'"spec.images[\\"" + {got("t", "to", "name")} + "\\"]"'
_INTERNAL: Final = "|".join(map(escaped, sorted(INTERNAL_REGISTRIES)))


def _annotations(base: str) -> str:
    return got(base, "annotations", default="{}")


def is_own(reference: str, image: str) -> str:
    """Return whether a reference names `image` in the stream's own repository of the internal registry."""
    path = f'{reference}.substring({reference}.indexOf("/") + 1)'
    host = literal(f"^(?i:{_INTERNAL})(?::[0-9]+)?/")
    own = 'request.namespace + "/" + variables.name.split(":")[0]'
    return (
        f'({reference} == "" || {reference}.matches({host}) && {path}.split("@")[0].split(":")[0] == {own} && '
        f'{image} != "" && {path}.endsWith("@" + {image}))'
    )


@dataclass(frozen=True, slots=True)
class Reader:
    """Writes the expressions that read a review.

    Attributes:
        wanted: the fields of a tag that are used.
    """

    wanted: frozenset[str]

    def raw(self, tag: str, name: str, path: str, homes: tuple[tuple[str, str], ...], stored: str, **given: str) -> str:
        """Return one tag as its resource carries it, with what is elsewhere said of it."""
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

    def istag(self, side: str) -> str:
        """Return the tags of one side of a review of imagestreamtags."""
        own, given = _annotations(f"{side}.tag"), _GIVEN[side]
        # A create may be a PUT, which stores the object's annotations, or a POST, which stores the tag's.
        stored = f"[{given}, oldObject == null ? {own} : {{}}]" if side == "object" else f"[{given}, {{}}]"
        homes = (('"tag.annotations"', own), ('"metadata.annotations"', given))
        tag = self.raw(f"{side}.tag", _TAG, '"tag"', homes, stored, nameField='"metadata.name"')
        if side == "oldObject":
            return f"oldObject != null && {there('oldObject', 'tag')} ? [{tag}] : []"
        # `tag: null` leaves the tag as it is, but for its annotations.
        own, old = _annotations("oldObject.tag"), _GIVEN["oldObject"]
        homes = (('"tag.annotations"', own), ('"metadata.annotations"', old))
        kept = self.raw("oldObject.tag", _TAG, '"tag"', homes, f"[{given}, {{}}]", nameField='"metadata.name"')
        return f"{there('object', 'tag')} ? [{tag}] :\noldObject != null && {there('oldObject', 'tag')} ? [{kept}] : []"

    def itag(self, side: str) -> str:
        """Return the tags of one side of a review of imagetags."""
        own, given = _annotations(f"{side}.spec"), _GIVEN[side]
        homes = (('"spec.annotations"', own), ('"metadata.annotations"', given))
        tag = self.raw(f"{side}.spec", _TAG, '"spec"', homes, f"[{own}, {{}}]", nameField='"metadata.name"')
        return f"{side} != null && {there(side, 'spec')} ? [{tag}] : []"

    def stream(self, side: str) -> str:
        """Return the tags of one side of a review of imagestreams."""
        given = _GIVEN[side]
        path = '"spec.tags[\\"" + t.name + "\\"]"'
        homes = ((f'{path} + ".annotations"', _annotations("t")), ('"metadata.annotations"', given))
        tag = self.raw("t", "t.name", path, homes, f"[{_annotations('t')}, {{}}]")
        tags = f"{got(side, 'spec', 'tags', default='[]')}.map(t, {tag})"
        repository = got(side, "spec", "dockerImageRepository")
        followed = self.raw(
            record(**{"from": record(kind='"DockerImage"', name=repository)}),
            '"*"',
            '"spec"',
            (('"metadata.annotations"', given),),
            NO_ANNOTATIONS,
            every="true",
            nameField='"metadata.name"',
            fromField='"spec.dockerImageRepository"',
        )
        changed = ""
        if side == "object":
            other = got("oldObject", "spec", "dockerImageRepository")
            insecure, was = (is_insecure(_GIVEN[each]) for each in ("object", "oldObject"))
            changed = f" && (oldObject == null || {repository} != {other} || {insecure} != {was})"
        return f'{side} == null ? [] : {tags} +\n({repository} != ""{changed} ? [{followed}] : [])'

    def imported(self, side: str) -> str:
        """Return the tags of one side of a review of imagestreamimports."""
        if side == "oldObject":
            return "[]"
        given = f"[{_GIVEN['object']}, {{}}]"
        path = IMAGE_PATH
        image = self.raw("t", "t.to.name", path, (), given, nameField=f'{path} + ".to.name"')
        images = (
            f'{got("object", "spec", "images", default="[]")}.filter(t, {got("t", "to", "name")} != "").map(t, {image})'
        )
        repository = self.raw(
            "object.spec.repository", '"*"', '"spec.repository"', (), given, every="true",
            nameField='"spec.repository.from.name"',
        )  # fmt: skip
        return (
            f'!({there("object", "spec")} && "import" in object.spec && object.spec["import"] == true) ? [] :\n'
            f"{images} +\n"
            f"({there('object', 'spec', 'repository')} ? [{repository}] : [])"
        )

    def push(self, side: str) -> str:
        """Return the tags of one side of a review of imagestreammappings."""
        if side == "oldObject":
            return "[]"
        name = f'({got("object", "tag")} == "" ? "latest" : object.tag)'
        reference, image = got("object", "image", "dockerImageReference"), got("object", "image", "metadata", "name")
        source = record(kind=f'{is_own(reference, image)} ? "" : "DockerImage"', name=reference, image=image)
        field = '"image.dockerImageReference"'
        given = f"[{_GIVEN['object']}, {{}}]"
        tag = self.raw(record(**{"from": source}), name, '"image"', (), given, nameField='"tag"', fromField=field)
        return f"[{tag}]"


_READ: Final[Mapping[str, Callable[[Reader, str], str]]] = {
    "imagestreamtags": Reader.istag,
    "imagetags": Reader.itag,
    "imagestreams": Reader.stream,
    "imagestreamimports": Reader.imported,
    "imagestreammappings": Reader.push,
}
# What is read of a tag only for other fields of it.
_FOR: Final = {
    "homes": ("insecure", "insecureField"),
    "stored": ("annotations",),
    "nameField": ("nameField",),
    "fromField": ("fromField",),
    "path": ("path", "insecureField"),
}


def is_insecure(annotations: str) -> str:
    """Return whether `annotations` make imports insecure."""
    return f'({_INSECURE} in {annotations} && {annotations}[{_INSECURE}].lowerAscii() == "true")'


def carried(reader: Reader, side: str, resources: Iterable[str]) -> str:
    """Return the tags of one side, whichever of `resources` carries them."""
    *most, last = resources
    cases = [f'request.resource.resource == "{each}" ? (\n{_READ[each](reader, side)}\n) : ' for each in most]
    return "".join((*cases, f"(\n{_READ[last](reader, side)}\n)"))
