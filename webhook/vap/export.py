"""Assembles ValidatingAdmissionPolicies and their bindings from the rules and exemptions of a policy."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from webhook.model.decision import Mode
from webhook.policy.entries import ExemptionEntry, RuleEntry, resources
from webhook.policy.policy import Policy
from webhook.resources.catalog import RESOURCES
from webhook.resources.cel import all_of, any_of, literal, matches, negated
from webhook.resources.objects import GROUP, VERSION
from webhook.rules.schedule import NO_CLOCK
from webhook.rules.vocabulary import Inexpressible
from webhook.vap.findings import EVERY, USER, Half, findings, in_groups, of_request, request_conditions
from webhook.vap.variables import EXPORTED, needed, tag

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
    simple = [each for each in lasting if _is_simple(each)]
    looking = {each.name: all_of((_exempt_user(each), _exempt_changes(each))) for each in lasting if each not in simple}
    holds = "size(variables.findings) == 0"
    given = {"findings": part.findings}
    if looking:
        given = {"exempt": any_of(looking.values()), **given}
        holds = f"variables.exempt || {holds}"
    conditions = [
        *request_conditions(entry.match),
        *((f"not-exempt-{each.name}", negated(_exempt_user(each))) for each in simple),
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


def _is_simple(entry: ExemptionEntry) -> bool:
    """Whether the request alone determines that an exemption applies."""
    return not (entry.annotation or entry.match.only.tags or (entry.match.exclude and entry.match.exclude.tags))


def _exempt_user(entry: ExemptionEntry) -> str:
    """Return whether an exemption may apply to the request itself."""
    asked = any_of(
        (
            *([matches(USER, entry.users)] if entry.users else ()),
            *([in_groups(entry.groups)] if entry.groups else ()),
        )
    )
    return all_of((asked, *(condition for _, condition in request_conditions(entry.match))))


def _exempt_changes(entry: ExemptionEntry) -> str:
    """Return whether an exemption applies to every change of the request, and each has the required reason."""

    def holds(t: str, given: str) -> str:
        parts = []
        if entry.match.only.tags:
            parts.append(matches(f"{t}.name", entry.match.only.tags))
        if entry.match.exclude is not None and entry.match.exclude.tags:
            excluded = any_of((f"{t}.every", matches(f"{t}.name", entry.match.exclude.tags)))
            parts.append(negated(all_of((*of_request(entry.match.exclude), excluded))))
        if entry.annotation:
            parts.append(given)
        return all_of(parts)

    on_stream = _given_on_stream(entry.annotation)
    removed = "false" if entry.annotation else holds("w", "")
    stream = "false" if entry.match.only.tags else "true"
    if entry.annotation and stream == "true":
        stream = on_stream
    return all_of(
        (
            f"variables.changed.all(t, {holds('t', f't.every ? {on_stream} : {_given(entry.annotation)}')})",
            f"variables.removed.all(w, {removed})",
            f"variables.overwritten.all(t, {holds('t', on_stream)})",
            any_of(("!variables.streamChanged", stream)),
            any_of(("!variables.madeInsecure", holds(EVERY, on_stream))),
        )
    )


def _given_on_stream(name: str) -> str:
    """Return whether the object has a new annotation that is not blank."""
    key, found, before = literal(name), "variables.annotations", "variables.annotationsBefore"
    return (
        f'({key} in {found} && {found}[{key}].trim() != "" && '
        f"!({key} in {before} && {before}[{key}].trim() == {found}[{key}].trim()))"
    )


def _given(name: str) -> str:
    """Return whether the tag `t` has a new annotation that is not blank."""
    key, now, before = literal(name), tag("t").annotations, tag("w").annotations
    same = f"w.name == t.name && w.every == t.every && {before.has(key)}"
    return (
        f'({now.has(key)} && {now.value(key)}.trim() != "" && '
        f"!variables.before.exists(w, {same} && {before.value(key)}.trim() == {now.value(key)}.trim()))"
    )
