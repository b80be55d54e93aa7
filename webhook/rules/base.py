"""The base of rule kinds: a frozen class with its parameters, documentation, one pure check, and its CEL for export."""

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
_LONGEST_LIST: Final = 4_096  # bytes; each message about a tag repeats the list
_STEPS: Final = 50_000
_SECONDS: Final = 0.5  # of CPU time, so that other processes do not count
_TOO_MUCH: Final = "its evaluation exceeds the cost budget of a review"


@quick
@dataclass(frozen=True, slots=True)
class Violation:
    """A violation of a rule.

    Attributes:
        message: one sentence: the problem, the value, and what is allowed.
        field: the JSON path in the object that the user sent.
        reason: the reason of the Status cause.
    """

    message: str
    field: str
    reason: Reason = Reason.INVALID


class CostBudget:
    """The cost budget of a review's CEL, shared by all evaluations."""

    def __init__(self) -> None:
        self._left, self._seconds = _STEPS, _SECONDS
        self._until = 0.0
        self._spent = False

    def spend(self, evaluate: Callable[[], Any]) -> Any:
        """Return the result of `evaluate`, which counts its iterations here; exceptions of `evaluate` propagate.

        Raises:
            TimeoutError: the budget is exhausted.
        """
        if self._spent or self._seconds <= 0:
            raise TimeoutError(_TOO_MUCH)
        began = thread_time()
        self._until = began + self._seconds
        try:
            return evaluate()
        finally:
            self._seconds -= thread_time() - began
            if self._spent:  # CEL's || and && may have absorbed the error
                raise TimeoutError(_TOO_MUCH)

    def take(self, weight: int) -> bool:
        """Count one iteration of a macro; return False if the budget is exhausted."""
        self._left -= weight
        self._spent = self._spent or self._left < 0 or thread_time() > self._until
        return not self._spent


class EvaluationContext:
    """The context in which the rules of one policy evaluate one review.

    Attributes:
        review: the review.
        budget: the cost budget, shared by all rules and all changes of the review.
        past: whether the review is that of the old object.
    """

    __slots__ = ("_made", "_was", "budget", "past", "review")

    def __init__(self, review: Review, of: "EvaluationContext | None" = None) -> None:
        """Create the context of `review`; `of` is the context of the new object if this is that of the old one."""
        self.review, self.past = review, of is not None
        self.budget: CostBudget = of.budget if of is not None else CostBudget()
        self._was: EvaluationContext | None = None
        self._made: dict[Any, Any] = {}

    def as_it_was(self) -> "EvaluationContext":
        """Return the context of the old object, which shares this budget."""
        if self._was is None:
            self._was = EvaluationContext(self.review.as_it_was(), self)
        return self._was

    def once(self, make: Callable[[Review, CostBudget], Made]) -> Made:
        """Return `make(review, budget)`, computed at the first call and kept for the context."""
        if make not in self._made:
            self._made[make] = make(self.review, self.budget)
        made: Made = self._made[make]
        return made


def parameter(kind: Parameter, doc: str, default: Any = ()) -> Any:
    """Declare a parameter of a rule: its type, its meaning, and its default."""
    return field(default=default, metadata={"parameter": kind, "doc": doc})


class Rule(ABC):
    """One rule of a policy; a subclass is a rule kind, and its docstring is the kind's documentation.

    Attributes:
        kind: the key of the kind in a policy's entry.
        reads: the fields of a tag that a review must have for the kind to evaluate it.
        evaluates_tags: whether the kind evaluates a TagChange.
        evaluates_streams: whether the kind evaluates a StreamChange.
        evaluates_removal: whether the kind evaluates a removed tag.
        reads_review: whether it reads more than the change, so that it can report an unchanged tag for the first time.
        evaluates_untouched: whether it evaluates an unchanged tag.
        needs: the parameters of which at least one is required, () if none is.
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
        """Yield the CEL equivalent of `check`, with the same messages; or return why CEL cannot express it.

        Args:
            terms: the names of one side of a change, new or old.
        """

    @abstractmethod
    def remediation(self) -> Iterator[str]:
        """Yield what a denied user can do, one plain sentence each, from the rule's parameters."""

    @classmethod
    def documentation(cls) -> str:
        """Return the kind's description, in one line."""
        return " ".join((cls.__doc__ or "").split())

    @classmethod
    def variables(cls) -> list[tuple[str, str, str]]:
        """Return the variables of the kind's expressions: the path, the type and the meaning of each field."""
        return []

    @classmethod
    def parameters(cls) -> tuple[Field[Any], ...]:
        """Return the fields that a policy may set."""
        return tuple(each for each in fields(cls) if "parameter" in each.metadata)  # type: ignore[arg-type]


def docker_image(change: TagChange) -> ImageReference | Violation | None:
    """Return the image that a tag points at, None for another kind of source, a Violation for an invalid reference."""
    source = change.new.source if change.new else None
    if source is None or source.kind != SourceKind.DOCKER_IMAGE:
        return None
    if source.reference is None:
        return Violation(_unreadable(quoted(source.name), source.fault), change.field("from.name"))
    return source.reference


def unreadable_image(image: Image) -> Denial:
    """Return the Violation of `docker_image` in CEL, which does not locate the error in a reference."""
    message = _unreadable(quote(image.sent), value(image.fault))
    return Denial(negated(image.valid), image.of.field("from.name"), message, Subject.IMAGE)


def _unreadable(name: str, fault: str) -> str:
    return f"{name} cannot be evaluated: {fault}"


def listed(values: Iterable[Any]) -> str:
    """Return the allowed or denied values for the end of a message; only the beginning of a long list."""
    texts = list(map(str, values))
    return joined(texts, len(texts), ", ", _LONGEST_LIST)
