"""The ledger: each field of each resource has its row, what a row says is so, and the documentation prints it."""

import copy
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import pytest
from tests.support.builders import (
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
    tag_of,
)
from tests.support.paths import DATA

from webhook.admission import engine
from webhook.audit.record import Context, record, tags
from webhook.policy.entries import KINDS
from webhook.resources.catalog import RESOURCES
from webhook.resources.definition import Row, row_of

_API: Final = json.loads((DATA / "api-fields.json").read_text())["types"]
_ROOTS: Final = {
    "imagestreamtags": "ImageStreamTag",
    "imagetags": "ImageTag",
    "imagestreams": "ImageStream",
    "imagestreams/status": "ImageStream",
    "imagestreamimports": "ImageStreamImport",
    "imagestreammappings": "ImageStreamMapping",
}
# The fields of Kubernetes' own types (core/v1 and meta/v1).
_CORE: Final = {
    "ObjectMeta": [
        "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
        "deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields",
    ],
    "ObjectReference": ["kind", "namespace", "name", "uid", "apiVersion", "resourceVersion", "fieldPath"],
    "LocalObjectReference": ["name"],
}  # fmt: skip


def _fields(kind: str, path: str = "") -> Iterator[tuple[str, bool]]:
    """Yield the path of each field of a type, and whether nothing is below it."""
    fields = _API[kind] if kind in _API else [{"name": name, "type": ""} for name in _CORE[kind]]
    for each in fields:
        inner, at = each["type"].removeprefix("[]"), f"{path}.{each['name']}".removeprefix(".")
        composed = inner in _API or inner in _CORE
        yield at, not composed
        if composed:
            yield from _fields(inner, f"{at}[]" if each["type"].startswith("[]") else at)


@pytest.mark.parametrize("resource", _ROOTS)
def test_each_field_has_its_row(resource: str) -> None:
    """A field of the API has a row, of its own if it has an effect; and a row is of a field that the API has."""
    ledger, known = RESOURCES[resource].ledger, dict(_fields(_ROOTS[resource]))
    for path, is_leaf in known.items():
        row = row_of(ledger, path)
        if is_leaf:
            assert row is not None, path
            assert path in ledger or not row.has_effect, path
    assert ledger.keys() <= known.keys()
    assert all(row.has_effect or row.because for row in ledger.values())


def test_every_resource_is_there() -> None:
    """No resource is without a ledger."""
    assert _ROOTS.keys() == RESOURCES.keys()


def test_what_rules_read_is_fed() -> None:
    """Each field of a tag that a rule kind reads is fed by some resource, or only by a scan."""
    fed = {field for resource in RESOURCES.values() for row in resource.ledger.values() for field in row.feeds}
    assert {field for kind in KINDS for field in kind.reads} - fed == {"image.signatures"}


# --- what a row says is so

_POLICY: Final = policy_of(
    """spec:
  exemptions: [{name: glass, users: [alice], annotation: istag-webhook/reason}]
  rules:
    - {name: kinds, existing: enforce, sourceKinds: {allow: [DockerImage]}}
    - {name: trusted, existing: enforce, registries: {allow: [quay.io]}}
    - {name: own, existing: enforce, crossNamespace: {}}
    - {name: secure, existing: enforce, importPolicy: {insecure: false}}
    - {name: manual, existing: enforce, importPolicy: {scheduled: false}}
    - {name: mode, existing: enforce, importPolicy: {importMode: [Legacy]}}
    - {name: pull, existing: enforce, referencePolicy: {allow: [Source]}}
    - {name: lookup, existing: enforce, lookupPolicy: {local: false}}
    - {name: named, existing: enforce, tagName: {deny: [bad]}}
    - {name: few, existing: enforce, tagLimit: {max: 1}}
    - {name: fixed, existing: enforce, immutable: {unknown: allow}}
    - {name: annotated, existing: enforce, annotations: {deny: [evil]}}
    - {name: labelled, existing: enforce, labels: {deny: [evil]}}
    - {name: everywhere, existing: enforce, platforms: {require: [linux/arm64/v8]}}
    - {name: small, existing: enforce, imageSize: {max: 3, maxLayers: 1}}
    - {name: imported, existing: enforce, conditions: {deny: [ImportSuccess]}}
"""
)
_OTHER: Final = "sha256:" + "b" * 64
_CONDITION: Final = {
    "type": "ImportSuccess", "status": "False", "reason": "Unauthorized", "message": "no", "generation": 1, "lastTransitionTime": None,
}  # fmt: skip
_INSECURE: Final = {"openshift.io/image.insecureRepository": "true"}


