"""A policy as ValidatingAdmissionPolicies (admissionregistration.k8s.io/v1): the rules that CEL can express."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from webhook.admission.codec import GROUP, VERSION
from webhook.model.decision import Mode
from webhook.policy.entries import RuleEntry, resources
from webhook.policy.loading import Policy
from webhook.policy.vap.expressions import inexpressible
from webhook.policy.vap.findings import Half, findings
from webhook.policy.vap.reading import RESOURCES
from webhook.policy.vap.selecting import exempt_changes, exempt_user, is_simple, request_conditions
from webhook.policy.vap.syntax import all_of, any_of, negated
from webhook.policy.vap.variables import needed
from webhook.rules.cluster import Conditions, Schema
from webhook.rules.expression import Expression
from webhook.rules.image import ImageSize, Labels, Platforms, Signatures

SUFFIX: Final = "istag-webhook.io"
_API_VERSION: Final = "admissionregistration.k8s.io/v1"
_ACTIONS: Final = {Mode.ENFORCE: "Deny", Mode.WARN: "Warn", Mode.AUDIT: "Audit"}
_JSON: Final = "the registry sends the image's configuration and manifest as JSON in a string, which CEL cannot read"
_REASONS: Final = {
    Schema: "the API server holds it itself",
    Labels: _JSON,
    Platforms: _JSON,
    ImageSize: _JSON,
    Signatures: "no review carries signatures: the API server clears those of a push",
    Conditions: "it says what earlier imports came to, which is no property of the change",
}
STATUS: Final = "imagestreams/status: a write of a stream's status is evaluated by the webhook only"


@dataclass(frozen=True, slots=True)
class Left:
    """What the export leaves to the webhook.

    Attributes:
        part: `defaults` or `rules`.
        name: the entry's name.
        reason: why.
    """

    part: str
    name: str
    reason: str

    def __str__(self) -> str:
        return f"{self.part}/{self.name}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Exported:
    """What became of a policy.

    Attributes:
        documents: the policies and their bindings.
        rules: the rules that they hold.
        left: the entries that they do not.
    """

    documents: tuple[dict[str, Any], ...]
    rules: tuple[str, ...]
    left: tuple[Left, ...]


def export(policy: Policy, failure_policy: str = "Fail") -> Exported:
    """Return `policy` as ValidatingAdmissionPolicies and bindings: one for each rule and mode.

    Args:
        policy: the policy.
        failure_policy: `Fail` or `Ignore`: what an expression that cannot be evaluated does.
    """
    documents: list[dict[str, Any]] = []
    rules: list[str] = []
    left = [Left("defaults", entry.name, "a ValidatingAdmissionPolicy completes nothing") for entry in policy.defaults]
    for entry in policy.rules:
        reason = _reason(entry)
        if reason:
            left.append(Left("rules", entry.name, reason))
            continue
        made = [document for half in _halves(entry) for document in _documents(policy, entry, half, failure_policy)]
        if made:
            documents += made
            rules.append(entry.name)
        else:
            left.append(
                Left("rules", entry.name, "all that it says stands at resources or in modes that are not exported")
            )
    return Exported(tuple(documents), tuple(rules), tuple(left))


def _reason(entry: RuleEntry) -> str:
    if isinstance(entry.rule, Expression):
        return inexpressible(entry.rule)
    return _REASONS.get(type(entry.rule), "")


def _halves(entry: RuleEntry) -> Iterator[tuple[Half, Mode]]:
    """Yield what of a rule's findings is meant, and what is done for it."""
    if entry.mode is entry.existing:
        yield Half.ALL, entry.mode
        return
    yield Half.NEW, entry.mode
    if entry.existing is not Mode.IGNORE:
        yield Half.EXISTING, entry.existing


def _documents(
    policy: Policy, entry: RuleEntry, half: tuple[Half, Mode], failure_policy: str
) -> Iterator[dict[str, Any]]:
    which, mode = half
    wanted = entry.match.only.resources or RESOURCES
    carried = [each for each in resources(entry.rule) if each in wanted]
    found = findings(entry, which)
    if not carried or not found:
        return
    name = f"{entry.name}.{'existing.' if which is Half.EXISTING else ''}{SUFFIX}"
    simple = [each for each in policy.exemptions if is_simple(each)]
    looking = {
        each.name: all_of((exempt_user(each), exempt_changes(each))) for each in policy.exemptions if each not in simple
    }
    holds = "size(variables.findings) == 0"
    given = {"findings": found}
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
                    "messageExpression": 'variables.findings.join("; ")',
                    "reason": "Invalid",
                }
            ],
        },
    }
    yield {
        "apiVersion": _API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": metadata,
        "spec": {"policyName": name, "validationActions": [_ACTIONS[mode]]},
    }
