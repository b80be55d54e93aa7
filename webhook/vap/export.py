"""Assembles ValidatingAdmissionPolicies and their bindings from a policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from webhook.model.decision import Mode
from webhook.policy.entries import RuleEntry, resources
from webhook.policy.loading import Policy
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import all_of, any_of, negated
from webhook.resources.objects import GROUP, VERSION
from webhook.rules.schedule import NO_CLOCK
from webhook.rules.vocabulary import Inexpressible
from webhook.vap.findings import Half, findings
from webhook.vap.selecting import EXPORTED, exempt_changes, exempt_user, is_simple, request_conditions
from webhook.vap.variables import needed

SUFFIX: Final = "istag-webhook.io"
_API_VERSION: Final = "admissionregistration.k8s.io/v1"
_ACTIONS: Final = {Mode.ENFORCE: "Deny", Mode.WARN: "Warn", Mode.AUDIT: "Audit"}
# The API server drops a multi-line message.
_MESSAGE: Final = 'variables.findings.join("; ").replace("\\n", "\\\\x0a")'
# Why each resource without a ValidatingAdmissionPolicy is left to the webhook.
UNREAD: Final = tuple(f"{each.name}: {each.cel}" for each in RESOURCES.values() if isinstance(each.cel, str))


@dataclass(frozen=True, slots=True)
class Left:
    """An entry that the export leaves to the webhook.

    Attributes:
        part: `exemptions`, `defaults` or `rules`.
        name: the entry's name.
        reason: why it is not exported.
    """

    part: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.part}/{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Exported:
    """The export of a policy.

    Attributes:
        documents: the policies and their bindings.
        rules: the exported rules.
        left: the entries that are not exported.
    """

    documents: tuple[dict[str, Any], ...]
    rules: tuple[str, ...]
    left: tuple[Left, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    """The input of one ValidatingAdmissionPolicy.

    Attributes:
        half: which findings of the rule it reports.
        mode: the mode of these findings.
        findings: the expression for their messages.
    """

    half: Half
    mode: Mode
    findings: str


def export(policy: Policy, failure_policy: str = "Fail") -> Exported:
    """Return `policy` as ValidatingAdmissionPolicies and bindings: one for each rule and mode.

    Args:
        policy: the policy.
        failure_policy: `Fail` or `Ignore`: the effect of an expression that cannot be evaluated.
    """
    documents: list[dict[str, Any]] = []
    rules: list[str] = []
    left = [Left("exemptions", entry.name, NO_CLOCK) for entry in policy.exemptions if entry.period is not None]
    left += [
        Left("defaults", entry.name, "a ValidatingAdmissionPolicy cannot mutate objects") for entry in policy.defaults
    ]
    for entry in policy.rules:
        if entry.period is not None:
            left.append(Left("rules", entry.name, NO_CLOCK))
            continue
        made: list[dict[str, Any]] = []
        reason = "none of its resources, or none of its modes, can be exported"
        for half, mode in _halves(entry):
            found = findings(entry, half)
            if isinstance(found, Inexpressible):
                reason = found.reason
            elif found:
                made += _documents(policy, entry, _Part(half, mode, found), failure_policy)
        if made:
            documents += made
            rules.append(entry.name)
        else:
            left.append(Left("rules", entry.name, reason))
    return Exported(tuple(documents), tuple(rules), tuple(left))


def _halves(entry: RuleEntry) -> Iterator[tuple[Half, Mode]]:
    """Yield the halves of a rule's findings that are reported, and their modes."""
    if entry.mode is entry.existing:
        yield Half.ALL, entry.mode
        return
    yield Half.NEW, entry.mode
    if entry.existing is not Mode.IGNORE:
        yield Half.EXISTING, entry.existing


def _documents(policy: Policy, entry: RuleEntry, part: _Part, failure_policy: str) -> Iterator[dict[str, Any]]:
    wanted = entry.match.only.resources or EXPORTED
    carried = [each for each in resources(entry.rule) if each in wanted]
    if not carried:
        return
    name = f"{entry.name}.{'existing.' if part.half is Half.EXISTING else ''}{SUFFIX}"
    lasting = [each for each in policy.exemptions if each.period is None]
    simple = [each for each in lasting if is_simple(each)]
    looking = {each.name: all_of((exempt_user(each), exempt_changes(each))) for each in lasting if each not in simple}
    holds = "size(variables.findings) == 0"
    given = {"findings": part.findings}
    if looking:
        given = {"exempt": any_of(looking.values()), **given}
        holds = f"variables.exempt || {holds}"
    conditions = [
        *request_conditions(entry.match),
        *((f"not-exempt-{each.name}", negated(exempt_user(each))) for each in simple),
    ]
    metadata = {
        "name": name,
        "labels": {"app.kubernetes.io/managed-by": "istag-webhook"},
        "annotations": {"istag-webhook/policy": str(policy), "istag-webhook/rule": entry.name},
    }
    yield {
        "apiVersion": _API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata,
        "spec": {
            "failurePolicy": failure_policy,
            "matchConstraints": {
                "resourceRules": [
                    {
                        "apiGroups": [GROUP],
                        "apiVersions": [VERSION],
                        "operations": ["CREATE", "UPDATE"],
                        "resources": carried,
                        "scope": "Namespaced",
                    }
                ]
            },
            **(
                {"matchConditions": [{"name": name, "expression": text} for name, text in conditions]}
                if conditions
                else {}
            ),
            "variables": [{"name": key, "expression": text} for key, text in needed(carried, given).items()],
            "validations": [
                {
                    "expression": holds,
                    "message": f"denied by rule {entry.name} of policy {policy.name}",
                    "messageExpression": _MESSAGE,
                    "reason": "Invalid",
                }
            ],
        },
    }
    yield {
        "apiVersion": _API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": name, "validationActions": [_ACTIONS[part.mode]]},
    }
