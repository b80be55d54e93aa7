"""Explains rule kinds, fields and denials: the texts of `policy explain` and tables of the documentation."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from textwrap import indent
from typing import Final

from webhook.model.decision import Mode
from webhook.model.review import TagField
from webhook.policy.entries import KINDS, RuleEntry, evaluated
from webhook.policy.policy import Policy
from webhook.policy.written import Located
from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Resource, Row
from webhook.resources.parsing import SOURCE
from webhook.rules.base import Rule
from webhook.rules.schedule import Schedule
from webhook.schemas.times import written


def kinds() -> list[str]:
    """Return the names of the rule kinds, in order."""
    return [kind.kind for kind in KINDS]


def explained(name: str) -> str:
    """Return the explanation of one rule kind: meaning, parameters, resources."""
    kind = next(each for each in KINDS if each.kind == name)
    return "\n".join(_lines(kind))


def _lines(kind: type[Rule]) -> Iterator[str]:
    yield kind.kind
    yield f"  {kind.documentation()}"
    for each in kind.parameters():
        yield f"  {each.name}: {each.metadata['parameter'].expected} - {each.metadata['doc']}"
    yield from (f"  {path} ({type_}): {meaning}" for path, type_, meaning in kind.variables())
    yield f"  evaluates: {_where(kind)}"


def _where(kind: type[Rule]) -> str:
    """Return the resources whose reviews the kind evaluates."""
    return ", ".join(resource.name for resource in evaluated(kind)) or "no review, only `scan`"


def table() -> str:
    """Return the rule kinds as a Markdown table."""
    rows = [f"| `{kind.kind}` | {kind.documentation()} | {_parameters(kind)} | {_where(kind)} |" for kind in KINDS]
    return "\n".join(("| kind | meaning | parameters | evaluates |", "|---|---|---|---|", *rows))


def _parameters(kind: type[Rule]) -> str:
    return "<br>".join(f"`{each.name}`: {each.metadata['doc']}" for each in kind.parameters()) or "none"


def variables_table(name: str) -> str:
    """Return the fields in the expressions of a rule kind as a Markdown table, "" if it has none."""
    kind = next(each for each in KINDS if each.kind == name)
    rows = [f"| `{path}` | {type_} | {meaning} |" for path, type_, meaning in kind.variables()]
    return "\n".join(("| field | type | meaning |", "|---|---|---|", *rows)) if rows else ""


def resources_table() -> str:
    """Return a Markdown table of the fields that each kind evaluates by resource, and of the stored defaults."""
    names = [f"`{name}`" for name in RESOURCES]
    kinds = (
        f"| `{kind.kind}` | {' | '.join(_cell(kind, resource) for resource in RESOURCES.values())} |" for kind in KINDS
    )
    kept = (" ".join(f"`{each}`" for each in _kept(resource)) or "-" for resource in RESOURCES.values())
    return "\n".join(
        (
            f"| kind | {' | '.join(names)} |",
            "|---|" + "---|" * len(names),
            *kinds,
            f"| *defaults that the API server keeps* | {' | '.join(kept)} |",
        )
    )


def resources_text() -> str:
    """Return the same for a terminal: the kinds that evaluate each resource, and the fields they evaluate."""
    return "\n\n".join("\n".join(_resource_lines(resource)) for resource in RESOURCES.values())


def _resource_lines(resource: Resource) -> Iterator[str]:
    yield resource.name
    cells: dict[str, list[str]] = {}
    for kind in KINDS:
        cells.setdefault(_cell(kind, resource).replace("`", ""), []).append(kind.kind)
    for cell, found in cells.items():
        if cell != "-":
            yield f"  {cell}: {' '.join(found)}"
    yield f"  not evaluated there: {' '.join(cells.get('-', ())) or 'none'}"
    yield f"  defaults that the API server keeps: {' '.join(_kept(resource)) or 'none'}"


def _cell(kind: type[Rule], resource: Resource) -> str:
    """Return the fields of a resource's review that the kind evaluates."""
    places = [place for place in resource.places if kind.evaluates_tags and kind.reads <= place.carries]
    source = not kind.reads.isdisjoint(SOURCE)
    fields = [f"`{place.field('from.name') if place.fields and source else place.path}`" for place in places]
    if kind.evaluates_streams and resource.streams:
        fields.append("the stream")
    return " ".join(dict.fromkeys(fields)) or "-"


def _kept(resource: Resource) -> list[str]:
    return [each for each in TagField if any(each in place.kept for place in resource.places)]


def fields_table() -> str:
    """Return the ledger of every resource as Markdown tables."""
    return "\n\n".join("\n".join(_table(resource)) for resource in RESOURCES.values())


def fields_text() -> str:
    """Return the ledger of every resource for a terminal."""
    return "\n\n".join("\n".join(_text(resource)) for resource in RESOURCES.values())


