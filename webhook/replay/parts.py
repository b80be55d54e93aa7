"""Files of records are read as parts of whole lines: bounded memory, however long the files are."""

import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from gzip import BadGzipFile, GzipFile
from io import BufferedReader
from pathlib import Path
from typing import Final, cast

from webhook.errors import Fault

STANDARD_INPUT: Final = "-"
_MAGIC: Final = b"\x1f\x8b"  # RFC 1952, 2.3.1: ID1 and ID2
PART: Final = 512 * 2**10  # bytes: enough that handing a part to another process costs nothing beside evaluating it
LONGEST: Final = 64 * 2**20  # bytes of a line: a review has 7 MiB at most, escaped it has six times as much


@dataclass(frozen=True, slots=True)
class Part:
    """Some whole lines of a file.

    Attributes:
        file: its name, `-` for standard input.
        line: the number of the first line, from 1.
        data: the lines.
        size: bytes of the file, as it is stored, that were read for them.
    """

    file: str
    line: int
    data: bytes
    size: int


def expand(paths: Iterable[str], faults: list[Fault]) -> list[Path | None]:
    """Return the files that `paths` name, None for standard input; of a directory all files below it, hidden ones not.

    They come in the order of their names, so that the order of the arguments does not change a report.

    Args:
        paths: files, directories, `-`.
        faults: directories that cannot be read are put there.
    """
    found: dict[str, Path | None] = {}
    for name in paths:
        if name == STANDARD_INPUT:
            found[name] = None
        elif Path(name).is_dir():
            found |= {str(file): file for file in _below(name, faults)}
        else:
            found[str(Path(name))] = Path(name)
    return [found[name] for name in sorted(found)]


def begins(path: Path | None, size: int = 2**16) -> bytes:
    """Return the first bytes of a file, decompressed where it is gzip; of standard input they are read again later.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be read, or not decompressed.
    """
    if path is None:
        return cast("BufferedReader", sys.stdin.buffer).peek(size)
    with path.open("rb") as stream:
        return _Source(stream, size).read()


def _below(directory: str, faults: list[Fault]) -> Iterator[Path]:
    for at, directories, files in os.walk(
        directory, onerror=lambda error: faults.append(Fault(error.filename, "", f"cannot be read: {error.strerror}"))
    ):
        directories[:] = [each for each in directories if not each.startswith(".")]
        yield from (file for each in files if not each.startswith(".") and (file := Path(at, each)).is_file())


def cut(files: Iterable[Path | None], faults: list[Fault], size: int = PART, longest: int = LONGEST) -> Iterator[Part]:
    """Yield the lines of `files` in parts.

    Args:
        files: what to read, None for standard input.
        faults: what cannot be read is put there, after what could be read of it.
        size: the least bytes of a part that is not the last of its file.
        longest: bytes of a line that are kept.
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
            faults.append(Fault(name, "", f"the compressed data cannot be read to its end: {error}"))
        except OSError as error:
            faults.append(Fault(name, "", f"cannot be read: {error.strerror}"))


def _cut(name: str, stream: BufferedReader, size: int, longest: int) -> Iterator[Part]:
    """Cut a stream, compressed or not, into parts at the ends of lines.

    Raises:
        OSError, EOFError, zlib.error: the stream cannot be read to its end; what could be was yielded.
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
            del held[longest:]  # of a line that nobody can evaluate the head is enough to say so
    if held:
        yield Part(name, line, bytes(held), source.done())
    if failed is not None:
        raise failed


class _Source:
    """A stream, decompressed where it is gzip by its first bytes, that knows how far it was read."""

    def __init__(self, stream: BufferedReader, size: int) -> None:
        self._stream, self._size, self._told = stream, size, 0
        self._file = GzipFile(fileobj=stream) if stream.peek(len(_MAGIC)).startswith(_MAGIC) else stream

    def read(self) -> bytes:
        """Return the next bytes, none at the end.

        Raises:
            OSError, EOFError, zlib.error: the stream cannot be read, or not decompressed.
        """
        return self._file.read1(self._size)

    def done(self) -> int:
        """Return how many bytes of the stream were read since this was last called; of a pipe nobody asks."""
        at = self._stream.tell() if self._stream.seekable() else self._told
        size, self._told = at - self._told, at
        return size
