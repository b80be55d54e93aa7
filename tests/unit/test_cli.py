"""The commands as a person or a pipeline calls them: what they print, and how they end."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.builders import HEAD

from webhook.cli.main import main


def _run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def test_policy_validate(tmp_path: Path) -> None:
    """A good policy is summed up, a bad one ends with 2 and every fault."""
    assert _run("policy", "validate").output.startswith("ok: shipped, 6 rules, 1 default, 1 exemption, sha256:")
    (tmp_path / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: A}, {name: b, pin: {}}]}")
    done = _run("policy", "validate", str(tmp_path))
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 3)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["policy", "validate", "-"], "ok: test, 1 rule, 0 defaults, 0 exemptions"),
        (["policy", "export", "--format", "vap", "-"], "name: pinned"),
        (["policy", "explain", "--policy", "-", "pinned"], "-:6"),
        (["policy", "diff", "-", "-"], "-: expected an ImageTagPolicy document, got none"),
        (["policy", "diff", "-", "shipped"], "rules/pinned: removed (-:6:7)"),
        (["check", "--policy", "-", "/dev/null"], "/dev/null: expected a review or a manifest, got nothing"),
    ],
    ids=["validate", "export", "explain", "both-sides", "diff", "check"],
)  # fmt: skip
def test_a_policy_on_standard_input(arguments: list[str], said: str) -> None:
    """A policy comes from standard input by the same `-` as all else."""
    done = _run(*arguments, given=HEAD + "spec:\n  rules:\n    - {name: pinned, pin: {digest: true}}\n")
    assert said in done.output


def test_policy_schema() -> None:
    """The schema is printed as JSON."""
    assert json.loads(_run("policy", "schema").output)["title"] == "ImageTagPolicy"


def test_policy_explain() -> None:
    """A kind says what it means, takes and evaluates; without one, all do."""
    done = _run("policy", "explain", "labels")
    assert done.output.splitlines() == [
        "labels",
        "  Labels that an image must have, and labels that it must not have; a manifest list has none, and is denied.",
        "  require: a non-empty map of names to globs - required labels, and the globs for their values",
        "  deny: a list with at least one glob - denied labels",
        "  evaluates: imagestreammappings",
    ]
    assert len(_run("policy", "explain").output.split("\n\n")) == 19
    assert _run("policy", "explain", "--shipped").output.startswith("# The default policy of istag-webhook")


def test_certs(tmp_path: Path) -> None:
    """Certificates are made once, and say the next step; a second time asks for --force."""
    done = _run("certs", "--directory", str(tmp_path / "c"), "app.example")
    assert done.exit_code == 0
    assert done.output.splitlines()[-1] == (
        f"next: istag-webhook serve --cert {tmp_path}/c/tls.crt --key {tmp_path}/c/tls.key"
    )
    assert sorted(path.name for path in (tmp_path / "c").iterdir()) == ["ca.crt", "ca.key", "tls.crt", "tls.key"]
    again = _run("certs", "--directory", str(tmp_path / "c"))
    assert (again.exit_code, again.stderr.count("--force")) == (2, 4)
    assert _run("certs", "--directory", str(tmp_path / "c"), "--force").exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"], ["check"], ["check", "--nonsense", "-"], ["policy"], ["policy", "explain", "nonsense"],
        ["certs", "--days", "1000"], ["serve", "--port", "x"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_wrong_arguments(arguments: list[str]) -> None:
    """Wrong arguments end with 2 and a usage, never with a traceback."""
    done = _run(*arguments)
    assert done.exit_code == 2
    assert "Usage: " in done.output


@pytest.mark.parametrize("group", ["", "policy", "certs"])
def test_a_group_sums_up_its_commands(group: str) -> None:
    """The description of a command is complete, and not cut."""
    done = _run(*group.split(), "--help")
    assert done.exit_code == 0
    assert "..." not in done.output.partition("Commands:")[2]
