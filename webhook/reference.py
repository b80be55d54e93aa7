"""The grammar of an image reference (distribution specification), normalised as Docker does."""

import re
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from webhook.errors import AmbiguousReference, MalformedReference
from webhook.registry import DOCKER_HUB, INTERNAL_REGISTRIES, LIBRARY, canonical_registry, is_internal, is_registry
from webhook.text import quoted
from webhook.values import quick

__all__ = ["INTERNAL_REGISTRIES", "STREAM", "TAG", "ImageReference", "StreamReference", "is_internal"]

_LONGEST_NAME: Final = 255
_LONGEST: Final = 4_096
_LABEL: Final = r"[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9a-fA-F:]+\])(?::[0-9]+)?")
_COMPONENT: Final = re.compile(r"[a-z0-9]+(?:(?:\.|__?|-+)[a-z0-9]+)*")
TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
# openshift-apiserver, apis/image/validation, RepositoryNameComponentRegexp
STREAM: Final = re.compile(r"[a-z0-9]+(?:[._-][a-z0-9]+)*")
_DIGEST: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}")
_HEX_DIGITS: Final = {"sha256": 64, "sha384": 96, "sha512": 128}
_IDENTIFIER: Final = re.compile(r"[0-9a-f]{64}")
_NAMED: Final = frozenset("/%")  # characters that object names cannot have (apimachinery, IsValidPathSegmentName)