def _tag(tag: int = 1, **fields: Any) -> dict[str, Any]:
    policy = {"scheduled": True, "importMode": "Legacy"}
    return tag_of(docker(f"quay.io/acme/app:{tag}"), importPolicy=policy, **fields)


def _event(image: str = DIGEST) -> dict[str, Any]:
    return {
        "created": "2026-01-01T00:00:00Z",
        "dockerImageReference": "quay.io/acme/app:1",
        "image": image,
        "generation": 1,
    }


def _stream(*tags: dict[str, Any], image: str = DIGEST) -> dict[str, Any]:
    stream = stream_of(*tags)
    history = {"tag": "pushed", "items": [_event()], "conditions": []}
    failed = {"tag": "live", "items": [_event(image)], "conditions": [dict(_CONDITION)]}
    return {**stream, "status": {"dockerImageRepository": "", "tags": [failed, history]}}


def _istag(tag: int) -> dict[str, Any]:
    return istag_of(_tag(tag), conditions=[dict(_CONDITION)])


def _itag(tag: int) -> dict[str, Any]:
    return {**itag_of(_tag(tag)), "status": {"tag": "live", "items": [_event()], "conditions": [dict(_CONDITION)]}}


_IMAGE: Final = {
    "metadata": {"name": DIGEST},
    "dockerImageLayers": [{"name": DIGEST, "size": 3, "mediaType": "m"}],
}
_LIST: Final = {
    "metadata": {"name": DIGEST},
    "dockerImageManifests": [
        {"digest": DIGEST, "mediaType": "m", "manifestSize": 1, "architecture": "arm64", "os": "linux", "variant": "v8"}
    ],
}
_BASES: Final[Mapping[str, dict[str, Any]]] = {
    "imagestreamtags": review_of(None, object=_istag(1), oldObject=_istag(1)),
    "imagetags": reviewed("imagetags", "ImageTag", "app:live", _itag(1), _itag(1)),
    "imagestreams": stream_review(_stream(_tag()), _stream(_tag(), _tag(0, name="gone"))),
    "imagestreams/status": stream_review(_stream(_tag(), image=_OTHER), _stream(_tag()), "status"),
    "imagestreamimports": import_review(
        imported("quay.io/acme/app:1", importPolicy={"scheduled": True, "importMode": "Legacy"}),
        repository={
            "from": docker("quay.io/acme/app"), "importPolicy": {"scheduled": True, "importMode": "Legacy"},
            "referencePolicy": {"type": "Source"},
        },
    ),
    "imagestreammappings": push_review(_IMAGE, userInfo={"username": "alice", "groups": []}),
}  # fmt: skip
# Another value of a field, by its name, if it is not one that another of its type would have.
_VALUES: Final[Mapping[str, Any]] = {
    "kind": "ImageStreamTag", "from.name": "docker.io/other/x:1", "from.namespace": "elsewhere", "from": docker("docker.io/other/x:1"),
    "insecure": True, "scheduled": False, "importMode": "PreserveOriginal", "type": "Local", "reference": True, "local": True,
    "annotations": {"evil": "1", **_INSECURE}, "to.name": "bad", "import": False, "dockerImageRepository": "docker.io/other/x",
    "dockerImageReference": f"docker.io/other/x@{DIGEST}", "image.metadata.name": _OTHER, "items[].image": _OTHER, "tag": "bad", "tags[].name": "bad",
    "conditions[].type": "Other", "conditions[].status": "True", "conditions[].reason": "Other", "conditions[].message": "other",
    "dockerImageMetadata": {"kind": "DockerImage", "Config": {"Labels": {"evil": "1"}}, "Architecture": "arm64", "Size": 9},
    "dockerImageManifest": json.dumps({"layers": [{"size": 1}, {"size": 2}]}),
    "dockerImageConfig": json.dumps({"os": "linux", "architecture": "s390x", "config": {"Labels": {"evil": "1"}}}),
    "layers": 9, "architecture": "s390x", "os": "windows", "variant": "v7", "size": 9,
}  # fmt: skip


