"""What a rule kind is: a frozen class with its parameters, its documentation and one pure check."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import Field, dataclass, field, fields
from typing import Any, ClassVar, Final

from webhook.model.change import Reason, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.reference import ImageReference
from webhook.rules.context import EvaluationContext
from webhook.schemas.parameters import Parameter
from webhook.text import joined, quoted
from webhook.values import quick

_LONGEST_LIST: Final = 4_096  # bytes; each message about a tag names it again


@quick
@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that a rule does not like.

    Attributes:
        message: one sentence: what is wrong, the value, what is allowed.
        field: the JSON path in the object that the user sent.
        reason: the reason of the Status cause.
    """

    message: str
    field: str
    reason: Reason = Reason.INVALID


def parameter(kind: Parameter, doc: str, default: Any = ()) -> Any:
    """Declare a parameter of a rule: how it is read, what it means, and what it is where the policy leaves it out."""
    return field(default=default, metadata={"parameter": kind, "doc": doc})


class Rule(ABC):
    """One rule of a policy; a subclass is a rule kind, and its docstring is the kind's documentation.

    Attributes:
        kind: the key of the kind in a policy's entry.
        reads: what a review must carry of a tag for the kind to evaluate it.
        evaluates_tags: whether the kind evaluates a TagChange.
        evaluates_streams: whether it evaluates a StreamChange.
        evaluates_removal: whether the kind has something to say of a tag that is removed.
        reads_review: whether it looks beyond the change, so that a tag may be news to it of which nothing changes.
        evaluates_untouched: whether it has something to say of a tag of which nothing changes.
        needs: the parameters of which one at least must be given, () where none need be.
    """

    __slots__ = ()

    kind: ClassVar[str]
    reads: ClassVar[frozenset[TagField]] = frozenset()
    evaluates_tags: ClassVar[bool] = True
    evaluates_streams: ClassVar[bool] = False
    evaluates_removal: ClassVar[bool] = False
    reads_review: ClassVar[bool] = False
    evaluates_untouched: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = ()

    @abstractmethod
    def check(self, change: Any, context: EvaluationContext) -> Iterator[Violation]:
        """Yield the violations in `change`; `change.new` is set, unless `evaluates_removal` is true."""

    @abstractmethod
    def remediation(self) -> Iterator[str]:
        """Yield what whoever is denied can do, one plain sentence each, by the rule's parameters."""

    @classmethod
    def documentation(cls) -> str:
        """Return what the kind says, in one line."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def variables(cls) -> list[tuple[str, str, str]]:
        """Return what the kind's expressions read: the path, the type and the meaning of each field."""
        return []

    @classmethod
    def parameters(cls) -> tuple[Field[Any], ...]:
        """Return the fields that a policy may set."""
        return tuple(each for each in fields(cls) if "parameter" in each.metadata)  # type: ignore[arg-type]


def docker_image(change: TagChange) -> ImageReference | Violation | None:
    """Return the image that a tag points at; None where it is no DockerImage, a Violation where none can tell."""
    source = change.new.source if change.new else None
    if source is None or source.kind != SourceKind.DOCKER_IMAGE:
        return None
    if source.reference is None:
        return Violation(f"{quoted(source.name)} cannot be evaluated: {source.fault}", change.field("from.name"))
    return source.reference


def listed(values: Iterable[Any]) -> str:
    """Return what is allowed (or denied) for the end of a sentence; of a long list its beginning."""
    texts = list(map(str, values))
    return joined(texts, len(texts), ", ", _LONGEST_LIST)
