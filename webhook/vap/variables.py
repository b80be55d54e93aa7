"""The variables of a ValidatingAdmissionPolicy: those that its expressions need, each before it is used.

They read a review as `resources` does. A tag is a map: `name path nameField fromField every from insecure insecureField
scheduled importMode referencePolicy reference annotations`; `from` has `kind name namespace`, all empty if the tag has
no source, and in a push `image`, the digest that is recorded. What must be parsed of a DockerImage is in
`variables.images`, beside the tag as `of`.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final

from webhook.celtext import got, literal, record
from webhook.resources.cel import TagReader, is_insecure
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.vap.binding import EXPORTED, NAME
from webhook.vap.images import images
from webhook.vap.selecting import CHANGED

_WORD: Final = re.compile(r"[A-Za-z]+")
_USED: Final = re.compile(r"\bvariables\.([A-Za-z]+)")
_HELD: Final = f'["{INSECURE_REPOSITORY}"]'
FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)


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


def _carried(reader: TagReader, side: str, resources: Iterable[str]) -> str:
    """Return the tags of one side, whichever of `resources` carries them."""
    *most, last = resources
    cases = [f'request.resource.resource == "{each}" ? (\n{EXPORTED[each].tags(reader, side)}\n) : ' for each in most]
    return "".join((*cases, f"(\n{EXPORTED[last].tags(reader, side)}\n)"))


def _together(lists: Iterable[str]) -> str:
    """Return the elements of all `lists`."""
    found = list(lists)
    return found[0] if len(found) == 1 else " +\n".join(f"({each})" for each in found) or "[]"


def _tags(raw: str, wanted: Collection[str], *, pushed: bool = False) -> str:
    """Return the tags of `raw`, all of the same form; `pushed` is whether a push can be among them."""
    asked = f"{got('r.tag', 'importPolicy', 'insecure', default='false')} == true"
    homes = f"r.homes.filter(h, {is_insecure('h.annotations')})"
    keys = ("kind", "name", "namespace", *(("image",) if pushed else ()))
    source = record(**{key: got("r.tag", "from", key) for key in keys})
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
    pushed = any(EXPORTED[name].pushes for name in carried)
    wanted = frozenset((*words, "name", "every", "from"))
    reader = TagReader(wanted)
    return {
        "name": NAME,
        "annotations": got("object", "metadata", "annotations", default="{}"),
        "annotationsBefore": f"oldObject == null ? {{}} : {got('oldObject', 'metadata', 'annotations', default='{}')}",
        "sent": _carried(reader, "object", carried),
        "tags": _tags("variables.sent", wanted, pushed=pushed),
        "was": _carried(reader, "oldObject", carried),
        "before": _tags("variables.was", wanted, pushed=pushed),
        "overwritten": _together(cel.overwritten for cel in EXPORTED.values() if cel.overwritten),
        "entries": _together(cel.entries(reader) for cel in EXPORTED.values() if cel.entries),
        "riders": images(f"{_tags('variables.entries', wanted | {'insecure'})}.filter(t, t.insecure)"),
        "images": images("variables.tags"),
        "imagesBefore": images("variables.before"),
    }
