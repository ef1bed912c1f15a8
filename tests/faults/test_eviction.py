"""The store at its bound (12): what goes, what is said of it, what is refused; and both sides still count the same."""

import asyncio
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.store import reader
from gateway import owed
from gateway.demo.broker import Broker
from gateway.retention import RETENTIONS
from gateway.rules.store import WATCHED, StoreRule, filled
from model.errors import StoreFull
from model.record import STREAMS, Stream
from support.centre import running as centre_running
from support.disk import fill_up, ramdisk
from support.exactly_once import assert_at_centre
from support.journals import GW, drafts, numbers
from support.site import rules as site_rules
from support.site import running as site_running
from support.storekeeping import DAY_US, Kept, keeping
from support.uplinks import Gateway, settings

MIB = 1024 * 1024
RESERVE = 64 * 1024


async def assert_both_sides(gateway: Gateway, data: Path) -> None:
    """captured = acknowledged + waiting + lost + refused at the gateway, and the centre has just what that says."""
    await assert_at_centre(data, gateway.journal)
    stores = queries.counts(reader(data))["gateways"][GW]["stores"]
    for stream, lane in gateway.uplink.lanes.items():
        own, there = lane.counts(), stores[gateway.journal.store][stream]
        assert own.captured == own.acknowledged + own.waiting + own.lost + own.refused
        assert (own.waiting, own.refused, there["refused"]) == (0, 0, 0)
        assert (there["rows"], there["lost"]) == (own.acknowledged, own.lost)


def declared(drops: list[dict[str, Any]]) -> dict[str, set[int]]:
    """The numbers of each stream that `audit` says were dropped before they were acknowledged."""
    lost: dict[str, set[int]] = {}
    for drop in drops:
        numbers = range(max(drop["first"], drop["upto"] + 1), drop["last"] + 1)
        lost.setdefault(drop["stream"], set()).update(numbers)
    return lost


async def test_the_bound_with_the_centre_away(broker: Broker, tmp_path: Path, quick: None) -> None:
    """Diag goes first, then readings, those that the centre has before the others; core stays; every loss is declared."""
    gateway = Gateway(settings(broker), tmp_path / "gw", reserve_bytes=RESERVE)
    async with gateway:
        kept = Kept(gateway.journal, tmp_path / "gw", 2 * MIB, RETENTIONS.load("default"))
        kept.clock.source = "unknown"
        async with centre_running(tmp_path / "central", broker):
            for stream in (Stream.ALARM, Stream.EVENT, Stream.READING, Stream.DIAG):
                await kept.write(stream, 100)
            await gateway.until(lambda: all(lane.done for lane in gateway.uplink.lanes.values()))
        seen = 0
        for _ in range(8):
            await kept.write(Stream.READING, 192)
            await kept.write(Stream.DIAG, 128)
            await kept.write(Stream.ALARM, 10)
            await kept.keeper.look()
            assert gateway.journal.size() <= kept.now.bound
            drops = await kept.drops()
            order = [(d["stream"] == "reading", d["last"] > d["upto"]) for d in drops[seen:]]
            assert order == sorted(order)
            seen = len(drops)
        lost = declared(await kept.drops())
        assert set(lost) == {"diag", "reading"}
        assert lost["diag"] == set(range(101, gateway.journal.low(Stream.DIAG)))
        assert lost["reading"] == set(range(101, gateway.journal.low(Stream.READING)))
        assert kept.now.fill > 0.9
        async with centre_running(tmp_path / "central", broker):
            await gateway.until(lambda: all(lane.done for lane in gateway.uplink.lanes.values()))
        for stream, lane in gateway.uplink.lanes.items():
            assert lane.counts().lost == len(lost.get(stream, ()))
        await assert_both_sides(gateway, tmp_path / "central")


