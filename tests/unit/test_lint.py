"""Warnings about policies: what each is about, where it points, how it is silenced and shown."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st
from tests.support.builders import (
    DIGEST,
    HEAD,
    NOW,
    decoded,
    docker,
    istag_of,
    policy_of,
    policy_schema,
    review_of,
    stream_tag,
    tag_of,
)
from tests.support.examples import examples
from tests.support.lints import ROWS, Row

from webhook.admission import engine
from webhook.cli.main import main
from webhook.globs.alphabets import TAG
from webhook.globs.matching import Glob
from webhook.model.review import TagChange, User
from webhook.policy.lint.checks import PolicyWarning, lint, lints, names
from webhook.policy.lint.warning import covers, overlap
from webhook.policy.loading import load
from webhook.policy.match import Match, Selector
from webhook.resources import imagestreamtags


def _params(wanted: Callable[[Row], bool]) -> list[Any]:
    return [
        pytest.param(name, row, id=f"{name}-{row.name}") for name, rows in ROWS.items() for row in filter(wanted, rows)
    ]


def _warnings(name: str, spec: str) -> list[PolicyWarning]:
    return [each for each in lint(policy_of(f"spec: {spec}\n"), NOW).warnings if each.name == name]


def test_each_warning_is_listed_by_its_name() -> None:
    """The list, which imports no check to know the names, has the names of the checks."""
    assert names() == [each.name for each in lints()]


@pytest.mark.parametrize(("name", "row"), _params(lambda row: bool(row.paths)))
def test_warned(name: str, row: Row) -> None:
    """A dangerous policy has the warning, with the path that it is about."""
    assert [each.fault.path for each in _warnings(name, row.spec)] == [f"spec.{path}" for path in row.paths]


@pytest.mark.parametrize(("name", "row"), _params(lambda row: not row.paths))
def test_not_warned(name: str, row: Row) -> None:
    """A policy without the danger does not have the warning."""
    assert _warnings(name, row.spec) == []


@pytest.mark.parametrize("name", names())
def test_every_warning_has_both_fixtures(name: str) -> None:
    """Each warning has a policy that it is about and one that it is not about, a documentation and a remedy."""
    rows = ROWS.get(name, [])
    assert any(row.paths for row in rows)
    assert any(not row.paths for row in rows)
    (found,) = (each for each in lints() if each.name == name)
    assert found.documentation().endswith(".")
    assert found.remedy.endswith(".")


def _run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments], input=given)


_SIGNED = HEAD + "spec:\n  rules:\n    - name: signed\n      existing: audit\n      signatures: {}\n"


def test_warnings_are_printed() -> None:
    """A warning has file, line, column, path, sentence and name; it does not fail the command, unless asked to."""
    done = _run("validate", "-", given=_SIGNED)
    summary, warning = done.stdout.splitlines()
    assert warning.startswith("-:8:7: warning: spec.rules[0].signatures: ")
    assert warning.endswith(" (warning nothing-to-evaluate)")
    assert summary.startswith("ok: test, 1 rule, 0 defaults, 0 exemptions, sha256:")
    assert summary.endswith(", 1 warning")
    assert (done.exit_code, done.stderr) == (0, "")
    failed = _run("validate", "--fail-on-warn", "-", given=_SIGNED)
    assert (failed.exit_code, failed.stdout) == (1, done.stdout)
    assert _run("validate", "--fail-on-warn", "-", given=_SIGNED + "  ignore: [nothing-to-evaluate]\n").exit_code == 0
    assert _run("validate", "--fail-on-warn", "-", given=_SIGNED.replace("name: signed", "name: A")).exit_code == 2


def test_a_warning_is_ignored() -> None:
    """`spec.ignore` silences a warning everywhere in the policy, and a name that silences nothing is noted."""
    done = _run("validate", "-", given=_SIGNED + "  ignore: [alias-bypass, nothing-to-evaluate]\n")
    assert done.stdout.startswith("ok: test")
    assert "warning" not in done.stdout
    assert done.stderr == "note: -:9:12: spec.ignore[0]: the policy has no warning alias-bypass to ignore\n"
    assert done.exit_code == 0


def test_ignore_counts_for_every_document(tmp_path: Path) -> None:
    """Several documents are one policy, and so are their `ignore`s, which are part of its digest."""
    (tmp_path / "a.yaml").write_text(_SIGNED)
    plain = load(tmp_path)
    (tmp_path / "b.yaml").write_text(
        HEAD + "spec: {rules: [{name: b, mode: warn, immutable: {}}], ignore: [nothing-to-evaluate]}\n"
    )
    assert lint(load(tmp_path), NOW).warnings == ()
    (tmp_path / "b.yaml").unlink()
    (tmp_path / "a.yaml").write_text(_SIGNED + "  ignore: [nothing-to-evaluate]\n")
    ignoring = load(tmp_path)
    assert (plain.ignore, ignoring.ignore) == ((), ("nothing-to-evaluate",))
    assert plain.digest != ignoring.digest


@pytest.mark.parametrize(
    ("ignore", "fault"),
    [
        pytest.param("[alias-bypas]", '12: spec.ignore[0]: expected one of NAMES, got "alias-bypas"; did you mean alias-bypass?', id="near"),
        pytest.param("[x, alias-bypass]", '12: spec.ignore[0]: expected one of NAMES, got "x"', id="far"),
        pytest.param("[7]", "12: spec.ignore[0]: expected one of NAMES, got 7", id="number"),
        pytest.param("[alias-bypass, alias-bypass]", '26: spec.ignore[1]: "alias-bypass" is listed twice', id="twice"),
        pytest.param("alias-bypass", '3: spec.ignore: expected a list with at least one of NAMES, got "alias-bypass"', id="text"),
        pytest.param("[]", "3: spec.ignore: expected a list with at least one of NAMES, got []", id="empty"),
        pytest.param(f"[{'x' * 1_000_000}]", f'12: spec.ignore[0]: expected one of NAMES, got "{"x" * 159}…"', id="long"),
    ],
)  # fmt: skip
def test_an_unknown_warning_is_an_error(ignore: str, fault: str) -> None:
    """A name that is no warning's is an error at its place, with the nearest that is one."""
    text = _SIGNED + f"  ignore: {ignore}\n"
    done = _run("validate", "-", given=text)
    listed = ", ".join(names())
    assert (done.exit_code, done.stderr) == (2, f"-:9:{fault.replace('NAMES', listed)}\n")
    with pytest.raises(jsonschema.ValidationError):
        policy_schema().validate(yaml.safe_load(text))


