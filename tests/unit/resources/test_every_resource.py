"""The same change gets the same answer and the same defaults at every resource, and nothing that is sent raises."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import (
    decoded,
    docker,
    import_review,
    imported,
    istag_of,
    itag_of,
    policy_of,
    push_review,
    review_of,
    reviewed,
    stream_of,
    stream_review,
    stream_tag,
    tag_of,
)
from tests.support.changes import (
    ANY,
    APP,
    AS_ALL,
    EVIL,
    INSECURE,
    REPOSITORY,
    changes_of,
    evaluated,
    findings_of,
    newest,
    stream_with,
    with_status,
)

from webhook.admission import engine
from webhook.admission.codec import encode, operation
from webhook.defaults import patched_document


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        pytest.param(review_of(APP), ["app/x:y"], id="imagestreamtags"),
        pytest.param(reviewed("imagetags", "ImageTag", "", itag_of(tag_of(APP))), ["app/x:y"], id="imagetags"),
        pytest.param(stream_review(stream_of(tag_of(APP))), ["app/x:y", "app/x:y:live"], id="imagestreams"),
        pytest.param(
            stream_review(with_status(newest("live", "a/b")), stream_of(), "status"), ["app/x:y", "app/x:y:live"],
            id="imagestreams-status",
        ),
        pytest.param(import_review(imported("a/b")), ["app/x:y:live"], id="imagestreamimports"),
        pytest.param(push_review(), ["app/x:y:live"], id="imagestreammappings"),
    ],
)  # fmt: skip
def test_the_name_of_the_request_wins(document: dict[str, Any], tags: list[str]) -> None:
    """The API server takes the name from the URL, whatever the object says."""
    document["request"]["name"] = "x:y"
    assert [str(change) for change in changes_of(document)] == tags


def _annotated(tag: dict[str, Any]) -> dict[str, Any]:
    istag = istag_of(tag)
    if tag.get("annotations"):
        istag["metadata"]["annotations"] = tag["annotations"]
    return istag


def _istag(tag: dict[str, Any]) -> dict[str, Any]:
    return review_of(None, object=_annotated(tag), oldObject=istag_of(None))


def _istag_created(tag: dict[str, Any]) -> dict[str, Any]:
    return review_of(None, object=_annotated(tag), operation="CREATE")


def _itag(tag: dict[str, Any]) -> dict[str, Any]:
    return reviewed("imagetags", "ImageTag", "app:live", itag_of(tag))


def _itag_updated(tag: dict[str, Any]) -> dict[str, Any]:
    return reviewed("imagetags", "ImageTag", "app:live", itag_of(tag), itag_of(None))


def _stream(tag: dict[str, Any]) -> dict[str, Any]:
    other = tag_of(
        None, name="a", annotations={"owner": "me"}, importPolicy={"scheduled": True, "importMode": "Legacy"}
    )
    return stream_review(stream_of(other, tag))


def _stream_updated(tag: dict[str, Any]) -> dict[str, Any]:
    return stream_review(stream_of(tag), stream_of())


def _image_import(tag: dict[str, Any]) -> dict[str, Any]:
    return import_review(
        {**{key: tag[key] for key in ("from", "importPolicy", "referencePolicy")}, "to": {"name": "live"}}
    )


class _Way(NamedTuple):
    """A request that makes a tag.

    Attributes:
        review: makes the review of the tag.
        path: where the tag stands in it.
        name: the field that names the tag.
        annotated: whether the request carries the tag's annotations.
        only_images: whether it takes sources of kind DockerImage alone.
    """

    review: Callable[[dict[str, Any]], dict[str, Any]]
    path: str
    name: str
    annotated: bool = True
    only_images: bool = False


_WAYS = {
    "oc tag": _Way(_istag, "tag", "metadata.name"),
    "oc create istag": _Way(_istag_created, "tag", "metadata.name"),
    "oc create itag": _Way(_itag, "spec", "metadata.name"),
    "oc replace itag": _Way(_itag_updated, "spec", "metadata.name"),
    "oc create is": _Way(_stream, "spec.tags[1]", "spec.tags[1].name"),
    "oc edit is": _Way(_stream_updated, "spec.tags[0]", "spec.tags[0].name"),
    "oc import-image": _Way(
        _image_import, "spec.images[0]", "spec.images[0].to.name", annotated=False, only_images=True
    ),
}


_CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "registry": ("registries: {allow: [quay.io]}", {"from": EVIL}, "from.name"),
    "unparsable": ("registries: {allow: [quay.io]}", {"from": docker("quay.io/Acme/app")}, "from.name"),
    "kind": ("sourceKinds: {allow: [DockerImage]}", {"from": stream_tag("base:1")}, "from.kind"),
    "digest": ("pin: {digest: true}", {"from": APP}, "from.name"),
    "latest": ("pin: {denyTags: [latest]}", {"from": docker("quay.io/acme/app")}, "from.name"),
    "namespace": ("crossNamespace: {}", {"from": stream_tag("base:1", "other")}, "from.namespace"),
    "internal-registry": (
        "crossNamespace: {}", {"from": docker("image-registry.openshift-image-registry.svc:5000/other/base:1")}, "from.name",
    ),
    "insecure": (
        "importPolicy: {insecure: false}", {"from": APP, "importPolicy": {"insecure": True}}, "importPolicy.insecure",
    ),
    "scheduled": (
        "importPolicy: {scheduled: false}", {"from": APP, "importPolicy": {"scheduled": True}}, "importPolicy.scheduled",
    ),
    "import-mode": ("importPolicy: {importMode: [PreserveOriginal]}", {"from": APP}, "importPolicy.importMode"),
    "reference-policy": ("referencePolicy: {allow: [Local]}", {"from": APP}, "referencePolicy.type"),
    "schema": (
        "schema: {}", {"from": APP, "importPolicy": {"importMode": "All"}}, "importPolicy.importMode",
    ),
    "name": ("tagName: {deny: [live]}", {"from": APP}, "<name>"),
    "annotation": ('annotations: {require: {owner: "*"}}', {"from": APP}, 'annotations["owner"]'),
    "insecure-annotation": (
        "importPolicy: {insecure: false}", {"from": APP, "annotations": {INSECURE: "True"}}, f'annotations["{INSECURE}"]',
    ),
    "expression": ("expression: {validations: [{expression: tag.scheduled}]}", {"from": APP}, ""),
}  # fmt: skip


_PASSING = {
    "digest": "pin: {denyTags: [x]}",
    "import-mode": "importPolicy: {importMode: [Legacy]}",
    "reference-policy": "referencePolicy: {allow: [Source]}",
    "name": "tagName: {deny: [dead]}",
    "expression": "expression: {validations: [{expression: tag.from.kind != 'ImageStreamTag'}]}",
}


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_the_same_change_gets_the_same_answer(case: str) -> None:
    """A tag is denied with the same message in every request, with the field of that request."""
    rule, fields, field = _CASES[case]
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {rule}}}]}}\n")
    tag = {**tag_of(None), **fields}
    sentences = set()
    for name, way in _WAYS.items():
        if (way.only_images and fields["from"]["kind"] != "DockerImage") or (
            not way.annotated and "annotation" in case
        ):
            continue
        decision = evaluated(way.review(tag), policy)
        assert not decision.allowed, name
        (finding,) = (each for each in decision.findings if each.rule == "the-rule")
        expected = way.name if field == "<name>" else f"{way.path}.{field}".rstrip(".")
        assert finding.field == expected, name
        sentences.add((finding.message, finding.mode, finding.existing, finding.reason))
    assert len(sentences) == 1


@pytest.mark.parametrize("case", _CASES, ids=str)
def test_what_is_allowed_is_allowed_at_every_resource(case: str) -> None:
    """A tag with nothing wrong is let through by every rule, whichever request would make it."""
    rule, _, _ = _CASES[case]
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {_PASSING.get(case, rule)}}}]}}\n")
    for name, way in _WAYS.items():
        annotations = {"annotations": {"owner": "me"}} if way.annotated else {}
        assert findings_of(evaluated(way.review({**tag_of(APP), **annotations}), policy)) == [], name


def test_the_ways_of_oc_tag_are_all_refused() -> None:
    """`oc tag` answers a 403 by trying POST and then the stream; each of the three requests is denied, and with 422."""
    policy = policy_of(ANY % "audit")
    tag = tag_of(EVIL)
    for document in (
        review_of(EVIL, old=None, oldObject=istag_of(None)),
        review_of(None, object=istag_of(tag), operation="CREATE"),
        stream_review(stream_of(tag_of(APP, name="a"), tag), stream_of(tag_of(APP, name="a"))),
    ):
        review = decoded(document)
        answer = json.loads(encode(review, engine.validate(review, policy), {}))["response"]
        assert answer["allowed"] is False
        assert answer["status"]["code"] == 422
        assert answer["status"]["message"].endswith(
            '"evil.example/x" is not an allowed repository; allowed: quay.io (rule any)'
        )


def test_the_streams_annotation_makes_its_tags_insecure() -> None:
    """The stream's insecureRepository annotation counts for every tag, is evaluated when it is set, and said once."""
    policy = policy_of("spec: {rules: [{name: secure, importPolicy: {insecure: false}}]}\n")
    tags = [tag_of(APP, name="a"), tag_of(APP, name="b"), tag_of(stream_tag("a"), name="c")]
    insecure = {"annotations": {INSECURE: "true"}}
    document = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags))
    said = f'metadata.annotations["{INSECURE}"]: an insecure import is not allowed; expected insecure: false'
    assert findings_of(evaluated(document, policy)) == [f"enforce {said}"]
    again = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags, metadata=insecure))
    assert findings_of(evaluated(again, policy)) == [f"audit {said}"]
    status = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags), "status")
    assert findings_of(evaluated(status, policy)) == [f"enforce {said}"]
    followed = stream_review(
        stream_of(dockerImageRepository="quay.io/a/b", metadata=insecure),
        stream_of(dockerImageRepository="quay.io/a/b"),
    )
    assert findings_of(evaluated(followed, policy)) == [f"enforce {said}"]
    for old, mode in (({}, "enforce"), (insecure, "audit")):
        istag = review_of(
            None,
            object=istag_of(tag_of(APP), metadata=insecure),
            oldObject=istag_of(tag_of(APP), metadata=old),
        )
        assert findings_of(evaluated(istag, policy)) == [f"{mode} {said}"]
    own = stream_of(tag_of(APP, annotations={INSECURE: "true"}))
    assert findings_of(evaluated(stream_review(stream_of(metadata=insecure), own, "status"), policy)) == [
        f"audit spec.tags[0].{said.removeprefix('metadata.')}",
        f"enforce {said}",
    ]
    itag = itag_of(tag_of(APP), **insecure)
    assert findings_of(evaluated(reviewed("imagetags", "ImageTag", "app:live", itag), policy)) == [f"enforce {said}"]


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param(AS_ALL, {**AS_ALL, "annotations": {"a": "b"}}, "audit", id="as-it-was"),
        pytest.param(AS_ALL, {}, "enforce", id="new"),
    ],
)
def test_a_fault_of_a_tag_by_itself(new: dict[str, Any], old: dict[str, Any], said: str) -> None:
    """A fault that a tag had before is `existing`, whichever resource carries the tag; one that it gets is not."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}, existing: audit}]}\n")
    after, before = tag_of(APP, **new), tag_of(APP, **old)
    istag = review_of(None, object=istag_of(after), oldObject=istag_of(before))
    itag = reviewed("imagetags", "ImageTag", "app:live", itag_of(after), itag_of(before))
    for document, path in ((istag, "tag"), (itag, "spec")):
        found = [each.partition(": ")[0] for each in findings_of(evaluated(document, policy))]
        assert found == [f"{said} {path}.importPolicy.importMode"]


_FAILED = {"type": "ImportSuccess", "status": "False", "reason": "NotFound", "message": "no such image"}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param(
            review_of(APP, oldObject={**istag_of(tag_of(APP)), "conditions": [{"type": "Other"}, _FAILED]}),
            "conditions[1]", id="imagestreamtags",
        ),
        pytest.param(
            reviewed(
                "imagetags", "ImageTag", "app:live", itag_of(tag_of(APP)),
                {**itag_of(tag_of(APP)), "status": {"conditions": [{"type": "Other"}, _FAILED]}},
            ),
            "status.conditions[1]", id="imagetags",
        ),
        pytest.param(
            stream_review(
                stream_of(tag_of(APP)),
                {**stream_of(tag_of(APP)), "status": {"tags": [{}, {"tag": "live", "conditions": [_FAILED]}]}},
            ),
            "status.tags[1].conditions[0]", id="imagestreams",
        ),
    ],
)  # fmt: skip
def test_the_conditions_of_a_tag(document: dict[str, Any], path: str) -> None:
    """The conditions of a tag's last import are read from the old object, which the user did not write."""
    policy = policy_of("spec: {rules: [{name: c, existing: enforce, conditions: {deny: [ImportSuccess]}}]}\n")
    assert findings_of(evaluated(document, policy)) == [
        f'enforce {path}: condition "ImportSuccess" is False: "NotFound: no such image"'
    ]


