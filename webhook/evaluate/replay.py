"""Recorded decisions evaluated again: worker processes evaluate parts of the records, collected in order."""

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
from typing import Any, Final, TypeVar

from webhook.errors import WorkerLost
from webhook.evaluate.question import answers
from webhook.evaluate.records import Part, Remarks, Selection, cut, questions
from webhook.policy.policy import Policy
from webhook.report.outcome import ERROR, Outcome
from webhook.report.tally import Tally

Given = TypeVar("Given")
Result = TypeVar("Result")
# Called by a worker process with each part; set once at its start.
_EVALUATION: Final[ContextVar[Callable[[Any], Any]]] = ContextVar("evaluation")
_AHEAD: Final = 3  # parts per worker: the current one and two queued


@dataclass(slots=True)
class Evaluated:
    """The result of one part.

    Attributes:
        size: how many bytes of the file were read for the part.
        outcomes: the decisions that would change.
        tally: counts every record of the part.
        remarks: the records that could not be used.
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
        """Evaluate the selected records of `part`."""
        found = Evaluated(part.size)
        for outcome in answers(questions(part, self.selection, found.remarks), self.policy):
            if outcome.verdict == ERROR:
                found.remarks.failed(outcome.origin, outcome.message)
                continue
            found.tally.count(outcome)
            if outcome.change:
                found.outcomes.append(outcome)
        found.tally.not_evaluated.update(found.remarks.counts)
        return found


def replay(
    files: Iterable[Path | None],
    evaluation: Evaluation,
    tally: Tally,
    remarks: Remarks,
    workers: int = 1,
    progress: Callable[[int], None] = lambda _: None,
) -> Generator[Outcome]:
    """Evaluate the records in `files` again; yield the decisions that would change, in the order of the files.

    Args:
        files: the files to read, None for standard input.
        evaluation: evaluates each part.
        tally: counts every record, including unchanged ones.
        remarks: collects records that could not be used.
        workers: the number of processes.
        progress: called with the bytes of the files that are done since the last call.

    Raises:
        WorkerLost: a process ended before its part was evaluated.
    """
    for found in in_order(evaluation, cut(files, remarks.faults), workers):
        tally.add(found.tally)
        remarks.add(found.remarks)
        yield from found.outcomes
        progress(found.size)


def in_order(evaluation: Callable[[Given], Result], parts: Iterable[Given], workers: int) -> Iterator[Result]:
    """Yield the result of each of `parts`, in order; only a few parts per worker are in memory.

    Raises:
        WorkerLost: a worker process was killed.
    """
    if workers == 1:
        yield from map(evaluation, parts)
        return
    # Compiled expressions cannot be pickled, so the workers are forks, which share the policy.
    pool = ProcessPoolExecutor(workers, get_context("fork"), _begin, (evaluation,))
    pending: deque[Future[Result]] = deque()
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
            "a worker process ended before its part was evaluated, possibly for lack of memory; "
            "fewer --workers use less memory"
        ) from None
    finally:
        pool.shutdown(cancel_futures=True)


def _start(pool: ProcessPoolExecutor) -> None:
    """Fork the workers with SIGINT blocked, because Ctrl-C reaches them too; this process ends them."""
    held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        pool.submit(os.getpid)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, held)


def _begin(evaluation: Callable[[Any], Any]) -> None:
    """Prepare a worker."""
    _EVALUATION.set(evaluation)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End with the parent process, however it ends, because nothing else would end a worker."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _evaluate(part: Any) -> Any:
    return _EVALUATION.get()(part)
