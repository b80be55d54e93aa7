"""One question has one answer, whatever asks it."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.builders import NOW, REVIEWS
from tests.support.recording import recorded

from webhook.documents.inputs import input_files
from webhook.evaluate.cases import Case
from webhook.evaluate.check import Old, Sender, questions
from webhook.evaluate.diff import compare
from webhook.evaluate.expected import Expected
from webhook.evaluate.question import Question, answer, answers
from webhook.evaluate.records import Part, Remarks, Selection
from webhook.evaluate.records import questions as recorded_questions
from webhook.evaluate.replay import Evaluation
from webhook.evaluate.test import ask
from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.policy import Policy
from webhook.report.outcome import ERROR, Origin, Outcome

_VALIDATED = sorted(REVIEWS.glob("*validate.json"))


def _of_file(path: Path) -> Question:
    (found,) = questions(input_files([str(path)]), Sender(), Old())
    assert isinstance(found, Question)
    return found


def _of_record(path: Path, policy: Policy) -> Question:
    line = recorded(json.loads(path.read_bytes()), policy)
    remarks = Remarks()
    (found,) = recorded_questions(Part("log", 1, line, len(line)), Selection(), remarks)
    assert remarks == Remarks()
    return found


def _said(outcome: Outcome) -> Outcome:
    """Return an outcome without its origin and the comparison."""
    bare = replace(outcome, origin=Origin(), marks=(), time="", before="", findings_before=(), patch_before=())
    return replace(bare, patch=())  # which a record of validate leaves to mutate


@pytest.mark.parametrize("path", _VALIDATED, ids=lambda path: path.stem)
def test_each_source_gets_the_same_answer(path: Path, shipped: Policy, strict: Policy) -> None:
    """A review in a file, in a test case and in a record is decided alike."""
    case = Case("a", Expected(), review=path.name)
    asked = (
        _of_file(path),
        ask(case, Origin(str(path.parent / "policy.test.yaml"), 1), NOW),
        _of_record(path, shipped),
    )
    for policy in (shipped, strict):
        of_file, of_case, of_record = (_said(answer(each, policy)) for each in asked)
        assert of_file == of_case == of_record


@pytest.mark.parametrize("path", _VALIDATED, ids=lambda path: path.stem)
def test_an_answer_is_compared_with_its_record(path: Path, shipped: Policy) -> None:
    """By the policy that it was recorded with, nothing would change."""
    outcome = answer(_of_record(path, shipped), shipped)
    assert (outcome.before, outcome.change) == (outcome.verdict, "")
    assert [*map(str, outcome.findings_before)] == [*map(str, outcome.findings)]


def _fails(review: Review, policy: Policy) -> Decision:
    raise ZeroDivisionError(f"{review.name} {policy.name}")


def test_a_question_that_fails(shipped: Policy) -> None:
    """An internal error is the outcome of its question, and the others are answered."""
    good = _of_file(_VALIDATED[0])
    failed, other = answers([replace(good, decide=_fails), good], shipped)
    assert failed.verdict == ERROR
    assert "please report this: ZeroDivisionError" in failed.message
    assert failed.origin == good.origin
    assert other == answer(good, shipped)
    (pair,) = compare([replace(good, decide=_fails)], shipped, shipped)
    assert not pair.evaluated


def test_the_workers_ask_the_same(shipped: Policy, strict: Policy) -> None:
    """`replay` reports for a part the answers to its questions."""
    lines = b"\n".join(recorded(json.loads(path.read_bytes()), shipped) for path in _VALIDATED)
    part = Part("log", 1, lines, len(lines))
    found = Evaluation(strict)(part)
    expected = [*answers(recorded_questions(part, Selection(), Remarks()), strict)]
    assert found.outcomes == [each for each in expected if each.change]
    assert found.tally.evaluated == len(expected) == len(_VALIDATED)
