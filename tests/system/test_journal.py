"""The journal: whole lines from many real processes, and an end to every wait."""

import array
import errno
import fcntl
import json
import os
import pty
import resource
import signal
import socket
import subprocess
import sys
import termios
import threading
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.support.serving import PATIENCE

from webhook.audit.chain import Chain, Writer
from webhook.audit.journal import Journal
from webhook.certs.signing import Keys, make, signer
from webhook.errors import RecordFailed
from webhook.evaluate.records import Part
from webhook.evaluate.runs import NOTE
from webhook.evaluate.verify import Verification
from webhook.files import SharedMutex

# Forks writers that share one SharedMutex, as the workers do; argv: target, writers, lines of each.
_WRITERS = """
import json, os, sys
from webhook.audit.journal import Journal
from webhook.files import SharedMutex
target, writers, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
mutex = SharedMutex.make()
children = []
for writer in range(writers):
    child = os.fork()
    if not child:
        journal = Journal(target, mutex, patience=60)
        for number in range(count):
            size = (10, 100, 4000, 5000, 9000, 204800)[(writer + number) % 6]
            journal.write(json.dumps({"writer": writer, "number": number, "fill": "x" * size}).encode())
        os._exit(0)
    children.append(child)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""
# The first writer is killed in its line while the others wait for their mutex; standard input says when these begin.
_VICTIM = """
import json, os, sys
from webhook.audit.journal import Journal
from webhook.files import SharedMutex
mutex = SharedMutex.make()
children = []
for writer in range(3):
    child = os.fork()
    if not child:
        journal = Journal("-", mutex, patience=60)
        for number in range(20):
            journal.write(json.dumps({"writer": writer, "number": number, "fill": "x" * 2**18}).encode())
        os._exit(0)
    children.append(child)
    if writer == 0:
        print(child, file=sys.stderr, flush=True)
        sys.stdin.readline()
print("begun", file=sys.stderr, flush=True)
killed, *others = (os.waitpid(child, 0)[1] for child in children)
sys.exit(killed != 9 or any(others))
"""
# A child takes the mutex and is stopped in it.
_STOPPED = """
import os, signal, sys, time
from webhook.audit.journal import Journal
from webhook.files import SharedMutex
from webhook.errors import RecordFailed
mutex = SharedMutex.make()
child = os.fork()
if not child:
    with mutex.taken(time.monotonic() + 5):
        os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(0)
os.waitpid(child, os.WUNTRACED)
try:
    Journal(sys.argv[1], mutex, patience=0.1).write(b"early")
except RecordFailed as error:
    print(error)
os.kill(child, signal.SIGCONT)
Journal(sys.argv[1], mutex, patience=30).write(b"late")
os.waitpid(child, 0)
"""
# Standard output has no reader, or is closed; standard error reports the result.
_OUTPUT = """
import sys
from webhook.audit.journal import Journal
from webhook.files import SharedMutex
from webhook.errors import RecordFailed
try:
    mutex = SharedMutex.make()
    Journal("-", mutex).write(b"x")
except RecordFailed as error:
    print(error, file=sys.stderr)
"""


def _whole(data: bytes, writers: int, count: int) -> None:
    """Assert that every line of every writer is there once and whole, each writer's in its order."""
    seen: dict[int, list[int]] = {}
    for line in map(json.loads, data.splitlines()):
        seen.setdefault(line["writer"], []).append(line["number"])
    assert seen == {writer: list(range(count)) for writer in range(writers)}


def _rest(reader: int) -> bytes:
    """Read to the end: of a pipe, of a socket, or of a terminal, which says so in its own way."""
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(reader, 2**16)
        except OSError as error:
            assert error.errno == errno.EIO
            part = b""
        if not part:
            return b"".join(parts)
        parts.append(part)


def _terminal() -> tuple[int, int]:
    reader, writer = pty.openpty()
    tty.setraw(writer)
    return reader, writer


def _socket() -> tuple[int, int]:
    reader, writer = socket.socketpair()
    return reader.detach(), writer.detach()


