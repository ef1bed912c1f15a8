"""Keeps the store within its bound, lets go what is past its days, and says how full it is."""

import asyncio
import logging
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from gateway.retention import Retention
from gateway.status import StoreNow
from model.errors import StoreError
from model.record import STREAMS, Stream
from model.time import Clock, Stamp, TimeSource
from sync.journal import policy
from sync.journal.files import store_errors
from sync.journal.inventory import SegmentInfo
from sync.journal.journal import Journal
from sync.journal.policy import Drop, Holdings, Key, Plan
from sync.journal.store import SEGMENT_MAX_BYTES
from sync.journal.view import StoreView
from sync.watermark import Watermark

LOOK_S = 30.0
MEASURE_S = 1.0
FASTEST_BYTES_S = 32 * 1024 * 1024
"""No journal is written to faster for long: the room that is left is measured again before it can be used up."""
RESERVE_SHARE, RESERVE_MAX_BYTES = 16, 256 * 1024 * 1024
"""This part of the limit is for core alone, and so much of the disk is left to others."""
SEGMENT_SHARE = 64
"""The store is dropped piece by piece, and a segment is at most this part of it."""
_TRUST: Mapping[TimeSource, int] = {"unknown": 0, "estimated": 1, "rtc": 1, "gnss": 2, "ntp": 2}

log = logging.getLogger("doorpost.storekeeper")


class Settled(msgspec.Struct, frozen=True, array_like=True):
    """When a segment was found settled by the centre (us, UTC), and what the clock went by."""

    t: int
    source: TimeSource


def segment_max_bytes(limit: int) -> int:
    """How large a segment may grow where all together may take `limit`."""
    return min(SEGMENT_MAX_BYTES, limit // SEGMENT_SHARE)


class Storekeeper:
    """`run` until cancelled."""

    def __init__(
        self,
        journal: Journal,
        clock: Clock,
        directory: Path,
        limit: int,
        retention: Retention,
        on_look: Callable[[StoreNow], None],
    ) -> None:
        """The stores lie in `directory` and may take `limit` bytes; `on_look` hears how full they are, before anything goes."""
        self._journal = journal
        self._clock = clock
        self._directory = directory
        self._limit = limit
        self._days = retention.days
        self._on_look = on_look
        self._refusing = False
        self._failing = False

    async def run(self) -> None:
        while True:
            try:
                await self.look()
                self._failing = False
                await self._pause()
            except StoreError as err:
                if not self._failing:
                    log.error("the store cannot be kept within its bound: %s", err)
                self._failing = True
                await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Drop what has to go, until it fits or nothing more may go; then take telemetry or refuse it. Raises StoreError."""
        while (plan := await self._planned()).drops:
            await self._carry_out(plan.drops)
        for store in [view for view in self._journal.sealed if self._emptied(view)]:
            await self._journal.discard(store.id)
        if plan.refuse != self._refusing:
            log.warning("telemetry is %s", "refused: the store is full" if plan.refuse else "taken again")
            self._journal.refuse_telemetry(plan.refuse)
            self._refusing = plan.refuse

    async def _pause(self) -> None:
        """Until the next look, which comes at once where the bound is passed and a look can help."""
        if self._refusing:
            await asyncio.sleep(LOOK_S)
            return
        clock = asyncio.get_running_loop().time
        end = clock() + LOOK_S
        while (left := end - clock()) > 0:
            used = await asyncio.to_thread(self._journal.size)
            room = self._bound(used) - used
            if room < 0:
                return
            await asyncio.sleep(min(left, max(MEASURE_S, room / FASTEST_BYTES_S)))

    def _bound(self, used: int) -> int:
        """What may be taken now: by the settings, and by the disk, which others fill too."""
        reserve = min(self._limit // RESERVE_SHARE, RESERVE_MAX_BYTES)
        with store_errors(self._directory):
            free = shutil.disk_usage(self._directory).free
        return min(self._limit, used + free) - reserve

    async def _planned(self) -> Plan:
        segments = await self._journal.inventory()
        used = await asyncio.to_thread(self._journal.size)
        bound = self._bound(used)
        at = self._clock.now()
        stores = {segment.store for segment in segments}
        held = Holdings(segments, used, {(s, stream): self._upto(s, stream) for s in stores for stream in STREAMS}, {})
        held = held._replace(since=self._since(held, at))
        plan = policy.plan(held, self._days, bound, at.t, refusing=self._refusing)
        self._on_look(StoreNow(used, max(0, bound), plan.fill, plan.refuse))
        return plan

    def _since(self, held: Holdings, at: Stamp) -> dict[Key, int]:
        """When each closed segment was found settled, as far as the clock of now may judge that.

        What a poorer clock has noted is noted anew by a better one; what a better one has noted a poorer one lets stand.
        """
        trust = _TRUST[at.tq.source]
        left = set(self._journal.states("acked/"))
        since: dict[Key, int] = {}
        for segment in held.segments:
            left.discard(name := _name(segment))
            if not (trust and segment.closed and held.settled(segment)):
                continue
            settled = _noted(self._journal.state(name), at)
            if _TRUST[settled.source] < trust:
                settled = Settled(at.t, at.tq.source)
                self._journal.note(name, msgspec.json.encode(settled))
            if _TRUST[settled.source] == trust:
                since[policy.key(segment)] = settled.t
        for name in left:  # its segment is gone
            self._journal.note(name, None)
        return since

    async def _carry_out(self, drops: Sequence[Drop]) -> None:
        for segment, reason in drops:
            if not segment.closed:
                await self._journal.rotate(segment.series)
                return  # only now it is known what it holds
            upto = {stream: self._upto(segment.store, stream) for stream in segment.ranges}
            await self._journal.drop(segment, upto, reason, self._clock.now())

    def _emptied(self, view: StoreView) -> bool:
        """Nothing is held any more, and the centre knows of every record what has become of it."""
        return all(view.low(s) > view.last(s) <= self._upto(view.id, s) for s in STREAMS)

    def _upto(self, store: str, stream: Stream) -> int:
        """What the centre has settled."""
        return Watermark.of(self._journal.state(f"ack/{store}/{stream}")).upto


def _noted(stored: bytes | None, at: Stamp) -> Settled:
    """One that is not there, or cannot be read, is of now and of no clock."""
    try:
        return msgspec.json.decode(stored or b"", type=Settled)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return Settled(at.t, "unknown")


def _name(segment: SegmentInfo) -> str:
    return f"acked/{segment.store}/{segment.series}-{segment.number}"
