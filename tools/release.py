"""Write the files of a release to a directory: one-file manifests, wheel, source distribution and checksums.

`make release` runs this after `make sbom`, by a Python that has hatchling. The same commit gives the same bytes.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from tests.support import assets
from tests.support.paths import ROOT

# The overlay of each one-file manifest. The overlay `dev` is for a checkout.
OVERLAYS: Final = ("openshift", "kubernetes")
CHECKSUMS: Final = "SHA256SUMS"
_REGISTRY: Final = "ghcr.io"


def project(root: Path = ROOT) -> dict[str, Any]:
    """Return the table `project` of pyproject.toml."""
    found: dict[str, Any] = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    return found


def published(root: Path = ROOT) -> str:
    """Return the pull spec that a release is published under: the path of the repository, and the version."""
    path = project(root)["urls"]["Repository"].split("/", 3)[3]
    return f"{_REGISTRY}/{path}:{project(root)['version']}"


def commit_time(root: Path = ROOT) -> str:
    """Return SOURCE_DATE_EPOCH as it is set, else the time of the commit, else the time of the Unix epoch."""
    if given := os.environ.get("SOURCE_DATE_EPOCH"):
        return given
    command: list[str | Path] = ["git", "-C", root, "log", "-1", "--format=%ct"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "0"


def install_manifest(overlay: str, image: str, root: Path = ROOT) -> str:
    """Return an overlay as one file, with the image that its pods pull.

    Args:
        overlay: its name.
        image: the pull spec, by tag or by digest.
        root: the checkout.

    Raises:
        assets.NotFound: there is no kubectl that knows Components.
        subprocess.CalledProcessError: kustomize cannot render it.
    """
    name, digest = image.partition("@")[::2]
    pulled = {"digest": digest} if digest else {"newTag": name.rpartition(":")[2]}
    name = name if digest else name.rpartition(":")[0]
    with TemporaryDirectory() as directory:
        # kustomize takes JSON, and resources by relative paths alone
        place = Path(directory).resolve()
        kustomization = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "resources": [os.path.relpath(root.resolve() / "manifests" / "overlays" / overlay, place)],
            "images": [{"name": "istag-webhook", "newName": name, **pulled}],
        }
        (place / "kustomization.yaml").write_text(json.dumps(kustomization))
        command: list[str | Path] = [assets.kubectl(), "kustomize", place]
        rendered = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return (
        f"# istag-webhook {project(root)['version']}: manifests/overlays/{overlay}, with the image {image}\n{rendered}"
    )


def packages(directory: Path, root: Path = ROOT) -> None:
    """Build wheel and source distribution into a directory.

    Raises:
        subprocess.CalledProcessError: hatchling is not there, or cannot build.
    """
    command: list[str | Path] = [sys.executable, "-m", "hatchling", "build", "--directory", directory.resolve()]
    environment = {**os.environ, "SOURCE_DATE_EPOCH": commit_time(root)}
    subprocess.run(command, cwd=root, env=environment, stdout=subprocess.DEVNULL, check=True)


def checksums(directory: Path) -> str:
    """Return the SHA-256 of every file in a directory, as `sha256sum --check` reads them."""
    files = sorted(path for path in directory.iterdir() if path.name != CHECKSUMS)
    return "".join(f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in files)


def main() -> None:
    """Write a release."""
    parser = argparse.ArgumentParser(description="Write the files of a release to a directory.")
    parser.add_argument("directory", type=Path)
    parser.add_argument("--image", default=published(), help="Pull spec in the manifests.  [default: %(default)s]")
    given = parser.parse_args()
    given.directory.mkdir(parents=True, exist_ok=True)
    for overlay in OVERLAYS:
        (given.directory / f"install-{overlay}.yaml").write_text(install_manifest(overlay, given.image))
    packages(given.directory)
    (given.directory / CHECKSUMS).write_text(checksums(given.directory))
    print((given.directory / CHECKSUMS).read_text(), end="")  # noqa: T201 - this is a command


if __name__ == "__main__":
    try:
        main()
    except (assets.NotFound, subprocess.CalledProcessError) as error:
        sys.exit(f"release: {error}")