def _set(document: Any, path: str, value: Any) -> None:
    """Set the field at a path of the ledger, of the first element of each list."""
    *parents, last = path.replace("[]", ".0").split(".")
    for key in parents:
        document = document[int(key)] if isinstance(document, list) else document.setdefault(key, {})
    document[last] = value


def _seen(document: dict[str, Any]) -> dict[str, Any]:
    """Return what is decided and recorded of a review, without what says which review it is."""
    review = decoded(document)
    decision = engine.validate(review, _POLICY)
    line = json.loads(
        record(
            review,
            decision,
            tags(decision),
            _POLICY,
            Context("validate", "0"),
            time=datetime(2026, 1, 1, tzinfo=UTC),
            seconds=0,
        )
    )
    line["findings"] = [finding for finding in line["findings"] if finding["rule"] != "schema"]
    line["allowed"] = line["verdict"] = ""
    return {**line, "rules": sorted({finding["rule"] for finding in line["findings"]})}


def _rows(*, effect: bool) -> list[Any]:
    return [
        pytest.param(resource, path, row, id=f"{resource} {path}")
        for resource in _ROOTS
        for path, row in RESOURCES[resource].ledger.items()
        if row.has_effect is effect
    ]


def _value(path: str) -> Any:
    longest = max((name for name in _VALUES if path == name or path.endswith(f".{name}")), key=len, default="")
    return _VALUES.get(longest, "another")


def _base(resource: str, path: str, row: Row) -> dict[str, Any]:
    document = copy.deepcopy(_BASES[resource])
    if resource == "imagestreammappings" and ".dockerImageManifests" in path:
        document = copy.deepcopy(push_review(_LIST))
    if resource == "imagestreammappings" and path == "image.dockerImageManifest":
        del document["request"]["object"]["image"]["dockerImageLayers"]
    if path == "metadata.generateName":
        del document["request"]["object"]["metadata"]["name"]
    if path.startswith("metadata.") and path.endswith("ame"):
        document["request"]["name"] = ""
    if row.of_old and (".items" in path or path == "status.tags[].tag"):  # a tag that was only pushed
        document["request"]["object"]["spec"]["dockerImageRepository"] = "quay.io/acme/app"
        document["request"]["oldObject"]["status"]["tags"].reverse()
    if row.of_old and path.endswith(".image"):  # the reference is the stream's own
        document["request"]["oldObject"]["status"]["tags"][0]["items"][0]["dockerImageReference"] = ""
    return document


@pytest.mark.parametrize(("resource", "path", "row"), _rows(effect=True))
def test_a_field_with_an_effect(resource: str, path: str, row: Row) -> None:
    """Another value of a field that feeds something changes the decision or the record."""
    document = _base(resource, path, row)
    before = _seen(document)
    value = _value(path)
    if path == "spec.tags":
        value = [*document["request"]["object"]["spec"]["tags"], _tag(name="second")]
    if path == "metadata.name":
        value = "other:live" if "tags" in resource else "other"
    if resource == "imagestreams/status" and path.endswith(".image"):
        value = DIGEST  # as it was
    if path.endswith(("Layers", "Manifests")):
        value = [{"name": "a", "size": 1}, {"name": "b", "size": 2}] if path.endswith("Layers") else []
    if row.recorded:
        value = {"istag-webhook/reason": "INC-1"}
    _set(document["request"]["oldObject" if row.of_old else "object"], path, value)
    after = _seen(document)
    assert after != before


@pytest.mark.parametrize(("resource", "path", "row"), _rows(effect=False))
def test_a_field_without_an_effect(resource: str, path: str, row: Row) -> None:
    """Another value of a field that is said to have no effect changes neither the decision nor the record."""
    document = _base(resource, path, row)
    before = _seen(document)
    target = document["request"]["object"]
    known = dict(_fields(_ROOTS[resource]))
    if known[path] or path.endswith(("image", "signatures")):
        _set(
            target,
            path,
            {"name": "other"}
            if path == "image"
            else [{"type": "x", "content": ""}]
            if path.endswith("signatures")
            else 7,
        )
    else:  # what has rows of its own below it: another field of it
        below = next(
            name
            for name, leaf in known.items()
            if leaf and name.startswith((f"{path}.", f"{path}[]")) and row_of(RESOURCES[resource].ledger, name) is row
        )
        _set(target, below, 7)
    assert _seen(document) == before
