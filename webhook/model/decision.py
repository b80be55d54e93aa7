"""The decision about a review, and its findings, deduplicated and bounded."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook.model.review import Change, Reason, TagChange
from webhook.values import quick


class Mode(StrEnum):
    """The effect of a finding, as in Pod Security Admission; `ignore` is for existing violations only."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"
    IGNORE = "ignore"


@quick
@dataclass(frozen=True, slots=True)
class Finding:
    """A violation of one rule by one tag.

    Attributes:
        rule: the name of the rule in the policy.
        mode: the effect of the finding.
        message: one sentence: the problem, the value, the allowed values.
        field: the JSON path in the object that the user sent.
        existing: whether the violation existed before the change.
        reason: the reason of the Status cause.
    """

    rule: str
    mode: Mode
    message: str
    field: str
    existing: bool = False
    reason: Reason = Reason.INVALID

    @property
    def rule_suffix(self) -> str:
        """The end of the sentence, which names the rule."""
        return f" (rule {self.rule})"

    @property
    def sentence(self) -> str:
        """The message for a user, without the field."""
        return self.message + self.rule_suffix

    def __str__(self) -> str:
        return f"{self.field}: {self.sentence}"


@quick
@dataclass(frozen=True, slots=True)
class PatchOp:
    """One operation of a JSON Patch (RFC 6902)."""

    op: str
    path: str
    value: Any


@dataclass(frozen=True, slots=True)
class Exemption:
    """An exemption that was applied, with the user's reason, "" if it does not require one, and its ticket."""

    name: str
    reason: str = ""
    ticket: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one review; use `allow`, `deny` or `patched` to create it.

    Attributes:
        verdict: `allow`, `deny` or `patch`.
        changes: the evaluated changes.
        findings: the findings in all modes.
        patch: the operations that apply the defaults.
        exemption: the exemption that was applied.
        cut: whether more findings are possible, because the evaluation stopped when the answer was known.
    """

    verdict: str
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    patch: tuple[PatchOp, ...] = ()
    exemption: Exemption | None = None
    cut: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the change is allowed."""
        return self.verdict != "deny"

    @property
    def tags(self) -> tuple[TagChange, ...]:
        """The changed tags."""
        return tuple(change for change in self.changes if isinstance(change, TagChange))

    def in_mode(self, mode: Mode) -> tuple[Finding, ...]:
        """Return the findings of one mode."""
        return tuple(finding for finding in self.findings if finding.mode is mode)


def allow(
    changes: tuple[Change, ...] = (),
    findings: tuple[Finding, ...] = (),
    exemption: Exemption | None = None,
    *,
    cut: bool = False,
) -> Decision:
    """Return a decision that allows a change despite its findings."""
    return Decision("allow", changes, findings, exemption=exemption, cut=cut)


def deny(changes: tuple[Change, ...], findings: tuple[Finding, ...], *, cut: bool = False) -> Decision:
    """Return a decision that denies a change because of its findings."""
    return Decision("deny", changes, findings, cut=cut)


def patched(changes: tuple[Change, ...], patch: tuple[PatchOp, ...]) -> Decision:
    """Return a decision that applies defaults to an object."""
    return Decision("patch", changes, patch=patch)


class Findings:
    """Collects findings up to a limit.

    A change can break a rule ten thousand times, but its answer lists at most a hundred findings. When the limit is
    reached, only the first finding in `enforce` is still added, because it decides.

    Attributes:
        denied: whether a finding denies the review.
        full: whether the limit is reached.
        cut: whether there may be more findings than were kept.
    """

    __slots__ = ("_kept", "_most", "cut", "denied", "full")

    def __init__(self, most: int | None = None) -> None:
        """Create an empty collection.

        Args:
            most: the maximum number of findings, None for no limit.
        """
        self._most, self._kept = most, dict[Finding, tuple[int, int]]()
        self.denied = self.cut = False
        self.full = most == 0

    @property
    def settled(self) -> bool:
        """Whether the limit is reached and the answer is known."""
        return self.denied and self.full

    def add(self, finding: Finding, change: int, rule: int) -> None:
        """Add a finding once: every tag of a stream repeats the findings of the stream.

        Args:
            finding: the finding.
            change: the position of its change in the review.
            rule: the position of its rule in the policy.
        """
        if finding in self._kept:
            return
        decides = finding.mode is Mode.ENFORCE and not self.denied
        if self.full and not decides:
            self.cut = True
            return
        self.denied = self.denied or decides
        self._kept[finding] = change, rule
        self.full = self._most is not None and len(self._kept) >= self._most

    def sorted(self) -> tuple[Finding, ...]:
        """Return the findings in the order of their changes and rules."""
        return tuple(sorted(self._kept, key=self._kept.__getitem__))
