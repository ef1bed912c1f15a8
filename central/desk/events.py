"""Server-sent events: the blocks of the page as HTML, then those that have changed."""

import asyncio
from collections.abc import AsyncIterator, Callable

from central.desk.board import Board
from central.desk.watch import Watch
from central.store import now


async def events(watch: Watch, board: Board, alive: Callable[[], bool], stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield events until `stop`, or until it is not `alive` any more: `now`, and as `fresh` the blocks that differ from before.

    The watch looks every few seconds at least, so a browser can tell a quiet desk from a dead one.
    """
    stopping = asyncio.ensure_future(stop.wait())
    version = 0
    try:
        while not stop.is_set() and alive():
            seen, version, fresh = await board.news(version)
            yield b'data: {"now":%d,"fresh":%b}\n\n' % (now(), fresh)
            change = asyncio.ensure_future(watch.after(seen))
            await asyncio.wait({change, stopping}, return_when=asyncio.FIRST_COMPLETED)
            change.cancel()
    finally:
        stopping.cancel()