def test_an_ignored_warning_alone_is_no_policy() -> None:
    """A document that only ignores says nothing."""
    done = _run("validate", "-", given=HEAD + "spec: {ignore: [alias-bypass]}\n")
    assert "spec: expected at least one of exemptions, defaults, rules, got none" in done.stderr


@pytest.mark.parametrize("name", names())
def test_explained(name: str) -> None:
    """`policy explain` explains a warning by its name, and by the line that `policy validate` prints."""
    done = _run("explain", name)
    assert done.exit_code == 0
    assert done.output.startswith(f"{name}: warning of `policy validate`\n  ")
    assert f"`ignore: [{name}]`" in done.output
    line = f"policy.yaml:8:7: warning: spec.rules[0]: a sentence (warning {name})"
    assert _run("explain", "-", given=f"{line}\n{line}\nok: test\n").output == done.output
    assert f"| `{name}` | " in _run("explain", "--warnings", "--markdown").output
    assert done.output.strip() in _run("explain", "--warnings").output


def test_a_name_that_is_nearly_a_warning() -> None:
    """A word that is unknown leads to the nearest that is known."""
    done = _run("explain", "aliasbypass")
    assert done.exit_code == 2
    assert 'got "aliasbypass"; did you mean alias-bypass? The rules of ' in done.stderr


