"""Every resource: what is read through it, and that the same change gets the same answer at each."""

import gc
import json
import tracemalloc
from collections.abc import Callable
from typing import Any, NamedTuple

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import (
    DIGEST,
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

from webhook import resources
from webhook.admission import engine
from webhook.admission.codec import encode, operation
from webhook.defaults import patched_document
from webhook.model.change import Change, TagChange
from webhook.model.decision import Decision
from webhook.model.tag import Signature
from webhook.policy.loading import Policy
from webhook.resources import parsing
from webhook.schemas.tag import MEMORABLE

_INSECURE = "openshift.io/image.insecureRepository"
_ANY = "spec: {rules: [{name: any, registries: {allow: [quay.io]}, existing: %s}]}\n"
_APP = docker("quay.io/acme/app:1")
_EVIL = docker("evil.example/x:1")


def _judged(document: dict[str, Any], policy: Policy) -> Decision:
    return engine.validate(decoded(document), policy)


def _read(document: dict[str, Any]) -> list[Change]:
    return list(resources.changes(decoded(document)))


def _said(decision: Decision) -> list[str]:
    return [f"{finding.mode} {finding.field}: {finding.message}" for finding in decision.findings]


# --- what is read


def _told(change: Change) -> str:
    """Return who a change is of, where it stands, and what it was and is to be."""
    head = f"{change.resource} {change}"
    if not isinstance(change, TagChange):
        return head
    was, now = (each and each.source for each in (change.old, change.new))
    names = ", ".join(f"{name}={value}" for name, value in (change.new.annotations if change.new else {}).items())
    flags = [flag for flag in ("every_tag", "old_unknown", "touched", "moved") if getattr(change, flag)]
    at = f"{change.place.path} ({change.place.pointer}, {change.place.name})"
    return f"{head} at {at}: {was} -> {now} [{names}] {' '.join(flags)}".rstrip()


def _newest(tag: str, *references: str, image: str = "") -> dict[str, Any]:
    """Return one of `status.tags`, its newest item first."""
    return {"tag": tag, "items": [{"dockerImageReference": each, "image": image} for each in references]}


def _with_status(*tags: dict[str, Any], stream: dict[str, Any] | None = None) -> dict[str, Any]:
    return {**(stream or stream_of()), "status": {"tags": list(tags)}}


def _generated(document: dict[str, Any]) -> dict[str, Any]:
    """Return a review whose request does not say the object's name, as on a create by `generateName`."""
    document["request"] |= {"name": "", "namespace": "ns"}
    return document


def _annotated_as(document: dict[str, Any], annotations: dict[str, str]) -> dict[str, Any]:
    document["request"]["object"]["metadata"]["annotations"] = annotations
    return document


_OLD = docker("quay.io/acme/app:0")
_ONE, _ZERO = "DockerImage quay.io/acme/app:1", "DockerImage quay.io/acme/app:0"
_MADE_INSECURE = {"annotations": {_INSECURE: "true"}}
_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "istag-created": (
        review_of(None, object=istag_of(tag_of(_APP, annotations={"a": "own"})), operation="CREATE", namespace="ns"),
        [f"imagestreamtags ns/app:live at tag (/tag, metadata.name): None -> {_ONE} [a=own] touched moved"],
    ),
    "istag-updated": (
        review_of(_APP, old=_OLD, tag={"annotations": {"a": "own"}}),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {_ZERO} -> {_ONE} [] touched moved"],
    ),
    "istag-emptied": (
        review_of(None, object=istag_of(None, metadata={"annotations": {"a": "b"}}), oldObject=istag_of(tag_of(_APP))),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {_ONE} -> {_ONE} [a=b] touched"],
    ),
    "istag-that-never-was": (review_of(None, object=istag_of(None), oldObject=istag_of(None)), []),
    "istag-named-by-its-request": (
        review_of(_APP, name="x:y"),
        [f"imagestreamtags app/x:y at tag (/tag, metadata.name): None -> {_ONE} [] touched moved"],
    ),
    "istag-named-by-itself": (
        _generated(review_of(_APP)),
        [f"imagestreamtags ns/app:live at tag (/tag, metadata.name): None -> {_ONE} [] touched moved"],
    ),
    "istag-without-a-tag-in-its-name": (
        review_of(_APP, name="app"),
        [f"imagestreamtags app/app:latest at tag (/tag, metadata.name): None -> {_ONE} [] touched moved"],
    ),
    "istag-with-two-colons": (
        review_of(_APP, name="app:a:b"),
        [f"imagestreamtags app/app:a:b at tag (/tag, metadata.name): None -> {_ONE} [] touched moved"],
    ),
    "istag-of-no-source": (
        review_of({}), ["imagestreamtags app/app:live at tag (/tag, metadata.name): None -> None [] touched moved"]
    ),
    "istag-of-what-is-no-source": (
        review_of(None, object=istag_of(tag_of(None, **{"from": ["x"]}))),
        ["imagestreamtags app/app:live at tag (/tag, metadata.name): None -> None [] touched moved"],
    ),
    "istag-of-an-unknown-kind": (
        review_of({"kind": "X", "name": "x", "namespace": "y"}),
        ["imagestreamtags app/app:live at tag (/tag, metadata.name): None -> X y/x [] touched moved"],
    ),
    "istag-of-a-malformed-stream-tag": (
        review_of(stream_tag("a:b:c", "o")),
        ["imagestreamtags app/app:live at tag (/tag, metadata.name): None -> ImageStreamTag o/a:b:c [] touched moved"],
    ),
    "istag-whose-annotations-are-none": (
        review_of(_APP, tag={"annotations": "x"}),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): None -> {_ONE} [] touched moved"],
    ),
    "istag-created-with-the-objects-annotations": (
        review_of(None, object=istag_of(tag_of(_APP), metadata={"name": "app:live", "annotations": {"a": "the object's"}})),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): None -> {_ONE} [a=the object's] touched moved"],
    ),
    "istag-updated-with-the-objects-annotations": (
        review_of(
            None, object=istag_of(tag_of(_APP), metadata={"annotations": {"a": "the object's"}}),
            oldObject=istag_of(tag_of(_APP, annotations={"a": "own"}), metadata={"annotations": {"a": "the object's"}}),
        ),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {_ONE} -> {_ONE} [a=the object's] touched"],
    ),
    "itag-created": (
        reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(_APP, annotations={"a": "b"})), namespace="ns"),
        [f"imagetags ns/app:live at spec (/spec, metadata.name): None -> {_ONE} [a=b] touched moved"],
    ),
    "itag-updated": (
        reviewed("imagetags", "ImageTag", "", itag_of(tag_of(_APP)), itag_of(tag_of(_OLD))),
        [f"imagetags app/app:live at spec (/spec, metadata.name): {_ZERO} -> {_ONE} [] touched moved"],
    ),
    "itag-emptied": (
        reviewed("imagetags", "ImageTag", "app:live", itag_of(None), itag_of(tag_of(_OLD))),
        [f"imagetags app/app:live at spec (/spec, metadata.name): {_ZERO} -> None [] touched moved"],
    ),
    "itag-that-never-was": (reviewed("imagetags", "ImageTag", "app:live", itag_of(None), itag_of(None)), []),
    "stream-created": (
        _generated(stream_review(stream_of(tag_of(_APP, annotations={"a": "b"}), metadata={"name": "", "generateName": "gen-"}))),
        [
            "imagestreams ns/gen-",
            f"imagestreams ns/gen-:live at spec.tags[0] (/spec/tags/0, spec.tags[0].name): None -> {_ONE} [a=b] touched moved",
        ],
    ),
    "stream-updated": (
        stream_review(
            stream_of(tag_of(_APP, name="same"), tag_of(_APP), tag_of(_APP, name="new")),
            stream_of(tag_of(_OLD, name="gone"), tag_of(_OLD), tag_of(_APP, name="same")),
            namespace="ns",
        ),
        [
            "imagestreams ns/app",
            f"imagestreams ns/app:same at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {_ONE} -> {_ONE} []",
            f"imagestreams ns/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {_ZERO} -> {_ONE} [] touched moved",
            f"imagestreams ns/app:new at spec.tags[2] (/spec/tags/2, spec.tags[2].name): None -> {_ONE} [] touched moved",
            f"imagestreams ns/app:gone at spec.tags (/spec/tags, spec.tags): {_ZERO} -> None [] touched moved",
        ],
    ),
    "stream-with-what-is-no-tag": (
        stream_review({**stream_of(), "spec": {"tags": [5, tag_of(_APP)]}}),
        [
            "imagestreams app/app",
            f"imagestreams app/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): None -> {_ONE} [] touched moved",
        ],
    ),
    "stream-with-a-tag-of-another-generation": (
        stream_review(
            stream_of(tag_of(_OLD, name="new"), tag_of(_APP, generation=7, annotations={_INSECURE: "true"})),
            stream_of(tag_of(_APP, annotations={_INSECURE: "true"})),
        ),
        [
            "imagestreams app/app",
            f"imagestreams app/app:new at spec.tags[0] (/spec/tags/0, spec.tags[0].name): None -> {_ZERO} [] touched moved",
            f"imagestreams app/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {_ONE} -> {_ONE} [{_INSECURE}=true]",
        ],
    ),
    "stream-deleted": (
        stream_review(None, stream_of(tag_of(_OLD), dockerImageRepository="quay.io/a/b"), namespace="ns"),
        [f"imagestreams ns/app:live at spec.tags (/spec/tags, spec.tags): {_ZERO} -> None [] touched moved"],
    ),
    "stream-that-follows": (
        stream_review(stream_of(dockerImageRepository="quay.io/a/b"), stream_of(dockerImageRepository="quay.io/a/c")),
        [
            "imagestreams app/app",
            "imagestreams app/app:* at spec (/spec, metadata.name): DockerImage quay.io/a/c -> DockerImage quay.io/a/b [] "
            "every_tag touched moved",
        ],
    ),
    "stream-made-insecure": (
        stream_review(
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/a/b", metadata=_MADE_INSECURE),
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/a/b"),
        ),
        [
            "imagestreams app/app",
            f"imagestreams app/app:live at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {_ONE} -> {_ONE} [] touched",
            "imagestreams app/app:* at spec (/spec, metadata.name): DockerImage quay.io/a/b -> DockerImage quay.io/a/b "
            f"[{_INSECURE}=true] every_tag touched",
            f"imagestreams app/app:* at metadata.annotations (/metadata/annotations, metadata.name): None -> None [{_INSECURE}=true] every_tag touched",
        ],
    ),
    "status-made-insecure": (
        stream_review(
            stream_of(metadata=_MADE_INSECURE), stream_of(tag_of(_OLD, name="a"), tag_of(_APP)), "status", namespace="ns"
        ),
        [
            "imagestreams/status ns/app",
            f"imagestreams/status ns/app:a at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {_ZERO} -> {_ZERO} [] touched",
            f"imagestreams/status ns/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {_ONE} -> {_ONE} [] touched",
            f"imagestreams/status ns/app:* at metadata.annotations (/metadata/annotations, metadata.name): None -> None [{_INSECURE}=true] every_tag touched",
        ],
    ),
    "status-that-moves": (
        _generated(stream_review(
            _with_status(
                _newest("same", "a/b"), _newest("live", f"quay.io/a/b@{DIGEST}", "quay.io/a/e", image=DIGEST),
                _newest("new", "quay.io/a/d", image=DIGEST), _newest("empty"),
            ),
            _with_status(_newest("same", "a/b", "a/c"), _newest("live", "quay.io/a/c"), _newest("gone", "a/e")),
            "status",
        )),
        [
            "imagestreams/status ns/app",
            "imagestreams/status ns/app:live at status.tags[1].items[0] (/status/tags/1/items/0, status.tags[1].tag): "
            f"DockerImage quay.io/a/c -> DockerImage quay.io/a/b@{DIGEST} [] touched moved",
            "imagestreams/status ns/app:live at status.tags[1].items[1] (/status/tags/1/items/1, status.tags[1].tag): "
            "None -> DockerImage quay.io/a/e [] touched moved",
            "imagestreams/status ns/app:new at status.tags[2].items[0] (/status/tags/2/items/0, status.tags[2].tag): "
            "None -> DockerImage quay.io/a/d [] touched moved",
            "imagestreams/status ns/app:gone at status.tags (/status/tags, status.tags): DockerImage a/e -> None [] touched moved",
        ],
    ),
    "import": (
        _generated(import_review(
            imported("a/b", None), imported("quay.io/acme/app:1"), repository=imported("quay.io/a/b", None)
        )),
        [
            "imagestreamimports ns/app:live at spec.images[1] (/spec/images/1, spec.images[1].to.name): "
            f"None -> {_ONE} [] old_unknown touched moved",
            "imagestreamimports ns/app:* at spec.repository (/spec/repository, spec.repository.from.name): "
            "None -> DockerImage quay.io/a/b [] every_tag old_unknown touched moved",
        ],
    ),
    "import-faults": (
        import_review(imported("a/b", ""), namespace="ns"),
        ["imagestreamimports ns/app"],
    ),
    "import-with-annotations": (
        _annotated_as(import_review(imported("quay.io/acme/app:1"), repository=imported("a/b", None)), {"a": "b"}),
        [
            "imagestreamimports app/app:live at spec.images[0] (/spec/images/0, spec.images[0].to.name): "
            f"None -> {_ONE} [a=b] old_unknown touched moved",
            "imagestreamimports app/app:* at spec.repository (/spec/repository, spec.repository.from.name): "
            "None -> DockerImage a/b [a=b] every_tag old_unknown touched moved",
        ],
    ),
    "push-with-annotations": (
        _annotated_as(push_review(), {"a": "b"}),
        [
            "imagestreammappings app/app:live at image (/image, tag): "
            f"None -> ImageStreamImage app@{DIGEST} [a=b] old_unknown touched moved"
        ],
    ),
    "push": (
        push_review(namespace="ns"),
        [
            "imagestreammappings ns/app:live at image (/image, tag): "
            f"None -> ImageStreamImage app@{DIGEST} [] old_unknown touched moved"
        ],
    ),
    "push-without-a-tag": (
        _generated(push_review(tag="", namespace="ns")),
        [
            "imagestreammappings ns/app:latest at image (/image, tag): "
            f"None -> ImageStreamImage app@{DIGEST} [] old_unknown touched moved"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [_told(change) for change in _read(document)] == told


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        pytest.param(review_of(_APP), ["app/x:y"], id="imagestreamtags"),
        pytest.param(reviewed("imagetags", "ImageTag", "", itag_of(tag_of(_APP))), ["app/x:y"], id="imagetags"),
        pytest.param(stream_review(stream_of(tag_of(_APP))), ["app/x:y", "app/x:y:live"], id="imagestreams"),
        pytest.param(
            stream_review(_with_status(_newest("live", "a/b")), stream_of(), "status"), ["app/x:y", "app/x:y:live"],
            id="imagestreams-status",
        ),
        pytest.param(import_review(imported("a/b")), ["app/x:y:live"], id="imagestreamimports"),
        pytest.param(push_review(), ["app/x:y:live"], id="imagestreammappings"),
    ],
)  # fmt: skip
def test_the_name_of_the_request_wins(document: dict[str, Any], tags: list[str]) -> None:
    """The API server takes the name from the URL, whatever the object says."""
    document["request"]["name"] = "x:y"
    assert [str(change) for change in _read(document)] == tags


