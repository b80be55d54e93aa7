"""A file or standard output that takes lines, within a time limit; a file is followed through its rotation."""

import errno
import os
import select
import stat
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from webhook.errors import RecordFailed
from webhook.text import printable

STANDARD_OUTPUT: Final = "-"
_STDOUT: Final = 1
_WHOLE: Final = select.PIPE_BUF  # bytes that a pipe accepts atomically
_FLAGS: Final = os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class Destination:
    """The destination of lines; its caller serializes all calls."""

    def __init__(self, target: str, patience: float) -> None:
        """Open the destination.

        Args:
            target: the path of a file, or "-" for standard output.
            patience: seconds that a write may take.

        Raises:
            RecordFailed: the file cannot be opened.
        """
        self._target, self._patience = target, patience
        self._name = "standard output" if target == STANDARD_OUTPUT else printable(target)
        self._descriptor = -1
        self._identity = (0, 0)
        self._poll: select.poll | None = None
        self._unread = False
        self.open()

    def open(self) -> None:
        """Open the file, or standard output.

        Raises:
            RecordFailed: it cannot be opened.
        """
        try:
            if self._target == STANDARD_OUTPUT:
                self._descriptor = _standard_output()
            else:
                # O_NONBLOCK has no effect on a regular file; opening a pipe without a reader fails instead of blocking.
                self._descriptor = os.open(self._target, _FLAGS | os.O_APPEND | os.O_CREAT, 0o640)
            found = os.fstat(self._descriptor)
        except (OSError, ValueError) as error:  # ValueError: the path is invalid
            self.close()
            raise self.failed(error) from error
        self._identity = (found.st_dev, found.st_ino)
        self._unread = stat.S_ISREG(found.st_mode)
        self._poll = None if self._unread else select.poll()
        if self._poll is not None:
            self._poll.register(self._descriptor, select.POLLOUT)

    def close(self) -> None:
        """Close the file, but not standard output."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor not in (-1, _STDOUT):
            os.close(descriptor)

    def follow(self) -> None:
        """Open the file again if its path refers to a new file, because it was rotated.

        Raises:
            RecordFailed: it cannot be opened.
            OSError: its path cannot be looked up.
        """
        if self._descriptor >= 0 and self._target == STANDARD_OUTPUT:
            return
        if self._descriptor >= 0:
            try:
                found = os.stat(self._target)  # noqa: PTH116 - faster, and called for every review
            except FileNotFoundError:
                found = None
            if found is not None and (found.st_dev, found.st_ino) == self._identity:
                return
            self.close()
        self.open()

    def torn(self, *, maybe: bool) -> bool:
        """Return whether the last line has no newline.

        Args:
            maybe: what the last writer left, which only a file can confirm.
        """
        if (maybe or self._unread) and self._poll is None:
            maybe = _unended(self._descriptor, default=maybe)  # also detects a line torn by an earlier process
        self._unread = False
        return maybe

    def put(self, data: bytes, deadline: float) -> tuple[int, str]:
        """Write `data` until a time on the monotonic clock.

        Returns:
            The number of bytes that were written, and why the others were not, "" if all were.
        """
        written = 0
        try:
            written = self._some(data, deadline)
            while written < len(data):
                written += self._some(memoryview(data)[written:], deadline)
        except OSError as error:
            return written, str(self.failed(error))
        return written, ""

    def failed(self, error: Exception) -> RecordFailed:
        """Return an error that names the destination."""
        return RecordFailed(f"{self._name}: {getattr(error, 'strerror', None) or error}")

    def _some(self, rest: bytes | memoryview, deadline: float) -> int:
        """Write as much as fits; a pipe may be full, and its reader may be stopped."""
        if self._poll is None:
            return os.write(self._descriptor, rest)  # a short write if the disk is nearly full
        if self._descriptor == _STDOUT:  # shared with other processes, and blocking
            self._wait(deadline)
        try:
            return os.write(self._descriptor, _portion(rest))
        except BlockingIOError:
            self._wait(deadline)
            return 0

    def _wait(self, deadline: float) -> None:
        """Wait until the pipe accepts PIPE_BUF bytes, which Linux reports as POLLOUT."""
        if self._poll is not None and not self._poll.poll(max(0.0, deadline - time.monotonic()) * 1_000):
            raise TimeoutError(f"its reader did not accept the line within {self._patience:g} s")


def _portion(rest: bytes | memoryview) -> bytes | memoryview:
    """Return the lines that a pipe accepts whole or not at all, the beginning of a line that is longer than that."""
    if len(rest) <= _WHOLE:
        return rest
    return rest[: bytes(rest[:_WHOLE]).rfind(b"\n") + 1 or _WHOLE]


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
    try:
        size = os.fstat(descriptor).st_size
    except OSError:
        return default
    try:
        with Path(f"/proc/self/fd/{descriptor}").open("rb", buffering=0) as reader:
            reader.seek(max(0, size - 1))
            return reader.read(1) not in (b"", b"\n")
    except OSError:
        return default and size > 0
