"""Rules about the image, evaluated where a whole one is to be had: a push to the internal registry, and a scan."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.globs.alphabets import LABEL_KEY, PLATFORM, SIGNATURE_TYPE
from webhook.globs.matching import Glob, any_matches
from webhook.model.change import Reason, TagChange, TagField
from webhook.rules.base import Rule, Violation, listed, parameter
from webhook.rules.context import EvaluationContext
from webhook.schemas.parameters import Bool, Count, Quantity
from webhook.schemas.patterns import GlobMap, globs
from webhook.text import counted, quoted

_IMAGE: Final = frozenset({TagField.IMAGE})


@dataclass(frozen=True, slots=True)
class Labels(Rule):
    """Which labels an image must have, and which it may not have; a manifest list has none, and so is denied."""

    kind: ClassVar[str] = "labels"
    reads: ClassVar[frozenset[TagField]] = _IMAGE
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(
        GlobMap(LABEL_KEY), "labels that must be there, and what they must match"
    )
    deny: tuple[Glob, ...] = parameter(globs(LABEL_KEY), "labels that may not be there")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each label that is missing, wrong or denied."""
        del context
        if change.image is None:
            return
        where, labels = change.field("dockerImageMetadata.Config.Labels"), change.image.labels
        if labels is None:
            why = (
                "a manifest list has no labels of its own"
                if change.image.manifests
                else "its configuration is not there"
            )
            yield Violation(f"the image's labels cannot be evaluated: {why}", where, Reason.REQUIRED)
            return
        for name, glob in self.require:
            if name not in labels:
                yield Violation(f"label {quoted(name)} is missing; expected {glob}", where, Reason.REQUIRED)
            elif not glob.matches(found := labels[name]):
                yield Violation(f"label {quoted(name)} is {quoted(found)}; expected {glob}", where)
        for name in labels:
            if any_matches(self.deny, name):
                yield Violation(
                    f"label {quoted(name)} is not allowed; denied: {listed(self.deny)}", where, Reason.FORBIDDEN
                )

    def remediation(self) -> Iterator[str]:
        """Yield how an image gets its labels."""
        for name, glob in self.require:
            yield f"Build the image with a label {name} that matches {glob}: `podman build --label {name}=VALUE`."
        if self.deny:
            yield f"Build it without labels such as {listed(self.deny)}."
        yield "Push an image and no manifest list, which has no labels of its own."


@dataclass(frozen=True, slots=True)
class Platforms(Rule):
    """Which platforms an image must be there for, as `os/architecture` or `os/architecture/variant`."""

    kind: ClassVar[str] = "platforms"
    reads: ClassVar[frozenset[TagField]] = _IMAGE
    needs: ClassVar[tuple[str, ...]] = ("require",)
    require: tuple[Glob, ...] = parameter(globs(PLATFORM), "platforms that must be there, such as linux/arm64")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where a platform is missing."""
        del context
        if change.image is None:
            return
        found = change.image.platforms
        if missing := [glob for glob in self.require if not any(glob.matches(platform) for platform in found)]:
            has = listed(quoted(platform) for platform in found) or "none"
            yield Violation(f"the image is not there for {listed(missing)}; it is there for {has}", change.place.path)

    def remediation(self) -> Iterator[str]:
        """Yield how an image is built for several platforms."""
        yield f"Build and push it for {listed(self.require)}: `podman build --platform PLATFORM,… --manifest NAME`."


@dataclass(frozen=True, slots=True)
class ImageSize(Rule):
    """How large an image may be; a manifest list does not say, and so is denied."""

    kind: ClassVar[str] = "imageSize"
    reads: ClassVar[frozenset[TagField]] = _IMAGE
    needs: ClassVar[tuple[str, ...]] = ("max", "maxLayers")
    max: int | None = parameter(Quantity(), "the most bytes its layers may have together", default=None)
    maxLayers: int | None = parameter(Count(1), "the most layers it may have", default=None)  # noqa: N815 - the policy's name

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the image is larger."""
        del context
        image = change.image
        if image is None:
            return
        if self.max is not None and (image.size is None or image.size > self.max):
            has = "does not say its size" if image.size is None else f"has {image.size} bytes"
            yield Violation(f"the image {has}; allowed: {self.max}", change.place.path)
        if self.maxLayers is not None and (image.layers is None or image.layers > self.maxLayers):
            has = "does not say its layers" if image.layers is None else f"has {image.layers} layers"
            yield Violation(f"the image {has}; allowed: {self.maxLayers}", change.field("dockerImageLayers"))

    def remediation(self) -> Iterator[str]:
        """Yield how large the image may be."""
        if self.max is not None:
            yield f"Build an image of {self.max} bytes at most: a smaller base, and a last stage without what built it."
        if self.maxLayers is not None:
            yield f"Build it with {self.maxLayers} layers at most: `podman build --squash`."
        yield "Push an image and no manifest list, which does not say its size."


@dataclass(frozen=True, slots=True)
class Signatures(Rule):
    """How many signatures an image must have, as the cluster stores them; whether they verify is the cluster's word.

    Only `scan` evaluates it: the API server clears the signatures of a push before it asks the webhooks.
    """

    kind: ClassVar[str] = "signatures"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SIGNATURES})
    minimum: int = parameter(Count(1), "the fewest signatures", default=1)
    trusted: bool = parameter(Bool(), "whether only signatures count that the cluster calls Trusted", default=False)
    types: tuple[Glob, ...] = parameter(globs(SIGNATURE_TYPE), "the signature types that count, all where absent")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where too few signatures count."""
        del context
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
                f"the image has {counted(count, f'{trusted}signature')}{wanted}; expected at least {self.minimum}",
                change.field("signatures"),
                Reason.REQUIRED,
            )

    def remediation(self) -> Iterator[str]:
        """Yield how an image gets a signature that the cluster stores."""
        trusted = ", one that verifies (`oc adm verify-image-signature --save`)" if self.trusted else ""
        yield f"Push the image with its signature{trusted}: `skopeo copy --sign-by KEY SOURCE DESTINATION`."
