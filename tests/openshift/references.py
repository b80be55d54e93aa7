"""Image references as openshift/library-go parses them (`pkg/image/reference`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_COMPONENT = r"[a-z0-9]+(?:(?:[._]|__|-*)[a-z0-9]+)*"
_HOST_PART = r"(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])"
_HOST = rf"{_HOST_PART}(?:\.{_HOST_PART})*(?::[0-9]+)?"
_REFERENCE = re.compile(
    rf"((?:{_HOST}/)?{_COMPONENT}(?:/{_COMPONENT})*)(?::(\w[\w.-]{{0,127}}))?"
    r"(?:@([A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}))?",
    re.ASCII,
)
_LONGEST = 255
_DIGEST_LENGTHS = {"sha256": 64, "sha384": 96, "sha512": 128}
_HUB = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class ImageReference:
    """The parts of a pull spec; parts that it does not have are empty."""

    registry: str = ""
    namespace: str = ""
    name: str = ""
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        mark = f"@{self.digest}" if self.digest else f":{self.tag}" if self.tag else ""
        return "/".join(filter(None, (self.registry, self.namespace, self.name + mark)))

    def defaulted(self) -> ImageReference:
        """Fill in what a client assumes: Docker Hub, its `library`, the tag `latest`."""
        registry = self.registry or _HUB[0]
        namespace = self.namespace or ("library" if registry in _HUB else "")
        return replace(self, registry=registry, namespace=namespace, tag=self.tag or "latest")

    @property
    def repository(self) -> tuple[str, str]:
        """The registry and the repository by which imports are grouped."""
        full = self.defaulted()
        registry = _HUB[-1] if full.registry in _HUB else full.registry
        return registry, f"{full.namespace}/{full.name}" if full.namespace else full.name


def parsed(spec: str) -> ImageReference | None:
    """Parse a pull spec.

    Args:
        spec: The pull spec as a client wrote it.

    Returns:
        Its parts, or None if it is no reference.
    """
    match = _REFERENCE.fullmatch(spec)
    if match is None or len(match[1]) > _LONGEST:
        return None
    full, tag, digest = match[1], match[2] or "", match[3] or ""
    if digest and _DIGEST_LENGTHS.get(digest.partition(":")[0]) != len(digest.partition(":")[2]):
        return None
    first, slash, path = full.partition("/")
    if not slash and ("." in first or first.startswith("localhost")):
        return ImageReference(registry=full, digest=digest)
    if not slash or not (":" in first or "." in first or first == "localhost"):
        registry, path = "", full
    else:
        registry = first
    namespace, slash, name = path.partition("/")
    return ImageReference(registry, *((namespace, name) if slash else ("", namespace)), tag, digest)
