"""Rules about the image, judged where a whole one is to be had: a push to the internal registry, and a scan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs import Glob, any_matches
from webhook.model import Reason, Review, TagChange
from webhook.parameters import Bool, Count, GlobMap, Quantity, globs
from webhook.rules.base import IMAGE_DOORS, Rule, Violation, listed, parameter
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class Labels(Rule):
    """Which labels an image must have, and which it may not have."""

    kind: ClassVar[str] = "labels"
    doors: ClassVar[frozenset[str]] = IMAGE_DOORS
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(GlobMap(), "labels that must be there, and what they must match")
    deny: tuple[Glob, ...] = parameter(globs(""), "labels that may not be there")

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation for each label that is missing, wrong or denied."""
        del review
        if change.image is None or change.image.labels is None:
            return
        where = "image.dockerImageMetadata.Config.Labels"
        for name, glob in self.require:
            if name not in change.image.labels:
                yield Violation(f"label {quoted(name)} is missing; expected {glob}", where, Reason.REQUIRED)
            elif not glob.matches(found := change.image.labels[name]):
                yield Violation(f"label {quoted(name)} is {quoted(found)}; expected {glob}", where)
        for name in change.image.labels:
            if any_matches(self.deny, name):
                yield Violation(
                    f"label {quoted(name)} is not allowed; denied: {listed(self.deny)}", where, Reason.FORBIDDEN
                )


@dataclass(frozen=True, slots=True)
class Platforms(Rule):
    """Which platforms an image must be there for, as `os/architecture` or `os/architecture/variant`."""

    kind: ClassVar[str] = "platforms"
    doors: ClassVar[frozenset[str]] = IMAGE_DOORS
    needs: ClassVar[tuple[str, ...]] = ("require",)
    require: tuple[Glob, ...] = parameter(globs(), "platforms that must be there, such as linux/arm64")

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation where a platform is missing."""
        del review
        if change.image is None:
            return
        found = change.image.platforms
        if missing := [glob for glob in self.require if not any(glob.matches(platform) for platform in found)]:
            has = listed(quoted(platform) for platform in found) or "none"
            yield Violation(f"the image is not there for {listed(missing)}; it is there for {has}", "image")


@dataclass(frozen=True, slots=True)
class ImageSize(Rule):
    """How large an image may be."""

    kind: ClassVar[str] = "imageSize"
    doors: ClassVar[frozenset[str]] = IMAGE_DOORS
    needs: ClassVar[tuple[str, ...]] = ("max", "maxLayers")
    max: int | None = parameter(Quantity(), "the most bytes its layers may have together", default=None)
    maxLayers: int | None = parameter(Count(1), "the most layers it may have", default=None)  # noqa: N815 - the policy's name

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation where the image is larger."""
        del review
        image = change.image
        if image is None:
            return
        if self.max is not None and image.size is not None and image.size > self.max:
            yield Violation(f"the image has {image.size} bytes; allowed: {self.max}", "image")
        if self.maxLayers is not None and image.layers is not None and image.layers > self.maxLayers:
            yield Violation(
                f"the image has {image.layers} layers; allowed: {self.maxLayers}", "image.dockerImageLayers"
            )


@dataclass(frozen=True, slots=True)
class Signatures(Rule):
    """How many signatures an image must have, as the cluster stores them; whether they verify is the cluster's word."""

    kind: ClassVar[str] = "signatures"
    doors: ClassVar[frozenset[str]] = IMAGE_DOORS
    minimum: int = parameter(Count(1), "the fewest signatures", default=1)
    trusted: bool = parameter(Bool(), "whether only signatures count that the cluster calls Trusted", default=False)
    types: tuple[Glob, ...] = parameter(globs(), "the signature types that count, all where absent")

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation where too few signatures count."""
        del review
        if change.image is None:
            return
        count = sum(
            (signature.trusted or not self.trusted) and (not self.types or any_matches(self.types, signature.type))
            for signature in change.image.signatures
        )
        if count < self.minimum:
            trusted = "trusted " if self.trusted else ""
            wanted = f" of type {listed(self.types)}" if self.types else ""
            yield Violation(
                f"the image has {count} {trusted}signatures{wanted}; expected {self.minimum} at least",
                "image.signatures",
                Reason.REQUIRED,
            )
