"""Two equal policies, and the command that compares them."""

from pathlib import Path

from click.testing import CliRunner, Result
from tests.support.builders import HEAD

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


def equal_policies(directory: Path) -> tuple[Path, Path]:
    """Return two files with the same policy."""
    paths = directory / "a.yaml", directory / "b.yaml"
    for path in paths:
        path.write_text(HEAD + _RULES)
    return paths


def diff(*arguments: object) -> Result:
    """Run `policy diff`."""
    return CliRunner().invoke(main, ["policy", "diff", *map(str, arguments)])
