"""Which requests are evaluated when: on a real loop, by evaluations that take real time."""

import asyncio
import time

import pytest

from webhook.server.capacity import Admission, AdmissionQueue


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

        def turn(admitted: bool) -> None:
            if admitted:
                time.sleep(0.002)
                self.evaluated.append(number)
            self.shed += not admitted
            future.set_result(number if admitted else None)

        admission = self.queue.admit(turn)
        if admission is not Admission.QUEUED:
            turn(admission is Admission.NOW)
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


def test_a_turn_that_raises() -> None:
    """An error in the turn of one request is reported by the loop; the others are evaluated."""

    async def ask() -> None:
        evaluator = Evaluator(60.0)
        reported: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reported.append(context["exception"]))
        error = ValueError("no")

        def fails(_: bool) -> None:
            raise error

        before = [evaluator.asked(number) for number in range(20)]
        assert evaluator.queue.admit(fails) is Admission.QUEUED
        after = [evaluator.asked(number) for number in range(20, 40)]
        assert await asyncio.gather(*before, *after) == list(range(40))
        assert reported == [error]

    asyncio.run(ask())


@pytest.mark.parametrize("patience", [0.001, 60.0], ids=["short", "long"])
def test_an_idle_queue_lets_a_request_in_at_once(patience: float) -> None:
    """Without others a request is never queued."""

    async def ask() -> None:
        queue = AdmissionQueue(patience)
        for _ in range(100):
            assert queue.admit(lambda _: None) is Admission.NOW
            await asyncio.sleep(0.001)

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
