"""Fields that make a tag mean something else, though no source in a specification names it (what OpenShift stores)."""

from typing import Any

import pytest
from tests.support.builders import (
    DIGEST,
    NOW,
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

from webhook.admission import engine
from webhook.audit.record import tags as recorded
from webhook.evaluate.scan import evaluated
from webhook.model.decision import Mode
from webhook.policy.policy import Policy

_OTHER = "sha256:" + "b" * 64
_INTERNAL = "image-registry.openshift-image-registry.svc:5000"
_INSECURE = "openshift.io/image.insecureRepository"
_FIELD = f'metadata.annotations["{_INSECURE}"]'
_EVIL = f"docker.io/evil/backdoor@{DIGEST}"
_APP = docker("quay.io/acme/app:1")


def _rules(*rules: str, exemptions: str = "[]") -> Policy:
    listed = "".join(f"    - {{name: {rule}}}\n" for rule in rules)
    some = f"  exemptions: {exemptions}\n" if exemptions != "[]" else ""
    return policy_of(f"spec:\n{some}  rules:\n{listed}")


def _denied(document: dict[str, Any], policy: Policy) -> list[str]:
    """Return which rule denies a review at which field."""
    return [
        f"{finding.rule} {finding.field}"
        for finding in engine.validate(decoded(document), policy).findings
        if finding.mode is Mode.ENFORCE
    ]


def _event(reference: str = f"quay.io/acme/app@{DIGEST}", image: str = DIGEST) -> dict[str, Any]:
    return {"created": "2026-01-01T00:00:00Z", "dockerImageReference": reference, "image": image, "generation": 1}


def _with_history(stream: dict[str, Any], **tags: list[dict[str, Any]]) -> dict[str, Any]:
    listed = [{"tag": name, "items": items} for name, items in tags.items()]
    return {**stream, "status": {"dockerImageRepository": "", "tags": listed}}


# --- the reference of a push

_TRUSTED = _rules(
    f"trusted, registries: {{allow: [quay.io/acme/**, '{_INTERNAL}/app/**']}}",
    "own, crossNamespace: {}",
    "pinned, pin: {digest: true}",
    "kinds, sourceKinds: {allow: [ImageStreamTag]}",
)


@pytest.mark.parametrize(
    ("reference", "denied", "to"),
    [
        pytest.param(_EVIL, ["trusted", "kinds"], f"DockerImage {_EVIL}", id="another-registry"),
        pytest.param(f"quay.io/acme/app@{DIGEST}", ["kinds"], f"DockerImage quay.io/acme/app@{DIGEST}", id="an-allowed-registry"),
        pytest.param("quay.io/acme/app:1", ["pinned", "kinds"], "DockerImage quay.io/acme/app:1", id="without-a-digest"),
        pytest.param(f"{_INTERNAL}/app/app@{DIGEST}", [], f"ImageStreamImage app@{DIGEST}", id="the-streams-own"),
        pytest.param(f"{_INTERNAL}/app/app:live@{DIGEST}", [], f"ImageStreamImage app@{DIGEST}", id="the-streams-own-with-a-tag"),
        pytest.param(
            f"image-registry.openshift-image-registry/app/app@{DIGEST}", [], f"ImageStreamImage app@{DIGEST}",
            id="the-streams-own-by-another-name",
        ),
        pytest.param("", [], f"ImageStreamImage app@{DIGEST}", id="filled-in-by-the-server"),
        pytest.param(None, [], f"ImageStreamImage app@{DIGEST}", id="null"),
        pytest.param(
            f"{_INTERNAL}/app/other@{DIGEST}", ["kinds"], f"DockerImage {_INTERNAL}/app/other@{DIGEST}", id="another-stream",
        ),
        pytest.param(
            f"{_INTERNAL}/other/app@{DIGEST}", ["trusted", "own", "kinds"], f"DockerImage {_INTERNAL}/other/app@{DIGEST}",
            id="another-namespace",
        ),
        pytest.param(f"{_INTERNAL}/app/app:live", ["pinned", "kinds"], f"DockerImage {_INTERNAL}/app/app:live", id="the-streams-own-by-tag"),
        pytest.param(
            f"{_INTERNAL}/app/app@{_OTHER}", ["trusted", "own", "pinned", "kinds"], f"DockerImage {_INTERNAL}/app/app@{_OTHER}",
            id="the-streams-own-but-another-image",
        ),
        pytest.param(
            f"quay.io/acme/app@{_OTHER}", ["trusted", "own", "pinned", "kinds"], f"DockerImage quay.io/acme/app@{_OTHER}",
            id="another-image",
        ),
        pytest.param("quay.io/Acme/app", ["trusted", "own", "pinned", "kinds"], "DockerImage quay.io/Acme/app", id="malformed"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("managed", [True, False], ids=["managed", "unmanaged"])
def test_the_reference_of_a_push(reference: str | None, denied: list[str], to: str, managed: bool) -> None:
    """A push may name any reference, pods pull from it, and that the image is marked as managed does not excuse it."""
    mark = {"annotations": {"openshift.io/image.managed": "true"}} if managed else {}
    document = push_review({"dockerImageReference": reference, "metadata": {"name": DIGEST, **mark}})
    assert _denied(document, _TRUSTED) == [f"{rule} image.dockerImageReference" for rule in denied]
    (tag,) = recorded(engine.validate(decoded(document), _TRUSTED))
    assert tag["to"] == to


@pytest.mark.parametrize(
    ("stream", "findings"),
    [
        pytest.param(
            _with_history(stream_of(), live=[_event(_EVIL)]),
            ["app/app:live trusted status.tags[0].items[0].dockerImageReference"], id="a-tag-that-was-only-pushed",
        ),
        pytest.param(
            _with_history(stream_of(tag_of(docker("quay.io/acme/app:1"))), live=[_event(_EVIL), _event()]),
            ["app/app:live trusted status.tags[0].items[0].dockerImageReference"], id="a-tag-with-another-source",
        ),
        pytest.param(
            _with_history(stream_of(tag_of(stream_tag("base:1"))), live=[_event(_EVIL)]),
            ["app/app:live trusted status.tags[0].items[0].dockerImageReference"], id="an-alias",
        ),
        pytest.param(
            _with_history(stream_of(tag_of(docker("docker.io/evil/backdoor:1"))), live=[_event(_EVIL)]),
            ["app/app:live trusted spec.tags[0].from.name"], id="said-once-of-an-imported-tag",
        ),
        pytest.param(_with_history(stream_of(), live=[_event(), _event(_EVIL)]), [], id="not-the-newest"),
        pytest.param(_with_history(stream_of(), live=[_event(f"{_INTERNAL}/app/app@{DIGEST}")]), [], id="the-streams-own"),
    ],
)  # fmt: skip
def test_a_scan_reads_what_was_pushed(stream: dict[str, Any], findings: list[str]) -> None:
    """A scan evaluates the newest reference in the history of each tag, and counts each tag once."""
    policy = _rules("trusted, registries: {allow: [quay.io/acme/**]}").for_stored_streams()
    outcomes = list(evaluated(stream, policy, {}, NOW))
    assert [
        f"{each.title} {finding.rule} {finding.field}" for each in outcomes for finding in each.findings
    ] == findings
    assert [each.title for each in outcomes] == ["app/app:live"]


# --- following a repository

_FIXED = _rules("fixed, match: {tags: [live]}, immutable: {}")
_REPOSITORY = "spec.dockerImageRepository"


@pytest.mark.parametrize(
    ("new", "old", "denied"),
    [
        pytest.param(
            stream_of(tag_of({"kind": "ImageStreamImage", "name": f"build@{DIGEST}"}), dockerImageRepository="quay.io/mallory/shop"),
            stream_of(tag_of({"kind": "ImageStreamImage", "name": f"build@{DIGEST}"})),
            [f"fixed {_REPOSITORY}"], id="begins",
        ),
        pytest.param(
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"), stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/d"),
            [f"fixed {_REPOSITORY}"], id="changes",
        ),
        pytest.param(
            stream_of(dockerImageRepository="quay.io/b/c"), _with_history(stream_of(), live=[_event()]),
            [f"fixed {_REPOSITORY}"], id="a-tag-that-was-only-pushed",
        ),
        pytest.param(stream_of(dockerImageRepository="quay.io/b/c"), stream_of(), [], id="no-such-tag"),
        pytest.param(
            stream_of(tag_of(_APP, name="other"), dockerImageRepository="quay.io/b/c"), stream_of(tag_of(_APP, name="other")),
            [], id="another-tag",
        ),
        pytest.param(stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"), None, [f"fixed {_REPOSITORY}"], id="a-new-stream"),
        pytest.param(
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"), stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"),
            [], id="stays",
        ),
        pytest.param(stream_of(tag_of(_APP)), stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"), [], id="ends"),
        pytest.param(
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c", metadata={"annotations": {_INSECURE: "true"}}),
            stream_of(tag_of(_APP), dockerImageRepository="quay.io/b/c"), [], id="insecurely",
        ),
    ],
)  # fmt: skip
def test_a_followed_repository_sets_tags(new: dict[str, Any], old: dict[str, Any] | None, denied: list[str]) -> None:
    """A stream that begins to follow a repository gets each of its tags from there, whatever the tag points at."""
    assert _denied(stream_review(new, old), _FIXED) == denied


def test_the_names_and_annotations_of_tags_that_a_repository_sets_are_their_own() -> None:
    """Following a repository is no reason to complain about the tags that are there."""
    policy = _rules("named, tagName: {grammar: true}", "owned, annotations: {require: {owner: '*'}}")
    old = stream_of(tag_of(_APP, name="a b"))
    assert (
        _denied(stream_review({**old, "spec": {**old["spec"], "dockerImageRepository": "quay.io/b/c"}}, old), policy)
        == []
    )


# --- insecure imports

_SECURE = _rules("secure, importPolicy: {insecure: false}")
_LOOSE = {"importPolicy": {"insecure": True, "importMode": "Legacy"}}
_FIRST, _SECOND = "secure spec.images[0].importPolicy.insecure", "secure spec.images[1].importPolicy.insecure"


@pytest.mark.parametrize(
    ("document", "denied"),
    [
        pytest.param(
            import_review(imported(f"registry.example/team/x@{DIGEST}", None, **_LOOSE), imported("registry.example/team/x:1")),
            [_FIRST], id="without-a-tag",
        ),
        pytest.param(
            import_review(imported("registry.example/team/x:2"), imported("registry.example/team/x:1", "tmp", **_LOOSE)),
            [_SECOND], id="after-it-and-with-a-tag",
        ),
        pytest.param(
            import_review(imported("busybox:1", None, **_LOOSE), imported("docker.io/library/busybox:2")),
            [_FIRST], id="by-another-spelling",
        ),
        pytest.param(
            import_review(imported("quay.io/a/b:1"), repository={"from": docker("quay.io/a/b"), **_LOOSE}),
            ["secure spec.repository.importPolicy.insecure"], id="by-the-repository",
        ),
        pytest.param(
            import_review(imported("quay.io/a/b:1", None, **_LOOSE), repository={"from": docker("quay.io/a/b")}),
            [_FIRST], id="of-the-repository",
        ),
        pytest.param(
            import_review(imported("quay.io/a/c:1", None, **_LOOSE), imported("quay.io/a/b:1")), [_FIRST], id="of-another-repository",
        ),
        pytest.param(
            import_review(imported("docker.io/a/b:1", None, **_LOOSE), imported("quay.io/a/b:1")), [], id="of-another-registry",
        ),
        pytest.param(import_review(imported("quay.io/a/b:1", None, **_LOOSE)), [], id="that-sets-no-tag"),
    ],
)  # fmt: skip
def test_an_insecure_import_from_a_registry(document: dict[str, Any], denied: list[str]) -> None:
    """The importer tries a registry once in a request, so one insecure image makes all others from there insecure."""
    assert _denied(document, _SECURE) == denied


_MADE = {"annotations": {_INSECURE: "true"}}


@pytest.mark.parametrize(
    ("document", "denied"),
    [
        pytest.param(stream_review(stream_of(metadata=_MADE)), True, id="created"),
        pytest.param(stream_review(stream_of(metadata=_MADE), stream_of()), True, id="annotated"),
        pytest.param(
            stream_review(stream_of(metadata={"annotations": {_INSECURE: "TRUE"}}), stream_of()), True, id="upper-case"
        ),
        pytest.param(stream_review(stream_of(metadata=_MADE), stream_of(), "status"), True, id="by-its-status"),
        pytest.param(stream_review(stream_of(metadata=_MADE), stream_of(metadata=_MADE)), False, id="already"),
        pytest.param(stream_review(stream_of(), stream_of(metadata=_MADE)), False, id="mended"),
        pytest.param(stream_review(stream_of(metadata={"annotations": {_INSECURE: "false"}})), False, id="false"),
    ],
)
@pytest.mark.parametrize("match", ["", "match: {tags: [live]}, "], ids=["every-tag", "one-tag"])
def test_an_insecure_stream_without_tags(document: dict[str, Any], denied: bool, match: str) -> None:
    """The annotation is evaluated on the stream: it affects tags that are added later without a review."""
    policy = _rules(f"secure, {match}importPolicy: {{insecure: false}}")
    assert _denied(document, policy) == ([f"secure {_FIELD}"] if denied else [])


def test_a_scan_reads_the_annotation_of_an_empty_stream() -> None:
    """An annotation of a stream is found even if no tag shows it."""
    (outcome,) = evaluated(
        stream_of(metadata={"name": "app", "namespace": "app", **_MADE}), _SECURE.for_stored_streams(), {}, NOW
    )
    assert [f"{finding.rule} {finding.field}" for finding in outcome.findings] == [f"secure {_FIELD}"]


# --- the history in a status


@pytest.mark.parametrize(
    ("new", "old", "denied"),
    [
        pytest.param([_event(), _event(_EVIL)], [_event()], [1], id="below-the-newest"),
        pytest.param(
            [_event(), _event(f"quay.io/acme/app@{_OTHER}", _OTHER), _event(_EVIL)], [_event()], [2], id="at-the-end"
        ),
        pytest.param([_event(_EVIL), _event()], [_event()], [0], id="the-newest"),
        pytest.param([_event(_EVIL), _event(_EVIL, _OTHER)], [], [0, 1], id="all-new"),
        pytest.param([_event(), _event(_EVIL)], [_event(), _event(_EVIL)], [], id="as-it-was"),
        pytest.param([_event(_EVIL), _event()], [_event(), _event(_EVIL)], [0], id="brought-back"),
        pytest.param([_event()], [_event(), _event(_EVIL)], [], id="gone"),
    ],
)
def test_what_is_new_in_a_history(new: list[Any], old: list[Any], denied: list[int]) -> None:
    """Each image that a status adds to the history may be named by an ImageStreamImage source from then on."""
    review = stream_review(_with_history(stream_of(), live=new), _with_history(stream_of(), live=old), "status")
    policy = _rules("trusted, registries: {allow: [quay.io]}")
    assert _denied(review, policy) == [f"trusted status.tags[0].items[{at}].dockerImageReference" for at in denied]


@pytest.mark.parametrize(
    ("new", "moved"),
    [
        ([_event(f"quay.io/acme/app@{_OTHER}", _OTHER), _event()], True),
        ([_event("quay.io/acme/app:1", _OTHER)], True),
        ([_event(), _event(f"quay.io/acme/app@{_OTHER}", _OTHER)], False),
    ],
    ids=["another-image", "another-image-by-the-same-reference", "an-older-image"],
)
def test_an_immutable_tag_moves_with_its_newest_image(new: list[Any], moved: bool) -> None:
    """A tag means the newest image of its history; what is below moves nothing."""
    old = [_event("quay.io/acme/app:1")] if new[0]["dockerImageReference"] == "quay.io/acme/app:1" else [_event()]
    review = stream_review(_with_history(stream_of(), live=new), _with_history(stream_of(), live=old), "status")
    found = _denied(review, _FIXED)
    assert found == (["fixed status.tags[0].items[0].dockerImageReference"] if moved else [])


# --- the two homes of annotations

_ANNOTATED = _rules("no-evil, annotations: {deny: ['evil.example/*']}", "owned, annotations: {require: {owner: '*'}}")
_BOTH = {"owner": "me", "evil.example/x": "1"}


@pytest.mark.parametrize(
    ("own", "given", "created", "rules"),
    [
        pytest.param(None, _BOTH, True, ["no-evil"], id="created-with-the-objects"),
        pytest.param(_BOTH, _BOTH, True, ["no-evil"], id="created-with-both"),
        pytest.param(None, {"owner": "me"}, True, [], id="required-of-the-object"),
        pytest.param({"owner": "me"}, {"owner": "me"}, True, [], id="required-of-both"),
        pytest.param(None, None, True, ["owned"], id="created-with-none"),
        pytest.param(_BOTH, {"owner": "me"}, False, [], id="an-update-stores-the-objects"),
        pytest.param({"owner": "me"}, None, False, ["owned"], id="an-update-drops-the-tags"),
        pytest.param(None, _BOTH, False, ["no-evil"], id="an-update-with-the-objects"),
    ],
)
def test_annotations_of_a_tag(own: Any, given: Any, created: bool, rules: list[str]) -> None:
    """A create is a PUT that stores the object's annotations, or a POST that stores the tag's; an update is a PUT."""
    metadata = {"name": "app:live", "namespace": "app", **({"annotations": given} if given else {})}
    document = review_of(
        None,
        object=istag_of(tag_of(_APP, annotations=own), metadata=metadata),
        oldObject=None if created else istag_of(tag_of(docker("quay.io/acme/app:0"))),
        operation="CREATE" if created else "UPDATE",
    )
    assert [found.partition(" ")[0] for found in _denied(document, _ANNOTATED)] == rules


# --- an update without its tag


def _without_tag(given: dict[str, str], tag: Any = None, **missing: Any) -> dict[str, Any]:
    metadata = {"name": "app:live", "namespace": "app", "annotations": given}
    old = istag_of(tag_of(_APP), metadata={"name": "app:live", "namespace": "app", "annotations": {"owner": "me"}})
    return review_of(None, object={**istag_of(tag, metadata=metadata), **missing}, oldObject=old)


@pytest.mark.parametrize(
    ("given", "rules"),
    [({"a": "c"}, ["owned"]), ({"owner": "you"}, []), (_BOTH, ["no-evil"]), ({}, ["owned"])],
    ids=["another", "changed", "denied", "removed"],
)
def test_an_update_without_its_tag(given: dict[str, str], rules: list[str]) -> None:
    """The tag stays as it is, and its annotations become the object's: nothing is completed, nothing is removed."""
    document = _without_tag(given)
    policy = policy_of(
        "spec:\n  defaults:\n    - {name: d, set: {importPolicy: {importMode: PreserveOriginal, scheduled: true}, annotations: {by: us}}}\n"
        "  rules:\n    - {name: no-evil, annotations: {deny: ['evil.example/*']}}\n"
        "    - {name: owned, annotations: {require: {owner: '*'}}}\n    - {name: fixed, immutable: {}}\n"
    )
    assert engine.mutate(decoded(document), policy).patch == ()
    assert [found.partition(" ")[0] for found in _denied(document, policy)] == rules
    (tag,) = recorded(engine.validate(decoded(document), policy))
    assert (tag["from"], tag["to"]) == ("DockerImage quay.io/acme/app:1", "DockerImage quay.io/acme/app:1")


# --- the reason of an exemption

_EXEMPT = _rules(
    "trusted, registries: {allow: [quay.io]}",
    exemptions="[{name: break-glass, users: [alice], annotation: istag-webhook/reason}]",
)


def _because(reason: str) -> dict[str, str]:
    return {"istag-webhook/reason": reason} if reason else {}


def _tag_review(was: str, now: str) -> dict[str, Any]:
    new, old = (
        istag_of(tag_of(source), metadata={"name": "app:live", "namespace": "app", "annotations": _because(reason)})
        for source, reason in ((docker("evil.example/x:1"), now), (_APP, was))
    )
    return review_of(None, object=new, oldObject=old)


def _image_tag_review(was: str, now: str) -> dict[str, Any]:
    new, old = (
        itag_of(tag_of(source, annotations=_because(reason)))
        for source, reason in ((docker("evil.example/x:1"), now), (_APP, was))
    )
    return reviewed("imagetags", "ImageTag", "app:live", new, old)


def _stream_tag_review(was: str, now: str) -> dict[str, Any]:
    new, old = (
        stream_of(tag_of(source, annotations=_because(reason)))
        for source, reason in ((docker("evil.example/x:1"), now), (_APP, was))
    )
    return stream_review(new, old)


def _following_review(was: str, now: str) -> dict[str, Any]:
    old = stream_of(metadata={"annotations": _because(was)})
    new = stream_of(metadata={"annotations": _because(now)}, dockerImageRepository="evil.example/x")
    return stream_review(new, old)


@pytest.mark.parametrize(
    "review",
    [_tag_review, _image_tag_review, _stream_tag_review, _following_review],
    ids=["imagestreamtag", "imagetag", "imagestream", "followed-repository"],
)
@pytest.mark.parametrize(
    ("was", "now", "exempt"),
    [("", "INC-2", True), ("INC-1", "INC-2", True), ("INC-1", "INC-1", False), ("INC-1", " INC-1 ", False), ("INC-1", "", False)],
    ids=["given", "another", "stale", "stale-but-for-spaces", "taken-away"],
)  # fmt: skip
def test_a_reason_is_given_with_the_change(review: Any, was: str, now: str, exempt: bool) -> None:
    """An exemption that asks for a reason holds only if this change gives it: an old one may be anybody's."""
    decision = engine.validate(decoded(review(was, now)), _EXEMPT)
    assert (decision.allowed, decision.exemption is not None) == (exempt, exempt)
    if decision.exemption is not None:
        assert decision.exemption.reason == now


# --- which tags can be scheduled


@pytest.mark.parametrize("source", [_APP, docker(f"quay.io/acme/app@{DIGEST}"), stream_tag("base:1"), None], ids=str)
@pytest.mark.parametrize("reference", [True, False], ids=["reference", "imported"])
@pytest.mark.parametrize("scheduled", [True, False], ids=["scheduled", "not-scheduled"])
def test_rule_and_default_agree_on_what_can_be_scheduled(source: Any, reference: bool, scheduled: bool) -> None:
    """A tag that the default cannot schedule is not denied for that, and one that is not denied needs no default."""
    document = review_of(source, tag={"reference": reference, "importPolicy": {"scheduled": scheduled}})
    policy = policy_of(
        "spec:\n  defaults: [{name: d, set: {importPolicy: {scheduled: true}}}]\n"
        "  rules: [{name: must, importPolicy: {scheduled: true}}, {name: never, importPolicy: {scheduled: false}}]\n"
    )
    denied = _denied(document, policy)
    can = source == _APP and not reference
    schema = ["schema tag.importPolicy.scheduled"] if scheduled and source == stream_tag("base:1") else []
    assert [found for found in denied if found not in schema] == (
        [("never" if scheduled else "must") + " tag.importPolicy.scheduled"] if can else []
    )
    assert bool(engine.mutate(decoded(document), policy).patch) is (can and not scheduled)


# --- how a deletion is sent


def test_a_stream_of_a_deleted_collection_is_named_by_its_old_object() -> None:
    """Deleting the collection asks for each stream without a name in the request."""
    document = stream_review(None, stream_of(tag_of(_APP)))
    del document["request"]["name"]
    assert _denied(document, _rules("fixed, match: {streams: [app]}, immutable: {}")) == ["fixed spec.tags"]
