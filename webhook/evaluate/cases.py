"""Test documents: the policies under test, and the cases, each a change with its expected outcome."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from marshmallow import ValidationError

from webhook.documents.document import Document
from webhook.documents.inputs import InputFile
from webhook.errors import Fault
from webhook.evaluate.expected import EXPECT, Expected
from webhook.model.tag import SourceKind
from webhook.policy.entries import API_VERSION, TEST_KIND, Name
from webhook.resources.catalog import RESOURCES, TAG
from webhook.schemas.containers import Items, Record, TextMap, parse
from webhook.schemas.parameters import Bool, Choice, Object, Parameter, Schema, Sentence, Text
from webhook.schemas.times import Instant

SUFFIXES: Final = tuple(f"{mark}.{form}" for mark in (".test", "_test") for form in ("yaml", "yml", "json"))


@dataclass(frozen=True, slots=True)
class Case:
    """One case.

    Attributes:
        name: what it shows.
        expect: the expected outcome.
        object: the object that is sent, None for a recorded review.
        old: the object that it replaces.
        review: the file of a recorded AdmissionReview, relative to the test's, "" for an object.
        user: the user who sends the object.
        groups: that user's groups.
        at: when the change comes, None for the time of the run.
    """

    name: str
    expect: Expected
    object: Mapping[str, Any] | None = None
    old: Mapping[str, Any] | None = None
    review: str = ""
    user: str = "developer"
    groups: tuple[str, ...] = ()
    at: datetime | None = None


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


# Builds the object of a short form, by the resource's name.
_SHORT: Final = MappingProxyType({name: each.short for name, each in RESOURCES.items() if each.short is not None})


class _SourceText(Parameter):
    """The source of a tag: the reference of a DockerImage, or an ObjectReference."""

    expected = "an image reference, or a map with kind and name"

    def read(self, value: Any) -> Mapping[str, Any]:
        """Return the tag's `from`."""
        if isinstance(value, str):
            return {"kind": SourceKind.DOCKER_IMAGE.value, "name": value}
        if not isinstance(value, dict):
            raise self.wrong(value)
        found: Mapping[str, Any] = _REFERENCE.read(value)
        return found

    def schema(self) -> Schema:
        """Return the JSON Schema."""
        return {"anyOf": [{"type": "string"}, _REFERENCE.schema()]}


_REFERENCE: Final = Record({"kind": Text(required=True), "name": Text(required=True), "namespace": Text()}, dict)
_TAG: Final[Mapping[str, Parameter]] = MappingProxyType(
    {
        "from": _SourceText(),
        "importPolicy": Record({"insecure": Bool(), "scheduled": Bool(), "importMode": Text()}, dict),
        "referencePolicy": Text(),
        "annotations": TextMap(),
    }
)
_DOCS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "from": "the tag's source; without it the change removes the tag, if the resource can do so",
        "importPolicy": "how it is imported",
        "referencePolicy": "Source or Local",
        "annotations": "the tag's annotations",
    }
)


def _tag(annotations: tuple[tuple[str, str], ...] = (), referencePolicy: str | None = None, **given: Any) -> Any:  # noqa: N803 - the API's name
    """Return a TagReference."""
    reference = {"referencePolicy": {"type": referencePolicy}} if referencePolicy is not None else {}
    return {**given, **reference, **({"annotations": dict(annotations)} if annotations else {})}


def _change(
    resource: str = TAG.name,
    namespace: str = "default",
    stream: str = "app",
    tag: str = "latest",
    old: Mapping[str, Any] | None = None,
    **given: Any,
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return the object with the change, and the object that it replaces."""
    if old is not None and not RESOURCES[resource].says_old:
        raise ValidationError({"old": [f"a review of {resource} has no old object"]})
    short = _SHORT[resource]
    return short(namespace, stream, tag, _tag(**given)), short(namespace, stream, tag, old) if old is not None else None


_CHANGE: Final = Record(
    {
        "resource": Choice(*_SHORT),
        "namespace": Text(),
        "stream": Text(),
        "tag": Text(),
        **_TAG,
        "old": Record(_TAG, _tag, docs=_DOCS, needs=tuple(_TAG)),
    },
    _change,
    docs={
        "resource": f"the resource of the change; default {TAG.name}",
        "namespace": "the stream's namespace; default default",
        "stream": "the image stream; default app",
        "tag": "the tag; default latest",
        **_DOCS,
        "old": "the stored tag; without it the object is created",
    },
    needs=("from", "old"),
)


def _case(
    name: str,
    expect: Expected,
    change: tuple[Mapping[str, Any], Mapping[str, Any] | None] | None = None,
    oldObject: Mapping[str, Any] | None = None,  # noqa: N803 - the API's name
    **given: Any,
) -> Case:
    if oldObject is not None and "object" not in given:
        raise ValidationError({"oldObject": ["only valid with object"]})
    if change is not None:
        given["object"], oldObject = change  # noqa: N806 - as above
    return Case(name, expect, old=oldObject, **given)


_CASE: Final = Record(
    {
        "name": Sentence(required=True),
        "change": _CHANGE,
        "object": Object(),
        "oldObject": Object(),
        "review": Text(),
        "user": Text(),
        "groups": Items(Text(), empty=True),
        "at": Instant(),
        "expect": EXPECT,
    },
    _case,
    docs={
        "name": "what the case shows",
        "change": "one tag and its new source",
        "object": "or the whole object that is sent",
        "oldObject": "what the object replaces",
        "review": "or the file of an AdmissionReview, relative to this one",
        "user": "the user who sends it; default developer",
        "groups": "the user's groups",
        "at": "when the change comes; default: `--at`, or now",
        "expect": "the expected outcome",
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
            docs={"policies": "the policy's files, relative to this file; default its namesake", "cases": "the cases"},
            required=True,
        ),
    },
    lambda spec, **_: spec,
)


def load(file: InputFile) -> tuple[list[Suite], list[Fault]]:
    """Read the tests in `file`, and every error in it."""
    suites: list[Suite] = []
    faults = list(file.faults)
    for document in file.documents:
        spec, wrong = parse(_TEST, document)
        faults.extend(wrong or _duplicates(document))
        if spec is not None:
            lines = (document.line(f"spec.cases[{index}]") for index in range(len(spec[1])))
            paths = tuple(Path(file.name).parent / path for path in spec[0]) or (_default_policy(Path(file.name)),)
            suites.append(Suite(file.name, paths, tuple(zip(spec[1], lines, strict=True))))
    return suites, faults


def schema() -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of a test document."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"https://istag-webhook/v1/{TEST_KIND}.json",
        "title": TEST_KIND,
        **_TEST.schema(),
    }


def _default_policy(path: Path) -> Path:
    """Return the default policy of a test file: policy.yaml for policy.test.yaml and policy_test.yaml."""
    for mark in (".test", "_test"):
        if path.stem.endswith(mark):
            return path.with_name(path.stem.removesuffix(mark) + path.suffix)
    return path.parent


def _duplicates(document: Document) -> list[Fault]:
    """Return an error for each duplicate name of a case."""
    seen: dict[str, int] = {}
    faults: list[Fault] = []
    for index, case in enumerate(document.value["spec"]["cases"]):
        path = f"spec.cases[{index}].name"
        if case["name"] in seen:
            faults.append(document.fault(path, f"duplicate name, first used on line {seen[case['name']]}"))
        seen.setdefault(case["name"], document.line(path))
    return faults
