"""What goes out next: alarms first, sealed stores before the current one, and no more on its way than the link carries."""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from typing import Any

from model.errors import LinkError, StoreDamaged, StoreError, StoreUnreadable
from model.record import STREAMS, Stream
from model.time import Stamp
from sync.contract import topics
from sync.contract.batch import BATCH_MAX_BYTES, BATCH_MAX_RECORDS, build
from sync.contract.messages import LOST_MAX, Batch, Encoding, encode
from sync.flow import BUDGET_MIN_BYTES, Flow
from sync.journal.files import UNREADABLE_S
from sync.journal.journal import Journal
from sync.lane import PATIENCE_S, Lane
from sync.mqtt import MqttLink

ALARM_SLOTS = 4
"""Publishes that only alarms may have under way, of those that the broker allows."""
PROBE_S = 60.0
"""How often one batch asks a centre that seems down whether it is there."""
IDLE_S = 60.0

log = logging.getLogger("doorpost.sender")


class Sender:
    """Owns the lanes. `run` sends over one link until cancelled; the rest tells it what has changed."""

    def __init__(
        self, gw: str, journal: Journal, now: Callable[[], Stamp], on_problem: Callable[[StoreError | LinkError], None]
    ) -> None:
        self._gw = gw
        self._journal = journal
        self._now = now
        self._on_problem = on_problem
        self._flow = Flow()
        self._wake = asyncio.Event()
        self._silent = False
        self._heard_at = float("-inf")
        self._probed_at = float("-inf")
        self.encoding: Encoding = "json"
        self.central_down = False
        self._doubts: dict[Lane, tuple[int, float]] = {}
        """The record that a lane waits for the disk to give, and since when."""
        self._by_store: dict[str, dict[Stream, Lane]] = {}
        self.lanes: list[Lane] = []
        """Of all stores, in sending order."""
        self.refresh()
        journal.on_commit(self.wake)
        journal.on_fork(self.refresh)
        journal.on_discard(self._in_order)

    def refresh(self) -> None:
        """Make lanes for the stores that there are now."""
        for lane in self.lanes:
            lane.rewind()
        for store in (*self._journal.sealed, self._journal.current):
            self._by_store[store.id] = {
                s: Lane(self._journal, store, s, None if s is Stream.ALARM else self._flow) for s in STREAMS
            }
        self._in_order()
        self.wake()

    def _in_order(self) -> None:
        """Without the stores that are gone."""
        self._doubts.clear()
        self._by_store = {v.id: self._by_store[v.id] for v in (*self._journal.sealed, self._journal.current)}
        self.lanes = [lanes[s] for s in STREAMS for lanes in self._by_store.values()]

    def of(self, store: str) -> dict[Stream, Lane] | None:
        """The lanes of a store, None where there is none of that name."""
        return self._by_store.get(store)

    def owns(self, lane: Lane) -> bool:
        """Not after a fork, which makes others."""
        return self._by_store.get(lane.store.id, {}).get(lane.stream) is lane

    @property
    def current(self) -> dict[Stream, Lane]:
        return self._by_store[self._journal.current.id]

    def wake(self) -> None:
        """Something may be sent now that could not be before."""
        self._wake.set()

    def connected(self) -> None:
        """A new link: what was under way is not any more."""
        self._silent = False
        self._probed_at = float("-inf")
        for lane in self.lanes:
            lane.rewind()

    def heard(self) -> None:
        """The centre has acknowledged something just now: it is up."""
        self._heard_at = time.monotonic()
        self.central_down = False
        if self._silent:
            self.revived()

    def revived(self) -> None:
        """The centre has come back: start again at once."""
        self._silent = False
        for lane in self.lanes:
            lane.revive()

    async def run(self, link: MqttLink) -> None:
        while True:
            self._wake.clear()
            now = time.monotonic()
            for lane in self.lanes:
                if lane.impatient(now) and now - self._heard_at > PATIENCE_S:
                    self._silent = True
            chosen = self._choose(link, now)
            if chosen is None:
                await self._pause(link, now)
            else:
                await self._send(link, chosen)

    def _choose(self, link: MqttLink, now: float) -> Lane | None:
        """The first in order that has something to send and may send it."""
        for lane in self.lanes:
            if not lane.ready(now):
                continue
            if lane.stream is Stream.ALARM:
                if link.free > 0:
                    return lane
            elif link.free > min(ALARM_SLOTS, link.window - 1) and not link.unsent and self._may_send(now):
                return lane
        return None

    def _may_send(self, now: float) -> bool:
        """Whether the streams below alarms may send: the centre is there and the link not full, or it is time to ask."""
        if self.central_down or self._silent:
            return self._flow.in_flight == 0 and now - self._probed_at >= PROBE_S
        return self._flow.room > 0

    async def _pause(self, link: MqttLink, now: float) -> None:
        """Until something was committed or acknowledged, or some patience ends."""
        deadlines = [d for lane in self.lanes if (d := lane.deadline()) is not None]
        if (self.central_down or self._silent) and any(lane.ready(now) for lane in self.lanes):
            deadlines.append(self._probed_at + PROBE_S)
        deadlines += [lane.not_before for lane in self.lanes if lane.not_before > now]
        wait = min([IDLE_S, *(max(0.01, d - now) for d in deadlines)])
        if link.unsent:
            wait = min(wait, 0.02)
        try:
            async with asyncio.timeout(wait):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _send(self, link: MqttLink, lane: Lane) -> None:
        first = lane.next
        topic = topics.up_stream(self._gw, lane.stream)
        try:
            batch, payload = await self._fitting(lane, link.room(topic))
        except StoreDamaged:
            await self._step_over(lane)
            return
        except StoreUnreadable as err:
            await self._doubt(lane, err)
            return
        except (StoreError, LinkError) as err:
            self._on_problem(err)
            lane.back_off(time.monotonic())
            return
        self._doubts.pop(lane, None)
        if not self.owns(lane):
            return  # another store has taken this one's place while the disk was read
        if lane.next != first or lane.held:
            return  # an acknowledgement came meanwhile
        now = time.monotonic()
        if lane.stream is not Stream.ALARM:
            self._probed_at = now
        lane.sent(batch.first, batch.last, batch.head, len(payload), now)
        published = link.publish(topic, payload)
        published.add_done_callback(lambda done: self._published(lane, done))

    async def _fitting(self, lane: Lane, limit: int) -> tuple[Batch, bytes]:
        """The next batch as it is sent: with fewer records where the broker takes no more. Raises LinkError, StoreError."""
        count = BATCH_MAX_RECORDS
        while True:
            batch = await self._batch(lane, count, limit)
            payload = encode(batch, self.encoding)
            if len(payload) <= limit:
                return batch, payload
            if len(batch.recs) <= 1:
                raise LinkError("publish_too_large", bytes=len(payload), limit=limit)
            count = len(batch.recs) // 2

    async def _batch(self, lane: Lane, count: int, limit: int) -> Batch:
        """The next batch; without records where all that was next can no longer be sent. Raises StoreDamaged, StoreError."""
        stream, store = lane.stream, lane.store
        low = store.low(stream)
        gaps: list[Any] = lane.gaps()
        first = self._first(lane, gaps)
        gaps = gaps[:LOST_MAX]
        sent = self._now()
        if first <= store.last(stream):
            room = BATCH_MAX_BYTES if stream is Stream.ALARM else min(BATCH_MAX_BYTES, self._flow.room)
            found = await store.read(stream, first, count, min(limit, max(BUDGET_MIN_BYTES, room)))
            lost = [gap for gap in gaps if gap[1] < first]
            return build(self._gw, store.id, stream, found.records, prev=found.prev, low=low, lost=lost, sent=sent.t)
        head = store.head(stream).hash.hex()
        return Batch(
            v=1,
            gw=self._gw,
            store=store.id,
            stream=stream.value,
            boot=sent.boot,
            first=first,
            last=first - 1,
            low=first,  # of what the centre lacks, nothing is held any more
            prev=head,
            head=head,
            sent=sent.t,
            recs=[],
            lost=gaps,
        )

    def _first(self, lane: Lane, gaps: Iterable[tuple[int, int, str]]) -> int:
        """The number that the next batch starts with: behind what can no longer be sent."""
        first = max(lane.next, lane.store.low(lane.stream))
        for a, b, _ in gaps:
            if a <= first <= b:
                first = b + 1
        return first

    async def _doubt(self, lane: Lane, err: StoreUnreadable) -> None:
        """What the disk does not give is asked for again; only what it does not give for long is stepped over."""
        first, now = self._first(lane, lane.gaps()), time.monotonic()
        known, since = self._doubts.get(lane, (0, 0.0))
        if known == first and now - since >= UNREADABLE_S:
            await self._step_over(lane, hopeless=True)
            return
        if known != first:
            self._doubts[lane] = first, now
        self._on_problem(err)
        lane.back_off(now)

    async def _step_over(self, lane: Lane, *, hopeless: bool = False) -> None:
        """A record that cannot be had any more must not hold up those behind it: it is declared damaged."""
        stream, store = lane.stream, lane.store
        try:
            first = self._first(lane, lane.gaps())
            good = await store.next_good(stream, first, hopeless=hopeless)
            if good > first:
                log.error("records %s to %s of %s are damaged, store %s", first, good - 1, stream, store.id)
                await self._journal.declare_damage(store.id, stream, first, good - 1, "unreadable", self._now())
                return
        except StoreUnreadable as err:
            await self._doubt(lane, err)
            return
        except StoreError as err:
            self._on_problem(err)
        lane.back_off(time.monotonic())

    def _published(self, lane: Lane, done: "asyncio.Future[int]") -> None:
        """A PUBACK proves nothing; only a refusal tells us something."""
        error = done.exception()
        if isinstance(error, LinkError) and error.code == "publish_refused":
            self._on_problem(error)
            lane.back_off(time.monotonic())
        self.wake()
