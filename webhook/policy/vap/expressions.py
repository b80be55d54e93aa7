"""Rules that are CEL already: which of them the API server can evaluate, and how."""

import re
from collections.abc import Iterator
from typing import Final

from webhook.policy.vap.check import Check
from webhook.resources.cel import literal
from webhook.rules.engine import TAG
from webhook.rules.expression import Expression, Validation

# The language's own, and the string library's, which Kubernetes has had since it has had CEL
# (kubernetes.io/docs/reference/using-api/cel).
_KNOWN: Final = frozenset(
    [
        *(
            "size",
            "contains",
            "startsWith",
            "endsWith",
            "matches",
            "has",
            "all",
            "exists",
            "exists_one",
            "map",
            "filter",
        ),
        *("string", "bytes", "int", "uint", "double", "bool", "duration", "timestamp", "type", "dyn"),
        *("getDate", "getDayOfMonth", "getDayOfWeek", "getDayOfYear", "getFullYear", "getMonth"),
        *("getHours", "getMinutes", "getSeconds", "getMilliseconds"),
        *("charAt", "indexOf", "lastIndexOf", "substring", "replace", "split", "join"),
        *("lowerAscii", "upperAscii", "trim"),
    ]
)
# The request as a ValidatingAdmissionPolicy sees it has neither these nor an index that could name them.
_UNKNOWN: Final = re.compile(r"\brequest\s*(?:\.\s*(?:object|oldObject|uid)\b|\[)|\brequest\b(?!\s*\.)")


def inexpressible(rule: Expression) -> str:
    """Return why the API server cannot evaluate `rule`, "" where it can."""
    for validation in rule.validations:
        program = validation.program
        if TAG in program.variables:
            return "it reads `tag`, which only the webhook makes; write it with object, oldObject and request"
        if _UNKNOWN.search(validation.expression):
            return "it reads what the API server's `request` has not"
        words = {name for name in program.functions if name[0].isalpha()}
        if missing := sorted(words - _KNOWN):
            return f"it calls {', '.join(missing)}, which not every API server's CEL has"
    return ""


def expression_checks(rule: Expression) -> Iterator[Check]:
    """Yield a check for each expression; the object as it was is evaluated by the same, under the name `object`."""
    for validation in rule.validations:
        yield _check(validation)


def _check(validation: Validation) -> Check:
    return Check(
        lambda _: f"!({validation.expression})",
        lambda t: f"{t}.path + {literal(f': {validation.message}')}",
        before=lambda _: f"[oldObject].exists(object, !({validation.expression}))",
    )
