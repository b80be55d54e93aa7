"""Chains the lines of one writer: each has a number and the SHA-256 of the line before; signed checkpoints prove them.

An altered, missing or moved line no longer fits its neighbours. Anyone who can write the file can compute the chain
again. A checkpoint therefore signs its own line, and thereby every line before it.
"""

import json
import os
import socket
from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Final, NamedTuple

FORMAT: Final = 1  # of every line; it changes when a field changes its meaning or is removed
DECISION: Final = "decision"
POLICY: Final = "policy"
CHECKPOINT: Final = "checkpoint"
FIRST: Final = 1
NOTHING: Final = "0" * 64  # `prev` of the first line
SIGNATURE: Final = b',"signature":"'


class Writer(NamedTuple):
    """One process that writes records.

    Attributes:
        pod: the host name, which is the name of the pod.
        process: the process ID, which repeats in every pod.
        start: when the process began to write (RFC 3339, UTC), because a process ID is used again.
    """

    pod: str
    process: int
    start: str

    @classmethod
    def current(cls) -> "Writer":
        """Return this process as a writer that begins now."""
        return cls(socket.gethostname(), os.getpid(), stamp(datetime.now(UTC)))

    def __str__(self) -> str:
        return f"{self.pod}/{self.process} since {self.start}"


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs checkpoints.

    Attributes:
        key: the identity of the public key.
        sign: returns the signature of some bytes.
    """

    key: str
    sign: Callable[[bytes], bytes]


class Chain:
    """The chain of one writer; its caller serializes all calls."""

    def __init__(self, writer: Writer, signer: Signer | None = None) -> None:
        """Begin a chain.

        Args:
            writer: the writer of its lines.
            signer: signs checkpoints; None for a chain without checkpoints.
        """
        self._writer = f',"writer":{json.dumps(writer._asdict(), separators=(",", ":"))},"seq":'.encode()
        self._signer = signer
        self._seq, self._prev, self._since = FIRST, NOTHING.encode(), 0
        self.failed = 0  # lines that were not or only partly written

    def link(self, line: bytes) -> bytes:
        """Return the JSON object `line` as the next line of the chain, which `advance` then makes the last one."""
        return b'%b%b%d,"prev":"%b"}' % (line[:-1], self._writer, self._seq, self._prev)

    def advance(self, line: bytes) -> None:
        """Make the linked `line`, all of which was written, the last one."""
        self._prev = sha256(line).hexdigest().encode()
        self._seq += 1
        self._since += 1

    def extend(self, lines: Iterable[bytes]) -> list[bytes]:
        """Return the JSON objects `lines` as the next lines of the chain, the last of which is now its last line."""
        linked = []
        for line in lines:
            linked.append(each := self.link(line))
            self.advance(each)
        return linked

    @property
    def position(self) -> tuple[int, bytes, int]:
        """The end of the chain, for `back`."""
        return self._seq, self._prev, self._since

    def back(self, position: tuple[int, bytes, int], lines: Iterable[bytes]) -> None:
        """End the chain as it was, continued by the linked `lines` only, because others were not written."""
        self._seq, self._prev, self._since = position
        for line in lines:
            self.advance(line)

    def checkpoint(self, *, end: bool = False) -> bytes | None:
        """Return a linked checkpoint, None if there is nothing new to sign.

        Args:
            end: whether it is the last line of this writer.
        """
        if self._signer is None or not (self._since or end):
            return None
        line = {
            "format": FORMAT,
            "kind": CHECKPOINT,
            "time": stamp(datetime.now(UTC)),
            "failed": self.failed,
            "end": end,
            "key": self._signer.key,
        }
        signed = self.link(json.dumps(line, separators=(",", ":")).encode())[:-1]
        return signed + SIGNATURE + b64encode(self._signer.sign(signed)) + b'"}'

    def checked(self) -> None:
        """Note that a checkpoint is the last line."""
        self._since = 0


def stamp(time: datetime) -> str:
    """Return a time in UTC as records have it, so that times compare as strings."""
    return time.isoformat(timespec="microseconds").replace("+00:00", "Z")
