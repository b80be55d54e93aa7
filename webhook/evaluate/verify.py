"""Verifies the chains of records: what was altered, is missing, was moved or is foreign, and what cannot be told."""

from base64 import b64decode, b64encode
from collections import Counter
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any, Final, Protocol

import orjson

from webhook.audit.chain import CHECKPOINT, DECISION, FIRST, FORMAT, POLICY, SIGNATURE, Writer
from webhook.errors import MalformedRecord
from webhook.evaluate.records import Part
from webhook.evaluate.runs import NOTE, UNPROVEN, Chain, Found, Run
from webhook.report.outcome import Origin
from webhook.text import counted, escaped
from webhook.values import exactly

_KINDS: Final = (DECISION, POLICY, CHECKPOINT)
_DOCUMENTS: Final = b',"documents":'
_WRITER: Final = b'},"writer":{'


class Keys(Protocol):
    """Public keys that verify the signatures of checkpoints."""

    def __contains__(self, identity: object) -> bool:
        """Whether the key is one of these."""

    def verify(self, identity: str, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is that of `data` by the key `identity`, which is one of these."""


class Verification:
    """Reads lines in any order of files, and tells what is wrong with them.

    Attributes:
        lines: the number of lines of records.
        others: the number of other lines.
    """

    def __init__(self, keys: Keys | None = None) -> None:
        """Begin.

        Args:
            keys: verify the checkpoints; None believes no checkpoint.
        """
        self._keys = keys
        self._chains: dict[Writer, Chain] = {}
        self._found: list[Found] = []
        self._policies: set[str] = set()
        self._used: Counter[str] = Counter()
        self.lines = self.others = 0

    @property
    def writers(self) -> int:
        """The number of writers."""
        return len(self._chains)

    def add(self, part: Part) -> None:
        """Read the lines of `part`; a prefix that a log collector adds before the first brace is ignored."""
        for number, line in enumerate(part.data.split(b"\n"), part.line):
            if not line or line.isspace():
                continue
            record, at = line[max(line.find(b"{"), 0) :], Origin(part.file, number)
            try:
                self._line(at, record)
            except MalformedRecord as error:
                self._report("foreign", at, str(error))

    def found(self) -> Iterator[Found]:
        """Yield everything that is wrong, then what cannot be told, and what else is worth knowing."""
        found = list(self._found)
        for chain in self._chains.values():
            found += chain.found(verified=self._keys is not None)
        if self._keys is None:
            found.append(
                Found(
                    UNPROVEN, "", "without a key only accidents are found: a client that can write can forge the chain"
                )
            )
        for digest in sorted(self._used.keys() - self._policies):
            number = counted(self._used[digest], "decision")
            found.append(Found(NOTE, "", f"{number} by the policy {escaped(digest)}, which no line here holds"))
        if self.others:
            found.append(Found(NOTE, "", f"{counted(self.others, 'other line')} skipped"))
        return iter(sorted(found, key=lambda each: (each.kind == NOTE, each.kind == UNPROVEN)))

    def _line(self, at: Origin, line: bytes) -> None:
        """Read a line.

        Raises:
            MalformedRecord: it is a record without the fields of one.
        """
        try:
            value = exactly(dict, orjson.loads(line))
        except (orjson.JSONDecodeError, TypeError):
            value = {}
        if value.get("kind") not in _KINDS or "format" not in value:
            self.others += 1
            return
        self.lines += 1
        if value["format"] != FORMAT:
            raise MalformedRecord(f"expected a line of format {FORMAT}")
        try:
            chain, seq = self._of(value["writer"]), exactly(int, value["seq"])
            if seq < FIRST:
                raise MalformedRecord(f"expected a number from {FIRST}, got {seq}")
            run = chain.add(at, seq, exactly(str, value["prev"]), sha256(line).hexdigest())
            if run is None:
                self._report("repeated", at, f"line {seq} of {chain.writer}")
            elif value["kind"] == CHECKPOINT:
                self._checkpoint(chain, run, at, value, line)
            else:
                self._policy(at, value, line)
        except (KeyError, TypeError, ValueError):
            raise MalformedRecord("expected writer, seq and prev, and the fields of the kind of this line") from None

    def _of(self, value: Any) -> Chain:
        """Return the chain of a writer."""
        pod, start = (escaped(exactly(str, value[name])) for name in ("pod", "start"))
        writer = Writer(pod, exactly(int, value["process"]), start)
        return self._chains.setdefault(writer, Chain(writer))

    def _checkpoint(self, chain: Chain, run: Run, at: Origin, value: Mapping[str, Any], line: bytes) -> None:
        text, key = exactly(str, value["signature"]).encode(), exactly(str, value["key"])
        failed, end = exactly(int, value["failed"]), exactly(bool, value["end"])
        if self._keys is not None:
            if key not in self._keys:
                self._report("foreign", at, f"a checkpoint by the key {escaped(key[:64])}, which is not one of --key")
                return
            signed, mark, _ = line.rpartition(SIGNATURE)
            signature = b64decode(text, validate=True)
            # Base64 has several texts for the same bytes, and only one of them was written.
            written = signed + mark + b64encode(signature) + b'"}' == line
            if not written or not self._keys.verify(key, signature, signed):
                self._report("altered", at, "the signature of the checkpoint is not valid")
                return
            run.proven = run.last
        chain.failed = max(chain.failed, failed)
        if end:
            chain.ended = run.last

    def _policy(self, at: Origin, value: Mapping[str, Any], line: bytes) -> None:
        """Note the policy of a decision, or the one that a line holds."""
        digest = exactly(str, exactly(dict, value["policy"])["digest"])
        if value["kind"] == DECISION:
            self._used[digest] += 1
            return
        documents = line[line.index(_DOCUMENTS) + len(_DOCUMENTS) : line.rindex(_WRITER)]
        if digest == f"sha256:{sha256(documents).hexdigest()}":
            self._policies.add(digest)
        else:
            self._report("altered", at, "the documents of the policy do not have its digest")

    def _report(self, kind: str, at: Origin, message: str) -> None:
        self._found.append(Found(kind, str(at), message))
