"""Files that GitHub reads: workflows, forms and templates are valid by its schemas, and no workflow is exploitable."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.paths import ROOT

_GITHUB: Final = ROOT / ".github"
_BIN: Final = Path(sys.executable).parent
_WORKFLOWS: Final = sorted((_GITHUB / "workflows").glob("*.yml"))
_USES: Final = re.compile(r"uses: (\S+)(?: # (v\d+\.\d+\.\d+))?")


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        *(("vendor.github-workflows", path) for path in _WORKFLOWS),
        ("vendor.dependabot", _GITHUB / "dependabot.yml"),
        ("vendor.github-issue-config", _GITHUB / "ISSUE_TEMPLATE" / "config.yml"),
        *(("vendor.github-issue-forms", _GITHUB / "ISSUE_TEMPLATE" / f"{name}.yml") for name in ("bug", "idea")),
    ],
    ids=lambda value: value.stem if isinstance(value, Path) else "",
)
def test_schemas(schema: str, path: Path) -> None:
    """Each file is valid by the schema that is published for it."""
    command: list[str | Path] = [_BIN / "check-jsonschema", "--builtin-schema", schema, path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_the_linter_finds_nothing() -> None:
    """Zizmor finds nothing that an attacker could use."""
    command: list[str | Path] = [_BIN / "zizmor", "--offline", "--quiet", "--no-progress", _GITHUB]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_linter_would_notice(tmp_path: Path) -> None:
    """An action that is not pinned, and a title that becomes a part of a script, are found."""
    text = (_GITHUB / "workflows" / "lint.yml").read_text()
    broken = re.sub(r"@[0-9a-f]{40} # v\S+", "@v7", text).replace(
        "- run: make lint", "- run: echo ${{ github.event.pull_request.title }}"
    )
    (tmp_path / ".github" / "workflows").mkdir(parents=True)
    (tmp_path / ".github" / "workflows" / "lint.yml").write_text(broken)
    command: list[str | Path] = [_BIN / "zizmor", "--offline", "--no-progress", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert {"unpinned-uses", "template-injection"} <= set(re.findall(r"\[([a-z-]+)\]", done.stdout))


@pytest.mark.parametrize(
    "path", [*_WORKFLOWS, _GITHUB / "actions" / "check" / "action.yml"], ids=lambda path: path.stem
)
def test_actions_are_pinned(path: Path) -> None:
    """Each action of others is pinned by the SHA of a commit, and says which version that is."""
    for action, release in _USES.findall(path.read_text()):
        if not action.startswith("./"):
            assert re.fullmatch(r"[\w.-]+/[\w./-]+@[0-9a-f]{40}", action)
            assert release


def _jobs() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.stem}-{name}", job)
        for path in _WORKFLOWS
        for name, job in yaml.safe_load(path.read_text())["jobs"].items()
    ]


@pytest.mark.parametrize(("_name", "job"), _jobs(), ids=[name for name, _ in _jobs()])
def test_each_job_has_least_rights_and_an_end(_name: str, job: dict[str, Any]) -> None:
    """A job names its rights, and one that runs steps ends in time."""
    assert job["permissions"]
    assert "uses" in job or job["timeout-minutes"] <= 90


def test_what_is_released_is_tested_and_signed() -> None:
    """Nothing is pushed before the tests have passed, and image and files get their provenance."""
    jobs = yaml.safe_load((_GITHUB / "workflows" / "release.yml").read_text())["jobs"]
    assert "test" in jobs["build"]["needs"]
    assert {row["architecture"] for row in jobs["build"]["strategy"]["matrix"]["include"]} == {"amd64", "arm64"}
    for name in ("image", "files"):
        assert any("actions/attest-build-provenance" in step.get("uses", "") for step in jobs[name]["steps"])
        assert jobs[name]["permissions"].items() >= {"id-token": "write", "attestations": "write"}.items()
    assert "files" in jobs["publish"]["needs"]
