"""Rules that only the webhook can evaluate, with data from the API server, the registry and the cluster."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs.alphabets import CONDITION_TYPE, LABEL_KEY, PLATFORM, SIGNATURE_TYPE
from webhook.globs.matching import Glob, any_matches
from webhook.model.review import Change, Reason, TagChange, TagField
from webhook.rules.base import EvaluationContext, Rule, Violation, listed, parameter
from webhook.rules.vocabulary import Inexpressible, Terms
from webhook.schemas.containers import GlobMap, globs
from webhook.schemas.parameters import Bool, Count, Quantity
from webhook.text import counted, quoted


@dataclass(frozen=True, slots=True)
class Schema(Rule):
    """The resource's required fields and enumerations, as the API server requires them; always in `enforce`."""

    kind: ClassVar[str] = "schema"
    evaluates_streams: ClassVar[bool] = True
    evaluates_untouched: ClassVar[bool] = False  # the API server accepted what is stored

    def check(self, change: Change, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each field that the API server would reject."""
        del context
        for fault in change.faults:
            yield Violation(fault.message, fault.field, fault.reason)

    def cel(self, terms: Terms) -> Inexpressible:
        """Return why the schema is not exported."""
        del terms
        return Inexpressible("the API server itself validates it")

    def remediation(self) -> Iterator[str]:
        """Yield how to look up the allowed values."""
        yield "Correct the field in the message: `oc explain imagestream.spec.tags` describes the fields of a tag."


@dataclass(frozen=True, slots=True)
class Conditions(Rule):
    """Conditions of a tag that must not be False, such as `ImportSuccess`, which is False if the last import failed."""

    kind: ClassVar[str] = "conditions"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.CONDITIONS})
    needs: ClassVar[tuple[str, ...]] = ("deny",)
    deny: tuple[Glob, ...] = parameter(
        globs(CONDITION_TYPE), "types of conditions that must not be False, such as ImportSuccess"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each such condition of a tag whose source is unchanged."""
        del context
        if change.moved and change.old is not None:
            return
        for condition in change.conditions:
            if condition.status == "False" and any_matches(self.deny, condition.type):
                why = ": ".join(part for part in (condition.reason, condition.message) if part) or "no reason given"
                yield Violation(f"condition {quoted(condition.type)} is False: {quoted(why)}", condition.field)

    def cel(self, terms: Terms) -> Inexpressible:
        """Return why conditions are not exported."""
        del terms
        return Inexpressible("it evaluates the result of earlier imports, which is not part of the change")

    def remediation(self) -> Iterator[str]:
        """Yield how to repeat an import."""
        yield "Fix the problem in the condition, then import again: `oc import-image STREAM:TAG`."
        yield "Or point the tag at another source: the conditions of the old source no longer count."


class _ImageRule(Rule):
    """A rule about an image, evaluated if a review carries a whole one: a push to the internal registry, and a scan."""

    __slots__ = ()

    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.IMAGE})

    def cel(self, terms: Terms) -> Inexpressible:
        """Return why images are not exported."""
        del terms
        return Inexpressible(
            "the registry sends the image's configuration and manifest as JSON in a string, which CEL cannot read"
        )


