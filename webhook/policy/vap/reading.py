"""The variables that read a review as `resources` does: the tags that it would change, as they are to be and were.

A tag is a map: `name path nameField fromField every from insecure insecureField scheduled importMode referencePolicy
reference annotations`; `from` has `kind name namespace`, all empty where the tag has no source. What must be parsed of
a DockerImage stands in `variables.images`, beside the tag as `of`.
"""

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from webhook.policy.vap.images import images
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import Cel, TagReader, got, is_insecure, literal, of_resources, record
from webhook.resources.parsing import INSECURE_REPOSITORY

# The resources whose tags CEL can read.
EXPORTED: Final[Mapping[str, Cel]] = MappingProxyType(
    {name: resource.cel for name, resource in RESOURCES.items() if isinstance(resource.cel, Cel)}
)
# The resources of which a review says something of a stream as a whole.
OF_STREAMS: Final = of_resources(tuple(name for name in EXPORTED if RESOURCES[name].streams))
# The name in the request is empty where the API server is yet to make one (`generateName`).
NAME: Final = (
    'has(request.name) && request.name != "" ? request.name : '
    f"{got('object', 'metadata', 'name', default=got('object', 'metadata', 'generateName'))}"
)
STREAM: Final = f'({NAME}).split(":")[0]'
_HELD: Final = f'["{INSECURE_REPOSITORY}"]'
FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)


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


def _carried(reader: TagReader, side: str, resources: Iterable[str]) -> str:
    """Return the tags of one side, whichever of `resources` carries them."""
    *most, last = resources
    cases = [f'request.resource.resource == "{each}" ? (\n{EXPORTED[each].tags(reader, side)}\n) : ' for each in most]
    return "".join((*cases, f"(\n{EXPORTED[last].tags(reader, side)}\n)"))


def _together(lists: Iterable[str]) -> str:
    """Return the elements of all `lists`."""
    found = list(lists)
    return found[0] if len(found) == 1 else " +\n".join(f"({each})" for each in found) or "[]"


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
    reader = TagReader(wanted)
    return {
        "name": NAME,
        "annotations": got("object", "metadata", "annotations", default="{}"),
        "annotationsBefore": f"oldObject == null ? {{}} : {got('oldObject', 'metadata', 'annotations', default='{}')}",
        "sent": _carried(reader, "object", carried),
        "tags": _tags("variables.sent", wanted),
        "was": _carried(reader, "oldObject", carried),
        "before": _tags("variables.was", wanted),
        "overwritten": _together(cel.overwritten for cel in EXPORTED.values() if cel.overwritten),
        "entries": _together(cel.entries(reader) for cel in EXPORTED.values() if cel.entries),
        "riders": images(f"{_tags('variables.entries', wanted | {'insecure'})}.filter(t, t.insecure)"),
        "images": images("variables.tags"),
        "imagesBefore": images("variables.before"),
    }
