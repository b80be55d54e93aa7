"""The cost of a CEL expression is bounded when it is loaded and evaluated, and never causes a wrong allow."""

import json
import time
from typing import Any

import pytest
from tests.support.builders import (
    DIGEST,
    HEAD,
    NOW,
    REVIEWS,
    decoded,
    docker,
    import_review,
    imported,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_tag,
    tag_of,
)

from webhook.admission import engine
from webhook.admission.codec import decode
from webhook.errors import PolicyError
from webhook.expressions.parser import COUNT, counted, parse
from webhook.model.review import TagChange
from webhook.resources import catalog
from webhook.rules.base import CostBudget, EvaluationContext
from webhook.rules.expression import as_variable
from webhook.rules.program import compiled
from webhook.schemas.envelope import MOST_VALUES

_TOO_MUCH = "could not be evaluated: its evaluation exceeds the cost budget of a review"
_LARGEST = 7 * 2**20


_BASE: dict[str, Any] = {
    "resource": "imagestreamtags",
    "namespace": "app",
    "stream": "app",
    "name": "live",
    "everyTag": False,
    "isNew": True,
    "oldUnknown": False,
    "moved": True,
    "from": {"kind": "", "name": "", "namespace": "", "registry": "", "repository": "", "tag": "", "digest": ""},
    "insecure": False,
    "scheduled": False,
    "importMode": "Legacy",
    "referencePolicy": "Source",
    "annotations": {},
    "image": None,
}
_SIGNED = push_review(
    {
        "dockerImageConfig": '{"os": "linux", "architecture": "arm64", "config": {"Labels": {"team": "pay"}}}',
        "dockerImageLayers": [{"size": 3}, {"size": 4}],
        "signatures": [{"type": "cosign", "conditions": [{"type": "Trusted", "status": "True"}]}, {"type": "x"}],
    }
)
TAGS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "of-nothing": (review_of(None), {}),
    "of-an-image": (
        review_of(
            docker(f"quay.io/acme/app:1@{DIGEST}"),
            old=docker("quay.io/acme/app:0"),
            tag={
                "importPolicy": {"importMode": "PreserveOriginal", "scheduled": True, "insecure": True},
                "referencePolicy": {"type": "Local"},
            },
        ),
        {
            "isNew": False,
            "from": {
                "kind": "DockerImage",
                "name": f"quay.io/acme/app:1@{DIGEST}",
                "namespace": "",
                "registry": "quay.io",
                "repository": "acme/app",
                "tag": "1",
                "digest": DIGEST,
            },
            "insecure": True,
            "scheduled": True,
            "importMode": "PreserveOriginal",
            "referencePolicy": "Local",
        },
    ),
    "of-a-stream": (
        reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(stream_tag("b:1", "o"), annotations={"a": "b"}))),
        {
            "resource": "imagetags",
            "from": {**_BASE["from"], "kind": "ImageStreamTag", "name": "b:1", "namespace": "o"},
            "annotations": {"a": "b"},
        },
    ),
    "of-a-repository": (
        import_review(repository=imported("a/b", None), namespace="ns"),
        {
            "resource": "imagestreamimports",
            "namespace": "ns",
            "name": "*",
            "everyTag": True,
            "isNew": False,
            "oldUnknown": True,
            "from": {
                **_BASE["from"],
                "kind": "DockerImage",
                "name": "a/b",
                "registry": "docker.io",
                "repository": "a/b",
                "tag": "latest",
            },
        },
    ),
    "of-a-push": (
        _SIGNED,
        {
            "resource": "imagestreammappings",
            "isNew": False,
            "oldUnknown": True,
            "from": {**_BASE["from"], "kind": "ImageStreamImage", "name": f"app@{DIGEST}"},
            "importMode": "",
            "referencePolicy": "",
            "image": {
                "digest": DIGEST,
                "labels": {"team": "pay"},
                "platforms": ["linux/arm64"],
                "size": 7,
                "layers": 2,
                "signatures": [{"type": "cosign", "trusted": True}, {"type": "x", "trusted": False}],
            },
        },
    ),
    "of-a-bare-push": (
        push_review(),
        {
            "resource": "imagestreammappings",
            "isNew": False,
            "oldUnknown": True,
            "from": {**_BASE["from"], "kind": "ImageStreamImage", "name": f"app@{DIGEST}"},
            "importMode": "",
            "referencePolicy": "",
            "image": {
                "digest": DIGEST,
                "labels": None,
                "platforms": [],
                "size": None,
                "layers": None,
                "signatures": [],
            },
        },
    ),
}


