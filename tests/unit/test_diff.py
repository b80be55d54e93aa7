"""Differences between two policies: of their entries, and of changes."""

import gzip
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from tests.support.builders import HEAD, NOW, REVIEWS, docker, istag_of, review_of, tag_of
from tests.support.paths import DATA
from tests.support.policydiff import diff, equal_policies
from tests.support.sentences import UNREADABLE

from webhook.admission import engine
from webhook.admission.codec import decode
from webhook.audit.record import Context, record, tags
from webhook.policy.loading import load
from webhook.policy.policy import Policy
from webhook.resources import catalog


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    """Two files with the same policy."""
    return equal_policies(tmp_path)


def test_the_same(policies: tuple[Path, Path]) -> None:
    """The same entries in another notation, another order or in several documents are equal."""
    one, two = policies
    two.write_text(
        HEAD + "spec:\n  rules:\n    # first\n    - {pin: {digest: true}, name: pinned, mode: warn, existing: audit}\n"
        "    - name: trusted\n      mode: enforce\n      registries:\n        allow: [registry.redhat.io, quay.io]\n---\n"
        + HEAD + "spec: " + json.dumps({
            "exemptions": [{"name": "x", "users": ["a"]}],
            "defaults": [{"name": "one", "set": {"importPolicy": {"scheduled": True}}},
                         {"name": "two", "set": {"importPolicy": {"importMode": "PreserveOriginal"}}}],
        })
    )  # fmt: skip
    done = diff(one, two)
    assert (done.exit_code, done.stdout.splitlines()[2:]) == (0, ["the entries are identical"])


@pytest.mark.parametrize(
    ("old", "new", "lines"),
    [
        ("mode: warn, pin", "pin", ["~ rules/pinned: changed ({a}:11:7 -> {b}:11:7)", "    mode: warn -> enforce"]),
        (
            "[quay.io, registry.redhat.io]", "[quay.io, docker.io]",
            ["~ rules/trusted: changed ({a}:10:7 -> {b}:10:7)", '    registries.allow: ["registry.redhat.io"] -> ["docker.io"]'],
        ),
        ("name: pinned", "name: fixed", ["~ rules/pinned: renamed"]),
        ("    - {name: pinned, mode: warn, pin: {digest: true}}\n", "", ["- rules/pinned: removed ({a}:11:7)"]),
        (
            "name: trusted,", "name: trusted, description: ask us, match: {tags: [live]},",
            ["~ rules/trusted: changed ({a}:10:7 -> {b}:10:7)", "    description: (unset) -> ask us",
             '    match: (unset) -> {{"tags": ["live"]}}'],
        ),
        ("pin: {digest: true}", "immutable: {}",
         ["~ rules/pinned: changed ({a}:11:7 -> {b}:11:7)", '    pin: {{"digest": true}} -> (unset)', "    immutable: (unset) -> {{}}"]),
    ],
    ids=["mode", "parameter", "renamed", "removed", "description", "kind"],
)  # fmt: skip
def test_entries(policies: tuple[Path, Path], old: str, new: str, lines: list[str]) -> None:
    """An entry that is other is shown with each value that is, before and after, and where it stands."""
    one, two = policies
    two.write_text(two.read_text().replace(old, new))
    if lines == ["~ rules/pinned: renamed"]:
        lines = ["~ rules/fixed: renamed ({a}:11:7 -> {b}:11:7)", "    name: pinned -> fixed"]
    done = diff(one, two)
    assert done.exit_code == 1, done.output
    assert done.stdout.splitlines()[2:] == [line.format(a=one, b=two) for line in lines]


def test_the_order_of_defaults(policies: tuple[Path, Path]) -> None:
    """The first default that sets a field wins it, so their order says something; that of rules does not."""
    one, two = policies
    lines = two.read_text().splitlines(keepends=True)
    two.write_text("".join([*lines[:6], lines[7], lines[6], *lines[8:]]))
    done = diff(one, two)
    assert done.exit_code == 1
    assert done.stdout.splitlines()[2:] == [
        f"~ defaults/two: moved ({one}:8:7 -> {two}:7:7)", f"~ defaults/one: moved ({one}:7:7 -> {two}:8:7)",
    ]  # fmt: skip


