"""The change of an ImageTag, and its findings."""

from typing import Any

import pytest
from tests.support.builders import (
    itag_of,
    policy_of,
    reviewed,
    tag_of,
)
from tests.support.changes import APP, OLD, ONE, ZERO, changes_of, described, evaluated

_READ: dict[str, tuple[dict[str, Any], list[str]]] = {
    "itag-created": (
        reviewed("imagetags", "ImageTag", "app:live", itag_of(tag_of(APP, annotations={"a": "b"})), namespace="ns"),
        [f"imagetags ns/app:live at spec (/spec, metadata.name): None -> {ONE} [a=b] touched moved"],
    ),
    "itag-updated": (
        reviewed("imagetags", "ImageTag", "", itag_of(tag_of(APP)), itag_of(tag_of(OLD))),
        [f"imagetags app/app:live at spec (/spec, metadata.name): {ZERO} -> {ONE} [] touched moved"],
    ),
    "itag-emptied": (
        reviewed("imagetags", "ImageTag", "app:live", itag_of(None), itag_of(tag_of(OLD))),
        [f"imagetags app/app:live at spec (/spec, metadata.name): {ZERO} -> None [] touched moved"],
    ),
    "itag-that-never-was": (reviewed("imagetags", "ImageTag", "app:live", itag_of(None), itag_of(None)), []),
}  # fmt: skip


@pytest.mark.parametrize(("document", "told"), _READ.values(), ids=_READ)
def test_what_is_read(document: dict[str, Any], told: list[str]) -> None:
    """Each resource says which tags of which stream a review would change, where they stand, and what they were."""
    assert [described(change) for change in changes_of(document)] == told


@pytest.mark.parametrize("spec", [5, [], "x"], ids=str)
def test_an_image_tag_that_is_none(spec: Any) -> None:
    """A value of the wrong type in place of a new tag is denied at its place."""
    document = reviewed("imagetags", "ImageTag", "app:live", {**itag_of(None), "spec": spec})
    decision = evaluated(document, policy_of("spec: {rules: [{name: s, schema: {}}]}\n"))
    assert [finding.field for finding in decision.findings] == ["spec"]
