"""The outcome of one change: every command passes it to every format, and `merge` reads it back."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from webhook.admission.codec import operation
from webhook.audit import recorded
from webhook.audit.record import Tags, tags
from webhook.documents.document import Mark
from webhook.model.decision import Decision, Exemption, Finding, Mode, PatchOp
from webhook.model.review import Reason, Review
from webhook.text import escaped, printable
from webhook.values import exactly

ALLOW: Final = "allow"
DENY: Final = "deny"
SKIP: Final = "skip"
ERROR: Final = "error"
NEWLY_ALLOWED: Final = "newlyAllowed"
NEWLY_DENIED: Final = "newlyDenied"
NEWLY_COMPLETED: Final = "newlyCompleted"
_FEW: Final = 3


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a change in its file.

    Attributes:
        file: the file's name, `-` for standard input, "" for a cluster.
        line: the first line of the document, from 1; 0 if there is no line.
        column: the column in that line, from 1; 0 if unknown.
    """

    file: str = ""
    line: int = 0
    column: int = 0

    @property
    def mark(self) -> Mark:
        """The line and column."""
        return Mark(self.line, self.column)

    def __str__(self) -> str:
        return ":".join(str(part) for part in (self.file, self.line, self.column) if part)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The outcome of one change.

    Attributes:
        origin: the place of the change.
        verdict: `allow`, `deny`, `skip` (an object of another kind) or `error` (it cannot be evaluated).
        resource: the resource, with its subresource after a slash; "" if unknown.
        operation: CREATE, UPDATE or DELETE, "" without a request.
        namespace: the object's namespace.
        name: the object's name.
        user: the user of the request, "" without one.
        time: when the request was made (RFC 3339), "" if unknown.
        before: the verdict to compare with, "" without one.
        findings_before: the findings to compare with.
        patch_before: the patch to compare with.
        tags: the changed tags: `path`, `tag`, `from`, `to`, as in records; in a history `digest` too, "" if unknown.
        findings: the findings of the rules.
        marks: the line and column of each finding's field in the file.
        patch: the patch of the defaults.
        exemption: the exemption that was used.
        message: why it was skipped or cannot be evaluated; in a history a remark; "" otherwise.
        policy: in a history the policy that decided, such as `shipped@sha256:…`, "" otherwise.
    """

    origin: Origin
    verdict: str
    resource: str = ""
    operation: str = ""
    namespace: str = ""
    name: str = ""
    user: str = ""
    time: str = ""
    before: str = ""
    tags: Tags = ()
    findings: tuple[Finding, ...] = ()
    marks: tuple[Mark, ...] = ()
    patch: tuple[PatchOp, ...] = ()
    exemption: Exemption | None = None
    message: str = ""
    policy: str = ""
    findings_before: tuple[Finding, ...] = ()
    patch_before: tuple[PatchOp, ...] = ()

    @property
    def change(self) -> str:
        """The difference from before: NEWLY_ALLOWED, NEWLY_DENIED, NEWLY_COMPLETED, or "" for none."""
        if self.before not in ("", self.verdict):
            return NEWLY_DENIED if self.verdict == DENY else NEWLY_ALLOWED
        return NEWLY_COMPLETED if self.before and self.patch != self.patch_before else ""

    @property
    def deciding(self) -> tuple[Finding, ...]:
        """The findings that deny it, or denied it before."""
        found = self.findings_before if self.change == NEWLY_ALLOWED else self.findings
        return tuple(finding for finding in found if finding.mode is Mode.ENFORCE)

    @property
    def title(self) -> str:
        """The name for people: its tags if they are few, else its object."""
        named = list(dict.fromkeys(str(tag["tag"]) for tag in self.tags))
        if 0 < len(named) <= _FEW:
            return ", ".join(named)
        return "/".join(part for part in (self.namespace, self.name) if part)

    def subjects(self) -> Iterator[tuple[Finding, Mark, str]]:
        """Yield each finding with its place and the name of its subject: a tag, or the object."""
        title, tags = self.title, {str(tag["path"]): str(tag["tag"]) for tag in self.tags}
        for finding, mark in self.located():
            path = finding.field
            while path and path not in tags:
                path = path[: max(path.rfind("."), path.rfind("["), 0)]
            yield finding, mark, tags.get(path, title)

    def located(self) -> Iterator[tuple[Finding, Mark]]:
        """Yield each finding with its place in the file."""
        return zip(self.findings, self.marks, strict=True)

    def with_notes(self, notes: Iterable[tuple[Finding, Mark]]) -> "Outcome":
        """Return the outcome with further findings, each with its place."""
        findings, marks = zip(*self.located(), *notes, strict=True)
        return replace(self, findings=findings, marks=marks)

    def in_mode(self, mode: Mode) -> tuple[Finding, ...]:
        """Return the findings in one mode."""
        return tuple(finding for finding in self.findings if finding.mode is mode)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON value that `of_json` reads, with every key."""
        return {
            "file": self.origin.file,
            "line": self.origin.line,
            "column": self.origin.column,
            "verdict": self.verdict,
            "before": self.before,
            "resource": self.resource,
            "operation": self.operation,
            "namespace": self.namespace,
            "name": self.name,
            "user": self.user,
            "time": self.time,
            "tags": [dict(tag) for tag in self.tags],
            "findings": [_as_json(finding, mark) for finding, mark in self.located()],
            "findingsBefore": [_as_json(finding, Mark(self.origin.line)) for finding in self.findings_before],
            "patch": [operation(op) for op in self.patch],
            "patchBefore": [operation(op) for op in self.patch_before],
            "exemption": {key: getattr(self.exemption, key) for key in _EXEMPTION} if self.exemption else None,
            "message": self.message,
            "policy": self.policy,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Outcome":
        """Read the value that `as_json` returned.

        Raises:
            KeyError, TypeError, ValueError: `value` is something else.
        """
        if value["verdict"] not in _VERDICTS or value["before"] not in ("", ALLOW, DENY):
            raise ValueError("expected a verdict")
        findings, exempt = exactly(list, value["findings"]), value["exemption"]
        return cls(
            origin=Origin(exactly(str, value["file"]), exactly(int, value["line"]), exactly(int, value["column"])),
            **{key: exactly(str, value[key]) for key in _TEXTS},
            tags=tuple(_tag(each) for each in exactly(list, value["tags"])),
            findings=tuple(_finding(each) for each in findings),
            marks=tuple(Mark(exactly(int, each["line"]), exactly(int, each["column"])) for each in findings),
            findings_before=tuple(_finding(each) for each in exactly(list, value["findingsBefore"])),
            patch=tuple(recorded.operation(each) for each in exactly(list, value["patch"])),
            patch_before=tuple(recorded.operation(each) for each in exactly(list, value["patchBefore"])),
            exemption=Exemption(*(exactly(str, exempt[key]) for key in _EXEMPTION)) if exempt is not None else None,
        )


_VERDICTS: Final = (ALLOW, DENY, SKIP, ERROR)
_EXEMPTION: Final = ("name", "reason", "ticket")
_TEXTS: Final = ("verdict", "before", "resource", "operation", "namespace", "name", "user", "time", "message", "policy")


def _as_json(finding: Finding, mark: Mark) -> dict[str, Any]:
    return {
        "rule": finding.rule,
        "mode": str(finding.mode),
        "field": finding.field,
        "line": mark.line,
        "column": mark.column,
        "message": finding.message,
        "existing": finding.existing,
        "reason": str(finding.reason),
    }


def _tag(value: Any) -> Mapping[str, str | None]:
    found = exactly(dict, value)
    ends = {key: None if found[key] is None else exactly(str, found[key]) for key in ("from", "to")}
    digest = {"digest": exactly(str, found["digest"])} if "digest" in found else {}
    return {"path": exactly(str, found["path"]), "tag": exactly(str, found["tag"]), **ends, **digest}


def _finding(value: Any) -> Finding:
    return replace(recorded.finding(value), reason=Reason(value["reason"]))


def outcome(
    origin: Origin,
    review: Review,
    decision: Decision,
    *,
    marks: tuple[Mark, ...] = (),
    time: str = "",
    before: str = "",
    earlier: tuple[tuple[Finding, ...], tuple[PatchOp, ...]] = ((), ()),
) -> Outcome:
    """Return the outcome of `review`.

    Args:
        origin: the place of the review.
        review: the review.
        decision: the decision; its patch does not affect the verdict.
        marks: the place of each finding's field; the origin's line for all if empty.
        time: when the request was made (RFC 3339).
        before: the verdict to compare with.
        earlier: the findings and the patch to compare with.
    """
    return Outcome(
        origin=origin,
        verdict=ALLOW if decision.allowed else DENY,
        resource=review.resource,
        operation=review.operation,
        namespace=printable(review.namespace),
        name=printable(review.name),
        user=escaped(review.user.name),
        time=time,
        before=before,
        tags=tags(decision),
        findings=decision.findings,
        marks=marks or (Mark(origin.line),) * len(decision.findings),
        patch=decision.patch,
        exemption=decision.exemption,
        findings_before=earlier[0],
        patch_before=earlier[1],
    )
