"""The content of registries for imports; no registry is contacted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

from .references import ImageReference


@dataclass(frozen=True)
class Registry:
    """A registry that answers.

    Args:
        tags: For each repository, its tags and what they name, in the order in which a repository is imported.
        lists: The manifest lists: the images of each, the one for this architecture first.
        secure: Whether it speaks TLS.
    """

    tags: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    lists: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    secure: bool = True


@dataclass(frozen=True)
class Found:
    """An image that was looked for: its digest and those it lists, or why it was not found."""

    image: str = ""
    listed: tuple[str, ...] = ()
    reason: str = ""
    message: str = ""


@dataclass(frozen=True)
class Registries:
    """All registries by host; others deny connections.

    Args:
        hosts: The registries.
        most_tags: How many tags of a repository are imported.
    """

    hosts: Mapping[str, Registry] = field(default_factory=dict)
    most_tags: int = 5

    def unreachable(self, reference: ImageReference, *, insecure: bool) -> str | None:
        """Say why a registry does not answer, in the API server's words; None if it does."""
        host = reference.repository[0]
        registry = self.hosts.get(host)
        if registry is None:
            scheme = "http" if insecure else "https"
            return f'Get "{scheme}://{host}/v2/": dial tcp {host}: connect: connection refused'
        if not registry.secure and not insecure:
            return f'Get "https://{host}/v2/": tls: first record does not look like a TLS handshake'
        return None

    def image(self, reference: ImageReference, mode: str, *, insecure: bool) -> Found:
        """Look for the image of a tag or digest.

        Args:
            reference: What to look for.
            mode: The import mode: `Legacy` takes one image of a manifest list.
            insecure: Whether plain HTTP is tried.

        Returns:
            What was found.
        """
        shown = replace(reference, tag="") if reference.digest else replace(reference, tag=reference.defaulted().tag)
        problem = self.unreachable(reference, insecure=insecure)
        if problem:
            return Found(reason="InternalError", message=f"Internal error occurred: {shown}: {problem}")
        host, repository = reference.repository
        registry = self.hosts[host]
        tags = registry.tags.get(repository, {})
        digest = reference.digest or tags.get(shown.tag, "")
        held = {*tags.values(), *(image for tag in tags.values() for image in registry.lists.get(tag, ()))}
        if digest not in held:
            return Found(reason="NotFound", message=f'dockerimage.image.openshift.io "{shown}" not found')
        listed = registry.lists.get(digest, ())
        return Found(listed[0]) if listed and mode != "PreserveOriginal" else Found(digest, listed)

    def tags(self, reference: ImageReference, had: Collection[str]) -> list[str]:
        """List the tags of a repository that are imported: the first few, and those that the request had already."""
        host, repository = reference.repository
        tags = list(self.hosts[host].tags.get(repository, {}))
        return tags[: self.most_tags] + [tag for tag in tags[self.most_tags :] if tag in had]
