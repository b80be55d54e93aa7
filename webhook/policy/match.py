"""The match of an entry: the changes that it applies to; and the pattern of tags in a command."""

from dataclasses import dataclass, fields
from typing import Final

from marshmallow import ValidationError

from webhook.errors import MalformedGlob
from webhook.globs.alphabets import GROUP, NAMESPACE, STREAM, TAG, USER
from webhook.globs.matching import Glob, any_matches
from webhook.model.review import Change, TagChange, User
from webhook.resources.catalog import NAMES
from webhook.schemas.containers import Items, Record, globs
from webhook.schemas.parameters import Choice
from webhook.text import quoted

EVERY: Final = "*"  # the name of every tag of a stream, for a change that may set any
_DOCS: Final = {
    "namespaces": "namespace of the tag",
    "streams": "image stream of the tag",
    "tags": "name of the tag",
    "users": "name of the user",
    "groups": "groups of the user, at least one of which must match",
    "resources": "resource of the request",
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
    """Conditions of a change, all of which must hold; an empty condition holds for every change.

    The import of a whole repository can create tags of any name, so only the glob `*` is certain to match them.
    """

    namespaces: tuple[Glob, ...] = ()
    streams: tuple[Glob, ...] = ()
    tags: tuple[Glob, ...] = ()
    users: tuple[Glob, ...] = ()
    groups: tuple[Glob, ...] = ()
    resources: tuple[str, ...] = ()

    def selects(self, change: Change, user: User, *, perhaps: bool = False) -> bool:
        """Whether all conditions hold for `change` by `user`; with `perhaps`, unknown tag names match every glob."""
        return (
            self._selects_stream(change.namespace, change.stream, user)
            and (not self.tags or self._selects_tag(change, perhaps=perhaps))
            and (not self.resources or change.resource.partition("/")[0] in self.resources)
        )

    def _selects_stream(self, namespace: str, stream: str, user: User) -> bool:
        """Whether the namespace, the stream and the user match; cached for the tags of a stream."""
        known = user.known.get(id(self))
        if known is None or known[1] != namespace or known[2] != stream:
            selected = (
                (not self.namespaces or any_matches(self.namespaces, namespace))
                and (not self.streams or any_matches(self.streams, stream))
                and (not self.users or any_matches(self.users, user.name))
                and (not self.groups or any(any_matches(self.groups, group) for group in user.groups))
            )
            known = user.known[id(self)] = self, namespace, stream, selected  # the reference keeps the id unique
        return known[3]

    def _selects_tag(self, change: Change, *, perhaps: bool) -> bool:
        if not isinstance(change, TagChange):
            return False
        return (perhaps and change.every_tag) or any_matches(self.tags, change.tag)


_ANYTHING: Final = Selector()


@dataclass(frozen=True, slots=True)
class Match:
    """The changes that an entry applies to: those that `only` selects, except those that `exclude` selects."""

    only: Selector = _ANYTHING
    exclude: Selector | None = None

    def selects(self, change: Change, user: User, *, perhaps: bool = True) -> bool:
        """Whether the entry applies to `change` by `user`.

        Args:
            change: the change.
            user: the user who requests it.
            perhaps: whether it is enough that the entry may apply to one tag of a whole repository.
        """
        if self.only is not _ANYTHING and not self.only.selects(change, user, perhaps=perhaps):
            return False
        return self.exclude is None or not self.exclude.selects(change, user, perhaps=not perhaps)


def _match(*, exclude: Selector | None = None, **only: tuple[Glob, ...]) -> Match:
    """Create a Match; reject one that can never select a change."""
    selector = Selector(**only) if only else _ANYTHING  # type: ignore[arg-type]
    if exclude is not None and _covers(exclude, selector):
        raise ValidationError({"exclude": ["excludes everything that the entry matches, so it can never match"]})
    return Match(selector, exclude)


def _covers(exclude: Selector, only: Selector) -> bool:
    """Whether `exclude` obviously selects everything that `only` selects: literally, or by `*`."""
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
    docs={**_DOCS, "exclude": "changes to exclude; all of its conditions must hold"},
    needs=(*_KEYS, "exclude"),
)


@dataclass(frozen=True, slots=True)
class TagPattern:
    """A pattern of tags, `NAMESPACE/STREAM:TAG`; each part is a glob."""

    namespace: Glob
    stream: Glob
    tag: Glob

    @classmethod
    def parse(cls, pattern: str) -> "TagPattern":
        """Parse a pattern.

        Raises:
            MalformedGlob: it can match no tag; the message says why.
        """
        namespace, slash, rest = pattern.partition("/")
        stream, colon, tag = rest.partition(":")
        if not slash or not colon:
            write = f"; for all tags of the stream write {quoted(f'{pattern}:*')}" if slash and stream else ""
            raise MalformedGlob(f"expected NAMESPACE/STREAM:TAG such as prod/app:live, got {quoted(pattern)}{write}")
        return cls(Glob.compile(namespace, NAMESPACE), Glob.compile(stream, STREAM), Glob.compile(tag, TAG))

    def has_stream(self, namespace: str, stream: str) -> bool:
        """Whether some tag of the stream may match."""
        return self.namespace.matches(namespace) and self.stream.matches(stream)

    def matches(self, name: str, *, every: bool = False) -> bool:
        """Whether the tag called `name` matches, or one of `every` tag of its stream may."""
        namespace, stream, tag = split(name)
        return self.has_stream(namespace, stream) and ((every and tag == EVERY) or self.tag.matches(tag))

    @property
    def literals(self) -> tuple[bytes, ...]:
        """Texts that are in every record of a matching tag, the longest first; JSON does not escape them."""
        globs = (self.namespace, self.stream)
        parts = (part for glob in globs for segment in glob.segments for part in segment if part)
        return tuple(part.encode() for part in sorted(parts, key=len, reverse=True))

    @property
    def hints(self) -> tuple[bytes, ...]:
        """Texts of which one is in every record of a matching tag, () if there are none."""
        literal = max((part for segment in self.tag.segments for part in segment), key=len, default="")
        return (literal.encode(), b":*", b"DELETE", b'"more"') if literal else ()


def split(name: str) -> tuple[str, str, str]:
    """Return namespace, stream and tag of `NAMESPACE/STREAM:TAG`; a tag may have a colon (observed)."""
    namespace, _, rest = name.partition("/")
    stream, _, tag = rest.partition(":")
    return namespace, stream, tag
