"""What is shown: newest values with their age, plots, alarms, scans, counts and the journal's tail, for many viewers at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import apsw
import msgspec
import pytest

from drivers.modbus.bus import ModbusRtuBus, ModbusRtuConfig
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from gateway import views
from gateway.settings.schema import Configured
from gateway.supervisor import Supervised
from gateway.views import Views
from model.errors import TransientError
from model.observation import PointMap, Poll, Quality, Scan, TagWindow
from model.ports import Health
from model.record import STREAMS, Stream
from model.time import TimeQuality
from support.site import ROOM, Site, running
from sync.journal.segment import Head, Slice
from sync.journal.view import StoreView
from sync.watermark import Watermark

HOUR_S = 3600


class Show:
    """Views of a site whose devices are supervised but do not run: the test is the wire."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.supervised: dict[str, Supervised] = {}
        self.views = Views("gw-1", "0.1", "", site.clock, site.journal, self.supervised)
        self.views.pipeline = site.pipeline
        self._add("bus", ModbusRtuBus, ModbusRtuConfig(id="bus", driver="modbus_rtu", port="/dev/none"))
        room = ModbusConfig(id="room1", driver="modbus", bus="bus", slave=1, profile="xy-md02")
        self._add("room1", ModbusDevice, room)
        self._add("scan1", ScannerDevice, ScannerConfig(id="scan1", driver="scanner", port="/dev/none"))

    def _add(self, name: str, factory: type[Any], config: Any) -> None:
        self.supervised[name] = Supervised(
            name,
            Configured[Any](factory, config),
            self.site.clock,
            self.site.pipeline.emit,
            self.site.pipeline.commit,
            self.supervised,
            lambda _: self.views.changed(),
        )

    def room(self, celsius: float | None, points: PointMap = ROOM) -> None:
        good = celsius is not None
        values = [round(celsius * 10) if celsius is not None else None, 500]
        quality = None if good else [Quality.COMM_ERROR, Quality.GOOD]
        self.views.observed(Poll("room1", points, values, self.site.clock.now(), quality))

    def tag(self, epc: str) -> None:
        now = self.site.clock.now()
        self.views.observed(TagWindow("gate", epc, "3000", 1, now, now))

    def series(self) -> list[float | None]:
        return [value for _, value in self.views.series("room1", "temperature")]


@pytest.fixture
async def show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Show]:
    monkeypatch.setattr(views, "CHANGES_S", 0.01)
    async with running(tmp_path, group_s=0) as site:
        yield Show(site)


@asynccontextmanager
async def reading(stream: AsyncIterator[Any]) -> AsyncIterator[AsyncIterator[Any]]:
    """An endless stream, closed at the end of the block."""
    try:
        yield stream
    finally:
        await stream.aclose()  # type: ignore[attr-defined]


async def test_a_device_with_its_values_and_their_age(show: Show) -> None:
    """Scaled, in the point's unit, as old as they are; no value where there is none; the reason while it is away."""
    show.supervised["room1"].health(Health.ONLINE)
    show.room(4.2)
    show.site.later(90)
    devices = {d.id: d for d in show.views.snapshot().devices}
    assert list(devices) == ["bus", "room1", "scan1"]
    temperature, humidity = devices["room1"].points
    assert (temperature.value, temperature.unit, temperature.quality, humidity.value) == (4.2, "Cel", "good", 50.0)
    assert 90 <= temperature.age_s < 120
    assert (devices["room1"].health, devices["scan1"].health, devices["scan1"].points) == ("online", "starting", [])
    show.room(None)
    show.supervised["room1"].health(Health.OFFLINE, TransientError("port_absent", port="/dev/none"))
    room = show.views.snapshot().devices[1]
    assert (room.points[0].value, room.points[0].quality) == (None, "comm_error")
    assert room.problem and (room.problem.code, room.problem.params) == ("port_absent", {"port": "/dev/none"})


async def test_a_plot_of_the_last_hour(show: Show) -> None:
    """One point a second at most, gaps as gaps, nothing older than an hour."""
    for second in range(HOUR_S + 100):
        show.room(None if second == 3000 else second / 10)
        show.site.later(0.3)
        show.room(-1.0)
        show.site.later(0.7)
    series = show.series()
    assert HOUR_S - 2 <= len(series) <= HOUR_S
    assert series[-1] == (HOUR_S + 99) / 10
    assert series.count(None) == 1
    assert -1.0 not in series


