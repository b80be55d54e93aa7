"""Which changes an entry speaks of, in CEL: what the request says by itself, and what only each tag says."""

from collections.abc import Iterable, Iterator
from typing import Final

from webhook.celtext import all_of, any_of, got, literal, matches, negated, record
from webhook.globs.matching import Glob
from webhook.policy.entries import ExemptionEntry
from webhook.policy.match import Match, Selector
from webhook.resources.cel import is_insecure, of_resources
from webhook.vap.binding import EXPORTED, OF_STREAMS, STREAM, tag

_USER = "request.userInfo.username"
# Every tag of a stream, those to come among them.
EVERY: Final = record(name='"*"', every="true")


def _in_groups(globs: Iterable[Glob]) -> str:
    return f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, {matches('g', globs)})"


def _of_request(selector: Selector) -> Iterator[str]:
    """Yield what a selector asks of the request, whichever tag is meant."""
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
    """Return the conditions that the request itself must meet, each with a name."""
    found = [("matched", part) for part in [all_of(_of_request(match.only))] if part != "true"]
    if match.exclude is not None and not match.exclude.tags:
        found.append(("not-excluded", negated(all_of(_of_request(match.exclude)))))
    return found


def tag_condition(match: Match, t: str) -> str:
    """Return whether the entry speaks of the tag `t`, of a request that meets the conditions."""
    parts: list[str] = []
    if match.only.tags:
        parts.append(any_of((f"{t}.every", matches(f"{t}.name", match.only.tags))))
    if match.exclude is not None and match.exclude.tags:
        parts.append(negated(all_of((*_of_request(match.exclude), matches(f"{t}.name", match.exclude.tags)))))
    return all_of(parts)


def is_simple(entry: ExemptionEntry) -> bool:
    """Whether the request alone says that an exemption holds."""
    return not (entry.annotation or entry.match.only.tags or (entry.match.exclude and entry.match.exclude.tags))


def exempt_user(entry: ExemptionEntry) -> str:
    """Return whether the request itself is one that an exemption may speak of."""
    asked = any_of(
        (
            *([matches(_USER, entry.users)] if entry.users else ()),
            *([_in_groups(entry.groups)] if entry.groups else ()),
        )
    )
    return all_of((asked, *(condition for _, condition in request_conditions(entry.match))))


def exempt_changes(entry: ExemptionEntry) -> str:
    """Return whether an exemption speaks of every change of the request, and each gives the reason that it asks for."""

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
    """Return whether the object has an annotation that says something, and did not have it before."""
    key, found, before = literal(name), "variables.annotations", "variables.annotationsBefore"
    return (
        f'({key} in {found} && {found}[{key}].trim() != "" && '
        f"!({key} in {before} && {before}[{key}].trim() == {found}[{key}].trim()))"
    )


def _given(name: str) -> str:
    """Return whether the tag `t` has an annotation that says something, and did not have it before."""
    key, now, before = literal(name), tag("t").annotations, tag("w").annotations
    same = f"w.name == t.name && w.every == t.every && {before.has(key)}"
    return (
        f'({now.has(key)} && {now.value(key)}.trim() != "" && '
        f"!variables.before.exists(w, {same} && {before.value(key)}.trim() == {now.value(key)}.trim()))"
    )


# What an exemption that looks at tags must know: those that change, those that go, and whether the stream itself does.
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
