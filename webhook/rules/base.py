"""What a rule kind is: a frozen class with its parameters, its documentation, one pure check and its CEL for export."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from dataclasses import Field, dataclass, field, fields
from time import thread_time
from typing import Any, ClassVar, Final, TypeVar

from webhook.model.review import Reason, Review, TagChange, TagField
from webhook.model.tag import SourceKind
from webhook.reference import ImageReference
from webhook.resources.cel import negated
from webhook.rules.vocabulary import Denial, Image, Inexpressible, Subject, Terms, quote, value
from webhook.schemas.parameters import Parameter
from webhook.text import joined, quoted
from webhook.values import quick

Made = TypeVar("Made")
_LONGEST_LIST: Final = 4_096  # bytes; each message about a tag names it again
_STEPS: Final = 50_000
_SECONDS: Final = 0.5  # of CPU: how busy the machine is decides nothing
_TOO_MUCH: Final = "it costs too much on this review"


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


class CostBudget:
    """What the CEL of a review may still cost, for all evaluations together."""

    def __init__(self) -> None:
        self._left, self._seconds = _STEPS, _SECONDS
        self._until = 0.0
        self._spent = False

    def spend(self, evaluate: Callable[[], Any]) -> Any:
        """Return what `evaluate` returns, which takes its turns here; whatever it raises comes out.

        Raises:
            TimeoutError: there is nothing left, or not enough.
        """
        if self._spent or self._seconds <= 0:
            raise TimeoutError(_TOO_MUCH)
        began = thread_time()
        self._until = began + self._seconds
        try:
            return evaluate()
        finally:
            self._seconds -= thread_time() - began
            if self._spent:  # CEL's || and && may have swallowed that
                raise TimeoutError(_TOO_MUCH)

    def take(self, weight: int) -> bool:
        """Take one turn of a macro; False where nothing is left."""
        self._left -= weight
        self._spent = self._spent or self._left < 0 or thread_time() > self._until
        return not self._spent


class EvaluationContext:
    """One review before the rules of one policy.

    Attributes:
        review: the question.
        budget: what evaluating may still cost, for all rules and all changes of the review together.
        past: whether it is the review of the object as it was before.
    """

    __slots__ = ("_made", "_was", "budget", "past", "review")

    def __init__(self, review: Review, of: "EvaluationContext | None" = None) -> None:
        """Make the context of `review`; `of` is the context whose past it is."""
        self.review, self.past = review, of is not None
        self.budget: CostBudget = of.budget if of is not None else CostBudget()
        self._was: EvaluationContext | None = None
        self._made: dict[Any, Any] = {}

    def as_it_was(self) -> "EvaluationContext":
        """Return the context of the object as it was before; what it costs, this one has less."""
        if self._was is None:
            self._was = EvaluationContext(self.review.as_it_was(), self)
        return self._was

    def once(self, make: Callable[[Review, CostBudget], Made]) -> Made:
        """Return what `make` makes of the review and its budget, made at the first call and kept for the context."""
        if make not in self._made:
            self._made[make] = make(self.review, self.budget)
        made: Made = self._made[make]
        return made


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
    def cel(self, terms: Terms) -> Iterator[Denial] | Inexpressible:
        """Yield in CEL what `check` finds, in the same words; or return why CEL cannot express it.

        Args:
            terms: the names of a change, as it is to be or as it was.
        """

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
        return Violation(_unreadable(quoted(source.name), source.fault), change.field("from.name"))
    return source.reference


def unreadable_image(image: Image) -> Denial:
    """Return the Violation of `docker_image` in CEL, which does not say where a reference is wrong."""
    message = _unreadable(quote(image.sent), value(image.fault))
    return Denial(negated(image.valid), image.of.field("from.name"), message, Subject.IMAGE)


def _unreadable(name: str, fault: str) -> str:
    return f"{name} cannot be evaluated: {fault}"


def listed(values: Iterable[Any]) -> str:
    """Return what is allowed (or denied) for the end of a sentence; of a long list its beginning."""
    texts = list(map(str, values))
    return joined(texts, len(texts), ", ", _LONGEST_LIST)
