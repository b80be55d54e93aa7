"""The grammar of an image reference (distribution specification) and Docker's normalisation of it."""

import re
from dataclasses import dataclass
from typing import Final

from webhook.errors import MalformedReference
from webhook.text import quoted
from webhook.values import quick

DOCKER_HUB: Final = "docker.io"
# Its older index and its registry's own host, as OpenShift knows them (library-go, image/reference).
HUB_NAMES: Final = frozenset((DOCKER_HUB, f"index.{DOCKER_HUB}", f"registry-1.{DOCKER_HUB}"))
# The service names of the internal registry, with and without the cluster's domain (registry operator, service-ca).
INTERNAL_REGISTRIES: Final = frozenset(
    f"{service}{suffix}"
    for service in ("image-registry.openshift-image-registry", "docker-registry.default")
    for suffix in ("", ".svc", ".svc.cluster.local")
)
_LONGEST_NAME: Final = 255
_LONGEST: Final = 4_096
_LABEL: Final = re.compile(r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?")
_HOST: Final = re.compile(rf"(?:{_LABEL.pattern}(?:\.{_LABEL.pattern})*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_DIGEST: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{64}")


@quick
@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image reference in its canonical form.

    Attributes:
        registry: the host, in lower case, with its port where one is given.
        repository: the path below the registry.
        tag: "" where none is given.
        digest: "" where none is given; where both are, the digest wins.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Parse a reference as Docker does: `busybox` is docker.io/library/busybox.

        Raises:
            MalformedReference: the sentence says what is wrong and what was expected.
        """
        if not text or len(text) > _LONGEST:
            raise _wrong(text, f"expected 1 to {_LONGEST} characters")
        rest, at, digest = text.partition("@")
        if at:
            _check_digest(text, digest)
        path, colon, tag = rest, "", ""
        if rest.rfind(":") > rest.rfind("/"):
            path, colon, tag = rest.rpartition(":")
        if colon and not TAG.fullmatch(tag):
            raise _wrong(text, f"the tag {quoted(tag)} does not match {TAG.pattern}")
        registry, repository = _split(text, path)
        if len(registry) + 1 + len(repository) > _LONGEST_NAME:
            raise _wrong(text, f"the name is longer than {_LONGEST_NAME} characters")
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """The registry and the repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The reference as Docker shows it, without docker.io and library, wherever that means the same."""
        if self.registry != DOCKER_HUB:
            return str(self)
        first, slash, rest = self.repository.partition("/")
        name = rest if first == "library" and "/" not in rest else self.repository
        if (slash and _is_registry(name.partition("/")[0])) or _IDENTIFIER.fullmatch(name):
            name = self.name
        return name + self._suffix

    @property
    def effective_tag(self) -> str:
        """The tag that is pulled: `latest` where neither tag nor digest is given, "" where only a digest is."""
        return self.tag or ("" if self.digest else "latest")

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix


def _wrong(text: str, why: str) -> MalformedReference:
    return MalformedReference(f"{quoted(text)} is not an image reference: {why}")


def _check_digest(text: str, digest: str) -> None:
    algorithm, _, digits = digest.partition(":")
    if not _DIGEST.fullmatch(digest):
        raise _wrong(text, f"{quoted(digest)} is not a digest such as sha256: and 64 hexadecimal digits")
    wanted = _HEX_DIGITS.get(algorithm)
    if wanted is None:
        raise _wrong(text, f"the algorithm {quoted(algorithm)} is unknown; expected one of {', '.join(_HEX_DIGITS)}")
    if len(digits) != wanted or digits.lower() != digits:
        raise _wrong(text, f"a {algorithm} digest has {wanted} lower-case hexadecimal digits")


def _is_registry(segment: str) -> bool:
    """Whether the first of several segments names a registry, as Docker tells it from a namespace of its own."""
    return "." in segment or ":" in segment or segment == "localhost"


def _split(text: str, path: str) -> tuple[str, str]:
    """Split a name into registry and repository, both checked."""
    first, slash, rest = path.partition("/")
    if not slash and _IDENTIFIER.fullmatch(first):
        raise _wrong(text, "64 hexadecimal digits are an image's identifier")
    if slash and _is_registry(first):
        if not _HOST.fullmatch(first):
            raise _wrong(text, f"{quoted(first)} is not a registry's host name")
        registry, repository = first.lower(), rest
    else:
        registry, repository = DOCKER_HUB, path
    if registry in HUB_NAMES:
        registry = DOCKER_HUB
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise _wrong(text, _component_fault(component))
    return registry, repository


def _component_fault(component: str) -> str:
    if not component:
        return "a segment of the name is empty"
    if component.lower() != component and _COMPONENT.fullmatch(component.lower()):
        return "repository name must be lowercase"
    return f"the segment {quoted(component)} does not match {_COMPONENT.pattern}"


def is_internal(registry: str) -> bool:
    """Whether `registry`, a host with or without a port, is a service name of the internal registry."""
    return registry.partition(":")[0] in INTERNAL_REGISTRIES


@dataclass(frozen=True, slots=True)
class StreamReference:
    """A source inside the cluster: an image stream's tag, or its image.

    Attributes:
        stream: "" where the tag's own stream is meant.
        tag: "" where an image is named.
        image: the image's digest, "" where a tag is named.
    """

    stream: str
    tag: str = ""
    image: str = ""

    @classmethod
    def parse_tag(cls, text: str) -> "StreamReference":
        """Parse the name of an ImageStreamTag source: `stream:tag`, or `tag` of the same stream.

        Raises:
            MalformedReference: `text` has another form.
        """
        stream, colon, tag = text.rpartition(":")
        if not tag or (colon and not stream) or ":" in stream:
            raise _no_stream_reference(text)
        return cls(stream, tag=tag)

    @classmethod
    def parse_image(cls, text: str) -> "StreamReference":
        """Parse the name of an ImageStreamImage source: `stream@digest`, or the digest of the same stream.

        Raises:
            MalformedReference: `text` has another form.
        """
        stream, at, image = text.rpartition("@")
        if not image or (at and not stream) or "@" in stream:
            raise _no_stream_reference(text)
        return cls(stream, image=image)


def _no_stream_reference(text: str) -> MalformedReference:
    return MalformedReference(f"{quoted(text)} must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>")
