"""The schemas against what OpenShift's API server really sends, takes and denies."""

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import DIGEST, REVIEWS, docker, istag_of, stream_tag, tag_of
from tests.support.examples import examples
from tests.support.paths import DATA

from webhook.resources import imagestreamtags
from webhook.schemas import envelope, image, stream, tag
from webhook.schemas.fields import AnyObject, Choice, Count, Flag, Strings, Text, Texts
from webhook.schemas.schema import Document, Part, Parts
from webhook.schemas.stream import ImageStream, ImageStreamImport, ImageStreamMapping
from webhook.schemas.tag import ImageStreamTag, ImageTag, NewImageStreamTag

_SCHEMA, _NEW = ImageStreamTag(), NewImageStreamTag()
_RECORDED = sorted(path for path in REVIEWS.glob("*.json") if not path.name.endswith(".expected.json"))
_VERDICTS = json.loads((DATA / "api-server-verdicts.json").read_text())
_LAYER = {"name": DIGEST, "size": 1, "mediaType": "application/vnd.oci.image.layer.v1.tar+gzip"}
_MANIFEST = {
    "digest": DIGEST, "mediaType": "application/vnd.oci.image.manifest.v1+json", "manifestSize": 1,
    "architecture": "amd64", "os": "linux",
}  # fmt: skip
_SIGNATURE = {
    "type": "AtomicImageV1", "content": "c2ln",
    "conditions": [{"type": "Trusted", "status": "True"}], "issuedTo": {"publicKeyID": "k"},
}  # fmt: skip
_CONDITION = {"type": "ImportSuccess", "status": "False", "generation": 2}


def _full() -> dict[str, Any]:
    """Return an ImageStreamTag with every object that the API reference names."""
    image = {
        "metadata": {"name": DIGEST},
        "dockerImageMetadata": {"kind": "DockerImage"},
        "dockerImageLayers": [dict(_LAYER)],
        "signatures": [deepcopy(_SIGNATURE)],
    }
    return istag_of(tag_of(docker("docker.io/acme/app:1")), image=image, conditions=[dict(_CONDITION)])


_SCHEMAS: dict[str, Document] = {
    "imagestreamtags": _SCHEMA,
    "imagetags": ImageTag(),
    "imagestreams": ImageStream(),
    "imagestreamimports": ImageStreamImport(),
    "imagestreammappings": ImageStreamMapping(),
}


@pytest.mark.parametrize("path", _RECORDED, ids=lambda path: path.stem)
def test_recorded_reviews_pass(path: Path) -> None:
    """Every object of a recorded review, new and old, passes the schema."""
    request = json.loads(path.read_text())["request"]
    schema = _SCHEMAS[request["resource"]["resource"]]
    created = request["oldObject"] is None
    assert (_NEW if created and schema is _SCHEMA else schema).faults(request["object"]) == ()
    if not created:
        assert schema.faults(request["oldObject"]) == ()


# Requests that the API server rejects for the state of the cluster, which a schema cannot know.
_ELSEWHERE = {
    "isimage ref nonexisting": "the image is not in the cluster",
    "istag cross-ns forbidden": "the user may not pull from that namespace",
    "istag cross-ns nonexisting ns": "that namespace is not there",
}
# If the API server's field belongs to the stream that it writes internally, ours is the one that the user sent.
_FIELDS = {"spec.tags[ne3].from.name": "tag.from.name"}


_PATH = re.compile(r"(?:spec\.|tag\.|metadata\.)[\w.\[\]]+(?=: )")


@pytest.mark.parametrize("verdict", [pytest.param(each, id=each["label"]) for each in _VERDICTS if each["code"] == 422])
def test_what_the_api_server_refuses(verdict: dict[str, Any]) -> None:
    """The API server's 422 for a part of the tag is a fault at the same field."""
    faults = _NEW.faults(imagestreamtags.RESOURCE.defaulted(verdict["body"]))
    if verdict["label"] in _ELSEWHERE:
        assert faults == ()
        return
    expected = {_FIELDS.get(name, name) for name in _PATH.findall(verdict["message"])}
    assert expected
    assert {fault.field for fault in faults} == expected


def test_the_exceptions_are_real() -> None:
    """No exception stands in the table without its verdict."""
    assert set(_ELSEWHERE) <= {verdict["label"] for verdict in _VERDICTS if verdict["code"] == 422}