_DEFAULTS = policy_of(
    "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal, scheduled: true}, "
    "referencePolicy: {type: Local}, annotations: {by: us}}}]}\n"
)


@pytest.mark.parametrize("name", _WAYS)
def test_defaults_at_every_resource(name: str) -> None:
    """The patch goes back to where the tag stands, holds what the API server keeps there, and leaves nothing to patch."""
    way = _WAYS[name]
    review = decoded(way.review(tag_of(APP)))
    assert review.object is not None
    decision = engine.mutate(review, _DEFAULTS)
    operations = [operation(op) for op in decision.patch]
    completed = jsonpatch.apply_patch(json.loads(json.dumps(review.object)), operations)
    assert completed == patched_document(review.object, decision.patch)
    pointer = "/" + way.path.replace(".", "/").replace("[", "/").replace("]", "")
    assert {each["path"] for each in operations} >= {
        f"{pointer}/importPolicy/importMode",
        f"{pointer}/importPolicy/scheduled",
        f"{pointer}/referencePolicy/type",
    }
    assert any("annotations" in each["path"] for each in operations) is way.annotated
    again = decoded(
        {
            "kind": "AdmissionReview",
            "apiVersion": "admission.k8s.io/v1",
            "request": {**review.request, "object": completed},
        }
    )
    assert engine.mutate(again, _DEFAULTS).patch == ()
    assert engine.validate(again, policy_of("spec: {rules: [{name: s, schema: {}}]}\n")).findings == ()


