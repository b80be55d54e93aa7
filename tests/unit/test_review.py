"""The codec: bytes to a Review, or the sentence that says what was expected."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import NOW, decoded, docker, review_of

from webhook.admission.codec import decode, encode
from webhook.errors import MalformedReview
from webhook.model.decision import allow
from webhook.resources import catalog

_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def _without(*path: str, **put: Any) -> bytes:
    """Return a review without (or with another value at) a path of its request."""
    document = review_of(docker("docker.io/acme/app:1"))
    at = document
    for key in path[:-1]:
        at = at[key]
    if "value" in put:
        at[path[-1]] = put["value"]
    else:
        del at[path[-1]]
    return json.dumps(document).encode()


_PLAIN = json.dumps(review_of(docker("docker.io/acme/app:1"))).encode()


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        pytest.param(b"", "expected JSON: Expecting value: line 1 column 1 (char 0)", id="empty"),
        pytest.param(b"[]", "expected an AdmissionReview: body: Invalid value: []: expected an object", id="list"),
        pytest.param(b'{"a":1,"a":2}', 'expected JSON: duplicate key "a" in one object', id="twice"),
        pytest.param(b'{"a":NaN}', "expected JSON: NaN is not a number", id="nan"),
        pytest.param(b'{"a":-Infinity}', "expected JSON: -Infinity is not a number", id="infinity"),
        pytest.param(b'{"a":1e999}', "expected JSON: 1e999 is too large a number", id="huge-float"),
        pytest.param(b'"\xff"', "expected JSON in UTF-8; byte 1 is invalid", id="not-utf-8"),
        pytest.param(b'"\\ud800"', "expected JSON: a string contains a lone surrogate", id="surrogate"),
        pytest.param(b'{"\\uDFFF":1}', "expected JSON: a string contains a lone surrogate", id="surrogate-key"),
        pytest.param(b'{"a":18446744073709551616}', "expected JSON: 18446744073709551616 is too large a number", id="huge-int"),
        pytest.param(b"9" * 5_000, f"expected JSON: {'9' * 32} is too large a number", id="endless-int"),
        pytest.param(
            _PLAIN.replace(b'"options": null', b'"options": {"a":' + b"[" * 300 + b"]" * 300 + b"}"),
            "expected an AdmissionReview: the JSON is nested too deeply",
            id="deep-where-nobody-looks",
        ),
        pytest.param(b"[" * 100_000, "expected an AdmissionReview: the JSON is nested too deeply", id="deep"),
        pytest.param(
            _without("apiVersion", value="admission.k8s.io/v2"),
            'expected an AdmissionReview: apiVersion: Unsupported value: "admission.k8s.io/v2": '
            "supported values: admission.k8s.io/v1, admission.k8s.io/v1beta1",
            id="version",
        ),
        pytest.param(
            _without("kind", value="Pod"),
            'expected an AdmissionReview: kind: Unsupported value: "Pod": supported values: AdmissionReview',
            id="kind",
        ),
        pytest.param(
            _without("request"), "expected an AdmissionReview: request: Required value: the key is missing", id="no-request"
        ),
        pytest.param(
            _without("request", value=None), "expected an AdmissionReview: request: Required value: expected an object",
            id="null-request",
        ),
        pytest.param(
            _without("request", "uid", value=""),
            "expected an AdmissionReview: request.uid: Required value: the answer must echo it",
            id="no-uid",
        ),
        pytest.param(
            _without("request", "operation", value="PATCH"),
            'expected an AdmissionReview: request.operation: Unsupported value: "PATCH": '
            "supported values: CREATE, UPDATE, DELETE, CONNECT",
            id="operation",
        ),
        pytest.param(
            _without("request", "object", value=[1]),
            "expected an AdmissionReview: request.object: Invalid value: [1]: expected an object",
            id="object",
        ),
        pytest.param(
            _without("request", "userInfo", value={"groups": ["a", 3]}),
            'expected an AdmissionReview: request.userInfo.groups: Invalid value: ["a", 3]: expected a list of strings',
            id="groups",
        ),
        pytest.param(
            _without("request", "dryRun", value="yes"),
            'expected an AdmissionReview: request.dryRun: Invalid value: "yes": expected true or false',
            id="dry-run",
        ),
        pytest.param(
            _without("request", "resource", value={"group": "", "version": "v1", "resource": "pods"}),
            f"request.resource: expected {', '.join(sorted(catalog.RESOURCES))} of image.openshift.io/v1, got pods of core/v1",
            id="pods",
        ),
        pytest.param(
            _without("request", "subResource", value="status\n"),
            f"request.resource: expected {', '.join(sorted(catalog.RESOURCES))} of image.openshift.io/v1, "
            "got imagestreamtags/status\\x0a of image.openshift.io/v1",
            id="subresource",
        ),
        pytest.param(
            _without("request", "resource", "resource", value="imagestreams/status"),
            "request.resource: expected the subresource in request.subResource, got imagestreams/status",
            id="subresource-in-the-resource",
        ),
    ],
)  # fmt: skip
def test_malformed(body: bytes, sentence: str) -> None:
    """A document that is not a review of a known resource is denied with what was expected."""
    with pytest.raises(MalformedReview) as refused:
        decode(body, catalog.RESOURCES, NOW)
    assert str(refused.value) == sentence


def test_a_byte_order_mark_is_refused() -> None:
    """A byte order mark is no JSON (RFC 8259, section 8.1)."""
    with pytest.raises(MalformedReview, match="expected JSON"):
        decode(b"\xef\xbb\xbf" + _PLAIN, catalog.RESOURCES, NOW)


def test_an_emoji_by_its_surrogate_pair_is_taken() -> None:
    """A pair of escapes is one character, and no lone surrogate."""
    review = decode(_PLAIN.replace(b'"alice"', rb'"al\ud83d\ude00ce"'), catalog.RESOURCES, NOW)
    assert review.user.name == "al😀ce"


@given(st.binary(max_size=200))
def test_any_bytes(body: bytes) -> None:
    """For any bytes the codec returns a Review or raises MalformedReview."""
    try:
        decode(body, catalog.RESOURCES, NOW)
    except MalformedReview as refused:
        assert refused.status == 400


@given(
    st.lists(st.sampled_from(["request", "object", "oldObject", "tag", "from", "metadata", "image", "userInfo"])),
    _VALUES,
)
def test_any_value_anywhere(path: list[str], value: Any) -> None:
    """A review with any JSON value at any place is decoded and read by its resource, or denied: nothing else is raised."""
    document = review_of(docker("docker.io/acme/app:1"), old=docker("docker.io/acme/app:0"))
    at: Any = document
    for key in path:
        at = at[key] if isinstance(at, dict) and isinstance(at.get(key), dict) else at
    if path:
        at[path[-1]] = value
    try:
        catalog.changes(decode(json.dumps(document).encode(), catalog.RESOURCES, NOW))
    except MalformedReview as refused:
        assert str(refused)


@pytest.mark.parametrize("version", ["admission.k8s.io/v1", "admission.k8s.io/v1beta1"])
def test_version_and_uid_are_echoed(version: str) -> None:
    """The answer has the request's own apiVersion and uid."""
    document = {**review_of(None), "apiVersion": version}
    answer = json.loads(encode(decoded(document), allow(), {}))
    assert answer["apiVersion"] == version
    assert answer["kind"] == "AdmissionReview"
    assert answer["response"] == {"uid": document["request"]["uid"], "allowed": True}


def test_the_uid_of_a_malformed_review_is_known() -> None:
    """The readable part of an invalid review's uid is kept for the log."""
    with pytest.raises(MalformedReview) as refused:
        decode(b'{"request":{"uid":"abc\\u0007"}}', catalog.RESOURCES, NOW)
    assert refused.value.uid == "abc\\x07"
