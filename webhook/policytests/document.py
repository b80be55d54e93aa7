"""The document: which policies are tested, the cases, and what is expected of each."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from marshmallow import ValidationError

from webhook.documents.document import Document
from webhook.documents.files import InputFile
from webhook.errors import Fault
from webhook.model.decision import Mode
from webhook.policy.entries import API_VERSION, Name
from webhook.policy.loading import TEST_KIND
from webhook.policytests.change import CHANGE
from webhook.schemas.containers import Items, Record, parse
from webhook.schemas.parameters import Anything, Choice, Object, Sentence, Text

SUFFIXES: Final = tuple(f"{mark}.{form}" for mark in (".test", "_test") for form in ("yaml", "yml", "json"))
_VERDICTS: Final = ("allow", "deny")


@dataclass(frozen=True, slots=True)
class Expected:
    """What is to come of a change; None where nothing is expected of that part.

    Attributes:
        verdict: `allow` or `deny`.
        findings: the findings in any order, each with what of it is expected: rule, mode, field, message.
        patch: what the defaults complete, as operations of RFC 6902.
        exemption: the exemption that is used.
    """

    verdict: str | None = None
    findings: tuple[Mapping[str, str], ...] | None = None
    patch: tuple[Mapping[str, Any], ...] | None = None
    exemption: str | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: what it shows.
        expect: what is to come of it.
        object: the object that is sent, None where a review is.
        old: what it replaces.
        review: the file of a recorded AdmissionReview, relative to the test's, "" where there is none.
        user: who sends the object.
        groups: that user's groups.
    """

    name: str
    expect: Expected
    object: Mapping[str, Any] | None = None
    old: Mapping[str, Any] | None = None
    review: str = ""
    user: str = "developer"
    groups: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Suite:
    """The cases of one document.

    Attributes:
        file: the file's name.
        policies: the policy's files and directories.
        cases: each with the line on which it begins.
    """

    file: str
    policies: tuple[Path, ...]
    cases: tuple[tuple[Case, int], ...]


def _case(
    name: str,
    expect: Expected,
    change: tuple[Mapping[str, Any], Mapping[str, Any] | None] | None = None,
    oldObject: Mapping[str, Any] | None = None,  # noqa: N803 - the API's name
    **given: Any,
) -> Case:
    if oldObject is not None and "object" not in given:
        raise ValidationError({"oldObject": ["expected it beside object only"]})
    if change is not None:
        given["object"], oldObject = change  # noqa: N806 - as above
    return Case(name, expect, old=oldObject, **given)


def _operation(op: str = "add", **given: Any) -> Mapping[str, Any]:
    return {"op": op, **given}


_FINDING: Final = Record(
    {
        "rule": Sentence(required=True),
        "mode": Choice(Mode.ENFORCE, Mode.WARN, Mode.AUDIT),
        "field": Text(),
        "message": Sentence(),
    },
    dict,
    docs={
        "rule": "the rule's name",
        "mode": "the finding's mode",
        "field": "its JSON path",
        "message": "a part of its sentence",
    },
)  # fmt: skip
_OPERATION: Final = Record({"op": Choice("add"), "path": Text(required=True), "value": Anything()}, _operation)
_EXPECT: Final = Record(
    {
        "verdict": Choice(*_VERDICTS),
        "findings": Items(_FINDING, empty=True),
        "patch": Items(_OPERATION, empty=True),
        "exemption": Sentence(),
    },
    Expected,
    docs={
        "verdict": "whether it may happen",
        "findings": "all findings, in any order",
        "patch": "all that the defaults set, in their order",
        "exemption": "the exemption that lets it through",
    },
    needs=("verdict", "findings", "patch", "exemption"),
    required=True,
)
_CASE: Final = Record(
    {
        "name": Sentence(required=True),
        "change": CHANGE,
        "object": Object(),
        "oldObject": Object(),
        "review": Text(),
        "user": Text(),
        "groups": Items(Text(), empty=True),
        "expect": _EXPECT,
    },
    _case,
    docs={
        "name": "what the case shows",
        "change": "one tag and what it is to point at",
        "object": "or the whole object that is sent",
        "oldObject": "what the object replaces",
        "review": "or the file of an AdmissionReview, relative to this one",
        "user": "who sends it; developer where absent",
        "groups": "the user's groups",
        "expect": "what is to come of it",
    },
    one_of=("change", "object", "review"),
)
_TEST: Final = Record(
    {
        "apiVersion": Choice(API_VERSION, required=True),
        "kind": Choice(TEST_KIND, required=True),
        "metadata": Record({"name": Name(required=True)}, lambda name: name, required=True),
        "spec": Record(
            {"policies": Items(Text()), "cases": Items(_CASE, required=True)},
            lambda cases, policies=(): (policies, cases),
            docs={
                "policies": "the policy's files and directories, relative to this file; its namesake where absent",
                "cases": "the cases",
            },
            required=True,
        ),
    },
    lambda spec, **_: spec,
)


def load(file: InputFile) -> tuple[list[Suite], list[Fault]]:
    """Read the tests in `file`, and every fault in it."""
    suites: list[Suite] = []
    faults = list(file.faults)
    for document in file.documents:
        spec, wrong = parse(_TEST, document)
        faults.extend(wrong or _twice(document))
        if spec is not None:
            policies, cases = spec
            directory = Path(file.name).parent
            lines = (document.line(f"spec.cases[{index}]") for index in range(len(cases)))
            paths = tuple(directory / path for path in policies) or (_beside(Path(file.name)),)
            suites.append(Suite(file.name, paths, tuple(zip(cases, lines, strict=True))))
    return suites, faults


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a test document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://istag-webhook/v1/{TEST_KIND}.json",
        "title": TEST_KIND,
        **_TEST.schema(),
    }


def _beside(path: Path) -> Path:
    """Return the policy that a file of tests is named for: policy.yaml for policy.test.yaml and policy_test.yaml."""
    for mark in (".test", "_test"):
        if path.stem.endswith(mark):
            return path.with_name(path.stem.removesuffix(mark) + path.suffix)
    return path.parent


def _twice(document: Document) -> list[Fault]:
    """Return a fault for each name that two cases have."""
    seen: dict[str, int] = {}
    faults: list[Fault] = []
    for index, case in enumerate(document.value["spec"]["cases"]):
        path = f"spec.cases[{index}].name"
        if case["name"] in seen:
            faults.append(document.fault(path, f"the name is taken by the case on line {seen[case['name']]}"))
        seen.setdefault(case["name"], document.line(path))
    return faults
