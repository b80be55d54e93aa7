"""The entries of a policy document: rules, defaults, exemptions; how each is read and described."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from marshmallow import ValidationError

from webhook.defaults import COMPLETION, Completion
from webhook.globs.alphabets import ANNOTATION_KEY, GROUP, USER
from webhook.globs.matching import Glob
from webhook.model.decision import Mode
from webhook.policy.match import MATCH, Match
from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Resource
from webhook.rules.base import Rule
from webhook.rules.kinds import KINDS
from webhook.schemas.containers import Record
from webhook.schemas.parameters import Choice, Parameter, Schema, Sentence
from webhook.schemas.patterns import NameText, globs

API_VERSION: Final = "istag-webhook/v1"
KIND: Final = "ImageTagPolicy"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BY_KIND: Final[Mapping[str, type[Rule]]] = {kind.kind: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule of the policy: what must be, of which changes, and what happens where it is not."""

    name: str
    rule: Rule
    mode: Mode = Mode.ENFORCE
    existing: Mode = Mode.AUDIT
    match: Match = Match()
    description: str = ""


@dataclass(frozen=True, slots=True)
class DefaultEntry:
    """A default of the policy: what is completed, of which changes."""

    name: str
    set: Completion
    match: Match = Match()


@dataclass(frozen=True, slots=True)
class ExemptionEntry:
    """An exemption of the policy: whose changes are let through, and the annotation that must give the reason."""

    name: str
    users: tuple[Glob, ...] = ()
    groups: tuple[Glob, ...] = ()
    annotation: str = ""
    match: Match = Match()


class Name(Parameter):
    """The name of an entry (an RFC 1123 label, as it stands in metrics and audit annotations)."""

    expected = "a name of lower-case letters, digits and '-', of 63 characters at most"

    def read(self, value: Any) -> str:
        """Return the name."""
        if not isinstance(value, str) or not _NAME.fullmatch(value):
            raise self.wrong(value)
        return value

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"type": "string", "pattern": f"^{_NAME.pattern}$"}


def _rule_record(kind: type[Rule]) -> Record:
    keys = {each.name: each.metadata["parameter"] for each in kind.parameters()}
    return Record(keys, kind, docs={each.name: each.metadata["doc"] for each in kind.parameters()}, needs=kind.needs)


def _rule_entry(
    name: str,
    description: str = "",
    mode: str = Mode.ENFORCE,
    existing: str = Mode.AUDIT,
    match: Match | None = None,
    **kinds: Rule,
) -> RuleEntry:
    rule = next(iter(kinds.values()))
    wanted = match or Match()
    can = resources(rule)
    if can and wanted.only.resources and set(can).isdisjoint(wanted.only.resources):
        raise ValidationError(
            {
                "match": {
                    "resources": [
                        f"{rule.kind} evaluates nothing there, so it can never match; expected {', '.join(can)}"
                    ]
                }
            }
        )
    if wanted.only.tags and not rule.evaluates_tags:
        raise ValidationError(
            {"match": {"tags": [f"{rule.kind} evaluates streams and no tags, so it can never match"]}}
        )
    return RuleEntry(name, rule, Mode(mode), Mode(existing), wanted, description)


def resources(rule: Rule | type[Rule]) -> list[str]:
    """Return the resources at which a rule kind evaluates, in their order; none for one that only a scan evaluates."""
    return list(dict.fromkeys(resource.name.partition("/")[0] for resource in judged(rule)))


def judged(rule: Rule | type[Rule]) -> list[Resource]:
    """Return the resources at which a rule kind evaluates: those whose reviews carry what it reads."""
    return [
        resource
        for resource in RESOURCES.values()
        if (rule.evaluates_streams and resource.streams)
        or (rule.evaluates_tags and any(rule.reads <= place.carries for place in resource.places))
    ]


def _exemption(name: str, match: Match | None = None, **given: Any) -> ExemptionEntry:
    return ExemptionEntry(name, match=match or Match(), **given)


RULE: Final = Record(
    {
        "name": Name(required=True),
        "description": Sentence(),
        "mode": Choice(Mode.ENFORCE, Mode.WARN, Mode.AUDIT),
        "existing": Choice(*Mode),
        "match": MATCH,
        **{kind: _rule_record(cls) for kind, cls in _BY_KIND.items()},
    },
    _rule_entry,
    docs={
        "name": "what messages, metrics and records call it",
        "description": "why it is there and whom to ask, for `policy explain`",
        "mode": "what a finding does: deny, warn the client, or only record",
        "existing": "the same for what a change leaves as it was",
        "match": "the changes it evaluates, all where absent",
        **{kind: cls.documentation() for kind, cls in _BY_KIND.items()},
    },
    one_of=tuple(_BY_KIND),
)
DEFAULT: Final = Record(
    {"name": Name(required=True), "match": MATCH, "set": COMPLETION},
    lambda name, set, match=Match(): DefaultEntry(name, set, match),  # noqa: A006 - the policy's name
    docs={"name": "what records call it", "match": "the tags it completes, all where absent", "set": "what it sets"},
)
EXEMPTION: Final = Record(
    {
        "name": Name(required=True),
        "users": globs(USER),
        "groups": globs(GROUP),
        "annotation": NameText(ANNOTATION_KEY),
        "match": MATCH,
    },
    _exemption,
    docs={
        "name": "what records call it",
        "users": "users who are exempt",
        "groups": "groups whose members are exempt",
        "annotation": "an annotation that must be set on the tag; its value is recorded as the reason",
        "match": "the changes that are exempt, all where absent",
    },
    needs=("users", "groups"),
)
