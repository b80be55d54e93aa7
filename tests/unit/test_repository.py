"""The repository has one address, which pyproject.toml holds; everything else that names it agrees."""

import re
import subprocess
import tomllib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Final

import pytest
from tests.support.paths import ROOT

from webhook import __version__

_PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
_URL: Final[str] = _PROJECT["urls"]["Repository"]
_PATH: Final = _URL.removeprefix("https://github.com/")
_NAME: Final = _PATH.rpartition("/")[2]
_BINARY: Final = {".xz", ".png", ".ico"}
# The places that name the repository or its image: a URL, a pull spec, an action or a command's option.
_MENTIONS: Final = (
    re.compile(rf"\b(?:github\.com[/:]|ghcr\.io/)([\w.-]+/{_NAME})(?![\w-])"),
    re.compile(rf"(?:uses: |--repo )([\w.-]+/{_NAME})(?![\w-])"),
)
_VERSIONED: Final = re.compile(rf"{re.escape(_PATH)}(?:/[\w./-]+)?[@:]v?(\d+\.\d+\.\d+)")


def _texts() -> Iterator[tuple[Path, str]]:
    """Yield every text file of the project, less what was recorded or kept as an input."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no checkout of git")
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if (
            path.is_file()
            and path.suffix not in _BINARY
            and not name.startswith(("tests/data/corpus/", "tests/data/reviews/"))
        ):
            yield path, path.read_text()


def _found(text: str) -> set[str]:
    return {match for pattern in _MENTIONS for match in pattern.findall(text)}


def test_one_address() -> None:
    """Nothing names another owner or spelling, and no placeholder is left."""
    wrong = {
        str(path.relative_to(ROOT)): others
        for path, text in _texts()
        if path != Path(__file__) and (others := _found(text) - {_PATH})
    }
    assert wrong == {}


def test_it_is_named_where_it_matters() -> None:
    """The search finds the places that there are."""
    named = {str(path.relative_to(ROOT)) for path, text in _texts() if _PATH in _found(text)}
    assert {
        "pyproject.toml",
        "Dockerfile",
        "manifests/components/build/buildconfig.yaml",
        "docs/pipelines/github-workflow.yaml",
        "docs/how-to/install-release.md",
    } <= named


@pytest.mark.parametrize(
    "text",
    [
        "https://github.com/OWNER/istag-webhook", "git@github.com:other/istag-webhook.git", "ghcr.io/other/istag-webhook:1",
        "uses: other/istag-webhook/.github/actions/check@v1", "gh attestation verify x --repo other/istag-webhook",
    ],
    ids=["placeholder", "ssh", "image", "action", "option"],
)  # fmt: skip
def test_another_spelling_is_noticed(text: str) -> None:
    """Each way to name it is searched."""
    assert _found(text) - {_PATH}


def test_one_version() -> None:
    """The package, its metadata and each address with a version name the version of pyproject.toml."""
    assert __version__ == version("istag-webhook") == _PROJECT["version"]
    said = {found for path, text in _texts() if path != Path(__file__) for found in _VERSIONED.findall(text)}
    assert said == {__version__}
