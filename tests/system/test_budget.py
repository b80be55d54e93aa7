"""The cost of a review, in calls and memory, is within the budget; `make budget` updates it."""

from collections.abc import Callable

import pytest
from tests.support import budget
from tests.support.bodies import KINDS


@pytest.fixture(scope="module")
def found(pytestconfig: pytest.Config) -> budget.Figures:
    """The counts."""
    if budget.budget() is None and not pytestconfig.getoption("--regenerate"):
        pytest.skip(f"tests/data/budgets/ has no budget for Python {budget.MINOR}: `make budget` writes one")
    counted = budget.count()
    if pytestconfig.getoption("--regenerate"):
        budget.write(counted)
    return counted


@pytest.mark.parametrize("kind", KINDS)
def test_each_stage_stays_within_its_budget(kind: str, found: budget.Figures) -> None:
    """No stage makes more calls or needs more memory than its budget says, nor so much less that it says nothing."""
    allowed = budget.budget()
    assert allowed is not None
    assert budget.differences({kind: found[kind]}, {kind: allowed[kind]}) == []


def test_every_stage_is_counted(found: budget.Figures) -> None:
    """A plain review goes through every stage: none was renamed or left out unnoticed."""
    assert {stage for stage, of in found["plain"].items() if of["calls"]} == {*budget.STAGES, budget.LAST}


@pytest.mark.parametrize(
    ("what", "change", "said"),
    [
        pytest.param("calls", lambda most: most + 6, "plain, stage rules: 106 calls, budget 100", id="more calls"),
        pytest.param("calls", lambda most: most * 8 // 10, "plain, stage rules: 80 calls, budget 100", id="far fewer"),
        pytest.param("bytes", lambda most: most + 600, "plain, stage rules: 700 bytes, budget 100", id="more memory"),
    ],
)
def test_a_difference_names_its_stage(what: str, change: Callable[[int], int], said: str) -> None:
    """A difference is reported with the kind of review and its stage."""
    allowed = {"plain": {"rules": {what: 100}, "parse": {what: 100}}}
    found = {"plain": {"rules": {what: change(100)}, "parse": {what: 100}}}
    assert budget.differences(found, allowed) == [said]
