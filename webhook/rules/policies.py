"""Rules about a tag's importPolicy and referencePolicy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs.matching import ReferenceGlob, any_reference_matches
from webhook.model.change import Reason, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.rules.base import Rule, Violation, docker_image, listed, parameter
from webhook.rules.context import EvaluationContext
from webhook.schemas.containers import Items
from webhook.schemas.parameters import Bool, Choice
from webhook.schemas.patterns import reference_globs
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class ImportPolicy(Rule):
    """How a tag may be imported; the annotation `openshift.io/image.insecureRepository` counts as `insecure`."""

    kind: ClassVar[str] = "importPolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.IMPORT_POLICY})
    needs: ClassVar[tuple[str, ...]] = ("insecure", "scheduled", "scheduledFrom", "importMode")
    insecure: bool | None = parameter(Bool(), "what `insecure` must be", default=None)
    scheduled: bool | None = parameter(
        Bool(), "what `scheduled` must be for a DockerImage that is imported and has no digest", default=None
    )
    scheduledFrom: tuple[ReferenceGlob, ...] = parameter(  # noqa: N815 - the policy's name
        reference_globs(), "the only registries and repositories that may be imported on a schedule"
    )
    importMode: tuple[str, ...] = parameter(  # noqa: N815 - the policy's name
        Items(Choice("Legacy", "PreserveOriginal")), "the import modes that a DockerImage may have"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each part of the import policy that is not as it must be."""
        del context
        tag = change.new
        if tag is None:
            return
        if self.insecure is not None and tag.insecure is not self.insecure:
            said = "an insecure import is not allowed" if tag.insecure else "the import must be insecure"
            yield Violation(
                f"{said}; expected insecure: {word(self.insecure)}",
                tag.insecure_field or change.field("importPolicy.insecure"),
                Reason.FORBIDDEN,
            )
        if tag.source is None or tag.source.kind != SourceKind.DOCKER_IMAGE:
            return
        if self.scheduled is not None or self.scheduledFrom:
            yield from self._schedule(change, scheduled=tag.scheduled)
        mode = tag.import_mode or "Legacy"
        if self.importMode and mode not in self.importMode:
            yield Violation(
                f"import mode {quoted(mode)} is not allowed; allowed: {listed(self.importMode)}",
                change.field("importPolicy.importMode"),
                Reason.NOT_SUPPORTED,
            )

    def remediation(self) -> Iterator[str]:
        """Yield the options of `oc tag` and the fields that decide."""
        if self.insecure is False:
            yield (
                "Leave out `--insecure` (`importPolicy.insecure: false`), and the stream's annotation too: "
                "`oc annotate is/STREAM openshift.io/image.insecureRepository-`."
            )
            yield "Have the cluster trust the registry's CA instead: `additionalTrustedCA` of `image.config/cluster`."
        elif self.insecure:
            yield "Import with `oc tag --insecure` (`importPolicy.insecure: true`)."
        if self.scheduled is False:
            yield "Leave out `--scheduled` (`importPolicy.scheduled: false`), and `oc import-image STREAM:TAG` by hand."
        elif self.scheduled:
            yield "Import with `oc tag --scheduled` (`importPolicy.scheduled: true`), or name the image by its digest."
        if self.scheduledFrom:
            yield f"Schedule imports from {listed(self.scheduledFrom)} only; for others leave out `--scheduled`."
        if self.importMode:
            modes = " or ".join(f"`--import-mode={mode}`" for mode in self.importMode)
            yield f"Import with {modes} (`importPolicy.importMode`)."

    def _schedule(self, change: TagChange, *, scheduled: bool) -> Iterator[Violation]:
        image = docker_image(change)
        if isinstance(image, Violation):
            if self.scheduledFrom:
                yield image
            return
        if image is None or not change.new or not change.new.schedulable:
            return
        where = change.field("importPolicy.scheduled")
        if self.scheduled is not None and scheduled is not self.scheduled:
            said = "a scheduled import is not allowed" if scheduled else "the import must be scheduled"
            yield Violation(f"{said}; expected scheduled: {word(self.scheduled)}", where)
        allowed = self.scheduledFrom
        if scheduled and allowed and not any_reference_matches(allowed, image):
            yield Violation(
                f"{quoted(image.name)} may not be imported on a schedule; allowed: {listed(allowed)}",
                where,
                Reason.FORBIDDEN,
            )


@dataclass(frozen=True, slots=True)
class ReferencePolicy(Rule):
    """How those who use the tag may be given its image: from its Source, or from the Local registry."""

    kind: ClassVar[str] = "referencePolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SOURCE, TagField.REFERENCE_POLICY})
    needs: ClassVar[tuple[str, ...]] = ("allow",)
    allow: tuple[str, ...] = parameter(Items(Choice("Source", "Local")), "the types that are allowed")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where a tag with a source has a type that is not allowed."""
        del context
        if change.new is None or change.new.source is None:
            return
        found = change.new.reference_policy or "Source"
        if found not in self.allow:
            yield Violation(
                f"reference policy {quoted(found)} is not allowed; allowed: {listed(self.allow)}",
                change.field("referencePolicy.type"),
                Reason.NOT_SUPPORTED,
            )

    def remediation(self) -> Iterator[str]:
        """Yield the option of `oc tag` that decides."""
        options = " or ".join(f"`--reference-policy={each.lower()}`" for each in self.allow)
        yield f"Tag with {options} (`referencePolicy.type`)."


def word(value: bool) -> str:  # noqa: FBT001 - it is the word for it
    """Return a boolean as YAML and JSON write it."""
    return "true" if value else "false"
