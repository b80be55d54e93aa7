"""A policy: its rules indexed for the evaluation, and its entries as written for the checks."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from webhook.globs.matching import Index
from webhook.model.decision import Mode
from webhook.model.review import Change, TagChange, TagField, User
from webhook.policy.entries import DefaultEntry, ExemptionEntry, RuleEntry
from webhook.policy.match import Match
from webhook.resources.catalog import CARRIED
from webhook.rules.cluster import Schema

IMPLIED: Final = RuleEntry("schema", Schema(), Mode.ENFORCE, Mode.AUDIT)  # for a policy without a rule of that kind

# Rules with the same match, which is evaluated once for all of them.
Group = tuple[Match, tuple[RuleEntry, ...]]


class Groups:
    """Groups of rules, indexed by namespace, because a policy may have a thousand of them."""

    def __init__(self, entries: Iterable[RuleEntry]) -> None:
        """Group `entries` by their match."""
        matches: dict[Match, list[RuleEntry]] = {}
        for entry in entries:
            matches.setdefault(entry.match, []).append(entry)
        groups: list[Group] = [(match, tuple(found)) for match, found in matches.items()]
        self._everywhere = tuple(group for group in groups if not group[0].only.namespaces)
        self._somewhere = Index((group[0].only.namespaces, group) for group in groups if group[0].only.namespaces)
        self.empty = not groups

    def selected(self, change: Change, user: User) -> list[RuleEntry]:
        """Return the rules that apply to `change` by `user`."""
        found: list[RuleEntry] = []
        for match, entries in self._everywhere:
            if match.selects(change, user):
                found += entries
        if some := self._somewhere.candidates(change.namespace):
            # Two globs of one match may lead to the same group.
            for match, entries in {id(group): group for group in some}.values():
                if match.selects(change, user):
                    found += entries
        return found


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """The rules of a policy, indexed by what they evaluate.

    Attributes:
        tags: the rules for a changed tag, by the properties that its place carries.
        untouched: the same for a tag without changes.
        removed: the same for a removed tag.
        streams: the rules for a stream as a whole.
        position: the position of each rule in the policy, by name.
        evaluates_untouched: whether any rule evaluates tags without changes.
    """

    tags: Mapping[frozenset[TagField], Groups]
    untouched: Mapping[frozenset[TagField], Groups]
    removed: Mapping[frozenset[TagField], Groups]
    streams: Groups
    position: Mapping[str, int]
    evaluates_untouched: bool

    @classmethod
    def of(cls, rules: Iterable[RuleEntry]) -> "RuleIndex":
        """Index `rules`."""
        entries = tuple(rules)

        def table(wanted: Callable[[RuleEntry], bool]) -> dict[frozenset[TagField], Groups]:
            return {
                carried: Groups(each for each in entries if each.rule.reads <= carried and wanted(each))
                for carried in CARRIED
            }

        untouched = table(lambda entry: entry.rule.evaluates_tags and applies_to_untouched(entry))
        return cls(
            table(lambda entry: entry.rule.evaluates_tags),
            untouched,
            table(lambda entry: entry.rule.evaluates_removal),
            Groups(entry for entry in entries if entry.rule.evaluates_streams),
            {entry.name: position for position, entry in enumerate(entries)},
            not all(groups.empty for groups in untouched.values()),
        )

    def selected(self, change: Change, user: User) -> list[RuleEntry]:
        """Return the rules that apply to `change` by `user`."""
        if isinstance(change, TagChange):
            table = self.removed if change.new is None else self.tags if change.touched else self.untouched
            return table[change.place.carries].selected(change, user)
        return self.streams.selected(change, user)


def applies_to_untouched(entry: RuleEntry) -> bool:
    """Whether `entry` evaluates tags without changes."""
    return entry.rule.evaluates_untouched and (entry.existing is not Mode.IGNORE or entry.rule.reads_review)


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy, ready to evaluate.

    Attributes:
        name: the names of its documents, joined by commas.
        digest: SHA-256 of its canonical form, `sha256:` and 64 hexadecimal digits.
        canonical: its documents as a JSON list with sorted keys, in ASCII and without spaces.
        ignore: the names of the warnings to ignore.
        index: its rules, indexed by what they evaluate.
        texts: the names and texts of its files.
    """

    name: str
    digest: str
    exemptions: tuple[ExemptionEntry, ...]
    defaults: tuple[DefaultEntry, ...]
    rules: tuple[RuleEntry, ...]
    ignore: tuple[str, ...]
    index: RuleIndex = field(repr=False, compare=False)
    texts: tuple[tuple[str, str], ...] = field(repr=False, compare=False)
    canonical: str = field(repr=False, compare=False)

    def __str__(self) -> str:
        return f"{self.name}@{self.digest[:19]}"  # enough of the digest for a person to compare

    @property
    def written(self) -> tuple[RuleEntry, ...]:
        """The rules in its documents, without the built-in rule `schema`."""
        return tuple(entry for entry in self.rules if entry.rule is not IMPLIED.rule)

    def for_stored_streams(self) -> "Policy":
        """Return the policy for a scan of stored streams.

        A scan evaluates every rule in its own `mode`, because `existing` only limits what an unrelated edit reports.
        Exemptions do not apply, because they exempt the user of a request, and a scan has none. Those that end are
        kept, because a scan names them if a tag still violates the policy after their end.
        """
        rules = tuple(replace(entry, existing=entry.mode) for entry in self.rules)
        ending = tuple(each for each in self.exemptions if each.period is not None and each.period.end is not None)
        return replace(self, exemptions=ending, rules=rules, index=RuleIndex.of(rules))


# A named tuple, as in `policy.written`.
class PolicyView(NamedTuple):
    """The entries of a policy as written in its files, without the built-in rule `schema`.

    Attributes:
        exemptions: the exemptions, in order.
        defaults: the defaults, in order.
        rules: the rules, in order.
        keys: the keys of each entry in its file, by the name of the entry.
        time: when the policy is checked, timezone-aware.
    """

    exemptions: tuple[ExemptionEntry, ...]
    defaults: tuple[DefaultEntry, ...]
    rules: tuple[RuleEntry, ...]
    keys: Mapping[str, Collection[str]]
    time: datetime

    @property
    def enforced(self) -> tuple[RuleEntry, ...]:
        """The rules in mode `enforce`."""
        return tuple(entry for entry in self.rules if entry.mode is Mode.ENFORCE)