def test_a_repository_is_completed() -> None:
    """An import of a repository is completed like one of an image."""
    decision = engine.mutate(decoded(REPOSITORY), _DEFAULTS)
    assert [op.path for op in decision.patch] == [
        "/spec/repository/importPolicy/scheduled",
        "/spec/repository/importPolicy/importMode",
        "/spec/repository/referencePolicy/type",
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(push_review(), id="push"),
        pytest.param(stream_review(stream_with("quay.io/a/b:1"), stream_of(), "status"), id="status"),
        pytest.param(stream_review(stream_of(dockerImageRepository="quay.io/a/b")), id="followed-repository"),
        pytest.param(stream_review(stream_of(), stream_of(tag_of(APP))), id="removed"),
        pytest.param(import_review(imported("quay.io/a/b:1"), wanted=False), id="look"),
        pytest.param(stream_review(stream_of(tag_of(APP)), stream_of(tag_of(APP))), id="untouched"),
    ],
)
def test_nothing_to_complete(document: dict[str, Any]) -> None:
    """If the API server stores nothing, or nothing is new, nothing is patched."""
    decision = engine.mutate(decoded(document), _DEFAULTS)
    assert (decision.patch, decision.verdict) == ((), "allow")


@pytest.mark.parametrize(
    ("match", "document", "completed"),
    [
        pytest.param("{users: [alice]}", review_of(APP), True, id="user"),
        pytest.param("{users: [bob]}", review_of(APP), False, id="another-user"),
        pytest.param("{tags: [live]}", REPOSITORY, False, id="a-repository-may-have-other-tags"),
        pytest.param("{tags: ['*']}", REPOSITORY, True, id="a-repository-has-any-tag"),
    ],
)
def test_what_a_default_matches(match: str, document: dict[str, Any], completed: bool) -> None:
    """A default completes what it is sure to speak of."""
    policy = policy_of(
        f"spec: {{defaults: [{{name: d, match: {match}, set: {{referencePolicy: {{type: Local}}}}}}]}}\n"
    )
    assert bool(engine.mutate(decoded(document), policy).patch) is completed


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5) | st.just({"name": "a", "from": {}}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "tags", "to", "items"]), inner)
    ),
    max_leaves=5,
)


