"""Who judges when: on a real loop, by judges that take real time."""

import asyncio
import time
from collections.abc import Callable

import pytest

from webhook.server.turns import Turns


class Judge:
    """Judges for two milliseconds, and notes whom.

    Attributes:
        judged: whom, in their order.
        shed: how many were not.
    """

    def __init__(self, patience: float) -> None:
        self.judged: list[int] = []
        self.shed = 0
        self.turns = Turns(patience)

    def _of(self, number: int) -> Callable[[], int]:
        def judge() -> int:
            time.sleep(0.002)
            self.judged.append(number)
            return number

        return judge

    def asked(self, number: int) -> "asyncio.Task[int | None]":
        """Ask for one judgement."""
        return asyncio.create_task(self._answered(number))

    async def _answered(self, number: int) -> int | None:
        found = await self.turns.judged(self._of(number))
        self.shed += found is None
        return found


def test_all_within_the_patience() -> None:
    """Whoever comes at once is judged in the order of coming, and the loop turns meanwhile."""

    async def ask() -> None:
        judge, turned = Judge(60.0), 0
        tasks = [judge.asked(number) for number in range(300)]
        while not all(task.done() for task in tasks):
            await asyncio.sleep(0)
            turned += 1
        assert [task.result() for task in tasks] == judge.judged == list(range(300))
        assert judge.shed == 0
        assert turned >= 6, "more than a tenth of a second was judged in one turn"

    asyncio.run(ask())


def test_beyond_the_patience() -> None:
    """Of a burst some are judged, the first of it among them, the others are told so; whoever comes later is judged."""

    async def ask() -> None:
        judge = Judge(0.05)
        found = await asyncio.gather(*(judge.asked(number) for number in range(300)))
        assert 0 < len(judge.judged) < 300
        assert [number for number in found if number is not None] == judge.judged == sorted(judge.judged)
        assert judge.judged[0] == 0
        assert found[-1] is None
        assert judge.shed == found.count(None)
        assert await judge.asked(300) == 300

    asyncio.run(ask())


def test_a_queue_that_stands() -> None:
    """Where more is asked than can be judged for longer than the patience, some are shed before they waited for it."""

    async def ask() -> None:
        judge, number = Judge(1.0), 0
        waiting = set[asyncio.Task[int | None]]()
        fewest = 1_000
        end = time.monotonic() + 60
        while judge.shed < 50 and time.monotonic() < end:
            while len(waiting) < 200:  # waits for less than half of the patience
                waiting.add(judge.asked(number))
                number += 1
            before = judge.shed
            await asyncio.sleep(0)
            waiting = {task for task in waiting if not task.done()}
            if judge.shed > before:
                fewest = min(fewest, len(waiting))
        assert judge.shed >= 50
        assert fewest >= 32, "they were shed though few waited"
        await asyncio.gather(*waiting)
        assert judge.judged == sorted(judge.judged)
        assert len(judge.judged) + judge.shed == number

    asyncio.run(ask())


def test_what_a_judge_raises() -> None:
    """An error is its asker's, at once or from the queue; the others are judged."""

    def fails() -> None:
        raise ValueError("no")

    async def ask() -> None:
        judge = Judge(60.0)
        with pytest.raises(ValueError, match="no"):
            await judge.turns.judged(fails)
        before = [judge.asked(number) for number in range(20)]
        failing = asyncio.create_task(judge.turns.judged(fails))
        after = [judge.asked(number) for number in range(20, 40)]
        assert await asyncio.gather(*before, *after) == list(range(40))
        with pytest.raises(ValueError, match="no"):
            await failing

    asyncio.run(ask())


def test_an_asker_that_is_gone() -> None:
    """Whoever goes away while it waits is not judged."""

    async def ask() -> None:
        judge = Judge(60.0)
        tasks = [judge.asked(number) for number in range(60)]
        await asyncio.sleep(0)
        tasks[50].cancel()
        await asyncio.wait(tasks)
        assert judge.judged == [number for number in range(60) if number != 50]

    asyncio.run(ask())


def test_memory_for_bodies() -> None:
    """Large bodies have their place until it is given back; a plain one always has one."""
    turns = Turns(1.0)
    assert all(turns.hold(0, 2**23) for _ in range(4))
    assert not turns.hold(0, 2**17)
    assert not turns.hold(2**16, 1)
    assert turns.hold(0, 2**16)
    turns.release(2**16)
    turns.release(2**23)
    assert turns.hold(0, 2**22)
    assert turns.hold(2**22, 2**22)
    assert not turns.hold(2**16, 1)
