"""The change of an ImageStreamTag, and its findings."""

from typing import Any

import pytest
from tests.support.builders import (
    istag_of,
    policy_of,
    review_of,
    stream_tag,
    tag_of,
)
from tests.support.changes import APP, OLD, ONE, ZERO, changes_of, described, evaluated, findings_of, generated

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "istag-created": (
        review_of(None, object=istag_of(tag_of(APP, annotations={"a": "own"})), operation="CREATE", namespace="ns"),
        [f"imagestreamtags ns/app:live at tag (/tag, metadata.name): None -> {ONE} [a=own] touched moved"],
    ),
    "istag-updated": (
        review_of(APP, old=OLD, tag={"annotations": {"a": "own"}}),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {ZERO} -> {ONE} [] touched moved"],
    ),
    "istag-emptied": (
        review_of(None, object=istag_of(None, metadata={"annotations": {"a": "b"}}), oldObject=istag_of(tag_of(APP))),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {ONE} -> {ONE} [a=b] touched"],
    ),
    "istag-that-never-was": (review_of(None, object=istag_of(None), oldObject=istag_of(None)), []),
    "istag-named-by-its-request": (
        review_of(APP, name="x:y"),
        [f"imagestreamtags app/x:y at tag (/tag, metadata.name): None -> {ONE} [] touched moved"],
    ),
    "istag-named-by-itself": (
        generated(review_of(APP)),
        [f"imagestreamtags ns/app:live at tag (/tag, metadata.name): None -> {ONE} [] touched moved"],
    ),
    "istag-without-a-tag-in-its-name": (
        review_of(APP, name="app"),
        [f"imagestreamtags app/app:latest at tag (/tag, metadata.name): None -> {ONE} [] touched moved"],
    ),
    "istag-with-two-colons": (
        review_of(APP, name="app:a:b"),
        [f"imagestreamtags app/app:a:b at tag (/tag, metadata.name): None -> {ONE} [] touched moved"],
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
        review_of(APP, tag={"annotations": "x"}),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): None -> {ONE} [] touched moved"],
    ),
    "istag-created-with-the-objects-annotations": (
        review_of(None, object=istag_of(tag_of(APP), metadata={"name": "app:live", "annotations": {"a": "the object's"}})),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): None -> {ONE} [a=the object's] touched moved"],
    ),
    "istag-updated-with-the-objects-annotations": (
        review_of(
            None, object=istag_of(tag_of(APP), metadata={"annotations": {"a": "the object's"}}),
            oldObject=istag_of(tag_of(APP, annotations={"a": "own"}), metadata={"annotations": {"a": "the object's"}}),
        ),
        [f"imagestreamtags app/app:live at tag (/tag, metadata.name): {ONE} -> {ONE} [a=the object's] touched"],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


def test_the_annotations_of_an_old_tag() -> None:
    """An update stores the object's annotations and not the tag's own, and so did the one before."""
    policy = policy_of("spec: {rules: [{name: a, existing: audit, annotations: {require: {owner: '*'}}}]}\n")
    tag = tag_of(APP, annotations={"owner": "me"})
    said = findings_of(evaluated(review_of(None, object=istag_of(tag), oldObject=istag_of(tag)), policy))
    assert said == ['audit tag.annotations["owner"]: annotation "owner" is missing; expected *']


def test_a_created_tag_has_the_objects_annotations_or_none() -> None:
    """The API server creates no ImageStreamTag whose tag has other annotations than the object; it updates one."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    new = istag_of(tag_of(APP, annotations={"a": "b"}))
    created = evaluated(review_of(None, object=new, oldObject=None), policy)
    assert [finding.field for finding in created.findings] == ["tag.annotations"]
    assert evaluated(review_of(None, object=new, oldObject=istag_of(tag_of(OLD))), policy).findings == ()
