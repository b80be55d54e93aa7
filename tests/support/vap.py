"""A ValidatingAdmissionPolicy evaluated as the API server does (k8s.io/apiserver, admission/plugin/policy/validating).

The engine is the one that the webhook has; what Kubernetes' CEL has beside it (library `regex`) is added here. It looks
at no types: what a type checker would deny is held by other tests.
"""

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

import cel
from cel import stdlib

from webhook.admission import engine
from webhook.model.decision import Mode
from webhook.model.review import Review
from webhook.policy.policy import Policy
from webhook.vap.export import Exported

Variables = tuple[tuple[str, str], ...]  # names and expressions; each reads only those before it
# The fields of AdmissionRequest that the variable `request` has (k8s.io/apiserver, admission/plugin/cel).
_REQUEST = (
    "kind", "resource", "subResource", "requestKind", "requestResource", "requestSubResource", "name", "namespace",
    "operation", "userInfo", "dryRun", "options",
)  # fmt: skip

_ACTIONS: Final = {Mode.ENFORCE: "Deny", Mode.WARN: "Warn", Mode.AUDIT: "Audit"}
_VARIABLE: Final = re.compile(r"\bvariables\.(\w+)")
_ELEMENT: Final = re.compile(r"spec\.(?P<list>tags|images)\[(?P<index>\d+)\]")
_MALFORMED: Final = re.compile(r"( is not an image reference): .*(?= \(rule )")


@lru_cache(maxsize=4_096)
def _compiled(text: str) -> cel.Program:
    return cel.compile(text)


@lru_cache(maxsize=4_096)
def _read(text: str, variables: Variables) -> Mapping[str, Variables]:
    """Return the variables that an expression reads by name, each behind all that itself reads."""
    names = set(_VARIABLE.findall(text))
    found: dict[str, Variables] = {}
    for at, (name, expression) in enumerate(variables):
        if name in names:
            below = {each for needed in _read(expression, variables[:at]).values() for each in needed}
            found[name] = (*(each for each in variables[:at] if each in below), variables[at])
    return found


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


class Scope:
    """The variables of one request, and the functions that expressions may call."""

    def __init__(self, **variables: Any) -> None:
        self._context = cel.Context(variables)
        stdlib.add_stdlib_to_context(self._context)
        self._context.add_function("find", _find)
        self._values: dict[Variables, Any] = {}

    def evaluated(self, text: str, variables: Variables = ()) -> Any:
        """Evaluate an expression, and those of `variables` that it reads; whatever the engine raises comes out.

        As in the API server, a variable has an expression and is evaluated on its first use. Its value is used again
        for another policy in which it and all that it reads have the same expressions.
        """
        if read := _read(text, variables):
            self._context.add_variable("variables", {name: self._value(needed) for name, needed in read.items()})
        return _compiled(text).execute(self._context)

    def _value(self, needed: Variables) -> Any:
        """Return the value of the last variable of `needed`, which has all that it reads."""
        if needed not in self._values:
            self._values[needed] = self.evaluated(needed[-1][1], needed[:-1])
        return self._values[needed]


class Evaluator:
    """The policies and bindings of an export, to be asked about requests."""

    def __init__(self, documents: Iterable[Mapping[str, Any]]) -> None:
        """Take `documents`; each policy has one binding."""
        given = list(documents)
        self.policies = [each for each in given if each["kind"] == "ValidatingAdmissionPolicy"]
        self.actions = {
            each["spec"]["policyName"]: each["spec"]["validationActions"]
            for each in given
            if each["kind"] == "ValidatingAdmissionPolicyBinding"
        }

    def concerns(self, request: Mapping[str, Any]) -> bool:
        """Whether the API server asks the policies about `request`: not about a status or a DELETE."""
        return request["operation"] in ("CREATE", "UPDATE") and not request.get("subResource")

    def decide(self, request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Return the messages by action and rule, of the rules that report something about `request`."""
        found: dict[str, dict[str, str]] = defaultdict(dict)
        scope = Scope(
            object=request.get("object"),
            oldObject=request.get("oldObject"),
            request={key: request[key] for key in _REQUEST if request.get(key) is not None},
        )
        for policy in self.policies:
            message = _message(policy["spec"], request, scope)
            if message is not None:
                (action,) = self.actions[policy["metadata"]["name"]]
                found[policy["metadata"]["annotations"]["istag-webhook/rule"]][action] = message
        return dict(found)


def _message(spec: Mapping[str, Any], request: Mapping[str, Any], scope: Scope) -> str | None:
    """Return the message of one policy for `request`, None if it passes or does not match."""
    if not any(_concerns(rule, request) for rule in spec["matchConstraints"]["resourceRules"]):
        return None
    if not all(scope.evaluated(condition["expression"]) is True for condition in spec.get("matchConditions", ())):
        return None
    variables = tuple((each["name"], each["expression"]) for each in spec["variables"])
    (validation,) = spec["validations"]
    if scope.evaluated(validation["expression"], variables) is True:
        return None
    said = scope.evaluated(validation["messageExpression"], variables)
    assert isinstance(said, str)
    assert "\n" not in said
    return said


def _concerns(rule: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    return (
        request["resource"]["group"] in rule["apiGroups"]
        and request["operation"] in rule["operations"]
        and request["resource"]["resource"] in rule["resources"]
        and not request.get("subResource")
    )


def said(review: Review, policy: Policy, rules: Collection[str]) -> dict[str, dict[str, list[str]]]:
    """Return the messages by action, by rule, of what the webhook finds; written as the export can write them.

    CEL does not know the place of an element in its list, so a path names it; nor why a reference is malformed.
    """
    decision = engine.validate(review, policy, most=None)
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    for finding in decision.findings if decision.exemption is None else ():
        if finding.rule in rules:
            message = _MALFORMED.sub(r"\1", f"{_named(finding.field, review)}: {finding.sentence}")
            found[finding.rule][_ACTIONS[finding.mode]].add(message)
    return {rule: {action: sorted(each) for action, each in of.items()} for rule, of in found.items()}


def _named(field: str, review: Review) -> str:
    """Return a path with the name of an element instead of its index, as the export writes it."""
    element = _ELEMENT.match(field)
    if element is None:
        return field
    found = (review.object or {})["spec"][element["list"]][int(element["index"])]
    name = found.get("name") if element["list"] == "tags" else found.get("to", {}).get("name")
    return f'spec.{element["list"]}["{name or ""}"]{field[element.end() :]}'


def agreed(review: Review, policy: Policy, exported: Exported, evaluator: Evaluator) -> dict[str, dict[str, list[str]]]:
    """Hold the export against the webhook on one review, verdicts and messages, and return them.

    Neither the order of messages nor how often one is repeated means anything.
    """
    theirs = {
        rule: {action: sorted(set(_split(message, rule))) for action, message in of.items()}
        for rule, of in evaluator.decide(review.request).items()
    }
    ours = said(review, policy, exported.rules) if evaluator.concerns(review.request) else {}
    differ = {rule: (theirs.get(rule), ours.get(rule)) for rule in exported.rules if theirs.get(rule) != ours.get(rule)}
    assert not differ, f"(export, webhook) by rule: {differ}; {review.request}"
    return ours


def _split(message: str, rule: str) -> list[str]:
    return [f"{each} (rule {rule})" for each in message.removesuffix(f" (rule {rule})").split(f" (rule {rule}); ")]
