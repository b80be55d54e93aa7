"""The conditions by which the API server spares us a review: none lets a change slip by."""

from collections.abc import Callable
from typing import Any

import cel
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.builders import (
    decoded,
    docker,
    import_review,
    imported,
    istag_of,
    itag_of,
    reviewed,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.rendered import Render, webhooks

from webhook.resources import catalog

Conditions = dict[str, Callable[[dict[str, Any]], bool]]
_PLATFORM = "not-the-platform"


@pytest.fixture(scope="module")
def conditions(render: Render) -> Conditions:
    """The conditions by name, each of which says whether we are asked; both webhooks have the same."""
    validating, mutating = (webhook["matchConditions"] for webhook in webhooks(render("openshift")).values())
    assert validating == mutating
    return {each["name"]: _asks(cel.compile(each["expression"])) for each in validating}


def _asks(program: cel.Program) -> Callable[[dict[str, Any]], bool]:
    def asks(document: dict[str, Any]) -> bool:
        request = document["request"]
        said = program.execute({"request": request, "object": request["object"], "oldObject": request["oldObject"]})
        assert isinstance(said, bool)
        return said

    return asks


def _istag(new: dict[str, Any] | None, old: dict[str, Any] | None, **request: Any) -> dict[str, Any]:
    """Return a review of a tag with the new `tag` and the old one; it is created without an old one."""
    before = None if old is None else istag_of(old or None)
    return reviewed("imagestreamtags", "ImageStreamTag", "app:live", istag_of(new or None), before, **request)


def _itag(new: dict[str, Any] | None, old: dict[str, Any] | None, **request: Any) -> dict[str, Any]:
    before = None if old is None else itag_of(old or None)
    return reviewed("imagetags", "ImageTag", "app:live", itag_of(new or None), before, **request)


_TAG = tag_of(docker("quay.io/acme/app:1"))
_LOOK = import_review(imported("quay.io/acme/app:1"), wanted=False)


@pytest.mark.parametrize(
    ("document", "sparing"),
    [
        (_istag(_TAG, None), None),
        (_istag(_TAG, {}), None),
        (_istag(None, _TAG), None),
        (_istag(None, None), "with-a-tag"),
        (_istag(None, {}), "with-a-tag"),
        (_itag(_TAG, None), None),
        (_itag(None, _TAG), None),
        (_itag(None, {}), "with-a-tag"),
        (import_review(imported("quay.io/acme/app:1")), None),
        (_LOOK, "not-only-a-look"),
        (import_review(imported("quay.io/acme/app:1"), dryRun=True), None),
        (stream_review(stream_of()), None),
        (stream_review(stream_of(), stream_of(), "status"), None),
        (_istag(_TAG, None, namespace="openshift"), _PLATFORM),
        (_istag(_TAG, None, namespace="openshift-config"), _PLATFORM),
        (_istag(_TAG, None, namespace="kube-public"), _PLATFORM),
        (_istag(_TAG, None, namespace="openshifty"), None),
        (_istag(_TAG, None, namespace="my-openshift-app"), None),
    ],
    ids=[
        "create", "tag-a-pushed-one", "untag", "create-without", "annotate-a-pushed-one", "itag", "itag-removed",
        "itag-annotated", "import", "look", "dry-run", "empty-stream", "status", "openshift", "openshift-config",
        "kube-public", "like-openshift", "within",
    ],
)  # fmt: skip
def test_what_is_spared(conditions: Conditions, document: dict[str, Any], sparing: str | None) -> None:
    """The requests that a condition skips, and that no other condition does."""
    assert [name for name, asks in conditions.items() if not asks(document)] == ([sparing] if sparing else [])


_SOURCES = st.sampled_from(
    [None, docker("quay.io/acme/app:1"), docker("evil"), {"kind": "ImageStreamTag", "name": "a:b"}]
)
_TAGS = st.one_of(st.none(), st.just({}), _SOURCES.map(tag_of))
_IMAGES = st.lists(st.sampled_from([imported("quay.io/acme/app:1"), imported("busybox", None)]), max_size=2)
_REPOSITORIES = st.sampled_from([None, {"from": docker("quay.io/acme/app")}])
_IMPORTS = st.builds(
    lambda images, repository, wanted: import_review(*images, repository=repository, wanted=wanted),
    _IMAGES, _REPOSITORIES, st.booleans(),
)  # fmt: skip
_STREAMS = st.builds(lambda old: stream_review(stream_of(), old), st.sampled_from([None, stream_of(), stream_of(_TAG)]))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(document=st.one_of(st.builds(_istag, _TAGS, _TAGS), st.builds(_itag, _TAGS, _TAGS), _IMPORTS, _STREAMS))
def test_nothing_slips_by(conditions: Conditions, document: dict[str, Any]) -> None:
    """In a namespace that is not the platform's, a review that is spared has nothing that a rule could evaluate."""
    if not all(asks(document) for asks in conditions.values()):
        assert catalog.changes(decoded(document)) == ()
