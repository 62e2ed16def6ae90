"""What can wait gives way to a busy event loop, but not for ever."""

import asyncio
import time
from collections.abc import Callable

from app.pace import Pace
from app.runner import lull
from app.runner.limits import Limit, Slot
from app.runner.lull import Lull


async def others_work() -> None:
    """For so long that no look comes in time."""
    time.sleep(2 * lull.LATE_S)  # noqa: ASYNC251
    await asyncio.sleep(0)


def while_busy(
    wait: Callable[[Lull], "asyncio.Future[None]"], *, rounds: int = 60, longest_s: float = 60
) -> bool:
    """Whether somebody who waits goes on while the loop is busy for some rounds."""

    async def waits() -> bool:
        one = wait(Lull(longest_s))
        for _ in range(rounds):
            await others_work()
            if one.done():
                return True
        await asyncio.wait_for(one, 30)
        return False

    return asyncio.run(waits())


def plainly(it: Lull) -> "asyncio.Future[None]":
    return asyncio.ensure_future(it.wait())


def test_it_waits_until_the_loop_is_idle() -> None:
    assert not while_busy(plainly)


def test_what_has_waited_long_goes_on() -> None:
    assert while_busy(plainly, longest_s=3 * lull.LATE_S)


def test_what_became_urgent_goes_on() -> None:
    def hurried(it: Lull) -> "asyncio.Future[None]":
        hurry: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(lull.LATE_S, hurry.set_result, None)
        return asyncio.ensure_future(it.wait(hurry))

    assert while_busy(hurried)


def test_nobody_waits_where_nothing_is_gained() -> None:
    asyncio.run(Lull(0).wait())  # without a loop that ever comes to look


def test_all_go_on_in_their_order_but_those_that_were_cancelled() -> None:
    gone: list[int] = []

    async def go(it: Lull, number: int) -> None:
        await it.wait()
        gone.append(number)

    async def many() -> None:
        it = Lull(60)
        tasks = [asyncio.create_task(go(it, number)) for number in range(3 * lull.AT_ONCE)]
        await asyncio.sleep(0)
        for task in tasks[1::2]:
            task.cancel()
        results = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 30)
        assert [isinstance(it, asyncio.CancelledError) for it in results] == [
            number % 2 == 1 for number in range(len(tasks))
        ]
        await it.wait()  # it can be used again

    asyncio.run(many())
    assert gone == list(range(0, 3 * lull.AT_ONCE, 2))


def test_nothing_is_got_ready_ahead_by_a_busy_loop_unless_nothing_is_ready() -> None:
    async def slots() -> None:
        limit = Limit(Pace(4), Lull(60))
        held = [await limit.slot() for _ in range(4)]  # at once: they may be called now
        assert all(slot.held for slot in held)
        ahead: asyncio.Task[Slot] = asyncio.create_task(limit.slot())
        for _ in range(30):
            await others_work()
        assert not ahead.done()
        held[0].release()
        for _ in range(3):
            await others_work()
        assert (await asyncio.wait_for(ahead, 30)).held
        idle = await asyncio.wait_for(limit.slot(), 30)
        assert not idle.held

    asyncio.run(slots())


def test_all_who_wait_go_on_when_nothing_is_ready() -> None:
    """Test calls ask the same limit for their slots."""

    async def slots() -> None:
        limit = Limit(Pace(4), Lull(60))
        held = [await limit.slot() for _ in range(4)]
        ahead = [asyncio.create_task(limit.slot()) for _ in range(2)]
        await others_work()
        held[0].release()
        held[1].release()
        for _ in range(5):
            await others_work()
        assert [task.done() and task.result().held for task in ahead] == [True, True]

    asyncio.run(slots())


def test_raised_limits_hold_at_once() -> None:
    async def slots() -> None:
        limit = Limit(Pace(8), Lull(60))
        held = [await limit.slot() for _ in range(8)]
        ready = await asyncio.wait_for(limit.slot(), 30)
        limit.follow(Pace(9))  # nobody asks for another slot, nor does a call end
        assert [slot.held for slot in (*held, ready)] == [True] * 9

        limit = Limit(Pace(4), Lull(60))
        held = [await limit.slot() for _ in range(4)]
        waits = asyncio.create_task(limit.slot())
        await others_work()
        limit.follow(Pace(5))
        for _ in range(5):
            await others_work()
        assert waits.done()
        assert waits.result().held

    asyncio.run(slots())


def test_slots_are_given_in_the_order_they_were_asked_for() -> None:
    async def slots() -> None:
        limit = Limit(Pace(1))

        async def ask_again_and_again() -> None:
            while True:
                slot = await limit.slot()
                asyncio.get_running_loop().call_later(0.001, slot.release)

        greedy = asyncio.create_task(ask_again_and_again())
        await asyncio.sleep(0.01)
        slot = await asyncio.wait_for(limit.slot(), 5)
        assert slot.held
        greedy.cancel()

    asyncio.run(slots())


def test_haste_is_no_lull() -> None:
    """What was got ready because it was needed at once is followed by nothing ahead."""

    async def slots() -> None:
        limit = Limit(Pace(4), Lull(60))
        held = [await limit.slot() for _ in range(4)]
        needed = asyncio.create_task(limit.slot())
        await others_work()
        held[0].release()
        for _ in range(3):
            await others_work()
        assert needed.result().held
        ahead = asyncio.create_task(limit.slot())
        for _ in range(30):
            await others_work()
        assert not ahead.done()
        await asyncio.wait_for(ahead, 30)

    asyncio.run(slots())