# --- the same change at every resource


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
_LIVE: dict[str, Any] = {"name": "live"}
_CASES: dict[str, tuple[str, dict[str, Any], str]] = {
    "registry": ("registries: {allow: [quay.io]}", {"from": _EVIL}, "from.name"),
    "unparsable": ("registries: {allow: [quay.io]}", {"from": docker("quay.io/Acme/app")}, "from.name"),
    "kind": ("sourceKinds: {allow: [DockerImage]}", {"from": stream_tag("base:1")}, "from.kind"),
    "digest": ("pin: {digest: true}", {"from": _APP}, "from.name"),
    "latest": ("pin: {denyTags: [latest]}", {"from": docker("quay.io/acme/app")}, "from.name"),
    "namespace": ("crossNamespace: {}", {"from": stream_tag("base:1", "other")}, "from.namespace"),
    "internal-registry": (
        "crossNamespace: {}", {"from": docker("image-registry.openshift-image-registry.svc:5000/other/base:1")}, "from.name",
    ),
    "insecure": (
        "importPolicy: {insecure: false}", {"from": _APP, "importPolicy": {"insecure": True}}, "importPolicy.insecure",
    ),
    "scheduled": (
        "importPolicy: {scheduled: false}", {"from": _APP, "importPolicy": {"scheduled": True}}, "importPolicy.scheduled",
    ),
    "import-mode": ("importPolicy: {importMode: [PreserveOriginal]}", {"from": _APP}, "importPolicy.importMode"),
    "reference-policy": ("referencePolicy: {allow: [Local]}", {"from": _APP}, "referencePolicy.type"),
    "schema": (
        "schema: {}", {"from": _APP, "importPolicy": {"importMode": "All"}}, "importPolicy.importMode",
    ),
    "name": ("tagName: {deny: [live]}", {"from": _APP}, "<name>"),
    "annotation": ('annotations: {require: {owner: "*"}}', {"from": _APP}, 'annotations["owner"]'),
    "insecure-annotation": (
        "importPolicy: {insecure: false}", {"from": _APP, "annotations": {_INSECURE: "True"}}, f'annotations["{_INSECURE}"]',
    ),
    "expression": ("expression: {validations: [{expression: tag.scheduled}]}", {"from": _APP}, ""),
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
    """A tag is denied with the same sentence whichever request would make it, and the field is where it stands there."""
    rule, fields, field = _CASES[case]
    policy = policy_of(f"spec: {{rules: [{{name: the-rule, {rule}}}]}}\n")
    tag = {**tag_of(None), **fields}
    sentences = set()
    for name, way in _WAYS.items():
        if (way.only_images and fields["from"]["kind"] != "DockerImage") or (
            not way.annotated and "annotation" in case
        ):
            continue
        decision = _judged(way.review(tag), policy)
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
        assert _said(_judged(way.review({**tag_of(_APP), **annotations}), policy)) == [], name


def test_the_ways_of_oc_tag_are_all_refused() -> None:
    """`oc tag` answers a 403 by trying POST and then the stream; each of the three requests is denied, and with 422."""
    policy = policy_of(_ANY % "audit")
    tag = tag_of(_EVIL)
    for document in (
        review_of(_EVIL, old=None, oldObject=istag_of(None)),
        review_of(None, object=istag_of(tag), operation="CREATE"),
        stream_review(stream_of(tag_of(_APP, name="a"), tag), stream_of(tag_of(_APP, name="a"))),
    ):
        review = decoded(document)
        answer = json.loads(encode(review, engine.validate(review, policy), {}))["response"]
        assert answer["allowed"] is False
        assert answer["status"]["code"] == 422
        assert answer["status"]["message"].endswith(
            '"evil.example/x" is not an allowed repository; allowed: quay.io (rule any)'
        )


# --- imagestreams


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param([("a", _APP), ("b", _EVIL)], [("a", _APP)], ["enforce spec.tags[1].from.name"], id="added"),
        pytest.param([("a", _EVIL)], [("a", _APP)], ["enforce spec.tags[0].from.name"], id="moved"),
        pytest.param([("a", _EVIL)], [("a", _EVIL)], ["audit spec.tags[0].from.name"], id="as-it-was"),
        pytest.param(
            [("a", _APP), ("b", _EVIL)], [("b", _EVIL)], ["audit spec.tags[1].from.name"], id="by-name-not-by-position"
        ),
        pytest.param(
            [("a", _EVIL), ("b", _APP)], [("a", _APP), ("b", _EVIL)], ["enforce spec.tags[0].from.name"], id="swapped"
        ),
        pytest.param([("b", _EVIL)], [("a", _EVIL)], ["enforce spec.tags[0].from.name"], id="renamed"),
        pytest.param([("a", _APP)], [("a", _APP), ("b", _EVIL)], [], id="removed"),
    ],
)
def test_tags_of_a_stream(new: list[Any], old: list[Any], said: list[str]) -> None:
    """Tags are matched by name: what is new or points elsewhere is evaluated anew, the rest as what it was."""
    document = stream_review(
        stream_of(*(tag_of(source, name=name) for name, source in new)),
        stream_of(*(tag_of(source, name=name) for name, source in old)),
    )
    found = [each.partition(": ")[0] for each in _said(_judged(document, policy_of(_ANY % "audit")))]
    assert found == said


