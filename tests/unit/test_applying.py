"""`check --as`: what a manifest makes of a stored object, as `oc replace`, `oc apply` and its server-side form do."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import HEAD

from webhook.cli.main import main
from webhook.evaluate.writes import LAST_APPLIED, Write


def _tag(name: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    return {"name": name, "from": {"kind": "DockerImage", "name": f"quay.io/acme/app:{number}"}, **fields}


def _stream(
    *tags: Mapping[str, Any], applied: tuple[Mapping[str, Any], ...] | None = None, **spec: Any
) -> dict[str, Any]:
    stream: dict[str, Any] = {
        "apiVersion": "image.openshift.io/v1",
        "kind": "ImageStream",
        "metadata": {"name": "app", "namespace": "prod"},
        "spec": {**spec, "tags": list(tags)},
    }
    if applied is not None:
        stream["metadata"]["annotations"] = {LAST_APPLIED: json.dumps(_stream(*applied))}
    return stream


def _managed(stream: dict[str, Any], **managers: list[str]) -> dict[str, Any]:
    """Return a stream whose tags belong to managers of fields."""
    stream["metadata"]["managedFields"] = [
        {
            "manager": manager,
            "operation": "Apply",
            "fieldsV1": {"f:spec": {"f:tags": {f'k:{{"name":"{name}"}}': {".": {}, "f:name": {}} for name in names}}},
        }
        for manager, names in managers.items()
    ]
    return stream


def _names(write: Write, manifest: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    return [tag["name"] for tag in write.written(manifest, stored)["spec"]["tags"]]


@pytest.mark.parametrize(
    ("write", "stored", "names"),
    [
        (Write.REPLACE, _stream(_tag("a"), _tag("z"), applied=(_tag("a"),)), ["a", "b"]),
        (Write.APPLY, _stream(_tag("a"), _tag("z"), applied=(_tag("a"),)), ["a", "b", "z"]),
        (Write.APPLY, _stream(_tag("z"), _tag("a"), applied=(_tag("z"),)), ["a", "b"]),
        (Write.APPLY, _stream(_tag("z"), _tag("a")), ["a", "b", "z"]),
        (Write.SERVER_SIDE_APPLY, _stream(_tag("z")), ["a", "b", "z"]),
        (Write.SERVER_SIDE_APPLY, _managed(_stream(_tag("z")), kubectl=["z"]), ["a", "b"]),
        (Write.SERVER_SIDE_APPLY, _managed(_stream(_tag("z")), argocd=["z"]), ["a", "b", "z"]),
        (Write.SERVER_SIDE_APPLY, _managed(_stream(_tag("z")), kubectl=["z"], argocd=["z"]), ["a", "b", "z"]),
    ],
    ids=["replace", "not-applied", "applied", "no-annotation", "nobody's", "mine", "another's", "shared"],
)
def test_tags_that_the_manifest_does_not_have(write: Write, stored: dict[str, Any], names: list[str]) -> None:
    """They are removed if they were applied before, and stay otherwise."""
    assert _names(write, _stream(_tag("a"), _tag("b")), stored) == names


def test_fields_are_merged() -> None:
    """A field that was never applied stays, one that was applied and is gone is removed, and null removes."""
    policy = {"importMode": "Legacy", "insecure": True, "scheduled": True}
    stored = _stream(
        _tag("a", importPolicy=policy, annotations={"x": "1"}), applied=(_tag("a", importPolicy={"insecure": True}),)
    )
    manifest = _stream(_tag("a", importPolicy={"scheduled": None}))
    (tag,) = Write.APPLY.written(manifest, stored)["spec"]["tags"]
    assert tag == _tag("a", importPolicy={"importMode": "Legacy"}, annotations={"x": "1"})


_NAMES = st.lists(st.sampled_from("abcdef"), unique=True, max_size=6)


@given(_NAMES, _NAMES, _NAMES)
def test_apply_of_tags(new: list[str], stored: list[str], applied: list[str]) -> None:
    """The result has the fields of the manifest, and the stored tags that were not applied."""
    made = _names(
        Write.APPLY,
        _stream(*map(_tag, new)),
        _stream(*map(_tag, stored), applied=tuple(map(_tag, applied))),
    )
    assert made == new + [name for name in stored if name not in new and name not in applied]


@given(_NAMES, _NAMES, st.sampled_from([Write.APPLY, Write.SERVER_SIDE_APPLY]))
def test_to_apply_twice_changes_nothing(new: list[str], stored: list[str], write: Write) -> None:
    """An object to which a manifest was applied stays as it is when it is applied again."""
    manifest = _stream(*map(_tag, new))
    once = write.written(manifest, _stream(*map(_tag, stored), applied=()))
    assert write.written(manifest, once)["spec"] == once["spec"]


def _check(tmp_path: Path, *options: str, old: Mapping[str, Any]) -> Result:
    policy, before, after = tmp_path / "policy.yaml", tmp_path / "before.json", tmp_path / "after.json"
    rules = "{name: fixed, immutable: {}}, {name: few, tagLimit: {max: 2}}"
    policy.write_text(f"{HEAD}spec: {{rules: [{rules}]}}\n")
    before.write_text(json.dumps(old))
    after.write_text(json.dumps(_stream(_tag("a"), _tag("b", 2))))
    arguments = ["check", "--policy", str(policy), "--old", str(before), *options, str(after)]
    return CliRunner().invoke(main, arguments)


@pytest.mark.parametrize(
    ("options", "rule"),
    [([], "fixed"), (["--as", "replace"], "fixed"), (["--as", "apply"], "few"), (["--as", "server-side-apply"], "few")],
    ids=["default", "replace", "apply", "server-side-apply"],
)
def test_what_is_denied(tmp_path: Path, options: list[str], rule: str) -> None:
    """`oc replace` removes a tag that is not in the manifest; `oc apply` keeps it, and the stream has one more."""
    done = _check(tmp_path, *options, old=_stream(_tag("a"), _tag("z", 9), applied=(_tag("a"),)))
    assert done.exit_code == 1
    assert [line.rpartition("(rule ")[2] for line in done.stdout.splitlines() if "enforce: " in line] == [f"{rule})"]


def test_last_applied_that_cannot_be_read(tmp_path: Path) -> None:
    """It is an error, for what would be removed is not known."""
    stored = _stream(_tag("a"), applied=())
    stored["metadata"]["annotations"][LAST_APPLIED] = "{"
    done = _check(tmp_path, "--as", "apply", old=stored)
    assert done.exit_code == 2
    assert f"--old: metadata.annotations[{LAST_APPLIED}]: expected JSON" in done.stderr
