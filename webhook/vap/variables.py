"""The variables of a ValidatingAdmissionPolicy: those that its expressions need, each before it is used."""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from webhook.cel import got, literal, record, there
from webhook.resources.parsing import CHECKED, INSECURE_REPOSITORY
from webhook.vap.images import images
from webhook.vap.reading import FIELDS, IMAGE_PATH, NAME, NO_ANNOTATIONS, Reader, carried, is_insecure, is_own
from webhook.vap.selecting import CHANGED

_WORD: Final = re.compile(r"[A-Za-z]+")
_USED: Final = re.compile(r"\bvariables\.([A-Za-z]+)")
_HELD: Final = f'["{INSECURE_REPOSITORY}"]'
_CHECKED: Final = literal(CHECKED)


def needed(resources: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `given` need, and `given`, in an order in which none is used before it is there."""
    words = set(_WORD.findall(" ".join((*given.values(), *(CHANGED.values() if "exempt" in given else ())))))
    if "exempt" in given:
        words |= FIELDS  # a tag changes where any field of it does
    known = {**variables(resources, words), **CHANGED, **given}
    found: dict[str, str] = {}

    def add(name: str) -> None:
        for used in _USED.findall(known[name]):
            if used not in found:
                add(used)
        found[name] = known[name]

    for name in given:
        add(name)
    return found


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
    pulled, image = got("s.items[0]", "dockerImageReference"), got("s.items[0]", "image")
    own, stored = is_own(pulled, image), f'variables.name + "@" + {image}'
    kind = f'{pulled} == "" && {image} == "" ? "" : {own} ? "ImageStreamImage" : "DockerImage"'
    source = record(kind=kind, name=f"{own} ? {stored} : {pulled}", namespace='""')
    event = record(name="s.tag", every="false", **{"from": source})
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


def _entries(reader: Reader) -> str:
    """Return all that an import fetches, with or without a tag that it goes to."""

    def entry(tag: str, path: str) -> str:
        return reader.raw(tag, '""', path, (), NO_ANNOTATIONS, nameField='""', fromField='""')

    images = f"{got('object', 'spec', 'images', default='[]')}.map(t, {entry('t', IMAGE_PATH)})"
    repository = entry("object.spec.repository", '"spec.repository"')
    return (
        'request.resource.resource != "imagestreamimports" ? [] :\n'
        f"({there('object', 'spec', 'repository')} ? [{repository}] : []) +\n{images}"
    )


def _tags(raw: str, wanted: Collection[str], *, pushed: bool = False) -> str:
    """Return the tags of `raw`, all of the same form; `pushed` is whether a push can be among them."""
    asked = f"{got('r.tag', 'importPolicy', 'insecure', default='false')} == true"
    homes = f"r.homes.filter(h, {is_insecure('h.annotations')})"
    source = record(
        **{key: got("r.tag", "from", key) for key in ("kind", "name", "namespace", *(["image"] if pushed else []))}
    )
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
    of = tuple(resources)
    pushed = "imagestreammappings" in of
    wanted = frozenset((*words, "name", "every", "from"))
    reader = Reader(wanted)
    return {
        "name": NAME,
        "annotations": got("object", "metadata", "annotations", default="{}"),
        "annotationsBefore": f"oldObject == null ? {{}} : {got('oldObject', 'metadata', 'annotations', default='{}')}",
        "sent": carried(reader, "object", of),
        "tags": _tags("variables.sent", wanted, pushed=pushed),
        "was": carried(reader, "oldObject", of),
        "before": _tags("variables.was", wanted, pushed=pushed),
        "overwritten": _overwritten(),
        "entries": _entries(reader),
        "riders": images(f"{_tags('variables.entries', wanted | {'insecure'})}.filter(t, t.insecure)"),
        "images": images("variables.tags"),
        "imagesBefore": images("variables.before"),
    }
