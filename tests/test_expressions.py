"""What a CEL expression may cost: bounded when it is loaded and when it is evaluated, and never a wrong allow."""

import json
from typing import Any

import pytest
from support import HEAD, docker, policy_of, review_of

from webhook import admission, doors
from webhook.errors import PolicyRefused
from webhook.review import decode
from webhook.rules.steps import COUNT, counted

_TOO_MUCH = "TimeoutError: it costs too much on this review"
_LARGEST = 7 * 2**20


def _policy(expression: str) -> Any:
    rule = {"name": "cel", "expression": {"validations": [{"expression": expression, "message": "no"}]}}
    return policy_of(f"spec: {json.dumps({'rules': [rule]})}\n")


def _said(expression: str, **more: Any) -> tuple[bool, str]:
    """Return whether a review whose object has `more` is allowed, and what the rule said of it."""
    document = review_of(docker("quay.io/acme/app:1"))
    document["request"]["object"] |= more
    decision = admission.validate(decode(json.dumps(document).encode(), doors.DOORS), _policy(expression))
    return decision.allowed, " ".join(finding.message for finding in decision.findings if finding.rule == "cel")


@pytest.mark.parametrize(
    ("expression", "result"),
    [
        ("[[1, 2], [3]].all(x, x.exists(y, y > 0) && x.map(y, y > 1, y + 1).size() < 3)", True),
        ("[1, 2, 3].filter(x, x > 1).map(x, [x, x]).all(x, x.size() == 2)", True),
        ("[1, 2].exists_one(x, x == 1)", True),
        ("{'a': 1, 'b': 2}.all(k, k in ['a', 'b'])", True),
        ("[1, 2].all(x, x in [1, 2, 3,]) // .all(x, y", True),
        ("[r'\\', '.all(x, (', \"it's .map(\"].all(s, s != '\\'' && s != ''' ' ''')", True),
        ("[1, 2] . exists (x, false ? true : x > 2)", False),
        ("[1, 2].all(x, x > 1 || x < 2, )", None),
    ],
    ids=["nested", "chained", "one", "map", "comment", "strings", "spaces", "trailing-comma"],
)
def test_counting_changes_no_result(expression: str, result: bool | None) -> None:
    """An expression that counts its turns says what it said before; what the engine cannot parse is a fault of the policy."""
    if result is None:
        with pytest.raises(PolicyRefused, match="expected a CEL expression"):
            _policy(expression)
        return
    assert COUNT in counted(expression)
    assert _said(expression)[0] is result


def test_nesting_is_bounded() -> None:
    """Three macros in each other are refused when the policy is loaded, with the line."""
    with pytest.raises(PolicyRefused) as caught:
        policy_of(
            "spec:\n  rules:\n    - name: a\n      expression:\n        validations:\n"
            "          - expression: 'object.a.all(x, object.a.all(y, object.a.all(z, x != y)))'\n"
        )
    (fault,) = caught.value.faults
    assert str(fault).endswith("expected macros nested 2 deep at most, got .all in two others")
    assert f":{HEAD.count(chr(10)) + 6}: " in str(fault)


def test_the_counter_is_not_for_policies() -> None:
    """A policy cannot call what counts."""
    with pytest.raises(PolicyRefused, match="unknown function __step"):
        _policy("__step(-1000000) ? true : false")


@pytest.mark.parametrize(
    "expression",
    [
        "object.many.all(x, object.many.exists(y, x > y)) || true",
        "object.many.all(x, x == 1) || true",
        "object.many.map(x, x + 1).size() >= 0 || true",
        "object.many.filter(x, x == 1).size() >= 0 || true",
        "object.many.exists_one(x, x == 2) || true",
        "!object.many.exists(x, x in object.many && x == 2) || true",
    ],
    ids=["nested", "all", "map", "filter", "exists-one", "in"],
)
def test_the_largest_body(expression: str) -> None:
    """On a body of the limit, an expression that would take minutes ends, and is refused though it is true whatever it finds."""
    many = [1] * ((_LARGEST - 4_096) // 3)
    allowed, said = _said(expression, many=many)
    assert (allowed, _TOO_MUCH in said) == (False, True)


def test_what_is_usual_is_judged() -> None:
    """Each tag of a large stream against all others is within the bound."""
    names = [f"v{number}" for number in range(1_000)]
    assert _said("object.names.all(n, n.startsWith('v')) && object.names.map(n, size(n)).all(s, s < 5)", names=names)[0]
    assert _said("object.names.all(n, object.names.exists_one(m, m == n))", names=names[:100])[0]
