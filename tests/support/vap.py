"""A ValidatingAdmissionPolicy evaluated as the API server does (k8s.io/apiserver, admission/plugin/policy/validating).

The engine is the one that the webhook has; what Kubernetes' CEL has beside it (library `regex`) is added here. It looks
at no types: what a type checker would deny is held by other tests.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

import cel
from cel import stdlib

# The fields of AdmissionRequest that the variable `request` has (k8s.io/apiserver, admission/plugin/cel).
_REQUEST = (
    "kind", "resource", "subResource", "requestKind", "requestResource", "requestSubResource", "name", "namespace",
    "operation", "userInfo", "dryRun", "options",
)  # fmt: skip


@lru_cache(maxsize=4_096)
def _compiled(text: str) -> cel.Program:
    return cel.compile(text)


def _find(text: str, pattern: str) -> str:
    found = re.search(pattern, text)
    return found.group() if found else ""


class Scope:
    """The variables of one request, and the functions that expressions may call."""

    def __init__(self, **variables: Any) -> None:
        self._context = cel.Context(variables)
        stdlib.add_stdlib_to_context(self._context)
        self._context.add_function("find", _find)
        self._made: dict[tuple[str, ...], Any] = {}

    def evaluated(self, text: str) -> Any:
        """Evaluate an expression; whatever the engine raises comes out."""
        return _compiled(text).execute(self._context)

    def compose(self, variables: Iterable[Mapping[str, str]]) -> None:
        """Make `variables` anew, each from those before it; what other policies made of the same is taken over."""
        composed: dict[str, Any] = {}
        made: tuple[str, ...] = ()
        for each in variables:
            made = (*made, each["name"], each["expression"])
            if made not in self._made:
                self._context.add_variable("variables", composed)
                self._made[made] = self.evaluated(each["expression"])
            composed[each["name"]] = self._made[made]
        self._context.add_variable("variables", composed)


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

    def decide(self, request: Mapping[str, Any]) -> dict[str, dict[str, str]]:
        """Return the message by action, by rule: of those rules that have something to say of `request`."""
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
    """Return what one policy says of `request`, None where it is content or speaks of something else."""
    if not any(_concerns(rule, request) for rule in spec["matchConstraints"]["resourceRules"]):
        return None
    if not all(scope.evaluated(condition["expression"]) is True for condition in spec.get("matchConditions", ())):
        return None
    scope.compose(spec["variables"])
    (validation,) = spec["validations"]
    if scope.evaluated(validation["expression"]) is True:
        return None
    said = scope.evaluated(validation["messageExpression"])
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
