"""What a user says about the first policy, and examples of it for the tests."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from webhook.errors import MalformedGlob
from webhook.globs.alphabets import NAMESPACE
from webhook.globs.matching import Glob, ReferenceGlob, any_reference_matches
from webhook.policy.lint.exemptions import is_reserved
from webhook.reference import ImageReference
from webhook.registry import is_internal, split_port
from webhook.text import quoted

INTERNAL_REGISTRY: Final = "image-registry.openshift-image-registry.svc:5000"
_SUGGESTED: Final = ("registry.redhat.io", "registry.access.redhat.com", "registry.connect.redhat.com", "quay.io")
_OTHERS: Final = ("registry.example.org", "registry.example.org:8443", "other.invalid", "localhost:8443")
_HOST: Final = "registry.example.com"
_REQUESTABLE: Final = "expected namespaces that users can request"
_PATH: Final = "acme/app"
_NAMESPACES: Final = ("team-a", "team-b")


@dataclass(frozen=True, slots=True)
class Answers:
    """What the first policy is about.

    Attributes:
        registries: globs of what tags may point at, the internal registry among them.
        namespaces: globs of the namespaces that the rules match, empty for all but those of the platform.
        named: whether the user named the registries; if not, they are a suggestion.
        trusted: a repository that one of `registries` matches.
        untrusted: a repository that none of `registries` matches.
        namespace: one that the rules match.
        other: another namespace.
    """

    registries: tuple[str, ...]
    namespaces: tuple[str, ...]
    named: bool
    trusted: str
    untrusted: str
    namespace: str
    other: str

    @classmethod
    def of(cls, registries: Iterable[str] = (), namespaces: Iterable[str] = ()) -> "Answers":
        """Check what the user gave.

        Raises:
            MalformedGlob: a glob matches nothing, a namespace belongs to the platform, or the registries allow
                everything; the sentence says which.
        """
        given = tuple(dict.fromkeys(registries))
        patterns = tuple(dict.fromkeys(namespaces))
        for pattern in patterns:
            Glob.compile(pattern, NAMESPACE)
            if is_reserved(pattern):
                raise MalformedGlob(
                    f"{quoted(pattern)} belongs to the platform, which the first policy leaves out; {_REQUESTABLE}"
                )
        allowed = tuple(dict.fromkeys((*(given or _SUGGESTED), INTERNAL_REGISTRY)))
        globs = tuple(map(ReferenceGlob.compile, allowed))
        untrusted = next(
            (each for each in _repositories() if not any_reference_matches(globs, ImageReference.parse(each))), None
        )
        if untrusted is None:
            allow = "allows" if len(given) == 1 else "allow"
            raise MalformedGlob(
                f"{', '.join(map(quoted, given))} {allow} every registry; expected the registries that you trust"
            )
        inside = _namespace(patterns[0]) if patterns else _NAMESPACES[0]
        other = next(each for each in _NAMESPACES if each != inside)
        return cls(allowed, patterns, bool(given), _trusted(allowed, inside), untrusted, inside, other)


def _repositories() -> Iterator[str]:
    """Yield repositories of which no policy in use is likely to allow all."""
    return (f"{each}/{_PATH}" for each in _OTHERS)


def _trusted(patterns: tuple[str, ...], namespace: str) -> str:
    """Return a repository outside the cluster that one of `patterns` matches, else one of `namespace`."""
    return next(
        (each for each in map(_repository, patterns) if not is_internal(ImageReference.parse(each).registry)),
        f"{INTERNAL_REGISTRY}/{namespace}/app",
    )


def _repository(pattern: str) -> str:
    """Return a repository that `pattern` matches: each of its stars stands for something."""
    registry, slash, path = pattern.partition("/")
    host, port = split_port(registry)
    host = _HOST if host in ("*", "**") else _filled(host, "registry")
    port = f":{port.replace('*', '5000')}" if port else ""
    return f"{host}{port}/{_filled(path, 'app') if slash else _PATH}"


def _filled(pattern: str, word: str) -> str:
    return pattern.replace("**", word).replace("*", word)


def _namespace(pattern: str) -> str:
    """Return a namespace that `pattern` matches, and that users can request."""
    for word in ("a", "b", ""):
        name = pattern.replace("*", word)
        if 0 < len(name) <= NAMESPACE.longest and not is_reserved(name):
            return name
    raise MalformedGlob(f"{quoted(pattern)} matches namespaces of the platform only; {_REQUESTABLE}")
