"""Checkpoints on `audit`: what the store holds, signed, so that nobody can rewrite a chain behind the gateway's back."""

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from model.bodies import StreamHead
from model.errors import SettingsError
from model.record import STREAMS, Draft, Stream, draft
from model.time import Clock
from sync.journal.journal import Journal

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

EVERY_S = 15 * 60.0
EVERY_RECORDS = 5_000
ALARM_S = 60.0
"""What an alarm says is signed soon: by it somebody's times are judged. Together with what follows within this time."""

log = logging.getLogger("doorpost.checkpoints")


class Checkpoints:
    """Signs with the key in a file, which is made here at the first start with its public half (`.pub`) for the centre."""

    def __init__(self, gw: str, journal: Journal, clock: Clock, path: Path) -> None:
        self._gw = gw
        self._journal = journal
        self._clock = clock
        self._path = path
        self._key: Ed25519PrivateKey | None = None
        self._load()
        self._covered = self._captured()
        self._alarms = 0  # the power may have failed before the last ones were signed
        self._many = asyncio.Event()
        self._soon = asyncio.Event()
        journal.on_commit(self._committed)
        journal.on_fork(self._forked)

    async def run(self, note: Callable[[Sequence[Draft], str], None]) -> None:
        """Note one every `EVERY_S` or `EVERY_RECORDS`, and `ALARM_S` after a record of an alarm, until cancelled."""
        while True:
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    EVERY_S
                ):  # not `wait_for`: in 3.11 it loses a cancellation in the moment of the event
                    await self._soon.wait()
                async with asyncio.timeout(ALARM_S):
                    await self._many.wait()
            self._covered, self._alarms = self._captured(), self._journal.last(Stream.ALARM)
            self._many.clear()
            self._soon.clear()
            if drafts := self.drafts():
                note(drafts, "checkpoints")

    def drafts(self) -> list[Draft]:
        """A checkpoint of what is durable now; none while there is no key."""
        if self._key is None:
            self._load()
        if self._key is None:
            return []
        from sync.contract.checkpoint import KIND, signed

        at = self._clock.now()
        body = signed(self._gw, self._journal.store, at, [self._head(stream) for stream in STREAMS], self._key)
        return [draft(KIND, body, at)]

    def _load(self) -> None:
        """A gateway without a key still guards: it tries again at the next checkpoint."""
        from sync.contract.signing import private_key  # cryptography is heavy

        try:
            self._key = private_key(self._path)
        except (OSError, ValueError, SettingsError) as err:
            log.error("no checkpoints without the key %s: %s", self._path, err)

    def _head(self, stream: Stream) -> StreamHead:
        first, head = self._journal.low(stream), self._journal.head(stream)
        return StreamHead(stream=stream, count=head.seq - first + 1, first=first, last=head.seq, head=head.hash.hex())

    def _captured(self) -> int:
        return sum(self._journal.last(stream) for stream in STREAMS)

    def _committed(self) -> None:
        if self._captured() - self._covered >= EVERY_RECORDS:
            self._many.set()
        if self._many.is_set() or self._journal.last(Stream.ALARM) > self._alarms:
            self._soon.set()

    def _forked(self) -> None:
        """Nobody has signed anything of the new store."""
        self._covered = self._alarms = 0