def test_untouched_tags_are_judged_only_where_a_rule_asks() -> None:
    """Under `existing: ignore` alone a tag of which nothing changes is not even read; the record has what changes."""
    tags = [tag_of(_EVIL, name=f"v{number}") for number in range(5)]
    document = stream_review(stream_of(*tags, tag_of(_APP)), stream_of(*tags))
    ignoring = policy_of("spec: {rules: [{name: s, schema: {}, existing: ignore}, "
                         "{name: any, registries: {allow: [quay.io]}, existing: ignore}]}\n")  # fmt: skip
    asking = policy_of(_ANY % "warn")
    assert not ignoring.index.evaluates_untouched
    assert [str(change) for change in resources.changes(decoded(document), untouched=False)] == [
        "app/app",
        "app/app:live",
    ]
    assert [str(tag) for tag in _judged(document, ignoring).tags] == ["app/app:live"]
    regenerated = [{**tag, "generation": 7} for tag in tags]
    again = decoded(stream_review(stream_of(*regenerated, tag_of(_APP)), stream_of(*tags)))
    assert [str(change) for change in resources.changes(again, untouched=False)] == ["app/app", "app/app:live"]
    decision = _judged(document, asking)
    assert [str(tag) for tag in decision.tags] == ["app/app:live"]
    assert [finding.field for finding in decision.findings] == [f"spec.tags[{number}].from.name" for number in range(5)]


