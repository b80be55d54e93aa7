"""Writes records as whole lines, shared by several writers, within a time limit."""

import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import accumulate

from webhook.audit.chain import Chain
from webhook.audit.destination import Destination
from webhook.errors import RecordFailed
from webhook.files import SharedMutex


class Entry:
    """A line that a journal has taken.

    Attributes:
        line: the line without its newline.
        settled: whether it was written, or could not be.
        failure: why it could not be written, "" if it was.
    """

    __slots__ = ("failure", "line", "settled")

    def __init__(self, line: bytes) -> None:
        self.line, self.settled, self.failure = line, False, ""


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
        self._destination, self._patience = Destination(target, patience), patience
        self._mutex, self._chain = mutex, chain
        self._added: deque[Entry] = deque()  # thread-safe

    def add(self, line: bytes) -> Entry:
        """Take `line`, given without a newline, to be written with others; `settle` writes it."""
        entry = Entry(line)
        self._added.append(entry)
        return entry

    def settle(self, entry: Entry) -> None:
        """Write everything that was added, unless `entry` is settled; then the kernel has all of its line.

        Raises:
            RecordFailed: the line could not be written completely within the patience.
        """
        failure = "another thread failed to write the line"  # if it took the entry, and has not settled it
        if not entry.settled:
            try:
                with self._locked() as deadline:
                    self._write(self._taken(), deadline)
            except RecordFailed as error:  # another writer holds the lock
                failure = str(error)
                self._fail(self._taken(), failure)
        if entry.settled:
            failure = entry.failure
        if failure:
            raise RecordFailed(failure)

    def write(self, line: bytes) -> None:
        """Write `line`, given without a newline; after the call, the kernel has all of it.

        Raises:
            RecordFailed: the line could not be written completely within the patience.
        """
        self.settle(self.add(line))

    def checkpoint(self, *, end: bool = False) -> None:
        """Write a signed checkpoint if there are new lines, or if it is the `end` of this writer.

        Raises:
            RecordFailed: the checkpoint could not be written completely within the patience.
        """
        if (chain := self._chain) is None:
            return
        with self._locked() as deadline:
            self._write(self._taken(), deadline)
            if (line := chain.checkpoint(end=end)) is not None:
                self._destination.follow()
                written, failed = self._put(line + b"\n", deadline)
                if written >= len(line):
                    chain.advance(line)
                if failed:
                    raise RecordFailed(failed)
                chain.checked()

    def reopen(self) -> None:
        """Open the file again, which may be a new file.

        Raises:
            RecordFailed: the file cannot be opened, or another writer takes longer than the patience.
        """
        with self._locked():
            self._destination.close()
            self._destination.open()

    def close(self) -> None:
        """Close the file, but not standard output; the next write opens it again.

        Raises:
            RecordFailed: another writer takes longer than the patience.
        """
        with self._locked():
            self._destination.close()

    @contextmanager
    def _locked(self) -> Iterator[float]:
        """Lock out other threads, which may be writing to the descriptor; yield when the patience ends."""
        deadline = time.monotonic() + self._patience
        try:
            with self._mutex.taken(deadline):
                yield deadline
        except OSError as error:
            raise self._destination.failed(error) from error

    def _taken(self) -> list[Entry]:
        """Return the added entries, which another thread can then no longer take."""
        entries = []
        with suppress(IndexError):
            while True:
                entries.append(self._added.popleft())
        return entries

    def _write(self, entries: list[Entry], deadline: float) -> None:
        """Write the lines of `entries`, and settle each."""
        if not entries:
            return
        chain, lines = self._chain, [entry.line for entry in entries]
        try:
            self._destination.follow()
        except (OSError, RecordFailed) as error:
            self._fail(entries, str(error if isinstance(error, RecordFailed) else self._destination.failed(error)))
            return
        position = None
        if chain is not None:
            position, lines = chain.position, chain.extend(lines)
        written, failed = 0, "the line was not written"  # if an error interrupts it
        try:
            written, failed = self._put(b"\n".join((*lines, b"")), deadline)
        finally:
            if failed:
                ends = list(accumulate(len(line) + 1 for line in lines))
                if chain is not None and position is not None:
                    # The next writer ends a line that lacks only its newline, so that the line counts.
                    chain.back(position, lines[: bisect_right(ends, written + 1)])
                self._fail(entries[bisect_right(ends, written) :], failed)
            for entry in entries:
                entry.settled = True

    def _fail(self, entries: list[Entry], failure: str) -> None:
        for entry in entries:
            entry.failure, entry.settled = failure, True
        if self._chain is not None:
            self._chain.failed += len(entries)

    def _put(self, data: bytes, deadline: float) -> tuple[int, str]:
        """Write lines, and note for the next writer whether the last one is complete.

        Returns:
            The number of bytes that were written, and why the others were not, "" if all were.
        """
        mutex = self._mutex
        torn = self._destination.torn(maybe=mutex.torn)
        if torn:
            data = b"\n" + data
        mutex.torn = True
        written, failed = self._destination.put(data, deadline)
        mutex.torn = data[written - 1 : written] != b"\n" if written else torn
        return max(0, written - torn), failed
