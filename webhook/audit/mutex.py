"""The mutex of the writers, which keeps records of several workers from interleaving, regardless of their length.

It is a robust mutex of the threads library in shared memory (POSIX, pthread_mutexattr_setrobust). It takes no system
call without contention, and excludes threads and processes alike. If its holder is killed, the kernel passes it on to
the next writer.
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
_MUTEX: Final = 64  # its offset in the page, aligned and after the flag


class _Timespec(ctypes.Structure):
    """A time (POSIX, timespec)."""

    _fields_ = (("tv_sec", ctypes.c_long), ("tv_nsec", ctypes.c_long))


class SharedMutex:
    """A mutex for all threads of all workers.

    Create it before the workers are forked. A byte next to it tells whether the last write left an incomplete line.
    """

    def __init__(self, memory: mmap.mmap) -> None:
        self._flag = memory
        self._address = ctypes.c_void_p(ctypes.addressof(ctypes.c_char.from_buffer(memory, _MUTEX)))
        waiting, quick = ctypes.CDLL(None), ctypes.PyDLL(None)  # CDLL releases the GIL during a call
        self._clocklock, self._trylock = waiting.pthread_mutex_clocklock, quick.pthread_mutex_trylock
        self._unlock, self._consistent = quick.pthread_mutex_unlock, quick.pthread_mutex_consistent

    @classmethod
    def make(cls) -> "SharedMutex":
        """Create the mutex for this process and the processes that it forks."""
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
        """Hold the mutex in a context.

        Raises:
            TimeoutError: the mutex was not available before `deadline`, seconds on the monotonic clock.
        """
        self.take(deadline)
        try:
            yield
        finally:
            self.give()

    def take(self, deadline: float) -> None:
        """Acquire the mutex; the same thread must release it with `give`.

        Raises:
            TimeoutError: the mutex was not available before `deadline`, seconds on the monotonic clock.
        """
        result = self._trylock(self._address)
        if result == errno.EBUSY:
            seconds = max(0.0, deadline)
            until = _Timespec(int(seconds), int(seconds % 1 * 1e9))
            result = self._clocklock(self._address, time.CLOCK_MONOTONIC, ctypes.byref(until))
        if result == errno.EOWNERDEAD:  # acquired from a killed holder; the flag tells what it left
            result = self._consistent(self._address)
        if result == errno.ETIMEDOUT:
            raise TimeoutError("another writer held the lock for too long")
        if result:
            raise OSError(result, os.strerror(result))

    def give(self) -> None:
        """Release the mutex."""
        self._unlock(self._address)

    @property
    def torn(self) -> bool:
        """Whether the last write left an incomplete line, or may have, because its writer was killed."""
        return self._flag[0] != 0

    @torn.setter
    def torn(self, value: bool) -> None:
        self._flag[0] = value
