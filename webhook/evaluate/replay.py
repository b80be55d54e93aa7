"""Recorded decisions evaluated again: worker processes evaluate parts of the records, which come back in order."""

import os
import signal
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from dataclasses import dataclass, field
from multiprocessing import get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Final

from webhook.errors import WorkerLost
from webhook.evaluate.question import answers
from webhook.evaluate.records import Part, Remarks, Selection, cut, questions
from webhook.policy.loading import Policy
from webhook.report.outcome import ERROR, Outcome
from webhook.report.tally import Tally

_EVALUATION: Final[ContextVar["Evaluation"]] = ContextVar("evaluation")  # of a worker process, set once when it begins
_AHEAD: Final = 3  # parts a worker: one that it evaluates, and what it need not wait for


@dataclass(slots=True)
class Evaluated:
    """What came of one part.

    Attributes:
        size: bytes of the file that were read for the part.
        outcomes: what would change.
        tally: counts every record of the part.
        remarks: what of the part could not be used.
    """

    size: int
    outcomes: list[Outcome] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)
    remarks: Remarks = field(default_factory=Remarks)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Evaluates parts of records by one policy."""

    policy: Policy
    selection: Selection = field(default_factory=Selection)

    def __call__(self, part: Part) -> Evaluated:
        """Evaluate the records of `part` that are selected."""
        found = Evaluated(part.size)
        for outcome in answers(questions(part, self.selection, found.remarks), self.policy):
            if outcome.verdict == ERROR:
                found.remarks.failed(outcome.origin, outcome.message)
                continue
            found.tally.count(outcome)
            if outcome.change:
                found.outcomes.append(outcome)
        found.tally.unjudged.update(found.remarks.counts)
        return found


def replay(
    files: Iterable[Path | None],
    evaluation: Evaluation,
    tally: Tally,
    remarks: Remarks,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Generator[Outcome]:
    """Evaluate the records in `files` again; yields what would change, in the files' order.

    Args:
        files: what to read, None for standard input.
        evaluation: how each part is evaluated.
        tally: counts every record, also those that would not change.
        remarks: what could not be used is put there.
        workers: how many processes evaluate.
        progress: told how many bytes of the files are done since it was told last.

    Raises:
        WorkerLost: a process ended before its part was evaluated.
    """
    for found in in_order(evaluation, cut(files, remarks.faults), workers):
        tally.add(found.tally)
        remarks.add(found.remarks)
        yield from found.outcomes
        progress(found.size)


def in_order(evaluation: Evaluation, parts: Iterable[Part], workers: int) -> Iterator[Evaluated]:
    """Yield what `evaluation` makes of each of `parts`, in their order; at most a few parts a worker are in memory.

    Raises:
        WorkerLost: a worker process was killed.
    """
    if workers == 1:
        yield from map(evaluation, parts)
        return
    # A policy holds compiled expressions, which no pickle carries: the workers are forks, which have it already.
    pool = ProcessPoolExecutor(workers, get_context("fork"), _begin, (evaluation,))
    pending: deque[Future[Evaluated]] = deque()
    try:
        _start(pool)
        for part in parts:
            pending.append(pool.submit(_evaluate, part))
            if len(pending) >= _AHEAD * workers:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    except BrokenProcessPool:
        raise WorkerLost(
            "a worker process ended before its part was evaluated: it was killed, or there was not enough memory; "
            "fewer --workers take less"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor) -> None:
    """Fork the workers with SIGINT blocked: Ctrl-C reaches them too, and this process ends them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _begin(evaluation: Evaluation) -> None:
    """Prepare a worker."""
    _EVALUATION.set(evaluation)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End with the process that started this one, however it ends: nobody else would tell a worker."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _evaluate(part: Part) -> Evaluated:
    return _EVALUATION.get()(part)