@pytest.mark.parametrize(
    ("ends", "count"),
    [(os.pipe, 200), (_terminal, 60), (_socket, 60)],
    ids=["pipe", "terminal", "socket"],
)
def test_lines_of_many_processes_on_one_output(ends: Callable[[], tuple[int, int]], count: int) -> None:
    """Four processes that write at once, lines of 10 bytes to 200 KiB, lose none and mix none."""
    reader, writer = ends()
    with subprocess.Popen([sys.executable, "-c", _WRITERS, "-", "4", str(count)], stdout=writer) as process:
        os.close(writer)
        data = _rest(reader)
        os.close(reader)
        assert process.wait(timeout=PATIENCE) == 0
    _whole(data, 4, count)


def test_lines_of_many_processes_in_one_file(tmp_path: Path) -> None:
    """A file that four processes write to is rotated under them again and again: each line is in one of the files."""
    path = tmp_path / "records.jsonl"
    with subprocess.Popen([sys.executable, "-c", _WRITERS, str(path), "4", "200"]) as process:
        rotated = 0
        while process.poll() is None:
            if path.exists():
                path.rename(tmp_path / f"records.{rotated:05}")
                rotated += 1
            time.sleep(0.002)
        assert process.returncode == 0
    assert rotated > 0
    files = [*sorted(tmp_path.glob("records.0*")), *([path] if path.exists() else [])]
    _sorted_whole(b"".join(file.read_bytes() for file in files), 4, 200)


def _sorted_whole(data: bytes, writers: int, count: int) -> None:
    """Assert as `_whole`, whatever the order: a line may go to the old file after another went to the new one."""
    lines = sorted(data.splitlines(), key=lambda line: int(json.loads(line)["number"]))
    _whole(b"\n".join(lines), writers, count)


def test_lines_of_many_threads(tmp_path: Path) -> None:
    """Threads of one process, which a POSIX lock does not keep apart, mix no lines, and one may reopen meanwhile."""
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), SharedMutex.make(), patience=60)

    def work(writer: int) -> None:
        for number in range(150):
            journal.write(json.dumps({"writer": writer, "number": number, "fill": "x" * (number * 100)}).encode())
            if number % 10 == 0:
                journal.reopen()

    threads = [threading.Thread(target=work, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    _whole(path.read_bytes(), 4, 150)


@contextmanager
def _as_output(writer: int) -> Iterator[None]:
    """Make `writer` standard output and close it."""
    saved = os.dup(1)
    os.dup2(writer, 1)
    os.close(writer)
    try:
        yield
    finally:
        os.dup2(saved, 1)
        os.close(saved)


@contextmanager
def _pipe_as_output() -> Iterator[int]:
    """Make standard output a pipe; yields the reader's end."""
    reader, writer = os.pipe()
    with _as_output(writer):
        yield reader
    os.close(reader)


def _held(reader: int) -> int:
    """Return how many bytes a pipe holds."""
    held = array.array("i", [0])
    fcntl.ioctl(reader, termios.FIONREAD, held)
    return held[0]


def _drain(reader: int) -> bytes:
    data = b""
    while _held(reader):
        data += os.read(reader, 2**16)
    return data


def test_a_reader_that_sleeps_is_not_waited_for(capfd: pytest.CaptureFixture[str]) -> None:
    """A full pipe is RecordFailed within the patience; when its reader is back, the torn line harms no other."""
    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", SharedMutex.make(), patience=0.2)
        with pytest.raises(RecordFailed, match=r"^standard output: its reader did not accept the line within 0\.2 s$"):
            journal.write(b"x" * 2**20)
        with pytest.raises(RecordFailed):
            journal.write(b'{"lost":1}')  # not a byte of it fits
        torn = _drain(reader)
        assert torn.strip(b"x") == b""
        journal.write(b'{"after":1}')
        journal.write(b'{"after":2}')
        journal.close()
        assert _drain(reader) == b'\n{"after":1}\n{"after":2}\n'


def test_lines_that_a_pipe_has_no_place_for(capfd: pytest.CaptureFixture[str]) -> None:
    """Of lines that are written together a full pipe gets whole ones only, so that nothing else lands within one."""
    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", SharedMutex.make(), patience=0.2)
        entries = [journal.add(b"x" * 900) for _ in range(100)]
        lost = 0
        for entry in entries:
            try:
                journal.settle(entry)
            except RecordFailed as error:
                assert str(error) == "standard output: its reader did not accept the line within 0.2 s"
                lost += 1
        assert 0 < lost < 100
        assert _drain(reader) == (b"x" * 900 + b"\n") * (100 - lost)


def test_what_another_thread_took(tmp_path: Path) -> None:
    """A line that another thread takes, and could not write in time, is never taken for written."""
    mutex = SharedMutex.make()
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), mutex, patience=0.05)
    entries = [journal.add(b"%d" % number) for number in range(3)]
    caught: list[str] = []

    def settle() -> None:
        try:
            journal.settle(entries[0])
        except RecordFailed as error:
            caught.append(str(error))

    with mutex.taken(time.monotonic() + 1):
        thread = threading.Thread(target=settle)
        thread.start()
        thread.join()
    for entry in entries:
        with pytest.raises(RecordFailed, match=r"another writer held the lock for too long$"):
            journal.settle(entry)
    assert len(caught) == 1
    assert path.read_bytes() == b""


