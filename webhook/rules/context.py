"""A review while it is evaluated, and what its rules share: the values made of it once, and what they may cost."""

from collections.abc import Callable
from typing import Any, TypeVar

from webhook.model.review import Review
from webhook.rules.budget import CostBudget

Made = TypeVar("Made")


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
