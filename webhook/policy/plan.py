"""The rules of a policy, laid out by what they judge, so that a review meets only those that can speak of it."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from webhook.doors import CARRIED
from webhook.model import Carried, Change, Mode, TagChange, User
from webhook.policy.entries import RuleEntry
from webhook.policy.match import Match

# Rules that share a match, which is asked once for all of them.
Groups = tuple[tuple[Match, tuple[RuleEntry, ...]], ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """The rules of a policy by what they judge.

    Attributes:
        tags: those for a tag, by what its place carries.
        untouched: the same for a tag of which nothing changes: those that have something to say of it.
        removed: the same for a tag that is removed.
        streams: those for a stream as a whole.
        position: where each rule stands in the policy, by its name.
        asks_untouched: whether any rule has something to say of a tag of which nothing changes.
    """

    tags: Mapping[frozenset[Carried], Groups]
    untouched: Mapping[frozenset[Carried], Groups]
    removed: Mapping[frozenset[Carried], Groups]
    streams: Groups
    position: Mapping[str, int]
    asks_untouched: bool

    @classmethod
    def of(cls, rules: Iterable[RuleEntry]) -> "Plan":
        """Lay out `rules`."""
        entries = tuple(rules)

        def table(wanted: Callable[[RuleEntry], bool]) -> dict[frozenset[Carried], Groups]:
            return {
                carried: _groups(each for each in entries if each.rule.reads <= carried and wanted(each))
                for carried in CARRIED
            }

        untouched = table(lambda entry: entry.rule.judges_tags and speaks_of_untouched(entry))
        return cls(
            table(lambda entry: entry.rule.judges_tags),
            untouched,
            table(lambda entry: entry.rule.judges_removal),
            _groups(entry for entry in entries if entry.rule.judges_streams),
            {entry.name: position for position, entry in enumerate(entries)},
            any(untouched.values()),
        )

    def selected(self, change: Change, user: User) -> list[RuleEntry]:
        """Return the rules that speak of `change`, asked for by `user`."""
        if isinstance(change, TagChange):
            table = self.removed if change.new is None else self.tags if change.touched else self.untouched
            groups = table[change.place.carries]
        else:
            groups = self.streams
        found: list[RuleEntry] = []
        for match, entries in groups:
            if match.selects(change, user):
                found += entries
        return found


def speaks_of_untouched(entry: RuleEntry) -> bool:
    """Whether `entry` has something to say of a tag of which nothing changes."""
    return entry.rule.judges_untouched and (entry.existing is not Mode.IGNORE or entry.rule.reads_review)


def _groups(entries: Iterable[RuleEntry]) -> Groups:
    groups: dict[Match, list[RuleEntry]] = {}
    for entry in entries:
        groups.setdefault(entry.match, []).append(entry)
    return tuple((match, tuple(found)) for match, found in groups.items())
