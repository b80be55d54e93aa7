"""The README and the documentation print what the command prints; `make golden` writes the generated parts anew."""

import re
import shlex
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from webhook.cli import main
from webhook.documents.yaml import read
from webhook.policy.loading import POLICY

_ROOT = Path(__file__).parents[2]
_README = _ROOT / "README.md"
_PAGES = (_README, *sorted(_ROOT.glob("docs/**/*.md")))
_GENERATED = re.compile(r"<!-- istag-webhook (?P<arguments>[^>]+) -->\n(?P<text>.*?)<!-- end -->", re.DOTALL)


def _said(arguments: str) -> str:
    done = CliRunner().invoke(main, shlex.split(arguments), prog_name="istag-webhook", env={"COLUMNS": "100"})
    assert done.exit_code == 0, done.output
    return done.output if "--markdown" in arguments else f"```console\n$ istag-webhook {arguments}\n{done.output}```\n"


@pytest.mark.parametrize("page", _PAGES, ids=lambda page: str(page.relative_to(_ROOT)))
def test_generated_parts(page: Path, pytestconfig: pytest.Config) -> None:
    """Each generated part of a page is what the command prints."""
    text = page.read_text()
    assert len(_GENERATED.findall(text)) == text.count("<!-- istag-webhook")
    anew = _GENERATED.sub(
        lambda match: f"<!-- istag-webhook {match['arguments']} -->\n{_said(match['arguments'])}<!-- end -->", text
    )
    if pytestconfig.getoption("--regenerate"):
        page.write_text(anew)
    assert anew == page.read_text()


def test_the_policy_by_example_can_be_loaded() -> None:
    """The policy that the README shows is one."""
    (policy, _) = re.findall(r"```yaml\n(.*?)```", _README.read_text(), re.DOTALL)
    documents, faults = read("README.md", policy)
    assert faults == []
    name, spec = POLICY.read(documents[0].value)
    assert (name, len(spec["rules"])) == ("platform", 3)
    assert yaml.safe_load(policy)["kind"] == "ImageTagPolicy"


def test_the_test_by_example_passes(tmp_path: Path) -> None:
    """The test of a policy that the README shows passes, with the policy that it shows."""
    policy, test = re.findall(r"```yaml\n(.*?)```", _README.read_text(), re.DOTALL)
    (tmp_path / "policy.yaml").write_text(policy)
    (tmp_path / "policy.test.yaml").write_text(test)
    done = CliRunner().invoke(main, ["test", str(tmp_path)])
    assert (done.exit_code, done.output.splitlines()[-1]) == (0, "1 case: 1 passed, 0 failed")
