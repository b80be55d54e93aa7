"""The journal: whole lines from many real processes, and an end to every wait."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from webhook.audit.journal import Journal, Turn
from webhook.errors import RecordFailed

# Forks writers that share one Turn, as the workers do; argv: target, writers, lines of each.
_WRITERS = """
import json, os, sys
from webhook.audit.journal import Journal, Turn
target, writers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
turn = Turn.make()
children = []
for writer in range(writers):
    child = os.fork()
    if not child:
        journal = Journal(target, turn, patience=60)
        for number in range(count):
            size = (10, 100, 4000, 5000, 9000, 70000)[(writer + number) % 6]
            journal.write(json.dumps({"writer": writer, "number": number, "fill": "x" * size}).encode())
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""


def _whole(data: bytes, writers: int, count: int) -> None:
    """Assert that every line of every writer is there once and whole, each writer's in its order."""
    lines = [json.loads(line) for line in data.splitlines()]
    seen: dict[int, list[int]] = {}
    for line in lines:
        seen.setdefault(line["writer"], []).append(line["number"])
    assert seen == {writer: list(range(count)) for writer in range(writers)}


@pytest.mark.parametrize("target", ["pipe", "file"])
def test_lines_of_many_processes_never_interleave(tmp_path: Path, target: str) -> None:
    """Four processes that write at once, lines of 10 bytes to 70 KiB, lose none and mix none."""
    path = str(tmp_path / "records.jsonl")
    done = subprocess.run(
        [sys.executable, "-c", _WRITERS, "-" if target == "pipe" else path, "4", "120"],
        stdout=subprocess.PIPE, check=True, timeout=120,
    )  # fmt: skip
    _whole(done.stdout if target == "pipe" else Path(path).read_bytes(), 4, 120)


@contextmanager
def _pipe_as_output() -> Iterator[int]:
    """Make standard output a pipe; yields the reader's end."""
    reader, writer = os.pipe()
    saved = os.dup(1)
    os.dup2(writer, 1)
    os.close(writer)
    try:
        yield reader
    finally:
        os.dup2(saved, 1)
        os.close(saved)
        os.close(reader)


def _drain(reader: int) -> bytes:
    os.set_blocking(reader, False)
    data = b""
    while True:
        try:
            part = os.read(reader, 2**16)
        except BlockingIOError:
            return data
        if not part:
            return data
        data += part


def test_a_reader_that_sleeps_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """A full pipe is RecordFailed within the patience; when its reader is back, the torn line harms no other."""
    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", Turn.make(), patience=0.2)
        with pytest.raises(RecordFailed, match=r"standard output: its reader took nothing for 0\.2 s"):
            journal.write(b"x" * 2**20)
        data = _drain(reader)
        journal.write(b'{"after":1}')
        assert (data + _drain(reader)).splitlines()[-1] == b'{"after":1}'


def test_a_reader_that_is_gone(capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe without a reader is RecordFailed."""
    with capfd.disabled():
        reader, writer = os.pipe()
        saved = os.dup(1)
        os.dup2(writer, 1)
        os.close(writer)
        os.close(reader)
        try:
            with pytest.raises(RecordFailed, match="standard output: Broken pipe"):
                Journal("-", Turn.make()).write(b"x")
        finally:
            os.dup2(saved, 1)
            os.close(saved)


def test_a_writer_that_is_killed_gives_its_turn_back(tmp_path: Path) -> None:
    """The kernel frees the turn of a process that dies in it, and only its own line is torn."""
    path = tmp_path / "records.jsonl"
    script = (
        "import os, signal, sys, time\n"
        "from webhook.audit.journal import Journal, Turn\n"
        "turn = Turn.make()\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    with turn.taken(time.monotonic() + 5):\n"
        "        turn.torn = True\n"
        "        os.write(os.open(sys.argv[1], os.O_CREAT | os.O_APPEND | os.O_WRONLY), b'{\"half')\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "os.waitpid(child, 0)\n"
        "Journal(sys.argv[1], turn).write(b'whole')\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=30)
    assert path.read_bytes() == b'{"half\nwhole\n'


def test_a_turn_that_is_not_given_back(tmp_path: Path) -> None:
    """Who cannot have the turn within the patience gets RecordFailed."""
    turn = Turn.make()
    journal = Journal(str(tmp_path / "records.jsonl"), turn, patience=0.1)
    with turn.taken(time.monotonic() + 1):
        caught: list[Exception] = []

        def write() -> None:
            try:
                journal.write(b"x")
            except RecordFailed as error:
                caught.append(error)

        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
    assert [str(error) for error in caught] == [
        f"{tmp_path}/records.jsonl: another thread holds the writers' turn"
    ]


def test_a_full_disk() -> None:
    """A device without space is RecordFailed with the system's reason."""
    with pytest.raises(RecordFailed, match="/dev/full: No space left on device"):
        Journal("/dev/full", Turn.make()).write(b"x")


@pytest.mark.parametrize("path", ["missing/records.jsonl", "."])
def test_a_file_that_cannot_be_opened(tmp_path: Path, path: str) -> None:
    """A path that is no file is refused when it is opened."""
    with pytest.raises(RecordFailed, match=str(tmp_path)):
        Journal(str(tmp_path / path), Turn.make())


def test_rotation(tmp_path: Path) -> None:
    """A file that is renamed or deleted is followed by the next line, without a signal."""
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), Turn.make())
    journal.write(b"1")
    path.rename(tmp_path / "records.1")
    journal.write(b"2")
    assert ((tmp_path / "records.1").read_bytes(), path.read_bytes()) == (b"1\n", b"2\n")
    path.unlink()
    journal.write(b"3")
    assert path.read_bytes() == b"3\n"
    path.write_bytes(b"")  # as logrotate's copytruncate leaves it
    journal.write(b"4")
    assert path.read_bytes() == b"4\n"


def test_a_directory_that_comes_back(tmp_path: Path) -> None:
    """While its directory is gone a write is RecordFailed; afterwards it goes on."""
    directory = tmp_path / "logs"
    directory.mkdir()
    journal = Journal(str(directory / "records.jsonl"), Turn.make())
    (directory / "records.jsonl").unlink()
    directory.rmdir()
    for _ in range(2):
        with pytest.raises(RecordFailed, match="No such file or directory"):
            journal.write(b"1")
    directory.mkdir()
    journal.write(b"2")
    assert (directory / "records.jsonl").read_bytes() == b"2\n"
