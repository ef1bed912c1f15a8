"""A blocking call beside the event loop."""

import asyncio
import threading
from typing import Any

import pytest

from drivers.common.worker import Worker


def _ended(worker: Worker[bool]) -> None:
    assert worker._thread
    worker._thread.join()


async def test_what_comes_too_late_is_dropped() -> None:
    """Without a word, and the call is made anew only when the one before has ended."""
    complaints: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _loop, complaint: complaints.append(complaint))
    calls: list[None] = []
    gate = threading.Event()

    def work() -> bool:
        calls.append(None)
        return gate.wait()

    worker = Worker(work)
    assert [await worker.result(0.01), await worker.result(0.01)] == [None, None]
    assert len(calls) == 1
    gate.set()
    _ended(worker)
    assert await worker.result(20) is True
    assert not complaints


async def test_what_fails_is_told_to_the_caller() -> None:
    """And at once, not when the time is up; the next call is made as if nothing had been."""
    worker = Worker({"a": 1}.popitem)
    assert await worker.result(20) == ("a", 1)
    for _ in range(2):
        with pytest.raises(KeyError):
            await worker.result(20)


def test_the_end_of_the_loop_waits_for_nobody() -> None:
    """And the call that ends after it complains to nobody."""
    gate = threading.Event()
    worker = Worker(gate.wait)
    assert asyncio.run(worker.result(0.01)) is None
    gate.set()
    _ended(worker)


async def test_a_thread_that_is_not_to_be_had_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller hears of it; the next call is made as if nothing had been."""

    def refused(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    worker = Worker(lambda: True)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refused)
        with pytest.raises(RuntimeError):
            await worker.result(20)
    assert await worker.result(20) is True
