"""Rules about importPolicy and referencePolicy of a tag, and lookupPolicy of its stream."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs.matching import ReferenceGlob, any_reference_matches
from webhook.model.review import Reason, StreamChange, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.resources.cel import all_of, literal, negated
from webhook.rules.base import EvaluationContext, Rule, Violation, docker_image, listed, parameter, unreadable_image
from webhook.rules.vocabulary import Denial, Subject, Terms, quote
from webhook.schemas.containers import Items, reference_globs
from webhook.schemas.parameters import Bool, Choice
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class ImportPolicy(Rule):
    """How a tag may be imported; the annotation `openshift.io/image.insecureRepository` counts as `insecure`."""

    kind: ClassVar[str] = "importPolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.IMPORT_POLICY})
    needs: ClassVar[tuple[str, ...]] = ("insecure", "scheduled", "scheduledFrom", "importMode")
    insecure: bool | None = parameter(Bool(), "required value of `insecure`", default=None)
    scheduled: bool | None = parameter(
        Bool(), "required value of `scheduled` for an imported DockerImage without a digest", default=None
    )
    scheduledFrom: tuple[ReferenceGlob, ...] = parameter(  # noqa: N815 - the policy's name
        reference_globs(), "registries and repositories that may be imported on a schedule"
    )
    importMode: tuple[str, ...] = parameter(  # noqa: N815 - the policy's name
        Items(Choice("Legacy", "PreserveOriginal")), "allowed import modes of a DockerImage"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each part of the import policy that is not allowed."""
        del context
        tag = change.new
        if tag is None:
            return
        if self.insecure is not None and tag.insecure is not self.insecure:
            where = tag.insecure_field or change.field("importPolicy.insecure")
            yield Violation(self._must_be_insecure(), where, Reason.FORBIDDEN)
        if tag.source is None or tag.source.kind != SourceKind.DOCKER_IMAGE:
            return
        if self.scheduled is not None or self.scheduledFrom:
            yield from self._schedule(change, scheduled=tag.scheduled)
        mode = tag.import_mode or "Legacy"
        if self.importMode and mode not in self.importMode:
            where = change.field("importPolicy.importMode")
            yield Violation(self._mode_denied(quoted(mode)), where, Reason.NOT_SUPPORTED)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial for each part of the import policy; an insecure import affects others of its registry."""
        tag, image, must = terms.tag, terms.image, self._must_be_insecure()
        if self.insecure is False:
            yield Denial(terms.stream.insecure, terms.stream.insecure_field, must, Subject.EVERY_TAG)
        if self.insecure is not None:
            wrong = all_of((negated(tag.insecure), negated(terms.rides))) if self.insecure else tag.insecure
            yield Denial(wrong, tag.field("importPolicy.insecure"), must)
        if self.insecure is False:
            rides = f"{image.valid} && !{image.of.insecure} && {image.insecure_riders} > 0"
            yield Denial(rides, image.rider_field, must, Subject.IMAGE, introduced=True)
        yield from self._schedule_in_cel(terms)
        if self.importMode:
            mode = f'({tag.import_mode} == "" ? "Legacy" : {tag.import_mode})'
            wrong = f'{tag.kind} == "{SourceKind.DOCKER_IMAGE}" && !({mode} in {literal(list(self.importMode))})'
            yield Denial(wrong, tag.field("importPolicy.importMode"), self._mode_denied(quote(mode)))

    def _schedule_in_cel(self, terms: Terms) -> Iterator[Denial]:
        image, tag = terms.image, terms.image.of
        schedulable, field = f'{image.digest} == "" && !{tag.reference}', tag.field("importPolicy.scheduled")
        if self.scheduledFrom:
            yield unreadable_image(image)
            elsewhere = negated(image.matches(self.scheduledFrom))
            wrong = all_of((f"{image.valid} && {tag.scheduled}", schedulable, elsewhere))
            yield Denial(wrong, field, self._schedule_denied(quote(image.name)), Subject.IMAGE)
        if self.scheduled is not None:
            wrong = f"{image.valid} && {tag.scheduled} != {word(self.scheduled)} && {schedulable}"
            yield Denial(wrong, field, self._must_be_scheduled(), Subject.IMAGE)

    def _must_be_insecure(self) -> str:
        wrong = "the import must be insecure" if self.insecure else "an insecure import is not allowed"
        return f"{wrong}; expected insecure: {word(self.insecure is True)}"

    def _must_be_scheduled(self) -> str:
        wrong = "the import must be scheduled" if self.scheduled else "a scheduled import is not allowed"
        return f"{wrong}; expected scheduled: {word(self.scheduled is True)}"

    def _schedule_denied(self, image: str) -> str:
        return f"{image} may not be imported on a schedule; allowed: {listed(self.scheduledFrom)}"

    def _mode_denied(self, mode: str) -> str:
        return f"import mode {mode} is not allowed; allowed: {listed(self.importMode)}"

    def remediation(self) -> Iterator[str]:
        """Yield the options of `oc tag` and the fields to set."""
        if self.insecure is False:
            yield (
                "Leave out `--insecure` (`importPolicy.insecure: false`), and the stream's annotation too: "
                "`oc annotate is/STREAM openshift.io/image.insecureRepository-`."
            )
            yield "Have the cluster trust the registry's CA instead: `additionalTrustedCA` of `image.config/cluster`."
        elif self.insecure:
            yield "Import with `oc tag --insecure` (`importPolicy.insecure: true`)."
        if self.scheduled is False:
            yield "Leave out `--scheduled` (`importPolicy.scheduled: false`), and run `oc import-image STREAM:TAG`."
        elif self.scheduled:
            yield "Import with `oc tag --scheduled` (`importPolicy.scheduled: true`), or name the image by its digest."
        if self.scheduledFrom:
            yield f"Schedule imports only from {listed(self.scheduledFrom)}; otherwise leave out `--scheduled`."
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
            yield Violation(self._must_be_scheduled(), where)
        allowed = self.scheduledFrom
        if scheduled and allowed and not any_reference_matches(allowed, image):
            yield Violation(self._schedule_denied(quoted(image.name)), where, Reason.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class ReferencePolicy(Rule):
    """From where the users of a tag may pull its image: from its Source, or from the Local registry."""

    kind: ClassVar[str] = "referencePolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SOURCE, TagField.REFERENCE_POLICY})
    needs: ClassVar[tuple[str, ...]] = ("allow",)
    allow: tuple[str, ...] = parameter(Items(Choice("Source", "Local")), "allowed types")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the type of a tag with a source is not allowed."""
        del context
        if change.new is None or change.new.source is None:
            return
        found = change.new.reference_policy or "Source"
        if found not in self.allow:
            where = change.field("referencePolicy.type")
            yield Violation(self._not_allowed(quoted(found)), where, Reason.NOT_SUPPORTED)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial of a type that is not allowed."""
        tag = terms.tag
        found = f'({tag.reference_policy} == "" ? "Source" : {tag.reference_policy})'
        wrong = f'{tag.kind} != "" && !({found} in {literal(list(self.allow))})'
        yield Denial(wrong, tag.field("referencePolicy.type"), self._not_allowed(quote(found)))

    def _not_allowed(self, found: str) -> str:
        return f"reference policy {found} is not allowed; allowed: {listed(self.allow)}"

    def remediation(self) -> Iterator[str]:
        """Yield the option of `oc tag` to use."""
        options = " or ".join(f"`--reference-policy={each.lower()}`" for each in self.allow)
        yield f"Tag with {options} (`referencePolicy.type`)."


@dataclass(frozen=True, slots=True)
class LookupPolicy(Rule):
    """Whether pods may name the stream's tags directly; an imagestreamtag shows it, but only its stream stores it."""

    kind: ClassVar[str] = "lookupPolicy"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.LOOKUP_POLICY})
    evaluates_tags: ClassVar[bool] = False
    evaluates_streams: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("local",)
    local: bool | None = parameter(Bool(), "required value of `lookupPolicy.local`", default=None)

    def check(self, change: StreamChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the stream's lookup policy is not the required one."""
        del context
        new = change.new
        if new is not None and new.lookup_local is not self.local:
            yield Violation(self._expected(), "spec.lookupPolicy.local", Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial of a stream whose lookup policy is not the required one."""
        wrong = f"{terms.stream.lookup_local} != {word(self.local is True)}"
        yield Denial(wrong, literal("spec.lookupPolicy.local"), self._expected(), Subject.STREAM)

    def _expected(self) -> str:
        return f"local lookup is {word(not self.local)}; expected {word(self.local is True)}"

    def remediation(self) -> Iterator[str]:
        """Yield the command that sets the stream's lookup policy."""
        yield f"Set its `lookupPolicy.local`: `oc set image-lookup STREAM --enabled={word(self.local is True)}`."


def word(value: bool) -> str:  # noqa: FBT001 - the boolean is the value to convert
    """Return a boolean as written in YAML and JSON."""
    return "true" if value else "false"