async def test_full_of_what_must_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Readings are refused and counted; alarms go on, also that of the full store; with room again all is as before."""
    monkeypatch.setattr(owed, "RETRY_S", 0.02)
    monkeypatch.setattr(owed, "GAP_S", 0.0)
    profile = RETENTIONS.load("default")
    rules = {**site_rules(), StoreRule(profile, profile.full): [WATCHED]}
    monkeypatch.setattr("support.site.rules", lambda: rules)
    async with site_running(tmp_path, group_s=0, reserve_bytes=RESERVE) as site:
        kept = Kept(site.journal, tmp_path, 2 * MIB, profile)
        kept.told = lambda now: site.pipeline.measured(filled(now.fill, site.clock.now()))
        for _ in range(3):
            site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 3)
        levels = []
        for _ in range(100):
            await kept.write(Stream.EVENT, 32)
            await kept.keeper.look()
            await site.until(lambda: len(site.pipeline.alarms()) == sum(kept.now.fill >= x for x in (0.7, 0.85, 0.95)))
            levels.append(len(site.pipeline.alarms()))
            if kept.now.refusing:
                break
        assert levels == sorted(levels)
        assert set(levels) == {0, 1, 2, 3}
        first = next(alarm for alarm, _ in site.pipeline.alarms() if alarm.what == "store_full")
        await site.answer(first.id, "wang")
        assert [alarm.acked_by for alarm, _ in site.pipeline.alarms()] == ["wang", None, None]
        for _ in range(5):
            site.room(9.0)
        await site.until(lambda: len(site.pipeline.alarms()) == 4)
        await site.until(lambda: not site.pipeline._owed._gaps)
        gaps = [body for _, body in await site.records(Stream.AUDIT, "store.gap/1")]
        assert {(gap["device"], gap["why"]) for gap in gaps} == {("room1", "store_full")}
        assert sum(gap["n"] for gap in gaps) == 5
        assert site.journal.last(Stream.READING) == 3
        await site.journal.rotate("core")
        kept.acknowledge_all()
        await kept.keeper.look()
        kept.clock.t += 731 * DAY_US
        await kept.keeper.look()
        site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 4)
        await site.until(lambda: not site.pipeline.alarms())
        told = [(kind, body["what"], body["limit"]) for kind, body in await site.records(Stream.ALARM)]
    over = [("store_full", 70), ("store_full", 85), ("store_full", 95), ("temperature_high", 8)]
    assert sorted(told) == [("alarm.cleared/1", what, limit) for what, limit in over]


_held_back: dict[str, threading.Event] = {}
_reached: dict[str, threading.Event] = {}


def _hold_back(event: str, args: tuple[Any, ...]) -> None:
    if _held_back and event in {"os.rename", "os.remove"}:
        for name, go_on in list(_held_back.items()):
            if name in str(args[0]):
                _reached[name].set()
                go_on.wait()


sys.addaudithook(_hold_back)  # it stays for the life of the process, and does nothing while nobody holds a file back


@contextmanager
def held_back(name: str) -> Iterator[threading.Event]:
    """Whoever removes a file of that name waits inside the block; the event says that somebody does."""
    _reached[name], _held_back[name] = threading.Event(), threading.Event()
    try:
        yield _reached[name]
    finally:
        _held_back.pop(name).set()


async def test_an_append_does_not_wait_for_a_removal(tmp_path: Path) -> None:
    """While a dropped file is being removed, however long that takes, records of each series become durable."""
    async with keeping(tmp_path, 2 * MIB) as kept:
        await kept.write(Stream.READING, 2000)
        with held_back("reading-000001.db") as reached:
            look = asyncio.create_task(kept.keeper.look())
            await asyncio.to_thread(reached.wait)
            for stream in STREAMS:
                await kept.journal.append(drafts(stream, [7001]), urgent=True)
            assert (await numbers(kept.journal, Stream.READING))[-1] == 7001
            assert not look.done()
        await look
        assert kept.journal.size() <= kept.now.bound


async def test_the_disk_is_full_and_an_alarm_comes(tmp_path: Path) -> None:
    """It is written from the reserve; then the store makes room by its own order, though it is within its limit."""
    with ramdisk(tmp_path / "disk", 6 * MIB) as disk:
        async with keeping(disk / "stores", 64 * MIB) as kept:
            await kept.write(Stream.EVENT, 200)
            await kept.write(Stream.READING, 700)
            ballast = fill_up(disk)
            with pytest.raises(StoreFull):
                await kept.write(Stream.READING, 64)
            await kept.journal.append(drafts(Stream.ALARM, [1]))
            assert not (disk / "stores" / "reserve").exists()
            events = await numbers(kept.journal, Stream.EVENT)
            await kept.keeper.look()
            assert kept.now.bound < kept.now.bytes
            assert {drop["stream"] for drop in await kept.drops()} == {"reading"}
            low = kept.journal.low(Stream.READING)
            assert kept.journal.current.lost(Stream.READING) == [(1, low - 1, "pressure")]
            assert await numbers(kept.journal, Stream.ALARM) == [1]
            assert await numbers(kept.journal, Stream.EVENT) == events
            with pytest.raises(StoreFull):
                await kept.write(Stream.READING, 1)
            await kept.journal.append(drafts(Stream.ALARM, [2]))
            ballast.unlink()
            await kept.keeper.look()
            assert (disk / "stores" / "reserve").exists()


async def test_a_sealed_store_is_pressed_first_and_then_gone(broker: Broker, tmp_path: Path, quick: None) -> None:
    """What it still had is declared lost under its own name; once the centre knows that, nothing is left of it here."""
    home = tmp_path / "gw"
    gateway = Gateway(settings(broker), home, reserve_bytes=RESERVE)
    await gateway.open()
    await gateway.write(Stream.READING, 500, padding=900)
    await gateway.write(Stream.ALARM, 3)
    await gateway.journal.close()
    (home / gateway.journal.store / "diag-000001.db").write_bytes(b"rubbish")
    await gateway.open()
    kept = Kept(gateway.journal, home, 2 * MIB, RETENTIONS.load("default"))
    (sealed,) = gateway.journal.sealed
    await kept.write(Stream.READING, 1000)
    await kept.keeper.look()
    low = sealed.low(Stream.READING)
    assert low > 1
    assert sealed.lost(Stream.READING) == [(1, low - 1, "pressure")]
    assert gateway.journal.current.lost(Stream.READING) == []
    async with centre_running(tmp_path / "central", broker):
        gateway.connect()
        await gateway.until(
            lambda: all(
                lane.done
                for store in (sealed, gateway.journal.current)
                for lane in gateway.uplink.lanes_of(store.id).values()
            )
        )
        await assert_at_centre(tmp_path / "central", gateway.journal)
        next((home / sealed.id).glob("*.damaged")).unlink()
        await kept.keeper.look()
        kept.clock.t += 731 * DAY_US
        await kept.keeper.look()
        assert not (home / sealed.id).exists()
        await kept.write(Stream.ALARM, 1)
        await gateway.until(lambda: all(lane.done for lane in gateway.uplink.lanes.values()))
    await gateway.disconnect()
    await assert_at_centre(tmp_path / "central", gateway.journal)
    await gateway.journal.close()
