"""The warnings about a policy with their places, for a report or the log of a server."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from logging import Logger
from typing import Final

from webhook.errors import Fault
from webhook.policy.lint.catalogue import lints
from webhook.policy.lint.warning import Hit, PolicyView
from webhook.policy.located import Located, documents, located
from webhook.policy.policy import Policy


@dataclass(frozen=True, slots=True)
class PolicyWarning:
    """One warning about a policy.

    Attributes:
        name: the name of the warning, as in `spec.ignore`.
        entry: the entry, such as `rules/trusted-registries`.
        fault: the place and the message.
    """

    name: str
    entry: str
    fault: Fault

    def __str__(self) -> str:
        return f"{self.fault} (warning {self.name})"


@dataclass(frozen=True, slots=True)
class Linted:
    """The result of checking a policy for warnings.

    Attributes:
        warnings: the warnings that the policy does not ignore, in the order of its files.
        unused: the elements of `spec.ignore` that match no warning.
    """

    warnings: tuple[PolicyWarning, ...]
    unused: tuple[Fault, ...]


def lint(policy: Policy, time: datetime) -> Linted:
    """Check `policy` for everything that is valid but dangerous at `time`."""
    entries = located(policy)
    places = {entry.name: (position, entry) for position, entry in enumerate(entries)}
    found: list[tuple[tuple[int, int, int], PolicyWarning]] = []
    for name, hit in _hits(policy, entries, time):
        position, entry = places[hit.entry]
        fault = entry.fault(hit.path, hit.sentence)
        warning = PolicyWarning(name, f"{entry.part}/{entry.name}", fault)
        found.append(((position, fault.line, fault.column), warning))
    found.sort(key=lambda each: each[0])
    return Linted(
        tuple(warning for _, warning in found if warning.name not in policy.ignore),
        tuple(_unused(policy, {warning.name for _, warning in found})),
    )


def _hits(policy: Policy, entries: tuple[Located, ...], time: datetime) -> Iterator[tuple[str, Hit]]:
    """Yield the results of every check, with the name of the warning."""
    written = sum(entry.part == "rules" for entry in entries)
    view = PolicyView(
        policy.exemptions,
        policy.defaults,
        policy.rules[len(policy.rules) - written :],  # without the built-in rule `schema`, which is first
        {entry.name: entry.value.keys() for entry in entries},
        time,
    )
    for each in lints():
        for hit in each.check(view):
            yield each.name, hit


def _unused(policy: Policy, found: set[str]) -> Iterator[Fault]:
    """Yield a fault for each name in `spec.ignore` that is not in `found`."""
    for document in documents(policy) if policy.ignore else ():
        for index, name in enumerate(document.value["spec"].get("ignore", ())):
            if name not in found:
                yield document.fault(f"spec.ignore[{index}]", f"the policy has no warning {name} to ignore")


_MOST: Final = 50  # lines for one policy


def warnings_of(policy: Policy, log: Logger, time: datetime) -> tuple[PolicyWarning, ...]:
    """Return the warnings about `policy` at `time`; a check that fails is logged, because it is optional."""
    try:
        return lint(policy, time).warnings
    except Exception:  # logged with its traceback
        log.exception("the policy could not be checked for warnings", extra={"policy": str(policy)})
        return ()


def log_warnings(policy: Policy, log: Logger, time: datetime) -> tuple[PolicyWarning, ...]:
    """Check `policy` at `time`, and log its warnings, at most 50.

    Returns:
        All warnings, as `warnings_of` does.
    """
    found = warnings_of(policy, log, time)
    for warning in found[:_MOST]:
        log.warning(
            "policy warning",
            extra={
                "warning": warning.name,
                "entry": warning.entry,
                "place": warning.fault.place,
                "path": warning.fault.path,
                "sentence": warning.fault.message,
            },
        )
    if len(found) > _MOST:
        log.warning("more policy warnings", extra={"policy": str(policy), "count": len(found) - _MOST})
    return found
