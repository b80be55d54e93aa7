"""The variables of a ValidatingAdmissionPolicy, each before its use, and how a tag in them is named."""

import re
from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from webhook.registry import ALIASES, CLUSTER_DOMAIN, DEFAULT_PORT, DOCKER_HUB, LIBRARY, LOCALHOST, SERVICE
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import Cel, TagReader, got, is_insecure, literal, of_resources, record
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.vocabulary import Annotations, Tag

# The resources whose tags CEL can read.
EXPORTED: Final[Mapping[str, Cel]] = MappingProxyType(
    {name: resource.cel for name, resource in RESOURCES.items() if isinstance(resource.cel, Cel)}
)
# The resources whose reviews have data on the stream as a whole.
OF_STREAMS: Final = of_resources(tuple(name for name in EXPORTED if RESOURCES[name].streams))
# The name in the request is empty if the API server has yet to generate it (`generateName`).
NAME: Final = (
    'has(request.name) && request.name != "" ? request.name : '
    f"{got('object', 'metadata', 'name', default=got('object', 'metadata', 'generateName'))}"
)
_LABEL: Final = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
# OpenShift's own parser rejects IPv6 addresses, so none gets here; they would not be parsed.
_IPV6: Final = r"\[[0-9a-f:]+\]"
_HOST: Final = rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|{_IPV6})(?::[0-9]+)?"
_PATH: Final = r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*)*"
_SUFFIX: Final = (
    r"(?::[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})?"
    r"(?:@(?:sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?$"
)
_LONGEST: Final = 255
# The name without tag and digest; whether its first segment is a registry.
_NAME: Final = r"^(?:\[[0-9a-fA-F:]*\])?[^@:]*(?::[0-9]+/[^@:]*)?"
_HOSTED: Final = rf"^(?:{LOCALHOST}|[^/]*[.:][^/]*)/"


def _alias(host: str) -> str:
    """Return the name that `host` is an alias of, or `host`."""
    found = host
    for name in dict.fromkeys(ALIASES.values()):
        aliases = sorted(alias for alias, of in ALIASES.items() if of == name)
        found = f"{host} in {literal(aliases)} ? {literal(name)} : {found}"
    return found


def images(tags: str) -> str:
    """Return the DockerImages among `tags`, parsed as Docker does.

    CEL has no assignment: mapping a list of one value names it. The names are:

    - `p`: the name without tag and digest
    - `h`: whether its first segment is a registry
    - `f`: that segment
    - `n`: the registry's host
    - `o`: the registry's port
    - `g`: the registry
    - `s`: the repository as sent
    - `b`: the repository
    - `c`: whether the name can be parsed
    - `v`: whether it also names no other image than the recorded one
    """
    name = "t.from.name"
    digest = f'(!{name}.contains("@") ? "" : {name}.substring({name}.indexOf("@") + 1))'
    valid = (
        f'size({name}) <= 4096 && size(s) <= {_LONGEST} && !p.matches("^[0-9a-f]{{64}}$") && '
        f"{name}.matches(h ? {literal(f'^{_HOST}/{_PATH}{_SUFFIX}')} : {literal(f'^{_PATH}{_SUFFIX}')})"
    )
    after = f'{name}.split("@")[0].substring(size(p))'
    tag = f'!v ? "" : {after} != "" ? {after}.substring(1) : {digest} == "" ? "latest" : ""'
    fault = f'c ? "it names another image than " + t.from.image : "\\"" + {name} + "\\" is not an image reference"'
    image = record(of="t", valid="v", fault=f'v ? "" : {fault}', registry="g", repository="b", digest=digest, tag=tag)
    domain = literal(SERVICE + CLUSTER_DOMAIN)
    alone = f'n.contains(".") || n == "{LOCALHOST}" || n.startsWith("[")'
    lets = (
        ("p", f"{name}.find({literal(_NAME)})"),
        ("h", f"p.matches({literal(_HOSTED)})"),
        ("f", 'h ? p.split("/")[0].lowerAscii() : ""'),
        ("n", r'f.find("^(?:\\[[^\\]]*\\]|[^:]*)")'),
        ("n", 'n.endsWith(".") ? n.substring(0, size(n) - 1) : n'),
        ("n", f"n.endsWith({domain}) ? n.substring(0, size(n) - {len(CLUSTER_DOMAIN)}) : n"),
        ("n", _alias("n")),
        ("o", r'f.matches(":0+$") ? "0" : f.matches(":[0-9]+$") ? f.find("[1-9][0-9]*$") : ""'),
        ("o", f'o == "{DEFAULT_PORT}" ? "" : o'),
        ("g", f'!h ? "{DOCKER_HUB}" : o != "" ? n + ":" + o : {alone} ? n : n + ":{DEFAULT_PORT}"'),
        ("s", 'h ? p.substring(p.indexOf("/") + 1) : p'),
        ("b", f'g == "{DOCKER_HUB}" && !s.contains("/") ? "{LIBRARY}/" + s : s'),
        ("c", valid),
        ("v", f'c && (!has(t.from.image) || t.from.image in ["", {digest}] || {digest} == "")'),
    )
    opened = "\n".join(f"[{value}].map({each}," for each, value in lets)
    return f'{tags}.filter(t, t.from.kind == "DockerImage").map(t,\n{opened}\n{image}' + ")[0]" * len(lets) + ")"


