"""A blocking call beside the event loop, for files and names whose reader may wait for ever."""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar

T = TypeVar("T")


class Worker(Generic[T]):
    """`work` in a daemon thread, never twice at a time. Neither a cancel nor the end of the program waits for it."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._thread: threading.Thread | None = None
        self._working = False

    async def result(self, seconds: float) -> T | None:
        """None where it has not ended within that time, or has not ended from the time before. Raises what it raises."""
        if self._working:
            return None
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T | None] = loop.create_future()

        def settle(result: T | None, error: BaseException | None) -> None:
            if done.done():
                return
            if error:
                done.set_exception(error)
            else:
                done.set_result(result)

        def body() -> None:
            result, error = None, None
            try:
                result = self._work()
            except Exception as err:  # noqa: BLE001 (whatever it is, it is the caller's)
                error = err
            self._working = False  # before anybody hears of it: he may ask again at once
            with suppress(RuntimeError):  # the loop has ended before the work
                loop.call_soon_threadsafe(settle, result, error)

        self._thread = threading.Thread(target=body, daemon=True)
        self._working = True
        try:
            self._thread.start()
        except RuntimeError:  # the machine has no thread to spare just now
            self._working = False
            raise
        try:
            async with asyncio.timeout(seconds):
                return await done
        except TimeoutError:
            return None
