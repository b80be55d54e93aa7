"""A review while it is judged, and what its rules share: the values made of it once, and what they may cost."""

from collections.abc import Callable
from typing import Any, TypeVar

from webhook.model import Review
from webhook.rules.steps import Steps

Made = TypeVar("Made")


class Hearing:
    """One review before the rules of one policy.

    Attributes:
        review: the question.
        steps: what evaluating may still cost, for all rules and all changes of the review together.
        past: whether it is the review of the object as it was before.
    """

    __slots__ = ("_made", "_was", "past", "review", "steps")

    def __init__(self, review: Review, of: "Hearing | None" = None) -> None:
        """Hear `review`, as it was before where it is the past of another hearing."""
        self.review, self.past = review, of is not None
        self.steps: Steps = of.steps if of is not None else Steps()
        self._was: Hearing | None = None
        self._made: dict[Any, Any] = {}

    def as_it_was(self) -> "Hearing":
        """Return the hearing of the object as it was before; what it costs, this one has less."""
        if self._was is None:
            self._was = Hearing(self.review.as_it_was(), self)
        return self._was

    def once(self, make: Callable[[Review, Steps], Made]) -> Made:
        """Return what `make` makes of the review and its budget, made at the first call and kept for the hearing."""
        if make not in self._made:
            self._made[make] = make(self.review, self.steps)
        made: Made = self._made[make]
        return made
