"""The writers' turn: records of several workers never interleave, however long they are."""

import errno
import fcntl
import mmap
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SHORTEST_PAUSE: Final = 0.00002  # seconds between two tries to get the turn: a line takes about as long,
_LONGEST_PAUSE: Final = 0.001  # unless it waits for its reader


class Turn:
    """The writers' turn: one at a time, and the kernel gives it back when its holder is killed.

    Made before the workers are forked. Its file's one byte says whether the last write left a part of a line.
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._flag = mmap.mmap(descriptor, 1)  # shared with the forked, and three system calls cheaper than pwrite
        self._thread = threading.Lock()  # a POSIX record lock does not keep threads of one process apart

    @classmethod
    def make(cls) -> "Turn":
        """Make the turn of this process and those that it forks."""
        descriptor = os.memfd_create("istag-webhook-turn", os.MFD_CLOEXEC)
        os.ftruncate(descriptor, 1)
        return cls(descriptor)

    @contextmanager
    def taken(self, deadline: float) -> Iterator[None]:
        """Hold the turn: no other writer of any process has it.

        Raises:
            TimeoutError: it could not be had before `deadline`, seconds on the monotonic clock.
        """
        self.take(deadline)
        try:
            yield
        finally:
            self.give()

    def take(self, deadline: float) -> None:
        """Take the turn, which `give` gives back.

        Raises:
            TimeoutError: it could not be had before `deadline`, seconds on the monotonic clock.
        """
        self.exclude(deadline)
        try:
            self._lock(deadline)
        except BaseException:
            self.admit()
            raise

    def give(self) -> None:
        """Give the turn back."""
        try:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN)
        finally:
            self.admit()

    def exclude(self, deadline: float) -> None:
        """Keep the other threads of this process out, and no other process, until `admit`.

        Raises:
            TimeoutError: they did not leave before `deadline`, seconds on the monotonic clock.
        """
        if not self._thread.acquire(blocking=False) and not self._thread.acquire(
            timeout=max(0.0, deadline - time.monotonic())
        ):
            raise TimeoutError("another thread kept the writers' turn")

    def admit(self) -> None:
        """Let the other threads in again."""
        self._thread.release()

    def _lock(self, deadline: float) -> None:
        pause = _SHORTEST_PAUSE
        while True:
            try:
                fcntl.lockf(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            else:
                return
            if time.monotonic() > deadline:
                raise TimeoutError("another worker kept the writers' turn")
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    @property
    def torn(self) -> bool:
        """Whether the last write left a part of a line, or may have: its writer was killed."""
        return self._flag[0] != 0

    @torn.setter
    def torn(self, value: bool) -> None:
        self._flag[0] = value
