"""`policy diff --against cluster`: what two policies say differently of the streams in a real API server."""

import json
from pathlib import Path

import pytest
from tests.support.apiserver import ApiServer
from tests.support.builders import docker, stream_of, tag_of
from tests.support.policydiff import diff, equal_policies


@pytest.fixture
def policies(tmp_path: Path) -> tuple[Path, Path]:
    """Two files with the same policy."""
    return equal_policies(tmp_path)


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
    done = diff(one, two, "--against", "cluster", "--kubeconfig", scannable.kubeconfig, "--format", form)
    assert done.exit_code == 1, done.stderr
    if form == "json":
        found = {each["after"]["tags"][0]["tag"]: each["change"] for each in json.loads(done.stdout)["outcomes"]
                 if each["after"]["namespace"] == namespace and each["after"]["tags"]}  # fmt: skip
        assert found == {f"{namespace}/app:registry.redhat.io": "denied"}
    else:
        assert f"\n{namespace}/app:registry.redhat.io: allowed -> denied\n" in done.stdout
        assert f"\n{namespace}/app: allowed\n  - sets /spec/tags/0/importPolicy/scheduled to true\n" in done.stdout
