"""What CEL may cost on a review: the engine has no bound of its own, so each turn of a macro counts itself."""

from collections.abc import Callable
from time import thread_time
from typing import Any, Final

_STEPS: Final = 50_000
_SECONDS: Final = 0.5  # of CPU: how busy the machine is decides nothing
_TOO_MUCH: Final = "it costs too much on this review"


class CostBudget:
    """How much of its cost a review has left, for all evaluations together."""

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