def test_an_expression_sees_tags_of_which_nothing_changes() -> None:
    """A rule that reads the whole object evaluates untouched tags anew, whatever `existing` says of what was so before."""
    policy = policy_of(
        "spec: {rules: [{name: e, existing: ignore, expression: {validations: "
        "[{expression: '!has(object.metadata.labels)', message: no labels}]}}]}\n"
    )
    tag = tag_of(_APP)
    document = stream_review(stream_of(tag, metadata={"labels": {"a": "b"}}), stream_of(tag))
    assert _said(_judged(document, policy)) == ["enforce spec.tags[0]: no labels"]
    labelled = stream_of(tag, metadata={"labels": {"a": "b"}})
    both = stream_review(labelled, labelled)
    assert _said(_judged(both, policy)) == []


def test_the_streams_annotation_makes_its_tags_insecure() -> None:
    """The stream's insecureRepository annotation counts for every tag, is evaluated when it is set, and said once."""
    policy = policy_of("spec: {rules: [{name: secure, importPolicy: {insecure: false}}]}\n")
    tags = [tag_of(_APP, name="a"), tag_of(_APP, name="b"), tag_of(stream_tag("a"), name="c")]
    insecure = {"annotations": {_INSECURE: "true"}}
    document = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags))
    said = f'metadata.annotations["{_INSECURE}"]: an insecure import is not allowed; expected insecure: false'
    assert _said(_judged(document, policy)) == [f"enforce {said}"]
    again = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags, metadata=insecure))
    assert _said(_judged(again, policy)) == [f"audit {said}"]
    status = stream_review(stream_of(*tags, metadata=insecure), stream_of(*tags), "status")
    assert _said(_judged(status, policy)) == [f"enforce {said}"]
    followed = stream_review(
        stream_of(dockerImageRepository="quay.io/a/b", metadata=insecure),
        stream_of(dockerImageRepository="quay.io/a/b"),
    )
    assert _said(_judged(followed, policy)) == [f"enforce {said}"]
    for old, mode in (({}, "enforce"), (insecure, "audit")):
        istag = review_of(
            None,
            object=istag_of(tag_of(_APP), metadata=insecure),
            oldObject=istag_of(tag_of(_APP), metadata=old),
        )
        assert _said(_judged(istag, policy)) == [f"{mode} {said}"]
    own = stream_of(tag_of(_APP, annotations={_INSECURE: "true"}))
    assert _said(_judged(stream_review(stream_of(metadata=insecure), own, "status"), policy)) == [
        f"audit spec.tags[0].{said.removeprefix('metadata.')}",
        f"enforce {said}",
    ]
    itag = itag_of(tag_of(_APP), **insecure)
    assert _said(_judged(reviewed("imagetags", "ImageTag", "app:live", itag), policy)) == [f"enforce {said}"]


def test_a_schema_fault_is_a_tags_own() -> None:
    """What the schema says of a tag is evaluated with the tag, and what was so before is `existing` wherever it stands."""
    bad = tag_of(_APP, name="b", importPolicy={"importMode": "All"})
    touched = {**bad, "annotations": {"a": "b"}}
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    moved = stream_review(stream_of(tag_of(_APP, name="a"), touched), stream_of(bad))
    assert [each.partition(": ")[0] for each in _said(_judged(moved, policy))] == [
        "audit spec.tags[1].importPolicy.importMode"
    ]
    new = stream_review(stream_of(bad), stream_of())
    assert [each.partition(": ")[0] for each in _said(_judged(new, policy))] == [
        "enforce spec.tags[0].importPolicy.importMode"
    ]
    text = stream_review(stream_of(tag_of(_APP, importPolicy={"importMode": 5})), stream_of(tag_of(_APP)))
    assert [each.partition(": ")[0] for each in _said(_judged(text, policy))] == [
        "enforce spec.tags[0].importPolicy.importMode"
    ]


