"""The changes of a push, and the data of its image."""

import json
from typing import Any

import pytest
from tests.support.builders import (
    DIGEST,
    decoded,
    policy_of,
    push_review,
)
from tests.support.changes import (
    annotated_as,
    changes_of,
    described,
    evaluated,
    generated,
)

from webhook.admission import engine
from webhook.admission.codec import encode
from webhook.model.review import TagChange
from webhook.model.tag import Signature

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "push-with-annotations": (
        annotated_as(push_review(), {"a": "b"}),
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
        generated(push_review(tag="", namespace="ns")),
        [
            "imagestreammappings ns/app:latest at image (/image, tag): "
            f"None -> ImageStreamImage app@{DIGEST} [] old_unknown touched moved"
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


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
    decision = evaluated(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
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
    (change,) = changes_of(push_review(image))
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
    (change,) = changes_of(push_review({"signatures": [{"type": "cosign", "conditions": conditions}]}))
    assert isinstance(change, TagChange)
    assert change.image is not None
    assert change.image.signatures == (Signature("cosign", trusted=trusted),)
