"""The examples of docs/pipelines: each is valid by a schema of others, and its commands run on real files."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any, Final

import kubernetes_validate
import pytest
import yaml
from junitparser import JUnitXml
from tests.support.apiserver import leave_out
from tests.support.assets import NotFound, kubectl

_ROOT: Final = Path(__file__).parents[2]
_PIPELINES: Final = _ROOT / "docs" / "pipelines"
_ACTION: Final = _ROOT / ".github" / "actions" / "check"
_VERSION: Final = version("istag-webhook")
_REPOSITORY: Final = tomllib.loads((_ROOT / "pyproject.toml").read_text())["project"]["urls"]["Repository"]
_BIN: Final = Path(sys.executable).parent
_POLICY: Final = """\
apiVersion: istag-webhook/v1
kind: ImageTagPolicy
metadata: {name: pipelines}
spec:
  rules:
    - name: ours
      registries: {allow: [quay.io/acme/*]}
"""
_DENIED: Final = "(rule ours)"

Said = CompletedProcess[str]


def _stream(image: str) -> str:
    tags = [{"name": "live", "from": {"kind": "DockerImage", "name": image}}]
    stream = {"apiVersion": "image.openshift.io/v1", "kind": "ImageStream", "metadata": {"name": "app"}}
    return yaml.safe_dump({**stream, "spec": {"tags": tags}})


def _run(*command: str | Path, cwd: Path, stdin: str = "", **environment: str) -> Said:
    """Run a command, with the tests' own programs first on the PATH."""
    given = {**os.environ, "PATH": f"{_BIN}:{os.environ['PATH']}", **environment}
    given = {name: value for name, value in given.items() if not name.startswith("GIT_")} | _COMMITTER
    return subprocess.run(command, cwd=cwd, env=given, input=stdin, capture_output=True, text=True, check=False)


_COMMITTER: Final = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    **{f"GIT_{who}_{what}": "test@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A user's repository: a policy, its test, and manifests that it allows."""
    root = tmp_path / "repository"
    (root / "manifests").mkdir(parents=True)
    (root / "policy.yaml").write_text(_POLICY)
    (root / "manifests" / "app.yaml").write_text(_stream("quay.io/acme/app:1"))
    (root / "manifests" / "other.yaml").write_text("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: other}\n")
    return root


def _deny(repository: Path) -> None:
    """Add a stream that the policy denies, in a file whose name no shell may take apart."""
    (repository / "manifests" / "b $(touch hacked) 'c.yaml").write_text(_stream("evil.example/app:1"))


def _document(path: Path) -> Any:
    return yaml.safe_load(path.read_text())


@pytest.mark.parametrize(
    ("schema", "path"),
    [
        ("vendor.github-actions", _ACTION / "action.yml"),
        ("vendor.github-workflows", _PIPELINES / "github-workflow.yaml"),
        ("vendor.gitlab-ci", _PIPELINES / "gitlab-ci.yml"),
    ],
    ids=["action", "workflow", "gitlab"],
)
def test_schemas(schema: str, path: Path) -> None:
    """The files of GitHub and GitLab are valid by their published schemas."""
    done = _run(_BIN / "check-jsonschema", "--builtin-schema", schema, path, cwd=_ROOT)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


@pytest.mark.parametrize(
    ("command", "path"),
    [
        ("validate-manifest", _ROOT / ".pre-commit-hooks.yaml"),
        ("validate-config", _PIPELINES / "pre-commit-config.yaml"),
    ],
    ids=["hooks", "config"],
)
def test_pre_commit_reads(command: str, path: Path) -> None:
    """pre-commit takes the hooks and the example of a configuration."""
    done = _run(_BIN / "pre-commit", command, path, cwd=_ROOT)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_one_version() -> None:
    """All examples name the version of this package."""
    texts = [path.read_text() for path in _PIPELINES.rglob("*") if path.is_file()]
    texts.append((_ROOT / "docs" / "how-to" / "pipelines.md").read_text())
    versions = re.findall(r"(?:istag-webhook:|check@v|rev: v|newTag: |/version: )(\d[\w.]*)", "\n".join(texts))
    assert len(versions) >= 6
    assert set(versions) == {_VERSION}


@pytest.fixture(scope="module")
def hooks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A local repository that has what this one has, its changes included, and the tag of its version."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=_ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode:
        pytest.skip("this is no checkout of git: pre-commit takes hooks from one")
    root = tmp_path_factory.mktemp("hooks")
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file() and not name.startswith(("tests/", "tools/")):
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, root / name)
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "All"], ["tag", f"v{_VERSION}"]):
        done = _run("git", *command, cwd=root)
        assert done.returncode == 0, done.stderr
    return root


def test_pre_commit(hooks: Path, repository: Path, tmp_path: Path) -> None:
    """pre-commit installs the hooks and runs them: a commit of what the policy denies is not made, and says why."""
    config = (_PIPELINES / "pre-commit-config.yaml").read_text()
    (repository / ".pre-commit-config.yaml").write_text(config.replace(_REPOSITORY, str(hooks)))
    home = {"PRE_COMMIT_HOME": str(tmp_path / "home")}
    for command in (["git", "init", "-q"], ["pre-commit", "install"], ["git", "add", "-A"]):
        done = _run(*command, cwd=repository, **home)
        assert done.returncode == 0, done.stderr
    done = _run("git", "commit", "-m", "Good", cwd=repository, **home)
    assert done.returncode == 0, done.stderr
    assert re.search(r"check image stream tags\.+Passed", done.stderr), done.stderr
    assert re.search(r"validate image tag policies\.+Passed", done.stderr), done.stderr
    assert re.search(r"test image tag policies\.+\(no files to check\)Skipped", done.stderr), done.stderr
    _deny(repository)
    (repository / "policy.yaml").write_text(_POLICY.replace("allow:", "alow:"))
    (repository / "policy.test.yaml").write_text("apiVersion: istag-webhook/v1\nkind: Nonsense\n")
    _run("git", "add", "-A", cwd=repository)
    done = _run("git", "commit", "-m", "Bad", cwd=repository, **home)
    assert done.returncode == 1
    assert len(re.findall(r"\.+Failed", done.stderr)) == 3, done.stderr
    assert "policy.yaml:7:20" in done.stderr
    (repository / "policy.yaml").write_text(_POLICY)
    (repository / "policy.test.yaml").unlink()
    _run("git", "add", "-A", cwd=repository)
    done = _run("git", "commit", "-m", "Bad", cwd=repository, **home)
    assert done.returncode == 1
    assert re.search(r"check image stream tags\.+Failed\n- hook id: istag-webhook-check\n- exit code: 1", done.stderr)
    assert _DENIED in done.stderr
    assert _run("git", "log", "--format=%s", cwd=repository).stdout == "Good\n"
    assert not (repository / "hacked").exists()


class _Runner:
    """Runs the action's script as a runner of GitHub does: inputs and outputs by name, the step's shell and variables."""

    def __init__(self, temp: Path) -> None:
        self._temp = temp
        self._action = _document(_ACTION / "action.yml")

    def run(self, cwd: Path, inputs: Mapping[str, str]) -> tuple[Said, dict[str, str]]:
        """Return what the step said, and the outputs of the action."""
        declared = self._action["inputs"]
        assert inputs.keys() <= declared.keys()
        assert all(name in inputs for name, each in declared.items() if each.get("required"))
        values = {f"inputs.{name}": inputs.get(name, each.get("default", "")) for name, each in declared.items()}
        values["steps.python.outputs.python-path"] = sys.executable
        (step,) = [step for step in self._action["runs"]["steps"] if "run" in step]
        assert step["shell"] == "bash"
        (self._temp / "step.sh").write_text(step["run"])
        output = self._temp / "output"
        output.write_text("")
        environment = {name: _filled(value, values) for name, value in step["env"].items()}
        done = _run(
            "bash", "--noprofile", "--norc", "-eo", "pipefail", self._temp / "step.sh", cwd=cwd, **environment,
            GITHUB_ACTION_PATH=str(_ACTION), GITHUB_OUTPUT=str(output), RUNNER_TEMP=str(self._temp),
        )  # fmt: skip
        said = dict(line.split("=", 1) for line in output.read_text().splitlines())
        values = {f"steps.{step['id']}.outputs.{name}": value for name, value in said.items()}
        return done, {name: _filled(each["value"], values) for name, each in self._action["outputs"].items()}


def _filled(text: str, values: Mapping[str, str]) -> str:
    return re.sub(r"\$\{\{ (\S+) \}\}", lambda found: values.get(found[1], ""), text)


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> _Runner:
    """A runner, whose first job installs the package."""
    return _Runner(tmp_path_factory.mktemp("runner"))


@pytest.fixture
def inputs() -> dict[str, str]:
    """The inputs of the example of a workflow."""
    (step,) = [
        step for step in _document(_PIPELINES / "github-workflow.yaml")["jobs"]["check"]["steps"] if "with" in step
    ]
    assert step["uses"].split("@")[0].endswith(str(_ACTION.relative_to(_ROOT)))
    return dict(step["with"])


@pytest.mark.xdist_group("pipelines")
def test_action(runner: _Runner, repository: Path, inputs: dict[str, str]) -> None:
    """The action succeeds on what is allowed, and fails with an annotation of the line that would be denied."""
    done, outputs = runner.run(repository, inputs)
    assert (done.returncode, done.stdout, outputs) == (0, "", {"report": ""}), done.stderr
    _deny(repository)
    done, _ = runner.run(repository, inputs)
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("::error file=manifests/b $(touch hacked) 'c.yaml,line=")
    assert _DENIED in done.stdout
    assert not (repository / "hacked").exists()


@pytest.mark.xdist_group("pipelines")
def test_action_report(runner: _Runner, repository: Path, inputs: dict[str, str]) -> None:
    """A report goes to the file, which is an output also if the action fails; paths are one a line."""
    _deny(repository)
    paths = "\n  \nmanifests/app.yaml\r\nmanifests/b $(touch hacked) 'c.yaml\n"
    done, outputs = runner.run(repository, {**inputs, "paths": paths, "format": "sarif", "report": "check.sarif"})
    assert (done.returncode, done.stdout, outputs) == (1, "", {"report": "check.sarif"}), done.stderr
    assert len(json.loads((repository / "check.sarif").read_text())["runs"][0]["results"]) == 1


@pytest.mark.xdist_group("pipelines")
@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"paths": " \n"}, "paths: expected files or directories with manifests, one per line"),
        ({"fail-on-warn": "yes"}, 'fail-on-warn: expected true or false, found "yes"'),
        ({"strict": "True"}, 'strict: expected true or false, found "True"'),
        ({"paths": "manifests/other.yaml", "fail-on-empty": "true"}, "no object was evaluated"),
        ({"paths": "missing"}, "missing"),
        ({"paths": "--help"}, "--help"),
        ({"policy": "missing.yaml"}, "missing.yaml"),
        ({"format": "nonsense"}, "nonsense"),
    ],
    ids=["paths", "fail-on-warn", "strict", "empty", "missing", "option", "policy", "format"],
)
def test_action_errors(
    runner: _Runner, repository: Path, inputs: dict[str, str], given: dict[str, str], said: str
) -> None:
    """An input that cannot be used is named, with exit code 2."""
    done, _ = runner.run(repository, {**inputs, **given})
    assert done.returncode == 2
    assert said in done.stdout + done.stderr


@pytest.mark.xdist_group("pipelines")
@pytest.mark.parametrize(("value", "code"), [("true", 1), ("false", 0)])
def test_action_fails_on_warnings(
    runner: _Runner, repository: Path, inputs: dict[str, str], value: str, code: int
) -> None:
    """With `fail-on-warn` a warning fails the action."""
    (repository / "policy.yaml").write_text(_POLICY.replace("name: ours", "name: ours\n      mode: warn"))
    _deny(repository)
    done, _ = runner.run(repository, {**inputs, "fail-on-warn": value})
    assert (done.returncode, done.stdout.split(" ", 1)[0]) == (code, "::warning"), done.stderr


@pytest.mark.parametrize("policy", ["", "policy.yaml"], ids=["shipped", "own"])
def test_gitlab(repository: Path, policy: str) -> None:
    """The job of GitLab fails on what would be denied, says so in its log, and leaves a report in either case."""
    job = _document(_PIPELINES / "gitlab-ci.yml")["istag-webhook-check"]
    variables = {**job["variables"], "CHECK_POLICY": policy}
    script = "set -eo pipefail\n" + "\n".join(job["script"])  # as GitLab's runner does
    report = repository / job["artifacts"]["reports"]["junit"]
    if policy:
        done = _run("bash", "-c", script, cwd=repository, **variables)
        assert done.returncode == 0, done.stderr
        assert JUnitXml.fromfile(str(report)).failures == 0
        _deny(repository)
    done = _run("bash", "-c", script, cwd=repository, **variables)
    assert done.returncode == (1 if policy else 0), done.stderr
    assert JUnitXml.fromfile(str(report)).failures == (1 if policy else 0)
    assert (_DENIED in done.stdout) is bool(policy)


@pytest.mark.parametrize("policy", ["", "policy.yaml"], ids=["shipped", "own"])
def test_tekton(repository: Path, policy: str) -> None:
    """The step is valid as a container, and its script runs on its parameters; a value in it is no command."""
    spec = _document(_PIPELINES / "tekton-task.yaml")["spec"]
    (step,) = spec["steps"]
    container = {key: value for key, value in step.items() if key not in ("script", "computeResources")}
    pod = {
        "metadata": {"name": "check"},
        "spec": {"containers": [{**container, "resources": step["computeResources"]}]},
    }
    _validate({"apiVersion": "v1", "kind": "Pod", **pod})
    assert {param["name"] for param in spec["params"]} == set(re.findall(r"\$\(params\.(\w+)", json.dumps(step)))
    assert {each["name"] for each in spec["workspaces"]} == set(
        re.findall(r"\$\(workspaces\.(\w+)\.path", json.dumps(step))
    )
    assert "$(" not in step["script"]
    script = repository.parent / "script"
    script.write_text(step["script"])
    script.chmod(0o755)
    values = {param["name"]: param["default"] for param in spec["params"]} | {"policy": policy}
    environment = {
        each["name"]: re.sub(r"\$\(params\.(\w+)\)", lambda found: values[found[1]], each["value"])
        for each in step["env"]
    }
    assert step["args"] == ["$(params.paths[*])"]
    done = _run(script, *values["paths"], cwd=repository, **environment)
    assert done.returncode == 0, done.stderr
    _deny(repository)
    done = _run(script, *sorted((repository / "manifests").glob("*")), cwd=repository, **environment)
    assert done.returncode == (1 if policy else 0), done.stderr
    assert (_DENIED in done.stdout) is bool(policy)
    assert not (repository / "hacked").exists()
    environment["CHECK_POLICY"] = "$(touch hacked)"
    assert _run(script, "manifests", cwd=repository, **environment).returncode == 2
    assert not (repository / "hacked").exists()


def _validate(document: dict[str, Any]) -> None:
    kubernetes_validate.validate(document, kubernetes_validate.latest_version(), strict=True)


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A directory with a `kustomize`, which kubectl has in it."""
    try:
        program = kubectl()
    except NotFound as missing:
        leave_out(missing)
    directory = tmp_path / "tools"
    directory.mkdir()
    command = directory / "kustomize"
    command.write_text(f'#!/bin/sh\n[ "$1" = build ] && shift && exec "{program}" kustomize "$@"\n')
    command.chmod(0o755)
    return directory


_REPO_SERVER: Final = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: argocd-repo-server}
spec:
  selector: {matchLabels: {app: repo-server}}
  template:
    metadata: {labels: {app: repo-server}}
    spec:
      containers: [{name: argocd-repo-server, image: argocd}]
      volumes: [{name: var-files, emptyDir: {}}, {name: plugins, emptyDir: {}}]
"""


def _argocd(tools: Path, directory: Path) -> list[dict[str, Any]]:
    """Return what an installation of Argo CD becomes with the component."""
    directory.mkdir()
    shutil.copytree(_PIPELINES / "argocd", directory / "component")
    (directory / "repo-server.yaml").write_text(_REPO_SERVER)
    (directory / "kustomization.yaml").write_text("resources: [repo-server.yaml]\ncomponents: [component]\n")
    done = _run(tools / "kustomize", "build", directory, cwd=directory)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def test_argocd_installs(tools: Path, tmp_path: Path) -> None:
    """The component adds a valid sidecar to the repo server, with the plugin that its ConfigMap holds."""
    documents = {document["kind"]: document for document in _argocd(tools, tmp_path / "argocd")}
    for document in documents.values():
        _validate(document)
    pod = documents["Deployment"]["spec"]["template"]["spec"]
    containers = {each["name"]: each for each in pod["containers"]}
    assert containers.keys() == {"argocd-repo-server", "istag-webhook"}
    assert containers["istag-webhook"]["image"] == f"ghcr.io/istag-webhook/istag-webhook:{_VERSION}"
    volumes = {volume["name"]: volume for volume in pod["volumes"]}
    mounted = {
        mount["name"] for each in pod["containers"] + pod["initContainers"] for mount in each.get("volumeMounts", [])
    }
    assert mounted == volumes.keys()
    assert volumes["istag-webhook-plugin"]["configMap"]["name"] == documents["ConfigMap"]["metadata"]["name"]


@pytest.mark.parametrize("kustomized", [True, False], ids=["kustomize", "directory"])
def test_argocd_renders(tools: Path, repository: Path, *, kustomized: bool) -> None:
    """The plugin prints what the application is rendered to, or fails with the findings and prints nothing."""
    documents = {document["kind"]: document for document in _argocd(tools, repository.parent / "argocd")}
    plugin = yaml.safe_load(documents["ConfigMap"]["data"]["plugin.yaml"])
    assert (plugin["apiVersion"], plugin["kind"]) == ("argoproj.io/v1alpha1", "ConfigManagementPlugin")
    generate = plugin["spec"]["generate"]
    policies = repository.parent / "policies"
    policies.mkdir()
    (policies / "policy.yaml").write_text(_POLICY)
    arguments = [each.replace("/etc/istag-webhook/policy", str(policies)) for each in generate["args"]]
    assert arguments != generate["args"]
    manifests = repository / "manifests"
    if kustomized:
        (manifests / "kustomization.yaml").write_text("namespace: team\nresources: [app.yaml, other.yaml]\n")
    environment = {"ARGOCD_APP_NAMESPACE": "team", "PATH": f"{tools}:{_BIN}:{os.environ['PATH']}"}
    done = _run(*generate["command"], *arguments, cwd=manifests, **environment)
    assert done.returncode == 0, done.stderr
    assert {document["kind"] for document in yaml.safe_load_all(done.stdout)} == {"ImageStream", "ConfigMap"}
    (manifests / "app.yaml").write_text(_stream("evil.example/app:1"))
    done = _run(*generate["command"], *arguments, cwd=manifests, **environment)
    assert (done.returncode, done.stdout) == (1, "")
    assert _DENIED in done.stderr
    assert "team/app:live" in done.stderr
    (manifests / "kustomization.yaml").write_text("resources: [missing.yaml]\n")
    done = _run(*generate["command"], *arguments, cwd=manifests, **environment)
    assert (done.returncode != 0, done.stdout) == (True, "")
    assert "missing.yaml" in done.stderr