_AS_ALL = {"importPolicy": {"importMode": "All"}}


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param(_AS_ALL, {**_AS_ALL, "annotations": {"a": "b"}}, "audit", id="as-it-was"),
        pytest.param(_AS_ALL, {}, "enforce", id="new"),
    ],
)
def test_a_fault_of_a_tag_by_itself(new: dict[str, Any], old: dict[str, Any], said: str) -> None:
    """A fault that a tag had before is `existing`, whichever resource carries the tag; one that it gets is not."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}, existing: audit}]}\n")
    after, before = tag_of(_APP, **new), tag_of(_APP, **old)
    istag = review_of(None, object=istag_of(after), oldObject=istag_of(before))
    itag = reviewed("imagetags", "ImageTag", "app:live", itag_of(after), itag_of(before))
    for document, path in ((istag, "tag"), (itag, "spec")):
        found = [each.partition(": ")[0] for each in _said(_judged(document, policy))]
        assert found == [f"{said} {path}.importPolicy.importMode"]


@pytest.mark.parametrize(("old", "said"), [(5, "audit"), (False, "enforce")], ids=["as-it-was", "new"])
def test_a_fault_of_a_stream(old: Any, said: str) -> None:
    """What the schema says of a stream beside its tags is `existing` where it was so before."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}, existing: audit}]}\n")
    new, before = stream_of(local=5), stream_of(local=old)  # type: ignore[arg-type]
    found = [each.partition(": ")[0] for each in _said(_judged(stream_review(new, before), policy))]
    assert found == [f"{said} spec.lookupPolicy.local"]


def test_a_new_stream_has_no_past() -> None:
    """What a stream is created with is not `existing`, though the API server's own default would be the same."""
    policy = policy_of("spec: {rules: [{name: l, existing: ignore, lookupPolicy: {local: true}}]}\n")
    assert _said(_judged(stream_review(stream_of()), policy)) == [
        "enforce spec.lookupPolicy.local: local lookup is false; expected true"
    ]


def test_the_annotations_of_an_old_tag() -> None:
    """An update stores the object's annotations and not the tag's own, and so did the one before."""
    policy = policy_of("spec: {rules: [{name: a, existing: audit, annotations: {require: {owner: '*'}}}]}\n")
    tag = tag_of(_APP, annotations={"owner": "me"})
    said = _said(_judged(review_of(None, object=istag_of(tag), oldObject=istag_of(tag)), policy))
    assert said == ['audit tag.annotations["owner"]: annotation "owner" is missing; expected *']


def test_a_fault_beside_a_tag_that_stays() -> None:
    """A tag that stays as it was does not hide the fault of another one."""
    good, bad = tag_of(_APP, name="a"), tag_of(_APP, name="b", **_AS_ALL)
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    found = _said(_judged(stream_review(stream_of(good, bad), stream_of(good)), policy))
    assert [each.partition(": ")[0] for each in found] == ["enforce spec.tags[1].importPolicy.importMode"]


def test_a_created_tag_has_the_objects_annotations_or_none() -> None:
    """The API server creates no ImageStreamTag whose tag has other annotations than the object; it updates one."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    new = istag_of(tag_of(_APP, annotations={"a": "b"}))
    created = _judged(review_of(None, object=new, oldObject=None), policy)
    assert [finding.field for finding in created.findings] == ["tag.annotations"]
    assert _judged(review_of(None, object=new, oldObject=istag_of(tag_of(_OLD))), policy).findings == ()


@pytest.mark.parametrize("spec", [5, [], "x"], ids=str)
def test_an_image_tag_that_is_none(spec: Any) -> None:
    """Whatever stands in the place of a new tag is denied at its place."""
    document = reviewed("imagetags", "ImageTag", "app:live", {**itag_of(None), "spec": spec})
    decision = _judged(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == ["spec"]


_FAILED = {"type": "ImportSuccess", "status": "False", "reason": "NotFound", "message": "no such image"}


@pytest.mark.parametrize(
    ("document", "path"),
    [
        pytest.param(
            review_of(_APP, oldObject={**istag_of(tag_of(_APP)), "conditions": [{"type": "Other"}, _FAILED]}),
            "conditions[1]", id="imagestreamtags",
        ),
        pytest.param(
            reviewed(
                "imagetags", "ImageTag", "app:live", itag_of(tag_of(_APP)),
                {**itag_of(tag_of(_APP)), "status": {"conditions": [{"type": "Other"}, _FAILED]}},
            ),
            "status.conditions[1]", id="imagetags",
        ),
        pytest.param(
            stream_review(
                stream_of(tag_of(_APP)),
                {**stream_of(tag_of(_APP)), "status": {"tags": [{}, {"tag": "live", "conditions": [_FAILED]}]}},
            ),
            "status.tags[1].conditions[0]", id="imagestreams",
        ),
    ],
)  # fmt: skip
def test_the_conditions_of_a_tag(document: dict[str, Any], path: str) -> None:
    """What the cluster says of a tag's last import is read from the old object, which the user did not write."""
    policy = policy_of("spec: {rules: [{name: c, existing: enforce, conditions: {deny: [ImportSuccess]}}]}\n")
    assert _said(_judged(document, policy)) == [
        f'enforce {path}: condition "ImportSuccess" is False: "NotFound: no such image"'
    ]


@pytest.mark.parametrize("untouched", ["ignore", "audit"])
def test_an_old_fault_does_not_refuse_another_edit(untouched: str) -> None:
    """A tag that the API server took once, and would not today, is no business of an edit of another one."""
    bad, new = tag_of(_APP, name="b", importPolicy={"importMode": "All"}), tag_of(_APP, name="a")
    policy = policy_of(
        f"spec: {{rules: [{{name: s, schema: {{}}}}, {{name: r, existing: {untouched}, registries: {{allow: [quay.io]}}}}]}}\n"
    )
    assert _said(_judged(stream_review(stream_of(new, bad), stream_of(bad)), policy)) == []
    worse = tag_of(_APP, name="c", referencePolicy={"type": "Far"})
    said = _said(_judged(stream_review(stream_of(bad, worse), stream_of(bad)), policy))
    assert [each.partition(": ")[0] for each in said] == ["enforce spec.tags[1].referencePolicy.type"]