async def test_a_plot_goes_on_after_a_reconnect(show: Show) -> None:
    """The driver that has started anew brings an equal map; a profile of another version begins a new plot."""
    for points in (ROOM, msgspec.structs.replace(ROOM), msgspec.structs.replace(ROOM)):
        show.room(4.0, points)
        show.site.later(1)
    assert show.series() == [4.0] * 3
    show.room(5.0, msgspec.structs.replace(ROOM, version=2))
    assert show.series() == [5.0]


@pytest.mark.parametrize("step_s", [-7200, 1_800_000_000])
async def test_what_is_shown_moves_with_a_stepped_wall_clock(show: Show, step_s: int) -> None:
    """Set back two hours, or out of 1970: plot, last contact and scans stay as long ago as they were, in one order."""
    show.room(4.0)
    show.views.observed(show.site.scan(b"690"))
    show.site.later(100)
    show.room(5.0)
    show.site.later(1)
    show.site.clock.stepped_us = step_s * 1_000_000
    show.room(6.0)
    now = show.views.snapshot()
    (first, _), (second, _), (third, _) = show.views.series("room1", "temperature")
    assert first < second <= third
    for t, age_s in ((first, 101), (third, -1), (now.scans[0].at, 101), (now.devices[1].last_seen or 0, 0)):
        assert age_s <= (now.now - t) / 1e6 < age_s + 30


async def test_what_nobody_knows_cannot_be_plotted_or_watched(show: Show) -> None:
    """A device that has not spoken yet is known; another is not."""
    assert show.views.series("scan1", "anything") == []
    show.room(4.0)
    for ask in (
        lambda: show.views.series("room9", "temperature"),
        lambda: show.views.series("room1", "pressure"),
        lambda: show.views.watch("room9"),
    ):
        with pytest.raises(KeyError):
            ask()


async def test_scans_and_tags_newest_first(show: Show) -> None:
    """A tag once per visit, not once per window; memory is bounded."""
    show.views.observed(Scan("scan1", b"690\x1d\xff", show.site.clock.now(), "]d2"))
    for pause in (0, 5, 9, 11):
        show.site.later(pause)
        show.tag("E2")
    codes = [(s.code, s.carrier) for s in show.views.snapshot().scans]
    assert codes == [("E2", "epc"), ("E2", "epc"), ("690\x1d\\xff", "]d2")]
    for n in range(1000):
        show.tag(f"E{n:05}")
    assert len(show.views.snapshot().scans) == len(show.views._tags) == views.SCANS_MAX


async def test_open_alarms_and_what_the_centre_has_of_them(show: Show) -> None:
    """From raised to answered, with the limit's value; nothing once it is over."""
    show.site.room(9.0)
    await show.site.until(lambda: show.site.journal.last(Stream.ALARM) == 1)
    (alarm,) = show.views.snapshot().alarms
    assert (alarm.what, alarm.value, alarm.unit, alarm.state) == ("temperature_high", 9.0, "Cel", "raised")
    assert (alarm.acked_by, alarm.at_centre) == (None, False)
    show.site.pipeline.delivered(Stream.ALARM, 1)
    await show.site.until(lambda: show.views.snapshot().alarms[0].at_centre)
    await show.site.answer(alarm.id)
    (alarm,) = show.views.snapshot().alarms
    assert (alarm.state, alarm.acked_by, alarm.at_centre) == ("acked", "wang", False)
    show.site.room(4.0)
    await show.site.until(lambda: not show.views.snapshot().alarms)


async def test_an_alarm_that_the_views_do_not_know_yet(show: Show) -> None:
    """Its time is of the clock that it was read from: not of one that was set since."""
    show.site.clock.tq = TimeQuality("ntp", 5)
    show.site.room(9.0)
    await show.site.until(lambda: show.site.journal.last(Stream.ALARM) == 1)
    assert show.views.snapshot().alarms[0].raised_source == "ntp"
    show.site.clock.stepped_us = 10 * 365 * 86_400_000_000
    assert show.views.snapshot().alarms[0].raised_source == "unknown"