@quick
@dataclass(frozen=True, slots=True)
class ImageReference:
    """An image reference in canonical form.

    Attributes:
        registry: the canonical host, with its port unless that is 443.
        repository: the path below the registry.
        tag: "" if there is none.
        digest: "" if there is none; it takes precedence over the tag.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> "ImageReference":
        """Parse a reference as Docker does: `busybox` becomes docker.io/library/busybox.

        Raises:
            MalformedReference: the message says what is wrong and what was expected.
            AmbiguousReference: the API server accepts the reference, other clients do not.
        """
        if not text or len(text) > _LONGEST:
            raise _wrong(text, f"expected 1 to {_LONGEST} characters")
        rest, at, digest = text.partition("@")
        doubt = _digest_doubt(text, digest) if at else ""
        path, colon, tag = rest, "", ""
        if rest.rfind(":") > rest.rfind("/"):
            path, colon, tag = rest.rpartition(":")
        if colon and not TAG.fullmatch(tag):
            raise _wrong(text, f"the tag {quoted(tag)} does not match {TAG.pattern}")
        registry, repository = _split(text, path)
        if doubt:
            raise _wrong(text, doubt, AmbiguousReference)
        return cls(registry, repository, tag, digest)

    @property
    def name(self) -> str:
        """The registry and the repository."""
        return f"{self.registry}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The reference as Docker displays it: without docker.io and library, unless that changes the meaning."""
        if self.registry != DOCKER_HUB:
            return str(self)
        first, _, rest = self.repository.partition("/")
        name = rest if first == LIBRARY and "/" not in rest else self.repository
        first, slash, _ = name.partition("/")
        if (slash and is_registry(first)) or _IDENTIFIER.fullmatch(name):
            name = self.name
        return name + self._suffix

    @property
    def effective_tag(self) -> str:
        """The tag to pull: `latest` if there is neither tag nor digest, "" if there is only a digest."""
        return self.tag or ("" if self.digest else "latest")

    @property
    def _suffix(self) -> str:
        return (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")

    def __str__(self) -> str:
        return self.name + self._suffix


def _wrong(text: str, why: str, kind: type[MalformedReference] = MalformedReference) -> MalformedReference:
    return kind(f"{quoted(text)} is not an image reference: {why}")


def _digest_doubt(text: str, digest: str) -> str:
    """Check a digest; return the problem that the API server tolerates, "" if there is none."""
    algorithm, _, digits = digest.partition(":")
    if not _DIGEST.fullmatch(digest):
        raise _wrong(text, f"{quoted(digest)} is not a digest such as sha256: and 64 hexadecimal digits")
    wanted = _HEX_DIGITS.get(algorithm)
    if wanted is None:
        raise _wrong(text, f"the algorithm {quoted(algorithm)} is unknown; expected one of {', '.join(_HEX_DIGITS)}")
    expected = f"a {algorithm} digest has {wanted} lower-case hexadecimal digits"
    if len(digits) != wanted:
        raise _wrong(text, expected)
    return expected if digits.lower() != digits else ""


def _split(text: str, path: str) -> tuple[str, str]:
    """Split a name into its registry and its repository, both checked and canonical."""
    first, slash, rest = path.partition("/")
    if not slash and _IDENTIFIER.fullmatch(first):
        raise _wrong(text, "64 hexadecimal digits are an image ID", AmbiguousReference)
    if slash and is_registry(first):
        registry, repository = _registry(text, first), rest
    else:
        registry, repository = DOCKER_HUB, path
    for component in repository.split("/"):
        if not _COMPONENT.fullmatch(component):
            raise _component_fault(text, path, component)
    if len(repository) > _LONGEST_NAME:
        raise _wrong(text, f"the repository name is longer than {_LONGEST_NAME} characters")
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"{LIBRARY}/{repository}"
    return registry, repository


def _registry(text: str, host: str) -> str:
    try:
        if _HOST.fullmatch(host):
            return canonical_registry(host)
    except ValueError:
        pass  # an invalid address is not a host either
    raise _wrong(text, f"{quoted(host)} is not the host name of a registry")


def _component_fault(text: str, path: str, component: str) -> MalformedReference:
    if not component:
        return _wrong(text, "a segment of the name is empty")
    if component.lower() != component and _COMPONENT.fullmatch(component.lower()):
        # The API server parses the first of several segments as a host name, which may have upper-case letters. It then
        # uses it as a namespace of Docker Hub. Other clients parse it as a registry.
        first, slash, rest = path.partition("/")
        taken = slash and component == first and all(map(_COMPONENT.fullmatch, rest.split("/")))
        return _wrong(text, "repository name must be lowercase", AmbiguousReference if taken else MalformedReference)
    return _wrong(text, f"the segment {quoted(component)} does not match {_COMPONENT.pattern}")


@dataclass(frozen=True, slots=True)
class StreamReference:
    """A source in the cluster: an image stream tag or an image stream image.

    Attributes:
        stream: "" for the stream of the tag itself.
        tag: "" for an image.
        image: the digest of the image or its beginning, "" for a tag.
    """

    stream: str
    tag: str = ""
    image: str = ""

    @classmethod
    def parse_tag(cls, text: str) -> "StreamReference":
        """Parse the name of an ImageStreamTag source: `stream:tag`, or `tag` for the same stream.

        Raises:
            MalformedReference: `text` does not have this form.
        """
        stream, colon, tag = text.rpartition(":")
        if not tag or (colon and not STREAM.fullmatch(stream)):
            raise _no_stream_reference(text, stream)
        return cls(stream, tag=tag)

    @classmethod
    def parse_image(cls, text: str) -> "StreamReference":
        """Parse the name of an ImageStreamImage source: `stream@digest`, or the digest for the same stream.

        Raises:
            MalformedReference: `text` does not have this form.
        """
        stream, at, image = text.rpartition("@")
        if not image or not _NAMED.isdisjoint(image) or (at and not STREAM.fullmatch(stream)):
            raise _no_stream_reference(text, stream)
        return cls(stream, image=image)


def _no_stream_reference(text: str, stream: str) -> MalformedReference:
    message = f"{quoted(text)} must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"
    if stream and not STREAM.fullmatch(stream) and {":", "@"}.isdisjoint(stream):
        message += f"; {quoted(stream)} is not an image stream name, which matches {STREAM.pattern}"
    if "/" in text:
        with suppress(MalformedReference):
            ImageReference.parse(text)
            message += "; use kind: DockerImage for an image in a registry"
    elif "@" in stream and text.count("@") == 1:
        message += "; use kind: ImageStreamImage for an image of a stream"
    return MalformedReference(message)
