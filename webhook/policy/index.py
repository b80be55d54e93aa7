"""The rules of a policy, laid out by what they evaluate, so that a review meets only those that can speak of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from webhook.globs.matching import Index
from webhook.model.change import Change, TagChange, TagField
from webhook.model.decision import Mode
from webhook.model.review import User
from webhook.policy.entries import RuleEntry
from webhook.policy.match import Match
from webhook.resources.catalog import CARRIED

# Rules that share a match, which is asked once for all of them.
Group = tuple[Match, tuple[RuleEntry, ...]]


class Groups:
    """Groups of rules, those that name namespaces found by them: a policy may have a thousand."""

    def __init__(self, entries: Iterable[RuleEntry]) -> None:
        """Group `entries` by what they match."""
        matches: dict[Match, list[RuleEntry]] = {}
        for entry in entries:
            matches.setdefault(entry.match, []).append(entry)
        groups: list[Group] = [(match, tuple(found)) for match, found in matches.items()]
        self._everywhere = tuple(group for group in groups if not group[0].only.namespaces)
        self._somewhere = Index((group[0].only.namespaces, group) for group in groups if group[0].only.namespaces)
        self.empty = not groups

    def selected(self, change: Change, user: User) -> list[RuleEntry]:
        """Return the rules that speak of `change`, asked for by `user`."""
        found: list[RuleEntry] = []
        for match, entries in self._everywhere:
            if match.selects(change, user):
                found += entries
        if some := self._somewhere.candidates(change.namespace):
            # Two globs of one match may have led to the same group.
            for match, entries in {id(group): group for group in some}.values():
                if match.selects(change, user):
                    found += entries
        return found


@dataclass(frozen=True, slots=True)
class RuleIndex:
    """The rules of a policy by what they evaluate.

    Attributes:
        tags: those for a tag, by what its place carries.
        untouched: the same for a tag of which nothing changes: those that have something to say of it.
        removed: the same for a tag that is removed.
        streams: those for a stream as a whole.
        position: where each rule stands in the policy, by its name.
        evaluates_untouched: whether any rule has something to say of a tag of which nothing changes.
    """

    tags: Mapping[frozenset[TagField], Groups]
    untouched: Mapping[frozenset[TagField], Groups]
    removed: Mapping[frozenset[TagField], Groups]
    streams: Groups
    position: Mapping[str, int]
    evaluates_untouched: bool

    @classmethod
    def of(cls, rules: Iterable[RuleEntry]) -> "RuleIndex":
        """Lay out `rules`."""
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
        """Return the rules that speak of `change`, asked for by `user`."""
        if isinstance(change, TagChange):
            table = self.removed if change.new is None else self.tags if change.touched else self.untouched
            return table[change.place.carries].selected(change, user)
        return self.streams.selected(change, user)


def applies_to_untouched(entry: RuleEntry) -> bool:
    """Whether `entry` has something to say of a tag of which nothing changes."""
    return entry.rule.evaluates_untouched and (entry.existing is not Mode.IGNORE or entry.rule.reads_review)