_QUAY = "registries: {allow: [quay.io]}"
_ALIASES = [stream_tag("tmp"), stream_tag("other:tmp"), {"kind": "ImageStreamImage", "name": f"app@{DIGEST}"}]


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        (f"{{name: a, match: {{tags: [live]}}, {_QUAY}}}", [True, True, True]),
        (f"{{name: a, {_QUAY}}}", None),
        (
            f"{{name: a, match: {{tags: [live]}}, {_QUAY}}}, {{name: b, match: {{tags: [live]}}, sourceKinds: {{allow: [DockerImage]}}}}",
            [False] * 3,
        ),
        (
            f"{{name: a, match: {{tags: [live]}}, {_QUAY}}}, {{name: b, match: {{tags: [live]}}, pin: {{digest: true}}}}",
            [False, False, True],
        ),
    ],
    ids=["evaded", "every-tag", "no-aliases", "pinned"],
)
def test_the_alias_bypass_is_real(rules: str, allowed: list[bool] | None) -> None:
    """docs/explanation/aliases.md matches the engine: a denied image goes to `tmp`, and `live` names `tmp`."""
    policy = policy_of(f"spec: {{rules: [{rules}]}}\n")
    denied = docker("docker.io/evil/app:1")
    other = review_of(denied, name="app:tmp", object=istag_of(tag_of(denied), name="app:tmp"))
    first = engine.validate(decoded(other), policy).allowed
    if allowed is None:
        assert not first
        return
    assert first
    assert [engine.validate(decoded(review_of(source)), policy).allowed for source in _ALIASES] == allowed


@pytest.mark.parametrize(
    "name", ["webhook/policy/default.yaml", "manifests/base/policy.yaml", "README.md", "docs/reference/policy.md"]
)
def test_what_we_publish_has_no_warning(name: str, tmp_path: Path) -> None:
    """The policies that people copy have no warning, ignore only what they have, and say why."""
    text = (Path(__file__).parents[2] / name).read_text()
    if name.endswith(".md"):
        text = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)[0]
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    policy = load(path)
    found = lint(policy, NOW)
    assert ([str(each) for each in found.warnings], found.unused) == ([], ())
    lines = text.splitlines()
    at = next((index for index, line in enumerate(lines) if "ignore: [" in line), None)
    assert (at is not None) is bool(policy.ignore)
    assert at is None or "#" in lines[at] or lines[at - 1].lstrip().startswith("#")


_PATTERN = st.text("ab*", min_size=1, max_size=5).filter(lambda text: "**" not in text)
_PATTERNS = st.lists(_PATTERN, max_size=2).map(
    lambda found: tuple(Glob.compile(each, TAG) for each in dict.fromkeys(found))
)
_SELECTORS = st.builds(Selector, namespaces=_PATTERNS, tags=_PATTERNS)
_MATCHES = st.builds(Match, _SELECTORS, st.none() | _SELECTORS)
_CHANGES = st.builds(
    lambda namespace, tag: TagChange(
        "imagestreamtags", imagestreamtags.RESOURCE.places[0], namespace, "app", tag, None
    ),
    *[st.text("ab", max_size=6)] * 2,
)


@examples(500)
@given(_MATCHES, _MATCHES, _CHANGES)
def test_covering_is_true_of_every_change(one: Match, other: Match, change: TagChange) -> None:
    """A match that covers another selects all that the other does, and two that do not overlap select nothing alike."""
    first, second = (match.selects(change, User("x")) for match in (one, other))
    if covers(one, other):
        assert first or not second
    if not overlap(one, other):
        assert not (first and second)


@pytest.mark.parametrize(
    ("outer", "inner", "covered"),
    [
        ("a", "a", True), ("a*", "a", True), ("a*", "ab*", True), ("*", "x*y", True), ("*a*", "xax", True), ("*-a", "x*-a", True),
        ("a", "a*", False), ("ab*", "a*", False), ("a*b", "a*", False), ("a*b", "a*c*b", True),
    ],
)  # fmt: skip
def test_covering_is_seen(outer: str, inner: str, covered: bool) -> None:
    """A glob that covers another is seen to."""
    one, other = (Match(Selector(tags=(Glob.compile(each, TAG),))) for each in (outer, inner))
    assert covers(one, other) is covered
