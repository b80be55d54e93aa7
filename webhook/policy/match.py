"""Which changes an entry of the policy speaks of."""

from dataclasses import dataclass, fields
from typing import Final

from marshmallow import ValidationError

from webhook.globs import Glob, any_matches
from webhook.model import TagChange, User
from webhook.parameters import Choice, Items, Record, globs
from webhook.rules.base import IMAGE_DOORS, TAG_DOORS

_DOCS: Final = {
    "namespaces": "namespaces of the tag",
    "streams": "image streams of the tag",
    "tags": "names of the tag",
    "users": "users who ask",
    "groups": "groups of the user, one of which must match",
    "doors": "resources that carry the change",
}
_KEYS: Final = {
    **{name: globs("") for name in ("namespaces", "streams", "tags", "users", "groups")},
    "doors": Items(Choice(*sorted(TAG_DOORS | IMAGE_DOORS))),
}


@dataclass(frozen=True, slots=True)
class Selector:
    """What a change must have, all of it; an empty part asks nothing."""

    namespaces: tuple[Glob, ...] = ()
    streams: tuple[Glob, ...] = ()
    tags: tuple[Glob, ...] = ()
    users: tuple[Glob, ...] = ()
    groups: tuple[Glob, ...] = ()
    doors: tuple[str, ...] = ()

    def selects(self, change: TagChange, user: User) -> bool:
        """Whether `change`, asked for by `user`, has all of it."""
        return (
            (not self.namespaces or any_matches(self.namespaces, change.namespace))
            and (not self.tags or any_matches(self.tags, change.tag))
            and (not self.streams or any_matches(self.streams, change.stream))
            and (not self.doors or change.door.partition("/")[0] in self.doors)
            and (not self.users or any_matches(self.users, user.name))
            and (not self.groups or any(any_matches(self.groups, group) for group in user.groups))
        )


@dataclass(frozen=True, slots=True)
class Match:
    """What an entry speaks of: what `only` selects, but for what `exclude` does."""

    only: Selector = Selector()
    exclude: Selector | None = None

    def selects(self, change: TagChange, user: User) -> bool:
        """Whether the entry speaks of `change`, asked for by `user`."""
        return self.only.selects(change, user) and not (self.exclude is not None and self.exclude.selects(change, user))


def _match(*, exclude: Selector | None = None, **only: tuple[Glob, ...]) -> Match:
    """Make a Match; one that can never select anything is an error."""
    selector = Selector(**only)  # type: ignore[arg-type]
    if exclude is not None and _covers(exclude, selector):
        raise ValidationError({"exclude": ["excludes everything that is matched, so the entry can never match"]})
    return Match(selector, exclude)


def _covers(exclude: Selector, only: Selector) -> bool:
    """Whether `exclude` is seen at once to select all that `only` does: literally, or by `*`."""
    for part in fields(Selector):
        out = [str(item) for item in getattr(exclude, part.name)]
        kept = [str(item) for item in getattr(only, part.name)]
        if not out or "*" in out:
            continue
        if not kept or not set(kept) <= set(out):
            return False
    return True


MATCH: Final = Record(
    {**_KEYS, "exclude": Record(_KEYS, Selector, docs=_DOCS, needs=tuple(_KEYS))},
    _match,
    docs={**_DOCS, "exclude": "changes that have all of this are left out"},
    needs=(*_KEYS, "exclude"),
)
