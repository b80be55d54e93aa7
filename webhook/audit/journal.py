"""Writes records as whole lines, shared by several writers, within a time limit."""

import errno
import os
import select
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from webhook.audit.chain import Chain
from webhook.errors import RecordFailed
from webhook.files import SharedMutex
from webhook.text import printable

STANDARD_OUTPUT: Final = "-"
_STDOUT: Final = 1
_WHOLE: Final = select.PIPE_BUF  # bytes that a pipe accepts atomically
_FLAGS: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Journal:
    """Writes lines to a file or to standard output, and follows the rotation of a file.

    If a failure left a part of a line, the next write ends it first. If that is uncertain, because a writer of a pipe
    was killed, the output may contain an empty line.
    """

    def __init__(self, target: str, mutex: SharedMutex, patience: float = 2.0, chain: Chain | None = None) -> None:
        """Open the journal.

        Args:
            target: the path of a file, or "-" for standard output.
            mutex: the mutex of all writers.
            patience: seconds that a write may take.
            chain: links the lines of this process; None writes them as they are.

        Raises:
            RecordFailed: the file cannot be opened.
        """
        self._target, self._mutex, self._patience, self._chain = target, mutex, patience, chain
        self._name = "standard output" if target == STANDARD_OUTPUT else printable(target)
        self._descriptor = -1
        self._identity = (0, 0)
        self._poll: select.poll | None = None
        self._unread = False
        self._open()

    def write(self, line: bytes) -> None:
        """Write `line`, given without a newline; after the call, the kernel has all of it.

        Raises:
            RecordFailed: the line could not be written completely within the patience.
        """
        deadline = time.monotonic() + self._patience
        mutex, chain = self._mutex, self._chain
        try:
            mutex.take(deadline)
            try:
                self._follow()
                self._put(line if chain is None else chain.link(line), deadline)
            finally:
                mutex.give()
        except (OSError, RecordFailed) as error:
            if chain is not None:
                chain.failed += 1
            if isinstance(error, RecordFailed):
                raise
            raise self._failed(error) from error

    def checkpoint(self, *, end: bool = False) -> None:
        """Write a signed checkpoint if there are new lines, or if it is the `end` of this writer.

        Raises:
            RecordFailed: the checkpoint could not be written completely within the patience.
        """
        if (chain := self._chain) is None:
            return
        with self._locked() as deadline:
            if (line := chain.checkpoint(end=end)) is not None:
                self._follow()
                self._put(line, deadline)
                chain.checked()

    def reopen(self) -> None:
        """Open the file again, which may be a new file.

        Raises:
            RecordFailed: the file cannot be opened, or another writer takes longer than the patience.
        """
        with self._locked():
            self._close()
            self._open()

    def close(self) -> None:
        """Close the file, but not standard output; the next write opens it again.

        Raises:
            RecordFailed: another writer takes longer than the patience.
        """
        with self._locked():
            self._close()

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """Lock out other threads, which may be writing to the descriptor; yield when the patience ends."""
        deadline = time.monotonic() + self._patience
        try:
            with self._mutex.taken(deadline):
                yield deadline
        except OSError as error:
            raise self._failed(error) from error

    def _failed(self, error: Exception) -> RecordFailed:
        return RecordFailed(f"{self._name}: {getattr(error, 'strerror', None) or error}")

    def _open(self) -> None:
        try:
            if self._target == STANDARD_OUTPUT:
                self._descriptor = _standard_output()
            else:
                # O_NONBLOCK has no effect on a regular file; opening a pipe without a reader fails instead of blocking.
                self._descriptor = os.open(self._target, _FLAGS | os.O_APPEND | os.O_CREAT, 0o640)
            found = os.fstat(self._descriptor)
        except (OSError, ValueError) as error:  # ValueError: the path is invalid
            self._close()
            raise self._failed(error) from error
        self._identity = (found.st_dev, found.st_ino)
        self._unread = stat.S_ISREG(found.st_mode)
        self._poll = None if self._unread else select.poll()
        if self._poll is not None:
            self._poll.register(self._descriptor, select.POLLOUT)

    def _close(self) -> None:
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor not in (-1, _STDOUT):
            os.close(descriptor)

    def _follow(self) -> None:
        """Open the file again if its path refers to a new file, because it was rotated."""
        if self._descriptor >= 0 and self._target == STANDARD_OUTPUT:
            return
        if self._descriptor >= 0:
            try:
                found = os.stat(self._target)  # noqa: PTH116 - faster, and called for every review
            except FileNotFoundError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == self._identity:
                return
            self._close()
        self._open()

    def _put(self, line: bytes, deadline: float) -> None:
        """Write `line` and its newline, and note for the next writer whether it is complete."""
        mutex, data = self._mutex, line + b"\n"
        torn = mutex.torn
        if (torn or self._unread) and self._poll is None:
            torn = _unended(self._descriptor, default=torn)  # also detects a line torn by an earlier process
        if torn:
            data = b"\n" + data
        mutex.torn = True
        written = 0
        try:
            written = self._some(data, deadline)
            while written < len(data):
                written += self._some(memoryview(data)[written:], deadline)
        finally:
            mutex.torn = data[written - 1 : written] != b"\n" if written else torn
            # The next writer ends a line that lacks only its newline, so that the line counts.
            if written >= len(data) - 1 and self._chain is not None:
                self._chain.advance(line)
        self._unread = False

    def _some(self, rest: bytes | memoryview, deadline: float) -> int:
        """Write as much as fits; a pipe may be full, and its reader may be stopped."""
        if self._poll is None:
            return os.write(self._descriptor, rest)  # a short write if the disk is nearly full
        if self._descriptor == _STDOUT:  # shared with other processes, and blocking
            self._wait(deadline)
        try:
            return os.write(self._descriptor, rest if len(rest) <= _WHOLE else rest[:_WHOLE])
        except BlockingIOError:
            self._wait(deadline)
            return 0

    def _wait(self, deadline: float) -> None:
        """Wait until the pipe accepts PIPE_BUF bytes, which Linux reports as POLLOUT."""
        if self._poll is not None and not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1_000):
            raise TimeoutError(f"its reader did not accept the line within {self._patience:g} s")


def _standard_output() -> int:
    """Return a descriptor of standard output, a new one if it is a pipe or a terminal that can be opened again.

    A new descriptor can be non-blocking without affecting other processes, because the flag belongs to the open file.
    """
    if sys.__stdout__ is None:  # it was closed at the start, so the number may belong to another file
        raise OSError(errno.EBADF, os.strerror(errno.EBADF))
    mode = os.fstat(_STDOUT).st_mode
    if stat.S_ISFIFO(mode) or stat.S_ISCHR(mode):
        with suppress(OSError):  # it belongs to another user, or /proc is missing
            return os.open(f"/proc/self/fd/{_STDOUT}", _FLAGS)
    return _STDOUT


def _unended(descriptor: int, *, default: bool) -> bool:
    """Return whether the last line of a regular file has no newline, `default` if the file cannot be read."""
    size = os.fstat(descriptor).st_size
    try:
        with Path(f"/proc/self/fd/{descriptor}").open("rb", buffering=0) as reader:
            reader.seek(max(0, size - 1))
            return reader.read(1) not in (b"", b"\n")
    except OSError:
        return default and size > 0
