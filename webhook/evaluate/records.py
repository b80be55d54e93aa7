"""Records as questions: files are read in parts of whole lines, in bounded memory; each line is one question."""

import sys
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from webhook.admission import engine
from webhook.audit.chain import stamp
from webhook.audit.recorded import Recorded, read
from webhook.documents.inputs import STANDARD_INPUT
from webhook.errors import Fault, MalformedRecord, MalformedReview, unexpected
from webhook.evaluate.question import Question, review_of
from webhook.globs.matching import Glob, any_matches
from webhook.model.decision import Decision
from webhook.model.review import Review
from webhook.policy.policy import Policy
from webhook.report.outcome import Origin
from webhook.report.shape import Shard
from webhook.text import printable

NOT_SELECTED: Final = "skipped by the options"
METADATA: Final = "records of level metadata"
OTHER: Final = "other lines"
INVALID: Final = "records whose request cannot be evaluated"
_MOST_LINES: Final = 5
_MAGIC: Final = b"\x1f\x8b"  # RFC 1952, 2.3.1: ID1 and ID2
PART: Final = 512 * 2**10  # bytes: large enough that its transfer to another process costs little
LONGEST: Final = 64 * 2**20  # bytes of a line: a review has up to 7 MiB, and six times that when escaped


@dataclass(frozen=True, slots=True)
class Selection:
    """Which records are evaluated.

    Attributes:
        since: the start of the period (RFC 3339, UTC), "" for any.
        until: the end of the period, exclusive, "" for any.
        namespaces: globs, none for any.
        dry_run: whether records of dry runs are evaluated too.
        shard: the part to evaluate.
    """

    since: str = ""
    until: str = ""
    namespaces: tuple[Glob, ...] = ()
    dry_run: bool = True
    shard: Shard = field(default_factory=Shard)

    def takes(self, recorded: Recorded) -> bool:
        """Whether `recorded` is selected."""
        return (
            self.since <= recorded.time
            and (not self.until or recorded.time < self.until)
            and (not self.namespaces or any_matches(self.namespaces, recorded.namespace))
            and (self.dry_run or not recorded.dry_run)
        )


@dataclass(slots=True)
class Remarks:
    """The records that could not be used.

    Attributes:
        faults: files that cannot be read to their end, and lines on which the webhook itself failed.
        lines: the first few lines that cannot be evaluated, and why.
        counts: how many lines were not evaluated, by reason.
    """

    faults: list[Fault] = field(default_factory=list)
    lines: list[Fault] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def leave(self, why: str, origin: Origin, error: Exception | None = None) -> None:
        """Add the line at `origin`, which was not evaluated."""
        self.counts[why] += 1
        if error is not None and len(self.lines) < _MOST_LINES:
            self.lines.append(Fault(str(origin), "", str(error)))

    def failed(self, origin: Origin, message: str) -> None:
        """Add a failure of the webhook itself on the line at `origin`."""
        self.faults.append(Fault(str(origin), "", message))

    def add(self, other: "Remarks") -> None:
        """Add everything from `other`."""
        self.faults += other.faults
        self.lines += other.lines[: _MOST_LINES - len(self.lines)]
        self.counts.update(other.counts)


@dataclass(frozen=True, slots=True)
class Part:
    """Some whole lines of a file.

    Attributes:
        file: its name, `-` for standard input.
        line: the number of the first line, from 1.
        data: the lines.
        size: how many bytes of the stored file were read for them.
    """

    file: str
    line: int
    data: bytes
    size: int


def questions(part: Part, selection: Selection, remarks: Remarks) -> Iterator[Question]:
    """Yield a question for each selected decision in `part`; `remarks` collects the other lines."""
    for number, line in enumerate(part.data.split(b"\n"), part.line):
        if not line or line.isspace() or not selection.shard.holds(line):
            continue
        origin = Origin(part.file, number)
        try:
            recorded = read_line(line)
            if recorded is None:
                continue
            if not selection.takes(recorded):
                remarks.leave(NOT_SELECTED, origin)
                continue
            if recorded.request is None:
                remarks.leave(METADATA, origin)
                continue
            review = review_of(recorded.request, datetime.fromisoformat(recorded.time))
        except MalformedRecord as error:
            remarks.leave(OTHER, origin, error)
        except MalformedReview as error:
            remarks.leave(INVALID, origin, error)
        except Exception as error:  # noqa: BLE001 - one record must not end the evaluation of all others
            remarks.failed(origin, printable(unexpected(error)))
        else:
            decide = engine.mutate if recorded.webhook == "mutate" else _validated
            yield Question(origin, review, decide, time=recorded.time, recorded=recorded)


