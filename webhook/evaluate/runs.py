"""The lines of one writer as runs, each of which fits from its first line to its last, and the breaks between them.

Memory grows with the number of breaks, and not with that of lines.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from webhook.audit.chain import FIRST, NOTHING, Writer
from webhook.report.outcome import Origin
from webhook.text import counted

UNPROVEN: Final = "unproven"
NOTE: Final = "note"


@dataclass(frozen=True, slots=True)
class Found:
    """One result of a verification.

    Attributes:
        kind: `altered`, `missing`, `moved`, `repeated` or `foreign`; `unproven` for what cannot be told, or `note`.
        where: the file and the line, or the writer; "" for all files.
        message: what it is.
    """

    kind: str
    where: str
    message: str

    def __str__(self) -> str:
        return ": ".join(part for part in (self.where, self.kind, self.message) if part)


@dataclass(slots=True)
class Run:
    """Lines of a writer, each of which fits the one before.

    Attributes:
        first: the number of its first line.
        prev: the SHA-256 of the line before the first.
        begin: where the first line is.
        last: the number of its last line.
        digest: the SHA-256 of the last line.
        before: the SHA-256 of the line before the last.
        end: where the last line is.
        opens: whether no other run of the writer is before it in the file of the first line.
        closes: whether no other run of the writer is after it in the file of the last line.
        proven: the number of the last line that is a checkpoint with a valid signature, 0 for none.
    """

    first: int
    prev: str
    begin: Origin
    last: int
    digest: str
    before: str
    end: Origin
    opens: bool = True
    closes: bool = True
    proven: int = 0


@dataclass(slots=True)
class Chain:
    """The lines of one writer that were read.

    Attributes:
        writer: the writer.
        runs: its lines, in the order in which they were read.
        ended: the number of the line that says that it is the last, 0 for none.
        failed: how many lines could not be written, by the last checkpoint.
    """

    writer: Writer
    runs: list[Run] = field(default_factory=list)
    ended: int = 0
    failed: int = 0

    def add(self, at: Origin, seq: int, prev: str, digest: str) -> Run | None:
        """Add a line to the current run if it fits, else begin a run; return None if it repeats the line before."""
        run = self.runs[-1] if self.runs else None
        if run is not None and (seq, prev) == (run.last + 1, run.digest):
            run.last, run.before, run.digest, run.end = seq, prev, digest, at
            return run
        if run is not None and (seq, digest) == (run.last, run.digest):
            return None
        new = Run(seq, prev, at, seq, digest, prev, at)
        if run is not None and run.end.file == at.file:
            run.closes = new.opens = False
        self.runs.append(new)
        return new

    def found(self, *, verified: bool) -> Iterator[Found]:
        """Put the runs in order, and yield each break and what cannot be told.

        Args:
            verified: whether signatures were verified.
        """
        runs = sorted(self.runs, key=lambda run: (run.first, -run.last))
        last, moved = runs[0], list[Run]()
        # `first` and `proven` are of the lines since the last break; the break separates `unproven` from their proof.
        first, proven, unproven = last.first, last.proven, 0
        if first == FIRST and last.prev != NOTHING:
            yield Found("altered", str(last.begin), f"line {FIRST} of {self.writer} has a line before it")
        for run in runs[1:]:
            if run.last <= last.last:
                yield self._again(last, run)
                continue
            if (run.first, run.prev) == (last.last + 1, last.digest):
                if not (last.closes and run.opens):
                    moved.append(run)
            else:
                yield self._break(last, run)
                if (run.first, run.prev) != (last.last, last.before):
                    unproven += last.last - max(proven, first - 1)
                    first, proven = run.first, 0
            last, proven = run, max(proven, run.proven)
        if moved:
            some = f"{_lines(moved[0].first, moved[-1].first)} of {self.writer}"
            yield Found("moved", str(moved[0].begin), f"{some}: out of order at {counted(len(moved), 'place')}")
        unproven += last.last - max(proven, first - 1)
        yield from self._untold(runs[0].first, last.last, unproven if verified else 0)

    def _again(self, before: Run, run: Run) -> Found:
        """Return what lines are whose numbers were there already."""
        same = (run.last, run.digest) == (before.last, before.digest)
        return Found("repeated" if same else "foreign", str(run.begin), self._twice(run.first, run.last, before))

    def _break(self, before: Run, after: Run) -> Found:
        """Return why `after` does not follow `before`."""
        if after.first > before.last + 1:
            return Found("missing", str(after.begin), f"{_lines(before.last + 1, after.first - 1)} of {self.writer}")
        if after.first <= before.last:
            return Found("foreign", str(after.begin), self._twice(after.first, before.last, before))
        some = f"{_lines(before.last, after.first)} of {self.writer}"
        return Found("altered", str(before.end), f"{some} do not fit: one of the two was altered (see {after.begin})")

    def _twice(self, first: int, last: int, other: Run) -> str:
        return f"{_lines(first, last)} of {self.writer}: also in {other.begin} to {other.end}"

    def _untold(self, first: int, last: int, unproven: int) -> Iterator[Found]:
        """Yield what cannot be told about the writer, and what it could not write."""
        name = str(self.writer)
        if first != FIRST:
            yield Found(UNPROVEN, name, f"begins with line {first}: the lines before are not in these files")
        if unproven and not any(run.proven for run in self.runs):
            yield Found("foreign", name, f"no checkpoint proves any of its lines, {first} to {last}")
        elif unproven:
            yield Found(UNPROVEN, name, f"{counted(unproven, 'line')} that no checkpoint proves")
        if self.ended != last:
            yield Found(UNPROVEN, name, f"no end after line {last}: it is running, was killed, or lines are missing")
        if self.failed:
            yield Found(NOTE, name, f"{counted(self.failed, 'line')} could not be written")


def _lines(first: int, last: int) -> str:
    return f"line {first}" if first == last else f"lines {first} to {last}"
