"""The sentences of a rule as one expression, a list of strings: of what is new, of what a change leaves as it was."""

from collections.abc import Iterator
from enum import Enum
from typing import Final

from webhook.policy.entries import RuleEntry
from webhook.policy.vap import sources, tags
from webhook.policy.vap.check import HERE, Check, sentence
from webhook.policy.vap.expressions import expression_checks
from webhook.policy.vap.reading import EXPORTED
from webhook.policy.vap.selecting import EVERY, tag_condition
from webhook.policy.vap.streams import OBJECT_CHECKS, ObjectCheck, insecure_expression_checks
from webhook.policy.vap.syntax import all_of, negated
from webhook.resources.cel import literal, of_resources
from webhook.rules.expression import Expression
from webhook.rules.naming import Immutable

_CHECKS: Final = {**sources.CHECKS, **tags.CHECKS}


class Half(Enum):
    """Which findings of a rule are meant."""

    ALL = "all"
    NEW = "new"
    EXISTING = "existing"


def findings(entry: RuleEntry, half: Half) -> str:
    """Return the expression for the sentences of `entry`, "" where there are none in that half."""
    return " +\n".join(_terms(entry, half))


def _terms(entry: RuleEntry, half: Half) -> Iterator[str]:
    rule, named = entry.rule, literal(f" (rule {entry.name})")
    if isinstance(rule, Expression):
        singles = insecure_expression_checks(rule)
    else:
        singles = OBJECT_CHECKS[type(rule)](rule) if type(rule) in OBJECT_CHECKS else iter(())
    for single in singles:
        yield _of_object(entry, single, half, named)
    if isinstance(rule, Expression):
        checks = expression_checks(rule)
    else:
        checks = _CHECKS[type(rule)](rule) if type(rule) in _CHECKS else iter(())
    for check in checks:
        if half is not Half.EXISTING or not check.always:
            yield _of_tags(entry, check, half, named)
    if isinstance(rule, Immutable) and half is not Half.EXISTING:
        yield _removed(entry, named)
        yield _overwritten(entry, named)


def _of_object(entry: RuleEntry, check: ObjectCheck, half: Half, named: str) -> str:
    wrong = check.wrong("object")
    if check.every_tag:
        wrong = all_of((wrong, tag_condition(entry.match, EVERY)))
    before = (
        f"(oldObject != null && ({check.wrong('oldObject')}) && {check.says('oldObject')} == {check.says('object')})"
    )
    if half is Half.NEW:
        wrong = f"({wrong}) && !{before}"
    elif half is Half.EXISTING:
        wrong = f"({wrong}) && {before}"
    return f"({wrong} ? [{check.says('object')} + {named}] : [])"


def _of_tags(entry: RuleEntry, check: Check, half: Half, named: str) -> str:
    """Return the sentences of one check, of each tag that the entry speaks of."""
    variable, of = ("i", "i.of") if check.image else ("t", "t")
    wrong = _where(check, half, variable)
    selected = tag_condition(entry.match, of)
    listed = "variables.images" if check.image else "variables.tags"
    if check.each is None:
        said = f"{check.says(variable)} + {named}"
        return f"{listed}.filter({variable}, {all_of((selected, wrong))})\n.map({variable}, {said})"
    # A list for each tag, and there is no function everywhere that makes one list of several.
    every = f"{check.each(variable)}.filter(k, {wrong}).map(k, {check.says(variable)} + {named})"
    return (
        f"{listed}.filter({variable}, {all_of((selected, f'{check.each(variable)}.exists(k, {wrong})'))})\n"
        f'.map({variable}, {every}.join("; "))'
    )


def _where(check: Check, half: Half, variable: str) -> str:
    wrong = check.wrong(variable)
    if half is Half.ALL or check.always:
        return wrong
    was = _was(check, variable)
    return all_of((wrong, was if half is Half.EXISTING else negated(was)))


def _was(check: Check, variable: str) -> str:
    """Return whether the same was said of the tag as it was; a tag that points elsewhere now is evaluated anew."""
    before, of, now = ("imagesBefore", "w.of", f"{variable}.of") if check.image else ("before", "w", variable)
    same = all_of(
        (
            f"{of}.name == {now}.name",
            f"{of}.every == {now}.every",
            f"{of}.from == {now}.from",
            (check.before or check.wrong)("w"),
            f"{check.says('w')} == {check.says(variable)}",
        )
    )
    return f"variables.{before}.exists(w, {same})"


def _removed(entry: RuleEntry, named: str) -> str:
    selected = all_of((tag_condition(entry.match, "w"), 'w.from.kind != ""'))
    *most, (_, last) = ((of_resources((name,)), literal(cel.removed)) for name, cel in EXPORTED.items() if cel.removed)
    path = f"({''.join(f'{asked} ? {path} : ' for asked, path in most)}{last})"
    said = sentence(path, f'"{HERE}" points at "{HERE}" and may not be removed', "w.name", tags.source("w"))
    return f"variables.removed.filter(w, {selected})\n.map(w, {said} + {named})"


def _overwritten(entry: RuleEntry, named: str) -> str:
    followed = '!(w.from.kind == "DockerImage" && w.from.name == object.spec.dockerImageRepository + ":" + w.name)'
    selected = all_of((tag_condition(entry.match, "w"), 'w.from.kind != ""', followed))
    said = sentence(
        '"spec.dockerImageRepository"',
        f'"{HERE}" points at "{HERE}" and may not be pointed at "DockerImage {HERE}:{HERE}"',
        "w.name",
        tags.source("w"),
        "object.spec.dockerImageRepository",
        "w.name",
    )
    return f"variables.overwritten.filter(w, {selected})\n.map(w, {said} + {named})"