def _repeat(journal: Journal, line: bytes) -> None:
    for _ in range(2**10):
        journal.write(line)


def test_a_line_that_never_began_leaves_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    """If a pipe is full of whole lines and accepts nothing more, there is no empty line afterwards."""
    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", SharedMutex.make(), patience=0.2)
        line = b"x" * (4_096 - 1)
        with pytest.raises(RecordFailed):
            _repeat(journal, line)
        assert set(_drain(reader).splitlines()) == {line}
        journal.write(b"after")
        journal.close()
        assert _drain(reader) == b"after\n"


def test_a_slow_reader_gets_all(capfd: pytest.CaptureFixture[str]) -> None:
    """A line that is many times what the pipe holds arrives whole where the reader takes it bit by bit."""
    line = os.urandom(2**19).replace(b"\n", b"x")
    read = bytearray()

    def take() -> None:
        while len(read) <= len(line):
            read.extend(os.read(reader, 2**13))
            time.sleep(0.001)

    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", SharedMutex.make(), patience=60)
        thread = threading.Thread(target=take)
        thread.start()
        journal.write(line)
        thread.join()
        journal.close()
    assert bytes(read) == line + b"\n"


def test_standard_output_stays_as_it_is(capfd: pytest.CaptureFixture[str]) -> None:
    """A file shared with other processes is neither made non-blocking nor closed."""
    with capfd.disabled(), _pipe_as_output() as reader:
        journal = Journal("-", SharedMutex.make())
        assert os.get_blocking(1)
        journal.write(b"1")
        journal.close()
        os.write(1, b"2\n")
        journal.write(b"3")
        journal.close()
        assert _drain(reader) == b"1\n2\n3\n"