@pytest.mark.parametrize(("document", "fields"), TAGS.values(), ids=TAGS)
def test_the_variable_tag(document: dict[str, Any], fields: dict[str, Any]) -> None:
    """The value of `tag` in an expression, for every resource."""
    (change,) = catalog.changes(decoded(document))
    assert isinstance(change, TagChange)
    assert as_variable(change) == {**_BASE, **fields}


def _policy(expression: str) -> Any:
    rule = {"name": "cel", "expression": {"validations": [{"expression": expression, "message": "no"}]}}
    return policy_of(f"spec: {json.dumps({'rules': [rule]})}\n")


def _said(expression: str, **more: Any) -> tuple[bool, str]:
    """Return whether a review whose object has `more` is allowed, and what the rule said of it."""
    document = review_of(docker("quay.io/acme/app:1"))
    document["request"]["object"] |= more
    decision = engine.validate(decode(json.dumps(document).encode(), catalog.RESOURCES, NOW), _policy(expression))
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
        ("[1].all(x, {'a': x, 'b': 2}.size() == 2 && ((([2].all(y, (y > x))))))", True),
        ("[1, 2].all(x, x > 1 || x < 2, )", None),
    ],
    ids=["nested", "chained", "one", "map", "comment", "strings", "spaces", "brackets", "trailing-comma"],
)
def test_counting_changes_no_result(expression: str, result: bool | None) -> None:
    """An expression that counts its turns says what it said before; what the engine cannot parse is a fault of the policy."""
    if result is None:
        with pytest.raises(PolicyError, match="expected a CEL expression"):
            _policy(expression)
        return
    assert COUNT in counted(expression, parse(expression))
    assert _said(expression)[0] is result


def test_what_an_expression_reads_and_calls() -> None:
    """Of an expression is known what it reads and calls, and whether that is the language's own: not of its strings."""
    own, more = compiled("size(object['a']) > 1 || tag.name.startsWith('trim')"), compiled("request.name.trim() != ''")
    assert (own.variables, own.added) == (frozenset({"object", "tag"}), False)
    assert {"size", "startsWith"} <= own.functions
    assert "trim" not in own.functions
    assert (more.variables, more.added) == (frozenset({"request"}), True)
    assert "trim" in more.functions


def test_nesting_is_bounded() -> None:
    """Three macros in each other are denied when the policy is loaded, with the line."""
    with pytest.raises(PolicyError) as caught:
        policy_of(
            "spec:\n  rules:\n    - name: a\n      expression:\n        validations:\n"
            "          - expression: 'request.userInfo.groups.all(x, request.userInfo.groups.all(y, request.userInfo.groups.all(z, x != y)))'\n"
        )
    (fault,) = caught.value.faults
    assert str(fault).endswith("expected at most 2 nested macros, got .all in 2 others")
    assert fault.line == HEAD.count("\n") + 6


def test_the_counter_is_not_for_policies() -> None:
    """A policy cannot call what counts."""
    with pytest.raises(PolicyError, match="unknown function __step"):
        _policy("__step(-1000000) ? true : false")


@pytest.mark.parametrize(
    "expression",
    [
        "object['many'].all(x, object['many'].exists(y, x > y)) || true",
        "object['many'].all(x, x == 1) || true",
        "object['many'].map(x, x + 1).size() >= 0 || true",
        "object['many'].filter(x, x == 1).size() >= 0 || true",
        "object['many'].exists_one(x, x == 2) || true",
        "!object['many'].exists(x, x in object['many'] && x == 2) || true",
    ],
    ids=["nested", "all", "map", "filter", "exists-one", "in"],
)
def test_the_largest_body(expression: str) -> None:
    """On a body of the limit, an expression that would take minutes ends, and is denied though it is true whatever it finds."""
    many = [1] * (MOST_VALUES - 1_000)
    allowed, said = _said(expression, many=many)
    assert (allowed, _TOO_MUCH in said) == (False, True)


