"""If the server may behave in two ways, the model has both."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """The choices of one run; a run asks for them in the same order each time."""

    def __init__(self, path: Sequence[int]) -> None:
        self.path = list(path)
        self.widths: list[int] = []

    def of(self, options: Sequence[T]) -> T:
        """Take one of the options in this run, and the others in other runs."""
        place = len(self.widths)
        self.widths.append(len(options))
        if place == len(self.path):
            self.path.append(0)
        return options[self.path[place]]


def every_way(run: Callable[[Choices], T]) -> Iterator[T]:
    """Run a function once for each way through its choices.

    Args:
        run: A function without side effects; it takes each of its choices from its argument.

    Yields:
        What it returned, in each way.
    """
    path: list[int] = []
    while True:
        choices = Choices(path)
        yield run(choices)
        path = choices.path[: len(choices.widths)]
        while path and path[-1] + 1 == choices.widths[len(path) - 1]:
            path.pop()
        if not path:
            return
        path[-1] += 1


def distinct(values: Iterable[T]) -> list[T]:
    """Drop repetitions, for values that compare but have no hash."""
    found: list[T] = []
    for value in values:
        if value not in found:
            found.append(value)
    return found
