"""`init`: the CI job that it writes checks the policy, run by the shell and the tools that a user has."""

import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

_PROGRAM = Path(sys.executable).with_name("istag-webhook")


_ENVIRONMENT = {**os.environ, "PATH": f"{_PROGRAM.parent}:{os.environ['PATH']}"}


_GITHUB = ".github/workflows/istag-policy.yml"


_GITLAB = ".gitlab/istag-policy.gitlab-ci.yml"


def _shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a pipeline as the pipeline would."""
    return subprocess.run(
        ["sh", "-ec", command], cwd=directory, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )


def _steps(ci: str, root: Path) -> list[str]:
    """Return the commands of the job that need no network."""
    if ci == "shell":
        (script,) = root.rglob("check-policy.sh")
        assert os.access(script, os.X_OK)
        return [shlex.quote(str(script))]
    job: Any = yaml.safe_load((root / (_GITHUB if ci == "github" else _GITLAB)).read_text())
    steps = (
        [step.get("run", "") for step in job["jobs"]["policy"]["steps"]]
        if ci == "github"
        else job["istag-policy"]["script"]
    )
    install = [step for step in steps if step.startswith("pip install ")]
    assert len(install) == 1
    unset = _shell(f"unset ISTAG_WEBHOOK; {install[0]}", root)
    assert (unset.returncode, "ISTAG_WEBHOOK" in unset.stderr) == (2, True)  # nothing is installed by a guessed name
    return [step for step in steps if step and step not in install]


@pytest.mark.parametrize("ci", ["github", "gitlab", "shell"])
@pytest.mark.parametrize("where", [".", "policies", "it's a/deep one", "-dash"])
def test_the_job_checks_the_policy(ci: str, where: str, tmp_path: Path) -> None:
    """The job runs from the root of the repository, passes as it was written, and fails for a warning or a failed case."""
    (tmp_path / ".git").mkdir()
    directory = tmp_path / where
    done = subprocess.run(
        [_PROGRAM, "init", "--ci", ci, "--", where], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    steps = _steps(ci, tmp_path)
    assert [_shell(step, tmp_path).returncode for step in steps] == [0] * len(steps)
    policy = directory / "policy.yaml"
    text = policy.read_text()
    policy.write_text(text.replace("      existing: audit\n", "", 1))
    assert 1 in [_shell(step, tmp_path).returncode for step in steps]  # the warning implicit-existing
    policy.write_text(text.replace("mode: enforce", "mode: warn", 1))
    assert 1 in [_shell(step, tmp_path).returncode for step in steps]