@pytest.mark.parametrize(
    "verdict", [pytest.param(each, id=each["label"]) for each in _VERDICTS if 200 <= each["code"] < 300]
)
def test_what_the_api_server_accepts(verdict: dict[str, Any]) -> None:
    """Objects that the API server accepted pass, with the values that its decoder fills in."""
    body = {"kind": "ImageStreamTag", "metadata": {"name": "v:x"}, **verdict["body"]}
    schema = _SCHEMA if verdict["method"] in ("PUT", "PATCH") else _NEW
    assert schema.faults(imagestreamtags.RESOURCE.defaulted(body)) == ()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"tag": None}, id="tag-null"),
        pytest.param({"tag": {}}, id="tag-empty"),
        pytest.param({"tag": tag_of(None)}, id="tag-without-from"),
        pytest.param({"tag": tag_of(docker("nginx"), name="")}, id="tag-name-empty"),
        pytest.param({"tag": tag_of(docker("nginx"), name="other")}, id="tag-name-differs"),
        pytest.param({"tag": tag_of(docker("nginx"), generation=None)}, id="generation-null"),
        pytest.param({"tag": tag_of(docker("nginx"), generation=-5)}, id="generation-negative"),
        pytest.param({"tag": tag_of(docker("nginx"), importPolicy={"importMode": ""})}, id="import-mode-empty"),
        pytest.param({"tag": tag_of(docker("nginx"), importPolicy=None)}, id="import-policy-null"),
        pytest.param({"metadata": {"name": "a:b", "creationTimestamp": None}}, id="creation-timestamp-null"),
        pytest.param({"metadata": {"generateName": "a:b-"}}, id="generate-name"),
        pytest.param({"metadata": {"name": "a:b:c"}}, id="two-colons"),
        pytest.param({"metadata": {"name": "a:"}}, id="no-tag"),
        pytest.param({"image": {"dockerImageLayers": None}}, id="layers-null"),
        pytest.param({"image": {"dockerImageLayers": None, "dockerImageManifests": [_MANIFEST]}}, id="manifest-list"),
        pytest.param({"image": {"dockerImageMetadata": {"Created": None}}}, id="created-null"),
        pytest.param({"spec": {"new": ["field"]}, "image": {"sbom": {}}}, id="unknown-fields"),
    ],
)
def test_what_a_strict_check_would_wrongly_refuse(change: dict[str, Any]) -> None:
    """Real objects pass: a required key may be null or missing, and new fields are accepted."""
    assert _SCHEMA.faults({**_full(), **change}) == ()


_REQUIRED = [
    ("tag",), ("generation",), ("lookupPolicy",), ("image",), ("lookupPolicy", "local"),
    ("tag", "name"), ("tag", "referencePolicy", "type"),
    *(("conditions", 0, key) for key in ("type", "status", "generation")),
    *(("image", "dockerImageLayers", 0, key) for key in ("name", "size", "mediaType")),
    *(("image", "dockerImageManifests", 0, key) for key in ("digest", "mediaType", "manifestSize", "architecture", "os")),
    *(("image", "signatures", 0, key) for key in ("type", "content")),
    *(("image", "signatures", 0, "conditions", 0, key) for key in ("type", "status")),
    ("image", "signatures", 0, "issuedTo", "publicKeyID"),
]  # fmt: skip


def _path(parts: tuple[str | int, ...]) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in parts)[1:]


def _at(document: Any, parts: tuple[str | int, ...]) -> Any:
    for part in parts:
        document = document[part]
    return document


def _with_manifests() -> dict[str, Any]:
    document = _full()
    document["image"] = {"dockerImageManifests": [dict(_MANIFEST)], "signatures": [deepcopy(_SIGNATURE)]}
    return document


