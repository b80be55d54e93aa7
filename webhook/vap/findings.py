"""The findings of a rule in CEL: the changes that its entry applies to, and the messages of its violations."""

from collections.abc import Iterable, Iterator
from enum import Enum
from typing import Final, NamedTuple

from webhook.globs.matching import Glob
from webhook.model.tag import SourceKind
from webhook.policy.entries import RuleEntry
from webhook.policy.match import Match, Selector
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import all_of, any_of, got, is_insecure, literal, matches, negated, of_resources, record
from webhook.resources.parsing import INSECURE_REPOSITORY
from webhook.rules.vocabulary import EACH, Denial, Image, Inexpressible, Stream, Subject, Terms, sentence
from webhook.vap.variables import EXPORTED, NAME, OF_STREAMS, tag

_STREAM: Final = f'({NAME}).split(":")[0]'
_REPOSITORY: Final = "object.spec.dockerImageRepository"
USER: Final = "request.userInfo.username"
# Every tag of a stream, including new ones.
EVERY: Final = record(name='"*"', every="true")


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
    of_tag, followed = tag(variable), f'{_REPOSITORY} + ":" + {variable}.name'
    return Terms(
        tag=of_tag,
        image=_image(image),
        stream=_stream(of),
        namespace="request.namespace",
        moved=f"size({was}) > 0",
        before=tag(f"{was}[0]"),
        rides=f"variables.images.exists(y, y.of == {variable} && y.valid && size({_riders('y')}) > 0)",
        old_unknown=of_resources(tuple(name for name in EXPORTED if not RESOURCES[name].says_old)),
        removed_field=_removed_field(),
        followed=followed,
        follows=f'({of_tag.kind} == "{SourceKind.DOCKER_IMAGE}" && {of_tag.source} == {followed})',
        followed_field=literal("spec.dockerImageRepository"),
        past=past,
    )


TO_BE: Final = _terms("t", "i", "object")
AS_IT_WAS: Final = _terms("w", "w", "oldObject", past="oldObject")


def in_groups(globs: Iterable[Glob]) -> str:
    """Return whether the user is in a group that matches any of `globs`."""
    return f"has(request.userInfo.groups) && request.userInfo.groups.exists(g, {matches('g', globs)})"


def of_request(selector: Selector) -> Iterator[str]:
    """Yield the conditions of a selector on the request, independent of the tag."""
    if selector.namespaces:
        yield matches("request.namespace", selector.namespaces)
    if selector.streams:
        yield matches(_STREAM, selector.streams)
    if selector.users:
        yield matches(USER, selector.users)
    if selector.groups:
        yield in_groups(selector.groups)
    if selector.resources:
        yield f"request.resource.resource in {literal(list(selector.resources))}"


def request_conditions(match: Match) -> list[tuple[str, str]]:
    """Return the named conditions that the request itself must meet."""
    found = [("matched", part) for part in [all_of(of_request(match.only))] if part != "true"]
    if match.exclude is not None and not match.exclude.tags:
        found.append(("not-excluded", negated(all_of(of_request(match.exclude)))))
    return found


def tag_condition(match: Match, t: str) -> str:
    """Return whether the entry applies to the tag `t` of a request that meets the conditions."""
    parts: list[str] = []
    if match.only.tags:
        parts.append(any_of((f"{t}.every", matches(f"{t}.name", match.only.tags))))
    if match.exclude is not None and match.exclude.tags:
        parts.append(negated(all_of((*of_request(match.exclude), matches(f"{t}.name", match.exclude.tags)))))
    return all_of(parts)


class Half(Enum):
    """Which findings of a rule are reported."""

    ALL = "all"
    NEW = "new"
    EXISTING = "existing"


class _List(NamedTuple):
    """The lists of the subjects of a denial.

    Attributes:
        name: the variable that lists the subjects.
        of: the tag of a subject.
        each: the name of a subject's variable.
        before: the variable that lists the old subjects.
        was: the tag of an old subject.
    """

    name: str
    of: str = "t"
    each: str = "t"
    before: str = ""
    was: str = "w"


_LISTS: Final = {
    Subject.TAG: _List("tags", before="before"),
    Subject.IMAGE: _List("images", "i.of", "i", "imagesBefore", "w.of"),
    Subject.REMOVED: _List("removed"),
    Subject.OVERWRITTEN: _List("overwritten"),
}


def findings(entry: RuleEntry, half: Half) -> str | Inexpressible:
    """Return the expression for the messages of `entry`, "" if that half has none; or why it is not expressible."""
    now, before = entry.rule.cel(TO_BE), entry.rule.cel(AS_IT_WAS)
    if isinstance(now, Inexpressible):
        return now
    if isinstance(before, Inexpressible):
        return before
    named = f" (rule {entry.name})"
    return " +\n".join(
        _of_stream(entry.match, denial, was, half, named)
        if denial.subject in (Subject.STREAM, Subject.EVERY_TAG)
        else _of_tags(entry.match, denial, was, half, named)
        for denial, was in zip(now, before, strict=True)
        if half is not Half.EXISTING or not denial.introduced
    )


def _of_stream(match: Match, denial: Denial, was: Denial, half: Half, named: str) -> str:
    """Return the message of a denial of the stream itself, or of all of its tags."""
    wrong = [denial.wrong]
    if denial.subject is Subject.EVERY_TAG:
        wrong = [TO_BE.stream.insecure, *(each for each in wrong if each != TO_BE.stream.insecure)]
        wrong.append(tag_condition(match, EVERY))
    same = all_of(("oldObject != null", was.wrong, f"{_message(was)} == {_message(denial)}"))
    broken = all_of((*wrong, *_in_half(half, same)))
    return f"({broken} ? [{_message(denial, named)}] : [])"


def _of_tags(match: Match, denial: Denial, was: Denial, half: Half, named: str) -> str:
    """Return the messages of a denial, one for each tag that the entry matches."""
    found = _LISTS[denial.subject]
    same = all_of(
        (
            *((f"{EACH} in {was.each}",) if was.each else ()),
            f"{found.was}.name == {found.of}.name",
            f"{found.was}.every == {found.of}.every",
            f"{found.was}.from == {found.of}.from",
            was.wrong,
            f"{_message(was)} == {_message(denial)}",
        )
    )
    if denial.subject is Subject.OVERWRITTEN:  # the list has the old source of each tag
        existed = all_of(("oldObject != null", TO_BE.follows, was.wrong))
    else:
        existed = f"variables.{found.before}.exists(w, {same})"
    before = () if denial.introduced else _in_half(half, existed)
    wrong = all_of((denial.wrong, *before))
    selected, listed = tag_condition(match, found.of), f"variables.{found.name}"
    message = _message(denial, named)
    if not denial.each:
        return f"{listed}.filter({found.each}, {all_of((selected, wrong))})\n.map({found.each}, {message})"
    # A list for each tag, because not every version has a function to flatten a list.
    every = f"{denial.each}.filter({EACH}, {wrong}).map({EACH}, {message})"
    some = f"{denial.each}.exists({EACH}, {wrong})"
    return f'{listed}.filter({found.each}, {all_of((selected, some))})\n.map({found.each}, {every}.join("; "))'


def _in_half(half: Half, was: str) -> Iterable[str]:
    """Return the condition for a finding of this half; `was` is whether the old object had the same finding."""
    if half is Half.ALL:
        return ()
    return (was if half is Half.EXISTING else negated(was),)


def _message(denial: Denial, named: str = "") -> str:
    return sentence(denial.field, denial.message + named)