@pytest.mark.parametrize("name", [[], {}, 5, True], ids=str)
def test_a_name_that_is_no_text(name: Any) -> None:
    """A tag whose name is no string is denied at its name, whatever stands on the other side."""
    strange = tag_of(_APP, name=name)
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    for old in (stream_of(), stream_of(tag_of(_APP))):
        decision = _judged(stream_review(stream_of(strange), old), policy)
        assert [finding.field for finding in decision.findings] == ["spec.tags[0].name"]
    assert _judged(stream_review(stream_of(tag_of(_APP)), stream_of(strange)), policy).allowed


@pytest.mark.parametrize(
    ("tags", "field"),
    [
        pytest.param("x", "spec.tags", id="no-list"),
        pytest.param([5], "spec.tags[0]", id="no-object"),
        pytest.param([{"from": None}], "spec.tags[0].name", id="no-name"),
    ],
)
def test_what_is_no_tag_is_a_fault(tags: Any, field: str) -> None:
    """Whatever stands in the place of a tag is denied at its place."""
    document = stream_review({**stream_of(), "spec": {"tags": tags}})
    decision = _judged(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == [field]


def test_a_stream_that_follows_a_repository() -> None:
    """`spec.dockerImageRepository` means every tag of it; it is evaluated when it is set, and not when it stays."""
    policy = policy_of(_ANY % "audit")
    following = stream_of(dockerImageRepository="evil.example/x")
    assert _said(_judged(stream_review(following, stream_of()), policy)) == [
        'enforce spec.dockerImageRepository: "evil.example/x" is not an allowed repository; allowed: quay.io'
    ]
    assert _said(_judged(stream_review(following, following), policy)) == []
    assert _said(_judged(stream_review(stream_of(), following), policy)) == []


# --- imagestreams/status


def _status(name: str, image: str = "", tag: str = "live") -> dict[str, Any]:
    event = {"created": "2026-01-01T00:00:00Z", "dockerImageReference": name, "image": image, "generation": 1}
    status = {"dockerImageRepository": "", "tags": [{"tag": tag, "items": [event]}]}
    return {**stream_of(), "status": status}


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param(
            _status(f"evil.example/x@{DIGEST}", DIGEST), stream_of(),
            ["evil.example"], id="set",
        ),
        pytest.param(_status(f"evil.example/x@{DIGEST}", DIGEST), _status(f"evil.example/x@{DIGEST}", DIGEST), [], id="as-it-was"),
        pytest.param(
            _status(f"quay.io/acme/app@{DIGEST}", DIGEST.replace("a", "b")), _status(f"quay.io/acme/app@{DIGEST}", DIGEST),
            ["cannot be evaluated"], id="an-image-that-the-reference-does-not-name",
        ),
        pytest.param(_status(f"quay.io/acme/app@{DIGEST}", DIGEST), _status("evil.example/x:1"), [], id="mended"),
    ],
)  # fmt: skip
def test_the_status_of_a_stream(new: dict[str, Any], old: dict[str, Any], said: list[str]) -> None:
    """What a tag means now stands in its newest item: a status that points it elsewhere is evaluated."""
    decision = _judged(stream_review(new, old, "status"), policy_of(_ANY % "audit"))
    assert len(decision.findings) == len(said)
    for finding, part in zip(decision.findings, said, strict=True):
        assert finding.field == "status.tags[0].items[0].dockerImageReference"
        assert part in finding.message


def test_a_status_cannot_remove_an_immutable_tag() -> None:
    """A tag whose history is emptied means nothing any more."""
    policy = policy_of("spec: {rules: [{name: fixed, immutable: {}}]}\n")
    document = stream_review(stream_of(), _status(f"quay.io/acme/app@{DIGEST}", DIGEST), "status")
    assert [finding.field for finding in _judged(document, policy).findings] == ["status.tags"]


def test_the_spec_in_a_status_is_not_stored() -> None:
    """The API server keeps the spec's tags as they were, so what a status says of them changes nothing."""
    document = stream_review(stream_of(tag_of(_EVIL)), stream_of(tag_of(_APP)), "status")
    assert _said(_judged(document, policy_of(_ANY % "audit"))) == []
    more = stream_review(stream_of(tag_of(_APP), tag_of(_APP, name="b")), stream_of(tag_of(_APP)), "status")
    assert _said(_judged(more, policy_of("spec: {rules: [{name: few, tagLimit: {max: 1}}]}\n"))) == []


# --- imagestreamimports


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        pytest.param(import_review(imported("evil.example/x:1")), ["app/app:live"], id="an-image"),
        pytest.param(import_review(imported("evil.example/x:1"), wanted=False), [], id="a-look"),
        pytest.param(import_review(imported("evil.example/x:1", None)), [], id="an-image-that-goes-to-no-tag"),
        pytest.param(
            import_review(imported("a/b", "x"), imported("a/c", "y"), repository=imported("a/d", None)),
            ["app/app:x", "app/app:y", "app/app:*"], id="images-and-a-repository",
        ),
    ],
)  # fmt: skip
def test_what_an_import_changes(document: dict[str, Any], tags: list[str]) -> None:
    """An import changes the tags that its images go to, and all tags of a repository; a look changes none."""
    assert [str(change) for change in _read(document)] == tags


@pytest.mark.parametrize(
    ("document", "field"),
    [
        pytest.param(import_review(), "spec.images", id="nothing"),
        pytest.param(import_review({**imported(""), "to": {"name": "x"}}), "spec.images[0].from.name", id="no-source"),
        pytest.param(
            import_review({**imported("a"), "from": stream_tag("a:b")}), "spec.images[0].from.kind", id="no-docker-image"
        ),
        pytest.param(import_review(imported("a", "")), "spec.images[0].to.name", id="no-target"),
        pytest.param(import_review(imported("A:b")), "spec.images[0].from.name", id="no-reference"),
        pytest.param(
            import_review(repository=imported("a:b", None)), "spec.repository.from.name", id="repository-with-a-tag"
        ),
        pytest.param(
            import_review(imported("a", importPolicy={"importMode": "x"})), "spec.images[0].importPolicy.importMode",
            id="enumeration",
        ),
    ],
)  # fmt: skip
def test_faults_of_an_import(document: dict[str, Any], field: str) -> None:
    """What the API server would deny in an import is a finding at the same field."""
    decision = _judged(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == [field]


_REPOSITORY = import_review(repository=imported("evil.example/x", None))


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        pytest.param("match: {tags: [live]}, registries: {allow: [quay.io]}", 1, id="perhaps-the-tag"),
        pytest.param(
            "match: {exclude: {tags: [live]}}, registries: {allow: [quay.io]}", 1, id="perhaps-not-the-excluded"
        ),
        pytest.param("match: {tags: [live]}, pin: {denyTags: [latest]}", 1, id="perhaps-a-denied-source"),
        pytest.param("match: {streams: [other]}, registries: {allow: [quay.io]}", 0, id="another-stream"),
    ],
)
def test_a_repository_may_have_any_tag(rule: str, sentences: int) -> None:
    """A rule about some tags speaks of a repository too: it may have them."""
    decision = _judged(_REPOSITORY, policy_of(f"spec: {{rules: [{{name: r, {rule}}}]}}\n"))
    assert len(decision.findings) == sentences


