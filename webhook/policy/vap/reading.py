"""The variables that read a review as `resources` does: the tags that it would change, as they are to be and were.

A tag is a map: `name path nameField fromField every from insecure insecureField scheduled importMode referencePolicy
reference annotations`; `from` has `kind name namespace`, all empty where the tag has no source. What must be parsed of
a DockerImage stands in `variables.images`, beside the tag as `of`.
"""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from webhook.policy.vap.images import images
from webhook.policy.vap.syntax import escaped, got, literal, record, there
from webhook.reference import INTERNAL_REGISTRIES
from webhook.resources.parsing import CHECKED, INSECURE_REPOSITORY

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
_CHECKED: Final = literal(CHECKED)


FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)
_GIVEN: Final = {"object": "variables.annotations", "oldObject": "variables.annotationsBefore"}


_NO_ANNOTATIONS: Final = "[{}, {}]"
_IMAGE_PATH: Final = f'"spec.images[\\"" + {got("t", "to", "name")} + "\\"]"'
_INTERNAL: Final = "|".join(map(escaped, sorted(INTERNAL_REGISTRIES)))


def _annotations(base: str) -> str:
    return got(base, "annotations", default="{}")


# A tag that is created has its annotations in two maps, of which the first wins: CEL has no function that joins them.
def has_annotation(t: str, key: str) -> str:
    """Return whether the tag `t` has the annotation `key`."""
    return f"({key} in {t}.annotations[0] || {key} in {t}.annotations[1])"


def annotation(t: str, key: str) -> str:
    """Return the annotation `key` of the tag `t`, which has it."""
    return f"({key} in {t}.annotations[0] ? {t}.annotations[0][{key}] : {t}.annotations[1][{key}])"


def annotation_names(t: str) -> str:
    """Return the names of the annotations of the tag `t`."""
    return f"({t}.annotations[0].map(k, k) + {t}.annotations[1].filter(k, !(k in {t}.annotations[0])))"


def _is_own(reference: str, image: str) -> str:
    """Return whether a reference names `image` in the stream's own repository of the internal registry."""
    path = f'{reference}.substring({reference}.indexOf("/") + 1)'
    host = literal(f"^(?i:{_INTERNAL})(?::[0-9]+)?/")
    own = 'request.namespace + "/" + variables.name.split(":")[0]'
    return (
        f'({reference} == "" || {reference}.matches({host}) && {path}.split("@")[0].split(":")[0] == {own} && '
        f'{image} != "" && {path}.endsWith("@" + {image}))'
    )


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
        own, given = _annotations(f"{side}.spec"), _GIVEN[side]
        homes = (('"spec.annotations"', own), ('"metadata.annotations"', given))
        tag = self.raw(f"{side}.spec", _TAG, '"spec"', homes, f"[{own}, {{}}]", nameField='"metadata.name"')
        return f"{side} != null && {there(side, 'spec')} ? [{tag}] : []"

    def stream(self, side: str) -> str:
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
            _NO_ANNOTATIONS,
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
        if side == "oldObject":
            return "[]"
        given = f"[{_GIVEN['object']}, {{}}]"
        path = _IMAGE_PATH
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
        reference, image = got("object", "image", "dockerImageReference"), got("object", "image", "metadata", "name")
        # A name with two digests is no reference: one to another image than that which is recorded.
        named = (
            f'{reference}.contains("@") && {image} != "" && !{reference}.endsWith("@" + {image}) ? '
            f'{reference} + "@" + {image} : {reference}'
        )
        source = record(kind=f'{_is_own(reference, image)} ? "" : "DockerImage"', name=named)
        field = '"image.dockerImageReference"'
        given = f"[{_GIVEN['object']}, {{}}]"
        tag = self.raw(record(**{"from": source}), name, '"image"', (), given, nameField='"tag"', fromField=field)
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


def is_insecure(annotations: str) -> str:
    """Return whether `annotations` make imports insecure."""
    return f'({_INSECURE} in {annotations} && {annotations}[{_INSECURE}].lowerAscii() == "true")'


def _carried(reader: _Reader, side: str, resources: Iterable[str]) -> str:
    """Return the tags of one side, whichever of `resources` carries them."""
    *most, last = resources
    cases = [f'request.resource.resource == "{each}" ? (\n{_READ[each](reader, side)}\n) : ' for each in most]
    return "".join((*cases, f"(\n{_READ[last](reader, side)}\n)"))


def _overwritten() -> str:
    """Return the tags that a repository may set which the stream follows, if it is imported after this change."""
    new, old = (got(side, "spec", "dockerImageRepository") for side in ("object", "oldObject"))
    checked, was = (_is_checked(f"variables.{each}") for each in ("annotations", "annotationsBefore"))
    follows = f'request.resource.resource == "imagestreams" && object != null && {new} != ""'
    sent = 'variables.tags.filter(w, !w.every && w.from.kind != "")'
    there = 'variables.tags.exists(n, n.name == {} && !n.every && n.from.kind != "")'.format
    kept = f"variables.before.filter(w, !w.every && !{there('w.name')})"
    tags, items = (
        got("oldObject", "status", "tags", default="[]"),
        "has(s.items) && s.items != null && size(s.items) > 0",
    )
    event = record(
        name="s.tag",
        every="false",
        **{"from": record(kind='"ImageStreamImage"', name='variables.name + "@" + s.items[0].image', namespace='""')},
    )
    known = f'variables.before.exists(w, w.name == s.tag && w.from.kind != "") || {there("s.tag")}'
    more = f"(oldObject == null ? [] : {tags}.filter(s, {items} && !({known})).map(s, {event}))"
    changed = f"{sent}.filter(w, !variables.before.exists(o, o.name == w.name && o.from == w.from))"
    return (
        f"!({follows}) ? [] :\n"
        f"oldObject == null || {new} != {old} || ({was} && !{checked}) ?\n{sent} +\n{kept} +\n{more} :\n"
        f"{checked} ? [] : {changed}"
    )


def _is_checked(annotations: str) -> str:
    """Return whether `annotations` say that the repository which a stream follows has been imported."""
    return f'({_CHECKED} in {annotations} && {annotations}[{_CHECKED}] != "")'


def _entries(reader: _Reader) -> str:
    """Return all that an import fetches, with or without a tag that it goes to."""

    def entry(tag: str, path: str) -> str:
        return reader.raw(tag, '""', path, (), _NO_ANNOTATIONS, nameField='""', fromField='""')

    images = f"{got('object', 'spec', 'images', default='[]')}.map(t, {entry('t', _IMAGE_PATH)})"
    repository = entry("object.spec.repository", '"spec.repository"')
    return (
        'request.resource.resource != "imagestreamimports" ? [] :\n'
        f"({there('object', 'spec', 'repository')} ? [{repository}] : []) +\n{images}"
    )


def _tags(raw: str, wanted: Collection[str]) -> str:
    """Return the tags of `raw`, all of the same form."""
    asked = f"{got('r.tag', 'importPolicy', 'insecure', default='false')} == true"
    homes = f"r.homes.filter(h, {is_insecure('h.annotations')})"
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
        "overwritten": _overwritten(),
        "entries": _entries(reader),
        "riders": images(f"{_tags('variables.entries', wanted | {'insecure'})}.filter(t, t.insecure)"),
        "images": images("variables.tags"),
        "imagesBefore": images("variables.before"),
    }
