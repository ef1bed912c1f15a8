"""A gateway's journal and uplink, running, with nothing else around them."""

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Self

from gateway.demo.broker import Broker
from model.bodies import AlarmBody
from model.record import Stream, draft
from support.centre import password
from support.journals import GW, drafts
from support.source import BOOT, at, new_id
from sync.contract.messages import CommandResult, decode
from sync.journal.journal import Journal
from sync.journal.reserve import RESERVE_BYTES
from sync.mqtt import MqttSettings
from sync.uplink import Uplink

SMALL_SEGMENTS = 110 * 1024


class Gateway:
    """`async with`: the uplink runs until the end of the block, where it is cancelled as the daemon does."""

    def __init__(
        self, settings: MqttSettings, directory: Path, *, gw: str = GW, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        self._settings = settings
        self._directory = directory
        self._gw = gw
        self._reserve_bytes = reserve_bytes
        self._changed = asyncio.Event()
        self.progress: list[tuple[Stream, int]] = []
        self.changes = 0

    async def __aenter__(self) -> Self:
        await self.open()
        self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.disconnect()
        await self.journal.close()

    async def open(self) -> None:
        self.journal = await Journal.open(
            self._directory,
            self._gw,
            group_s=0,
            segment_max_bytes=SMALL_SEGMENTS,
            reserve_bytes=self._reserve_bytes,
        )
        self.uplink = Uplink(
            self._settings,
            self._gw,
            self.journal,
            version="0.0.0",
            now=at,
            devices=list,
            on_command=self._on_command,
            on_progress=lambda stream, upto: self.progress.append((stream, upto)),
            on_change=self._on_change,
        )
        self.journal.on_commit(self._changed.set)

    def connect(self) -> None:
        self._running = asyncio.create_task(self.uplink.run())

    async def disconnect(self) -> None:
        """As at the daemon's end."""
        self._running.cancel()
        await asyncio.wait([self._running])

    async def write(self, stream: Stream, count: int = 1, *, boots: list[str] | None = None, padding: int = 0) -> None:
        """Append `count` records, or one in each of the given boots."""
        for boot in boots or [BOOT]:
            await self.journal.append(drafts(stream, range(1 if boots else count), boot=boot, padding=padding))

    async def write_numbers(self, stream: Stream, numbers: Iterable[int]) -> None:
        """Append one record per number, each in a transaction of its own."""
        for n in numbers:
            await self.journal.append(drafts(stream, [n]))

    async def raise_alarm(self) -> str:
        """The id of a new alarm whose record is durable."""
        alarm = new_id()
        body = AlarmBody(alarm=alarm, rule="r", what="w", device="d", point="p", profile="x@1")
        await self.journal.append([draft("alarm.raised/1", body, at())])
        return alarm

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()

    async def settled(self, *streams: Stream) -> None:
        """Until nothing of these streams waits any more."""
        await self.until(lambda: all(self.uplink.counts(s).waiting == 0 for s in streams))

    def _on_change(self) -> None:
        self.changes += 1
        self._changed.set()

    async def _on_command(self, payload: bytes) -> CommandResult | None:
        """A command here is the very result that it wants; anything else is none."""
        return decode(payload, CommandResult) if payload.startswith(b"{") else None


def settings(broker: Broker, user: str = GW) -> MqttSettings:
    return MqttSettings(broker.url, user, password(broker, user))