def test_ignored_warnings(policies: tuple[Path, Path]) -> None:
    """A warning that only one of the policies ignores is a difference too."""
    one, two = policies
    one.write_text(one.read_text() + "  ignore: [alias-bypass, implicit-existing]\n")
    two.write_text(two.read_text() + "  ignore: [implicit-existing, empty-match]\n")
    done = diff(one, two)
    assert (done.exit_code, done.stdout.splitlines()[2:]) == (
        1, ["+ ignore/empty-match: added", "- ignore/alias-bypass: removed"],
    )  # fmt: skip
    assert diff(one, one).exit_code == 0


def test_changes(policies: tuple[Path, Path], tmp_path: Path) -> None:
    """A change that comes to something else is shown with the findings that are gone and new; others are counted."""
    one, two = policies
    two.write_text(
        two.read_text().replace("[quay.io, registry.redhat.io]", "[quay.io]").replace("digest: true", "denyTags: [x]")
    )
    reviews = tmp_path / "reviews.json"
    sent = [
        review_of(docker(name)) for name in ("registry.redhat.io/a:1", "quay.io/a:x", f"quay.io/a@sha256:{'a' * 64}")
    ]
    reviews.write_text("\n".join(json.dumps(each) for each in sent))
    done = diff(one, two, "--against", reviews)
    assert done.exit_code == 1
    told = done.stdout.splitlines()
    assert told[told.index(f"{reviews}:1: app/app:live: allowed -> denied") :] == [
        f"{reviews}:1: app/app:live: allowed -> denied",
        '  - warn: tag.from.name: "registry.redhat.io/a:1" has no digest; expected name@digest (rule pinned)',
        '  + enforce: tag.from.name: "registry.redhat.io/a" is not an allowed repository; allowed: quay.io (rule trusted)',
        f"{reviews}:2: app/app:live: allowed",
        '  - warn: tag.from.name: "quay.io/a:x" has no digest; expected name@digest (rule pinned)',
        '  + warn: tag.from.name: "quay.io/a:x" has the tag "x"; denied: x (rule pinned)',
        "3 evaluated: 1 denied, 1 findings",
        "  + pinned (warn): 1",
        "  - pinned (warn): 2",
        "  + trusted (enforce): 1",
        "  in app: 2",
    ]  # fmt: skip


def test_what_the_defaults_set(policies: tuple[Path, Path], tmp_path: Path) -> None:
    """A different patch is shown with the settings that are removed and added."""
    one, two = policies
    two.write_text(two.read_text().replace("importMode: PreserveOriginal", "insecure: true"))
    (tmp_path / "tag.json").write_text(json.dumps(istag_of(tag_of(docker(f"quay.io/a:1@sha256:{'a' * 64}")))))
    done = diff(one, two, "--against", tmp_path / "tag.json", "--user", "bob")
    assert done.stdout.splitlines()[-5:] == [
        f"{tmp_path}/tag.json:1: app/app:live: allowed",
        '  - sets /tag/importPolicy/importMode to "PreserveOriginal"',
        "  + sets /tag/importPolicy/insecure to true",
        "1 evaluated: 1 patch",
        "  in app: 1",
    ]


def test_another_text_that_comes_to_the_same(policies: tuple[Path, Path]) -> None:
    """With --against, the same is what comes to the same: 0, although an entry is another."""
    one, two = policies
    two.write_text(two.read_text().replace("name: trusted,", "name: trusted, description: x,"))
    done = diff(one, two, "--against", REVIEWS)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "144 evaluated: no differences")
    assert diff(one, two).exit_code == 1


def test_json(policies: tuple[Path, Path]) -> None:
    """The JSON form is one document with the entries, both outcomes of each change, and the summary."""
    one, _ = policies
    done = diff("shipped", one, "--format", "json", "--against", REVIEWS)
    found: dict[str, Any] = json.loads(done.stdout)
    assert done.exit_code == 1
    assert (found["kind"], found["before"]["name"], found["after"]["name"]) == ("PolicyDiff", "shipped", "test")
    assert {each["change"] for each in found["entries"]} == {"added", "removed"}
    assert len(found["outcomes"]) == sum(found["summary"]["changes"].values())
    assert {each["change"] for each in found["outcomes"]} == set(found["summary"]["changes"])
    newly = [each for each in found["outcomes"] if each["change"] == "denied"]
    assert newly
    assert {(each["before"]["verdict"], each["after"]["verdict"]) for each in newly} == {("allow", "deny")}
    assert found["summary"]["evaluated"] == 144
    assert json.loads(diff("shipped", one, "--format", "json").stdout)["outcomes"] == []


