"""Safety before bookkeeping: with a disk that refuses, is slow or comes back, alarms act, and each is written once."""

import asyncio
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from gateway import owed, urgent
from gateway.rules.base import PointInput
from gateway.rules.lift_test import LiftTestConfig, LiftTestRule, call_point
from gateway.rules.lift_watch import LiftWatchConfig, LiftWatchRule
from gateway.rules.site import Site as Place
from model.errors import LinkError
from model.observation import Quality, TextMessage
from model.record import Stream
from support.disk import files_end_at
from support.site import BOARD, Site, assert_whole, running


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is owed is offered again soon: a test waits for it."""
    monkeypatch.setattr(owed, "RETRY_S", 0.05)
    monkeypatch.setattr(urgent, "RETRY_S", 0.05)


async def settled(site: Site) -> None:
    """All that was owed is paid."""
    await site.until(lambda: not site.pipeline._owed._debts)


async def alarms(site: Site) -> list[tuple[str, bool]]:
    return [(kind, body.get("unjournalled", False)) for kind, body in await site.records(Stream.ALARM)]


async def test_an_alarm_acts_without_the_disk_and_is_written_once(tmp_path: Path) -> None:
    """Siren and lamp on, sent past the journal; written, marked, with its state, when the disk takes it."""
    async with running(tmp_path) as site:
        with files_end_at(0):
            site.room(9.0)
            await site.until(lambda: site.urgent)
            assert site.signals[-1] == {"lamp_red", "siren"}
            assert site.journal.failed and site.journal.last(Stream.ALARM) == 0
        await settled(site)
        ((kind, body),) = await site.records(Stream.ALARM)
        assert (kind, body["unjournalled"]) == ("alarm.raised/1", True)
        assert [(k, b.alarm) for k, b in site.urgent] == [(kind, body["alarm"])]
        assert site.journal.failed is None
        await assert_whole(site.journal)


async def test_the_whole_life_of_an_alarm_without_the_disk(tmp_path: Path) -> None:
    """In order, each transition once, and after that records are as always."""
    async with running(tmp_path) as site:
        with files_end_at(0):
            for celsius in (9.0, 4.0, 1.0, 4.0, 8.5):
                site.room(celsius)
            await site.until(lambda: len(site.urgent) == 5)
        await settled(site)
        assert await alarms(site) == [
            ("alarm.raised/1", True),
            ("alarm.cleared/1", True),
            ("alarm.raised/1", True),
            ("alarm.cleared/1", True),
            ("alarm.raised/1", True),
        ]
        await assert_whole(site.journal)
        site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 6)
        assert (await alarms(site))[-1] == ("alarm.cleared/1", False)


async def test_readings_that_the_disk_refused_are_counted(tmp_path: Path) -> None:
    """A gap record says of which device how many and from when to when; nothing else is missing."""
    async with running(tmp_path, group_s=0) as site:
        site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 1)
        first = site.clock.now().t
        with files_end_at(0):
            for _ in range(5):
                site.room(4.0)
            await site.until(lambda: sum(n for n, _, _ in site.pipeline._owed._gaps.values()) == 5)
        await site.until(lambda: not site.pipeline._owed._gaps)
        ((_, body),) = await site.records(Stream.AUDIT, "store.gap/1")
        assert (body["device"], body["n"], body["why"]) == ("room1", 5, "store_failed")
        assert first <= body["first"] <= body["last"]
        site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 2)
        assert len(await site.records(Stream.AUDIT, "point.map/1")) == 1


async def test_events_wait_in_memory_and_keep_their_order(tmp_path: Path) -> None:
    """Scans without handshake are not lost to a disk that fails for a while, also while new ones come faster than we retry."""
    async with running(tmp_path) as site:
        with files_end_at(0):
            for n in range(20):
                site.pipeline.emit(site.scan(b"%d" % n))
            await site.until(lambda: len(site.pipeline._owed._debts) == 20)

        async def more() -> None:
            for n in range(20, 60):
                site.pipeline.emit(site.scan(b"%d" % n))
                await asyncio.sleep(0.01)

        coming = asyncio.create_task(more())
        await site.until(lambda: site.journal.last(Stream.EVENT) >= 20)
        await coming
        await site.until(lambda: site.journal.last(Stream.EVENT) == 60)
        assert [body["text"] for _, body in await site.records(Stream.EVENT)] == [str(n) for n in range(60)]


async def test_a_modem_that_no_longer_waits_for_its_message_stops_nothing(tmp_path: Path) -> None:
    """Its driver was ended while the disk took nothing: the message is owed all the same, and what comes behind it."""
    async with running(tmp_path) as site:
        with files_end_at(0):
            waiting = site.pipeline.commit(TextMessage("sms1", "10086", "credit", site.clock.now(), None))
            await site.until(lambda: site.pipeline._owed._debts)
            waiting.cancel()
            await asyncio.wait({waiting})
            site.pipeline.emit(site.scan(b"next"))
        await site.until(lambda: site.journal.last(Stream.EVENT) == 2)


async def test_what_finds_no_room_is_counted_but_never_an_alarm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Memory is bounded: scans beyond it are a gap. Alarms, rule states and point maps always find room."""
    monkeypatch.setattr(owed, "OWED_MAX", 10)
    async with running(tmp_path) as site:
        with files_end_at(0):
            for n in range(15):
                site.pipeline.emit(site.scan(b"%d" % n))
            await site.until(lambda: len(site.seen) == 15)
            site.room(9.0)
            await site.until(lambda: site.urgent)
        await settled(site)
        await site.until(lambda: not site.pipeline._owed._gaps)
        gaps = {body["device"]: body["n"] for _, body in await site.records(Stream.AUDIT, "store.gap/1")}
        assert len(await site.records(Stream.EVENT)) + gaps["scan1"] == 15
        assert await alarms(site) == [("alarm.raised/1", True)]
        assert len(await site.records(Stream.AUDIT, "point.map/1")) == 1
        await assert_whole(site.journal)


