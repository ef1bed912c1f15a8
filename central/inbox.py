"""Messages between the connection and the writer: alarms first, in groups that one transaction takes."""

import asyncio
from collections import deque
from typing import NamedTuple

from model.record import Stream

Message = tuple[str, bytes]

INBOX_MAX_BYTES = 64 * 1024 * 1024
"""Beyond this, batches are dropped, alarms excepted: their gateways send them again."""
GROUP_MAX_BYTES = 2 * 1024 * 1024

_BULK = tuple(f"/up/{stream}" for stream in Stream if stream is not Stream.ALARM)


class Group(NamedTuple):
    messages: list[Message]
    dropped: int
    """How many batches found no room since the last group."""


class Inbox:
    def __init__(self) -> None:
        self._first: deque[Message] = deque()
        self._bulk: deque[Message] = deque()
        self._bytes = 0
        self._dropped = 0
        self._some = asyncio.Event()

    def put(self, topic: str, payload: bytes) -> None:
        bulk = topic.endswith(_BULK)
        if bulk and self._bytes > INBOX_MAX_BYTES:
            self._dropped += 1
            return
        (self._bulk if bulk else self._first).append((topic, payload))
        self._bytes += len(payload)
        self._some.set()

    async def group(self) -> Group:
        """What is there: at least one message."""
        await self._some.wait()
        messages: list[Message] = []
        taken = 0
        while (self._first or self._bulk) and taken < GROUP_MAX_BYTES:
            messages.append((self._first or self._bulk).popleft())
            taken += len(messages[-1][1])
        self._bytes -= taken
        dropped, self._dropped = self._dropped, 0
        if not (self._first or self._bulk):
            self._some.clear()
        return Group(messages, dropped)
