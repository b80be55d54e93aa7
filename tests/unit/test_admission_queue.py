"""Which requests are evaluated when: on a real loop, by evaluations that take real time."""

import asyncio
import time
from dataclasses import dataclass

import pytest

from webhook.server.capacity import AdmissionQueue


@dataclass
class _Asking:
    """A request that takes two milliseconds."""

    evaluator: "Evaluator"
    number: int
    future: "asyncio.Future[int | None]"
    admitted: bool = False

    def evaluate(self, *, admitted: bool) -> None:
        """Take the time."""
        self.admitted = admitted
        if admitted:
            time.sleep(0.002)
            self.evaluator.evaluated.append(self.number)
        self.evaluator.shed += not admitted

    def reply(self) -> None:
        """Answer."""
        self.future.set_result(self.number if self.admitted else None)


class Evaluator:
    """Evaluates for two milliseconds a request, and notes which.

    Attributes:
        evaluated: which requests, in their order.
        shed: how many were not.
    """

    def __init__(self, patience: float) -> None:
        self.evaluated: list[int] = []
        self.shed = 0
        self.queue = AdmissionQueue(patience)

    def asked(self, number: int) -> "asyncio.Future[int | None]":
        """Ask for one evaluation."""
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()

        if not self.queue.admit(_Asking(self, number, future)):
            self.shed += 1
            future.set_result(None)
        return future


def test_all_within_the_patience() -> None:
    """Requests that come at once are evaluated in their order, and the loop turns meanwhile."""

    async def ask() -> None:
        evaluator, turned = Evaluator(60.0), 0
        futures = [evaluator.asked(number) for number in range(300)]
        while not all(future.done() for future in futures):
            await asyncio.sleep(0)
            turned += 1
        assert [future.result() for future in futures] == evaluator.evaluated == list(range(300))
        assert evaluator.shed == 0
        assert turned >= 6, "more than a tenth of a second was evaluated in one turn"

    asyncio.run(ask())


def test_beyond_the_patience() -> None:
    """Of a burst some are evaluated, the first among them, and the others are shed; a later request is evaluated."""

    async def ask() -> None:
        evaluator = Evaluator(0.05)
        found = await asyncio.gather(*(evaluator.asked(number) for number in range(300)))
        assert 0 < len(evaluator.evaluated) < 300
        assert [number for number in found if number is not None] == evaluator.evaluated == sorted(evaluator.evaluated)
        assert evaluator.evaluated[0] == 0
        assert found[-1] is None
        assert evaluator.shed == found.count(None)
        assert await evaluator.asked(300) == 300

    asyncio.run(ask())


def test_a_queue_that_stands() -> None:
    """If more is asked than can be evaluated for longer than the patience, some are shed before they waited for it."""

    async def ask() -> None:
        evaluator, number = Evaluator(1.0), 0
        waiting = set[asyncio.Future[int | None]]()
        fewest = 1_000
        end = time.monotonic() + 60
        while evaluator.shed < 50 and time.monotonic() < end:
            while len(waiting) < 200:  # waits for less than half of the patience
                waiting.add(evaluator.asked(number))
                number += 1
            before = evaluator.shed
            await asyncio.sleep(0)
            waiting = {future for future in waiting if not future.done()}
            if evaluator.shed > before:
                fewest = min(fewest, len(waiting))
        assert evaluator.shed >= 50
        assert fewest >= 32, "they were shed though few waited"
        await asyncio.gather(*waiting)
        assert evaluator.evaluated == sorted(evaluator.evaluated)
        assert len(evaluator.evaluated) + evaluator.shed == number

    asyncio.run(ask())


@pytest.mark.parametrize("method", ["evaluate", "reply"])
def test_a_request_that_raises(method: str) -> None:
    """An error in one request is reported by the loop; the others are evaluated and answered."""

    async def ask() -> None:
        evaluator = Evaluator(60.0)
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        error = ValueError("no")

        class Fails(_Asking):
            def evaluate(self, *, admitted: bool) -> None:
                del admitted
                if method == "evaluate":
                    raise error

            def reply(self) -> None:
                if method == "reply":
                    raise error

        before = [evaluator.asked(number) for number in range(20)]
        assert evaluator.queue.admit(Fails(evaluator, -1, before[0]))
        after = [evaluator.asked(number) for number in range(20, 40)]
        assert await asyncio.gather(*before, *after) == list(range(40))
        assert reported == [error]

    asyncio.run(ask())


@pytest.mark.parametrize("patience", [0.001, 60.0], ids=["short", "long"])
def test_an_idle_queue_evaluates_in_the_next_turn(patience: float) -> None:
    """Without others a request is never shed, and has its answer when the loop has turned once."""

    async def ask() -> None:
        evaluator = Evaluator(patience)
        for number in range(20):
            future = evaluator.asked(number)
            await asyncio.sleep(0)
            assert future.done()
            await asyncio.sleep(0.001)
        assert evaluator.evaluated == list(range(20))

    asyncio.run(ask())


def test_requests_of_one_turn_are_evaluated_before_the_first_is_answered() -> None:
    """Their code stays in the processor's caches, and their records are written at once."""

    async def ask() -> None:
        events: list[str] = []

        class Notes(_Asking):
            def evaluate(self, *, admitted: bool) -> None:
                assert admitted
                events.append(f"evaluate {self.number}")

            def reply(self) -> None:
                events.append(f"reply {self.number}")

        evaluator = Evaluator(60.0)
        future: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        for number in range(3):
            assert evaluator.queue.admit(Notes(evaluator, number, future))
        await asyncio.sleep(0)
        assert events == ["evaluate 0", "evaluate 1", "evaluate 2", "reply 0", "reply 1", "reply 2"]

    asyncio.run(ask())


def test_memory_for_bodies() -> None:
    """Large bodies have their place until it is given back; a plain one always has one."""
    queue = AdmissionQueue(1.0)
    assert all(queue.hold(0, 2**23) for _ in range(4))
    assert not queue.hold(0, 2**17)
    assert not queue.hold(2**16, 1)
    assert queue.hold(0, 2**16)
    queue.release(2**16)
    queue.release(2**23)
    assert queue.hold(0, 2**22)
    assert queue.hold(2**22, 2**22)
    assert not queue.hold(2**16, 1)
