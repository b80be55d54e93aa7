"""A case is evaluated as a cluster would, and what came of it compared with what was expected."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from webhook import resources
from webhook.admission import engine
from webhook.admission.codec import GROUP, VERSION, of_document
from webhook.documents.reading import read
from webhook.errors import CaseError, Fault, MalformedReview
from webhook.manifests import envelope
from webhook.manifests.stored import RESOURCES
from webhook.model.decision import Decision
from webhook.model.review import Review, User
from webhook.policy.loading import Policy
from webhook.policytests.comparison import SAME, Row, compare
from webhook.policytests.document import Case

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
        rows: what was expected beside what was reported.
    """

    case: Case
    file: str
    line: int
    review: Review
    decision: Decision
    rows: tuple[Row, ...]

    @property
    def passed(self) -> bool:
        """Whether everything that was expected was reported."""
        return all(row.mark == SAME for row in self.rows)


def run(case: Case, file: str, line: int, policy: Policy) -> Result:
    """Evaluate `case`, which stands in `file` at `line`, by `policy`.

    Raises:
        CaseError: it holds nothing that can be evaluated.
    """
    where = f"{file}:{line}"
    try:
        review = of_document(_document(case, where, Path(file).parent), resources.RESOURCES)
    except MalformedReview as error:
        raise _refused(where, case, str(error)) from None
    decision = engine.admit(review, policy)
    return Result(case, file, line, review, decision, compare(case.expect, decision))


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
        raise CaseError(tuple(faults))
    if len(documents) != 1:
        raise _refused(where, case, f"review: {path}: expected one AdmissionReview, got {len(documents)} documents")
    return documents[0].value


def _refused(where: str, case: Case, message: str) -> CaseError:
    return CaseError((Fault(where, case.name, message),))
