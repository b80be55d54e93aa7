"""Globs: `*` within a segment, `**` for whole segments; matched in linear time, without regular expressions."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from webhook.errors import MalformedGlob
from webhook.reference import DOCKER_HUB, HUB_NAMES, ImageReference
from webhook.text import quoted

Value = TypeVar("Value")
_MANY: Final = "**"
# A segment is what stands between its stars: `a*b` is ("a", "b"), `*` is ("", ""); `**` is ().
Segments = tuple[tuple[str, ...], ...]


def _segment_matches(parts: tuple[str, ...], text: str) -> bool:
    """Whether `text` is `parts`, with any characters between each two of them."""
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
    """Whether the segments of `text` are those of `pattern`, whose every `**` stands for one segment or more.

    Greedy, with one place to come back to, as for `*` in a segment: the last `**` alone need ever take more.
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


def _segments(part: str, separator: str, pattern: str) -> Segments:
    """Split `part` of a pattern, and check each segment."""
    segments = tuple(part.split(separator)) if separator else (part,)
    for segment in segments:
        if not segment:
            raise MalformedGlob(f"{quoted(pattern)} has an empty segment")
        if _MANY in segment and segment != _MANY:
            raise MalformedGlob(f"{quoted(pattern)}: ** must be a whole segment")
    if not separator and part == _MANY:
        raise MalformedGlob(f"{quoted(pattern)}: there are no segments here, write *")
    return tuple(() if segment == _MANY else tuple(segment.split("*")) for segment in segments)


@dataclass(frozen=True, slots=True)
class Glob:
    """A glob over the segments of a text."""

    pattern: str
    separator: str
    segments: Segments

    @classmethod
    def compile(cls, pattern: str, separator: str = "/") -> "Glob":
        """Make a glob; with the separator "" the whole text is one segment.

        Raises:
            MalformedGlob: the sentence says what was expected.
        """
        if not pattern:
            raise MalformedGlob("expected a glob, got an empty string")
        return cls(pattern, separator, _segments(pattern, separator, pattern))

    def matches(self, text: str) -> bool:
        """Whether the glob matches the whole of `text`."""
        if len(self.segments) == 1 and self.segments[0]:
            return _segment_matches(self.segments[0], text) and (not self.separator or self.separator not in text)
        return _matches(self.segments, text.split(self.separator))

    @property
    def literal(self) -> str:
        """What every text that it matches begins with."""
        return self.segments[0][0] if self.segments[0] else ""

    @property
    def exact(self) -> bool:
        """Whether it matches one text only: its own pattern."""
        return "*" not in self.pattern

    def __str__(self) -> str:
        return self.pattern


class Index(Generic[Value]):
    """Values by globs: what may match a text is found without asking every glob."""

    def __init__(self, values: Iterable[tuple[Iterable[Glob], Value]]) -> None:
        """Lay out `values`, each with the globs of which one at least must match."""
        self._exact: dict[str, list[Value]] = {}
        beginning: dict[int, dict[str, list[Value]]] = {}
        for globs, value in values:
            for glob in globs:
                at = self._exact if glob.exact else beginning.setdefault(len(glob.literal), {})
                at.setdefault(glob.pattern if glob.exact else glob.literal, []).append(value)
        self._beginning = tuple(sorted(beginning.items()))

    def candidates(self, text: str) -> list[Value]:
        """Return the values of which a glob matches `text`, and some of which none does; a value may stand twice."""
        found = list(self._exact.get(text, ()))
        for length, values in self._beginning:
            found += values.get(text[:length], ())
        return found


@dataclass(frozen=True, slots=True)
class ReferenceGlob:
    """A glob over image references: host, port and path are matched apart.

    Attributes:
        host: the labels of the host, () for any host with any port or none.
        port: "" for none, "*" for any that is given.
        path: the segments of the repository, () for any.
        registry: the host with its port where they are literal, "" where they are not.
        ending: the literal end of the host, "" where there is none.
        below: `path/` where all that is below a literal path is meant, "" where it is not.
    """

    pattern: str
    host: Segments
    port: str
    path: Segments
    registry: str = ""
    ending: str = ""
    below: str = ""

    @classmethod
    def compile(cls, pattern: str) -> "ReferenceGlob":
        """Make a glob of `registry` or `registry/path`.

        Raises:
            MalformedGlob: the sentence says what was expected.
        """
        first, slash, path = pattern.partition("/")
        if "://" in pattern or "@" in pattern:
            raise MalformedGlob(f"{quoted(pattern)}: expected a registry and a path, without scheme, user or digest")
        if first != "localhost" and {".", ":", "*"}.isdisjoint(first):
            raise MalformedGlob(f"{quoted(pattern)}: expected a registry first, such as {DOCKER_HUB}/library/busybox")
        if (slash and not path) or ":" in path:
            raise MalformedGlob(f"{quoted(pattern)}: expected a repository after the registry, without a tag")
        if path.lower() != path:
            raise MalformedGlob(f"{quoted(pattern)}: expected a path in lower case, as every repository is")
        host, port = _host(pattern, first.lower())
        literal = bool(host) and port != "*" and all(len(label) == 1 for label in host)
        registry = ".".join(label[0] for label in host) + (f":{port}" if port else "") if literal else ""
        ending = host[-1][-1] if host and host[-1] else ""
        below = path.removesuffix(_MANY)
        return cls(
            pattern,
            host,
            port,
            _segments(path, "/", pattern) if slash else (),
            registry,
            ending,
            below if below.endswith("/") and "*" not in below else "",
        )

    def matches(self, reference: ImageReference) -> bool:
        """Whether the glob matches the registry and the repository of `reference`."""
        if self.registry:
            if reference.registry != self.registry:
                return False
        elif self.host:
            host, port = _split_port(reference.registry)
            if port != self.port and not (self.port == "*" and port):
                return False
            if not host.endswith(self.ending) or not _matches(self.host, _labels(host)):
                return False
        if self.below:
            return reference.repository.startswith(self.below)
        return not self.path or _matches(self.path, reference.repository.split("/"))

    def __str__(self) -> str:
        return self.pattern


def _split_port(registry: str) -> tuple[str, str]:
    if registry.endswith("]") or ":" not in registry:
        return registry, ""
    host, _, port = registry.rpartition(":")
    return host, port


def _labels(host: str) -> list[str]:
    return [host] if host.startswith("[") else host.split(".")


def _host(pattern: str, first: str) -> tuple[Segments, str]:
    if first == "*":
        return (), ""
    host, port = _split_port(first)
    if ":" in first and port != "*" and not (port.isdecimal() and port.isascii()) and not first.endswith("]"):
        raise MalformedGlob(f"{quoted(pattern)}: expected a port of digits, or * for any")
    if host in HUB_NAMES:
        host = DOCKER_HUB
    return ((host,),) if host.startswith("[") else _segments(host, ".", pattern), port


def any_matches(globs: Iterable[Glob], text: str) -> bool:
    """Whether one of `globs` matches `text`."""
    for glob in globs:  # noqa: SIM110 - a generator costs more than most matches
        if glob.matches(text):
            return True
    return False


def any_reference_matches(globs: Iterable[ReferenceGlob], reference: ImageReference) -> bool:
    """Whether one of `globs` matches `reference`."""
    for glob in globs:  # noqa: SIM110 - as above
        if glob.matches(reference):
            return True
    return False
