"""The messages of a rule as one expression for a list of strings: of introduced and of existing violations."""

from collections.abc import Iterable
from enum import Enum
from typing import Final, NamedTuple

from webhook.policy.entries import RuleEntry
from webhook.policy.match import Match
from webhook.resources.cel import all_of, negated
from webhook.rules.vocabulary import EACH, Denial, Inexpressible, Subject, sentence
from webhook.vap.selecting import AS_IT_WAS, EVERY, TO_BE, tag_condition


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
    before = () if denial.introduced else _in_half(half, f"variables.{found.before}.exists(w, {same})")
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
