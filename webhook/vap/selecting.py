"""The vocabulary of the rules bound to variables, and the changes that an entry applies to, in CEL."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

from webhook.globs.matching import Glob
from webhook.policy.entries import ExemptionEntry
from webhook.policy.match import Match, Selector
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import Cel, all_of, any_of, got, is_insecure, literal, matches, negated, of_resources, record
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.vocabulary import Annotations, Image, Stream, Tag, Terms

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
STREAM: Final = f'({NAME}).split(":")[0]'
_REPOSITORY: Final = "object.spec.dockerImageRepository"


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


def _riders(of: str) -> str:
    """Return the insecure imports of the request from the registry of an image."""
    return f"variables.riders.filter(x, x.valid && x.registry == {of}.registry)"


def _image(of: str) -> Image:
    riders = _riders(of)
    return Image(
        of=tag(f"{of}.of"),
        valid=f"{of}.valid",
        sent=f"{of}.of.from.name",
        fault=f"{of}.fault",
        registry=f"{of}.registry",
        repository=f"{of}.repository",
        tag=f"{of}.tag",
        digest=f"{of}.digest",
        insecure_riders=f"size({riders})",
        rider_field=f"{riders}[0].of.insecureField",
    )


def _stream(of: str) -> Stream:
    tags = "size({})".format
    count, before = (tags(got(each, "spec", "tags", default="[]")) for each in (of, "oldObject"))
    return Stream(
        lookup_local=f"({got(of, 'spec', 'lookupPolicy', 'local', default='false')} == true)",
        tags=count,
        fewer="false" if of == "oldObject" else f"oldObject != null && {count} < {before}",
        insecure=f"{OF_STREAMS} && {of} != null && {is_insecure(got(of, 'metadata', 'annotations', default='{}'))}",
        insecure_field=literal(f'metadata.annotations["{INSECURE_REPOSITORY}"]'),
    )


def _removed_field() -> str:
    """Return the JSON path of removed tags in any resource."""
    *most, (_, last) = ((of_resources((name,)), literal(cel.removed)) for name, cel in EXPORTED.items() if cel.removed)
    return f"({''.join(f'{asked} ? {path} : ' for asked, path in most)}{last})"


def _terms(variable: str, image: str, of: str, past: str = "") -> Terms:
    was = (
        f"variables.before.filter(w, !{variable}.every && w.name == {variable}.name && w.every == {variable}.every && "
        f'w.from.kind != "" && w.from != {variable}.from)'
    )
    return Terms(
        tag=tag(variable),
        image=_image(image),
        stream=_stream(of),
        namespace="request.namespace",
        moved=f"size({was}) > 0",
        before=tag(f"{was}[0]"),
        rides=f"variables.images.exists(y, y.of == {variable} && y.valid && size({_riders('y')}) > 0)",
        old_unknown=of_resources(tuple(name for name in EXPORTED if not RESOURCES[name].says_old)),
        removed_field=_removed_field(),
        followed=f'{_REPOSITORY} + ":" + {variable}.name',
        followed_field=literal("spec.dockerImageRepository"),
        past=past,
    )


TO_BE: Final = _terms("t", "i", "object")
AS_IT_WAS: Final = _terms("w", "w", "oldObject", past="oldObject")


_USER = "request.userInfo.username"
# Every tag of a stream, including new ones.
EVERY: Final = record(name='"*"', every="true")


def _in_groups(globs: Iterable[Glob]) -> str:
    return f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, {matches('g', globs)})"


def _of_request(selector: Selector) -> Iterator[str]:
    """Yield the conditions of a selector on the request, independent of the tag."""
    if selector.namespaces:
        yield matches("request.namespace", selector.namespaces)
    if selector.streams:
        yield matches(STREAM, selector.streams)
    if selector.users:
        yield matches(_USER, selector.users)
    if selector.groups:
        yield _in_groups(selector.groups)
    if selector.resources:
        yield f"request.resource.resource in {literal(list(selector.resources))}"


def request_conditions(match: Match) -> list[tuple[str, str]]:
    """Return the named conditions that the request itself must meet."""
    found = [("matched", part) for part in [all_of(_of_request(match.only))] if part != "true"]
    if match.exclude is not None and not match.exclude.tags:
        found.append(("not-excluded", negated(all_of(_of_request(match.exclude)))))
    return found


def tag_condition(match: Match, t: str) -> str:
    """Return whether the entry applies to the tag `t` of a request that meets the conditions."""
    parts: list[str] = []
    if match.only.tags:
        parts.append(any_of((f"{t}.every", matches(f"{t}.name", match.only.tags))))
    if match.exclude is not None and match.exclude.tags:
        parts.append(negated(all_of((*_of_request(match.exclude), matches(f"{t}.name", match.exclude.tags)))))
    return all_of(parts)


def is_simple(entry: ExemptionEntry) -> bool:
    """Whether the request alone determines that an exemption applies."""
    return not (entry.annotation or entry.match.only.tags or (entry.match.exclude and entry.match.exclude.tags))


def exempt_user(entry: ExemptionEntry) -> str:
    """Return whether an exemption may apply to the request itself."""
    asked = any_of(
        (
            *([matches(_USER, entry.users)] if entry.users else ()),
            *([_in_groups(entry.groups)] if entry.groups else ()),
        )
    )
    return all_of((asked, *(condition for _, condition in request_conditions(entry.match))))


def exempt_changes(entry: ExemptionEntry) -> str:
    """Return whether an exemption applies to every change of the request, and each has the required reason."""

    def holds(t: str, given: str) -> str:
        parts = []
        if entry.match.only.tags:
            parts.append(matches(f"{t}.name", entry.match.only.tags))
        if entry.match.exclude is not None and entry.match.exclude.tags:
            excluded = any_of((f"{t}.every", matches(f"{t}.name", entry.match.exclude.tags)))
            parts.append(negated(all_of((*_of_request(entry.match.exclude), excluded))))
        if entry.annotation:
            parts.append(given)
        return all_of(parts)

    on_stream = _given_on_stream(entry.annotation)
    removed = "false" if entry.annotation else holds("w", "")
    stream = "false" if entry.match.only.tags else "true"
    if entry.annotation and stream == "true":
        stream = on_stream
    return all_of(
        (
            f"variables.changed.all(t, {holds('t', f't.every ? {on_stream} : {_given(entry.annotation)}')})",
            f"variables.removed.all(w, {removed})",
            any_of(("!variables.streamChanged", stream)),
            any_of(("!variables.madeInsecure", holds(EVERY, on_stream))),
        )
    )


def _given_on_stream(name: str) -> str:
    """Return whether the object has a new annotation that is not blank."""
    key, found, before = literal(name), "variables.annotations", "variables.annotationsBefore"
    return (
        f'({key} in {found} && {found}[{key}].trim() != "" && '
        f"!({key} in {before} && {before}[{key}].trim() == {found}[{key}].trim()))"
    )


def _given(name: str) -> str:
    """Return whether the tag `t` has a new annotation that is not blank."""
    key, now, before = literal(name), tag("t").annotations, tag("w").annotations
    same = f"w.name == t.name && w.every == t.every && {before.has(key)}"
    return (
        f'({now.has(key)} && {now.value(key)}.trim() != "" && '
        f"!variables.before.exists(w, {same} && {before.value(key)}.trim() == {now.value(key)}.trim()))"
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
