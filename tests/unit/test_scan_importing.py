"""Which tags `scan --fix` imports, held to the model of openshift-apiserver: the generation of a tag says it."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.openshift.api import outcomes
from tests.openshift.server import Cluster, Request
from tests.openshift.wire import encode_stream
from tests.support.builders import HEAD

from webhook.evaluate.fix import AT_ONCE, Fix, followers, why_imported
from webhook.policy.loading import load
from webhook.policy.policy import Policy

_JSON: Final = "application/json-patch+json"
_NAMES: Final = ("a", "b", "c", "d")
_TAGS: Final = st.fixed_dictionaries(
    {
        "from": st.sampled_from(
            [
                {"kind": "DockerImage", "name": "quay.io/acme/app:1"},
                {"kind": "DockerImage", "name": f"quay.io/acme/app@sha256:{'a' * 64}"},
                {"kind": "ImageStreamTag", "name": "a"},
            ]
        )
    },
    optional={
        "reference": st.booleans(),
        "importPolicy": st.fixed_dictionaries(
            {},
            optional={
                "importMode": st.sampled_from(["Legacy", "PreserveOriginal"]),
                "insecure": st.booleans(),
            },
        ),
        "referencePolicy": st.fixed_dictionaries({"type": st.sampled_from(["Source", "Local"])}),
        "annotations": st.dictionaries(st.sampled_from(["a", "b", "istag-webhook/keep"]), st.just("scheduled")),
    },
)
_SETS: Final = st.fixed_dictionaries(
    {},
    optional={
        "importPolicy": st.dictionaries(
            st.sampled_from(["scheduled", "insecure"]), st.booleans(), min_size=1
        ).flatmap(lambda some: st.sampled_from([some, {**some, "importMode": "PreserveOriginal"}])),
        "referencePolicy": st.just({"type": "Local"}),
        "annotations": st.dictionaries(st.sampled_from(["a", "c/d~e"]), st.just("x"), min_size=1),
    },
).filter(bool)  # fmt: skip


def _policy(directory: Path, wanted: dict[str, Any]) -> Policy:
    """Return a policy with one default, for every tag."""
    path = directory / "policy.yaml"
    path.write_text(f"{HEAD}spec: {json.dumps({'defaults': [{'name': 'all', 'set': wanted}]})}\n")
    return load(path)


def _document(cluster: Cluster) -> dict[str, Any]:
    """Return the stream as a client reads it."""
    found: dict[str, Any] = json.loads(json.dumps(encode_stream(cluster.streams["app", "s"].decorated())))
    return found


def _sent(cluster: Cluster, method: str, name: str, body: Any, kind: str = "application/json") -> Cluster:
    """Return the state after a request that succeeds."""
    found = outcomes(cluster, Request("alice", method, "imagestreams", "app", name, body, kind))[0]
    assert found.code in (200, 201), found.message
    return found.cluster


def _importable(tag: dict[str, Any]) -> bool:
    return bool(tag["from"]["kind"] == "DockerImage" and not tag.get("reference"))


@given(tags=st.lists(_TAGS, min_size=1, max_size=4), wanted=_SETS, data=st.data())
def test_what_is_set_imports_what_is_said(
    tmp_path_factory: pytest.TempPathFactory, tags: list[dict[str, Any]], wanted: dict[str, Any], data: st.DataObject
) -> None:
    """For all tags and defaults: exactly the tags that may be imported get a new generation or begin to be scheduled."""
    named = [{"name": name, **tag} for name, tag in zip(_NAMES, tags, strict=False)]
    cluster = _sent(Cluster(), "POST", "", {"metadata": {"name": "s"}, "spec": {"tags": named}})
    policy = _policy(tmp_path_factory.mktemp("p"), wanted)
    allowed = data.draw(st.sets(st.sampled_from(_NAMES)))
    before = _document(cluster)
    done, rest = Fix.of(before, policy).divided(allowed)
    assert all(setting.imports for tag in rest.tags for setting in tag.settings)
    after = _document(_sent(cluster, "PATCH", "s", done.patch(), _JSON)) if done.tags else before
    pairs = list(zip(before["spec"]["tags"], after["spec"]["tags"], strict=True))
    raised = {new["name"] for old, new in pairs if old["generation"] != new["generation"] and _importable(new)}
    at_once = {tag.name for tag in done.tags if any(each.imports == AT_ONCE for each in tag.settings)}
    assert raised == at_once
    scheduled = {
        new["name"] for old, new in pairs
        if _importable(new) and new["importPolicy"].get("scheduled") and not old["importPolicy"].get("scheduled")
    }  # fmt: skip
    assert raised | scheduled == set(done.importing)
    assert set(done.importing) <= allowed
    # Only remaining settings are found again.
    assert Fix.of(after, policy).divided(())[1].importing == rest.importing
    assert Fix.of(after, policy).divided(_NAMES)[0].patch()[1:] == rest.patch()[1:]


_TAG = {"from": {"kind": "DockerImage", "name": "quay.io/acme/app:1"}, "generation": 1, "importPolicy": {}}


@pytest.mark.parametrize(
    ("change", "how"),
    [
        ({}, ""),
        ({"importPolicy": {"importMode": "Legacy"}}, ""),
        ({"importPolicy": {"importMode": "PreserveOriginal"}}, "imports the tag at once"),
        ({"importPolicy": {"scheduled": True}}, "imports the tag on a schedule"),
        ({"importPolicy": {"scheduled": True, "importMode": "PreserveOriginal"}}, "imports the tag at once"),
        ({"importPolicy": {"insecure": True}}, ""),
        ({"referencePolicy": {"type": "Local"}}, ""),
        ({"annotations": {"a": "b"}}, ""),
        ({"from": {"kind": "DockerImage", "name": "quay.io/acme/app:2"}}, "imports the tag at once"),
        ({"from": {"kind": "DockerImage", "name": "quay.io/acme/app:1", "namespace": "x"}}, "imports the tag at once"),
        ({"generation": 0}, "imports the tag at once"),
        ({"generation": None}, "imports the tag at once"),
        ({"generation": 2}, ""),
        ({"reference": True}, ""),
        ({"from": {"kind": "ImageStreamTag", "name": "other"}}, ""),
        ({"from": None}, ""),
    ],
    ids=json.dumps,
)
def test_what_imports_a_tag(change: dict[str, Any], how: str) -> None:
    """A change of the reference, as the API server defines it, imports, and so does a new schedule."""
    assert why_imported(_TAG, {**_TAG, **change}) == how


def test_followers() -> None:
    """Tags of the same stream that name a tag as their source move with it, directly or by another; loops end."""
    sources = {
        "live": "v1", "stable": "s:live", "other": "t:v1", "loop": "pool", "pool": "loop", "self": "self",
    }  # fmt: skip
    tags = [{"name": name, "from": {"kind": "ImageStreamTag", "name": source}} for name, source in sources.items()]
    away = {"name": "away", "from": {"kind": "ImageStreamTag", "name": "v1", "namespace": "elsewhere"}}
    home = {"name": "home", "from": {"kind": "ImageStreamTag", "name": "v1", "namespace": "app"}}
    stream = {"metadata": {"namespace": "app", "name": "s"}, "spec": {"tags": [*tags, away, home]}}
    found = followers(stream)
    assert found["v1"] == ["live", "home", "stable"]
    assert found["live"] == ["stable"]
    assert (found["loop"], found["self"]) == (["pool"], [])
    assert followers({"metadata": stream["metadata"], "spec": None}) == {}