@pytest.mark.parametrize("parts", _REQUIRED, ids=_path)
def test_required_fields(parts: tuple[str | int, ...]) -> None:
    """Every field that the API reference requires is missed, at its path."""
    document = _with_manifests() if "dockerImageManifests" in parts else _full()
    assert _SCHEMA.faults(document) == ()
    del _at(document, parts[:-1])[parts[-1]]
    (fault,) = _SCHEMA.faults(document)
    assert (fault.field, fault.message, fault.reason) == (
        _path(parts), "Required value: the key is missing", "FieldValueRequired",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("parts", "value", "message"),
    [
        (("tag", "referencePolicy", "type"), "Remote", 'Unsupported value: "Remote": supported values: "Source", "Local"'),
        (
            ("tag", "importPolicy", "importMode"), "All",
            'Unsupported value: "All": supported values: "Legacy", "PreserveOriginal"',
        ),
        (("tag", "importPolicy", "insecure"), "yes", 'Invalid value: "yes": expected true or false'),
        (("tag", "importPolicy", "scheduled"), 1, "Invalid value: 1: expected true or false"),
        (("tag", "importPolicy"), [], "Invalid value: []: expected an object"),
        (("tag", "generation"), True, "Invalid value: true: expected a 64-bit integer"),
        (("tag", "generation"), 2**63, f"Invalid value: {2**63}: expected a 64-bit integer"),
        (("tag", "annotations"), {"a": 1}, 'Invalid value: {"a": 1}: expected a map of strings to strings; quote the values to make them strings in YAML'),
        (("tag", "from", "name"), "", "Required value"),
        (("tag", "from", "name"), 3, "Invalid value: 3: expected a string; quote it to make it a string in YAML"),
        (
            ("tag", "from", "kind"), "ImageStream",
            "Unsupported value: \"ImageStream\": valid values are 'DockerImage', 'ImageStreamTag', 'ImageStreamImage'",
        ),
        (
            ("tag", "from", "kind"), "",
            "Required value: valid values are 'DockerImage', 'ImageStreamTag', 'ImageStreamImage'",
        ),
        (("lookupPolicy", "local"), "true", 'Invalid value: "true": expected true or false'),
        (("image", "dockerImageLayers", 0), 7, "Invalid value: 7: expected an object"),
        (("image", "dockerImageLayers"), {}, "Invalid value: {}: expected a list of objects"),
        (("metadata", "name"), "a/b:c", "Invalid value: \"a/b:c\": may not contain '/'"),
        (("metadata", "name"), ":x", 'Invalid value: ":x": must be of the form <stream_name>:<tag>'),
        (("metadata", "name"), "A:x", 'Invalid value: "A": must match "[a-z0-9]+(?:[._-][a-z0-9]+)*"'),
    ],
)  # fmt: skip
def test_wrong_values(parts: tuple[str | int, ...], value: Any, message: str) -> None:
    """A value of another type, or outside its enumeration, is a fault at its path that says what was expected."""
    document = _full()
    _at(document, parts[:-1])[parts[-1]] = value
    (fault,) = _SCHEMA.faults(document)
    assert (fault.field, fault.message) == (_path(parts), message)


@pytest.mark.parametrize(
    ("image", "faults"),
    [
        ({"dockerImageLayers": [_LAYER]}, 0),
        ({"dockerImageManifests": [_MANIFEST]}, 0),
        ({"dockerImageLayers": [], "dockerImageManifests": [_MANIFEST]}, 0),
        ({"dockerImageLayers": [_LAYER], "dockerImageManifests": [_MANIFEST]}, 1),
    ],
    ids=["layers", "manifests", "no-layers", "both"],
)
def test_layers_and_manifests_exclude_each_other(image: dict[str, Any], faults: int) -> None:
    """An image has layers or sub-manifests, never both."""
    found = _SCHEMA.faults({**_full(), "image": image})
    assert [fault.field for fault in found] == ["image.dockerImageLayers"] * faults


def test_only_a_docker_image_is_scheduled() -> None:
    """`scheduled` on another kind of source is a fault, as the API server has it."""
    tag = tag_of(stream_tag("base:latest"), importPolicy={"scheduled": True})
    (fault,) = _SCHEMA.faults(istag_of(tag))
    assert fault.field == "tag.importPolicy.scheduled"


def test_new_annotations_have_two_homes() -> None:
    """A tag that is created has the object's annotations or none; one that is updated may have others."""
    document = istag_of(tag_of(docker("nginx"), annotations={"a": "b"}))
    assert [fault.field for fault in _NEW.faults(document)] == ["tag.annotations"]
    assert _SCHEMA.faults(document) == ()
    document["metadata"]["annotations"] = {"a": "b"}
    assert _NEW.faults(document) == ()