def test_a_reader_that_is_gone(capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe without a reader is RecordFailed."""
    reader, writer = os.pipe()
    with capfd.disabled(), _as_output(writer):
        journal = Journal("-", SharedMutex.make())
        os.close(reader)
        with pytest.raises(RecordFailed, match=r"^standard output: Broken pipe$"):
            journal.write(b"x")


def test_standard_output_that_is_closed() -> None:
    """If it is closed from the start, no other file is used instead, even one with its number."""
    command = ["sh", "-c", 'exec "$0" -c "$1" >&-', sys.executable, _OUTPUT]
    done = subprocess.run(command, stderr=subprocess.PIPE, check=True, timeout=30)
    assert done.stderr == b"standard output: Bad file descriptor\n"


def test_a_writer_that_is_killed_in_its_line() -> None:
    """The kernel gives the mutex of a killed process back: the others go on, and only its own line is torn."""
    reader, writer = os.pipe()
    command = [sys.executable, "-c", _VICTIM]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=writer, stderr=subprocess.PIPE) as process:
        os.close(writer)
        assert process.stdin is not None
        assert process.stderr is not None
        victim = int(process.stderr.readline())
        _until(lambda: _held(reader) > 0)
        process.stdin.write(b"\n")
        process.stdin.flush()
        assert process.stderr.readline() == b"begun\n"
        os.kill(victim, signal.SIGKILL)
        torn, *others = _rest(reader).split(b"\n", 1)
        os.close(reader)
        assert process.wait(timeout=PATIENCE) == 0
    assert torn.startswith(b'{"writer": 0, "number": 0, "fill": "xxx')
    assert torn.endswith(b"x")
    _whole(others[0].replace(b'"writer": 1', b'"writer": 0').replace(b'"writer": 2', b'"writer": 1'), 2, 20)


def _until(condition: Callable[[], bool], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.005)


def test_a_turn_that_another_process_keeps(tmp_path: Path) -> None:
    """A process that cannot get the mutex in time gets RecordFailed, and gets it after its release."""
    path = tmp_path / "records.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", _STOPPED, str(path)], stdout=subprocess.PIPE, text=True, check=True, timeout=60
    )
    assert done.stdout == f"{path}: another writer held the lock for too long\n"
    assert path.read_bytes() == b"late\n"


def test_a_turn_that_another_thread_keeps(tmp_path: Path) -> None:
    """As between processes, so between threads; closing does not wait for ever either."""
    mutex = SharedMutex.make()
    journal = Journal(str(tmp_path / "records.jsonl"), mutex, patience=0.1)
    calls: list[Callable[[], None]] = [lambda: journal.write(b"x"), journal.reopen, journal.close]
    caught: list[str] = []

    def work() -> None:
        for call in calls:
            try:
                call()
            except RecordFailed as error:
                caught.append(str(error))

    with mutex.taken(time.monotonic() + 1):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert caught == [f"{tmp_path}/records.jsonl: another writer held the lock for too long"] * 3


def test_a_device_without_space() -> None:
    """A device without space is RecordFailed with the system's reason."""
    with pytest.raises(RecordFailed, match=r"^/dev/full: No space left on device$"):
        Journal("/dev/full", SharedMutex.make()).write(b"x")


def test_a_disk_that_is_full(tmp_path: Path) -> None:
    """A part of a line that fits is torn; when there is space again, the next line begins on its own."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a small file system cannot be mounted here")
    try:
        journal = Journal(str(tmp_path / "records.jsonl"), SharedMutex.make())
        (tmp_path / "other").write_bytes(b"x" * 2**15)
        with pytest.raises(RecordFailed, match=r"records\.jsonl: No space left on device$"):
            journal.write(b"x" * 2**16)
        (tmp_path / "other").unlink()
        journal.write(b"after")
        journal.close()
        torn, after = (tmp_path / "records.jsonl").read_bytes().splitlines()
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert torn == b"x" * len(torn)
    assert 0 < len(torn) < 2**16
    assert after == b"after"


def test_a_file_that_may_not_grow(tmp_path: Path) -> None:
    """At the limit of a file's size the line is torn; the next one begins on its own, and nothing is empty."""
    path = tmp_path / "records.jsonl"
    mutex = SharedMutex.make()
    journal = Journal(str(path), mutex)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10, hard))
    try:
        for _ in range(2):
            with pytest.raises(RecordFailed, match=r"records\.jsonl: File too large$"):
                journal.write(b"x" * 20)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"x" * 10
    Journal(str(path), mutex).write(b"after")
    assert path.read_bytes() == b"xxxxxxxxxx\nafter\n"