def _table(resource: Resource) -> Iterator[str]:
    yield f"### {resource.name}\n"
    yield "| field | read by | notes |"
    yield "|---|---|---|"
    for path, row in resource.ledger.items():
        yield f"| `{path}` | {' '.join(f'`{kind}`' for kind in _kinds(row)) or '-'} | {_notes(row)} |"


def _text(resource: Resource) -> Iterator[str]:
    yield resource.name
    for path, row in resource.ledger.items():
        read = f"read by {', '.join(_kinds(row))}" if row.feeds else ""
        yield f"  {path}: {'; '.join(part for part in (read, _notes(row)) if part)}"


def _kinds(row: Row) -> list[str]:
    """Return the rule kinds that read a field."""
    return [kind.kind for kind in KINDS if not kind.reads.isdisjoint(row.feeds)]


def _notes(row: Row) -> str:
    parts = [row.because] if row.because else []
    if not row.has_effect:
        parts = [f"no effect on what a tag means: {row.because}"]
    if row.recorded:
        parts = [f"recorded: {row.because}"]
    if row.of_old:
        parts.append("read from the old object")
    if row.completed:
        parts.append("may be set by a default")
    return "; ".join(parts)


_RULE: Final = re.compile(r"\(rule (?P<name>[a-z0-9][-a-z0-9]*)(?P<end>\)|\.{3}|…)")
# The text before the message: words of the client and the API server, or a severity in a record or of `check`.
_BEFORE: Final = re.compile(r"denied (?:the )?request: |\bWarning: |^[;\s]*|\b(?:enforce|warn|audit): ")
_FIELD: Final = re.compile(r"(?:^|\s)((?:tag|spec|status|metadata|image)\b[^\s:]*: .*)")


@dataclass(frozen=True, slots=True)
class RuleMessage:
    """A message of a rule, as found in the output of a client.

    Attributes:
        rule: the name of the rule; if the message was cut, the beginning of the name.
        sentence: the message before it, with the field.
        whole: whether the name is complete.
    """

    rule: str
    sentence: str
    whole: bool = True

    def candidates(self, names: Collection[str]) -> list[str]:
        """Return the rules in `names` that may have produced the message."""
        return [name for name in names if name == self.rule or (not self.whole and name.startswith(self.rule))]


def read_message(text: str) -> list[RuleMessage]:
    """Return the messages of rules in `text`, without duplicates; other text and line breaks are ignored."""
    found: list[RuleMessage] = []
    flat, start = " ".join(text.split()), 0
    for match in _RULE.finditer(flat):
        found.append(RuleMessage(match["name"], _sentence(flat[start : match.start()]), match["end"] == ")"))
        start = match.end()
    return list(dict.fromkeys(found))


def _sentence(before: str) -> str:
    """Return the message at the end of `before`, without the words of the client and the API server."""
    *_, last = _BEFORE.finditer(before)
    rest = before[last.end() :]
    field = _FIELD.search(rest)
    return (field[1] if field else rest).strip()


_MODES: Final = {
    Mode.ENFORCE: "denies the change",
    Mode.WARN: "causes a warning, and the change is allowed",
    Mode.AUDIT: "is only recorded",
    Mode.IGNORE: "is ignored",
}


def explained_rule(policy: Policy, entry: RuleEntry, where: Located | None, time: datetime, sentence: str = "") -> str:
    """Return the explanation of one rule.

    Args:
        policy: the policy of the rule.
        entry: the rule.
        where: its place, None for the built-in rule `schema`.
        time: the moment from which windows are listed.
        sentence: the message of the rule, "" if there is none.
    """
    return "\n".join(_denial_lines(policy, entry, where, time, sentence))


def _denial_lines(
    policy: Policy, entry: RuleEntry, where: Located | None, time: datetime, sentence: str
) -> Iterator[str]:
    yield f"{entry.name}: rule of policy {policy.name}, {where or 'built in'}"
    if sentence:
        yield f"  message: {sentence}"
    if entry.description:
        yield f"  description: {entry.description}"
    yield f"  {entry.mode}: a violation {_MODES[entry.mode]}"
    yield f"  existing {entry.existing}: a violation that the change did not introduce {_MODES[entry.existing]}"
    if entry.period is not None:
        yield f"  in effect {entry.period}"
    yield ""
    if where:
        yield indent(where.source, "  ")
        yield ""
    yield indent(explained(entry.rule.kind), "  ")
    yield ""
    yield from _windows(entry.rule, time)
    yield "To fix it:"
    for each in entry.rule.remediation():
        yield f"  - {each}"


def _windows(rule: Rule, time: datetime) -> Iterator[str]:
    """Yield the next windows of a rule about when tags may change."""
    if isinstance(rule, Schedule):
        yield f"The next windows from {written(time, rule.zone)} on ({rule.zone}):"
        for part, span in rule.upcoming(time, most=10):
            yield f"  - {part}: {span.name}, {written(span.start, rule.zone)} to {written(span.end, rule.zone)}"
        yield ""
