"""Rules about the source of a tag."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.globs.alphabets import NAMESPACE, TAG
from webhook.globs.matching import Glob, ReferenceGlob, any_matches, any_reference_matches
from webhook.model.review import Reason, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.reference import INTERNAL_REGISTRIES, ImageReference, is_internal
from webhook.resources.cel import all_of, any_of, literal, matches, negated
from webhook.rules.base import EvaluationContext, Rule, Violation, docker_image, listed, parameter, unreadable_image
from webhook.rules.vocabulary import Denial, Subject, Terms, quote, value
from webhook.schemas.containers import Items, globs, reference_globs
from webhook.schemas.parameters import Bool, Choice
from webhook.text import quoted

_SOURCE: Final = frozenset({TagField.SOURCE})
_OC_SOURCES: Final = {
    SourceKind.DOCKER_IMAGE: "docker",
    SourceKind.IMAGE_STREAM_TAG: "imagestreamtag",
    SourceKind.IMAGE_STREAM_IMAGE: "imagestreamimage",
}  # of the option --source of `oc tag`


@dataclass(frozen=True, slots=True)
class SourceKinds(Rule):
    """The kinds of source that a tag may have."""

    kind: ClassVar[str] = "sourceKinds"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.SOURCE_KIND})
    needs: ClassVar[tuple[str, ...]] = ("allow",)
    allow: tuple[str, ...] = parameter(Items(Choice(*SourceKind)), "allowed kinds")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the source is of another kind."""
        del context
        source = change.new.source if change.new else None
        if source is not None and source.kind not in self.allow:
            yield Violation(self._not_allowed(quoted(source.kind)), change.field("from.kind"), Reason.NOT_SUPPORTED)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial of a source of another kind."""
        tag = terms.tag
        other = all_of((f'{tag.kind} != ""', negated(f"{tag.kind} in {literal(list(self.allow))}")))
        yield Denial(other, tag.field("from.kind"), self._not_allowed(quote(tag.kind)))

    def _not_allowed(self, kind: str) -> str:
        return f"a source of kind {kind} is not allowed; allowed: {listed(self.allow)}"

    def remediation(self) -> Iterator[str]:
        """Yield the allowed sources of `oc tag`."""
        kinds = " or ".join(f"--source={_OC_SOURCES[SourceKind(kind)]}" for kind in self.allow)
        yield f"Point the tag at a source of kind {' or '.join(self.allow)}: `oc tag` takes {kinds}."


@dataclass(frozen=True, slots=True)
class Registries(Rule):
    """Registries and repositories that a DockerImage may come from; references are parsed, never prefix-matched."""

    kind: ClassVar[str] = "registries"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    needs: ClassVar[tuple[str, ...]] = ("allow", "deny")
    allow: tuple[ReferenceGlob, ...] = parameter(
        reference_globs(), "allowed registries (`quay.io`) or repositories (`quay.io/acme/**`); default all"
    )
    deny: tuple[ReferenceGlob, ...] = parameter(reference_globs(), "denied registries or repositories, even if allowed")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the image is from another repository."""
        del context
        image, where = docker_image(change), change.field("from.name")
        if isinstance(image, Violation):
            yield image
        elif image is not None:
            if self.deny and (denied := [glob for glob in self.deny if glob.matches(image)]):
                yield Violation(self._denied(quoted(image.name), listed(denied)), where, Reason.FORBIDDEN)
            elif self.allow and not any_reference_matches(self.allow, image):
                yield Violation(self._not_allowed(quoted(image.name)), where, Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield denials of an image from another repository."""
        image, field = terms.image, terms.image.of.field("from.name")
        yield unreadable_image(image)
        denied = image.matches(self.deny)
        if self.deny:
            each = " + ".join(f"({image.matches((glob,))} ? [{literal(str(glob))}] : [])" for glob in self.deny)
            message = self._denied(quote(image.name), value(f'({each}).join(", ")'))
            yield Denial(all_of((image.valid, denied)), field, message, Subject.IMAGE)
        if self.allow:
            elsewhere = all_of((image.valid, negated(denied), negated(image.matches(self.allow))))
            yield Denial(elsewhere, field, self._not_allowed(quote(image.name)), Subject.IMAGE)

    def remediation(self) -> Iterator[str]:
        """Yield the allowed repositories, and how to copy an image to one."""
        if self.allow:
            yield f"Use an image from {listed(self.allow)}: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`."
        if self.deny:
            yield f"Do not use an image from {listed(self.deny)}."
        yield "Copy an image from elsewhere first: `oc image mirror SOURCE DESTINATION`."

    @staticmethod
    def _denied(image: str, denied: str) -> str:
        return f"{image} is a denied repository; denied: {denied}"

    def _not_allowed(self, image: str) -> str:
        return f"{image} is not an allowed repository; allowed: {listed(self.allow)}"


@dataclass(frozen=True, slots=True)
class Pin(Rule):
    """Sources that cannot move under the tag: by digest, or at least not by certain tags.

    A repository that is imported or followed as a whole may contain any tag.
    """

    kind: ClassVar[str] = "pin"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    needs: ClassVar[tuple[str, ...]] = ("digest", "denyTags")
    digest: bool = parameter(Bool(), "whether a source must be a digest or an ImageStreamImage", default=False)
    denyTags: tuple[Glob, ...] = parameter(globs(TAG), "denied tags of a source; without a tag, it is `latest`")  # noqa: N815 - the policy's name

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the source can move."""
        del context
        source = change.new.source if change.new else None
        image = docker_image(change)
        if isinstance(image, Violation):
            yield image
            return
        if source is None or (image is None and source.kind != SourceKind.IMAGE_STREAM_TAG):
            return
        if self.digest and (image is None or not image.digest):
            message = self._no_digest(quoted(source.name), image=image is not None)
            yield Violation(message, change.field("from.name"))
        if not self.denyTags:
            return
        tag = _source_tag(source.name, image)
        if change.every_tag or (tag and any_matches(self.denyTags, tag)):
            message = self._denied(quoted(source.name), "any tag" if change.every_tag else f"the tag {quoted(tag)}")
            yield Violation(message, change.field("from.name"))

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield denials of a source that can move: a DockerImage, or the tag of a stream."""
        tag, image = terms.tag, terms.image
        of_image, of_stream = image.of.field("from.name"), tag.field("from.name")
        in_stream = f'{tag.kind} == "{SourceKind.IMAGE_STREAM_TAG}"'
        yield unreadable_image(image)
        if self.digest:
            message = self._no_digest(quote(image.of.source), image=True)
            yield Denial(f'{image.valid} && {image.digest} == ""', of_image, message, Subject.IMAGE)
            yield Denial(in_stream, of_stream, self._no_digest(quote(tag.source), image=False))
        if self.denyTags:
            denied = all_of((f'{image.digest} == ""', matches(image.tag, self.denyTags)))
            message = self._denied(quote(image.of.source), _tag_in_cel(image.of.every, image.tag))
            yield Denial(all_of((image.valid, any_of((image.of.every, denied)))), of_image, message, Subject.IMAGE)
            name = f'{tag.source}.substring({tag.source}.lastIndexOf(":") + 1)'
            denied = all_of((f'{name} != ""', matches(name, self.denyTags)))
            message = self._denied(quote(tag.source), _tag_in_cel(tag.every, name))
            yield Denial(all_of((in_stream, any_of((tag.every, denied)))), of_stream, message)

    @staticmethod
    def _no_digest(source: str, *, image: bool) -> str:
        return f"{source} has no digest; expected {'name@digest' if image else 'an ImageStreamImage'}"

    def _denied(self, source: str, tag: str) -> str:
        return f"{source} has {tag}; denied: {listed(self.denyTags)}"

    def remediation(self) -> Iterator[str]:
        """Yield how to name a source that cannot move."""
        if self.digest:
            yield (
                "Name the image by its digest: `oc tag REGISTRY/REPOSITORY@sha256:… STREAM:TAG`; "
                "`oc image info REGISTRY/REPOSITORY:TAG` prints the digest."
            )
            yield "Or point at an image of the cluster: `oc tag --source=isimage STREAM@sha256:… STREAM:TAG`."
        if self.denyTags:
            yield f"Name the source by a tag other than {listed(self.denyTags)}, or by digest; the default is latest."


def _source_tag(name: str, image: ImageReference | None) -> str:
    """Return the tag in a source's name, "" if it is named by digest."""
    if image is not None:
        return "" if image.digest else image.effective_tag
    return name.rpartition(":")[2]


def _tag_in_cel(every: str, tag: str) -> str:
    """Return the place in a message for the tag in a source's name."""
    return value(f'({every} ? "any tag" : "the tag \\"" + {tag} + "\\"")')


@dataclass(frozen=True, slots=True)
class CrossNamespace(Rule):
    """Other namespaces of the cluster from which a tag may take its image, including through the internal registry."""

    kind: ClassVar[str] = "crossNamespace"
    reads: ClassVar[frozenset[TagField]] = _SOURCE
    allow: tuple[Glob, ...] = parameter(globs(NAMESPACE), "allowed namespaces in addition to the tag's own")
    internalRegistries: tuple[ReferenceGlob, ...] = parameter(  # noqa: N815 - the policy's name
        reference_globs(), "names of the internal registry in addition to those of its service"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the source is in a namespace that is not allowed."""
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
            message = self._elsewhere(quoted(source.name), quoted(namespace))
            yield Violation(message, change.field(field), Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield denials of a source in a namespace that is not allowed: a DockerImage, or an object of the cluster."""
        tag, image = terms.tag, terms.image
        yield unreadable_image(image)
        host = f'{image.registry}.split(":")[0]'
        inside = any_of((f"{host} in {literal(sorted(INTERNAL_REGISTRIES))}", image.matches(self.internalRegistries)))
        namespace = f'{image.repository}.split("/")[0]'
        wrong = all_of((image.valid, inside, *self._denies(namespace, terms)))
        message = self._elsewhere(quote(image.of.source), quote(namespace))
        yield Denial(wrong, image.of.field("from.name"), message, Subject.IMAGE)
        namespace = tag.source_namespace
        wrong = all_of((f'{tag.kind} != "{SourceKind.DOCKER_IMAGE}"', *self._denies(namespace, terms)))
        message = self._elsewhere(quote(tag.source), quote(namespace))
        yield Denial(wrong, tag.field("from.namespace"), message)

    def _denies(self, namespace: str, terms: Terms) -> tuple[str, ...]:
        return (f'{namespace} != ""', f"{namespace} != {terms.namespace}", negated(matches(namespace, self.allow)))

    def _elsewhere(self, source: str, namespace: str) -> str:
        allowed = listed(("the tag's own namespace", *self.allow))
        return f"{source} is in namespace {namespace}; allowed: {allowed}"

    def remediation(self) -> Iterator[str]:
        """Yield the namespaces that a source may be in."""
        allowed = f" or of {listed(self.allow)}" if self.allow else ""
        yield f"Point the tag at a source of its own namespace{allowed}: `oc tag STREAM:TAG STREAM:TAG`."
        yield "Import an image of another namespace from its original registry, if that is allowed."
