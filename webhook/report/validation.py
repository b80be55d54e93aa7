"""What `policy validate` found, as outcomes that every format can write."""

from collections.abc import Iterable, Iterator
from typing import Final

from webhook.documents.document import Mark
from webhook.errors import Fault
from webhook.model.decision import Finding, Mode
from webhook.policy.lint.catalogue import LINTS
from webhook.policy.lint.reported import PolicyWarning
from webhook.policy.loading import Policy
from webhook.policy.located import located
from webhook.report.header import INVALID, VALIDATE, Header, RuleLine
from webhook.report.outcome import ALLOW, DENY, ERROR, Origin, Outcome

_RULES: Final = (
    RuleLine(INVALID, "error", str(Mode.ENFORCE), "The policy cannot be used."),
    *(RuleLine(lint.name, "warning", str(Mode.WARN), lint.documentation()) for lint in LINTS),
)


class Warned(Finding):
    """A warning about a policy, as a finding."""

    __slots__ = ()

    @property
    def rule_suffix(self) -> str:
        """How its sentence ends: with the warning's name."""
        return f" (warning {self.rule})"


def header(policy: Policy | None, version: str, time: str) -> Header:
    """Return the head of the report on `policy`, None for a policy that cannot be used."""
    name, digest = (policy.name, policy.digest) if policy else ("", "")
    return Header(VALIDATE, name, digest, version, time, _RULES)


def validated(policy: Policy, warnings: Iterable[PolicyWarning], *, failing: bool) -> Iterator[Outcome]:
    """Yield an outcome for each entry of `policy`.

    Args:
        policy: a policy that can be used.
        warnings: the warnings about it.
        failing: whether an entry with a warning fails.
    """
    by_entry: dict[str, list[PolicyWarning]] = {}
    for warning in warnings:
        by_entry.setdefault(warning.entry, []).append(warning)
    for entry in located(policy):
        name = f"{entry.part}/{entry.name}"
        found = by_entry.get(name, [])
        yield Outcome(
            Origin(entry.file, entry.line, entry.column),
            DENY if failing and found else ALLOW,
            name=name,
            findings=tuple(Warned(each.name, Mode.WARN, each.fault.message, each.fault.path) for each in found),
            marks=tuple(Mark(each.fault.line, each.fault.column) for each in found),
        )


def refused(faults: Iterable[Fault]) -> Iterator[Outcome]:
    """Yield an outcome for each error in a policy that cannot be used."""
    for fault in faults:
        message = f"{fault.path}: {fault.message}" if fault.path else fault.message
        yield Outcome(Origin(fault.where, fault.line, fault.column), ERROR, message=message)
