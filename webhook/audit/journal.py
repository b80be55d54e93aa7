"""Where records are written: whole lines, whoever else writes, and never longer than the patience lasts."""

import errno
import fcntl
import os
import select
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from webhook.errors import RecordFailed

STANDARD_OUTPUT: Final = "-"
_TORN: Final = b"\x01"
_WHOLE: Final = b"\x00"
_PAUSE: Final = 0.002  # seconds between two tries to get the turn


class Turn:
    """The writers' turn: one at a time, and the kernel gives it back when its holder is killed.

    Made before the workers are forked. Its file's one byte says whether the last write left a part of a line.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._thread = threading.Lock()  # a POSIX record lock does not keep threads of one process apart

    @classmethod
    def make(cls) -> "Turn":
        """Make the turn of this process and those that it forks."""
        descriptor = os.memfd_create("istag-webhook-turn", os.MFD_CLOEXEC)
        os.pwrite(descriptor, _WHOLE, 0)
        return cls(descriptor)

    @contextmanager
    def taken(self, deadline: float) -> Iterator[None]:
        """Hold the turn.

        Raises:
            TimeoutError: it could not be had before `deadline`, of the monotonic clock.
        """
        if not self._thread.acquire(timeout=max(0.0, deadline - time.monotonic())):
            raise TimeoutError("another thread holds the writers' turn")
        try:
            self._lock(deadline)
            try:
                yield
            finally:
                fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        finally:
            self._thread.release()

    def _lock(self, deadline: float) -> None:
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
                if time.monotonic() > deadline:
                    raise TimeoutError("another worker holds the writers' turn") from None
                time.sleep(_PAUSE)
            else:
                return

    @property
    def torn(self) -> bool:
        """Whether the last write left a part of a line."""
        return os.pread(self._descriptor, 1, 0) == _TORN

    @torn.setter
    def torn(self, value: bool) -> None:
        os.pwrite(self._descriptor, _TORN if value else _WHOLE, 0)


class Journal:
    """Writes lines to a file or to standard output."""

    def __init__(self, target: str, turn: Turn, patience: float = 2.0) -> None:
        """Open the journal.

        Args:
            target: a file's path, or "-" for standard output.
            turn: the turn of all who write there.
            patience: seconds that a write may take.

        Raises:
            RecordFailed: the file cannot be opened.
        """
        self._target, self._turn, self._patience = target, turn, patience
        self._descriptor = -1
        self._identity: tuple[int, int] | None = None
        self._open()

    def write(self, line: bytes) -> None:
        """Write `line` and its newline; it is with the kernel when this returns.

        Raises:
            RecordFailed: it could not be written whole within the patience.
        """
        deadline = time.monotonic() + self._patience
        try:
            with self._turn.taken(deadline):
                self._follow()
                torn = self._turn.torn
                self._turn.torn = True
                self._put((b"\n" if torn else b"") + line + b"\n", deadline)
                self._turn.torn = False
        except OSError as error:
            raise RecordFailed(f"{self._name}: {error.strerror or error}") from error

    def reopen(self) -> None:
        """Open the file again, which may be another one by now.

        Raises:
            RecordFailed: the file cannot be opened.
        """
        self.close()
        self._open()

    def close(self) -> None:
        """Close the file; standard output stays open."""
        if self._target != STANDARD_OUTPUT and self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = -1

    @property
    def _name(self) -> str:
        return "standard output" if self._target == STANDARD_OUTPUT else self._target

    def _open(self) -> None:
        try:
            if self._target == STANDARD_OUTPUT:
                self._descriptor = 1
            else:
                flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
                self._descriptor = os.open(self._target, flags, 0o640)
            found = os.fstat(self._descriptor)
        except OSError as error:
            raise RecordFailed(f"{self._name}: {error.strerror}") from error
        self._identity = (found.st_dev, found.st_ino)
        self._polled = not stat.S_ISREG(found.st_mode)

    def _follow(self) -> None:
        """Open the file again where its path names another one: it was rotated."""
        if self._target == STANDARD_OUTPUT:
            return
        try:
            found = os.stat(self._target)  # noqa: PTH116 - on the path of every review
            same = (found.st_dev, found.st_ino) == self._identity
        except FileNotFoundError:
            same = False
        if not same or self._descriptor < 0:
            self.reopen()

    def _put(self, data: bytes, deadline: float) -> None:
        """Write all of `data`; a pipe is asked before each piece, for it may be full and its reader gone to sleep."""
        rest = memoryview(data)
        while rest:
            if self._polled:
                self._wait(deadline)
                rest = rest[os.write(self._descriptor, rest[: select.PIPE_BUF]) :]
            else:
                rest = rest[os.write(self._descriptor, rest) :]

    def _wait(self, deadline: float) -> None:
        """Wait until a piece fits (on Linux POLLOUT says that PIPE_BUF bytes do)."""
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        left = max(0.0, deadline - time.monotonic())
        if not poll.poll(left * 1_000):
            raise TimeoutError(f"its reader took nothing for {self._patience:g} s")
