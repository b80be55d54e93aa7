"""Files written atomically, a signature that changes with a mounted file, and a mutex that processes share."""

import ctypes
import errno
import mmap
import os
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

_DEFAULT_MODE: Final = 0o666  # before the umask


@dataclass(frozen=True, slots=True)
class NewFile:
    """A file to write.

    Attributes:
        path: the file name.
        data: the content.
        mode: the permissions, before the umask.
    """

    path: Path
    data: bytes
    mode: int = _DEFAULT_MODE


@contextmanager
def atomic(path: Path) -> Iterator[TextIO]:
    """Open a text file that replaces `path` after everything is written; write to a device or a pipe directly.

    Raises:
        OSError: the file cannot be written; its `filename` is `path`. An existing file stays unchanged.
    """
    if path.exists() and not path.is_file():
        with path.open("w", encoding="utf-8") as file:
            yield file
        return
    temporary = _temporary(path)
    try:
        with os.fdopen(_open(temporary, path, _DEFAULT_MODE), "w", encoding="utf-8") as file:
            yield file
        temporary.replace(path)
    finally:
        with suppress(OSError):
            temporary.unlink()


def write_all(files: Sequence[NewFile], *, replace: bool) -> None:
    """Write all of `files` or none of them; create missing directories.

    Args:
        files: the files to write.
        replace: whether to replace existing files.

    Raises:
        FileExistsError: a file exists and `replace` is false; its `filename` is the file.
        OSError: a file cannot be written; its `filename` is the file, or the directory that cannot be created.
    """
    with ExitStack() as directories, ExitStack() as temporaries, ExitStack() as undo:
        staged: list[tuple[Path, NewFile]] = []
        for file in files:
            _make_directories(file.path.parent, directories)
            staged.append((_stage(file.path, file.data, file.mode, temporaries), file))
        for _, file in staged:
            _prepare(file.path, temporaries, undo, replace=replace)
        for temporary, file in staged:
            with _named(file.path):
                temporary.replace(file.path)
        undo.pop_all()
        directories.pop_all()


def _make_directories(directory: Path, made: ExitStack) -> None:
    missing = [each for each in (directory, *directory.parents) if not os.path.lexists(each)]
    for each in reversed(missing):
        each.mkdir(exist_ok=True)
        made.callback(_quietly, each.rmdir)


def _prepare(path: Path, temporaries: ExitStack, undo: ExitStack, *, replace: bool) -> None:
    """Back up the file at `path` for undo; if the name is free, reserve it."""
    if not (replace and os.path.lexists(path)):
        os.close(_open(path, path, _DEFAULT_MODE))
        undo.callback(_quietly, path.unlink)
        return
    with _named(path):
        if path.is_symlink():
            kept = _temporary(path)
            kept.symlink_to(path.readlink())
            temporaries.callback(_quietly, kept.unlink)
        else:
            kept = _stage(path, path.read_bytes(), 0o600, temporaries)  # it may be a key
            kept.chmod(stat.S_IMODE(path.stat().st_mode))
    undo.callback(_quietly, lambda: kept.replace(path))


def _stage(path: Path, data: bytes, mode: int, temporaries: ExitStack) -> Path:
    """Write `data` to a temporary file next to `path`, and return its name."""
    temporary = _temporary(path)
    temporaries.callback(_quietly, temporary.unlink)
    with _named(path), os.fdopen(_open(temporary, path, mode), "wb") as file:
        file.write(data)
    return temporary


def _temporary(path: Path) -> Path:
    """Return a hidden name in the same directory, because a file cannot be renamed across file systems."""
    return path.with_name(f".{path.name}.{os.urandom(4).hex()}")


def _open(name: Path, path: Path, mode: int) -> int:
    with _named(path):
        return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Make an error name `path` instead of the temporary file."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None


def _quietly(action: Callable[[], object]) -> None:
    with suppress(OSError):
        action()


Signature = tuple[tuple[str, ...], ...]


def signature(paths: Iterable[Path]) -> Signature:
    """Return a signature that changes when one of `paths` changes, by the metadata of stat."""
    return tuple(_one(path) for path in paths)


def _one(path: Path) -> tuple[str, ...]:
    try:
        found = path.stat()
        return (str(path), os.path.realpath(path), *map(str, (found.st_ino, found.st_mtime_ns, found.st_size)))
    except OSError as error:
        return (str(path), error.strerror or str(error))


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
