"""The documentation: its generated parts, its links, its policies and its commands."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import jsonschema
import pytest
import yaml
from click.testing import CliRunner
from tests.support.builders import HEAD, docker, push_review, review_of, stream_of, stream_review
from tests.support.serving import Server, serving, until
from tools.reference import DOCS, EXAMPLES, PAGES, ROOT, rendered

from webhook.certs.signing import make
from webhook.cli.main import main

_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINKED: Final = (*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")))
_POLICIES: Final = sorted(DOCS.glob("policies/*/policy.yaml"))
# Commands of the tutorial that need a network or a cluster, and those for which the test starts a server.
_NOT_RUN: Final = ("git ", "make ", "cd ", "export ", "oc ", "podman ", "mkdir ", ".venv/bin/istag-webhook serve ")


def _id(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _run(*arguments: str | Path) -> Any:
    return CliRunner().invoke(main, [str(each) for each in arguments], prog_name="istag-webhook")


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_generated_parts(page: Path, pytestconfig: pytest.Config) -> None:
    """Each generated part of a page is what the command, the code or the file says; `make golden` writes it."""
    anew = rendered(page.read_text())
    if pytestconfig.getoption("--regenerate"):
        page.write_text(anew)
    assert page.read_text() == anew


def test_every_generated_part_ends() -> None:
    """No part begins inside another, and none is without its end."""
    mark = re.compile(
        r"^<!-- (istag-webhook .*|file .*|reference .*|bench[a-z-]*|go|instructions|calls|loops|cluster|optimisations|end) -->$",
        re.MULTILINE,
    )
    for page in PAGES:
        marks = mark.findall(page.read_text())
        assert [each == "end" for each in marks] == [False, True] * (len(marks) // 2), page


# --- links


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


def _anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as a code host makes them."""
    headings = re.findall(r"^#+ (.+)$", _FENCED.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in headings}


@pytest.mark.parametrize("page", _LINKED, ids=_id)
def test_links_on_a_code_host(page: Path) -> None:
    """Every relative link leads to a file of the repository, and its anchor to a heading there."""
    for found in _LINK.finditer(_FENCED.sub("", page.read_text())):
        target = found[1] or found[2]
        if target.startswith(("https://", "http://", "mailto:")):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        assert path.exists(), target
        assert not anchor or anchor in _anchors(path), target
        assert not page.is_relative_to(DOCS) or path.is_relative_to(DOCS), f"{target}: the site does not have it"


@pytest.mark.parametrize("page", PAGES, ids=_id)
def test_named_files(page: Path) -> None:
    """Every file of the repository that a page names is there; `certs/` is filled by `make run`."""
    for name in re.findall(r"`((?:manifests|docs|tests|webhook|tools)/[\w./-]+)`", page.read_text()):
        assert (ROOT / name).exists(), name


def test_the_readme_is_short() -> None:
    """The README has at most 150 lines."""
    assert len((ROOT / "README.md").read_text().splitlines()) <= 150


# --- policies


def test_the_policies_pass_their_tests() -> None:
    """Every policy that a page shows has tests, and they pass."""
    done = _run("test", DOCS / "policies")
    assert done.exit_code == 0, done.output
    for path in (*_POLICIES, *EXAMPLES.glob("*.yaml")):
        if not path.name.endswith(".test.yaml"):
            assert path.with_suffix(".test.yaml").is_file(), path


@pytest.mark.parametrize("path", _POLICIES, ids=_id)
def test_a_policy_has_no_warning(path: Path) -> None:
    """A policy that people copy has no warning, and every rule of it reports something in its tests."""
    done = _run("policy", "validate", "--fail-on-warn", path)
    assert done.exit_code == 0, done.output
    done = _run("test", "--fail-uncovered", path.with_suffix(".test.yaml"))
    assert done.exit_code == 0 or "image-import-controller" in done.output, done.output


def test_every_policy_is_shown() -> None:
    """Every policy of the documentation is on a page, whole."""
    shown = set(re.findall(r"<!-- file (\S+) -->", "\n".join(page.read_text() for page in PAGES)))
    assert {_id(path) for path in _POLICIES} <= shown


def test_every_rule_kind_has_an_example() -> None:
    """The reference has an example of each rule kind, and a message for each that evaluates a review."""
    schema = json.loads(_run("policy", "schema").output)["properties"]["spec"]["properties"]["rules"]["items"]
    kinds = {each["required"][0] for each in schema["oneOf"]}
    assert kinds == {path.stem for path in EXAMPLES.glob("*.yaml") if not path.stem.endswith(".test")}
    assert f"{len(kinds)} [rule kinds]" in (ROOT / "README.md").read_text()
    sections = re.split(r"^## ", (DOCS / "reference" / "rules.md").read_text(), flags=re.MULTILINE)[1:]
    without = {section.split("\n")[0] for section in sections if "**Fix**" in section and "**Message**" not in section}
    assert without == {"signatures"}


def test_the_denial_of_the_readme() -> None:
    """The denial at the top of the README is that of the first policy."""
    report = json.loads(_run("test", "--format", "json", DOCS / "policies" / "first").output)
    (finding,) = (each for case in report["cases"] for each in case["findings"] if each["mode"] == "enforce")
    sentence = f"{finding['field']}: {finding['message']} (rule {finding['rule']})"
    for page in (ROOT / "README.md", DOCS / "index.md"):
        assert sentence in " ".join(page.read_text().split())


# --- records and annotations


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


def test_annotations() -> None:
    """Every annotation and label of ours that the code or the manifests name is in the reference."""
    files = (*ROOT.glob("webhook/**/*.py"), *ROOT.glob("manifests/**/*.yaml"))
    found = {
        name
        for path in files
        for name in re.findall(r"(?<![/\w])istag-webhook/([a-z]{2,})\b(?![/.-])", path.read_text())
    }
    page = (DOCS / "reference" / "annotations.md").read_text()
    assert "keep" in found
    assert {name for name in found if f"istag-webhook/{name}" not in page} == set()


# --- commands


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


def test_examples_of_other_projects() -> None:
    """The YAML that the page about GitOps shows can be read, and patches the field that a default sets."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "how-to" / "gitops.md").read_text(), re.MULTILINE | re.DOTALL)
    documents = [yaml.safe_load(block) for block in blocks]
    (ignored,) = (
        each["spec"]["ignoreDifferences"] for each in documents if "ignoreDifferences" in each.get("spec", {})
    )
    assert ignored[0]["jqPathExpressions"] == [".spec.tags[]?.importPolicy.importMode"]
