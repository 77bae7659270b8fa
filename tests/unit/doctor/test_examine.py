import asyncio
import threading
import time

import pytest

from proxy.doctor.examine import Check, examine, in_thread
from proxy.doctor.finding import Finding, ok


async def test_checks_run_at_once_and_are_told_in_order() -> None:
    meet, heard = asyncio.Barrier(3), list[list[str]]()

    async def look(name: str) -> Finding:
        await meet.wait()
        return ok(name, "fine")

    checks = [Check(name, lambda name=name: look(name)) for name in ("a", "b", "c")]
    findings = await examine(checks, lambda waiting: heard.append(list(waiting)), 5)
    assert [finding.check for finding in findings] == ["a", "b", "c"]
    assert heard[0] == ["a", "b", "c"]
    assert heard[-1] == []
    assert [len(each) for each in heard] == [3, 2, 1, 0]


async def test_a_check_that_takes_too_long_keeps_no_other_waiting() -> None:
    ever = threading.Event()
    began = time.monotonic()
    slow = Check("slow", lambda: in_thread(lambda: ever.wait(60) and ok("slow", "")))

    async def quick() -> Finding:
        return ok("quick", "fine")

    first, second = await examine([slow, Check("quick", quick)], lambda _: None, 0.05)
    assert (first.state, first.text) == ("failed", "no answer within 0.05 s")
    assert second.state == "ok"
    assert time.monotonic() - began < 5
    ever.set()


async def test_what_a_thread_raises_is_raised_where_it_is_awaited() -> None:
    def fails() -> None:
        raise KeyError("x")

    with pytest.raises(KeyError):
        await in_thread(fails)
    assert await in_thread(lambda: threading.current_thread().daemon)


def test_a_thread_that_outlives_its_loop_is_no_trouble() -> None:
    go_on, done = threading.Event(), threading.Event()

    def work() -> None:
        go_on.wait(5)
        threading.current_thread().name = "late"
        done.set()

    async def give_up() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await in_thread(work)

    asyncio.run(give_up())
    go_on.set()
    assert done.wait(5)
    for thread in threading.enumerate():
        if thread.name == "late":
            thread.join(5)
