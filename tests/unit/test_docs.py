"""The documentation: its generated parts, its links and its policies."""

import json
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from click.testing import CliRunner
from tools.reference import DOCS, EXAMPLES, PAGES, ROOT, rendered

from webhook.cli.main import main

_LINK: Final = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_FENCED: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_LINKED: Final = (*PAGES, *(ROOT / name for name in ("CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")))
_POLICIES: Final = sorted(DOCS.glob("policies/*/policy.yaml"))


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


# --- annotations


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


# --- examples


def test_examples_of_other_projects() -> None:
    """The YAML that the page about GitOps shows can be read, and patches the field that a default sets."""
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (DOCS / "how-to" / "gitops.md").read_text(), re.MULTILINE | re.DOTALL)
    documents = [yaml.safe_load(block) for block in blocks]
    (ignored,) = (
        each["spec"]["ignoreDifferences"] for each in documents if "ignoreDifferences" in each.get("spec", {})
    )
    assert ignored[0]["jqPathExpressions"] == [".spec.tags[]?.importPolicy.importMode"]
