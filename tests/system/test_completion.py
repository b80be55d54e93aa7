"""Completion in the shells of users: what it offers, and that its script is taken."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

_PROGRAM = Path(sys.executable).with_name("istag-webhook")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell: str) -> None:
    """Each shell that the README names is completed: commands, subcommands and the values of options."""
    assert get_completion_class(shell) is not None
    variable = "_ISTAG_WEBHOOK_COMPLETE"

    def completed(words: str, last: str) -> str:
        position = last if shell == "fish" else str(len(words.split()) - 1)
        environment = {**os.environ, variable: f"{shell}_complete", "COMP_WORDS": words, "COMP_CWORD": position}
        return subprocess.run([_PROGRAM], env=environment, capture_output=True, text=True, check=True).stdout

    assert "policy" in completed("istag-webhook pol", "pol")
    assert "validate" in completed("istag-webhook policy val", "val")
    assert "best-effort" in completed("istag-webhook serve --audit b", "b")
    source = subprocess.run(
        [_PROGRAM], env={**os.environ, variable: f"{shell}_source"}, capture_output=True, text=True, check=False
    )
    assert variable in source.stdout
