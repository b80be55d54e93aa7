"""The examples for Argo CD and Flux are valid by their published definitions, and name what the manifests have."""

import copy
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from tests.support.apiserver import leave_out
from tests.support.paths import ROOT
from tests.support.rendered import MANIFESTS, Document, Render, the

_EXAMPLES: Final = MANIFESTS.parent / "docs" / "how-to" / "gitops"
_TOOLS: Final = ROOT / "tools" / "gitops"
_MODELS: Final = {
    "argoproj.io": "argo-cd",
    "source.toolkit.fluxcd.io": "flux-cd",
    "kustomize.toolkit.fluxcd.io": "flux-cd",
}


def _documents() -> list[Document]:
    return [each for path in sorted(_EXAMPLES.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The definitions of Argo CD and Flux, as npm has them."""
    directory = tmp_path_factory.mktemp("models")
    if not (shutil.which("npm") and shutil.which("node")):
        leave_out("no npm: the examples for Argo CD and Flux are not validated")
    for path in _TOOLS.iterdir():
        shutil.copy(path, directory)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", "--prefer-offline"]
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        leave_out(f"npm cannot fetch the definitions of Argo CD and Flux: {done.stderr.strip()[:200]}")
    return directory


def _faults(models: Path, *documents: Document) -> str:
    given = [
        [f"@kubernetes-models/{_MODELS[each['apiVersion'].partition('/')[0]]}/{each['apiVersion']}/{each['kind']}", each["kind"], each]
        for each in documents
    ]  # fmt: skip
    done = subprocess.run(
        ["node", "validate.cjs"], cwd=models, input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_examples_are_valid(models: Path) -> None:
    """Every field is one that the definition has, with a value that it takes."""
    documents = _documents()
    assert {each["kind"] for each in documents} == {"Application", "GitRepository", "Kustomization"}
    assert _faults(models, *documents) == ""


@pytest.mark.parametrize(
    ("kind", "field", "value", "said"),
    [
        ("Application", "syncPolice", {}, '"syncPolice"'),
        ("Application", "project", 1, "project must be string"),
        ("Kustomization", "prune", "yes", "prune must be boolean"),
        ("GitRepository", "interval", "often", "interval must match pattern"),
    ],
)
def test_faults_are_noticed(models: Path, kind: str, field: str, value: Any, said: str) -> None:
    """An unknown field and a value of another type are faults."""
    document = copy.deepcopy(next(each for each in _documents() if each["kind"] == kind))
    document["spec"][field] = value
    assert said in _faults(models, document)


def test_what_is_ignored_exists(render: Render) -> None:
    """Each ignored difference names an object of the overlay that builds the image."""
    documents = render("openshift-build")
    (application,) = (each for each in _documents() if each["kind"] == "Application")
    for ignored in application["spec"]["ignoreDifferences"]:
        found = the(documents, ignored["kind"], ignored["name"])
        assert found["apiVersion"].partition("/")[0] == ignored["group"]
        assert found["metadata"].get("namespace") == ignored.get("namespace")
        (expression,) = ignored["jqPathExpressions"]
        assert expression.startswith(
            ".webhooks[].clientConfig" if "webhooks" in found else ".spec.template.spec.containers[]"
        )
