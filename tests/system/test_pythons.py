"""Each Python that the page of supported versions names has a wheel of every library, for both architectures."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

import pytest
from tests.support.paths import ROOT

_PAGE: Final = (ROOT / "docs" / "reference" / "supported-versions.md").read_text()
_PYTHONS: Final = re.findall(r"^\| (3\.\d+) \| yes \|", _PAGE, re.MULTILINE)
_OFFLINE: Final = re.compile(r"error sending request|failed to fetch|could not connect", re.IGNORECASE)
_UV: Final = Path(sys.executable).with_name("uv")


def _look_up(python: str, machine: str, requirements: Path, directory: Path) -> subprocess.CompletedProcess[str]:
    """Look up what would be installed, without fetching it."""
    command: list[str | Path] = [
        _UV, "pip", "install", "--dry-run", "--quiet", "--no-deps", "--only-binary=:all:", "--require-hashes",
        f"--python-version={python}", f"--python-platform={machine}-manylinux_2_28", "--target", directory,
        "--requirement", requirements,
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
@pytest.mark.parametrize("python", _PYTHONS)
def test_wheels(python: str, machine: str, tmp_path: Path) -> None:
    """Nothing has to be compiled, and every file is one whose hash is locked."""
    done = _look_up(python, machine, ROOT / "requirements.lock", tmp_path)
    if _OFFLINE.search(done.stderr):
        pytest.skip(f"no package index: {done.stderr.strip()[:200]}")
    assert done.returncode == 0, done.stderr


def test_a_missing_wheel_is_noticed(tmp_path: Path) -> None:
    """A library without a wheel for a machine is not built from source."""
    done = _look_up("3.11", "s390x", ROOT / "requirements.lock", tmp_path)
    if _OFFLINE.search(done.stderr):
        pytest.skip(f"no package index: {done.stderr.strip()[:200]}")
    assert done.returncode != 0
    assert "no usable wheels" in " ".join(done.stderr.split())


def test_the_pythons() -> None:
    """The page begins with what pyproject.toml requires, and the workflow tests all of them."""
    required = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["requires-python"]
    assert required == f">={_PYTHONS[0]}"
    workflow = (ROOT / ".github" / "workflows" / "test.yml").read_text()
    assert re.findall(r'"(3\.\d+)"', workflow) == _PYTHONS
