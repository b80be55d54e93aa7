"""Rules about the tag itself: its name, its annotations, and whether it may ever change."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar, Final

from webhook.globs import Glob, any_matches
from webhook.model import Reason, Review, TagChange
from webhook.parameters import Bool, GlobMap, globs
from webhook.rules.base import IMAGE_DOORS, TAG_DOORS, Rule, Violation, listed, parameter
from webhook.text import quoted

# The distribution specification's grammar of a tag.
_TAG: Final = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")


@dataclass(frozen=True, slots=True)
class TagName(Rule):
    """What a tag may be called; `grammar` is the distribution specification's, which OpenShift itself does not hold."""

    kind: ClassVar[str] = "tagName"
    doors: ClassVar[frozenset[str]] = TAG_DOORS | IMAGE_DOORS
    needs: ClassVar[tuple[str, ...]] = ("allow", "deny", "grammar")
    allow: tuple[Glob, ...] = parameter(globs(), "names that are allowed, all where absent")
    deny: tuple[Glob, ...] = parameter(globs(), "names that are denied, whatever is allowed")
    grammar: bool = parameter(Bool(), "whether the name must be one that a registry can serve", default=False)

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation for each way in which the name is not as it must be."""
        del review
        name, where = quoted(change.tag), change.name_path
        if self.grammar and not _TAG.fullmatch(change.tag):
            yield Violation(f"no registry can serve a tag named {name}; expected {_TAG.pattern}", where)
        if denied := [glob for glob in self.deny if glob.matches(change.tag)]:
            yield Violation(f"a tag may not be named {name}; denied: {listed(denied)}", where)
        elif self.allow and not any_matches(self.allow, change.tag):
            yield Violation(f"a tag may not be named {name}; allowed: {listed(self.allow)}", where)


@dataclass(frozen=True, slots=True)
class Immutable(Rule):
    """A tag that has a source keeps it: it may not be pointed elsewhere, nor removed from its stream."""

    kind: ClassVar[str] = "immutable"
    judges_removal: ClassVar[bool] = True

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation where a tag that had a source has another, or none."""
        del review
        old = change.old.source if change.old else None
        if old is None or not change.moved:
            return
        if change.new is None:
            yield Violation(f"{quoted(change.tag)} points at {quoted(str(old))} and may not be removed", change.path)
        else:
            now = f"at {quoted(str(change.new.source))}" if change.new.source else "at nothing"
            yield Violation(
                f"{quoted(change.tag)} points at {quoted(str(old))} and may not be pointed {now}",
                change.field("from.name"),
                Reason.FORBIDDEN,
            )


@dataclass(frozen=True, slots=True)
class Annotations(Rule):
    """Which annotations a tag must have, and which it may not have."""

    kind: ClassVar[str] = "annotations"
    doors: ClassVar[frozenset[str]] = TAG_DOORS - {"imagestreamimports"}
    needs: ClassVar[tuple[str, ...]] = ("require", "deny")
    require: tuple[tuple[str, Glob], ...] = parameter(
        GlobMap(), "annotations that must be there, and what they must match"
    )
    deny: tuple[Glob, ...] = parameter(globs(""), "annotations that may not be there")

    def check(self, change: TagChange, review: Review) -> Iterator[Violation]:
        """Yield a violation for each annotation that is missing, wrong or denied."""
        del review
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
