"""Which cases are run: those whose name a pattern selects."""

from collections.abc import Iterable
from dataclasses import replace
from fnmatch import fnmatchcase

from webhook.policytests.document import Suite


def select(suites: Iterable[Suite], patterns: tuple[str, ...]) -> tuple[list[Suite], int]:
    """Return `suites` with the cases whose name one of `patterns` selects, and how many cases are left out.

    A pattern selects a name that contains it, or that it matches as a glob (`*`, `?`, `[...]`) from end to end. Case is
    ignored. Without patterns, all cases are selected; a suite without a selected case is left out.
    """
    given = list(suites)
    if not patterns:
        return given, 0
    wanted = [pattern.casefold() for pattern in patterns]
    kept = [
        replace(suite, cases=tuple(each for each in suite.cases if _selected(each[0].name, wanted))) for suite in given
    ]
    deselected = sum(len(suite.cases) for suite in given) - sum(len(suite.cases) for suite in kept)
    return [suite for suite in kept if suite.cases], deselected


def _selected(name: str, patterns: list[str]) -> bool:
    folded = name.casefold()
    return any(pattern in folded or fnmatchcase(folded, pattern) for pattern in patterns)
