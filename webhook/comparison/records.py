"""Recorded requests evaluated by two policies."""

import re
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhook.audit.recorded import Recorded
from webhook.comparison import Pair
from webhook.errors import Fault, MalformedRecord, MalformedReview
from webhook.policy.loading import Policy
from webhook.replay.judging import LEFT_OUT, METADATA, OTHER, UNFIT, Selection, decide, read_line, review_of
from webhook.replay.parts import begins, cut, expand
from webhook.report.outcome import Origin, outcome

_RECORD: Final = re.compile(rb'[^\n]*"webhook": ?"(?:validate|mutate)"')


@dataclass(slots=True)
class Unread:
    """What could not be evaluated.

    Attributes:
        faults: files that cannot be read, or not to their end.
        lines: how many lines, by why.
    """

    faults: list[Fault] = field(default_factory=list)
    lines: Counter[str] = field(default_factory=Counter)


def sort_out(names: Iterable[str], unread: Unread) -> tuple[list[str], list[Path | None]]:
    """Return which of `names` hold reviews and manifests, and which files, in directories too, are records.

    Files of records are known by their first line, compressed or not. A directory may hold both; where part of it
    cannot be read, `unread` says so.
    """
    documents: list[str] = []
    records: list[Path | None] = []
    for name in names:
        files = expand((name,), unread.faults)
        found = [file for file in files if _is_record(file)]
        records += found
        if len(found) < len(files) or not files:
            documents.append(name)
    return documents, records


def _is_record(file: Path | None) -> bool:
    try:
        return _RECORD.match(begins(file)) is not None
    except (OSError, EOFError, zlib.error):
        return False  # whoever reads it says what is wrong


def compare_records(
    files: Iterable[Path | None], before: Policy, after: Policy, unread: Unread, selection: Selection
) -> Iterator[Pair]:
    """Evaluate recorded requests by both policies, in bounded memory.

    Args:
        files: what to read, None for standard input.
        before: the first policy.
        after: the second.
        unread: what cannot be evaluated is put there.
        selection: which records are evaluated.
    """
    for part in cut(files, unread.faults):
        for number, line in enumerate(part.data.split(b"\n"), part.line):
            if not line or line.isspace():
                continue
            try:
                recorded = read_line(line)
                if not selection.takes(recorded):
                    unread.lines[LEFT_OUT] += 1
                    continue
                pair = _pair(Origin(part.file, number), recorded, before, after)
            except MalformedRecord:
                unread.lines[OTHER] += 1
            except MalformedReview:
                unread.lines[UNFIT] += 1
            else:
                if pair is None:
                    unread.lines[METADATA] += 1
                else:
                    yield pair


def _pair(origin: Origin, recorded: Recorded, before: Policy, after: Policy) -> Pair | None:
    """Evaluate one record, None where it does not hold the request.

    Raises:
        MalformedReview: its request is no review of ours.
    """
    if recorded.request is None:
        return None
    review = review_of(recorded.request)
    first, second = (
        outcome(origin, review, decide(review, recorded.webhook, policy), time=recorded.time)
        for policy in (before, after)
    )
    return Pair(first, second)
