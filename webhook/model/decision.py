"""The answer: the findings of a review, each once and bounded, and the decision they lead to."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from webhook.model.change import Change, Reason, TagChange
from webhook.values import quick


class Mode(StrEnum):
    """What a finding does, as in Pod Security Admission; `ignore` is for what a change leaves as it was."""

    ENFORCE = "enforce"
    WARN = "warn"
    AUDIT = "audit"
    IGNORE = "ignore"


@quick
@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence of a rule about one tag.

    Attributes:
        rule: the name of the policy's entry.
        mode: what the finding does.
        message: one sentence: what is wrong, the value, what is allowed.
        field: the JSON path in the object that the user sent.
        existing: whether the change leaves this as it was.
        reason: the cause's reason.
    """

    rule: str
    mode: Mode
    message: str
    field: str
    existing: bool = False
    reason: Reason = Reason.INVALID

    @property
    def rule_suffix(self) -> str:
        """How its sentence ends: with the rule."""
        return f" (rule {self.rule})"

    @property
    def sentence(self) -> str:
        """What a user reads beside the field: the message and whose it is."""
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
    """An exemption that was used, and the reason that its user gave, "" where none is asked for."""

    name: str
    reason: str = ""


@quick
@dataclass(frozen=True, slots=True)
class Decision:
    """The answer to one review; made by `allow`, `deny` and `patched` only.

    Attributes:
        verdict: `allow`, `deny` or `patch`.
        changes: what would change, and was evaluated.
        findings: what the rules said of them, whatever the mode.
        patch: what completes the object.
        exemption: the exemption that was used.
        cut: whether there may be more findings: evaluation ended once there were enough and the answer was known.
    """

    verdict: str
    changes: tuple[Change, ...] = ()
    findings: tuple[Finding, ...] = ()
    patch: tuple[PatchOp, ...] = ()
    exemption: Exemption | None = None
    cut: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the change may happen."""
        return self.verdict != "deny"

    @property
    def tags(self) -> tuple[TagChange, ...]:
        """The tags that would change."""
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
    """Return the decision that lets a change happen, with what was found all the same."""
    return Decision("allow", changes, findings, exemption=exemption, cut=cut)


def deny(changes: tuple[Change, ...], findings: tuple[Finding, ...], *, cut: bool = False) -> Decision:
    """Return the decision that denies a change, with the findings."""
    return Decision("deny", changes, findings, cut=cut)


def patched(changes: tuple[Change, ...], patch: tuple[PatchOp, ...]) -> Decision:
    """Return the decision that completes an object."""
    return Decision("patch", changes, patch=patch)


class Findings:
    """Findings as they come.

    A change that breaks a rule may do so ten thousand times, and its answer names a hundred. Once there are enough,
    only what still decides is looked for: the first finding in `enforce`.

    Attributes:
        denied: whether one of them denies the review.
        cut: whether there may be more than are kept.
    """

    __slots__ = ("_kept", "_most", "cut", "denied")

    def __init__(self, most: int | None = None) -> None:
        """Begin without any.

        Args:
            most: how many are kept, all if None.
        """
        self._most, self._kept = most, dict[Finding, tuple[int, int]]()
        self.denied = self.cut = False

    @property
    def full(self) -> bool:
        """Whether there are enough."""
        return self._most is not None and len(self._kept) >= self._most

    @property
    def settled(self) -> bool:
        """Whether there are enough, and the answer is known."""
        return self.denied and self.full

    def add(self, finding: Finding, change: int, rule: int) -> None:
        """Take up a finding: what is found of a stream is found again of each of its tags, and counts once.

        Args:
            finding: the finding.
            change: the place of its change in the review.
            rule: the place of its rule in the policy.
        """
        if finding in self._kept:
            return
        decides = finding.mode is Mode.ENFORCE and not self.denied
        if self.full and not decides:
            self.cut = True
            return
        self.denied = self.denied or decides
        self._kept[finding] = change, rule

    def sorted(self) -> tuple[Finding, ...]:
        """Return the findings, by change and rule."""
        return tuple(sorted(self._kept, key=self._kept.__getitem__))