async def test_without_a_centre_the_counts_add_up(show: Show) -> None:
    """captured = acknowledged + waiting + lost + refused; what a centre acknowledged earlier stays acknowledged."""
    for _ in range(5):
        show.site.room(4.0)
    await show.site.until(lambda: show.site.journal.last(Stream.READING) == 5)
    show.site.journal.note(f"ack/{show.site.journal.store}/reading", msgspec.json.encode(Watermark(upto=3, epoch=1)))
    streams = {s.stream: s for s in show.views.snapshot().streams}
    assert list(streams) == [s.value for s in STREAMS]
    reading = streams["reading"]
    assert (reading.captured, reading.acknowledged, reading.waiting, reading.lost, reading.refused) == (5, 3, 2, 0, 0)
    for s in streams.values():
        assert s.captured == s.acknowledged + s.waiting + s.lost + s.refused
    assert show.views.snapshot().link.state == "off"


async def test_every_viewer_hears_of_every_change(show: Show) -> None:
    """Pages that come at different times: a change wakes all of them, also one that happens while somebody looks."""
    async with reading(show.views.changes()) as one, reading(show.views.changes()) as two:
        first, second = (asyncio.ensure_future(anext(c)) for c in (one, two))
        await asyncio.sleep(0)
        show.views.changed()
        await first
        show.views.changed()  # while the first one looks
        await asyncio.wait_for(second, 5)
        for _ in range(3):
            await asyncio.wait_for(anext(one), 5)
            show.views.changed()
            await asyncio.wait_for(anext(two), 5)
            show.views.changed()


async def test_a_change_is_told_once(show: Show) -> None:
    """When nothing more happens nobody is woken."""
    async with reading(show.views.changes()) as changes:
        told = asyncio.ensure_future(anext(changes))
        await asyncio.sleep(0)
        show.views.changed()
        await told
        again = asyncio.ensure_future(anext(changes))
        done, _ = await asyncio.wait({again}, timeout=0.1)
        assert not done
        show.views.changed()
        await again


async def test_a_device_is_watched(show: Show) -> None:
    """Its observations only, each once, in JSON types; a watcher that has left is forgotten."""
    async with reading(show.views.watch("room1")) as watching:
        told = asyncio.ensure_future(anext(watching))
        await asyncio.sleep(0)
        show.tag("E2")
        show.room(4.2)
        room = await told
        show.room(None)
        bad = await anext(watching)
    assert room["points"]["temperature"] == {"value": 4.2, "unit": "Cel", "quality": "good"}
    assert bad["points"]["temperature"] == {"value": None, "unit": "Cel", "quality": "comm_error"}
    assert msgspec.json.decode(msgspec.json.encode(room)) == room
    assert not show.views._watchers["room1"]


async def test_the_tail_of_the_journal(show: Show) -> None:
    """The last so many of one stream, or of all, each in the order of its numbers; then each new one, none twice and none left out."""
    for n in range(1200):
        show.site.pipeline.emit(show.site.scan(b"%d" % n))
    await show.site.until(lambda: show.site.journal.last(Stream.EVENT) == 1200)
    async with reading(show.views.tail("event", 1100, follow=True)) as tail:
        texts = [(await anext(tail))["body"]["text"] for _ in range(1100)]
        assert texts == [str(n) for n in range(100, 1200)]
        for n in range(1200, 1210):
            show.site.pipeline.emit(show.site.scan(b"%d" % n))
        assert [(await anext(tail))["seq"] for _ in range(10)] == list(range(1201, 1211))
    show.site.room(9.0)
    await show.site.until(lambda: show.site.journal.last(Stream.READING) == 1)
    last = [r async for r in show.views.tail(None, 6, follow=False)]
    assert {r["stream"] for r in last} >= {"alarm", "audit", "event", "reading"}
    for stream in {r["stream"] for r in last}:
        seqs = [r["seq"] for r in last if r["stream"] == stream]
        assert seqs == sorted(seqs)
    assert [r async for r in show.views.tail("alarm", 0, follow=False)] == []


async def fork(site: Site, end: int) -> None:
    """The centre knows the events up to `end`: what lies beyond is in the new store, anew, once this returns."""
    journal = site.journal
    beyond = journal.last(Stream.EVENT) - end
    ends = {stream: journal.head(stream) for stream in STREAMS}
    ends[Stream.EVENT] = Head(end, await journal.current.hash_at(Stream.EVENT, end))
    await journal.fork(journal.store, ends)
    await site.until(lambda: journal.last(Stream.EVENT) == beyond)