def test_an_exemption_of_some_tags_does_not_hold_for_a_repository() -> None:
    """An exemption must be sure: of a repository it is not known that it has only the exempt tags."""
    rules = "rules: [{name: r, registries: {allow: [quay.io]}}]"
    some = policy_of(f"spec: {{exemptions: [{{name: e, users: [alice], match: {{tags: [live]}}}}], {rules}}}\n")
    every = policy_of(f"spec: {{exemptions: [{{name: e, users: [alice], match: {{tags: ['*']}}}}], {rules}}}\n")
    assert not _judged(_REPOSITORY, some).allowed
    assert _judged(_REPOSITORY, every).allowed


def test_an_exemption_of_some_tags_holds_for_the_stream_that_they_are_in() -> None:
    """Who is exempt for a tag may set it through its stream, and nothing else there."""
    policy = policy_of(
        "spec: {exemptions: [{name: e, users: [alice], match: {tags: [live]}}], "
        "rules: [{name: r, registries: {allow: [quay.io]}}, {name: l, lookupPolicy: {local: false}}]}\n"
    )
    assert _judged(stream_review(stream_of(tag_of(_EVIL)), stream_of()), policy).allowed
    assert not _judged(stream_review(stream_of(tag_of(_EVIL), local=True), stream_of()), policy).allowed
    assert not _judged(stream_review(stream_of(local=True), stream_of()), policy).allowed
    assert not _judged(stream_review(stream_of(tag_of(_EVIL, name="v1")), stream_of()), policy).allowed


# --- imagestreammappings


def test_a_push_is_refused_with_a_sentence() -> None:
    """The registry's service account is told which rule its image breaks; the registry shows it to who pushes."""
    policy = policy_of("spec: {rules: [{name: owned, labels: {require: {owner: '*'}}}]}\n")
    config = {"architecture": "arm64", "os": "linux", "config": {"Labels": {"a": "b"}}}
    review = decoded(push_review({"dockerImageConfig": json.dumps(config)}))
    answer = json.loads(encode(review, engine.validate(review, policy), {}))["response"]
    assert answer["status"]["message"] == (
        'image.dockerImageMetadata.Config.Labels: label "owner" is missing; expected * (rule owned)'
    )
    assert answer["status"]["reason"] == "Invalid"


def test_a_push_that_names_no_stream_is_refused() -> None:
    """A mapping that names its stream by a repository alone cannot be evaluated by stream, so it is a fault."""
    document = push_review()
    document["request"]["object"]["metadata"] = {"namespace": "app"}
    document["request"]["name"] = ""
    decision = _judged(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == ["metadata.name"]


@pytest.mark.parametrize(
    ("image", "expected"),
    [
        pytest.param({}, (None, (), None, None), id="nothing"),
        pytest.param(
            {"dockerImageMetadata": {"Config": {"Labels": {"a": "b"}}, "Architecture": "s390x", "Size": 7}},
            ({"a": "b"}, ("linux/s390x",), 7, None), id="metadata",
        ),
        pytest.param(
            {"dockerImageConfig": '{"config":{"Labels":{"a":"c"}},"os":"linux","architecture":"arm","variant":"v7"}',
             "dockerImageMetadata": {"Config": {"Labels": {"a": "forged"}}}},
            ({"a": "c"}, ("linux/arm/v7",), None, None), id="the-configuration-wins",
        ),
        pytest.param({"dockerImageConfig": '{"os":"linux"}'}, ({}, ("linux",), None, None), id="no-labels-at-all"),
        pytest.param({"dockerImageConfig": "{"}, (None, (), None, None), id="no-configuration"),
        pytest.param({"dockerImageConfig": "[" * 10_000}, (None, (), None, None), id="deep"),
        pytest.param(
            {"dockerImageManifest": '{"layers":[{"size":3},{"size":4},{"size":-1},5]}'}, (None, (), 7, 4), id="manifest",
        ),
        pytest.param(
            {"dockerImageLayers": [{"size": 1}], "dockerImageManifest": '{"layers":[{"size":3},{"size":4}]}'},
            (None, (), 1, 1), id="layers",
        ),
        pytest.param({"dockerImageLayers": [{"size": -1}]}, (None, (), 0, 1), id="a-layer-of-no-size"),
        pytest.param({"dockerImageConfig": "", "dockerImageManifest": 5}, (None, (), None, None), id="empty"),
        pytest.param(
            {"dockerImageManifests": [{"os": "linux", "architecture": "arm", "variant": "v7"}, {"architecture": "amd64"}],
             "dockerImageMetadata": {"Architecture": "s390x", "Size": 7}},
            (None, ("linux/arm/v7", "amd64"), None, None), id="a-manifest-list",
        ),
    ],
)  # fmt: skip
def test_the_image_of_a_push(image: dict[str, Any], expected: tuple[Any, ...]) -> None:
    """Labels, platforms, size and layers are read from wherever the registry sends them."""
    (change,) = _read(push_review(image))
    assert isinstance(change, TagChange)
    assert change.image is not None
    assert (change.image.labels, change.image.platforms, change.image.size, change.image.layers) == expected


@pytest.mark.parametrize(
    ("conditions", "trusted"),
    [
        (None, False),
        ([{"type": "Trusted", "status": "True"}], True),
        ([{"type": "Trusted", "status": "False"}], False),
        ([{"type": "ForImage", "status": "True"}], False),
        ([{"type": "ForImage", "status": "True"}, {"type": "Trusted", "status": "True"}], True),
    ],
    ids=["none", "trusted", "not-trusted", "another", "second"],
)
def test_a_signature_is_trusted_by_its_condition(conditions: Any, trusted: bool) -> None:
    """A signature counts as trusted where its condition Trusted is True."""
    (change,) = _read(push_review({"signatures": [{"type": "cosign", "conditions": conditions}]}))
    assert isinstance(change, TagChange)
    assert change.image is not None
    assert change.image.signatures == (Signature("cosign", trusted=trusted),)


# --- defaults

_DEFAULTS = policy_of(
    "spec: {defaults: [{name: d, set: {importPolicy: {importMode: PreserveOriginal, scheduled: true}, "
    "referencePolicy: {type: Local}, annotations: {by: us}}}]}\n"
)


@pytest.mark.parametrize("name", _WAYS)
def test_defaults_at_every_resource(name: str) -> None:
    """The patch goes back to where the tag stands, holds what the API server keeps there, and leaves nothing to patch."""
    way = _WAYS[name]
    review = decoded(way.review(tag_of(_APP)))
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
    decision = engine.mutate(decoded(_REPOSITORY), _DEFAULTS)
    assert [op.path for op in decision.patch] == [
        "/spec/repository/importPolicy/scheduled",
        "/spec/repository/importPolicy/importMode",
        "/spec/repository/referencePolicy/type",
    ]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(push_review(), id="push"),
        pytest.param(stream_review(_status("quay.io/a/b:1"), stream_of(), "status"), id="status"),
        pytest.param(stream_review(stream_of(dockerImageRepository="quay.io/a/b")), id="followed-repository"),
        pytest.param(stream_review(stream_of(), stream_of(tag_of(_APP))), id="removed"),
        pytest.param(import_review(imported("quay.io/a/b:1"), wanted=False), id="look"),
        pytest.param(stream_review(stream_of(tag_of(_APP)), stream_of(tag_of(_APP))), id="untouched"),
    ],
)
def test_nothing_to_complete(document: dict[str, Any]) -> None:
    """Where the API server keeps nothing, or nothing is new, nothing is patched."""
    decision = engine.mutate(decoded(document), _DEFAULTS)
    assert (decision.patch, decision.verdict) == ((), "allow")


