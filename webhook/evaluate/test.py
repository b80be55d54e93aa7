"""Policy tests: each case is a question, and its outcome is compared with the expected one."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from fnmatch import fnmatchcase
from itertools import chain
from pathlib import Path
from typing import Any, Final

from webhook.admission import engine
from webhook.admission.codec import of_document
from webhook.documents.inputs import input_files
from webhook.documents.reading import read
from webhook.errors import CaseError, Fault, MalformedReview, PolicyError
from webhook.evaluate.cases import SUFFIXES, Case, Suite, load
from webhook.evaluate.expected import SAME, Row, compare
from webhook.evaluate.question import API_VERSION, Question, answer, request_of, review_of
from webhook.model.review import Review, User
from webhook.policy.entries import TEST_KIND
from webhook.policy.loading import load as load_policy
from webhook.policy.policy import Policy
from webhook.report.outcome import ERROR, Origin, Outcome
from webhook.resources.catalog import KINDS, RESOURCES
from webhook.rules.cluster import Schema
from webhook.text import counted, quoted

_OF_OURS: Final = frozenset((API_VERSION, kind) for kind in KINDS)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of a case.

    Attributes:
        case: the case.
        question: its question; the origin is the line on which the case begins.
        outcome: the outcome.
        rows: the comparison of the expected and the reported parts.
    """

    case: Case
    question: Question
    outcome: Outcome
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether all expected parts were reported."""
        return all(row.mark == SAME for row in self.rows)

    def met(self, policy: Policy) -> Iterator[str]:
        """Yield the names of the entries of `policy` that the case covers."""
        for finding in self.outcome.findings:
            yield finding.rule
        if self.outcome.exemption is not None:
            yield self.outcome.exemption.name
        for entry in policy.defaults:
            if engine.mutate(self.question.review, replace(policy, defaults=(entry,))).patch:
                yield entry.name


@dataclass(frozen=True, slots=True)
class Coverage:
    """The entries of a policy that cases cover: rules that report, defaults that set, exemptions that are used.

    Attributes:
        policy: the policy.
        met: the names of the covered entries.
    """

    policy: Policy
    met: frozenset[str]

    def parts(self) -> Iterator[tuple[str, list[str], list[str]]]:
        """Yield for rules, defaults and exemptions the label, the names, and the names that are not covered.

        Rules that the API server itself enforces are not counted.
        """
        rules = [entry.name for entry in self.policy.rules if not isinstance(entry.rule, Schema)]
        defaults = [entry.name for entry in self.policy.defaults]
        exemptions = [entry.name for entry in self.policy.exemptions]
        for part, names in (("rules", rules), ("defaults", defaults), ("exemptions", exemptions)):
            yield part, names, [name for name in names if name not in self.met]

    @property
    def complete(self) -> bool:
        """Whether every entry is covered."""
        return not any(missed for _, _, missed in self.parts())


def suites(paths: Iterable[str]) -> tuple[list[Suite], list[Fault]]:
    """Return the tests in `paths`, and every error in them."""
    loaded = [load(file) for file in input_files(paths, SUFFIXES, f"a document of kind {TEST_KIND}")]
    return list(chain.from_iterable(found for found, _ in loaded)), list(chain.from_iterable(bad for _, bad in loaded))


def select(suites: Iterable[Suite], patterns: tuple[str, ...]) -> tuple[list[Suite], int]:
    """Return `suites` with the cases whose name one of `patterns` selects, and how many cases are deselected.

    A pattern selects a name that contains it, or that it matches as a glob (`*`, `?`, `[...]`) as a whole. Case is
    ignored. Without patterns, all cases are selected; a suite without a selected case is omitted.
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


def none_selected(patterns: tuple[str, ...], deselected: int) -> Fault:
    """Return the error for patterns that select none of `deselected` cases."""
    expected = " or ".join(map(quoted, patterns))
    return Fault(
        "-k",
        "",
        f"expected the name of a case to contain or match {expected}, got none among {counted(deselected, 'case')}",
    )


def run(
    suites: Iterable[Suite], time: datetime, policies: tuple[Path, ...] = ()
) -> tuple[list[Result], list[Coverage], list[Fault]]:
    """Run every case by `policies`, or by those that its suite names; each policy is loaded once.

    Args:
        suites: the cases.
        time: when the changes come, if a case does not say so.
        policies: the policy, instead of those that the suites name.

    Returns:
        The results, the coverage of each policy, and the errors.
    """
    results: list[Result] = []
    faults: list[Fault] = []
    by_policy: dict[tuple[Path, ...], tuple[Policy, list[Result]] | None] = {}
    for suite in suites:
        key = tuple(path.resolve() for path in policies or suite.policies)
        if key not in by_policy:
            by_policy[key] = None
            try:
                by_policy[key] = load_policy(*(policies or suite.policies)), []
            except PolicyError as error:
                faults.extend(error.faults)
        loaded = by_policy[key]
        if loaded is None:
            continue
        policy, met = loaded
        for case, line in suite.cases:
            try:
                question = ask(case, Origin(suite.file, line), time)
            except CaseError as error:
                faults.extend(error.faults)
                continue
            outcome = answer(question, policy)
            if outcome.verdict == ERROR:
                faults.append(Fault(str(question.origin), case.name, outcome.message))
                continue
            met.append(Result(case, question, outcome, compare(case.expect, outcome)))
            results.append(met[-1])
    coverages = (
        Coverage(policy, frozenset(name for result in met for name in result.met(policy)))
        for policy, met in filter(None, by_policy.values())
    )
    return results, list(coverages), faults


def ask(case: Case, origin: Origin, time: datetime) -> Question:
    """Return the question of `case`, which begins at `origin`; it comes at `time` if the case does not say when.

    Raises:
        CaseError: it contains nothing that can be evaluated.
    """
    try:
        return Question(origin, _review(case, origin, case.at or time))
    except MalformedReview as error:
        raise _error(origin, case, str(error)) from None


def _review(case: Case, origin: Origin, time: datetime) -> Review:
    if case.object is None:
        return of_document(_recorded(case, origin, Path(origin.file).parent / case.review), RESOURCES, time)
    for key, value in (("object", case.object), ("oldObject", case.old)):
        if value is not None and (value.get("apiVersion"), value.get("kind")) not in _OF_OURS:
            raise _error(origin, case, f"{key}: expected one of {', '.join(KINDS)} of {API_VERSION}")
    return review_of(request_of(case.object, case.old, User(case.user, groups=case.groups), "test"), time)


def _recorded(case: Case, origin: Origin, path: Path) -> Any:
    """Return the review recorded in a file."""
    try:
        documents, faults = read(str(path), path.read_bytes())
    except OSError as error:
        raise _error(origin, case, f"review: {path}: cannot be read: {error.strerror}") from None
    if faults:
        raise CaseError(tuple(faults))
    if len(documents) != 1:
        raise _error(origin, case, f"review: {path}: expected one AdmissionReview, got {len(documents)} documents")
    return documents[0].value


def _error(origin: Origin, case: Case, message: str) -> CaseError:
    return CaseError((Fault(str(origin), case.name, message),))
