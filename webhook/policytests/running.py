"""A case is judged as a cluster would, and what came of it compared with what was expected."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path
from typing import Any, Final

from webhook import admission, doors
from webhook.documents import read
from webhook.documents.yaml import dump
from webhook.errors import CaseRefused, Fault, MalformedReview
from webhook.manifests import RESOURCES, envelope
from webhook.model import Decision, Finding, Review, User
from webhook.policy import Policy
from webhook.policytests.document import Case, Expected
from webhook.review import GROUP, VERSION, of_document, operation

_KINDS: Final = frozenset((f"{GROUP}/{VERSION}", kind) for kind in RESOURCES)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a case.

    Attributes:
        case: the case.
        file: the file it stands in.
        line: the line on which it begins.
        review: what was asked.
        decision: what was answered.
        expected: what was expected, and nothing else.
        got: what came of it, as far as something was expected.
    """

    case: Case
    file: str
    line: int
    review: Review
    decision: Decision
    expected: Mapping[str, Any]
    got: Mapping[str, Any]

    @property
    def passed(self) -> bool:
        """Whether what was expected came of it."""
        return self.expected == self.got

    def diff(self) -> Iterator[str]:
        """Yield the lines of a unified diff from what was expected to what came of it, none where they are the same."""
        before, after = (dump(side).splitlines() for side in (self.expected, self.got))
        return unified_diff(before, after, "expected", "got", n=100, lineterm="")


def run(case: Case, file: str, line: int, policy: Policy) -> Result:
    """Judge `case`, which stands in `file` at `line`, by `policy`.

    Raises:
        CaseRefused: it holds nothing that can be judged.
    """
    where = f"{file}:{line}"
    try:
        review = of_document(_document(case, where, Path(file).parent), doors.DOORS)
    except MalformedReview as error:
        raise _refused(where, case, str(error)) from None
    decision = admission.admit(review, policy)
    expected, got = _compared(case.expect, decision)
    return Result(case, file, line, review, decision, expected, got)


def _document(case: Case, where: str, directory: Path) -> Any:
    """Return the AdmissionReview of a case."""
    if case.object is None:
        return _recorded(case, where, directory / case.review)
    for key, value in (("object", case.object), ("oldObject", case.old)):
        if value is not None and (value.get("apiVersion"), value.get("kind")) not in _KINDS:
            raise _refused(where, case, f"{key}: expected one of {', '.join(RESOURCES)} of {GROUP}/{VERSION}")
    return envelope(case.object, case.old, User(case.user, groups=case.groups), "test")


def _recorded(case: Case, where: str, path: Path) -> Any:
    """Return the review that was recorded in a file."""
    try:
        documents, faults = read(str(path), path.read_bytes())
    except OSError as error:
        raise _refused(where, case, f"review: {path}: cannot be read: {error.strerror}") from None
    if faults:
        raise CaseRefused(tuple(faults))
    if len(documents) != 1:
        raise _refused(where, case, f"review: {path}: expected one AdmissionReview, got {len(documents)} documents")
    return documents[0].value


def _refused(where: str, case: Case, message: str) -> CaseRefused:
    return CaseRefused((Fault(where, case.name, message),))


def _compared(expect: Expected, decision: Decision) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what was expected and what came of it, each in the same words."""
    expected: dict[str, Any] = {}
    got: dict[str, Any] = {}
    if expect.verdict is not None:
        expected["verdict"], got["verdict"] = expect.verdict, decision.verdict
    if expect.findings is not None:
        expected["findings"], got["findings"] = _findings(expect.findings, decision.findings)
    if expect.patch is not None:
        expected["patch"], got["patch"] = list(expect.patch), [operation(op) for op in decision.patch]
    if expect.exemption is not None:
        exemption = decision.exemption
        expected["exemption"], got["exemption"] = expect.exemption, exemption.name if exemption else None
    return expected, got


def _findings(
    expected: tuple[Mapping[str, str], ...], findings: tuple[Finding, ...]
) -> tuple[list[Mapping[str, str]], list[Mapping[str, str]]]:
    """Return both lists, a finding that was expected in the words in which it was, in the order of those expected."""
    left = list(findings)
    # Who expects more chooses first, so that one who expects less takes nothing away.
    met: set[int] = set()
    for index in sorted(range(len(expected)), key=lambda each: -len(expected[each])):
        found = next((finding for finding in left if _is(finding, expected[index])), None)
        if found is not None:
            left.remove(found)
            met.add(index)
    got = [each for index, each in enumerate(expected) if index in met]
    return list(expected), [*got, *map(_said, left)]


def _is(finding: Finding, expected: Mapping[str, str]) -> bool:
    said = _said(finding)
    return all(value in said[key] if key == "message" else value == said[key] for key, value in expected.items())


def _said(finding: Finding) -> dict[str, str]:
    return {
        "rule": finding.rule,
        "mode": str(finding.mode),
        "field": finding.field,
        "message": finding.message,
    }
