"""Image streams: tags that are new, moved, removed or unchanged, and findings about the stream itself."""

from typing import Any

import pytest
from tests.support.builders import (
    decoded,
    docker,
    policy_of,
    stream_of,
    stream_review,
    tag_of,
)
from tests.support.changes import (
    ANY,
    APP,
    AS_ALL,
    EVIL,
    INSECURE,
    MADE_INSECURE,
    OLD,
    ONE,
    ZERO,
    changes_of,
    described,
    evaluated,
    findings_of,
    generated,
)

from webhook.admission import engine
from webhook.resources import catalog

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "stream-created": (
        generated(stream_review(stream_of(tag_of(APP, annotations={"a": "b"}), metadata={"name": "", "generateName": "gen-"}))),
        [
            "imagestreams ns/gen-",
            f"imagestreams ns/gen-:live at spec.tags[0] (/spec/tags/0, spec.tags[0].name): None -> {ONE} [a=b] touched moved",
        ],
    ),
    "stream-updated": (
        stream_review(
            stream_of(tag_of(APP, name="same"), tag_of(APP), tag_of(APP, name="new")),
            stream_of(tag_of(OLD, name="gone"), tag_of(OLD), tag_of(APP, name="same")),
            namespace="ns",
        ),
        [
            "imagestreams ns/app",
            f"imagestreams ns/app:same at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {ONE} -> {ONE} []",
            f"imagestreams ns/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {ZERO} -> {ONE} [] touched moved",
            f"imagestreams ns/app:new at spec.tags[2] (/spec/tags/2, spec.tags[2].name): None -> {ONE} [] touched moved",
            f"imagestreams ns/app:gone at spec.tags (/spec/tags, spec.tags): {ZERO} -> None [] touched moved",
        ],
    ),
    "stream-with-what-is-no-tag": (
        stream_review({**stream_of(), "spec": {"tags": [5, tag_of(APP)]}}),
        [
            "imagestreams app/app",
            f"imagestreams app/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): None -> {ONE} [] touched moved",
        ],
    ),
    "stream-with-a-tag-of-another-generation": (
        stream_review(
            stream_of(tag_of(OLD, name="new"), tag_of(APP, generation=7, annotations={INSECURE: "true"})),
            stream_of(tag_of(APP, annotations={INSECURE: "true"})),
        ),
        [
            "imagestreams app/app",
            f"imagestreams app/app:new at spec.tags[0] (/spec/tags/0, spec.tags[0].name): None -> {ZERO} [] touched moved",
            f"imagestreams app/app:live at spec.tags[1] (/spec/tags/1, spec.tags[1].name): {ONE} -> {ONE} [{INSECURE}=true]",
        ],
    ),
    "stream-deleted": (
        stream_review(None, stream_of(tag_of(OLD), dockerImageRepository="quay.io/a/b"), namespace="ns"),
        [f"imagestreams ns/app:live at spec.tags (/spec/tags, spec.tags): {ZERO} -> None [] touched moved"],
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
            stream_of(tag_of(APP), dockerImageRepository="quay.io/a/b", metadata=MADE_INSECURE),
            stream_of(tag_of(APP), dockerImageRepository="quay.io/a/b"),
        ),
        [
            "imagestreams app/app",
            f"imagestreams app/app:live at spec.tags[0] (/spec/tags/0, spec.tags[0].name): {ONE} -> {ONE} [] touched",
            "imagestreams app/app:* at spec (/spec, metadata.name): DockerImage quay.io/a/b -> DockerImage quay.io/a/b "
            f"[{INSECURE}=true] every_tag touched",
            f"imagestreams app/app:* at metadata.annotations (/metadata/annotations, metadata.name): None -> None [{INSECURE}=true] every_tag touched",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


@pytest.mark.parametrize(
    ("new", "old", "said"),
    [
        pytest.param([("a", APP), ("b", EVIL)], [("a", APP)], ["enforce spec.tags[1].from.name"], id="added"),
        pytest.param([("a", EVIL)], [("a", APP)], ["enforce spec.tags[0].from.name"], id="moved"),
        pytest.param([("a", EVIL)], [("a", EVIL)], ["audit spec.tags[0].from.name"], id="as-it-was"),
        pytest.param(
            [("a", APP), ("b", EVIL)], [("b", EVIL)], ["audit spec.tags[1].from.name"], id="by-name-not-by-position"
        ),
        pytest.param(
            [("a", EVIL), ("b", APP)], [("a", APP), ("b", EVIL)], ["enforce spec.tags[0].from.name"], id="swapped"
        ),
        pytest.param([("b", EVIL)], [("a", EVIL)], ["enforce spec.tags[0].from.name"], id="renamed"),
        pytest.param([("a", APP)], [("a", APP), ("b", EVIL)], [], id="removed"),
    ],
)
def test_tags_of_a_stream(new: list[Any], old: list[Any], said: list[str]) -> None:
    """Tags are matched by name: new and moved ones are evaluated as new, others as existing."""
    document = stream_review(
        stream_of(*(tag_of(source, name=name) for name, source in new)),
        stream_of(*(tag_of(source, name=name) for name, source in old)),
    )
    found = [each.partition(": ")[0] for each in findings_of(evaluated(document, policy_of(ANY % "audit")))]
    assert found == said


def test_untouched_tags_are_evaluated_only_where_a_rule_asks() -> None:
    """Under `existing: ignore` alone a tag of which nothing changes is not even read; the record has what changes."""
    tags = [tag_of(EVIL, name=f"v{number}") for number in range(5)]
    document = stream_review(stream_of(*tags, tag_of(APP)), stream_of(*tags))
    ignoring = policy_of("spec: {rules: [{name: s, schema: {}, existing: ignore}, "
                         "{name: any, registries: {allow: [quay.io]}, existing: ignore}]}\n")  # fmt: skip
    asking = policy_of(ANY % "warn")
    assert not ignoring.index.evaluates_untouched
    assert [str(change) for change in catalog.changes(decoded(document), untouched=False)] == [
        "app/app",
        "app/app:live",
    ]
    assert [str(tag) for tag in evaluated(document, ignoring).tags] == ["app/app:live"]
    regenerated = [{**tag, "generation": 7} for tag in tags]
    again = decoded(stream_review(stream_of(*regenerated, tag_of(APP)), stream_of(*tags)))
    assert [str(change) for change in catalog.changes(again, untouched=False)] == ["app/app", "app/app:live"]
    decision = evaluated(document, asking)
    assert [str(tag) for tag in decision.tags] == ["app/app:live"]
    assert [finding.field for finding in decision.findings] == [f"spec.tags[{number}].from.name" for number in range(5)]


def test_an_expression_sees_tags_of_which_nothing_changes() -> None:
    """A rule that reads the whole object evaluates unchanged tags as new, whatever `existing` is."""
    policy = policy_of(
        "spec: {rules: [{name: e, existing: ignore, expression: {validations: "
        "[{expression: '!has(object.metadata.labels)', message: no labels}]}}]}\n"
    )
    tag = tag_of(APP)
    document = stream_review(stream_of(tag, metadata={"labels": {"a": "b"}}), stream_of(tag))
    assert findings_of(evaluated(document, policy)) == ["enforce spec.tags[0]: no labels"]
    labelled = stream_of(tag, metadata={"labels": {"a": "b"}})
    both = stream_review(labelled, labelled)
    assert findings_of(evaluated(both, policy)) == []


def test_a_schema_fault_is_a_tags_own() -> None:
    """Schema faults of a tag are evaluated with the tag, and an earlier fault is `existing` at any place."""
    bad = tag_of(APP, name="b", importPolicy={"importMode": "All"})
    touched = {**bad, "annotations": {"a": "b"}}
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    moved = stream_review(stream_of(tag_of(APP, name="a"), touched), stream_of(bad))
    assert [each.partition(": ")[0] for each in findings_of(evaluated(moved, policy))] == [
        "audit spec.tags[1].importPolicy.importMode"
    ]
    new = stream_review(stream_of(bad), stream_of())
    assert [each.partition(": ")[0] for each in findings_of(evaluated(new, policy))] == [
        "enforce spec.tags[0].importPolicy.importMode"
    ]
    text = stream_review(stream_of(tag_of(APP, importPolicy={"importMode": 5})), stream_of(tag_of(APP)))
    assert [each.partition(": ")[0] for each in findings_of(evaluated(text, policy))] == [
        "enforce spec.tags[0].importPolicy.importMode"
    ]


@pytest.mark.parametrize(("old", "said"), [(5, "audit"), (False, "enforce")], ids=["as-it-was", "new"])
def test_a_fault_of_a_stream(old: Any, said: str) -> None:
    """An earlier schema fault of a stream outside of its tags is `existing`."""
    policy = policy_of("spec: {rules: [{name: s, schema: {}, existing: audit}]}\n")
    new, before = stream_of(local=5), stream_of(local=old)  # type: ignore[arg-type]
    found = [each.partition(": ")[0] for each in findings_of(evaluated(stream_review(new, before), policy))]
    assert found == [f"{said} spec.lookupPolicy.local"]


def test_a_new_stream_has_no_past() -> None:
    """A created stream has no `existing` findings, even for the API server's own defaults."""
    policy = policy_of("spec: {rules: [{name: l, existing: ignore, lookupPolicy: {local: true}}]}\n")
    assert findings_of(evaluated(stream_review(stream_of()), policy)) == [
        "enforce spec.lookupPolicy.local: local lookup is false; expected true"
    ]


def test_a_fault_beside_a_tag_that_stays() -> None:
    """A tag that stays as it was does not hide the fault of another one."""
    good, bad = tag_of(APP, name="a"), tag_of(APP, name="b", **AS_ALL)
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    found = findings_of(evaluated(stream_review(stream_of(good, bad), stream_of(good)), policy))
    assert [each.partition(": ")[0] for each in found] == ["enforce spec.tags[1].importPolicy.importMode"]


@pytest.mark.parametrize("untouched", ["ignore", "audit"])
def test_an_old_fault_does_not_refuse_another_edit(untouched: str) -> None:
    """A tag that the API server took once, and would not today, is no business of an edit of another one."""
    bad, new = tag_of(APP, name="b", importPolicy={"importMode": "All"}), tag_of(APP, name="a")
    policy = policy_of(
        f"spec: {{rules: [{{name: s, schema: {{}}}}, {{name: r, existing: {untouched}, registries: {{allow: [quay.io]}}}}]}}\n"
    )
    assert findings_of(evaluated(stream_review(stream_of(new, bad), stream_of(bad)), policy)) == []
    worse = tag_of(APP, name="c", referencePolicy={"type": "Far"})
    said = findings_of(evaluated(stream_review(stream_of(bad, worse), stream_of(bad)), policy))
    assert [each.partition(": ")[0] for each in said] == ["enforce spec.tags[1].referencePolicy.type"]


@pytest.mark.parametrize("name", [[], {}, 5, True], ids=str)
def test_a_name_that_is_no_text(name: Any) -> None:
    """A tag whose name is no string is denied at its name, whatever stands on the other side."""
    strange = tag_of(APP, name=name)
    policy = policy_of("spec: {rules: [{name: s, schema: {}}]}\n")
    for old in (stream_of(), stream_of(tag_of(APP))):
        decision = evaluated(stream_review(stream_of(strange), old), policy)
        assert [finding.field for finding in decision.findings] == ["spec.tags[0].name"]
    assert evaluated(stream_review(stream_of(tag_of(APP)), stream_of(strange)), policy).allowed


@pytest.mark.parametrize(
    ("tags", "field"),
    [
        pytest.param("x", "spec.tags", id="no-list"),
        pytest.param([5], "spec.tags[0]", id="no-object"),
        pytest.param([{"from": None}], "spec.tags[0].name", id="no-name"),
    ],
)
def test_what_is_no_tag_is_a_fault(tags: Any, field: str) -> None:
    """A value of the wrong type in place of a tag is denied at its place."""
    document = stream_review({**stream_of(), "spec": {"tags": tags}})
    decision = evaluated(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == [field]


def test_a_stream_that_follows_a_repository() -> None:
    """`spec.dockerImageRepository` means every tag of it; it is evaluated when it is set, and not when it stays."""
    policy = policy_of(ANY % "audit")
    following = stream_of(dockerImageRepository="evil.example/x")
    assert findings_of(evaluated(stream_review(following, stream_of()), policy)) == [
        'enforce spec.dockerImageRepository: "evil.example/x" is not an allowed repository; allowed: quay.io'
    ]
    assert findings_of(evaluated(stream_review(following, following), policy)) == []
    assert findings_of(evaluated(stream_review(stream_of(), following), policy)) == []


def test_a_new_tag_has_no_old_faults() -> None:
    """A new tag has a new finding, even if another tag already had the same one."""
    wrong = {"from": docker("quay.io/acme/app:1"), "referencePolicy": {"type": "Remote"}}
    old = [{"name": "a", "from": APP}, {"name": "b", **wrong}]
    review = decoded(stream_review(stream_of(*old, {"name": "c", **wrong}), stream_of(*old)))
    _, added = catalog.changes(review, untouched=False)
    assert (len(added.faults), added.old_faults) == (1, ())
    decision = engine.validate(review, policy_of(ANY % "audit"))
    assert [(each.field, each.existing) for each in decision.findings] == [("spec.tags[2].referencePolicy.type", False)]
