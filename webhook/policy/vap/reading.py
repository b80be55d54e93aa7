"""The variables that read a review as the doors do: the tags that it would change, as they are to be and as they were.

A tag is a map: `name path nameField fromField every from insecure insecureField scheduled importMode referencePolicy
reference annotations`; `from` has `kind name namespace`, all empty where the tag has no source. What must be parsed of
a DockerImage stands in `variables.images`, beside the tag as `of`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from webhook.doors.reading import INSECURE_REPOSITORY
from webhook.policy.vap.images import images
from webhook.policy.vap.syntax import got, literal, record, there

RESOURCES: Final = ("imagestreamtags", "imagetags", "imagestreams", "imagestreamimports", "imagestreammappings")
# The name in the request is empty where the API server is yet to make one (`generateName`).
NAME: Final = (
    'has(request.name) && request.name != "" ? request.name : '
    f"{got('object', 'metadata', 'name', default=got('object', 'metadata', 'generateName'))}"
)
STREAM: Final = f'({NAME}).split(":")[0]'
_TAG: Final = '(variables.name.matches(":.") ? variables.name.substring(variables.name.indexOf(":") + 1) : "latest")'
_HELD: Final = f'["{INSECURE_REPOSITORY}"]'
_INSECURE: Final = literal(INSECURE_REPOSITORY)


FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)
_GIVEN: Final = {"object": "variables.annotations", "oldObject": "variables.annotationsBefore"}


def _annotations(base: str) -> str:
    return got(base, "annotations", default="{}")


@dataclass(frozen=True, slots=True)
class _Reader:
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
        own, given = _annotations(f"{side}.tag"), _GIVEN[side]
        stored = f"(oldObject == null ? {own} : {given})" if side == "object" else given
        homes = (('"tag.annotations"', own), ('"metadata.annotations"', given))
        tag = self.raw(f"{side}.tag", _TAG, '"tag"', homes, stored, nameField='"metadata.name"')
        if side == "oldObject":
            return f"oldObject != null && {there('oldObject', 'tag')} ? [{tag}] : []"
        # `tag: null` leaves the tag as it is, but for its annotations.
        own, old = _annotations("oldObject.tag"), _GIVEN["oldObject"]
        homes = (('"tag.annotations"', own), ('"metadata.annotations"', old))
        kept = self.raw("oldObject.tag", _TAG, '"tag"', homes, given, nameField='"metadata.name"')
        return f"{there('object', 'tag')} ? [{tag}] :\noldObject != null && {there('oldObject', 'tag')} ? [{kept}] : []"

    def itag(self, side: str) -> str:
        own, given = _annotations(f"{side}.spec"), _GIVEN[side]
        homes = (('"spec.annotations"', own), ('"metadata.annotations"', given))
        tag = self.raw(f"{side}.spec", _TAG, '"spec"', homes, own, nameField='"metadata.name"')
        return f"{side} != null && {there(side, 'spec')} ? [{tag}] : []"

    def stream(self, side: str) -> str:
        given = _GIVEN[side]
        path = '"spec.tags[\\"" + t.name + "\\"]"'
        homes = ((f'{path} + ".annotations"', _annotations("t")), ('"metadata.annotations"', given))
        tag = self.raw("t", "t.name", path, homes, _annotations("t"))
        tags = f"{got(side, 'spec', 'tags', default='[]')}.map(t, {tag})"
        repository = got(side, "spec", "dockerImageRepository")
        followed = self.raw(
            record(**{"from": record(kind='"DockerImage"', name=repository)}),
            '"*"',
            '"spec"',
            (('"metadata.annotations"', given),),
            "{}",
            every="true",
            nameField='"metadata.name"',
            fromField='"spec.dockerImageRepository"',
        )
        changed = ""
        if side == "object":
            other = got("oldObject", "spec", "dockerImageRepository")
            insecure, was = (_is_insecure(_GIVEN[each]) for each in ("object", "oldObject"))
            changed = f" && (oldObject == null || {repository} != {other} || {insecure} != {was})"
        return f'{side} == null ? [] : {tags} +\n({repository} != ""{changed} ? [{followed}] : [])'

    def imported(self, side: str) -> str:
        if side == "oldObject":
            return "[]"
        given = _GIVEN["object"]
        path = '"spec.images[\\"" + t.to.name + "\\"]"'
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
        if side == "oldObject":
            return "[]"
        name = f'({got("object", "tag")} == "" ? "latest" : object.tag)'
        source = record(
            kind='"ImageStreamImage"',
            name=f'variables.name.split(":")[0] + "@" + {got("object", "image", "metadata", "name")}',
        )
        tag = self.raw(record(**{"from": source}), name, '"image"', (), _GIVEN["object"], nameField='"tag"')
        return f"[{tag}]"


_READ: Final[Mapping[str, Callable[[_Reader, str], str]]] = {
    "imagestreamtags": _Reader.istag,
    "imagetags": _Reader.itag,
    "imagestreams": _Reader.stream,
    "imagestreamimports": _Reader.imported,
    "imagestreammappings": _Reader.push,
}
# What is read of a tag only for other fields of it.
_FOR: Final = {
    "homes": ("insecure", "insecureField"),
    "stored": ("annotations",),
    "nameField": ("nameField",),
    "fromField": ("fromField",),
    "path": ("path", "insecureField"),
}


def _is_insecure(annotations: str) -> str:
    return f'({_INSECURE} in {annotations} && {annotations}[{_INSECURE}].lowerAscii() == "true")'


def _carried(reader: _Reader, side: str, resources: Iterable[str]) -> str:
    """Return the tags of one side, whichever of `resources` carries them."""
    *most, last = resources
    cases = [f'request.resource.resource == "{each}" ? (\n{_READ[each](reader, side)}\n) : ' for each in most]
    return "".join((*cases, f"(\n{_READ[last](reader, side)}\n)"))


def _tags(raw: str, wanted: Collection[str]) -> str:
    """Return the tags of `raw`, all of the same form."""
    asked, annotation = f"{got('r.tag', 'importPolicy', 'insecure', default='false')} == true", "h.annotations"
    homes = f"r.homes.filter(h, {_is_insecure(annotation)})"
    source = record(**{key: got("r.tag", "from", key) for key in ("kind", "name", "namespace")})
    tag = {
        "name": "r.name",
        "path": "r.path",
        "nameField": "r.nameField",
        "fromField": "r.fromField",
        "every": "r.every",
        "from": source,
        "insecure": f"{asked} || size({homes}) > 0",
        "insecureField": f'{asked} || size({homes}) == 0 ? r.path + ".importPolicy.insecure" : '
        f"{homes}[0].path + {literal(_HELD)}",
        "scheduled": f"{got('r.tag', 'importPolicy', 'scheduled', default='false')} == true",
        "importMode": got("r.tag", "importPolicy", "importMode"),
        "referencePolicy": got("r.tag", "referencePolicy", "type"),
        "reference": f"{got('r.tag', 'reference', default='false')} == true",
        "annotations": "r.stored",
    }
    return f"{raw}.map(r, {record(**{field: value for field, value in tag.items() if field in wanted})})"


def variables(resources: Iterable[str], words: Collection[str]) -> Mapping[str, str]:
    """Return the variables that read a review of one of `resources`.

    Args:
        resources: the resources that can carry it.
        words: the words of the expressions that use them, every field of a tag among them that they need.
    """
    carried = tuple(resources)
    wanted = frozenset((*words, "name", "every", "from"))
    reader = _Reader(wanted)
    return {
        "name": NAME,
        "annotations": got("object", "metadata", "annotations", default="{}"),
        "annotationsBefore": f"oldObject == null ? {{}} : {got('oldObject', 'metadata', 'annotations', default='{}')}",
        "sent": _carried(reader, "object", carried),
        "tags": _tags("variables.sent", wanted),
        "was": _carried(reader, "oldObject", carried),
        "before": _tags("variables.was", wanted),
        "images": images("variables.tags"),
        "imagesBefore": images("variables.before"),
    }