def tag(of: str) -> Tag:
    """Return the names of the tag `of`: a variable, or an expression for one of `variables.tags`."""
    source = f"{of}.from"
    return Tag(
        name=f"{of}.name",
        path=f"{of}.path",
        fields={
            "name": f"{of}.nameField",
            "from.name": f"{of}.fromField",
            "from.kind": f'{of}.fromField.replace(".from.name", ".from.kind")',
            "importPolicy.insecure": f"{of}.insecureField",
        },
        every=f"{of}.every",
        kind=f"{source}.kind",
        source=f"{source}.name",
        source_namespace=f"{source}.namespace",
        written=(f'{source}.kind + " " + ({source}.namespace == "" ? "" : {source}.namespace + "/") + {source}.name'),
        insecure=f"{of}.insecure",
        scheduled=f"{of}.scheduled",
        import_mode=f"{of}.importMode",
        reference_policy=f"{of}.referencePolicy",
        reference=f"{of}.reference",
        annotations=Annotations(f"{of}.annotations[0]", f"{of}.annotations[1]"),
    )


# Variables for exemptions by tag: the changed tags, the removed tags, and whether the stream itself changes.
_LOOKUP: Final = f"({{0}} != null && {got('{0}', 'spec', 'lookupPolicy', 'local', default='false')} == true)"
CHANGED: Final = {
    "removed": (
        f"{of_resources(tuple(name for name, cel in EXPORTED.items() if cel.removed))} ? "
        "variables.before.filter(w, !w.every && !variables.tags.exists(t, t.name == w.name)) : []"
    ),
    "touched": (f"{OF_STREAMS} ? variables.tags.filter(t, !variables.before.exists(w, w == t)) : variables.tags"),
    "lookup": (f"{OF_STREAMS} && {_LOOKUP.format('object')} != {_LOOKUP.format('oldObject')}"),
    "madeInsecure": (
        f"{OF_STREAMS} && {is_insecure('variables.annotations')} && !{is_insecure('variables.annotationsBefore')}"
    ),
    "nothing": (
        "size(variables.touched) + size(variables.removed) == 0 && !variables.lookup && !variables.madeInsecure"
    ),
    "changed": "variables.nothing ? variables.tags : variables.touched",
    "streamChanged": f"{OF_STREAMS} && (variables.lookup || variables.nothing)",
}
_WORD: Final = re.compile(r"[A-Za-z]+")
_USED: Final = re.compile(r"\bvariables\.([A-Za-z]+)")
_HELD: Final = f'["{INSECURE_REPOSITORY}"]'
FIELDS: Final = frozenset(
    ["insecure", "insecureField", "scheduled", "importMode", "referencePolicy", "reference", "annotations"]
)


def needed(resources: Iterable[str], given: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that `given` need, and `given`, each before its first use."""
    words = set(_WORD.findall(" ".join((*given.values(), *(CHANGED.values() if "exempt" in given else ())))))
    if "exempt" in given:
        words |= FIELDS  # a tag changes if any of its fields does
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
    """Return the tags of one side of a review of any of `resources`."""
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
        resources: the resources of the reviews.
        words: the words of the expressions that use them, including every field of a tag that they need.
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