_WORDS = st.sampled_from(
    ["", "x", "app", "app:1", "a/b:c", "A:x", "DockerImage", "ImageStreamTag", "ImageStreamImage", "quay.io/acme/app:1", "quay.io/acme/app",
     f"app@{DIGEST}", "UPPER/case", "Legacy", "Local", "Source", "PreserveOriginal", "admission.k8s.io/v1", "AdmissionReview", "CREATE"]
)  # fmt: skip
_ANYTHING: st.SearchStrategy[Any] = st.sampled_from(
    [
        None,
        True,
        False,
        0,
        1,
        -(2**63),
        2**63,
        2**70,
        1.5,
        "",
        "x",
        [],
        [None],
        [{}],
        [1],
        {},
        {"a": 1},
        {"a": "b"},
        {"a": None},
    ]
)
_ANNOTATIONS = st.dictionaries(st.sampled_from("ab"), st.none() | st.sampled_from(["", "x"]), max_size=2)


# Values without a contradiction, by the keys of texts.
_LIKELY = {
    "kind": st.sampled_from(["DockerImage", "DockerImage", "ImageStreamTag", "AdmissionReview", "AdmissionReview"]),
    "name": st.sampled_from(["app", "app:1", "quay.io/acme/app"]),
    "tag": st.just("live"),
    "apiVersion": st.sampled_from(envelope.VERSIONS),
    "operation": st.sampled_from(envelope.OPERATIONS),
}


def _of_field(key: str, field: Any) -> st.SearchStrategy[Any]:
    """Return values that a field may take, and now and then others."""
    good: st.SearchStrategy[Any]
    if isinstance(field, Text) and key in _LIKELY:
        return st.one_of(*[_LIKELY[key]] * 12, _WORDS | _ANYTHING)
    if isinstance(field, Part):
        good = _of_document(field.document)
    elif isinstance(field, Parts):
        good = st.lists(_of_document(field.document), max_size=2)
    elif isinstance(field, Choice):
        good = st.sampled_from(sorted(field.choices))
    else:
        good = _OF_FIELDS[type(field)]
    return st.one_of(*[good] * 12, _ANYTHING)


_OF_FIELDS: dict[type[Any], st.SearchStrategy[Any]] = {
    Text: _WORDS,
    Flag: st.booleans(),
    Count: st.integers(-(2**63), 2**63 - 1),
    Strings: _ANNOTATIONS,
    Texts: st.lists(_WORDS, max_size=2),
    AnyObject: _ANNOTATIONS,
}


def _of_document(schema: Document) -> st.SearchStrategy[Any]:
    """Return objects that a schema may accept: every key, most keys or few, and one that it does not know."""
    fields = {field.data_key or name: _of_field(name, field) for name, field in schema.load_fields.items()}
    keys = {field.data_key or name for name, field in schema.load_fields.items() if field.required}
    required = {key: fields[key] for key in keys}
    others: dict[str, st.SearchStrategy[Any]] = {key: fields[key] for key in fields.keys() - keys}
    least = st.fixed_dictionaries(required, optional={**others, "unknown": _ANYTHING})
    return st.one_of(st.fixed_dictionaries(fields), least, least, st.fixed_dictionaries({}, optional=fields))


_ALL = sorted(
    {each for module in (envelope, image, stream, tag) for each in vars(module).values()
     if isinstance(each, type) and issubclass(each, Document) and each is not Document},
    key=lambda schema: schema.__name__,
)  # fmt: skip


_REVIEW = json.loads(_RECORDED[0].read_text())
# So much must be there in these that few of what is made is whole.
_WHOLE = {envelope.AdmissionReview: _REVIEW, envelope.AdmissionRequest: _REVIEW["request"]}


@pytest.mark.no_cover
@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.__name__)
def test_the_two_ways_agree(kind: type[Document]) -> None:
    """`accepts` says yes exactly if marshmallow finds no fault, of documents that a schema may accept and of others."""
    schema, seen = kind(), set[bool]()

    @examples(200)
    @given(_of_document(schema) | st.just(_WHOLE[kind]) if kind in _WHOLE else _of_document(schema))
    def agree(document: Any) -> None:
        faults = schema.validate(document)
        assert schema.accepts(document) is not bool(faults), faults
        assert bool(schema.faults(document)) is bool(faults)
        seen.add(not faults)

    agree()
    assert seen == {True, False}


