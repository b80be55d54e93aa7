"""The entries of a policy document: all rule kinds in their order, and how a rule, default or exemption is written."""

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
from webhook.rules.cluster import Conditions, ImageSize, Labels, Platforms, Signatures
from webhook.rules.cluster import Schema as SchemaRule
from webhook.rules.expression import Expression
from webhook.rules.policies import ImportPolicy, LookupPolicy, ReferencePolicy
from webhook.rules.schedule import Schedule
from webhook.rules.source import CrossNamespace, Pin, Registries, SourceKinds
from webhook.rules.tags import Annotations, Immutable, TagLimit, TagName
from webhook.schemas.containers import Items, Record, globs
from webhook.schemas.parameters import Choice, NameText, Parameter, Schema, Sentence
from webhook.schemas.times import PERIOD, PERIOD_DOCS, Period, period

KINDS: Final[tuple[type[Rule], ...]] = (
    SchemaRule,
    SourceKinds,
    Registries,
    Pin,
    CrossNamespace,
    ImportPolicy,
    ReferencePolicy,
    LookupPolicy,
    TagName,
    TagLimit,
    Immutable,
    Schedule,
    Annotations,
    Labels,
    Platforms,
    ImageSize,
    Signatures,
    Conditions,
    Expression,
)


API_VERSION: Final = "istag-webhook/v1"
KIND: Final = "ImageTagPolicy"
TEST_KIND: Final = "ImageTagPolicyTest"
_NAME: Final = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_BY_KIND: Final[Mapping[str, type[Rule]]] = {kind.kind: kind for kind in KINDS}


@dataclass(frozen=True, slots=True)
class RuleEntry:
    """A rule of the policy: its requirement, the changes it matches, the effect of a violation, and when it holds."""

    name: str
    rule: Rule
    mode: Mode = Mode.ENFORCE
    existing: Mode = Mode.AUDIT
    match: Match = Match()
    description: str = ""
    period: Period | None = None


@dataclass(frozen=True, slots=True)
class DefaultEntry:
    """A default of the policy: the fields to set, and the changes it matches."""

    name: str
    set: Completion
    match: Match = Match()


@dataclass(frozen=True, slots=True)
class ExemptionEntry:
    """An exemption of the policy: the users, the annotation that must give a reason, and when it holds."""

    name: str
    users: tuple[Glob, ...] = ()
    groups: tuple[Glob, ...] = ()
    annotation: str = ""
    match: Match = Match()
    ticket: str = ""
    period: Period | None = None


def is_test(value: Any) -> bool:
    """Whether a document is a policy test, which may be in the same files and is not part of the policy."""
    return isinstance(value, dict) and value.get("kind") == TEST_KIND


class Name(Parameter):
    """The name of an entry: an RFC 1123 label, because metrics and audit annotations contain it."""

    expected = "a name of at most 63 lower-case letters, digits and '-'"

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
    **rest: Any,
) -> RuleEntry:
    when = period(rest)
    rule: Rule = next(iter(rest.values()))
    wanted = match or Match()
    can = resources(rule)
    if can and wanted.only.resources and set(can).isdisjoint(wanted.only.resources):
        raise ValidationError(
            {
                "match": {
                    "resources": [
                        f"{rule.kind} evaluates none of these, so the rule can never match; expected {', '.join(can)}"
                    ]
                }
            }
        )
    if wanted.only.tags and not rule.evaluates_tags:
        raise ValidationError(
            {"match": {"tags": [f"{rule.kind} evaluates streams, not tags, so the rule can never match"]}}
        )
    return RuleEntry(name, rule, Mode(mode), Mode(existing), wanted, description, when)


def resources(rule: Rule | type[Rule]) -> list[str]:
    """Return the resources that a rule kind evaluates, in order; none for a kind that only a scan evaluates."""
    return list(dict.fromkeys(resource.name.partition("/")[0] for resource in evaluated(rule)))


def evaluated(rule: Rule | type[Rule]) -> list[Resource]:
    """Return the resources that a rule kind evaluates: their reviews carry the fields that it reads."""
    return [
        resource
        for resource in RESOURCES.values()
        if (rule.evaluates_streams and resource.streams)
        or (rule.evaluates_tags and any(rule.reads <= place.carries for place in resource.places))
    ]


def _exemption(name: str, match: Match | None = None, **values: Any) -> ExemptionEntry:
    when = period(values)
    return ExemptionEntry(name, match=match or Match(), period=when, **values)


RULE: Final = Record(
    {
        "name": Name(required=True),
        "description": Sentence(),
        "mode": Choice(Mode.ENFORCE, Mode.WARN, Mode.AUDIT),
        "existing": Choice(*Mode),
        "match": MATCH,
        **PERIOD,
        **{kind: _rule_record(cls) for kind, cls in _BY_KIND.items()},
    },
    _rule_entry,
    docs={
        "name": "name of the rule in messages, metrics and records",
        "description": "purpose of the rule and whom to contact, for `policy explain`",
        "mode": "effect of a violation: deny the request, warn the client, or only record it",
        "existing": "effect of a violation that the change did not introduce",
        "match": "changes to evaluate; default: all",
        **PERIOD_DOCS,
        **{kind: cls.documentation() for kind, cls in _BY_KIND.items()},
    },
    one_of=tuple(_BY_KIND),
)
DEFAULT: Final = Record(
    {"name": Name(required=True), "match": MATCH, "set": COMPLETION},
    lambda name, set, match=Match(): DefaultEntry(name, set, match),  # noqa: A006 - the policy's name
    docs={"name": "name of the default in records", "match": "tags to complete; default: all", "set": "fields to set"},
)
EXEMPTION: Final = Record(
    {
        "name": Name(required=True),
        "users": globs(USER),
        "groups": globs(GROUP),
        "annotation": NameText(ANNOTATION_KEY),
        "ticket": Sentence(),
        "match": MATCH,
        **PERIOD,
    },
    _exemption,
    docs={
        "name": "name of the exemption in records",
        "users": "exempt users",
        "groups": "groups whose members are exempt",
        "annotation": "an annotation that the tag must have; its value is recorded as the reason",
        "ticket": "the ticket that grants the exemption; it is recorded with each use",
        "match": "changes that are exempt; default: all",
        **PERIOD_DOCS,
    },
    needs=("users", "groups"),
)
SPEC: Final = {"exemptions": Items(EXEMPTION), "defaults": Items(DEFAULT), "rules": Items(RULE)}