def _stream(count: int, *, moved: bool = True, scheduled: bool = False) -> bytes:
    """Return the review of an edit of a stream of which every tag changes."""

    def tags(registry: str, *, scheduled: bool) -> list[dict[str, Any]]:
        return [
            {
                "name": f"v{number}",
                "from": docker(f"{registry}/acme/app:v{number}"),
                "importPolicy": {"importMode": "PreserveOriginal", "scheduled": scheduled},
                "referencePolicy": {"type": "Source"},
                "annotations": None,
                "generation": 1,
            }
            for number in range(count)
        ]

    document = json.loads((REVIEWS / "D05-edit-imagestream-spec-tags.2-validate.json").read_bytes())
    request = document["request"]
    request["oldObject"]["spec"]["tags"] = tags("quay.io", scheduled=False)
    request["object"]["spec"]["tags"] = tags("registry.example" if moved else "quay.io", scheduled=scheduled)
    return json.dumps(document).encode()


_EACH_AGAINST_ALL = "object.spec.tags.all(t, t.name != tag.name || t.name == tag.name)"


@pytest.mark.parametrize(
    "expression",
    [
        "tag.from.registry != ''",
        "request.userInfo.username != '' && object.metadata.name == oldObject.metadata.name && tag.name != ''",
        "object.spec.tags.size() <= 1000 && oldObject.spec.tags.size() <= 1000",
        "[1, 2].all(tag, tag > 0) && tag.name.startsWith('v') // tag",
        "tag.name.lowerAscii() == tag.name && math.greatest(1, 2) == 2",
    ],
    ids=["tag", "everything", "stream", "bound", "added"],
)
def test_a_thousand_tags(expression: str) -> None:
    """An expression on each of a thousand tags is evaluated: shared data costs the review once."""
    assert engine.validate(decode(_stream(1_000), catalog.RESOURCES, NOW), _policy(expression)).allowed


def test_what_is_found_once_is_of_its_own_expression() -> None:
    """Of two expressions that read and call the same, each says its own, of what is and of what was."""
    texts = ["object.spec.tags.size() == 3", "object.spec.tags.size() == 4", "object.spec.tags.size() == 5"]
    validations = [{"expression": text, "message": text} for text in texts]
    policy = policy_of(
        f"spec: {json.dumps({'rules': [{'name': 'cel', 'expression': {'validations': validations}}]})}\n"
    )
    review = json.loads(_stream(4))
    review["request"]["oldObject"]["spec"]["tags"].pop()
    review["request"]["object"]["spec"]["tags"][0] = review["request"]["oldObject"]["spec"]["tags"][0]
    decision = engine.validate(decode(json.dumps(review).encode(), catalog.RESOURCES, NOW), policy)
    said = {
        (finding.field, finding.message, finding.existing) for finding in decision.findings if finding.rule == "cel"
    }
    moved = {(f"spec.tags[{tag}]", texts[each], False) for tag in (1, 2, 3) for each in (0, 2)}
    assert said == moved | {("spec.tags[0]", texts[0], False), ("spec.tags[0]", texts[2], True)}


def test_a_review_has_one_budget() -> None:
    """The cost of a few tags can be too much for a thousand: after the budget, every tag is denied."""
    policy = _policy(_EACH_AGAINST_ALL)
    assert engine.validate(decode(_stream(20), catalog.RESOURCES, NOW), policy).allowed
    decision = engine.validate(decode(_stream(1_000), catalog.RESOURCES, NOW), policy)
    refused = [_TOO_MUCH in finding.message for finding in decision.findings if finding.rule == "cel"]
    assert not decision.allowed
    assert all(refused)
    assert 500 < len(refused) < 1_000