@dataclass(frozen=True, slots=True)
class Labels(_ImageRule):
    """Labels that an image must have, and labels that it must not have; a manifest list has none, and is denied."""

    kind: ClassVar[str] = "labels"
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(
        GlobMap(LABEL_KEY), "required labels, and the globs for their values"
    )
    deny: tuple[Glob, ...] = parameter(globs(LABEL_KEY), "denied labels")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each label that is missing, wrong or denied."""
        del context
        if change.image is None:
            return
        where, labels = change.field("dockerImageMetadata.Config.Labels"), change.image.labels
        if labels is None:
            why = (
                "a manifest list has no labels of its own" if change.image.manifests else "its configuration is missing"
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
        """Yield how to set the labels of an image."""
        for name, glob in self.require:
            yield f"Build the image with a label {name} that matches {glob}: `podman build --label {name}=VALUE`."
        if self.deny:
            yield f"Build it without labels such as {listed(self.deny)}."
        yield "Push an image instead of a manifest list, which has no labels of its own."


@dataclass(frozen=True, slots=True)
class Platforms(_ImageRule):
    """Platforms that an image must support, as `os/architecture` or `os/architecture/variant`."""

    kind: ClassVar[str] = "platforms"
    needs: ClassVar[tuple[str, ...]] = ("require",)
    require: tuple[Glob, ...] = parameter(globs(PLATFORM), "required platforms, such as linux/arm64")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if platforms are missing."""
        del context
        if change.image is None:
            return
        found = change.image.platforms
        if missing := [glob for glob in self.require if not any(glob.matches(platform) for platform in found)]:
            has = listed(quoted(platform) for platform in found) or "none"
            yield Violation(f"the image does not support {listed(missing)}; it supports {has}", change.place.path)

    def remediation(self) -> Iterator[str]:
        """Yield how to build an image for several platforms."""
        yield f"Build and push it for {listed(self.require)}: `podman build --platform PLATFORM,… --manifest NAME`."


@dataclass(frozen=True, slots=True)
class ImageSize(_ImageRule):
    """The maximum size of an image; a manifest list does not state its size, and is denied."""

    kind: ClassVar[str] = "imageSize"
    needs: ClassVar[tuple[str, ...]] = ("max", "maxLayers")
    max: int | None = parameter(Quantity(), "maximum total bytes of the layers", default=None)
    maxLayers: int | None = parameter(Count(1), "maximum number of layers", default=None)  # noqa: N815 - the policy's name

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the image is too large."""
        del context
        image = change.image
        if image is None:
            return
        if self.max is not None and (image.size is None or image.size > self.max):
            has = "does not state its size" if image.size is None else f"has {image.size} bytes"
            yield Violation(f"the image {has}; allowed: {self.max}", change.place.path)
        if self.maxLayers is not None and (image.layers is None or image.layers > self.maxLayers):
            has = "does not state its layers" if image.layers is None else f"has {image.layers} layers"
            yield Violation(f"the image {has}; allowed: {self.maxLayers}", change.field("dockerImageLayers"))

    def remediation(self) -> Iterator[str]:
        """Yield the maximum size of an image."""
        if self.max is not None:
            yield f"Build an image of at most {self.max} bytes: a smaller base, a final stage without build tools."
        if self.maxLayers is not None:
            yield f"Build it with at most {self.maxLayers} layers: `podman build --squash`."
        yield "Push an image instead of a manifest list, which does not state its size."


@dataclass(frozen=True, slots=True)
class Signatures(Rule):
    """Number of signatures that an image must have, as stored by the cluster, which also verifies them.

    Only `scan` evaluates it: the API server clears the signatures of a push before it calls the webhooks.
    """

    kind: ClassVar[str] = "signatures"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SIGNATURES})
    minimum: int = parameter(Count(1), "minimum number of signatures", default=1)
    trusted: bool = parameter(Bool(), "whether only signatures with the condition Trusted count", default=False)
    types: tuple[Glob, ...] = parameter(globs(SIGNATURE_TYPE), "signature types that count; default all")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if too few signatures count."""
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

    def cel(self, terms: Terms) -> Inexpressible:
        """Return why signatures are not exported."""
        del terms
        return Inexpressible("no review carries signatures: the API server clears those of a push")

    def remediation(self) -> Iterator[str]:
        """Yield how an image gets a signature that the cluster stores."""
        trusted = ", verified by (`oc adm verify-image-signature --save`)" if self.trusted else ""
        yield f"Push the image with its signature{trusted}: `skopeo copy --sign-by KEY SOURCE DESTINATION`."
