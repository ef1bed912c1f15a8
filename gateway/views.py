"""What is shown: the newest values, open alarms, last scans and counts, kept in memory and rebuilt by running on."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from heapq import merge
from typing import TYPE_CHECKING, Any

from gateway import recording, told
from gateway.examine import Step, Watch, examine
from gateway.last_hour import LastHour
from gateway.pipeline import Pipeline
from gateway.projection.follow import Projection
from gateway.rules.base import OpenAlarm
from gateway.scanning import Scanned, Waiting, scan
from gateway.status import (
    AlarmNow,
    DeviceNow,
    LinkNow,
    Plot,
    PointNow,
    Rebuilding,
    ScanNow,
    SealedNow,
    Snapshot,
    StoreNow,
    StreamNow,
)
from gateway.supervisor import Supervised
from gateway.tags import Words, access
from model.errors import ContractError, StoreDamaged, StoreUnreadable
from model.observation import Card, Observation, Poll, Scan, TagWindow
from model.record import STREAMS, Record, Stream
from model.time import Clock, Stamp, TimeQuality
from model.timeline import Located
from sync.journal.journal import Journal
from sync.journal.view import StoreView
from sync.lane import Lane
from sync.uplink import Uplink

if TYPE_CHECKING:
    from gateway.lift_deeds import Deed
    from gateway.lift_status import LiftNow
    from gateway.lifts import Lifts
    from gateway.sms_trial import SmsTrial

SCANS_MAX = 200
CHANGES_S = 0.5
_TAG_GONE_US = 10_000_000
_TAIL_RECORDS = 500
_TAIL_BYTES = 256 * 1024


class Views:
    """`gateway.status.Backend` on the running daemon."""

    def __init__(
        self, gw: str, version: str, broker: str, clock: Clock, journal: Journal, supervised: dict[str, Supervised]
    ) -> None:
        self._gw = gw
        self._version = version
        self._broker = broker
        self._clock = clock
        self._journal = journal
        self._supervised = supervised
        self._polls: dict[str, Poll] = {}
        self._series: dict[str, LastHour] = {}
        self._seen: dict[str, int] = {}
        self._scans: deque[tuple[int, str, str, str | None]] = deque(maxlen=SCANS_MAX)
        self._tags: dict[tuple[str, str], int] = {}
        self._watchers: dict[str, set[asyncio.Queue[Observation]]] = {}
        self._changed = asyncio.Event()
        self._committed = asyncio.Event()
        self.store = StoreNow(0, 0, 0.0, False)
        self.pipeline: Pipeline | None = None
        self.projection: Projection | None = None
        self.uplink: Uplink | None = None
        self.site_lifts: Lifts | None = None
        self.sms_trial: SmsTrial | None = None
        journal.on_commit(self._on_commit)

    # fed by the daemon

    def changed(self) -> None:
        """Something that is shown is different now."""
        event, self._changed = self._changed, asyncio.Event()
        event.set()

    def _on_commit(self) -> None:
        event, self._committed = self._committed, asyncio.Event()
        event.set()
        self.changed()

    def observed(self, observation: Observation) -> None:
        device = observation.device
        self._seen[device] = observation.at.mono
        match observation:
            case Poll():
                self._polls[device] = observation
                series = self._series.get(device)
                if series is None or series.map.hash != observation.map.hash:
                    series = self._series[device] = LastHour(observation.map)
                series.take(observation)
            case Scan():
                self._scans.appendleft((observation.at.mono, device, told.shown(observation), observation.symbology))
            case Card(present=True):
                self._scans.appendleft((observation.at.mono, device, observation.uid, "card"))
            case TagWindow():
                self._tag(observation)
        for queue in self._watchers.get(device, ()):
            if not queue.full():  # a watcher that does not keep up misses some; the journal does not
                queue.put_nowait(observation)
        self.changed()

    def _tag(self, window: TagWindow) -> None:
        """A tag is shown once per visit, not once per window."""
        last = self._tags.pop((window.device, window.epc), -_TAG_GONE_US)
        self._tags[window.device, window.epc] = window.last.mono
        if len(self._tags) > SCANS_MAX:
            del self._tags[next(iter(self._tags))]
        if window.first.mono - last > _TAG_GONE_US:
            self._scans.appendleft((window.first.mono, window.device, window.epc, "epc"))

    # Backend

    def snapshot(self) -> Snapshot:
        now = self._clock.now()
        # all times of this run are shown on the wall clock as it is now: one that was stepped disorders nothing
        offset = now.t - now.mono
        return Snapshot(
            gateway=self._gw,
            version=self._version,
            now=now.t,
            time_source=now.tq.source,
            store_ok=self._journal.failed is None,
            devices=[self._device(s, now.mono, offset) for s in self._supervised.values()],
            alarms=self._alarms(now),
            scans=[ScanNow(mono + offset, device, code, by) for mono, device, code, by in self._scans],
            streams=[
                self._stream(store, s) for store in (self._journal.current, *self._journal.sealed) for s in STREAMS
            ],
            link=self._link(),
            store=self.store,
            sealed=[
                SealedNow(v.id, v.seal.why, v.seal.aside)
                for v in self._journal.sealed
                if v.seal and (v.seal.why == "damaged" or any(self._stream(v, s).waiting for s in STREAMS))
            ],
        )

    def series(self, device: str, point: str) -> list[tuple[int, float | None]]:
        series = self._series.get(device)
        if series is None:
            if device not in self._supervised:
                raise KeyError(device)
            return []
        now = self._clock.now()
        offset = now.t - now.mono  # as in the snapshot
        return [(mono + offset, value) for mono, value in series.values(point, now.mono)]

    async def plot(self, device: str, point: str, since: int, until: int) -> Plot:
        assert self.projection
        supervised = self._supervised.get(device)
        plot = await self.projection.plot(device, point, since, until, supervised.points if supervised else None)
        if plot is None:
            raise KeyError(point)
        return plot

    def rebuild(self) -> AsyncIterator[Rebuilding]:
        assert self.projection
        return self.projection.rebuild()

    async def changes(self) -> AsyncIterator[None]:
        changed = self._changed
        while True:
            await changed.wait()
            await asyncio.sleep(CHANGES_S)  # gather what changes together: at most twice a second
            changed = self._changed  # taken before the reader looks: a change while it looks makes it look again
            yield

    def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        if device not in self._supervised:
            raise KeyError(device)
        return self._watch(device)

    async def _watch(self, device: str) -> Watch:
        queue: asyncio.Queue[Observation] = asyncio.Queue(1000)
        watchers = self._watchers.setdefault(device, set())
        watchers.add(queue)
        try:
            while True:
                yield told.observation(await queue.get())
        finally:
            watchers.discard(queue)

    def record(self, device: str, seconds: float | None) -> AsyncIterator[dict[str, Any]]:
        return recording.record(self._supervised[device], seconds)

    def test(self, device: str) -> AsyncIterator[Step]:
        return examine(self._supervised[device], self._watch(device))

    async def tag(self, device: str, words: Words) -> AsyncIterator[dict[str, Any]]:
        yield await access(self._supervised[device], words)

    def lifts(self) -> "list[LiftNow]":
        return self.site_lifts.now() if self.site_lifts else []

    async def lift(self, lift: str, by: str, pin: str | None, deed: "Deed") -> dict[str, Any]:
        if self.site_lifts is None:
            raise ContractError("lift_unknown", lift=lift, known="-")
        return await self.site_lifts.do(lift, by, pin, deed)

    async def sms(self, person: str) -> dict[str, Any]:
        assert self.sms_trial
        return await self.sms_trial.send(person)

    def scan(self, device: str, seconds: float) -> AsyncIterator[Waiting | Scanned]:
        return scan(self._supervised[device], self._watch(device), seconds)

    async def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        streams = [Stream(stream)] if stream else list(STREAMS)
        current = self._journal.current  # all of the history is of one store, whatever forks meanwhile
        store = current.id
        following = {s: current.last(s) + 1 for s in streams}
        found = [[(s, r) async for r in self._records(current, s, following[s] - count, following[s])] for s in streams]
        for s, record in deque(merge(*found, key=self._when), maxlen=count):
            yield told.record(s, record)
        while follow:
            committed = self._committed
            for view in self._since(store):
                if view.id != store:  # numbers start anew
                    store, following = view.id, dict.fromkeys(streams, 1)
                for s in streams:
                    end = view.last(s) + 1
                    async for record in self._records(view, s, following[s], end):
                        yield told.record(s, record)
                    following[s] = end
            await committed.wait()

    def _since(self, store: str) -> list[StoreView]:
        """This one, and what forks have put in its place since; where it has gone for good only the newest."""
        views = [*self._journal.sealed, self._journal.current]
        ids = [view.id for view in views]
        return views[ids.index(store) if store in ids else -1 :]

    def _when(self, placed: tuple[Stream, Record]) -> tuple[bool, int]:
        """Orders streams among each other: a stepped wall clock disorders nothing of this boot; within a stream seq rules."""
        at = placed[1].at
        current = at.boot == self._clock.now().boot
        return current, at.mono if current else at.t

    async def _records(self, store: StoreView, stream: Stream, first: int, end: int) -> AsyncIterator[Record]:
        """What can be read of them."""
        first = max(first, store.low(stream))
        while first < end:
            try:
                found = await store.read(stream, first, min(_TAIL_RECORDS, end - first), _TAIL_BYTES)
            except (StoreDamaged, StoreUnreadable):
                first = await store.next_good(stream, first, hopeless=True)
                continue
            if not found.records:  # beyond its last: to ask again would be for ever
                return
            for record in found.records:
                yield record
            first += len(found.records)

    # parts of the snapshot

    def _device(self, s: Supervised, mono: int, offset: int) -> DeviceNow:
        poll = self._polls.get(s.device)
        points = []
        if poll is not None:
            age = (mono - poll.at.mono) / 1e6
            points = [
                PointNow(p.name, p.unit, poll.scaled(i), poll.quality_of(i), poll.at.mono + offset, age, p.label)
                for i, p in enumerate(poll.map.points)
            ]
        seen = self._seen.get(s.device)
        last_seen = None if seen is None else seen + offset
        return DeviceNow(s.device, s.kind, s.state.value, s.since, last_seen, told.problem(s.problem), points)

    def _alarms(self, now: Stamp) -> list[AlarmNow]:
        assert self.pipeline
        return [self._alarm(alarm, at_centre, now) for alarm, at_centre in self.pipeline.alarms()]

    def _alarm(self, a: OpenAlarm, at_centre: bool, now: Stamp) -> AlarmNow:
        """One that was raised just now is not in the views yet: its time is of the clock of now, if it can be of this boot by that."""
        known = self.projection.alarms if self.projection else {}
        read = now.tq if now.t - now.mono <= a.raised <= now.t else TimeQuality("unknown")
        at = known.get(a.id, Located(a.raised, read))
        return AlarmNow(
            a.id,
            a.what,
            a.device,
            a.point,
            "acked" if a.acked_by else "raised",
            at.utc if at else a.raised,
            at.tq.source if at else "unknown",
            a.value,
            a.unit,
            a.acked_by,
            at_centre,
            a.state,
        )

    def _stream(self, store: StoreView, stream: Stream) -> StreamNow:
        """Also of a sealed store, as long as it is there."""
        lane = self.uplink.lanes_of(store.id)[stream] if self.uplink else Lane(self._journal, store, stream, None)
        c = lane.counts()
        return StreamNow(store.id, stream, c.captured, c.acknowledged, c.waiting, c.lost, c.refused)

    def _link(self) -> LinkNow:
        if self.uplink is None:
            return LinkNow("off", "", "unknown", 0, None)
        u = self.uplink
        return LinkNow(u.state, self._broker, u.central, u.since, told.problem(u.problem), u.ignored_messages)