@pytest.mark.parametrize("room", range(0, 300, 7))
def test_a_chain_over_a_line_that_failed(tmp_path: Path, room: int) -> None:
    """However much of a line fits: no number is missing or there twice, and the next checkpoint counts the failure."""
    path, line = tmp_path / "records.jsonl", b'{"format":1,"kind":"decision","policy":{"digest":"x"}}'
    private, public = make(tmp_path)
    chain = Chain(Writer("pod", 1, "2026-01-02T03:04:05.000000Z"), signer(private))
    journal = Journal(str(path), SharedMutex.make(), chain=chain)
    journal.write(line)
    size = path.stat().st_size
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (min(size + room, 2 * size - 1), hard))
    try:
        with pytest.raises(RecordFailed):
            journal.write(line)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    journal.write(line)
    journal.checkpoint(end=True)
    verification, data = Verification(Keys(public)), path.read_bytes()
    verification.add(Part("f", 1, data, len(data)))
    assert not {each.kind for each in verification.found()} - {NOTE}
    assert json.loads(data.splitlines()[-1])["failed"] == 1
    journal.checkpoint()  # nothing is new
    assert path.read_bytes() == data


@pytest.mark.parametrize("room", range(0, 1_200, 31))
def test_lines_that_are_written_together(tmp_path: Path, room: int) -> None:
    """However many bytes fit: each line is either reported as lost or whole, and the chain continues."""
    path, line = tmp_path / "records.jsonl", b'{"format":1,"kind":"decision","policy":{"digest":"x"}}'
    private, public = make(tmp_path)
    chain = Chain(Writer("pod", 1, "2026-01-02T03:04:05.000000Z"), signer(private))
    journal = Journal(str(path), SharedMutex.make(), chain=chain)
    journal.write(line)
    entries = [journal.add(line) for _ in range(5)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
    lost = 0
    try:
        for entry in entries:
            try:
                journal.settle(entry)
            except RecordFailed:
                lost += 1
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes().count(b"\n") == 6 - lost
    assert [not entry.failure for entry in entries] == sorted((not entry.failure for entry in entries), reverse=True)
    journal.write(line)
    journal.checkpoint(end=True)
    verification, data = Verification(Keys(public)), path.read_bytes()
    verification.add(Part("f", 1, data, len(data)))
    assert not {each.kind for each in verification.found()} - {NOTE}
    assert json.loads(data.splitlines()[-1])["failed"] == lost


def test_a_line_is_written_once_however_it_is_settled(tmp_path: Path) -> None:
    """The first settled line takes the others along, in the order in which they were added."""
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), SharedMutex.make())
    entries = [journal.add(b"%d" % number) for number in range(3)]
    assert path.read_bytes() == b""
    for entry in reversed(entries):
        journal.settle(entry)
        assert path.read_bytes() == b"0\n1\n2\n"


