"""Rules about what a tag points at."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.globs.alphabets import NAMESPACE, TAG
from webhook.globs.matching import Glob, ReferenceGlob, any_matches, any_reference_matches
from webhook.model.change import Reason, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.reference import ImageReference, is_internal
from webhook.rules.base import Rule, Violation, docker_image, listed, parameter
from webhook.rules.context import EvaluationContext
from webhook.schemas.containers import Items
from webhook.schemas.parameters import Bool, Choice
from webhook.schemas.patterns import globs, reference_globs
from webhook.text import quoted

_SOURCE: Final = frozenset({TagField.SOURCE})
_OC_SOURCES: Final = {
    SourceKind.DOCKER_IMAGE: "docker",
    SourceKind.IMAGE_STREAM_TAG: "imagestreamtag",
    SourceKind.IMAGE_STREAM_IMAGE: "imagestreamimage",
}  # of the option --source of `oc tag`


@dataclass(frozen=True, slots=True)
class SourceKinds(Rule):
    """What kinds of source a tag may point at."""

    kind: ClassVar[str] = "sourceKinds"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SOURCE_KIND})
    needs: ClassVar[tuple[str, ...]] = ("allow",)
    allow: tuple[str, ...] = parameter(Items(Choice(*SourceKind)), "the kinds that are allowed")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the source is of another kind."""
        del context
        source = change.new.source if change.new else None
        if source is not None and source.kind not in self.allow:
            yield Violation(
                f"a source of kind {quoted(source.kind)} is not allowed; allowed: {listed(self.allow)}",
                change.field("from.kind"),
                Reason.NOT_SUPPORTED,
            )

    def remediation(self) -> Iterator[str]:
        """Yield the sources of `oc tag` that are allowed."""
        kinds = " or ".join(f"--source={_OC_SOURCES[SourceKind(kind)]}" for kind in self.allow)
        yield f"Point the tag at a source of kind {' or '.join(self.allow)}: `oc tag` takes {kinds}."


@dataclass(frozen=True, slots=True)
class Registries(Rule):
    """Which registries and repositories a DockerImage may come from; references are parsed, never prefix-matched."""

    kind: ClassVar[str] = "registries"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    needs: ClassVar[tuple[str, ...]] = ("allow", "deny")
    allow: tuple[ReferenceGlob, ...] = parameter(
        reference_globs(),
        "registries (`quay.io`) or repositories (`quay.io/acme/**`) that are allowed, all where absent",
    )
    deny: tuple[ReferenceGlob, ...] = parameter(reference_globs(), "those that are denied, whatever is allowed")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the image comes from elsewhere."""
        del context
        image = docker_image(change)
        if isinstance(image, Violation):
            yield image
        elif image is not None:
            if self.deny and (denied := [glob for glob in self.deny if glob.matches(image)]):
                yield self._violation(change, image, f"is a denied repository; denied: {listed(denied)}")
            elif self.allow and not any_reference_matches(self.allow, image):
                yield self._violation(change, image, f"is not an allowed repository; allowed: {listed(self.allow)}")

    def remediation(self) -> Iterator[str]:
        """Yield where an image may come from, and how it gets there."""
        if self.allow:
            yield f"Take the image from {listed(self.allow)}: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`."
        if self.deny:
            yield f"Take no image from {listed(self.deny)}."
        yield "Copy one that stands elsewhere first: `oc image mirror SOURCE DESTINATION`."

    @staticmethod
    def _violation(change: TagChange, image: ImageReference, wrong: str) -> Violation:
        return Violation(f"{quoted(image.name)} {wrong}", change.field("from.name"), Reason.FORBIDDEN)


@dataclass(frozen=True, slots=True)
class Pin(Rule):
    """Sources that cannot move under the tag: by digest, or at least not by certain tags.

    A repository that is imported or followed as a whole has any tag.
    """

    kind: ClassVar[str] = "pin"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    needs: ClassVar[tuple[str, ...]] = ("digest", "denyTags")
    digest: bool = parameter(Bool(), "whether a source must be a digest or an ImageStreamImage", default=False)
    denyTags: tuple[Glob, ...] = parameter(globs(TAG), "tags that a source may not have; no tag at all is `latest`")  # noqa: N815 - the policy's name

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the source can move."""
        del context
        source = change.new.source if change.new else None
        image = docker_image(change)
        if isinstance(image, Violation):
            yield image
            return
        if source is None or (image is None and source.kind != SourceKind.IMAGE_STREAM_TAG):
            return
        if self.digest and (image is None or not image.digest):
            wanted = "an ImageStreamImage" if image is None else "name@digest"
            yield Violation(f"{quoted(source.name)} has no digest; expected {wanted}", change.field("from.name"))
        if not self.denyTags:
            return
        tag = _source_tag(source.name, image)
        if change.every_tag or (tag and any_matches(self.denyTags, tag)):
            has = "has any tag" if change.every_tag else f"has the tag {quoted(tag)}"
            yield Violation(f"{quoted(source.name)} {has}; denied: {listed(self.denyTags)}", change.field("from.name"))

    def remediation(self) -> Iterator[str]:
        """Yield how a source is named that cannot move."""
        if self.digest:
            yield (
                "Name the image by its digest: `oc tag REGISTRY/REPOSITORY@sha256:… STREAM:TAG`; "
                "`oc image info REGISTRY/REPOSITORY:TAG` says which it is."
            )
            yield "Or point at an image of the cluster: `oc tag --source=isimage STREAM@sha256:… STREAM:TAG`."
        if self.denyTags:
            yield f"Name the source by a tag other than {listed(self.denyTags)}, or by its digest; no tag is latest."


def _source_tag(name: str, image: ImageReference | None) -> str:
    """Return the tag that a source is named by, "" where it is named by a digest."""
    if image is not None:
        return "" if image.digest else image.effective_tag
    return name.rpartition(":")[2]


@dataclass(frozen=True, slots=True)
class CrossNamespace(Rule):
    """From which other namespaces of the cluster a tag may take its image, through the internal registry too."""

    kind: ClassVar[str] = "crossNamespace"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    allow: tuple[Glob, ...] = parameter(globs(NAMESPACE), "namespaces that are allowed beside the tag's own")
    internalRegistries: tuple[ReferenceGlob, ...] = parameter(  # noqa: N815 - the policy's name
        reference_globs(), "what else the internal registry is called, beside the names of its service"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where the source is in a namespace that is not allowed."""
        del context
        image = docker_image(change)
        if isinstance(image, Violation):
            yield image
            return
        source = change.new.source if change.new else None
        if source is None:
            return
        namespace, field = source.namespace, "from.namespace"
        if image is not None:
            inside = is_internal(image.registry) or any_reference_matches(self.internalRegistries, image)
            namespace, field = image.repository.partition("/")[0] if inside else "", "from.name"
        if namespace and namespace != change.namespace and not any_matches(self.allow, namespace):
            allowed = listed(("the tag's own namespace", *self.allow))
            yield Violation(
                f"{quoted(source.name)} is in namespace {quoted(namespace)}; allowed: {allowed}",
                change.field(field),
                Reason.FORBIDDEN,
            )

    def remediation(self) -> Iterator[str]:
        """Yield the namespaces that a source may be in."""
        allowed = f" or of {listed(self.allow)}" if self.allow else ""
        yield f"Point the tag at a source of its own namespace{allowed}: `oc tag STREAM:TAG STREAM:TAG`."
        yield "Import what another namespace has from the registry that it came from, where that is allowed."
