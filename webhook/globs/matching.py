"""Globs: `*` matches within a segment, `**` matches whole segments. Linear time, without regular expressions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from webhook.errors import MalformedGlob
from webhook.globs.alphabet import Alphabet
from webhook.globs.alphabets import REFERENCE
from webhook.reference import ImageReference
from webhook.registry import DOCKER_HUB, LIBRARY, canonical_host, canonical_port, joined, split_port
from webhook.text import quoted

Value = TypeVar("Value")
_MANY: Final = "**"
# A segment is split at its stars: `a*b` is ("a", "b"), `*` is ("", ""); `**` is ().
Segments = tuple[tuple[str, ...], ...]


def _segment_matches(parts: tuple[str, ...], text: str) -> bool:
    """Whether `text` consists of `parts`, with any characters between two of them."""
    first, last = parts[0], parts[-1]
    if len(parts) == 1:
        return text == first
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in parts[1:-1]:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _matches(pattern: Segments, text: list[str]) -> bool:
    """Whether the segments of `text` match `pattern`; each `**` matches one segment or more.

    The match is greedy with one backtracking position, the last `**`; earlier ones never need to take more.
    """
    at, here, star, mark = 0, 0, -1, 0
    while here < len(text):
        if at < len(pattern) and not pattern[at]:
            star, mark = at, here + 1
            at, here = at + 1, here + 1
        elif at < len(pattern) and _segment_matches(pattern[at], text[here]):
            at, here = at + 1, here + 1
        elif star >= 0:
            mark += 1
            at, here = star + 1, mark
        else:
            return False
    return at == len(pattern) and here == len(text)


def _segments(part: str, separator: str) -> Segments:
    """Split `part` of a pattern into its segments."""
    segments = part.split(separator) if separator else (part,)
    return tuple(() if segment == _MANY else tuple(segment.split("*")) for segment in segments)


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob over the segments of a text."""

    pattern: str
    separator: str
    segments: Segments

    @classmethod
    def compile(cls, pattern: str, alphabet: Alphabet) -> "Glob":
        """Compile a glob for the values of one kind.

        Args:
            pattern: the glob.
            alphabet: the kind of value.

        Raises:
            MalformedGlob: the glob can match no value of the kind; the message says why.
        """
        if fault := alphabet.fault(pattern):
            raise MalformedGlob(fault)
        return cls(pattern, alphabet.separator, _segments(pattern, alphabet.separator))

    def matches(self, text: str) -> bool:
        """Whether the glob matches the whole of `text`."""
        if len(self.segments) == 1 and (parts := self.segments[0]):
            if len(parts) == 1:
                return text == parts[0]
            return _segment_matches(parts, text) and (not self.separator or self.separator not in text)
        return _matches(self.segments, text.split(self.separator))

    @property
    def literal(self) -> str:
        """The literal beginning of every text that the glob matches."""
        return self.segments[0][0] if self.segments[0] else ""

    @property
    def exact(self) -> bool:
        """Whether the glob matches only one text: its own pattern."""
        return "*" not in self.pattern

    def __str__(self) -> str:
        return self.pattern


class Index(Generic[Value]):
    """Values by globs: finds the values whose globs may match a text without trying every glob."""

    def __init__(self, values: Iterable[tuple[Iterable[Glob], Value]]) -> None:
        """Index `values`, each with its globs, of which at least one must match."""
        self._exact: dict[str, list[Value]] = {}
        beginning: dict[int, dict[str, list[Value]]] = {}
        for globs, value in values:
            for glob in globs:
                at = self._exact if glob.exact else beginning.setdefault(len(glob.literal), {})
                at.setdefault(glob.pattern if glob.exact else glob.literal, []).append(value)
        self._beginning = tuple(sorted(beginning.items()))

    def candidates(self, text: str) -> list[Value]:
        """Return all values that have a glob matching `text`; other values and duplicates are possible."""
        found = list(self._exact.get(text, ()))
        for length, values in self._beginning:
            found += values.get(text[:length], ())
        return found


@dataclass(frozen=True, slots=True)
class ReferenceGlob:
    """A glob over image references: host, port and path are matched separately, each in canonical form.

    Attributes:
        host: the labels of the host, () for any host.
        port: "" for the default port, "*" for any.
        path: the segments of the repository, () for any.
        registry: the canonical registry if it is literal, else "".
        ending: the literal end of the host, "" if there is none.
        repository: the repository if it is literal, else "".
        below: `path/` if the glob means everything below a literal path, else "".
        official: whether the path is one segment and the host may be Docker Hub, which adds `library/` before it.
    """

    pattern: str
    host: Segments
    port: str
    path: Segments
    registry: str = ""
    ending: str = ""
    repository: str = ""
    below: str = ""
    official: bool = False

    @classmethod
    def compile(cls, pattern: str) -> "ReferenceGlob":
        """Compile a glob of the form `registry` or `registry/path`.

        Raises:
            MalformedGlob: the glob can match no reference; the message says why.
        """
        if fault := REFERENCE.fault(pattern):
            raise MalformedGlob(fault)
        first, slash, path = pattern.partition("/")
        name, number = split_port(first)
        try:
            host, port = canonical_host(name), canonical_port(number)
        except ValueError:
            message = f"{quoted(pattern)} matches no image reference: {name} is not an IPv6 address"
            raise MalformedGlob(message) from None
        if host in ("*", _MANY):
            host, port = "", port if number else "*"
        short = bool(slash) and "/" not in path and path != _MANY
        if short and host == DOCKER_HUB:
            path, short = f"{LIBRARY}/{path}", False
        literal, below = bool(host) and "*" not in host, path.removesuffix(_MANY)
        labels = () if not host else ((host,),) if host.startswith("[") else _segments(host, ".")
        return cls(
            pattern,
            labels,
            port,
            _segments(path, "/") if slash else (),
            registry=joined(host, port) if literal and port != "*" else "",
            ending=labels[-1][-1] if labels and labels[-1] else "",
            repository=path if "*" not in path else "",
            below=below if below.endswith("/") and "*" not in below else "",
            official=short and not literal,
        )

    def matches(self, reference: ImageReference) -> bool:
        """Whether the glob matches the registry and the repository of `reference`."""
        if self.registry:
            if reference.registry != self.registry:
                return False
        elif not self._matches_registry(reference.registry):
            return False
        repository = reference.repository
        if self.below:
            return repository.startswith(self.below)
        if self.official and reference.registry == DOCKER_HUB:
            repository = repository.removeprefix(f"{LIBRARY}/")
        if self.repository:
            return repository == self.repository
        return not self.path or _matches(self.path, repository.split("/"))

    def _matches_registry(self, registry: str) -> bool:
        if self.port == "*" and not self.host:
            return True
        host, port = split_port(registry) if ":" in registry else (registry, "")
        if not host.endswith(self.ending) or (port != self.port != "*" and canonical_port(port) != self.port):
            return False
        if not self.host or host[0] == "[":
            return self.host in ((), ((host,),))
        return _matches(self.host, host.split("."))

    def __str__(self) -> str:
        return self.pattern


def any_matches(globs: Iterable[Glob], text: str) -> bool:
    """Whether any of `globs` matches `text`."""
    for glob in globs:  # noqa: SIM110 - a generator costs more than most matches
        if glob.matches(text):
            return True
    return False


def any_reference_matches(globs: Iterable[ReferenceGlob], reference: ImageReference) -> bool:
    """Whether any of `globs` matches `reference`."""
    for glob in globs:  # noqa: SIM110 - as above
        if glob.matches(reference):
            return True
    return False
