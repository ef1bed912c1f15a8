"""Server-sent events: the page's view, then what of it has changed."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from gateway.status import Backend
from gateway.web.view import view

HEARTBEAT_S = 5.0
"""Something is sent at least that often, so that a browser can tell a quiet gateway from a dead one."""


async def events(backend: Backend, lang: str, stop: asyncio.Event) -> AsyncIterator[bytes]:
    """Yield events, each a JSON object with those parts of the view that differ from the one before, until `stop`."""
    changes = backend.changes()
    change = asyncio.ensure_future(anext(changes))
    stopping = asyncio.ensure_future(stop.wait())
    shown: dict[str, Any] = {}
    try:
        while not stop.is_set():
            current = view(backend.snapshot(), lang)
            fresh = {part: value for part, value in current.items() if shown.get(part) != value}
            shown = current
            yield b"data: " + msgspec.json.encode(fresh) + b"\n\n"
            await asyncio.wait({change, stopping}, timeout=HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED)
            if change.done():
                change.result()
                change = asyncio.ensure_future(anext(changes))
    finally:
        change.cancel()
        stopping.cancel()
