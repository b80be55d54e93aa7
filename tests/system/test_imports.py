"""The imports of each command: slow libraries are imported only by commands that use them."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from tests.support.paths import DATA

from webhook.cli.main import main

_HEAVY = (
    "cel", "cryptography", "flask", "gunicorn", "httptools", "jinja2", "kubernetes", "marshmallow", "prometheus_client",
    "urllib3", "werkzeug", "yaml",
)  # fmt: skip
# `istag-webhook`, and then which of the heavy libraries it imported.
_CODE = f"""
import sys
from webhook.cli.main import main
try:
    main(prog_name="istag-webhook")
except SystemExit as end:
    sys.stdout.flush()
    print(end.code or 0, *sorted({set(_HEAVY)} & sys.modules.keys()), file=sys.stderr)
"""
_REVIEW = str(DATA / "reviews" / "A01-oc-create-imagestream.1-mutate.json")
_CEL = """\
apiVersion: istag-webhook/v1
kind: ImageTagPolicy
metadata: {name: cel}
spec: {rules: [{name: cel, expression: {validations: [{expression: "!tag.insecure"}]}}]}
"""
_POLICY = {"marshmallow", "yaml"}
_CLUSTER = _POLICY | {"kubernetes", "urllib3"}


def _commands(group: click.Group, *names: str) -> list[tuple[str, ...]]:
    """Return every command, groups too."""
    found: list[tuple[str, ...]] = [names]
    with click.Context(group, **main.context_settings) as context:
        for name in group.list_commands(context):
            command = group.get_command(context, name)
            assert command is not None
            if isinstance(command, click.Group):
                found += _commands(command, *names, name)
            else:
                found.append((*names, name))
    return found


def _imported(directory: Path, *arguments: str, **environment: str) -> tuple[int, set[str]]:
    """Run the command in `directory`; return its exit code, and the heavy libraries that it imported."""
    done = subprocess.run(
        [sys.executable, "-c", _CODE, *arguments],
        cwd=directory, env={"HOME": str(directory), "PATH": "", **environment},
        capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    code, *imported = done.stderr.splitlines()[-1].split()
    return int(code), set(imported)


@pytest.mark.parametrize("command", _commands(main), ids=lambda command: " ".join(command) or "istag-webhook")
def test_help_imports_no_heavy_library(command: tuple[str, ...], tmp_path: Path) -> None:
    """The help of a command knows its options alone."""
    assert _imported(tmp_path, *command, "--help") == (0, set())


@pytest.mark.parametrize(
    ("words", "completion"),
    [
        ("istag-webhook ", "plain,check"),
        ("istag-webhook policy ", "plain,validate"),
        ("istag-webhook check --f", "plain,--format"),
        ("istag-webhook replay --format ", "plain,sarif"),
    ],
    ids=["commands", "commands of a group", "options", "values"],
)
def test_completion_imports_no_heavy_library(words: str, completion: str, tmp_path: Path) -> None:
    """The shell's completion knows the commands, their options and their values, without further imports."""
    environment = {
        "_ISTAG_WEBHOOK_COMPLETE": "bash_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split(" ")) - 1),
    }
    done = subprocess.run(
        [sys.executable, "-c", _CODE], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert completion in done.stdout.splitlines()
    assert done.stderr == "0\n"


@pytest.mark.parametrize(
    ("arguments", "code", "heavy"),
    [
        (("version",), 0, set()),
        (("check", _REVIEW), 0, _POLICY),
        (("check", _REVIEW, "--policy", "cel.yaml"), 0, _POLICY | {"cel"}),
        (("check", _REVIEW, "--format", "html"), 0, _POLICY | {"jinja2"}),
        (("test",), 0, _POLICY),
        (("replay", "empty.log"), 0, _POLICY),
        (("merge", "empty.log"), 2, _POLICY),
        (("history", "prod/app:live", "empty.log"), 0, _POLICY),
        (("policy", "validate"), 0, _POLICY),
        (("policy", "schema"), 0, _POLICY),
        (("policy", "explain", "pin"), 0, _POLICY),
        (("policy", "diff", "shipped", "shipped"), 0, _POLICY),
        (("policy", "export", "--format", "vap"), 0, _POLICY),
        (("init", "new"), 0, {"marshmallow"}),
        (("scan", "--kubeconfig", "none"), 2, _CLUSTER),
        (("probe", "--kubeconfig", "none"), 2, _CLUSTER),
        (("certs", "local", "localhost"), 0, {"cryptography"}),
        (("certs", "cluster", "--kubeconfig", "none"), 2, {"cryptography", "kubernetes", "urllib3", "yaml"}),
        (("serve", "--port", "0", "--management-port", "0"), 2, _POLICY | {"cryptography"}),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else None,
)
def test_a_command_imports_what_it_uses(arguments: tuple[str, ...], code: int, heavy: set[str], tmp_path: Path) -> None:
    """A command imports the heavy libraries that it uses, and no others."""
    (tmp_path / "cel.yaml").write_text(_CEL)
    (tmp_path / "empty.log").touch()
    assert _imported(tmp_path, *arguments) == (code, heavy)
