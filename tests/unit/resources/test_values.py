"""The definition of a resource, compared with recorded requests and the resource's own parsing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.openshift import recorded
from tests.support.builders import NOW, decoded, stream_of, tag_of

from webhook.evaluate.question import request_of, review_of
from webhook.model.review import Review, StreamChange, TagChange, User
from webhook.model.tag import TagReference
from webhook.resources.catalog import KINDS, RESOURCES
from webhook.resources.definition import Resource
from webhook.resources.objects import GROUP, VERSION, Run

_SHORT = [resource for resource in RESOURCES.values() if resource.short is not None]
_NAMES = st.from_regex(r"[a-z0-9]{1,12}", fullmatch=True)


def _reviewed(request: Mapping[str, Any]) -> Review:
    return decoded({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": dict(request)})


@cache
def _written() -> Mapping[str, list[tuple[str, Mapping[str, Any], Review]]]:
    """Return what was sent in the recorded sequences and the validating review of it, by resource.

    A patch is not an object: the object of its mutating review stands for it.
    """
    found: dict[str, list[tuple[str, Mapping[str, Any], Review]]] = {name: [] for name in RESOURCES}
    for trace in recorded.read(recorded.PACKED):
        for step in trace["steps"]:
            calls = [(each["webhook"], each["request"]) for each in step["reviews"]]
            if [webhook for webhook, _ in calls] == ["mutate", "validate"] and calls[0][1]["object"] is not None:
                review = _reviewed(calls[1][1])
                sent = step["body"] if step["method"] in ("POST", "PUT") else calls[0][1]["object"]
                found[review.resource].append((f"{trace['trace']}.{step['i']}", sent, review))
    return found


def _sorted(value: Any) -> Any:
    """Return an object whose tags are in the API server's order: by name, and of two with one name the last."""
    if not isinstance(value, dict):
        return value
    found = {key: _sorted(item) for key, item in value.items()}
    for key in ("name", "tag"):
        tags = found.get("tags")
        if isinstance(tags, list) and all(isinstance(tag, dict) and key in tag for tag in tags):
            found["tags"] = [tag for _, tag in sorted({tag[key]: tag for tag in tags}.items())]
    return found


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_defaulting_is_the_api_servers(resource: Resource) -> None:
    """A client's object with our defaults means the same as the recorded validating review."""
    written = _written()[resource.name]
    assert len(written) > 50
    for step, sent, review in written:
        made = resource.defaulted(_sorted(sent), review.old_object)
        ours = replace(review, request={**review.request, "object": made})
        assert resource.changes(ours, untouched=True) == resource.changes(review, untouched=True), step


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_operations_are_those_that_are_sent(resource: Resource) -> None:
    """Each recorded operation is one of the resource's, and the object has its kind."""
    operations = {review.operation for _, _, review in _written()[resource.name]}
    assert operations == set(resource.operations)
    assert {review.kind for _, _, review in _written()[resource.name]} == {resource.kind}


@pytest.mark.parametrize("resource", _SHORT, ids=lambda resource: resource.name)
@given(namespace=_NAMES, stream=_NAMES, tag=_NAMES, old=st.booleans())
def test_a_short_form_is_read_as_it_is_written(
    resource: Resource, namespace: str, stream: str, tag: str, *, old: bool
) -> None:
    """The object of a short form changes the one tag, with its source, and says what it was if it can."""
    assert resource.short is not None
    names = ("quay.io/acme/app:1", "quay.io/acme/app:2")
    before, after = (
        resource.short(namespace, stream, tag, {"from": {"kind": "DockerImage", "name": name}}) for name in names
    )
    review = review_of(request_of(after, before if old else None, User("u"), "u"), NOW)
    (change,) = (each for each in resource.changes(review, untouched=True) if isinstance(each, TagChange))
    assert str(change) == f"{namespace}/{stream}:{tag}"
    assert [_source(change.new), _source(change.old)] == [names[1], names[0] if old and resource.says_old else ""]


def _source(tag: TagReference | None) -> str:
    return tag.source.name if tag is not None and tag.source is not None else ""


def _probes() -> Iterator[Any]:
    stream = stream_of(tag_of({"kind": "DockerImage", "name": "quay.io/acme/app:1"}))
    for resource in RESOURCES.values():
        for there in (stream, None):
            if there is not None or not resource.probe.replaces:
                yield pytest.param(resource, there, id=f"{resource.name}-{'a stream' if there else 'none'}")


@pytest.mark.parametrize(("resource", "stream"), list(_probes()))
def test_a_probe_is_complete_and_marked(resource: Resource, stream: Mapping[str, Any] | None) -> None:
    """A probe's object is of the resource's kind, is marked as a probe, and has all fields that decide."""
    sent = resource.probe.object(Run("app", "0123456789abcdef", stream))
    assert sent is not None
    assert (sent["apiVersion"], sent["kind"]) == (f"{GROUP}/{VERSION}", resource.kind)
    old = stream if resource.probe.replaces else None
    review = replace(
        review_of(request_of(sent, old, User("u"), "u"), NOW),
        resource=resource.name,
    )
    review = replace(review, request={**review.request, "object": sent, "oldObject": old})
    assert resource.probe.mark(review) is not None
    made = replace(review, request={**review.request, "object": resource.defaulted(sent, old)})
    assert resource.changes(made, untouched=True) == resource.changes(review, untouched=True)


def test_a_kind_has_the_resource_that_stores_it() -> None:
    """A manifest is written to a resource without a subresource, whose plural Kubernetes derives from the kind."""
    assert {kind: resource.name for kind, resource in KINDS.items()} == {kind: f"{kind.lower()}s" for kind in KINDS}


@pytest.mark.parametrize("resource", RESOURCES.values(), ids=RESOURCES)
def test_streams_are_spoken_of_where_it_is_said(resource: Resource) -> None:
    """A resource says something of streams as a whole if a recorded review of it does."""
    reviews = [review for _, _, review in _written()[resource.name]]
    found = {
        isinstance(change, StreamChange) and change.new is not None
        for review in reviews
        for change in resource.changes(review, untouched=True)
    }
    assert (True in found) is resource.streams
