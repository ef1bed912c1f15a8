"""What all screens of one language are shown, while some of them come and go."""

import asyncio
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import msgspec

from central.desk.board import Board
from central.desk.pages import Drawn, Pages
from central.desk.watch import Seen, Watch
from central.settings import Targets
from central.store import now


class SlowPages(Pages):
    """The first drawing goes on until `go`."""

    def __init__(self) -> None:
        super().__init__("en", Targets())
        self.begun, self.go = threading.Event(), threading.Event()

    def blocks(self, seen: Seen, drawn: Drawn) -> dict[str, Any]:
        self.begun.set()
        self.go.wait()
        return super().blocks(seen, drawn)


class Counting(ThreadPoolExecutor):
    given = 0

    def submit(self, *args: Any, **kwargs: Any) -> Future[Any]:
        self.given += 1
        return super().submit(*args, **kwargs)


async def test_a_screen_that_is_closed_while_it_is_drawn_leaves_the_drawing_alone(tmp_path: Path) -> None:
    """The next one waits for it: never do two threads draw on one board. All are shown the newest in the end."""
    asyncio.get_running_loop().set_default_executor(threads := Counting())
    pages, watch = SlowPages(), Watch(tmp_path, Targets())
    board = Board(pages, watch)
    watch.seen = Seen(now())
    closed = asyncio.create_task(board.news(0))
    await asyncio.to_thread(pages.begun.wait)
    closed.cancel()
    await asyncio.wait([closed])
    before = threads.given
    watch.seen = newest = Seen(now(), problem="no such file")
    others = [asyncio.create_task(board.news(0)) for _ in range(2)]
    for _ in range(3):
        await asyncio.sleep(0)
    during = threads.given
    pages.go.set()
    seen = {(await other)[0].at for other in others}
    assert (closed.cancelled(), during) == (True, before)
    assert len(seen) == 1
    shown, version, fresh = await board.news(0)
    assert shown is newest
    assert "no such file" in msgspec.json.decode(fresh)["trouble"]
    assert (await board.news(version))[2] == b"{}"
    assert threads.given == before + 1
