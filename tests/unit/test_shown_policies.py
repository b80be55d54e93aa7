"""Every policy that the repository holds or shows passes `istag-webhook policy validate`."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner

from webhook.cli.main import main

_ROOT: Final = Path(__file__).parents[2]
_KIND: Final = re.compile(r'^"?kind"?: *"?ImageTagPolicy"?,?$|"kind": *"ImageTagPolicy"', re.MULTILINE)
_FENCED: Final = re.compile(r"^```(?:yaml|json)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
# Inputs that a fuzzer has changed, and files outside of the project.
_LEFT_OUT: Final = ("tests/data/corpus", "build", "dist", "site")


def _files() -> Iterator[tuple[str, str]]:
    rooms = [each for each in sorted(_ROOT.iterdir()) if not each.name.startswith(".")]  # not the environments
    for path in (each for room in rooms for each in ([room] if room.is_file() else sorted(room.rglob("*")))):
        name = path.relative_to(_ROOT).as_posix()
        if path.suffix in (".yaml", ".yml", ".json", ".md") and not name.startswith(_LEFT_OUT):
            yield name, path.read_text()


def _texts() -> Iterator[tuple[str, str]]:
    """Yield where a policy is, and its text: a file, a block of Markdown, or a value of a ConfigMap."""
    for name, text in _files():
        if name.endswith(".md"):
            yield from ((f"{name}, block {number}", block) for number, block in enumerate(_FENCED.findall(text), 1))
            continue
        yield name, text
        for document in yaml.safe_load_all(text) if "ConfigMap" in text else ():
            yield from ((f"{name}, {key}", value) for key, value in _data(document))


def _data(document: Any) -> list[tuple[str, str]]:
    if not isinstance(document, dict) or document.get("kind") != "ConfigMap":
        return []
    return list((document.get("data") or {}).items())


_FOUND: Final = {name: text for name, text in _texts() if _KIND.search(text)}


def test_they_are_found() -> None:
    """The shipped policy, that of the manifests, those of the tests and that of the README are among them."""
    expected = {"webhook/policy/default.yaml", "manifests/base/policy.yaml", "tests/data/policies/twenty.yaml"}
    assert expected <= set(_FOUND)
    assert [name for name in _FOUND if name.startswith("README.md")]


@pytest.mark.parametrize("name", _FOUND)
def test_it_is_valid(name: str, tmp_path: Path) -> None:
    """The command has nothing to say against it."""
    path = tmp_path / f"policy{Path(name.partition(',')[0]).suffix.replace('.md', '.yaml')}"
    path.write_text(_FOUND[name])
    done = CliRunner().invoke(main, ["policy", "validate", str(path)])
    assert done.exit_code == 0, done.output
