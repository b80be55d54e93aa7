"""The image: the Dockerfile is sound by its linter, and its steps, run one by one, make something that serves."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version
from tests.support.builders import HEAD, REVIEWS
from tests.support.serving import PATIENCE, running, until
from tools.image import ANYBODY, ROOT, ignored, locked, stages

from webhook.certs.issuing import issue

_TEXT = (ROOT / "Dockerfile").read_text()
_PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())
_IMAGE = [sys.executable, str(ROOT / "tools" / "image.py")]


def test_the_linter_finds_nothing() -> None:
    """Hadolint has nothing to say."""
    done = subprocess.run(
        [Path(sys.executable).with_name("hadolint"), "Dockerfile"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "")


def test_labels() -> None:
    """The labels that Red Hat's preflight asks for are there, and say what the package says."""
    labels = stages(_TEXT)[-1].labels
    required = ["name", "vendor", "version", "release", "summary", "description", "maintainer"]
    assert [name for name in required if not labels.get(name)] == []
    project = _PROJECT["project"]
    assert labels["name"] == labels["org.opencontainers.image.title"] == project["name"]
    assert labels["version"] == labels["org.opencontainers.image.version"] == project["version"]
    assert labels["summary"] == labels["org.opencontainers.image.description"] == project["description"]
    assert labels["org.opencontainers.image.licenses"] == project["license"]


def test_the_last_stage() -> None:
    """It installs nothing, runs as no root in group 0, and its base is pinned."""
    build, last = stages(_TEXT)
    assert last.user == "1001:0"
    assert [value for kind, value, _ in last.steps if kind == "RUN"] == [
        'test "$(istag-webhook version)" = "${VERSION}"'
    ]
    assert ("COPY", "LICENSE /licenses/LICENSE", "/") in last.steps
    bases = re.findall(r"^FROM (\S+)", _TEXT, re.MULTILINE)
    assert bases == ["${BASE}", "${BASE}"], "both stages have the same Python"
    assert re.findall(r"^ARG BASE=\S+:[\d.]+$", _TEXT, re.MULTILINE)
    assert all(
        "--only-binary=:all:" in value for _, value, _ in build.steps if "requirements" in value and "pip" in value
    )


def test_the_locks() -> None:
    """Each dependency of the package is locked, in an allowed version, with hashes, and independent of an index."""
    project = _PROJECT["project"]
    extras = [each for extra in project.get("optional-dependencies", {}).values() for each in extra]
    assert _PROJECT["dependency-groups"]["build"] == _PROJECT["build-system"]["requires"]
    for name, wanted in (
        ("requirements.lock", [*project["dependencies"], *extras]),
        ("requirements-build.lock", _PROJECT["build-system"]["requires"]),
    ):
        text, libraries = (ROOT / name).read_text(), locked(name)
        for requirement in map(Requirement, wanted):
            assert Version(libraries[requirement.name][0]) in requirement.specifier, (
                f"{name}: `make lock` takes up {requirement}"
            )
        assert text.count(" \\\n    --hash=sha256:") >= len(libraries)
        assert "://" not in text


def test_the_context() -> None:
    """Nothing gets into the build that the Dockerfile does not ask for."""
    copied = {
        word
        for stage in stages(_TEXT)
        for kind, value, _ in stage.steps
        if kind == "COPY" and "--from" not in value
        for word in value.split()[:-1]
    }
    assert {line for line in ignored() if line.startswith("!")} == {f"!{name}" for name in copied}
    assert ignored()[0] == "*"


def _build(directory: Path) -> None:
    """Build the stages of the image in a directory."""
    probe = "mkdir u w m && mount -t overlay overlay -o lowerdir=/,upperdir=u,workdir=w m"
    able = subprocess.run(
        ["unshare", "--mount", "sh", "-c", probe], cwd=directory, capture_output=True, text=True, check=False
    )
    if os.getuid() or able.returncode:
        pytest.skip(f"the image's steps need root and an overlay: {able.stderr.strip() or 'not root'}")
    done = subprocess.run(
        ["unshare", "--mount", *_IMAGE, "build", directory], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_does(tmp_path: Path) -> None:
    """Its steps make a package that serves as any user, and nothing else."""
    built = tmp_path / "image"
    built.mkdir()
    _build(built)
    _serves(built, tmp_path)
    _holds_the_package_alone(built / "1" / "written")


def _serves(built: Path, tmp_path: Path) -> None:
    """Hold that any user in group 0, on a root that is read only, is answered, and that SIGTERM ends it with 0."""
    etc = tmp_path / "etc"
    issue(etc / "tls", ["localhost"])
    for path in etc.rglob("*"):
        os.chown(path, ANYBODY, 0)
    (etc / "policy.yaml").write_text(HEAD + "spec: {rules: [{name: trusted, registries: {allow: [quay.io]}}]}\n")
    settings = {
        "ISTAG_WEBHOOK_HOST": "127.0.0.1",
        "ISTAG_WEBHOOK_PORT": "0",
        "ISTAG_WEBHOOK_MANAGEMENT_PORT": "0",
        "ISTAG_WEBHOOK_POLICY": "/etc/istag-webhook/policy.yaml",
        "ISTAG_WEBHOOK_DRAIN": "0",
    }
    command = ["unshare", "--mount", *_IMAGE, "run", str(built), str(etc)]
    with running(command, etc / "tls" / "ca.crt", tmp_path, **settings) as server:
        status, answer = server.post((REVIEWS / "A02-oc-tag-docker-new-stream.2-validate.json").read_bytes())
        assert (status, answer["response"]["allowed"]) == (200, False)
        (record,) = until(server.records, "the record")
        assert record["policy"]["name"] == "test"
        assert "istag_webhook_build_info" in server.get("/metrics")[1]
        worker = Path(f"/proc/{min(server.workers())}")
        who = dict(re.findall(r"^(\w+):[ \t]*(.*)$", (worker / "status").read_text(), re.MULTILINE))
        assert who["Uid"].split() == [str(ANYBODY)] * 4
        assert (who["Gid"].split(), who["Groups"].strip(), int(who["CapEff"], 16)) == (["0"] * 4, "", 0)
        roots = [line.split() for line in (worker / "mounts").read_text().splitlines() if line.split()[1] == "/"]
        assert [mount[3].split(",")[0] for mount in roots] == ["ro"]
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0


def _holds_the_package_alone(written: Path) -> None:
    """Hold that the last stage has the package and its licence, no pip, nothing to compile with, nothing of the build."""
    assert {path.name for path in written.iterdir()} <= {
        "opt",
        "licenses",
        "etc",
        "tmp",
        "proc",
        "dev",
        "sys",
        "root",
        "var",
    }
    assert (written / "licenses" / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    programs = {path.name for path in (written / "opt" / "istag-webhook" / "bin").iterdir()}
    assert "istag-webhook" in programs
    assert not [name for name in programs if re.match(r"pip|gcc|cc|hatchling", name)]
    packages = {path.name for path in written.glob("opt/istag-webhook/lib/*/site-packages/*")}
    assert not packages & {"pip", "hatchling", "setuptools"}
    assert list((written / "opt").iterdir()) == [written / "opt" / "istag-webhook"]
    (records,) = written.glob("opt/istag-webhook/lib/*/site-packages/istag_webhook-*.dist-info/METADATA")
    assert f"Version: {_PROJECT['project']['version']}\n" in records.read_text()