def test_nothing_to_evaluate(tmp_path: Path) -> None:
    """An input without a change of a tag exits with 2 and a message, so it is not taken for equality."""
    (tmp_path / "pod.yaml").write_text("apiVersion: v1\nkind: Pod\n")
    done = diff("shipped", "shipped", "--against", tmp_path)
    assert (done.exit_code, done.stderr) == (2, f"nothing to evaluate in {tmp_path}\n")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("shipped", "missing.yaml"), f"missing.yaml: {UNREADABLE}"),
        (("shipped", "shipped", "--against", "missing.json"), f"missing.json: {UNREADABLE}"),
    ],
    ids=["policy", "corpus"],
)  # fmt: skip
def test_unusable(arguments: tuple[str, ...], sentence: str) -> None:
    """An invalid input exits with 2 and a message with the file and the reason."""
    done = diff(*arguments)
    assert (done.exit_code, done.stderr.strip()) == (2, sentence)
    assert "no differences" not in done.stdout


def _started(*arguments: object, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "webhook.cli", "policy", "diff", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, timeout=60, check=False)


def _records(policy: Policy) -> list[bytes]:
    context, now = Context("validate", "0", "request"), datetime.now(UTC)
    made = []
    for path in sorted(REVIEWS.glob("*-validate.json")):
        review = decode(path.read_bytes(), catalog.RESOURCES, NOW)
        decision = engine.validate(review, policy)
        made.append(record(review, decision, tags(decision), policy, context, time=now, seconds=0))
    return made


@pytest.mark.parametrize("form", ["file", "gzip", "directory", "stdin"])
def test_records(tmp_path: Path, form: str) -> None:
    """Recorded requests are evaluated by both policies; what does not hold a request is counted and said."""
    other = DATA / "policies" / "wide.yaml"  # which reads nothing that a record leaves out
    lines = _records(load())
    bare = json.loads(lines[0])
    del bare["request"]
    text = b"\n".join([*lines, json.dumps(bare).encode(), b"{}", b""])
    path = tmp_path / "records" / ("a.log.gz" if form == "gzip" else "a.log")
    path.parent.mkdir()
    path.write_bytes(gzip.compress(text) if form == "gzip" else text)
    against = "-" if form == "stdin" else str(path.parent if form == "directory" else path)
    done = _started("shipped", other, "--against", against, "--format", "json", given=text if form == "stdin" else b"")
    found = json.loads(done.stdout)
    assert done.stderr.decode().splitlines() == [
        "not evaluated: records of level metadata: 1", "not evaluated: other lines: 1",
    ]  # fmt: skip
    assert (done.returncode, found["summary"]["evaluated"]) == (1, len(lines))
    files = [f"--against={each}" for each in sorted(REVIEWS.glob("*-validate.json"))]
    reviews = json.loads(diff("shipped", other, "--format", "json", *files).stdout)
    assert found["summary"]["changes"]["denied"] == reviews["summary"]["changes"]["denied"]
    where = {(each["after"]["file"], each["after"]["line"]) for each in found["outcomes"]}
    assert len(where) == len(found["outcomes"])
    assert {file for file, _ in where} == {"-" if form == "stdin" else str(path)}


def test_a_broken_record_file(tmp_path: Path) -> None:
    """A compressed file that was cut off ends with 2, after what could be read of it."""
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(b"\n".join(_records(load())))[:-20])
    done = diff("shipped", "shipped", "--against", path)
    assert done.exit_code == 2
    assert f"{path}: the compressed data is incomplete or invalid" in done.stderr


def test_nothing_on_standard_input() -> None:
    """Standard input that is empty ends with 2."""
    done = _started("shipped", "shipped", "--against", "-")
    assert (done.returncode, done.stderr) == (2, b"-: expected a review or a manifest, got nothing\n")


def test_no_cluster(tmp_path: Path) -> None:
    """A cluster that cannot be asked ends with 2."""
    done = diff("shipped", "shipped", "--against", "cluster", "--kubeconfig", tmp_path / "missing")
    assert done.exit_code == 2
    assert str(tmp_path / "missing") in done.stderr