async def test_of_alarms_of_one_step_each_is_sent_past_the_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Until the disk has them: that the broker took one does not say that the desk has it. A board is lost with both its contacts."""
    monkeypatch.setattr(urgent, "AGAIN_S", 0.01)
    contacts = ("io1.di1", "io1.di2")
    config = LiftWatchConfig(id="w1", rule="lift_watch", profile="lift-watch-default", lift="l1", contacts=contacts)
    async with running(tmp_path, rules_={LiftWatchRule(config, Place()): contacts}) as site:
        site.pipeline.silent(BOARD)
        site.later(3600)
        with files_end_at(0):
            site.pipeline.silent(BOARD)
            await site.until(lambda: all([b.point for _, b in site.urgent].count(di) > 1 for di in ("di1", "di2")))
        await settled(site)
        assert await alarms(site) == [("alarm.raised/1", True)] * 2


async def test_a_lifts_test_that_began_without_the_disk_is_not_lost(tmp_path: Path) -> None:
    """Nor what is said with it: it is written when the disk takes it, and passes when the centre has it."""
    test = LiftTestRule(LiftTestConfig(id="t1", rule="lift_test", profile="lift-test-default", lift="l1"), Place())
    async with running(tmp_path, rules_={test: [f"gateway.{call_point('l1')}"]}) as site:
        with files_end_at(0):
            idle = PointInput("gateway", call_point("l1"), 0.0, "1", Quality.GOOD, site.clock.now())
            site.pipeline.measured(idle)
            await site.until(lambda: site.pipeline._owed._debts)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        assert site.journal.state(f"rule/{test.id}")
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 2)
        assert [body["phase"] for _, body in await site.records(Stream.ALARM)] == ["begun", "passed"]


async def test_a_slow_disk_delays_no_siren(tmp_path: Path) -> None:
    """Another process holds the file: shown and sent meanwhile, and the record follows by itself."""
    async with running(tmp_path) as site:
        (core,) = tmp_path.glob("*/core-*.db")
        with closing(apsw.Connection(str(core))) as holder:
            holder.execute("BEGIN IMMEDIATE")
            site.room(9.0)
            await site.until(lambda: site.urgent)
            assert site.signals[-1] == {"lamp_red", "siren"}
            assert site.journal.last(Stream.ALARM) == 0
            holder.execute("ROLLBACK")
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        assert len(site.urgent) == 1
        await assert_whole(site.journal)


async def test_the_centres_word_is_heard_while_the_urgent_way_hangs(tmp_path: Path) -> None:
    """The record became durable and reached the centre before the broker took the urgent copy: it is delivered all the same."""
    async with running(tmp_path) as site:
        hanging, go_on = asyncio.Event(), asyncio.Event()

        async def hang() -> None:
            hanging.set()
            await go_on.wait()

        site.sending = hang
        with files_end_at(0):
            site.room(9.0)
            await hanging.wait()
        await settled(site)
        site.pipeline.delivered(Stream.ALARM, 1)
        go_on.set()
        await site.until(lambda: site.pipeline.alarms()[0][1])


async def test_without_disk_and_without_link_it_is_tried_until_one_is_back(tmp_path: Path) -> None:
    """Nobody off site knows of it otherwise; once the broker has it, it is not sent again."""
    async with running(tmp_path) as site:
        tries = 0

        async def no_link() -> None:
            nonlocal tries
            tries += 1
            if tries < 4:
                raise LinkError("link_lost", why="no network")

        site.sending = no_link
        with files_end_at(0):
            site.room(9.0)
            await site.until(lambda: site.urgent)
        await settled(site)
        assert (tries, len(site.urgent)) == (4, 1)


async def test_the_disk_comes_back_before_the_link(tmp_path: Path) -> None:
    """What is in the journal needs no other way any more."""
    async with running(tmp_path) as site:
        trying = asyncio.Event()

        async def no_link() -> None:
            trying.set()
            raise LinkError("link_lost", why="no network")

        site.sending = no_link
        with files_end_at(0):
            site.room(9.0)
            await trying.wait()
        await settled(site)
        await site.until(lambda: not site.pipeline._tasks)
        assert not site.urgent
        assert await alarms(site) == [("alarm.raised/1", True)]
