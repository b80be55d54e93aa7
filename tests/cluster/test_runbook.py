"""The documentation of the installation works: overlays, commands and policies."""

import copy
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from tests.support.apiserver import ApiServer
from tests.support.builders import decoded, docker, policy_of, review_of
from tests.support.overlays import applied
from tests.support.rendered import COMPONENTS, MANIFESTS, OVERLAYS, Kustomize, Render, server, the, webhooks

from webhook.admission import engine
from webhook.policy.loading import load

_DOCS = MANIFESTS.parent / "docs"


def _page(name: str) -> str:
    return (_DOCS / name).read_text()


def _commands(name: str) -> list[str]:
    """Return the commands that a page shows."""
    return re.findall(r"^\$ (.+)$", _page(name), re.MULTILINE)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory `cluster` next to a checkout, with the policy from the installation's commands."""
    directory = tmp_path_factory.mktemp("runbook")
    (directory / "istag-webhook").symlink_to(MANIFESTS.parent)
    (directory / "cluster").mkdir()
    (directory / "cluster" / "kustomization.yaml").write_text(_page("policies/tutorial/kustomization.yaml"))
    commands = [*_commands("how-to/install.md"), *_commands("how-to/upgrade.md")]
    (sed,) = (command for command in commands if command.startswith("sed "))
    subprocess.run(sed, shell=True, cwd=directory, check=True)  # noqa: S602 - as a user types it
    for command in {command for command in commands if command.startswith("istag-webhook ")}:
        arguments = [sys.executable, "-m", "webhook.cli", *shlex.split(command)[1:]]
        done = subprocess.run(arguments, cwd=directory, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stderr)
    return directory / "cluster"


def test_the_policy_only_records(cluster: Path) -> None:
    """The policy that a rollout begins with denies nothing and warns of nothing by itself, and is otherwise the shipped one."""
    policy = load(cluster / "policy.yaml")
    assert {entry.mode for entry in policy.rules if entry.name != "schema"} == {"audit"}
    assert [entry.name for entry in policy.rules] == [entry.name for entry in load().rules]


def test_the_overlay(cluster: Path, kustomize: Kustomize) -> None:
    """A user's overlay takes another image and policy, and the policy keeps a name without a hash."""
    documents = kustomize(cluster)
    _, container = server(documents)
    assert container["image"].startswith("registry.example/platform/istag-webhook:")
    data = the(documents, "ConfigMap", "istag-webhook-policy")["data"]
    assert data == {"policy.yaml": (cluster / "policy.yaml").read_text()}
    for webhook in webhooks(documents).values():
        assert webhook["failurePolicy"] == "Ignore"
        assert webhook["namespaceSelector"]["matchLabels"] == {"istag-webhook/enabled": "true"}


def test_the_readme_installs(tmp_path: Path, kustomize: Kustomize) -> None:
    """The commands of the README make an overlay that can be rendered, with a policy that only records."""
    section = (_DOCS.parent / "README.md").read_text().partition("## Install")[2].partition("\n## ")[0]
    commands = re.findall(r"^\$ ((?:install|sed) .+)$", section, re.MULTILINE)
    assert len(commands) == 2
    (tmp_path / "istag-webhook").symlink_to(MANIFESTS.parent)
    for command in commands:
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)  # noqa: S602 - as a user types it
    data = the(kustomize(tmp_path / "cluster"), "ConfigMap", "istag-webhook-policy")["data"]
    assert "mode: enforce" not in data["policy.yaml"]
    assert load(tmp_path / "cluster" / "policy.yaml").name == "shipped"


def test_break_glass() -> None:
    """The patch of the page allows a source that a rule denies, for the exempt group, and its reason is recorded."""
    policy = policy_of(
        yaml.safe_dump(
            {
                "spec": {
                    "exemptions": yaml.safe_load(_page("policies/break-glass/policy.yaml"))["spec"]["exemptions"],
                    "rules": [{"name": "ours", "mode": "enforce", "registries": {"allow": ["registry.example"]}}],
                }
            }
        )
    )
    (command,) = (command for command in _commands("how-to/break-glass.md") if "imagestreamtag/app:live" in command)
    patch = json.loads(next(word for word in shlex.split(command) if word.startswith("--patch="))[len("--patch=") :])
    review = review_of(docker("registry.example/acme/app:1"), old=docker("registry.example/acme/app:1"))
    new = review["request"]["object"]
    new["metadata"].update(patch["metadata"])
    new["tag"].update(patch["tag"])
    assert engine.validate(decoded(review), policy).allowed is False
    review["request"]["userInfo"] = {"username": "bob", "groups": ["sre"]}
    decision = engine.validate(decoded(review), policy)
    assert decision.allowed
    assert decision.exemption is not None
    assert (decision.exemption.name, decision.exemption.reason) == ("break-glass", "INC-4711")


@pytest.fixture(scope="module")
def installed(api: ApiServer, render: Render) -> Iterator[ApiServer]:
    """An API server with the Kubernetes overlay."""
    with applied(api, render("kubernetes")) as said:
        assert said.code == 0, said.err
        yield api


def _emergency() -> list[str]:
    off = _page("how-to/emergency.md").partition("\n## ")[0]
    return re.findall(r"^\$ oc (.+)$", off, re.MULTILINE)


def test_turning_it_off(installed: ApiServer) -> None:
    """The commands for an emergency do what they say, one after the other."""
    patch, delete = _emergency()
    said = installed.kubectl(*shlex.split(patch))
    assert said.code == 0, said.err
    found = installed.kubectl("get", "validatingwebhookconfiguration/istag-webhook", "--output=json").document
    assert found["webhooks"][0]["failurePolicy"] == "Ignore"
    said = installed.kubectl(*shlex.split(delete))
    assert said.code == 0, said.err
    left = installed.kubectl("get", "validatingwebhookconfigurations,mutatingwebhookconfigurations", "--output=name")
    assert "istag-webhook" not in left.out


def test_opting_in(installed: ApiServer) -> None:
    """The label of the rollout is the one that the component selects."""
    (label,) = re.findall(r"`oc (label namespace [^`]+)`", _page("how-to/roll-out.md"))
    installed.namespace("team-a")
    assert installed.kubectl(*shlex.split(label)).code == 0
    found = installed.kubectl("get", "namespace/team-a", "--output=json").document["metadata"]["labels"]
    wanted = yaml.safe_load((COMPONENTS / "opt-in" / "kustomization.yaml").read_text())["patches"][0]["patch"]
    assert copy.deepcopy(found).items() >= yaml.safe_load(wanted)[0]["value"].items()


def test_what_there_is() -> None:
    """Every overlay and every component has its row, and none is named that is not there."""
    rows = re.findall(r"^\| ((?:`[\w/-]+` ?)+)\|", (MANIFESTS / "README.md").read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([\w/-]+)`", row)}
    there = {str(path.parent.relative_to(COMPONENTS)) for path in COMPONENTS.rglob("kustomization.yaml")}
    assert there | set(OVERLAYS) <= named


@pytest.mark.parametrize("letter", ["T", "M"])
def test_threats(letter: str) -> None:
    """Every threat and every mitigation of the model has its row."""
    rows = "\n".join(
        line.split("|")[1] for line in _page("explanation/threats.md").splitlines() if line.startswith("|")
    )
    found = {int(number) for number in re.findall(rf"\b{letter}(\d+)\b", rows)}
    assert found == set(range(1, {"T": 18, "M": 10}[letter] + 1))
