"""The writers' mutex: records of several workers never interleave, however long they are.

A robust mutex of the threads library in memory that the workers share (POSIX, pthread_mutexattr_setrobust): it costs
no system call while nobody waits, keeps threads and processes apart alike, and when its holder is killed the kernel
gives it to the next who asks.
"""

import ctypes
import errno
import mmap
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_SHARED: Final = 1  # PTHREAD_PROCESS_SHARED
_ROBUST: Final = 1  # PTHREAD_MUTEX_ROBUST
_ATTRIBUTES: Final = 64  # bytes; a pthread_mutexattr_t has 4 to 8
_MUTEX: Final = 64  # where it stands in the page: after the flag, and aligned


class _Timespec(ctypes.Structure):
    """A time (POSIX, timespec)."""

    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class SharedMutex:
    """The writers' mutex: one at a time, whichever thread of whichever process.

    Made before the workers are forked. One byte beside it says whether the last write left a part of a line.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._flag = memory
        self._address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory, _MUTEX)))
        waiting, quick = ctypes.CDLL(None), ctypes.PyDLL(None)  # the first lets other threads run meanwhile
        self._clocklock, self._trylock = waiting.pthread_mutex_clocklock, quick.pthread_mutex_trylock
        self._unlock, self._consistent = quick.pthread_mutex_unlock, quick.pthread_mutex_consistent

    @classmethod
    def make(cls) -> "SharedMutex":
        """Make the mutex of this process and those that it forks."""
        mutex = cls(mmap.mmap(-1, mmap.PAGESIZE))
        threads, attributes = ctypes.PyDLL(None), ctypes.create_string_buffer(_ATTRIBUTES)
        for result in (
            threads.pthread_mutexattr_init(attributes),
            threads.pthread_mutexattr_setpshared(attributes, _SHARED),
            threads.pthread_mutexattr_setrobust(attributes, _ROBUST),
            threads.pthread_mutex_init(mutex._address, attributes),
        ):
            if result:
                raise OSError(result, os.strerror(result))
        return mutex

    @contextmanager
    def taken(self, deadline: float) -> Iterator[None]:
        """Hold the mutex: no other writer has it.

        Raises:
            TimeoutError: it could not be had before `deadline`, seconds on the monotonic clock.
        """
        self.take(deadline)
        try:
            yield
        finally:
            self.give()

    def take(self, deadline: float) -> None:
        """Take the mutex, which the same thread must `give` back.

        Raises:
            TimeoutError: it could not be had before `deadline`, seconds on the monotonic clock.
        """
        result = self._trylock(self._address)
        if result == errno.EBUSY:
            seconds = max(0.0, deadline)
            until = _Timespec(int(seconds), int(seconds % 1 * 1e9))
            result = self._clocklock(self._address, time.CLOCK_MONOTONIC, ctypes.byref(until))
        if result == errno.EOWNERDEAD:  # it is ours all the same, and what the dead one left is known by the flag
            result = self._consistent(self._address)
        if result == errno.ETIMEDOUT:
            raise TimeoutError("another writer kept the mutex")
        if result:
            raise OSError(result, os.strerror(result))

    def give(self) -> None:
        """Give the mutex back."""
        self._unlock(self._address)

    @property
    def torn(self) -> bool:
        """Whether the last write left a part of a line, or may have: its writer was killed."""
        return self._flag[0] != 0

    @torn.setter
    def torn(self, value: bool) -> None:
        self._flag[0] = value