def test_a_line_torn_in_an_earlier_life(tmp_path: Path) -> None:
    """A file whose last line has no end, for the machine went down in it, is continued on a line of its own."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(b'{"half')
    journal = Journal(str(path), SharedMutex.make())
    journal.write(b"1")
    journal.write(b"2")
    assert path.read_bytes() == b'{"half\n1\n2\n'


@pytest.mark.parametrize(
    ("before", "expected"),
    [(b"whole\n", b"whole\nnext\n"), (b'{"half', b'{"half\nnext\n'), (b"", b"next\n")],
    ids=["killed-after-its-line", "killed-in-its-line", "killed-before-and-rotated"],
)
def test_a_flag_that_stayed(tmp_path: Path, before: bytes, expected: bytes) -> None:
    """If a writer of a file was killed, the file itself shows whether its line is torn: there is no empty line."""
    path = tmp_path / "records.jsonl"
    path.write_bytes(before)
    mutex = SharedMutex.make()
    mutex.torn = True
    Journal(str(path), mutex).write(b"next")
    assert path.read_bytes() == expected
    assert not mutex.torn


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("missing/records.jsonl", "missing/records.jsonl: No such file or directory"),
        (".", ": Is a directory"),
        ("file/records.jsonl", "file/records.jsonl: Not a directory"),
        ("fifo", "fifo: No such device or address"),
        ("nul\0", r"nul\x00: embedded null byte"),
        ("long" * 100, ": File name too long"),
    ],
    ids=["missing", "directory", "under-a-file", "pipe-without-reader", "nul", "long"],
)
def test_a_file_that_cannot_be_opened(tmp_path: Path, path: str, reason: str) -> None:
    """A path that cannot be written to is denied when it is opened, with the path and the reason."""
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(RecordFailed) as caught:
        Journal(f"{tmp_path}/{path}", SharedMutex.make())
    assert str(caught.value).startswith(str(tmp_path))
    assert str(caught.value).endswith(reason)


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is forbidden to root")
def test_a_file_that_is_not_ours(tmp_path: Path) -> None:
    """A file that may not be written to is denied."""
    path = tmp_path / "records.jsonl"
    path.touch(0o440)
    with pytest.raises(RecordFailed, match=r"records\.jsonl: Permission denied$"):
        Journal(str(path), SharedMutex.make())


def test_a_new_file_is_not_for_all(tmp_path: Path) -> None:
    """A file that the journal makes is for its owner to write and its group to read."""
    path = tmp_path / "records.jsonl"
    before = os.umask(0)
    try:
        Journal(str(path), SharedMutex.make()).close()
    finally:
        os.umask(before)
    assert path.stat().st_mode & 0o777 == 0o640


def _renamed(path: Path) -> None:
    path.rename(path.with_suffix(".1"))


def _recreated(path: Path) -> None:
    path.rename(path.with_suffix(".1"))
    path.touch(0o600)


def _truncated(path: Path) -> None:
    path.with_suffix(".1").write_bytes(path.read_bytes())
    os.truncate(path, 0)


@pytest.mark.parametrize("rotate", [_renamed, _recreated, _truncated, Path.unlink])
def test_rotation(tmp_path: Path, rotate: Callable[[Path], None]) -> None:
    """A file that is rotated, as logrotate does it or by hand, is followed by the next line, without a signal."""
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), SharedMutex.make())
    journal.write(b"1")
    rotate(path)
    journal.write(b"2")
    journal.write(b"3")
    assert path.read_bytes() == b"2\n3\n"
    if rotate is not Path.unlink:
        assert path.with_suffix(".1").read_bytes() == b"1\n"


def test_a_link_that_is_moved(tmp_path: Path) -> None:
    """A link to today's file is followed to tomorrow's."""
    link = tmp_path / "records.jsonl"
    link.symlink_to("today")
    journal = Journal(str(link), SharedMutex.make())
    journal.write(b"1")
    (tmp_path / "next").symlink_to("tomorrow")
    (tmp_path / "next").rename(link)
    journal.write(b"2")
    assert ((tmp_path / "today").read_bytes(), (tmp_path / "tomorrow").read_bytes()) == (b"1\n", b"2\n")


def test_reopen_on_demand(tmp_path: Path) -> None:
    """Reopening makes the file at once; a journal that was closed opens again when it is written to."""
    path = tmp_path / "records.jsonl"
    journal = Journal(str(path), SharedMutex.make())
    path.unlink()
    journal.reopen()
    assert path.exists()
    journal.close()
    journal.close()
    journal.write(b"1")
    assert path.read_bytes() == b"1\n"


def test_a_directory_that_comes_back(tmp_path: Path) -> None:
    """While its directory is gone a write is RecordFailed; afterwards it goes on."""
    directory = tmp_path / "logs"
    directory.mkdir()
    path = directory / "records.jsonl"
    journal = Journal(str(path), SharedMutex.make())
    path.unlink()
    directory.rmdir()
    calls: list[Callable[[], None]] = [lambda: journal.write(b"1"), journal.reopen, lambda: journal.write(b"1")]
    for call in calls:
        with pytest.raises(RecordFailed, match=f"^{path}: No such file or directory$"):
            call()
    directory.mkdir()
    journal.write(b"2")
    assert path.read_bytes() == b"2\n"