async def test_a_fork_while_the_tail_reads_its_history(show: Show, monkeypatch: pytest.MonkeyPatch) -> None:
    """The history is of the store that it began with; then all of the new store, each record once."""
    show.site.room(9.0)  # an alarm, which is read before the events
    for n in range(6):
        show.site.pipeline.emit(show.site.scan(b"%d" % n))
    await show.site.until(lambda: show.site.journal.last(Stream.EVENT) == 6)
    await show.site.until(lambda: show.site.journal.last(Stream.ALARM) == 1)
    store, read = show.site.journal.store, StoreView.read

    async def forking(view: StoreView, stream: Stream, first: int, max_records: int, max_bytes: int) -> Slice:
        if show.site.journal.store == store:
            await fork(show.site, 4)
        return await read(view, stream, first, max_records, max_bytes)

    monkeypatch.setattr(StoreView, "read", forking)
    events: list[tuple[int, str]] = []
    async with reading(show.views.tail(None, 100, follow=True)) as tail:
        while len(events) < 9:
            one = await anext(tail)
            if one["stream"] == "event":
                events.append((one["seq"], one["body"]["text"]))
            if len(events) == 8:
                show.site.pipeline.emit(show.site.scan(b"6"))
    assert events == [*((n + 1, str(n)) for n in range(6)), (1, "4"), (2, "5"), (3, "6")]


async def test_a_fork_before_the_tail_has_told_all(show: Show) -> None:
    """What was committed before it stays to be told, of each of several stores; what was moved comes with its new number only."""
    journal = show.site.journal

    async def emit(*texts: int) -> None:
        last = journal.last(Stream.EVENT)
        for n in texts:
            show.site.pipeline.emit(show.site.scan(b"%d" % n))
        await show.site.until(lambda: journal.last(Stream.EVENT) == last + len(texts))

    await emit(0, 1)
    async with reading(show.views.tail("event", 2, follow=True)) as tail:
        assert [(await anext(tail))["body"]["text"] for _ in range(2)] == ["0", "1"]
        await emit(2, 3)
        await fork(show.site, 3)
        await emit(4, 5)
        await fork(show.site, 2)
        await emit(6)
        told = [await anext(tail) for _ in range(5)]
    assert [(one["seq"], one["body"]["text"]) for one in told] == [(3, "2"), (1, "3"), (2, "4"), (1, "5"), (2, "6")]


async def test_numbers_that_no_store_has_end_the_reading(show: Show) -> None:
    """They are not asked for again and again."""
    show.site.pipeline.emit(show.site.scan(b"0"))
    await show.site.until(lambda: show.site.journal.last(Stream.EVENT) == 1)
    store = show.site.journal.current
    assert [record.seq async for record in show.views._records(store, Stream.EVENT, 1, 9)] == [1]


async def test_the_tail_over_damage_and_a_fork(show: Show, tmp_path: Path) -> None:
    """What can be read is shown, and after a fork the new store's records; the sealed one is still counted."""
    journal = show.site.journal
    for n in range(6):
        show.site.pipeline.emit(show.site.scan(b"%d" % n))
    await show.site.until(lambda: journal.last(Stream.EVENT) == 6)
    async with reading(show.views.tail("event", 3, follow=True)) as tail:
        assert [(await anext(tail))["body"]["text"] for _ in range(3)] == ["3", "4", "5"]
        await fork(show.site, 4)
        again = [await anext(tail) for _ in range(2)]
        assert [(one["seq"], one["body"]["text"]) for one in again] == [(1, "4"), (2, "5")]
    counted = {(s.store == journal.store, s.stream): s.captured for s in show.views.snapshot().streams}
    assert (counted[True, "event"], counted[False, "event"]) == (2, 4)
    for n in range(6, 9):
        show.site.pipeline.emit(show.site.scan(b"%d" % n))
    await show.site.until(lambda: journal.last(Stream.EVENT) == 5)
    with apsw.Connection(str(tmp_path / journal.store / "core-000001.db")) as db:
        db.execute(
            "UPDATE record SET body = '{}' WHERE id = (SELECT id FROM record WHERE CAST(body AS TEXT) LIKE '%\"7\"%')"
        )
    assert [one["body"]["text"] async for one in show.views.tail("event", 3, follow=False)] == ["6", "8"]
