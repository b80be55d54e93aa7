"""Which changes an entry of the policy speaks of."""

from dataclasses import dataclass, fields
from typing import Final

from marshmallow import ValidationError

from webhook.globs.alphabets import GROUP, NAMESPACE, STREAM, TAG, USER
from webhook.globs.matching import Glob, any_matches
from webhook.model.change import Change, TagChange
from webhook.model.review import User
from webhook.resources.catalog import NAMES
from webhook.schemas.containers import Items, Record
from webhook.schemas.parameters import Choice
from webhook.schemas.patterns import globs

_DOCS: Final = {
    "namespaces": "namespaces of the tag",
    "streams": "image streams of the tag",
    "tags": "names of the tag",
    "users": "users who ask",
    "groups": "groups of the user, one of which must match",
    "resources": "resources that carry the change",
}
_KEYS: Final = {
    "namespaces": globs(NAMESPACE),
    "streams": globs(STREAM),
    "tags": globs(TAG),
    "users": globs(USER),
    "groups": globs(GROUP),
    "resources": Items(Choice(*NAMES)),
}


@dataclass(frozen=True, slots=True)
class Selector:
    """What a change must have, all of it; an empty part asks nothing.

    A repository that is imported as a whole may have tags of any name: only the glob `*` is sure to speak of them.
    """

    namespaces: tuple[Glob, ...] = ()
    streams: tuple[Glob, ...] = ()
    tags: tuple[Glob, ...] = ()
    users: tuple[Glob, ...] = ()
    groups: tuple[Glob, ...] = ()
    resources: tuple[str, ...] = ()

    def selects(self, change: Change, user: User, *, perhaps: bool = False) -> bool:
        """Whether `change`, asked for by `user`, has all of it; or perhaps has, where its tags are not named."""
        return (
            self._selects_stream(change.namespace, change.stream, user)
            and (not self.tags or self._selects_tag(change, perhaps=perhaps))
            and (not self.resources or change.resource.partition("/")[0] in self.resources)
        )

    def _selects_stream(self, namespace: str, stream: str, user: User) -> bool:
        """Whether the namespace, the stream and the user are selected; found once for all tags of a stream."""
        known = user.known.get(id(self))
        if known is None or known[1] != namespace or known[2] != stream:
            selected = (
                (not self.namespaces or any_matches(self.namespaces, namespace))
                and (not self.streams or any_matches(self.streams, stream))
                and (not self.users or any_matches(self.users, user.name))
                and (not self.groups or any(any_matches(self.groups, group) for group in user.groups))
            )
            known = user.known[id(self)] = self, namespace, stream, selected  # what is kept keeps its identity
        return known[3]

    def _selects_tag(self, change: Change, *, perhaps: bool) -> bool:
        if not isinstance(change, TagChange):
            return False
        return (perhaps and change.every_tag) or any_matches(self.tags, change.tag)


_ANYTHING: Final = Selector()


@dataclass(frozen=True, slots=True)
class Match:
    """What an entry speaks of: what `only` selects, but for what `exclude` does."""

    only: Selector = _ANYTHING
    exclude: Selector | None = None

    def selects(self, change: Change, user: User, *, perhaps: bool = True) -> bool:
        """Whether the entry speaks of `change`, asked for by `user`.

        Args:
            change: what is evaluated.
            user: who asks.
            perhaps: whether it is enough that it may speak of one of the tags of a whole repository.
        """
        if self.only is not _ANYTHING and not self.only.selects(change, user, perhaps=perhaps):
            return False
        return self.exclude is None or not self.exclude.selects(change, user, perhaps=not perhaps)


def _match(*, exclude: Selector | None = None, **only: tuple[Glob, ...]) -> Match:
    """Make a Match; one that can never select anything is an error."""
    selector = Selector(**only) if only else _ANYTHING  # type: ignore[arg-type]
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
