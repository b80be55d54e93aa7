"""Rules about the tags of a stream: their names and number, their annotations, and whether they may change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.globs.alphabets import ANNOTATION_KEY, TAG
from webhook.globs.matching import Glob, any_matches
from webhook.model.review import Reason, StreamChange, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.reference import TAG as GRAMMAR
from webhook.resources.cel import all_of, literal, matches, negated
from webhook.rules.base import EvaluationContext, Rule, Violation, listed, parameter
from webhook.rules.vocabulary import EACH, Denial, Subject, Terms, quote, value
from webhook.schemas.containers import GlobMap, globs
from webhook.schemas.parameters import Bool, Choice, Count
from webhook.text import quoted

_WHOLE_REPOSITORY: Final = "the change sets every tag of the repository, whose names are unknown"


@dataclass(frozen=True, slots=True)
class TagName(Rule):
    """The names of tags; `grammar` is that of the distribution specification, which OpenShift does not enforce.

    The names in a repository that is imported or followed as a whole are unknown: `allow` and `deny` deny the whole
    repository. Its registry serves the names, so they comply with `grammar`.
    """

    kind: ClassVar[str] = "tagName"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.NAME})
    needs: ClassVar[tuple[str, ...]] = ("allow", "deny", "grammar")
    allow: tuple[Glob, ...] = parameter(globs(TAG), "allowed names; default all")
    deny: tuple[Glob, ...] = parameter(globs(TAG), "denied names, even if allowed")
    grammar: bool = parameter(Bool(), "whether the name must be one that a registry can serve", default=False)

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each reason why the name is not allowed."""
        del context
        if change.every_tag:
            if self.allow or self.deny:
                yield Violation(_WHOLE_REPOSITORY, change.field("from.name"))
            return
        named = change.tag or not change.faults  # the schema denies a name that is not a string
        if self.grammar and named and not GRAMMAR.fullmatch(change.tag):
            yield Violation(self._unservable(quoted(change.tag)), change.place.name)
        if self.deny and any_matches(self.deny, change.tag):
            yield Violation(self._denied(quoted(change.tag)), change.place.name)
        elif self.allow and not any_matches(self.allow, change.tag):
            yield Violation(self._not_allowed(quoted(change.tag)), change.place.name)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial for each reason why the name is not allowed."""
        tag, field = terms.tag, terms.tag.field("name")
        denied = matches(tag.name, self.deny)
        if self.allow or self.deny:
            yield Denial(tag.every, tag.field("from.name"), _WHOLE_REPOSITORY)
        if self.grammar:
            wrong = f"!{tag.every} && !{tag.name}.matches({literal(f'^{GRAMMAR.pattern}$')})"
            yield Denial(wrong, field, self._unservable(quote(tag.name)))
        if self.deny:
            yield Denial(all_of((f"!{tag.every}", denied)), field, self._denied(quote(tag.name)))
        if self.allow:
            wrong = all_of((f"!{tag.every}", negated(denied), negated(matches(tag.name, self.allow))))
            yield Denial(wrong, field, self._not_allowed(quote(tag.name)))

    @staticmethod
    def _unservable(name: str) -> str:
        return f"no registry can serve a tag named {name}; expected {GRAMMAR.pattern}"

    def _denied(self, name: str) -> str:
        return f"a tag may not be named {name}; denied: {listed(self.deny)}"

    def _not_allowed(self, name: str) -> str:
        return f"a tag may not be named {name}; allowed: {listed(self.allow)}"

    def remediation(self) -> Iterator[str]:
        """Yield the allowed names."""
        if self.grammar:
            yield "Use letters, digits, `_`, `.` and `-`, at most 128 characters, without `.` or `-` at the beginning."
        if self.allow:
            yield f"Choose a name such as {listed(self.allow)}."
        if self.deny:
            yield f"Choose a name other than {listed(self.deny)}."
        if self.allow or self.deny:
            yield "Import the tags of a repository one by one: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`."


@dataclass(frozen=True, slots=True)
class Immutable(Rule):
    """A tag with a source keeps it: it must not be pointed elsewhere or removed from its stream.

    A push and an import do not contain the old tag: `unknown` defines whether they may set it.
    """

    kind: ClassVar[str] = "immutable"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.MOVE})
    evaluates_removal: ClassVar[bool] = True
    unknown: str = parameter(
        Choice("deny", "allow"), "whether a push or an import may set the tag; default `deny`", default="deny"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if a tag with a source is moved or removed, or if its old source is unknown."""
        del context
        if change.old_unknown and self.unknown == "deny":
            yield Violation(self._unknown(quoted(change.tag)), change.place.name, Reason.FORBIDDEN)
            return
        old = change.old.source if change.old else None
        # A followed repository moves existing tags, and each is a change of its own.
        if old is None or not change.moved or change.every_tag:
            return
        name, before = quoted(change.tag), quoted(str(old))
        if change.new is None:
            yield Violation(self._removed(name, before), change.place.path, Reason.FORBIDDEN)
        else:
            now = quoted(str(change.new.source)) if change.new.source else "nothing"
            yield Violation(self._moved(name, before, now), change.field("from.name"), Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield denials of a tag that is moved, removed or overwritten, or whose old source is unknown."""
        tag, name, field = terms.tag, quote(terms.tag.name), terms.tag.field("from.name")
        if self.unknown == "deny":
            yield Denial(terms.old_unknown, tag.field("name"), self._unknown(name), introduced=True)
        now = value(f'({tag.kind} == "" ? "nothing" : "\\"" + {tag.written} + "\\"")')
        moved = self._moved(name, quote(terms.before.written), now)
        yield Denial(terms.moved, field, moved, introduced=True)
        points, before = f'{tag.kind} != ""', quote(tag.written)
        yield Denial(points, terms.removed_field, self._removed(name, before), Subject.REMOVED, introduced=True)
        kind = SourceKind.DOCKER_IMAGE
        other = all_of((points, negated(terms.follows)))
        moved = self._moved(name, before, f'"{kind} {value(terms.followed)}"')
        yield Denial(other, terms.followed_field, moved, Subject.OVERWRITTEN, introduced=True)

    @staticmethod
    def _unknown(name: str) -> str:
        return f"{name} may already have another source, which this request does not contain; set the tag directly"

    @staticmethod
    def _removed(name: str, before: str) -> str:
        return f"{name} points at {before} and may not be removed"

    @staticmethod
    def _moved(name: str, before: str, now: str) -> str:
        return f"{name} points at {before} and may not be pointed at {now}"

    def remediation(self) -> Iterator[str]:
        """Yield the alternatives to changing a tag."""
        yield "Keep the tag, and create a new one: `oc tag SOURCE STREAM:NEWTAG`."
        if self.unknown == "deny":
            yield "A push and an import do not contain the old tag: set it by `oc tag` instead."


@dataclass(frozen=True, slots=True)
class Annotations(Rule):
    """Annotations that a tag must have, and annotations that it must not have."""

    kind: ClassVar[str] = "annotations"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.ANNOTATIONS})
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(
        GlobMap(ANNOTATION_KEY), "required annotations, and the globs for their values"
    )
    deny: tuple[Glob, ...] = parameter(globs(ANNOTATION_KEY), "denied annotations")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each annotation that is missing, wrong or denied."""
        del context
        found = change.new.annotations if change.new else {}
        for name, glob in self.require:
            where = f'{change.field("annotations")}["{name}"]'
            if name not in found:
                yield Violation(self._expected(name, "missing", glob), where, Reason.REQUIRED)
            elif not glob.matches(found[name]):
                yield Violation(self._expected(name, quoted(found[name]), glob), where)
        for name in found:
            if any_matches(self.deny, name):
                yield Violation(self._denied(quoted(name)), change.field("annotations"), Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial for each required annotation, and one for each denied annotation."""
        tag, found = terms.tag, terms.tag.annotations
        for name, glob in self.require:
            key, field = literal(name), tag.field(f'annotations["{name}"]')
            there = found.has(key)
            yield Denial(f"!{tag.every} && !{there}", field, self._expected(name, "missing", glob))
            wrong = all_of((f"!{tag.every} && {there}", negated(matches(found.value(key), (glob,)))))
            yield Denial(wrong, field, self._expected(name, quote(found.value(key)), glob))
        if self.deny:
            wrong = all_of((f"!{tag.every}", matches(EACH, self.deny)))
            yield Denial(wrong, tag.field("annotations"), self._denied(quote(EACH)), each=found.names)

    @staticmethod
    def _expected(name: str, found: str, glob: Glob) -> str:
        return f"annotation {quoted(name)} is {found}; expected {glob}"

    def _denied(self, name: str) -> str:
        return f"annotation {name} is not allowed; denied: {listed(self.deny)}"

    def remediation(self) -> Iterator[str]:
        """Yield the commands that set and remove annotations."""
        for name, glob in self.require:
            yield f"Set an annotation {name} that matches {glob}: `oc annotate istag/STREAM:TAG {name}=VALUE`."
        if self.deny:
            yield f"Remove annotations such as {listed(self.deny)}: `oc annotate istag/STREAM:TAG NAME-`."


@dataclass(frozen=True, slots=True)
class TagLimit(Rule):
    """The number of tags that a stream may have; a change that leaves fewer tags than before is always allowed."""

    kind: ClassVar[str] = "tagLimit"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.TAG_COUNT})
    evaluates_tags: ClassVar[bool] = False
    evaluates_streams: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ("max",)
    max: int | None = parameter(Count(1), "maximum number of tags", default=None)

    def check(self, change: StreamChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation if the stream has too many tags, and not fewer than before."""
        del context
        new, old = change.new, change.old
        if new is None or self.max is None or new.tags <= self.max or (old is not None and new.tags < old.tags):
            return
        yield Violation(self._too_many(str(new.tags)), "spec.tags", Reason.FORBIDDEN)

    def cel(self, terms: Terms) -> Iterator[Denial]:
        """Yield a denial of a stream with too many tags, and not fewer than before."""
        stream = terms.stream
        wrong = all_of((f"{stream.tags} > {self.max}", negated(stream.fewer)))
        yield Denial(wrong, literal("spec.tags"), self._too_many(value(f"string({stream.tags})")), Subject.STREAM)

    def _too_many(self, tags: str) -> str:
        return f"the stream has {tags} tags; allowed: {self.max}"

    def remediation(self) -> Iterator[str]:
        """Yield how to reduce the number of tags."""
        yield f"Delete tags until {self.max} are left (`oc tag -d STREAM:TAG`), or create another stream."
