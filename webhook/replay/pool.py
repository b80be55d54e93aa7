"""Parts are evaluated by several processes, and come back in their order."""

import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextvars import ContextVar
from multiprocessing import get_context, parent_process
from threading import Thread
from typing import Final

from webhook.errors import WorkerLost
from webhook.replay.judging import Judge, Judged
from webhook.replay.parts import Part

_JUDGE: Final[ContextVar[Judge]] = ContextVar("evaluate")  # of a worker process, set once when it begins
_AHEAD: Final = 3  # parts a worker: one that it evaluates, and what it need not wait for


def in_order(judge: Judge, parts: Iterable[Part], workers: int) -> Iterator[Judged]:
    """Yield what `evaluate` makes of each of `parts`, in their order; at most a few parts a worker are in memory.

    Raises:
        WorkerLost: a worker process was killed.
    """
    if workers == 1:
        yield from map(judge, parts)
        return
    # A policy holds compiled expressions, which no pickle carries: the workers are forks, which have it already.
    pool = ProcessPoolExecutor(workers, get_context("fork"), _begin, (judge,))
    pending: deque[Future[Judged]] = deque()
    try:
        _start(pool)
        for part in parts:
            pending.append(pool.submit(_judge, part))
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


def _begin(judge: Judge) -> None:
    """Prepare a worker."""
    _JUDGE.set(judge)
    Thread(target=_follow, daemon=True).start()


def _follow() -> None:
    """End with the process that started this one, however it ends: nobody else would tell a worker."""
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _judge(part: Part) -> Judged:
    return _JUDGE.get()(part)
