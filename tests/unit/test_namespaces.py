"""Exempt are the namespaces that an ordinary user cannot request, and no other, wherever the list is written."""

import re
from pathlib import Path
from typing import Any

import cel
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import decoded, docker, review_of

from webhook.admission import engine
from webhook.globs.alphabets import NAMESPACE
from webhook.policy.lint.exemptions import RESERVED, RESERVED_NAMES, RESERVED_PREFIXES, is_reserved
from webhook.policy.loading import load

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"
_MANIFESTS = sorted((_ROOT / "manifests").rglob("*.yaml"))
_NAMESPACES = [
    *RESERVED_NAMES,
    *(f"{prefix}x" for prefix in RESERVED_PREFIXES),
    *(f"{name}x" for name in RESERVED_NAMES),
    "openshift4",
    "openshiftdemo",
    "kubernetesx-a",
    "kubevirt",
    "my-openshift-app",
    "my-kube-system",
    "team-a",
    "default",
]


def _documents(path: Path) -> list[Any]:
    return [document for document in yaml.safe_load_all(path.read_text()) if isinstance(document, dict)]


def _policies() -> list[tuple[str, dict[str, Any]]]:
    """The shipped policy, and those of the manifests."""
    return [
        (str(path.relative_to(_ROOT)), document)
        for path in (_ROOT / "webhook" / "policy" / "default.yaml", *_MANIFESTS)
        for document in _documents(path)
        if document.get("kind") == "ImageTagPolicy"
    ]


@pytest.mark.parametrize("policy", [pytest.param(policy, id=name) for name, policy in _policies()])
def test_the_policies(policy: dict[str, Any]) -> None:
    """Every rule and every default of a policy that is shipped leaves out just these namespaces."""
    entries = [*policy["spec"]["defaults"], *policy["spec"]["rules"]]
    assert len(entries) > 5
    assert {frozenset(entry["match"]["exclude"]["namespaces"]) for entry in entries} == {frozenset(RESERVED)}


def test_policies_are_found() -> None:
    """The manifests hold a policy."""
    assert len(_policies()) > 1


def _conditions() -> list[tuple[str, str]]:
    return [
        (f"{path.relative_to(_ROOT)}:{webhook['name']}", condition["expression"])
        for path in _MANIFESTS
        for document in _documents(path)
        for webhook in document.get("webhooks", ())
        for condition in webhook.get("matchConditions", ())
        if "request.namespace" in condition["expression"]
    ]


def test_conditions_are_found() -> None:
    """Both webhook configurations look at the namespace."""
    assert len(_conditions()) == 2


@pytest.mark.parametrize("namespace", _NAMESPACES)
@pytest.mark.parametrize("expression", [pytest.param(text, id=name) for name, text in _conditions()])
def test_the_match_conditions(expression: str, namespace: str) -> None:
    """The API server does not ask about just these namespaces."""
    asked = cel.compile(expression).execute({"request": {"namespace": namespace}, "object": {}, "oldObject": {}})
    assert asked is not is_reserved(namespace)


@given(
    st.builds(str.__add__, st.sampled_from(["", *RESERVED_NAMES]), st.text("abx1-", max_size=5)).filter(NAMESPACE.holds)
)
def test_the_shipped_policy_decides_alike(namespace: str) -> None:
    """An insecure import is denied in every namespace but these."""
    review = review_of(docker("registry.example/app:1"), tag={"importPolicy": {"insecure": True}}, namespace=namespace)
    assert engine.validate(decoded(review), load()).allowed is is_reserved(namespace)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(text, id=name)
        for name, text in (
            (
                "reference/policy.md: example",
                re.findall(r"^        exclude: (.*)$", (_DOCS / "reference" / "policy.md").read_text(), re.MULTILINE)[
                    0
                ],
            ),
            (
                "reference/shipped-policy.md",
                (_DOCS / "reference" / "shipped-policy.md").read_text().split("It exempts only")[1].split("\n\n")[0],
            ),
            (
                "explanation/threats.md: T11",
                re.findall(r"^\| T11 .*$", (_DOCS / "explanation" / "threats.md").read_text(), re.MULTILINE)[0],
            ),
            (
                "reference/manifests.md: matchConditions",
                re.findall(
                    r"^\| `matchConditions` .*$", (_DOCS / "reference" / "manifests.md").read_text(), re.MULTILINE
                )[0],
            ),
        )
    ],
)
def test_the_texts(text: str) -> None:
    """The documentation of these lists each, and no wider pattern."""
    words = set(re.findall(r"[a-z]+(?:-\*?|\*)?", text))
    assert words >= set(RESERVED_NAMES)
    assert {prefix.removesuffix("*") for prefix in words if "-" in prefix} >= set(RESERVED_PREFIXES)
    assert not {f"{name}*" for name in RESERVED_NAMES} & words
