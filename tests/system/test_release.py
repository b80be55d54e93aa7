"""A release: the same commit gives the same bytes, its manifests can be applied, and its checksums hold."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Final

import pytest
import yaml
from tests.support.paths import ROOT
from tests.support.rendered import Kustomize, Render, templates
from tools import release

_IMAGE: Final = "registry.example/platform/istag-webhook@sha256:" + "a" * 64


def _checkout(directory: Path) -> Path:
    """Copy what git has of this checkout, changes included; its files get another time than the originals."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no checkout of git: a release is made from one")
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (directory / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, directory / name)
    return directory


def _released(checkout: Path, umask: int, *arguments: str) -> Path:
    """Make a release in a checkout, as a user with this umask."""
    done = subprocess.run(
        [sys.executable, "-m", "tools.release", "dist", *arguments], cwd=checkout, umask=umask, capture_output=True, text=True, check=False,
        env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return checkout / "dist"


@pytest.fixture(scope="module")
def dist(tmp_path_factory: pytest.TempPathFactory, kustomize: Kustomize) -> Path:  # noqa: ARG001 - there is a kubectl
    """A release by one user."""
    return _released(_checkout(tmp_path_factory.mktemp("one")), 0o022)


def test_it_is_reproducible(dist: Path, tmp_path: Path) -> None:
    """Another directory, another time of the files and another umask make no difference."""
    again = _released(_checkout(tmp_path), 0o077)
    assert (again / release.CHECKSUMS).read_text() == (dist / release.CHECKSUMS).read_text()


def test_checksums(dist: Path) -> None:
    """Every file has one, and sha256sum finds a file that was changed."""
    assert len((dist / release.CHECKSUMS).read_text().splitlines()) == len(list(dist.iterdir())) - 1
    check = ["sha256sum", "--check", "--strict", "--quiet", release.CHECKSUMS]
    assert subprocess.run(check, cwd=dist, check=False).returncode == 0
    (manifest,) = dist.glob("install-openshift.yaml")
    kept = manifest.read_bytes()
    try:
        manifest.write_bytes(kept + b"#\n")
        assert subprocess.run(check, cwd=dist, capture_output=True, check=False).returncode == 1
    finally:
        manifest.write_bytes(kept)


@pytest.mark.parametrize("overlay", release.OVERLAYS)
def test_manifests(dist: Path, overlay: str, render: Render) -> None:
    """They are the overlay, but for the image, which is the published one."""
    documents = list(yaml.safe_load_all((dist / f"install-{overlay}.yaml").read_text()))
    for _, template in templates(documents):
        for container in template["spec"]["containers"]:
            assert container["image"] == release.published()
            container["image"] = f"istag-webhook:{release.project()['version']}"
    assert documents == render(overlay)


def test_an_image_by_digest(kustomize: Kustomize) -> None:  # noqa: ARG001 - there is a kubectl
    """The release workflow names the image that it has pushed by its digest."""
    documents = yaml.safe_load_all(release.install_manifest("openshift", _IMAGE))
    images = {each["image"] for _, template in templates(list(documents)) for each in template["spec"]["containers"]}
    assert images == {_IMAGE}


def test_packages(dist: Path, tmp_path: Path) -> None:
    """The wheel holds the package and its policy alone, and runs; the source distribution holds what builds it."""
    (wheel,) = dist.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name.partition("/")[0] for name in names} == {
        "webhook",
        f"istag_webhook-{release.project()['version']}.dist-info",
    }
    assert "webhook/policy/default.yaml" in names
    done = subprocess.run(
        [sys.executable, "-c", "from webhook.cli.main import main; main(['version'])"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(wheel)}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == release.project()["version"], done.stderr
    (source,) = dist.glob("*.tar.gz")
    with tarfile.open(source) as tar:
        inside = {name.partition("/")[2] for name in tar.getnames()}
    assert {"pyproject.toml", "README.md", "LICENSE", "webhook/policy/default.yaml"} <= inside
    assert not {name for name in inside if name.endswith((".key", ".crt"))}
