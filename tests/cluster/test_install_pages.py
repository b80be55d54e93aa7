"""Every install command of the documentation that can run here is run: kustomize, checksums, and a real API server."""

import re
import shlex
import shutil
import subprocess
import textwrap
from contextlib import ExitStack
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
import yaml
from tests.support.apiserver import ApiServer
from tests.support.overlays import all_as_served, applied
from tests.support.rendered import MANIFESTS, Document, Kustomize
from tools import release

_ROOT: Final = MANIFESTS.parent
# Those that show how to install: by an overlay of ours, or by a file of a release.
_PAGES: Final = [
    path
    for path in sorted((_ROOT / "docs").rglob("*.md"))
    if re.search(r"manifests/overlays/|install-openshift\.yaml", path.read_text())
]
_BLOCK: Final = re.compile(r"^([ ]*)```(yaml|console)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
_PROGRAMS: Final = ("kubectl", "oc", "cp", "sha256sum")


def _blocks(page: Path) -> list[tuple[str, str]]:
    """Return the language and the text of each block, in order; blocks in lists are indented."""
    return [(language, textwrap.dedent(text)) for _, language, text in _BLOCK.findall(page.read_text())]


def _commands(text: str) -> list[list[str]]:
    """Return the commands of a console block that this machine has the means for, without those in a pipe."""
    lines = (line.removeprefix("$ ") for line in text.splitlines() if line.startswith("$ "))
    return [words for line in lines if "|" not in line and (words := shlex.split(line))[0] in _PROGRAMS]


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory, kustomize: Kustomize) -> Path:  # noqa: ARG001 - there is a kubectl
    """The manifests of a release, with their checksums."""
    directory = tmp_path_factory.mktemp("released")
    for name in release.OVERLAYS:
        text = release.install_manifest(name, release.published())
        (directory / f"install-{name}.yaml").write_text(text)
    (directory / release.CHECKSUMS).write_text(release.checksums(directory))
    return directory


@pytest.fixture
def workspace(tmp_path: Path, released: Path) -> Path:
    """The directories of the commands: a checkout, an overlay of the user, and downloads."""
    (tmp_path / "istag-webhook").symlink_to(_ROOT)
    (tmp_path / "cluster").mkdir()
    shutil.copy(MANIFESTS / "base" / "policy.yaml", tmp_path / "cluster")
    for path in released.iterdir():
        shutil.copy(path, tmp_path)
    return tmp_path


def _documents(words: list[str], workspace: Path, kustomize: Kustomize) -> list[Document]:
    """Return what an apply, a diff or a kustomize command is about."""
    value = next(after for word, after in pairwise(words) if word in _SOURCES)
    if "kustomize" in words or "--kustomize" in words or "-k" in words:
        return kustomize(workspace / value)
    return [each for each in yaml.safe_load_all((workspace / value).read_text()) if each]


_VERBS: Final = ("kustomize", "apply", "diff", "annotate", "delete", "patch")
_SOURCES: Final = ("--kustomize", "-k", "--filename", "-f", "kustomize")


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: page.stem)
def test_commands(page: Path, workspace: Path, api: ApiServer, kustomize: Kustomize) -> None:
    """Each kustomization of the page can be rendered, and the API server takes what is applied."""
    api.namespace("openshift-config-managed")
    ran = 0
    with ExitStack() as stack:
        for language, text in _blocks(page):
            if language == "yaml":
                if "kind: Kustomization" in text:
                    (workspace / "cluster" / "kustomization.yaml").write_text(text)
                continue
            for words in _commands(text):
                ran += _run(words, workspace, api, kustomize, stack)
    assert ran, "the page has an install command that was run"


def _run(words: list[str], workspace: Path, api: ApiServer, kustomize: Kustomize, stack: ExitStack) -> int:
    """Run a command, and return how many ran: one that needs a controller, a pod or another registry is left out."""
    program, verb = words[0], next((word for word in words[1:] if word in _VERBS), "")
    if program in ("cp", "sha256sum"):
        done = subprocess.run(words, cwd=workspace, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    elif verb == "kustomize":
        assert _documents(words, workspace, kustomize)
    elif verb in ("apply", "diff"):
        documents = _documents(words, workspace, kustomize)
        for name in {each["metadata"].get("namespace") for each in documents} - {None}:
            api.namespace(name)
        if verb == "diff":
            said = api.kubectl("diff", "--filename=-", stdin=all_as_served(api, documents))
            assert said.code in (0, 1), said.err  # 1: there is a difference
        else:
            said = stack.enter_context(applied(api, documents))
            assert (said.code, said.error) == (0, ""), words
    elif verb:
        dry = [] if "--dry-run=server" in words else ["--dry-run=server"]
        said = api.kubectl(*words[1:], *dry)
        assert (said.code == 0) is ("--as=nobody" not in words), said.err
    else:
        return 0
    return 1


def test_the_pages() -> None:
    """The pages that there are."""
    assert {"install-release", "install-disconnected", "gitops-install", "guard", "openshift-build"} <= {
        page.stem for page in _PAGES
    }
