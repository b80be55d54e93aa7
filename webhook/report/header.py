"""The header of a report: the command and the policy; and the report of `policy validate`."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from webhook.documents.document import Mark
from webhook.errors import Fault
from webhook.model.decision import Finding, Mode
from webhook.policy.lint.checks import lints
from webhook.policy.policy import Policy
from webhook.policy.written import located
from webhook.report.outcome import ALLOW, DENY, ERROR, Origin, Outcome
from webhook.report.shape import Shard
from webhook.values import exactly

if TYPE_CHECKING:
    from webhook.policy.lint.checks import PolicyWarning

VALIDATE: Final = "policy validate"
UNRECORDED: Final = "unrecorded"  # the rule of a tag that points elsewhere than the last allowed change says
INVALID: Final = "invalid-policy"  # the rule of every error in a validated policy


@dataclass(frozen=True, slots=True)
class RuleLine:
    """A rule of the policy.

    Attributes:
        name: the entry's name.
        kind: the rule kind.
        mode: the mode of its findings.
        description: the kind's description, in one line.
    """

    name: str
    kind: str
    mode: str
    description: str


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a report.

    Attributes:
        command: the command, such as `check`.
        policy: the policy's name.
        digest: the policy's digest.
        version: the version of this package.
        time: when the report was made (RFC 3339).
        rules: the policy's rules.
        shard: the part of a divided report, such as `2/4`, "" for a whole report.
    """

    command: str
    policy: str
    digest: str
    version: str
    time: str
    rules: tuple[RuleLine, ...] = ()
    shard: str = ""

    @property
    def compares(self) -> bool:
        """Whether the command reports differences from earlier decisions, not only denials."""
        return self.command == "replay"

    @property
    def validates(self) -> bool:
        """Whether the command validates a policy, not changes."""
        return self.command == VALIDATE

    @property
    def subject(self) -> str:
        """The unit that is counted: a tag as stored, or a change."""
        return "tag" if self.command == "scan" or self.as_of else "change"

    @property
    def tells(self) -> bool:
        """Whether the command tells the history of tags, and evaluates nothing."""
        return self.command.partition(" ")[0] == "history"

    @property
    def as_of(self) -> str:
        """The time at which a history shows tags, "" if it lists changes."""
        return self.command.rpartition(" ")[2] if self.tells and " " in self.command else ""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON value that `of_json` reads."""
        return {
            "command": self.command,
            "policy": {"name": self.policy, "digest": self.digest},
            "version": self.version,
            "time": self.time,
            "rules": [asdict(rule) for rule in self.rules],
            "shard": self.shard,
        }

    @classmethod
    def of_json(cls, value: Mapping[str, Any]) -> "Header":
        """Read the value that `as_json` returned.

        Raises:
            KeyError, TypeError, ValueError, AttributeError: `value` is something else.
        """
        policy = value["policy"]
        command, name, digest, version, time, shard = (
            exactly(str, each)
            for each in (
                value["command"], policy["name"], policy["digest"], value["version"], value["time"], value["shard"]
            )
        )  # fmt: skip
        rules = [
            {key: exactly(str, each) for key, each in exactly(dict, rule).items()}
            for rule in exactly(list, value["rules"])
        ]
        if datetime.fromisoformat(time).tzinfo is None:
            raise ValueError("expected a time with an offset")
        for rule in rules:
            Mode(rule["mode"])
        part = str(Shard.parse(shard)) if shard else ""
        return cls(command, name, digest, version, time, tuple(RuleLine(**rule) for rule in rules), part)


def header(command: str, policy: Policy, version: str, time: str, shard: Shard | None = None) -> Header:
    """Return the header of a report of `command` on `policy`, of one part if `shard` is one of several."""
    rules = tuple(
        RuleLine(entry.name, entry.rule.kind, str(entry.mode), entry.rule.documentation()) for entry in policy.rules
    )
    part = str(shard) if shard is not None and shard.count > 1 else ""
    return Header(command, policy.name, policy.digest, version, time, rules, part)


_INVALID: Final = RuleLine(INVALID, "error", str(Mode.ENFORCE), "The policy cannot be used.")


class Warned(Finding):
    """A warning that is not from a rule of a policy, as a finding."""

    __slots__ = ()

    @property
    def rule_suffix(self) -> str:
        """The end of its message: the warning's name."""
        return f" (warning {self.rule})"


def validation_header(policy: Policy | None, version: str, time: str) -> Header:
    """Return the header of the report on `policy`, None for a policy that cannot be used."""
    name, digest = (policy.name, policy.digest) if policy else ("", "")
    warnings = (RuleLine(lint.name, "warning", str(Mode.WARN), lint.documentation()) for lint in lints())
    return Header(VALIDATE, name, digest, version, time, (_INVALID, *warnings))


def validated(policy: Policy, warnings: "Iterable[PolicyWarning]", *, failing: bool) -> Iterator[Outcome]:
    """Yield an outcome for each entry of `policy`.

    Args:
        policy: a valid policy.
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


def invalid(faults: Iterable[Fault]) -> Iterator[Outcome]:
    """Yield an outcome for each error in an invalid policy."""
    for fault in faults:
        message = f"{fault.path}: {fault.message}" if fault.path else fault.message
        yield Outcome(Origin(fault.where, fault.line, fault.column), ERROR, message=message)
