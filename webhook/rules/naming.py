"""Rules about the tag itself: its name, its annotations, and whether it may ever change."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from webhook.globs.alphabets import ANNOTATION_KEY, TAG
from webhook.globs.matching import Glob, any_matches
from webhook.model.change import Reason, TagChange, TagField
from webhook.reference import TAG as GRAMMAR
from webhook.rules.base import Rule, Violation, listed, parameter
from webhook.rules.context import EvaluationContext
from webhook.schemas.parameters import Bool, Choice
from webhook.schemas.patterns import GlobMap, globs
from webhook.text import quoted


@dataclass(frozen=True, slots=True)
class TagName(Rule):
    """What a tag may be called; `grammar` is the distribution specification's, which OpenShift itself does not hold.

    The names in a repository that is imported or followed as a whole are not known: their registry serves them, so
    `grammar` holds, and `allow` and `deny` deny the whole repository.
    """

    kind: ClassVar[str] = "tagName"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.NAME})
    needs: ClassVar[tuple[str, ...]] = ("allow", "deny", "grammar")
    allow: tuple[Glob, ...] = parameter(globs(TAG), "names that are allowed, all where absent")
    deny: tuple[Glob, ...] = parameter(globs(TAG), "names that are denied, whatever is allowed")
    grammar: bool = parameter(Bool(), "whether the name must be one that a registry can serve", default=False)

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each way in which the name is not as it must be."""
        del context
        if change.every_tag:
            if self.allow or self.deny:
                yield Violation("a whole repository is meant, whatever its tags are named", change.field("from.name"))
            return
        named = change.tag or not change.faults  # a name that is no string is what the schema denies
        if self.grammar and named and not GRAMMAR.fullmatch(change.tag):
            yield self._violation(change, "no registry can serve a tag named", f"expected {GRAMMAR.pattern}")
        if self.deny and any_matches(self.deny, change.tag):
            yield self._violation(change, "a tag may not be named", f"denied: {listed(self.deny)}")
        elif self.allow and not any_matches(self.allow, change.tag):
            yield self._violation(change, "a tag may not be named", f"allowed: {listed(self.allow)}")

    def remediation(self) -> Iterator[str]:
        """Yield what a tag may be called."""
        if self.grammar:
            yield "Use letters, digits, `_`, `.` and `-`, 128 at most, with no `.` or `-` first."
        if self.allow:
            yield f"Choose a name such as {listed(self.allow)}."
        if self.deny:
            yield f"Choose a name other than {listed(self.deny)}."
        if self.allow or self.deny:
            yield "Import the tags of a repository one by one: `oc tag REGISTRY/REPOSITORY:TAG STREAM:TAG`."

    @staticmethod
    def _violation(change: TagChange, wrong: str, wanted: str) -> Violation:
        return Violation(f"{wrong} {quoted(change.tag)}; {wanted}", change.place.name)


@dataclass(frozen=True, slots=True)
class Immutable(Rule):
    """A tag that has a source keeps it: it may not be pointed elsewhere, nor removed from its stream.

    A push and an import do not say what the tag was, or whether there was one: `unknown` says whether they may set it.
    """

    kind: ClassVar[str] = "immutable"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.MOVE})
    evaluates_removal: ClassVar[bool] = True
    unknown: str = parameter(
        Choice("deny", "allow"), "whether a push or an import may set the tag, `deny` where absent", default="deny"
    )

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation where a tag that had a source has another, or none, or where none can tell."""
        del context
        if change.old_unknown and self.unknown == "deny":
            yield Violation(
                f"{quoted(change.tag)} may point elsewhere already, and this request does not say; set it as a tag",
                change.place.name,
                Reason.FORBIDDEN,
            )
            return
        old = change.old.source if change.old else None
        # What a stream follows moves the tags that it has, each of which is a change of its own.
        if old is None or not change.moved or change.every_tag:
            return
        if change.new is None:
            yield Violation(
                f"{quoted(change.tag)} points at {quoted(str(old))} and may not be removed",
                change.place.path,
                Reason.FORBIDDEN,
            )
        else:
            now = f"at {quoted(str(change.new.source))}" if change.new.source else "at nothing"
            yield Violation(
                f"{quoted(change.tag)} points at {quoted(str(old))} and may not be pointed {now}",
                change.field("from.name"),
                Reason.FORBIDDEN,
            )

    def remediation(self) -> Iterator[str]:
        """Yield what can be done beside changing a tag."""
        yield "Leave the tag as it is, and make a new one: `oc tag SOURCE STREAM:NEWTAG`."
        if self.unknown == "deny":
            yield "A push and an import do not say what the tag was: set it by `oc tag` instead."


@dataclass(frozen=True, slots=True)
class Annotations(Rule):
    """Which annotations a tag must have, and which it may not have."""

    kind: ClassVar[str] = "annotations"
    reads: ClassVar[frozenset[TagField]] = frozenset({TagField.ANNOTATIONS})
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(
        GlobMap(ANNOTATION_KEY), "annotations that must be there, and what they must match"
    )
    deny: tuple[Glob, ...] = parameter(globs(ANNOTATION_KEY), "annotations that may not be there")

    def check(self, change: TagChange, context: EvaluationContext) -> Iterator[Violation]:
        """Yield a violation for each annotation that is missing, wrong or denied."""
        del context
        found = change.new.annotations if change.new else {}
        for name, glob in self.require:
            where = f'{change.field("annotations")}["{name}"]'
            if name not in found:
                yield Violation(f"annotation {quoted(name)} is missing; expected {glob}", where, Reason.REQUIRED)
            elif not glob.matches(found[name]):
                yield Violation(f"annotation {quoted(name)} is {quoted(found[name])}; expected {glob}", where)
        for name in found:
            if any_matches(self.deny, name):
                yield Violation(
                    f"annotation {quoted(name)} is not allowed; denied: {listed(self.deny)}",
                    change.field("annotations"),
                    Reason.FORBIDDEN,
                )

    def remediation(self) -> Iterator[str]:
        """Yield the commands that set and remove annotations."""
        for name, glob in self.require:
            yield f"Set an annotation {name} that matches {glob}: `oc annotate istag/STREAM:TAG {name}=VALUE`."
        if self.deny:
            yield f"Remove annotations such as {listed(self.deny)}: `oc annotate istag/STREAM:TAG NAME-`."