def _validated(review: Review, policy: Policy) -> Decision:
    """Decide as the validating webhook, without the patch of the mutating webhook."""
    decision = engine.admit(review, policy)
    return replace(decision, patch=()) if decision.patch else decision


def moment(time: datetime | None) -> str:
    """Return a time in the format of records, which compare as strings; "" for None."""
    return "" if time is None else stamp(time.astimezone(UTC))


def read_line(line: bytes) -> Recorded | None:
    """Read a line of the record; return None for a policy or a checkpoint.

    Raises:
        MalformedRecord: it is not a record.
    """
    if len(line) >= LONGEST:
        raise MalformedRecord(f"expected a record of up to {LONGEST} bytes, got a longer line")
    return read(line)


def begins(path: Path | None, size: int = 2**16) -> bytes:
    """Return the first bytes of a file, decompressed if it is gzip; standard input can still be read from its start.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be read or decompressed.
    """
    if path is None:
        return cast("BufferedReader", sys.stdin.buffer).peek(size)
    with path.open("rb") as stream:
        return _Source(stream, size).read()


def cut(files: Iterable[Path | None], faults: list[Fault], size: int = PART, longest: int = LONGEST) -> Iterator[Part]:
    """Yield the lines of `files` in parts.

    Args:
        files: the files to read, None for standard input.
        faults: collects files that cannot be read, after the readable parts are yielded.
        size: the minimum size of a part in bytes; the last part of a file may be smaller.
        longest: the maximum length of a line in bytes; longer lines are cut.
    """
    for file in files:
        name = STANDARD_INPUT if file is None else str(file)
        try:
            if file is None:
                yield from _cut(name, cast("BufferedReader", sys.stdin.buffer), size, longest)
            else:
                with file.open("rb") as stream:
                    yield from _cut(name, stream, size, longest)
        except (EOFError, zlib.error, BadGzipFile) as error:
            faults.append(Fault(name, "", f"the compressed data is incomplete or invalid: {error}"))
        except OSError as error:
            faults.append(Fault(name, "", f"cannot be read: {error.strerror}"))


def _cut(name: str, stream: BufferedReader, size: int, longest: int) -> Iterator[Part]:
    """Cut a stream, compressed or not, into parts at line ends.

    Raises:
        OSError, EOFError, zlib.error: the stream cannot be read to its end; the readable parts were yielded.
    """
    source = _Source(stream, size)
    line, held = 1, bytearray()
    failed: Exception | None = None
    while True:
        try:
            piece = source.read()
        except (OSError, EOFError, zlib.error) as error:
            failed, piece = error, b""
        if not piece:
            break
        end = piece.rfind(b"\n") + 1
        if end and len(held) + end >= size:
            data, held = bytes(held + piece[:end]), bytearray(piece[end:])
            yield Part(name, line, data, source.done())
            line += data.count(b"\n")
        else:
            held += piece
            del held[longest:]  # the beginning of an oversized line is enough to report it
    if held:
        yield Part(name, line, bytes(held), source.done())
    if failed is not None:
        raise failed


class _Source:
    """A stream, decompressed if its first bytes are those of gzip, that tracks how far it was read."""

    def __init__(self, stream: BufferedReader, size: int) -> None:
        self._stream, self._size, self._told = stream, size, 0
        self._file = GzipFile(fileobj=stream) if stream.peek(len(_MAGIC)).startswith(_MAGIC) else stream

    def read(self) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            OSError, EOFError, zlib.error: the stream cannot be read or decompressed.
        """
        return self._file.read1(self._size)

    def done(self) -> int:
        """Return how many bytes of the stream were read since the last call; not used for a pipe."""
        at = self._stream.tell() if self._stream.seekable() else self._told
        size, self._told = at - self._told, at
        return size
