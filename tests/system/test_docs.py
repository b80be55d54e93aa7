"""The documentation: the site builds, the commands print what the pages show, and records have the fields of the schema."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import jsonschema
import pytest
from tests.support.builders import HEAD, docker, push_review, review_of, stream_of, stream_review
from tests.support.serving import Server, serving, until
from tools.reference import DOCS, ROOT

from webhook.certs.signing import make

# Commands of the tutorial that need a network or a cluster, and those for which the test starts a server.
_NOT_RUN: Final = ("git ", "make ", "cd ", "export ", "oc ", "podman ", "mkdir ", ".venv/bin/istag-webhook serve ")


def test_the_site_builds(tmp_path: Path) -> None:
    """The site is built in strict mode: every link and every anchor leads to something, and every page is in the menu."""
    shutil.copytree(DOCS, tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    menu = set(re.findall(r'"([\w/-]+\.md)"', (ROOT / "zensical.toml").read_text()))
    assert menu == {page.relative_to(DOCS).as_posix() for page in DOCS.rglob("*.md")}
    assert (tmp_path / "site" / "reference" / "rules" / "index.html").is_file()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that records whole requests."""
    directory = tmp_path_factory.mktemp("records")
    policy = (
        f"{HEAD}\nspec:\n  exemptions: [{{name: sre, groups: [sre], annotation: istag-webhook/reason}}]\n"
        "  defaults: [{name: whole, set: {importPolicy: {importMode: PreserveOriginal}}}]\n"
        "  rules: [{name: ours, registries: {allow: [quay.io]}}]\n"
    )
    (directory / "policy.yaml").write_text(policy)
    key, _ = make(directory)
    given = ("--policy", "policy.yaml", "--record-level", "request", "--record-key", str(key))
    with serving(directory, *given) as running:
        yield running


def test_the_schema_of_a_record(server: Server) -> None:
    """Every field of real records is in the schema, and every field of the schema is in a record."""
    reason = {"istag-webhook/reason": "INC-1"}
    exempt = review_of(
        docker("docker.io/a/b:1"), tag={"annotations": reason}, userInfo={"username": "b", "groups": ["sre"]}
    )
    exempt["request"]["object"]["metadata"]["annotations"] = reason
    many = [{"name": f"t{number}", "from": docker("docker.io/a/b:1")} for number in range(150)]
    looked = stream_review(stream_of(lookupPolicy={"local": True}), stream_of(lookupPolicy={"local": False}))
    reviews = [review_of(docker("docker.io/a/b:1")), exempt, push_review(), looked, stream_review(stream_of(*many))]
    for path in ("/validate", "/mutate"):
        for review in reviews:
            assert server.post(json.dumps(review).encode(), path)[0] == 200, review
    connection = server.connect()
    headers = {"Content-Type": "application/json", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    connection.request("POST", "/validate", json.dumps(reviews[0]).encode(), headers)
    assert connection.getresponse().status == 200
    connection.close()
    schema = json.loads((DOCS / "reference" / "record.schema.json").read_text())
    until(lambda: len(server.records()) == 2 * len(reviews) + 1, "the records")
    lines = [json.loads(line) for line in bytes(server.out).split(b"\n")[:-1]]
    for line in (*lines, json.loads((DOCS / "reference" / "record.example.json").read_text())):
        jsonschema.validate(line, schema)
    for kind, fields in schema["$defs"].items():
        assert {key for line in lines if line["kind"] == kind for key in line} == fields["properties"].keys()
    assert {key for line in lines for key in line.get("more", {})} | {"unevaluated", "groups", "patch"} == set(
        schema["$defs"]["decision"]["properties"]["more"]["properties"]
    )


def _steps(text: str) -> Iterator[tuple[str, str]]:
    """Yield each command of a page's console blocks, and the output that it shows."""
    for block in re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        for step in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, _, shown = step.partition("\n")
            yield command, shown


def _same(shown: str, printed: str) -> bool:
    """Whether output is what a page shows, … standing for anything."""
    pattern = ".*".join(map(re.escape, shown.strip().split("…")))
    return re.fullmatch(pattern, printed.strip(), re.DOTALL) is not None


def _shell(command: str, directory: Path) -> subprocess.CompletedProcess[str]:
    """Run a command as a user types it, `istag-webhook` being ours."""
    programs = directory / ".bin"
    if not programs.exists():
        programs.mkdir()
        (programs / "istag-webhook").write_text(f'#!/bin/sh\nexec {sys.executable} -m webhook.cli "$@"\n')
        (programs / "istag-webhook").chmod(0o755)
    script = f"PATH={programs}:$PATH; set -o pipefail; {command}"
    return subprocess.run(["bash", "-c", script], cwd=directory, capture_output=True, text=True, check=False)


def test_the_tutorial(tmp_path: Path) -> None:
    """The commands of the tutorial's first parts print what the page shows, one after the other."""
    directory = tmp_path / "istag-webhook"
    directory.mkdir()
    (directory / "tests").symlink_to(ROOT / "tests")
    shutil.copy(DOCS / "policies" / "tutorial" / "app.yaml", directory)
    local = (DOCS / "tutorial.md").read_text().partition("## Part 3")[0]
    steps = [step for step in _steps(local) if not step[0].startswith(_NOT_RUN)]
    assert len(steps) >= 6
    (tmp_path / "server").mkdir()
    with serving(tmp_path / "server") as running:
        for command, shown in steps:
            here = command.replace("localhost:8443", f"localhost:{running.port}").replace(
                "certs/ca.crt", str(running.ca)
            )
            done = _shell(here, directory)
            assert done.stderr == "", (command, done.stderr)
            assert _same(shown, done.stdout), (command, done.stdout)


@pytest.mark.parametrize(
    ("page", "files", "few"),
    [("how-to/gitops.md", "gitops", 1), ("how-to/test-policies.md", "first", 3)],
    ids=["gitops", "test-policies"],
)
def test_commands(page: str, files: str, few: int, tmp_path: Path) -> None:
    """The commands of a page with shown output, and those that they need, print it next to the page's files."""
    directory = tmp_path / files
    shutil.copytree(DOCS / "policies" / files, directory)
    steps = [step for step in _steps((DOCS / page).read_text()) if step[1] or step[0].startswith("sed ")]
    assert len(steps) >= few
    for command, shown in steps:
        done = _shell(command, directory)
        assert _same(shown, done.stdout), (command, done.stdout, done.stderr)
