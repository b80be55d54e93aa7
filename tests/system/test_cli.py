"""The installed command as a process: full disks, readers that have gone, interrupts."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from webhook.cli.main import main

_PROGRAM = str(Path(sys.executable).with_name("istag-webhook"))


_LONG = [
    *(["policy", "schema"], ["policy", "explain"], ["policy", "diff", "shipped", "shipped"], ["test"], ["version"]),
    *(["--help"], ["check", "--help"], ["policy", "--help"], ["policy", "diff", "-h"], ["certs", "local", "--help"]),
]


def _run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=given)


def test_version() -> None:
    """The version is the distribution's, through the installed command too."""
    said = subprocess.run([_PROGRAM, "version"], stdout=subprocess.PIPE, check=True)
    assert said.stdout.decode() == _run("version").output
    assert said.stdout.decode().count(".") == 2


@pytest.mark.parametrize("arguments", _LONG, ids=" ".join)
def test_a_full_disk(arguments: list[str]) -> None:
    """Output that cannot be written ends with 2 and a message: never a traceback, nor the 1 of a finding."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([_PROGRAM, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (2, "standard output: cannot be written: No space left on device\n")


@pytest.mark.parametrize("arguments", _LONG, ids=" ".join)
def test_a_reader_that_has_gone(arguments: list[str]) -> None:
    """A closed pipe (`| head`) ends the command as in a shell, silently, and not with the 1 of a finding."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([_PROGRAM, *arguments], stdout=writing, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "-"],
        ["test", "-"],
        ["policy", "explain", "-"],
        ["policy", "diff", "shipped", "shipped", "--against", "-"],
    ],
    ids=" ".join,
)
def test_interrupt(arguments: list[str]) -> None:
    """Ctrl-C ends any command with 130 and one word: 1 is for what was found."""
    with subprocess.Popen(
        [_PROGRAM, *arguments], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        os.write(process.stdin.fileno(), b" " * 100_000)  # more than a pipe holds: it has begun to read
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b"interrupted\n"
    assert process.returncode == 130