@pytest.mark.parametrize(
    ("match", "document", "completed"),
    [
        pytest.param("{users: [alice]}", review_of(_APP), True, id="user"),
        pytest.param("{users: [bob]}", review_of(_APP), False, id="another-user"),
        pytest.param("{tags: [live]}", _REPOSITORY, False, id="a-repository-may-have-other-tags"),
        pytest.param("{tags: ['*']}", _REPOSITORY, True, id="a-repository-has-any-tag"),
    ],
)
def test_what_a_default_matches(match: str, document: dict[str, Any], completed: bool) -> None:
    """A default completes what it is sure to speak of."""
    policy = policy_of(
        f"spec: {{defaults: [{{name: d, match: {match}, set: {{referencePolicy: {{type: Local}}}}}}]}}\n"
    )
    assert bool(engine.mutate(decoded(document), policy).patch) is completed


# --- whatever is sent

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5) | st.just({"name": "a", "from": {}}),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "tags", "to", "items"]), inner)
    ),
    max_leaves=5,
)
_KEYS = ["spec", "status", "tags", "images", "repository", "image", "metadata", "annotations", "from", "to", "tag"]
_DOCUMENTS = [
    stream_review(stream_of(tag_of(_APP)), stream_of(tag_of(_EVIL))),
    stream_review(_status("quay.io/a/b:1"), _status("quay.io/a/c:1"), "status"),
    import_review(imported("a/b"), repository=imported("a/d", None)),
    push_review({"dockerImageLayers": [], "signatures": []}),
    reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(_APP)), itag_of(tag_of(_EVIL))),
]


@given(st.sampled_from(_DOCUMENTS), st.sampled_from(["object", "oldObject"]), st.lists(st.sampled_from(_KEYS)), _VALUES)
def test_any_value_at_any_resource(document: dict[str, Any], side: str, path: list[str], value: Any) -> None:
    """Whatever stands at any place of an object, it is read and evaluated: nothing is raised."""
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
    for policy in (_DEFAULTS, policy_of(_ANY % "enforce")):
        engine.mutate(review, policy)
        engine.validate(review, policy)


def test_a_source_that_is_not_remembered() -> None:
    """A name that is too long to be remembered is said to be too long, as one that is remembered."""
    for length in (260, 600):
        (change,) = resources.changes(decoded(review_of(docker("quay.io/" + "a" * length))), untouched=True)
        assert isinstance(change, TagChange)
        assert change.new is not None
        assert change.new.source is not None
        assert "255" in change.new.source.fault


def test_a_new_tag_has_no_old_faults() -> None:
    """A tag that is added is wrong anew, though another tag was wrong before in the same way."""
    wrong = {"from": docker("quay.io/acme/app:1"), "referencePolicy": {"type": "Remote"}}
    old = [{"name": "a", "from": _APP}, {"name": "b", **wrong}]
    review = decoded(stream_review(stream_of(*old, {"name": "c", **wrong}), stream_of(*old)))
    _, added = resources.changes(review, untouched=False)
    assert (len(added.faults), added.old_faults) == (1, ())
    decision = engine.validate(review, policy_of(_ANY % "audit"))
    assert [(each.field, each.existing) for each in decision.findings] == [("spec.tags[2].referencePolicy.type", False)]


@pytest.mark.parametrize("length", [MEMORABLE, MEMORABLE + 1], ids=["short", "long"])
def test_which_sources_are_remembered(length: int) -> None:
    """A source that is read twice is one value where kind, name and namespace together are short, and read anew where not."""
    said = {"kind": "ImageStreamTag", "name": "app:1", "namespace": "n" * (length - len("ImageStreamTag" + "app:1"))}
    first, second = parsing.source(said), parsing.source(said)
    assert first == second
    assert (first is second) is (length <= MEMORABLE)


def test_sources_that_are_remembered() -> None:
    """A source that was read stays in memory where it is short; long ones, which anybody may send, do not fill it."""
    policy = policy_of(_ANY % "audit")
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(30):
            name = f"{number}" + "x" * 2**20
            for kind in ("DockerImage", "ImageStreamTag", "ImageStreamImage"):
                engine.validate(decoded(review_of({"kind": kind, "name": f"{name}:{name}"})), policy)
        gc.collect()
        assert tracemalloc.get_traced_memory()[0] - before < 30 * 2**20, "it is 180 MiB that were sent"
    finally:
        tracemalloc.stop()
