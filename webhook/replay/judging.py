"""Recorded decisions are evaluated again: lines in, what would change and a summary out. No I/O."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Final

from webhook.admission import engine
from webhook.admission.codec import of_document
from webhook.audit.recorded import Recorded, read
from webhook.errors import Fault, MalformedRecord, MalformedReview, unexpected
from webhook.globs.matching import Glob, any_matches
from webhook.model.decision import Decision, PatchOp
from webhook.model.review import Review
from webhook.policy.loading import Policy
from webhook.replay.parts import LONGEST, Part
from webhook.report.outcome import ALLOW, DENY, Origin, Outcome, outcome
from webhook.report.tally import Tally
from webhook.resources import catalog
from webhook.shard import Shard
from webhook.text import printable

LEFT_OUT: Final = "left out by the options"
METADATA: Final = "records of level metadata"
OTHER: Final = "other lines"
UNFIT: Final = "records whose request cannot be evaluated"
_MOST_REMARKS: Final = 5


def moment(time: datetime | None) -> str:
    """Return a time as records have it, so that they compare as strings; "" for None."""
    return "" if time is None else time.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are evaluated.

    Attributes:
        since: the first time (RFC 3339, UTC), "" for any.
        until: the first time that is too late, "" for any.
        namespaces: globs, none for any.
        dry_run: whether records of what was only tried are evaluated too.
        shard: the part that is evaluated here.
    """

    since: str = ""
    until: str = ""
    namespaces: tuple[Glob, ...] = ()
    dry_run: bool = True
    shard: Shard = field(default_factory=Shard)

    def takes(self, recorded: Recorded) -> bool:
        """Whether `recorded` is to be evaluated."""
        return (
            self.since <= recorded.time
            and (not self.until or recorded.time < self.until)
            and (not self.namespaces or any_matches(self.namespaces, recorded.namespace))
            and (self.dry_run or not recorded.dry_run)
        )


@dataclass(slots=True)
class Judged:
    """What came of one part.

    Attributes:
        outcomes: what would change.
        tally: counts every line of the part.
        remarks: the first few lines that cannot be evaluated.
        faults: lines on which the webhook itself failed.
        size: the part's.
    """

    size: int
    outcomes: list[Outcome] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    remarks: list[Fault] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judge:
    """Evaluates parts by one policy."""

    policy: Policy
    selection: Selection = Selection()

    def __call__(self, part: Part) -> Judged:
        """Evaluate the lines of `part` that belong here."""
        judged = Judged(part.size)
        for number, line in self._lines(part):
            origin = Origin(part.file, number)
            try:
                found = self._outcome(origin, line, judged.tally)
            except MalformedRecord as error:
                self._remark(judged, origin, OTHER, error)
            except MalformedReview as error:
                self._remark(judged, origin, UNFIT, error)
            except Exception as error:  # noqa: BLE001 - one record must not end the replay of all others
                judged.faults.append(Fault(str(origin), "", printable(unexpected(error))))
            else:
                if found is not None:
                    judged.tally.count(found)
                    if found.change:
                        judged.outcomes.append(found)
        return judged

    def _lines(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that belong here, with their numbers; empty ones are nobody's."""
        holds = self.selection.shard.holds
        for number, line in enumerate(part.data.split(b"\n"), part.line):
            if line and not line.isspace() and holds(line):
                yield number, line

    def _outcome(self, origin: Origin, line: bytes, tally: Tally) -> Outcome | None:
        """Evaluate one line, None where it is not to be evaluated, which is counted.

        Raises:
            MalformedRecord: it is no record.
            MalformedReview: its request is no review of ours.
        """
        recorded = read_line(line)
        if not self.selection.takes(recorded):
            tally.unjudged[LEFT_OUT] += 1
            return None
        if recorded.request is None:
            tally.unjudged[METADATA] += 1
            return None
        review = review_of(recorded.request)
        decision = decide(review, recorded.webhook, self.policy)
        return outcome(
            origin,
            review,
            decision,
            time=recorded.time,
            before=DENY if recorded.verdict == "deny" else ALLOW,
            said=(recorded.findings, _patch_before(recorded, decision)),
        )

    @staticmethod
    def _remark(judged: Judged, origin: Origin, sort: str, error: Exception) -> None:
        judged.tally.unjudged[sort] += 1
        if len(judged.remarks) < _MOST_REMARKS:
            judged.remarks.append(Fault(str(origin), "", str(error)))


def _patch_before(recorded: Recorded, decision: Decision) -> tuple[PatchOp, ...]:
    """Return the patch that was recorded; of a long one only the beginning is, and the rest counts as unchanged."""
    patch = recorded.patch
    if not recorded.patch_more or len(decision.patch) != len(patch) + recorded.patch_more:
        return patch
    return (*patch, *decision.patch[len(patch) :])


def read_line(line: bytes) -> Recorded:
    """Read a line of the record.

    Raises:
        MalformedRecord: it is no record.
    """
    if len(line) >= LONGEST:
        raise MalformedRecord(f"expected a record, got a line of more than {LONGEST} bytes")
    return read(line)


def review_of(request: Mapping[str, Any]) -> Review:
    """Return the review whose request was recorded.

    Raises:
        MalformedReview: it is no review of ours.
    """
    return of_document({**_REVIEW, "request": request}, catalog.RESOURCES)


def decide(review: Review, webhook: str, policy: Policy) -> Decision:
    """Decide as the webhook that was asked, `validate` or `mutate`, would by `policy`."""
    if webhook == "mutate":
        return engine.mutate(review, policy)
    decision = engine.admit(review, policy)
    return replace(decision, patch=()) if decision.patch else decision  # which mutate would have said


_REVIEW: Final = {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview"}
