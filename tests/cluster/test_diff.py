"""`policy diff --against cluster`: what two policies say differently of the streams in a real API server."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.apiserver import ApiServer
from tests.support.builders import HEAD, docker, stream_of, tag_of

from webhook.cli.main import main

_RULES = """\
spec:
  exemptions: [{name: x, users: [a]}]
  defaults:
    - {name: one, set: {importPolicy: {scheduled: true}}}
    - {name: two, set: {importPolicy: {importMode: PreserveOriginal}}}
  rules:
    - {name: trusted, registries: {allow: [quay.io, registry.redhat.io]}}
    - {name: pinned, mode: warn, pin: {digest: true}}
"""


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    """Two files with the same policy."""
    paths = tmp_path / "a.yaml", tmp_path / "b.yaml"
    for path in paths:
        path.write_text(HEAD + _RULES)
    return paths


def _run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["policy", "diff", *map(str, arguments)])


@pytest.mark.parametrize("form", ["table", "json"])
def test_a_cluster(scannable: ApiServer, policies: tuple[Path, Path], form: str) -> None:
    """Every tag of a live cluster is evaluated as it stands by both policies, and the defaults of both are compared."""
    one, two = policies
    two.write_text(
        two.read_text()
        .replace("[quay.io, registry.redhat.io]", "[quay.io]")
        .replace("scheduled: true", "insecure: true")
    )
    namespace = scannable.namespace()
    tags_ = [tag_of(docker(f"{registry}/a:1"), name=registry) for registry in ("quay.io", "registry.redhat.io")]
    scannable.create(namespace, {**stream_of(*tags_), "metadata": {"name": "app", "namespace": namespace}})
    done = _run(one, two, "--against", "cluster", "--kubeconfig", scannable.kubeconfig, "--format", form)
    assert done.exit_code == 1, done.stderr
    if form == "json":
        found = {each["after"]["tags"][0]["tag"]: each["change"] for each in json.loads(done.stdout)["outcomes"]
                 if each["after"]["namespace"] == namespace and each["after"]["tags"]}  # fmt: skip
        assert found == {f"{namespace}/app:registry.redhat.io": "denied"}
    else:
        assert f"\n{namespace}/app:registry.redhat.io: allowed -> denied\n" in done.stdout
        assert f"\n{namespace}/app: allowed\n  - sets /spec/tags/0/importPolicy/scheduled to true\n" in done.stdout
