"""Messages between the connection and the database: alarms and all that is short first, in groups that one transaction takes."""

import asyncio
import time
from collections import deque
from collections.abc import Iterator

from model.record import Stream

Message = tuple[str, bytes]

INBOX_MAX_BYTES = 64 * 1024 * 1024
"""Beyond this, batches are dropped, alarms excepted: their gateways send them again."""
WORK_MIN_S, WORK_MAX_S = 0.001, 0.01
"""On one group: less is not worth a commit and its answers, and an alarm that comes now waits for its end."""

_BULK = tuple(f"/up/{stream}" for stream in Stream if stream is not Stream.ALARM)


class Inbox:
    def __init__(self) -> None:
        self._first: deque[Message] = deque()
        self._bulk: deque[Message] = deque()
        self.bytes = 0
        self._dropped = 0
        self._some = asyncio.Event()

    def __len__(self) -> int:
        return len(self._first) + len(self._bulk)

    @property
    def short(self) -> int:
        """How many wait that are not bulk."""
        return len(self._first)

    def put(self, topic: str, payload: bytes) -> None:
        bulk = topic.endswith(_BULK)
        if bulk and self.bytes > INBOX_MAX_BYTES:
            self._dropped += 1
            return
        (self._bulk if bulk else self._first).append((topic, payload))
        self.bytes += len(payload)
        self._some.set()

    async def some(self) -> None:
        """Until there is a message."""
        await self._some.wait()

    def group(self, commit_s: float) -> Iterator[Message]:
        """What one transaction takes: as much as it works on while another one is committed, and bulk never behind alarms."""
        queue = self._first or self._bulk
        end = time.monotonic() + min(max(commit_s, WORK_MIN_S), WORK_MAX_S)
        while queue:
            message = queue.popleft()
            self.bytes -= len(message[1])
            yield message
            if time.monotonic() >= end:
                break
        if not len(self):
            self._some.clear()

    def dropped(self) -> int:
        """How many batches found no room since this was asked last."""
        dropped, self._dropped = self._dropped, 0
        return dropped
