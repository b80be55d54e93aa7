"""The changes of an import, and their findings."""

from typing import Any

import pytest
from tests.support.builders import (
    import_review,
    imported,
    policy_of,
    stream_of,
    stream_review,
    stream_tag,
    tag_of,
)
from tests.support.changes import EVIL, ONE, REPOSITORY, annotated_as, changes_of, described, evaluated, generated

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "import": (
        generated(import_review(
            imported("a/b", None), imported("quay.io/acme/app:1"), repository=imported("quay.io/a/b", None)
        )),
        [
            "imagestreamimports ns/app:live at spec.images[1] (/spec/images/1, spec.images[1].to.name): "
            f"None -> {ONE} [] old_unknown touched moved",
            "imagestreamimports ns/app:* at spec.repository (/spec/repository, spec.repository.from.name): "
            "None -> DockerImage quay.io/a/b [] every_tag old_unknown touched moved",
        ],
    ),
    "import-faults": (
        import_review(imported("a/b", ""), namespace="ns"),
        ["imagestreamimports ns/app"],
    ),
    "import-with-annotations": (
        annotated_as(import_review(imported("quay.io/acme/app:1"), repository=imported("a/b", None)), {"a": "b"}),
        [
            "imagestreamimports app/app:live at spec.images[0] (/spec/images/0, spec.images[0].to.name): "
            f"None -> {ONE} [a=b] old_unknown touched moved",
            "imagestreamimports app/app:* at spec.repository (/spec/repository, spec.repository.from.name): "
            "None -> DockerImage a/b [a=b] every_tag old_unknown touched moved",
        ],
    ),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


@pytest.mark.parametrize(
    ("document", "tags"),
    [
        pytest.param(import_review(imported("evil.example/x:1")), ["app/app:live"], id="an-image"),
        pytest.param(import_review(imported("evil.example/x:1"), wanted=False), [], id="a-look"),
        pytest.param(import_review(imported("evil.example/x:1", None)), [], id="an-image-that-goes-to-no-tag"),
        pytest.param(
            import_review(imported("a/b", "x"), imported("a/c", "y"), repository=imported("a/d", None)),
            ["app/app:x", "app/app:y", "app/app:*"], id="images-and-a-repository",
        ),
    ],
)  # fmt: skip
def test_what_an_import_changes(document: dict[str, Any], tags: list[str]) -> None:
    """An import changes the tags that its images go to, and all tags of a repository; a look changes none."""
    assert [str(change) for change in changes_of(document)] == tags


@pytest.mark.parametrize(
    ("document", "field"),
    [
        pytest.param(import_review(), "spec.images", id="nothing"),
        pytest.param(import_review({**imported(""), "to": {"name": "x"}}), "spec.images[0].from.name", id="no-source"),
        pytest.param(
            import_review({**imported("a"), "from": stream_tag("a:b")}), "spec.images[0].from.kind", id="no-docker-image"
        ),
        pytest.param(import_review(imported("a", "")), "spec.images[0].to.name", id="no-target"),
        pytest.param(import_review(imported("A:b")), "spec.images[0].from.name", id="no-reference"),
        pytest.param(
            import_review(repository=imported("a:b", None)), "spec.repository.from.name", id="repository-with-a-tag"
        ),
        pytest.param(
            import_review(imported("a", importPolicy={"importMode": "x"})), "spec.images[0].importPolicy.importMode",
            id="enumeration",
        ),
    ],
)  # fmt: skip
def test_faults_of_an_import(document: dict[str, Any], field: str) -> None:
    """The API server's errors for an import are findings at the same field."""
    decision = evaluated(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == [field]


@pytest.mark.parametrize(
    ("rule", "sentences"),
    [
        pytest.param("match: {tags: [live]}, registries: {allow: [quay.io]}", 1, id="perhaps-the-tag"),
        pytest.param(
            "match: {exclude: {tags: [live]}}, registries: {allow: [quay.io]}", 1, id="perhaps-not-the-excluded"
        ),
        pytest.param("match: {tags: [live]}, pin: {denyTags: [latest]}", 1, id="perhaps-a-denied-source"),
        pytest.param("match: {streams: [other]}, registries: {allow: [quay.io]}", 0, id="another-stream"),
    ],
)
def test_a_repository_may_have_any_tag(rule: str, sentences: int) -> None:
    """A rule about some tags speaks of a repository too: it may have them."""
    decision = evaluated(REPOSITORY, policy_of(f"spec: {{rules: [{{name: r, {rule}}}]}}\n"))
    assert len(decision.findings) == sentences


def test_an_exemption_of_some_tags_does_not_hold_for_a_repository() -> None:
    """An exemption must be sure: of a repository it is not known that it has only the exempt tags."""
    rules = "rules: [{name: r, registries: {allow: [quay.io]}}]"
    some = policy_of(f"spec: {{exemptions: [{{name: e, users: [alice], match: {{tags: [live]}}}}], {rules}}}\n")
    every = policy_of(f"spec: {{exemptions: [{{name: e, users: [alice], match: {{tags: ['*']}}}}], {rules}}}\n")
    assert not evaluated(REPOSITORY, some).allowed
    assert evaluated(REPOSITORY, every).allowed


def test_an_exemption_of_some_tags_holds_for_the_stream_that_they_are_in() -> None:
    """A user who is exempt for a tag may set it through its stream, and nothing else in it."""
    policy = policy_of(
        "spec: {exemptions: [{name: e, users: [alice], match: {tags: [live]}}], "
        "rules: [{name: r, registries: {allow: [quay.io]}}, {name: l, lookupPolicy: {local: false}}]}\n"
    )
    assert evaluated(stream_review(stream_of(tag_of(EVIL)), stream_of()), policy).allowed
    assert not evaluated(stream_review(stream_of(tag_of(EVIL), local=True), stream_of()), policy).allowed
    assert not evaluated(stream_review(stream_of(local=True), stream_of()), policy).allowed
    assert not evaluated(stream_review(stream_of(tag_of(EVIL, name="v1")), stream_of()), policy).allowed