@pytest.mark.parametrize("kind", _ALL, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("value", [None, [], "x", 1, True], ids=repr)
def test_what_is_no_object(kind: type[Document], value: Any) -> None:
    """No schema accepts what is no object."""
    assert not kind().accepts(value)
    assert [fault.field for fault in kind().faults(value)] == [""]


_NO_STREAM = "must be of the form <tag>, <repo>:<tag>, <id>, or <repo>@<id>"
_STREAM_SOURCES = [
    pytest.param("ImageStreamTag", "app:1", "", None, id="stream-and-tag"),
    pytest.param("ImageStreamTag", "1", "", None, id="tag"),
    pytest.param("ImageStreamTag", "Weird tag+x", "", None, id="tag-of-any-characters"),
    pytest.param("ImageStreamTag", "a.b_c:1", "openshift", None, id="namespace"),
    pytest.param("ImageStreamImage", f"app@{DIGEST}", "", None, id="digest"),
    pytest.param("ImageStreamImage", "app@24894f8b8aba", "", None, id="beginning"),
    pytest.param("ImageStreamImage", DIGEST, "", None, id="digest-alone"),
    pytest.param("ImageStreamTag", "docker.io/library/busybox:1", "", "name", id="pull-spec"),
    pytest.param("ImageStreamTag", "reg.example:5000/app:1", "", "name", id="pull-spec-with-port"),
    pytest.param("ImageStreamTag", "acme/app:1", "", "name", id="path"),
    pytest.param("ImageStreamTag", "App:1", "", "name", id="upper-case"),
    pytest.param("ImageStreamTag", f"app@{DIGEST}", "", "name", id="image-as-tag"),
    pytest.param("ImageStreamImage", f"quay.io/acme/app@{DIGEST}", "", "name", id="pull-spec-by-digest"),
    pytest.param("ImageStreamImage", f"App@{DIGEST}", "", "name", id="upper-case-by-digest"),
    pytest.param("ImageStreamImage", "quay.io/acme/app", "", "name", id="pull-spec-as-image"),
    pytest.param("ImageStreamTag", "app:1", "no/such", "namespace", id="slash-in-namespace"),
    pytest.param("ImageStreamTag", "app:1", "Team", "namespace", id="upper-case-namespace"),
    pytest.param("ImageStreamImage", f"app@{DIGEST}", "a" * 64, "namespace", id="long-namespace"),
    pytest.param("DockerImage", "quay.io/a/b", "no/such", None, id="namespace-of-a-DockerImage"),
]


@pytest.mark.parametrize(("kind", "name", "namespace", "field"), _STREAM_SOURCES)
@pytest.mark.parametrize("resource", ["imagestreamtags", "imagetags", "imagestreams"])
def test_sources_in_the_cluster(resource: str, kind: str, name: str, namespace: str, field: str | None) -> None:
    """The stream and the namespace of a source are names that the API server can look up, in every resource."""
    tag = tag_of({"kind": kind, "name": name, **({"namespace": namespace} if namespace else {})})
    document = {
        "imagestreamtags": istag_of(tag),
        "imagetags": {"metadata": {"name": "app:live"}, "spec": tag, "status": None, "image": None},
        "imagestreams": {"metadata": {"name": "app"}, "spec": {"tags": [tag]}},
    }[resource]
    place = {"imagestreamtags": "tag", "imagetags": "spec", "imagestreams": "spec.tags[0]"}[resource]
    faults = _SCHEMAS[resource].faults(document)
    assert [fault.field for fault in faults] == ([f"{place}.from.{field}"] if field else [])
    if field == "name":
        assert _NO_STREAM in faults[0].message


@pytest.mark.parametrize(
    ("name", "faults"),
    [
        ("UPPER/x", 0),
        ("UPPER/x:1", 1),
        (f"UPPER/x@{DIGEST}", 1),
        ("quay.io/UPPER/x", 1),
        ("Upper", 1),
        ("quay.io/acme/app", 0),
        ("quay.io/acme/app:1", 1),
    ],
)
def test_a_followed_repository(name: str, faults: int) -> None:
    """A stream may follow what the API server takes for a repository, though it can mean two."""
    stream = ImageStream().faults({"metadata": {"name": "app"}, "spec": {"dockerImageRepository": name}})
    repository = {"from": docker(name)}
    imported = ImageStreamImport().faults({"spec": {"import": True, "repository": repository}, "status": {}})
    assert (len(stream), len(imported)) == (faults, faults)
