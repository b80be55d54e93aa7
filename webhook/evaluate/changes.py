"""Recorded changes of some tags: found in parts of files, and put in the order of their times in bounded memory."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from heapq import merge
from itertools import chain
from tempfile import TemporaryFile
from typing import IO, Final, Self

import orjson

from webhook.audit.chain import stamp
from webhook.audit.record import tags as recorded_tags
from webhook.audit.recorded import RecordedChange, read_change
from webhook.documents.document import Mark
from webhook.errors import MalformedRecord, MalformedReview, unexpected
from webhook.evaluate.question import review_of
from webhook.evaluate.records import OTHER, PART, Part, Remarks
from webhook.model.decision import Finding, allow
from webhook.policy.match import EVERY, TagPattern
from webhook.report.outcome import ALLOW, DENY, Origin, Outcome
from webhook.resources import catalog
from webhook.resources.definition import DELETE
from webhook.text import printable

MUTATE: Final = "records of mutate, which decides nothing"
DRY_RUN: Final = "dry runs"
REPEATED: Final = "repeated records"
INCOMPLETE: Final = "records that leave out tags, which may match"
REAL: Final = "a dry run, which the API server carries out anyway"  # observed
_PLAIN: Final = "2026-01-02T03:04:05.678901Z"  # times of this form compare as strings
_MOST_READ: Final = 64 * 2**20  # bytes of files, so that the progress of a search for few lines shows
_RUN: Final = 32 * 2**20  # bytes of lines that are sorted in memory
_MOST_RUNS: Final = 64  # temporary files of one size, which are then merged


@dataclass(slots=True)
class Candidates:
    """Lines of a file that may be records of matching tags.

    Attributes:
        file: its name, `-` for standard input.
        size: how many bytes of the stored file were read for them.
        read: how many lines were read for them.
        lines: the lines, with their numbers.
    """

    file: str
    size: int = 0
    read: int = 0
    lines: list[tuple[int, bytes]] = field(default_factory=list)


@dataclass(slots=True)
class Matched:
    """The result of candidates: their `size` and `read`, the changes as lines that sort by time, and the remarks."""

    size: int
    read: int
    lines: list[bytes] = field(default_factory=list)
    remarks: Remarks = field(default_factory=Remarks)


@dataclass(frozen=True, slots=True)
class Search:
    """Finds the changes of matching tags."""

    pattern: TagPattern

    def candidates(self, parts: Iterable[Part]) -> Iterator[Candidates]:
        """Yield the lines of `parts` that may match, so many at a time that their transfer costs little."""
        found, held = Candidates(""), 0
        for part in parts:
            if found.read and (part.file != found.file or held >= PART or found.size >= _MOST_READ):
                yield found
                found, held = Candidates(""), 0
            found.file = part.file
            found.size += part.size
            found.read += part.data.count(b"\n") + (not part.data.endswith(b"\n"))
            for candidate in self._within(part):
                found.lines.append(candidate)
                held += len(candidate[1])
        yield found

    def __call__(self, candidates: Candidates) -> Matched:
        """Find the changes in lines of records."""
        found = Matched(candidates.size, candidates.read)
        for number, line in candidates.lines:
            origin = Origin(candidates.file, number)
            try:
                change = read_change(line)
                if change is not None and (outcome := self._outcome(change, origin, found.remarks)) is not None:
                    found.lines.append(_encoded(change.uid, outcome))
            except (MalformedRecord, MalformedReview) as error:
                found.remarks.leave(OTHER, origin, error)
            except Exception as error:  # noqa: BLE001 - one record must not end the search
                found.remarks.failed(origin, printable(unexpected(error)))
        return found

    def _within(self, part: Part) -> Iterator[tuple[int, bytes]]:
        """Yield the lines that may match, with their numbers; others are not even split, let alone decoded."""
        literals, hints = self.pattern.literals, self.pattern.hints
        first = literals[0] if literals else b"{"
        data, number, at = part.data, part.line, 0
        while (hit := data.find(first, at)) >= 0:
            begin = data.rfind(b"\n", at, hit) + 1 or at
            end = data.find(b"\n", hit)
            end = len(data) if end < 0 else end
            number += data.count(b"\n", at, begin)
            line = data[begin:end]
            at = end
            if all(each in line for each in literals) and (not hints or any(each in line for each in hints)):
                yield number, line

    def _outcome(self, change: RecordedChange, origin: Origin, remarks: Remarks) -> Outcome | None:
        """Return the change of the matching tags, None if there is none that can have effect."""
        every, complete = tuple(change.tags), True
        if change.tags_more and change.request is not None:
            review = review_of(change.request, datetime.fromisoformat(change.time))
            every = tuple(recorded_tags(allow(catalog.changes(review, untouched=False))))
        elif change.tags_more:
            complete = False
        stream = change.stream
        kept = [tag for tag in every if self.pattern.matches(str(tag["tag"]), every=True)]
        if not kept and change.resource == catalog.STREAM.name and change.operation == DELETE:
            if not self.pattern.has_stream(change.namespace, stream):
                return None
            kept = [{"path": "", "tag": f"{change.namespace}/{stream}:{EVERY}", "from": None, "to": None}]
        missing = not complete and self.pattern.has_stream(change.namespace, stream)
        if not kept and not missing:
            return None
        if change.webhook == "mutate" or (change.dry_run and change.resource not in catalog.CARRIED_OUT):
            remarks.leave(MUTATE if change.webhook == "mutate" else DRY_RUN, origin)
            return None
        if missing:
            remarks.leave(INCOMPLETE, origin)
        if not kept:
            return None
        image = change.image if change.resource == catalog.PUSH.name else ""
        findings = _about(change.findings, every, {str(tag["path"]) for tag in kept})
        return Outcome(
            origin,
            DENY if change.verdict == DENY else ALLOW,
            change.resource,
            change.operation,
            change.namespace,
            stream if change.operation == DELETE else change.name,
            change.user,
            change.time if len(change.time) == len(_PLAIN) else stamp(datetime.fromisoformat(change.time)),
            tags=tuple({**tag, "digest": digest(str(tag["to"] or "")) or image} for tag in kept),
            findings=findings,
            marks=(Mark(origin.line),) * len(findings),
            exemption=change.exemption,
            message=REAL if change.dry_run else "",
            policy=change.policy,
        )


def _about(
    findings: Iterable[Finding], tags: Iterable[Mapping[str, str | None]], kept: set[str]
) -> tuple[Finding, ...]:
    """Return the findings about the tags at the paths `kept`, and those that are not about one tag."""
    others = {str(tag["path"]) for tag in tags} - kept

    def owned(path: str) -> bool:
        while path and path not in kept:
            if path in others:
                return False
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return True

    return tuple(each for each in findings if owned(each.field))


def digest(source: str) -> str:
    """Return the digest in the text of a source, "" if it has none."""
    _, at, found = source.rpartition("@")
    return found if at and ":" in found and "/" not in found else ""


def _encoded(uid: str, outcome: Outcome) -> bytes:
    """Return an outcome as a line that sorts by time and then, whatever the order of the files, in one way."""
    review = orjson.dumps([outcome.time, uid])
    place = orjson.dumps([outcome.origin.file, f"{outcome.origin.line:012}"])
    return b"%b\t%b\t%b\n" % (review, place, orjson.dumps(outcome.as_json()))


class Changes:
    """Changes sorted by time in bounded memory: sorted runs in temporary files are merged at the end."""

    def __init__(self, not_listed: Counter[str], run: int = _RUN, most: int = _MOST_RUNS) -> None:
        """Begin; `run` bytes are sorted in memory, and `not_listed` counts what is left out, by its reason."""
        self._not_listed, self._run, self._most, self._size = not_listed, run, most, 0
        self._lines: list[bytes] = []
        self._runs: list[list[IO[bytes]]] = []  # by size: each is merged from as many of the one before

    def __enter__(self) -> Self:
        """Begin; the end of the block removes the temporary files."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary files."""
        for run in chain.from_iterable(self._runs):
            run.close()

    def add(self, lines: list[bytes]) -> None:
        """Add changes as `Search` finds them, in any order.

        Raises:
            OSError: a temporary file cannot be written.
        """
        self._lines += lines
        self._size += sum(map(len, lines))
        if self._size >= self._run:
            self._keep(_stored(sorted(self._lines)))
            self._lines, self._size = [], 0

    def _keep(self, run: IO[bytes]) -> None:
        """Keep a run, and merge those of one size if they are many: a line is written once for each size."""
        for runs in self._runs:
            runs.append(run)
            if len(runs) < self._most:
                return
            run = _stored(merge(*runs))
            while runs:
                runs.pop().close()
        self._runs.append([run])

    def __iter__(self) -> Iterator[Outcome]:
        """Yield the changes by time; one that was recorded twice, as after a second delivery, is yielded once."""
        runs = list(chain.from_iterable(self._runs))
        for run in runs:
            run.seek(0)
        last = b""
        for line in merge(*runs, sorted(self._lines)):
            review, _, body = line.split(b"\t", 2)
            if review == last:
                self._not_listed[REPEATED] += 1
                continue
            last = review
            yield Outcome.of_json(orjson.loads(body))


def _stored(lines: Iterable[bytes]) -> IO[bytes]:
    file = TemporaryFile()  # noqa: SIM115 - it lives as long as the changes
    file.writelines(lines)
    file.seek(0)
    return file