def test_rules_share_the_budget() -> None:
    """If one rule has spent the budget, another of the same review is denied too; the next review has its own."""
    costly = {"validations": [{"expression": _EACH_AGAINST_ALL}]}
    cheap = {"validations": [{"expression": "true"}, {"expression": "tag.name != ''"}]}
    rules = [{"name": "costly", "mode": "audit", "expression": costly}, {"name": "cheap", "expression": cheap}]
    policy = policy_of(f"spec: {json.dumps({'rules': rules})}\n")
    decision = engine.validate(decode(_stream(1_000), catalog.RESOURCES, NOW), policy)
    assert not decision.allowed
    assert {finding.rule for finding in decision.findings if _TOO_MUCH in finding.message} == {"costly", "cheap"}
    assert engine.validate(decode(_stream(20), catalog.RESOURCES, NOW), policy).allowed


def test_what_cannot_be_afforded_is_news() -> None:
    """If the budget is spent, the old violations are unknown, so no finding counts as existing."""
    review = decode(_stream(1_000, moved=False, scheduled=True), catalog.RESOURCES, NOW)
    policy = _policy(f"{_EACH_AGAINST_ALL} && !tag.scheduled")
    decision = engine.validate(review, policy)
    assert not decision.allowed
    too_much = [finding for finding in decision.findings if _TOO_MUCH in finding.message]
    assert too_much
    assert not any(finding.existing for finding in too_much)


def test_what_is_known_of_what_was_costs_nothing() -> None:
    """If the budget is spent, the result for the old object alone is known: it is not new."""
    costly, known = f"{_EACH_AGAINST_ALL} && !tag.scheduled", "object.spec.tags.size() < 1000"
    validations = [{"expression": costly, "message": "costly"}, {"expression": known, "message": "known"}]
    policy = policy_of(
        f"spec: {json.dumps({'rules': [{'name': 'cel', 'expression': {'validations': validations}}]})}\n"
    )
    decision = engine.validate(
        decode(_stream(1_000, moved=False, scheduled=True), catalog.RESOURCES, NOW), policy, most=None
    )
    assert any(_TOO_MUCH in finding.message for finding in decision.findings)
    existing = [finding.existing for finding in decision.findings if finding.message == "known"]
    assert existing == [True] * 1_000


def test_what_is_usual_is_evaluated() -> None:
    """Each tag of a large stream against all others is within the bound."""
    names = [f"v{number}" for number in range(1_000)]
    assert _said(
        "object['names'].all(n, n.startsWith('v')) && object['names'].map(n, size(n)).all(s, s < 5)", names=names
    )[0]
    assert _said("object['names'].all(n, object['names'].exists_one(m, m == n))", names=names[:100])[0]


def test_turns_are_taken_of_what_is_left() -> None:
    """Fifty thousand turns can be taken, in however many evaluations; one more ends the one that asks, and all others."""
    steps = CostBudget()
    assert not CostBudget().take(1), "outside of an evaluation nothing is left"
    assert steps.spend(lambda: all(steps.take(10) for _ in range(2_500)))
    assert steps.spend(lambda: all(steps.take(1) for _ in range(25_000)))
    taken: list[bool] = []
    with pytest.raises(TimeoutError, match="exceeds the cost budget"):
        steps.spend(lambda: taken.append(steps.take(1)))
    assert taken == [False]
    with pytest.raises(TimeoutError, match="exceeds the cost budget"):
        steps.spend(lambda: taken.append(True))
    assert taken == [False]


def test_time_is_taken_of_what_is_left() -> None:
    """CPU time of evaluations is taken from half a second; one that counts iterations ends after it."""
    steps, other = CostBudget(), CostBudget()

    def busy() -> None:
        until = time.thread_time() + 0.6
        while time.thread_time() < until:
            pass

    steps.spend(busy)
    with pytest.raises(TimeoutError, match="exceeds the cost budget"):
        steps.spend(lambda: True)

    def long() -> bool:
        busy()
        return other.take(1)

    with pytest.raises(TimeoutError, match="exceeds the cost budget"):
        other.spend(long)


def test_the_past_has_the_same_budget() -> None:
    """The old object of a review is evaluated with the remaining budget."""
    context = EvaluationContext(decoded(review_of(docker("quay.io/acme/app:1"), old=docker("quay.io/acme/app:0"))))
    assert context.as_it_was().budget is context.budget
    assert EvaluationContext(context.review).budget is not context.budget
