"""All checks for warnings, imported on demand: their documentation, and what they find in a policy, with places."""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, NamedTuple

from webhook.errors import Fault
from webhook.policy.policy import Policy, PolicyView
from webhook.policy.written import Located, documents, located
from webhook.schemas.parameters import Choice

if TYPE_CHECKING:
    from logging import Logger

    from webhook.policy.lint.warning import Hit, Lint

_LINTS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "importer-not-exempt": "exemptions:ImporterNotExempt",
        "implicit-existing": "writing:ImplicitExisting",
        "empty-match": "redundant:EmptyMatch",
        "shadowed-entry": "redundant:ShadowedEntry",
        "missing-internal-registry": "writing:MissingInternalRegistry",
        "rule-named-as-kind": "writing:RuleNamedAsKind",
        "ends-soon": "exemptions:EndsSoon",
        "ended": "exemptions:Ended",
        "windows-over": "exemptions:WindowsOver",
        "scheduled-imports-in-freeze": "exemptions:ScheduledImportsInFreeze",
        "exemption-without-annotation": "exemptions:ExemptionWithoutAnnotation",
        "denied-default": "redundant:DeniedDefault",
        "overrides-cluster-default": "redundant:OverridesClusterDefault",
        "nothing-to-evaluate": "writing:NothingToEvaluate",
        "alias-bypass": "aliases:AliasBypass",
        "unguarded-immutable": "writing:UnguardedImmutable",
    }
)


def names() -> list[str]:
    """Return the names of the warnings, in order."""
    return list(_LINTS)


def lints() -> "list[Lint]":
    """Return the checks, in order."""
    found = (where.partition(":") for where in _LINTS.values())
    return [getattr(import_module(f"webhook.policy.lint.{module}"), name)() for module, _, name in found]


class WarningName(Choice):
    """The name of a warning."""

    def __init__(self) -> None:
        super().__init__(*names())


_MENTIONED: Final = re.compile(r"\(warning ([-a-z]+)\)")


def mentioned(text: str) -> list[str]:
    """Return the warnings that `text` names, as a single name or in the output of `policy validate`."""
    known = names()
    return [text] if text in known else [name for name in dict.fromkeys(_MENTIONED.findall(text)) if name in known]


def explained_warning(name: str) -> str:
    """Return the documentation of one warning."""
    return "\n".join(_lines(next(each for each in lints() if each.name == name)))


def _lines(lint: "Lint") -> Iterator[str]:
    yield f"{lint.name}: warning of `policy validate`"
    yield f"  {lint.documentation()}"
    yield ""
    yield "To resolve it:"
    yield f"  - {lint.remedy}"
    yield f"  - To accept it, add `ignore: [{lint.name}]` under `spec`, with a comment that gives the reason."


def warnings_table() -> str:
    """Return the warnings as a Markdown table."""
    rows = (f"| `{lint.name}` | {lint.documentation()} | {lint.remedy} |" for lint in lints())
    return "\n".join(("| warning | meaning | remedy |", "|---|---|---|", *rows))


def warnings_text() -> str:
    """Return the documentation of every warning."""
    return "\n\n".join(explained_warning(lint.name) for lint in lints())


# Named tuples, as in `policy.written`.
class PolicyWarning(NamedTuple):
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


class Linted(NamedTuple):
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


def _hits(policy: Policy, entries: tuple[Located, ...], time: datetime) -> "Iterator[tuple[str, Hit]]":
    """Yield the results of every check, with the name of the warning."""
    view = PolicyView(
        policy.exemptions,
        policy.defaults,
        policy.written,
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


def warnings_of(policy: Policy, log: "Logger", time: datetime) -> tuple[PolicyWarning, ...]:
    """Return the warnings about `policy` at `time`; a check that fails is logged, because it is optional."""
    try:
        return lint(policy, time).warnings
    except Exception:  # logged with its traceback
        log.exception("the policy could not be checked for warnings", extra={"policy": str(policy)})
        return ()


def log_warnings(policy: Policy, log: "Logger", time: datetime) -> tuple[PolicyWarning, ...]:
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