_KEYS = ["spec", "status", "tags", "images", "repository", "image", "metadata", "annotations", "from", "to", "tag"]


_DOCUMENTS = [
    stream_review(stream_of(tag_of(APP)), stream_of(tag_of(EVIL))),
    stream_review(stream_with("quay.io/a/b:1"), stream_with("quay.io/a/c:1"), "status"),
    import_review(imported("a/b"), repository=imported("a/d", None)),
    push_review({"dockerImageLayers": [], "signatures": []}),
    reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(APP)), itag_of(tag_of(EVIL))),
]


@given(st.sampled_from(_DOCUMENTS), st.sampled_from(["object", "oldObject"]), st.lists(st.sampled_from(_KEYS)), _VALUES)
def test_any_value_at_any_resource(document: dict[str, Any], side: str, path: list[str], value: Any) -> None:
    """Any value at any place of an object is read and evaluated without an exception."""
    changed = json.loads(json.dumps(document))
    at: Any = changed["request"][side]
    if not isinstance(at, dict):
        return
    for key in path[:-1]:
        below = at.get(key) if isinstance(at, dict) else at
        at = below[0] if isinstance(below, list) and below else below if isinstance(below, dict) else at
    if path and isinstance(at, dict):
        at[path[-1]] = value
    review = decoded(changed)
    for policy in (_DEFAULTS, policy_of(ANY % "enforce")):
        engine.mutate(review, policy)
        engine.validate(review, policy)
