"""The base of all warnings, and their tools: which matches overlap, and example reviews."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Any, ClassVar, Final

from webhook.globs.matching import Glob
from webhook.model.review import Review, TagChange, User
from webhook.policy.match import Match, Selector
from webhook.policy.policy import PolicyView
from webhook.resources.catalog import NAMES, TAG, changes
from webhook.resources.objects import made
from webhook.rules.base import EvaluationContext, Rule


@dataclass(frozen=True, slots=True)
class Hit:
    """One occurrence of a warning.

    Attributes:
        entry: the name of the entry.
        path: the JSON path in the entry, "" for the entry as a whole.
        sentence: the problem, and how to fix it.
    """

    entry: str
    path: str
    sentence: str


class Lint(ABC):
    """A warning about a policy; the docstring of a subclass is the warning's documentation.

    Attributes:
        name: the name in kebab-case, as in `spec.ignore` and reports.
        remedy: how to fix it, one sentence in the imperative.
    """

    __slots__ = ()

    name: ClassVar[str]
    remedy: ClassVar[str]

    @abstractmethod
    def check(self, policy: PolicyView) -> Iterator[Hit]:
        """Yield each occurrence of the warning in `policy`."""

    @classmethod
    def documentation(cls) -> str:
        """Return the meaning of the warning, in one line."""
        return " ".join((cls.__doc__ or "").split())


Globs = tuple[Glob, ...]
# Represents the text that a `*` matches: in other globs only a `*` matches it.
_ANY: Final = "\0"
_GLOBS: Final = tuple(field.name for field in fields(Selector) if field.name != "resources")
# A user can have many groups, so two disjoint globs of groups can both select the same user.
_EXCLUSIVE: Final = tuple(part for part in _GLOBS if part != "groups")


def includes(outer: Globs, inner: Globs) -> bool:
    """Whether every text that matches `inner` also matches `outer`."""
    words, patterns = _divided(outer)
    return all(
        str(glob) in words or any(pattern.matches(str(glob).replace("*", _ANY)) for pattern in patterns)
        for glob in inner
    )


def _divided(globs: Globs) -> tuple[frozenset[str], Globs]:
    """Return the literal globs as texts, and the others."""
    return frozenset(map(str, globs)), tuple(glob for glob in globs if not glob.exact)


def _disjoint(these: Globs, those: Globs) -> bool:
    """Whether no text matches both one of `these` and one of `those`."""
    (words, patterns), (other_words, other_patterns) = _divided(these), _divided(those)
    if words & other_words:
        return False
    return not any(_meet(pattern, glob) for pattern in patterns for glob in those) and not any(
        _meet(pattern, glob) for pattern in other_patterns for glob in these
    )


def _meet(pattern: Glob, other: Glob) -> bool:
    """Whether a text can match both; two globs with stars have a common text if their beginnings and ends agree."""
    if other.exact:
        return pattern.matches(str(other))
    first, last = str(pattern).partition("*")[0], str(pattern).rpartition("*")[2]
    other_first, other_last = str(other).partition("*")[0], str(other).rpartition("*")[2]
    return (first.startswith(other_first) or other_first.startswith(first)) and (
        last.endswith(other_last) or other_last.endswith(last)
    )


def selects_all(outer: Selector, inner: Selector) -> bool:
    """Whether `outer` selects every change that `inner` selects."""
    if outer.resources and not set(inner.resources or NAMES) <= set(outer.resources):
        return False
    return all(_selects_all(getattr(outer, part), getattr(inner, part)) for part in _GLOBS)


def _selects_all(outer: Globs, inner: Globs) -> bool:
    """Whether `outer` matches everything that `inner` matches; an empty list matches everything."""
    return not narrows(outer) or (bool(inner) and includes(outer, inner))


def narrows(globs: Globs) -> bool:
    """Whether a part of a selector excludes anything."""
    return bool(globs) and all(str(glob) != "*" for glob in globs)


def apart(one: Selector, other: Selector) -> bool:
    """Whether no change matches both."""
    if one.resources and other.resources and set(one.resources).isdisjoint(other.resources):
        return True
    return any(
        getattr(one, part) and getattr(other, part) and _disjoint(getattr(one, part), getattr(other, part))
        for part in _EXCLUSIVE
    )


def widest(matches: Iterable[Match], most: int) -> list[Match]:
    """Return the `most` matches that narrow the fewest parts, because these may cover the others."""
    return sorted(matches, key=_narrowed)[:most]


def _narrowed(match: Match) -> int:
    return sum(narrows(getattr(match.only, part)) for part in _GLOBS) + bool(match.only.resources) + bool(match.exclude)


def covers(outer: Match, inner: Match) -> bool:
    """Whether `outer` selects every change that `inner` selects."""
    if not selects_all(outer.only, inner.only):
        return False
    if outer.exclude is None or apart(outer.exclude, inner.only):
        return True
    return inner.exclude is not None and selects_all(inner.exclude, outer.exclude)


def overlap(one: Match, other: Match) -> bool:
    """Whether a change may match both."""
    return not (
        apart(one.only, other.only)
        or (one.exclude is not None and selects_all(one.exclude, other.only))
        or (other.exclude is not None and selects_all(other.exclude, one.only))
    )


# Names that no policy is likely to match.
STREAM: Final = "istag-webhook-lint"
OTHER: Final = "istag-webhook-lint-other"
_TAG: Final = f"{STREAM}:tag"
_ANY_TIME: Final = datetime(2000, 1, 1, tzinfo=UTC)  # no rule that is tried on an example depends on it


@dataclass(frozen=True, slots=True)
class Example:
    """A review, and the tag that it creates."""

    review: Review
    change: TagChange

    def denied(self, rule: Rule) -> frozenset[str]:
        """Return the messages of `rule` for the tag, regardless of the rule's match."""
        return frozenset(violation.message for violation in rule.check(self.change, EvaluationContext(self.review)))


def example(source: Mapping[str, str]) -> Example:
    """Return a new image stream tag with the source `source`, completed as the API server does."""
    document = TAG.defaulted(made(TAG.schema, STREAM, _TAG, tag={"from": dict(source)}))
    return of_object(document)


def of_object(document: Mapping[str, Any]) -> Example:
    """Return the example that creates an ImageStreamTag, from `example` or completed by a default."""
    request = {
        "operation": "CREATE",
        "name": _TAG,
        "namespace": STREAM,
        "userInfo": {"username": STREAM, "groups": []},
        "object": document,
        "oldObject": None,
    }
    review = Review(
        version="admission.k8s.io/v1",
        uid="",
        resource=TAG.name,
        kind=TAG.kind,
        operation="CREATE",
        namespace=STREAM,
        name=_TAG,
        user=User(STREAM),
        dry_run=True,
        time=_ANY_TIME,
        request=request,
    )
    return Example(review, next(change for change in changes(review) if isinstance(change, TagChange)))
