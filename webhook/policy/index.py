"""Indexes the rules of a policy by what they evaluate, so that a review only meets the rules that apply to it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from webhook.globs.matching import Index
from webhook.model.decision import Mode
from webhook.model.review import Change, TagChange, TagField, User
from webhook.policy.entries import RuleEntry
from webhook.policy.match import Match
from webhook.resources.catalog import CARRIED

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
