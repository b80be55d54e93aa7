"""Recorded decisions evaluated again by another policy."""

from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from webhook.errors import Fault
from webhook.replay.judging import Judge
from webhook.replay.parts import cut
from webhook.replay.pool import in_order
from webhook.report.outcome import Outcome
from webhook.report.tally import Tally

_MOST_NOTES: Final = 5


@dataclass(slots=True)
class Remarks:
    """What a replay could not use.

    Attributes:
        faults: files that cannot be read, or not to their end, and lines on which the webhook itself failed.
        lines: the first few lines that cannot be evaluated, and why.
    """

    faults: list[Fault] = field(default_factory=list)
    lines: list[Fault] = field(default_factory=list)


def replay(
    files: Iterable[Path | None],
    judge: Judge,
    tally: Tally,
    remarks: Remarks,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Generator[Outcome]:
    """Evaluate the records in `files` again; yields what would change, in the files' order.

    Args:
        files: what to read, None for standard input.
        judge: how each line is evaluated.
        tally: counts every record, also those that would not change.
        remarks: what could not be used is put there.
        workers: how many processes evaluate.
        progress: told how many bytes of the files are done since it was told last.

    Raises:
        WorkerLost: a process ended before its part was evaluated.
    """
    for judged in in_order(judge, cut(files, remarks.faults), workers):
        tally.add(judged.tally)
        remarks.faults += judged.faults
        remarks.lines += judged.remarks[: _MOST_NOTES - len(remarks.lines)]
        yield from judged.outcomes
        progress(judged.size)
