"""`init`: the first policy, its tests and the CI job, used as a new user would."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from webhook.cli.main import main
from webhook.errors import MalformedGlob
from webhook.globs.alphabets import NAMESPACE
from webhook.globs.matching import Glob, ReferenceGlob, any_matches, any_reference_matches
from webhook.policy.lint.exemptions import is_reserved
from webhook.policy.starter import Answers
from webhook.reference import ImageReference

_PROGRAM = Path(sys.executable).with_name("istag-webhook")
_ENVIRONMENT = {**os.environ, "PATH": f"{_PROGRAM.parent}:{os.environ['PATH']}"}
_GITHUB = ".github/workflows/istag-policy.yml"
_CASES = 13


def _run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, list(map(str, arguments)))


def _files(directory: Path) -> list[str]:
    return sorted(str(path.relative_to(directory)) for path in directory.rglob("*") if path.is_file())


def _shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of a pipeline as the pipeline would."""
    return subprocess.run(
        ["sh", "-ec", command], cwd=directory, env=_ENVIRONMENT, capture_output=True, text=True, check=False
    )


def test_in_an_empty_directory(tmp_path: Path) -> None:
    """The written files are usable at once: by the printed commands, and by the job."""
    done = _shell("istag-webhook init", tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    files = [_GITHUB, "policy.test.yaml", "policy.yaml"]
    assert _files(tmp_path) == files
    assert sorted(re.findall(r"^wrote (.+)$", done.stdout, re.MULTILINE)) == files
    commands = re.findall(r"^  (istag-webhook .+)$", done.stdout, re.MULTILINE)
    assert len(commands) == 2
    validated, tested = (_shell(command, tmp_path) for command in commands)
    assert (validated.returncode, validated.stderr) == (0, "")
    assert "warning" not in validated.stdout
    assert (tested.returncode, tested.stderr) == (0, "")
    assert tested.stdout.endswith(f"{_CASES} cases: {_CASES} passed, 0 failed\n")


def _check(directory: Path) -> None:
    """Validate and test what was written."""
    validated = _run("policy", "validate", "--fail-on-warn", directory / "policy.yaml")
    assert (validated.exit_code, validated.stderr) == (0, ""), validated.output
    tested = _run("test", "--coverage", "--fail-uncovered", directory)
    assert (tested.exit_code, tested.output.splitlines()[-1]) == (0, f"{_CASES} cases: {_CASES} passed, 0 failed"), (
        tested.output
    )


@pytest.mark.parametrize("namespaces", [[], ["team-b", "team-*"], ["kube*", "*-prod"], ["a" * 63 + "*"]])
@pytest.mark.parametrize(
    "registries",
    [
        [], ["quay.io"], ["quay.io/acme/**", "*.example.com"], ["docker.io/*"], ["registry.example.org"], ["*:5000"], ["reg-*.example:*/a*/b"],
        ["**.example.com"], ["[::1]:*/x"], ["[2001:db8::1]"], ["localhost/x"], ["image-registry.openshift-image-registry.svc:5000"],
        ["image-registry.openshift-image-registry.svc:5000/shared/**"], ["quay.io", "quay.io"],
    ],
    ids=" ".join,
)  # fmt: skip
def test_answers(registries: list[str], namespaces: list[str], tmp_path: Path) -> None:
    """For any registries and namespaces there is no warning, every case passes, and every entry has a case."""
    options = [f"--registry={each}" for each in registries] + [f"--namespace={each}" for each in namespaces]
    done = _run("init", tmp_path, "--ci", "none", *options)
    assert (done.exit_code, _files(tmp_path)) == (0, ["policy.test.yaml", "policy.yaml"]), done.output
    _check(tmp_path)
    spec = yaml.safe_load((tmp_path / "policy.yaml").read_text())["spec"]
    (rule,) = (each for each in spec["rules"] if each["name"] == "trusted-registries")
    assert rule["mode"] == ("enforce" if registries else "warn")
    assert set(registries) <= set(rule["registries"]["allow"])


_HOST = st.from_regex(
    r"(\*|\*\*|[a-c*]{1,3}\.[a-c*]{1,3}|\*\*\.[a-c]{1,3}|\[::[1-9]\])(:(\*|[1-9][0-9]{0,3}))?", fullmatch=True
)
_PATH = st.from_regex(r"(/(\*\*|[a-c*]{1,3})){0,3}", fullmatch=True)


@given(
    st.lists(st.builds(str.__add__, _HOST, _PATH), max_size=3),
    st.lists(st.from_regex(r"[a-z*-]{1,6}", fullmatch=True), max_size=2),
)
@settings(suppress_health_check=[HealthCheck.filter_too_much])
def test_examples(registries: list[str], namespaces: list[str]) -> None:
    """The examples in the tests are matched by the globs, or are not, as the tests say."""
    try:
        answers = Answers.of(registries, namespaces)
    except MalformedGlob:
        reject()
    allowed = list(map(ReferenceGlob.compile, answers.registries))
    internal = f"image-registry.openshift-image-registry.svc:5000/{answers.namespace}/app"
    for repository in (answers.trusted, internal):
        assert any_reference_matches(allowed, ImageReference.parse(f"{repository}:1.0"))
    assert not any_reference_matches(allowed, ImageReference.parse(f"{answers.untrusted}:1.0"))
    assert not is_reserved(answers.namespace)
    assert not namespaces or any_matches([Glob.compile(each, NAMESPACE) for each in namespaces], answers.namespace)
    assert answers.other != answers.namespace


def test_never_overwrites(tmp_path: Path) -> None:
    """A file that exists is named and kept, and nothing else is written; --force overwrites it."""
    path = tmp_path / "policy.test.yaml"
    path.write_text("mine")
    done = _run("init", tmp_path)
    assert (done.exit_code, done.stdout, done.stderr) == (
        2,
        "",
        f"{path}: already exists; use --force to overwrite it\n",
    )
    assert (_files(tmp_path), path.read_text()) == (["policy.test.yaml"], "mine")
    assert _run("init", tmp_path, "--force").exit_code == 0
    assert _files(tmp_path) == [_GITHUB, "policy.test.yaml", "policy.yaml"]
    _check(tmp_path)
    again = _run("init", tmp_path)
    assert (again.exit_code, len(again.stderr.splitlines())) == (2, 3)


def test_a_link_is_a_file_that_exists(tmp_path: Path) -> None:
    """A symbolic link, even one that leads nowhere, is not overwritten either."""
    (tmp_path / "policy.yaml").symlink_to(tmp_path / "nowhere")
    done = _run("init", tmp_path)
    assert (done.exit_code, done.stderr) == (
        2,
        f"{tmp_path}/policy.yaml: already exists; use --force to overwrite it\n",
    )
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("prepare", "directory", "named", "reason"),
    [
        (lambda at: (at / "file").touch(), "file", "file/policy.yaml", "Not a directory"),
        (lambda at: (at / "file").touch(), "file/deep", "file/deep", "Not a directory"),
        (lambda at: (at / ".github").touch(), ".", ".github/workflows", "Not a directory"),
        (lambda at: (at / "policy.test.yaml").mkdir(), ".", "policy.test.yaml", "Is a directory"),
        (lambda at: (at / _GITHUB).mkdir(parents=True), "new/../.", _GITHUB, "Is a directory"),
        (lambda at: None, "x" * 300, "x" * 300, "File name too long"),
    ],
    ids=["file", "below-a-file", "job-below-a-file", "directory", "job-directory", "long"],
)
@pytest.mark.parametrize("before", [True, False], ids=["overwriting", "new"])
def test_all_or_nothing(
    prepare: Any, directory: str, named: str, reason: str, before: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If one file cannot be written, the others and their directories are as they were, and the file is named."""
    monkeypatch.chdir(tmp_path)
    prepare(tmp_path)
    if before and directory in (".", "new/../."):
        (tmp_path / "policy.yaml").write_text("mine")
        (tmp_path / "policy.yaml").chmod(0o640)
    if directory == "new/../.":
        directory = "."
    paths = sorted(tmp_path.rglob("*"))
    done = _run("init", directory, "--force")
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"{named}: cannot be written: {reason}; no files were written\n"
    assert sorted(tmp_path.rglob("*")) == paths
    if (tmp_path / "policy.yaml").is_file():
        assert (tmp_path / "policy.yaml").read_text() == "mine"
        assert (tmp_path / "policy.yaml").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--registry", ""], "--registry: expected a glob, got an empty string"),
        (["--registry", "^quay.io$"], '--registry: "^quay.io$" matches no image reference'),
        (["--registry", "*"], '--registry: "*" allows every registry; expected the registries that you trust'),
        (["--registry", "quay.io", "--registry", "**"], '--registry: "quay.io", "**" allow every registry'),
        (["--registry", "quay.io\n"], '--registry: "quay.io\\x0a" matches no image reference'),
        (["--namespace", "Team-*"], '--namespace: "Team-*" matches no namespace'),
        (["--namespace", "openshift-*"], '--namespace: "openshift-*" belongs to the platform'),
        (["--namespace", "team-*", "--namespace", "kube"], '--namespace: "kube" belongs to the platform'),
        (["--namespace", "*kube-" + "a" * 58], "matches namespaces of the platform only"),
        (["--ci", "jenkins"], "'jenkins' is not one of 'github', 'gitlab', 'shell', 'none'"),
        (["--force", "yes"], "Got unexpected extra argument"),
        (["another"], "Got unexpected extra argument"),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)  # fmt: skip
def test_wrong_arguments(arguments: list[str], said: str, tmp_path: Path) -> None:
    """Wrong arguments end with 2, a usage and what was expected, and no files were written."""
    done = _run("init", tmp_path, *arguments)
    assert (done.exit_code, _files(tmp_path)) == (2, [])
    assert said in re.sub(r"\s+", " ", done.stderr)
    assert done.stderr.startswith("Usage: ")


def test_a_name_that_no_job_can_hold(tmp_path: Path) -> None:
    """A directory with a line break in its name is denied, because a job could not name it."""
    (tmp_path / ".git").mkdir()
    done = _run("init", tmp_path / "a\nb")
    assert (done.exit_code, _files(tmp_path)) == (2, [])
    assert "expected a name of printable characters" in done.stderr
    assert "\nb" not in done.stderr
