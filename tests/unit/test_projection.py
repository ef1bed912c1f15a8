"""The views: what they say is what every record says, whenever they were followed, dropped, killed or damaged."""

import asyncio
from pathlib import Path

import apsw
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.projection import file as view_file
from gateway.projection import follow as following
from gateway.projection.follow import Projection
from gateway.status import PlotMinute
from model.observation import Point, PointMap, Quality
from model.record import Draft, Stream
from model.time import TimeQuality
from support.journals import drafts
from support.memory import memory_directory
from support.projecting import (
    ALWAYS,
    MAPS,
    MINUTE,
    TURNED,
    alarm,
    anchor,
    follow,
    naive,
    opened,
    ordered,
    poll,
    records,
    shown,
    some,
    write,
)
from support.source import BOOT, T0, new_id

LATER = "0b6f4c1e-1111-4222-8333-444455559999"
UNKNOWN = TimeQuality("unknown")


async def test_a_minute_of_a_point(tmp_path: Path) -> None:
    """First time, least, greatest and last good value in the point's unit, and how often which fault."""
    async with opened(tmp_path) as (journal, projection):
        bad = Quality.SENSOR_FAULT
        said: tuple[int | Quality, ...] = (41, 39, bad, 44, 42, bad)
        for n, value in enumerate(said):
            await write(journal, [poll(n * 1_000_000, value, 0)])
            if n % 2:
                await follow(projection)
        await write(journal, [poll(MINUTE, bad, 1)])
        plot = await projection.plot("room1", "temperature", *ALWAYS, None)
        assert plot
        assert plot.minutes == [
            PlotMinute(T0, "ntp", 3.9, 4.4, 4.2, 4, {"sensor_fault": 2}),
            PlotMinute(T0 + MINUTE, "ntp", None, None, None, 0, {"sensor_fault": 1}),
        ]
        assert (plot.unit, plot.behind) == ("Cel", 0)
        await projection._close()


BAD = [quality for quality in Quality if quality is not Quality.GOOD]
Said = tuple[PointMap, list[int | Quality], int, int, bool]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    said=st.lists(
        st.tuples(
            st.sampled_from(MAPS),
            st.lists(
                st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-30, 30), st.sampled_from(BAD)),
                min_size=2,
                max_size=2,
            ),
            st.integers(0, 3 * MINUTE),
            st.sampled_from([0, 0, 0, -3_600_000_000, 3_600_000_000]),
            st.booleans(),
        ),
        min_size=1,
        max_size=40,
    ),
    slices=st.integers(1, 7),
)
def test_views_are_what_the_records_say(said: list[Said], slices: int) -> None:
    """However the following was cut into rounds, whatever the wall clock did, over reboots, and once more from nothing."""

    async def run(directory: Path) -> None:
        async with opened(directory) as (journal, projection):
            boot, mono = BOOT, 0
            drafts: list[Draft] = []
            for of, values, pause, step, cut in said:
                if mono + pause > 5 * MINUTE and boot == BOOT:
                    boot, mono = LATER, 0
                    drafts.append(anchor(0, T0 + 3600 * 10**6, "unknown", None, boot=LATER))
                mono += pause
                if step:
                    drafts.append(anchor(mono, T0 + mono + step, "rtc", None, boot=boot))
                drafts.append(poll(mono, *values, map=of, boot=boot, t=max(0, T0 + mono + step), tq=UNKNOWN))
                if cut:
                    await write(journal, drafts)
                    await follow(projection)
                    drafts = []
            await write(journal, drafts)
            incremental = ordered(await shown(projection))
            assert incremental == await naive(journal)
            task = asyncio.create_task(projection.run())
            assert [one async for one in projection.rebuild()][-1].done > 0
            assert ordered(await shown(projection)) == incremental
            task.cancel()
            await asyncio.wait({task})

    with memory_directory() as directory, pytest.MonkeyPatch.context() as patch:
        patch.setattr(following, "_SLICE_RECORDS", slices)
        patch.setattr(following, "ROUND_RECORDS", 10)
        asyncio.run(run(Path(directory)))


async def test_views_that_were_deleted_come_again(tmp_path: Path) -> None:
    """At the next start, by themselves; so do those of an older program."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        await follow(projection)
        before = await shown(projection)
        await projection._close()
        for part in tmp_path.glob("views.db*"):
            part.unlink()
        anew = Projection(tmp_path / "views.db", journal)
        task = asyncio.create_task(anew.run())
        while anew.behind():
            await anew._moved.wait()
        assert await shown(anew) == before
        assert set(anew.alarms) == {"a1"}
        task.cancel()
        await asyncio.wait({task})
        assert not (tmp_path / "views.db-wal").exists()


@pytest.mark.parametrize("before", [True, False], ids=["followed before the fork", "only after it"])
async def test_a_fork_counts_nothing_twice(tmp_path: Path, before: bool) -> None:
    """What lay beyond the shared history comes again in the new store."""
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        if before:
            await follow(projection)
        plain = await naive(journal)
        ends = {stream: journal.head(stream) for stream in Stream}
        reading = await records(journal, Stream.READING)
        ends[Stream.READING] = ends[Stream.READING]._replace(seq=100, hash=reading[99].hash)
        await journal.fork(journal.store, ends)
        committed = asyncio.Event()
        journal.on_commit(committed.set)
        while journal.last(Stream.READING) < len(reading) - 100:
            committed.clear()
            await committed.wait()
        await follow(projection)
        assert ordered(await shown(projection)) == plain
        assert ordered(await shown(projection)) == await naive(journal)
        await write(journal, [poll(80 * MINUTE, 7, 1)])
        await follow(projection)
        assert ordered(await shown(projection)) == await naive(journal)
        await projection._close()


async def test_damage_in_the_journal_is_passed_over(tmp_path: Path) -> None:
    """What can be read behind it is shown."""
    async with opened(tmp_path) as (journal, projection):
        await write(journal, [poll(n * MINUTE, n, 0) for n in range(10)])
        await journal.rotate("reading")
        with apsw.Connection(str(next(tmp_path.glob("stores/*/reading-000001.db")))) as db:
            db.execute("UPDATE record SET body = '{}' WHERE id & 0xFFFF = 4")
        await write(journal, [poll(10 * MINUTE, 10, 0)])
        plot = await projection.plot("room1", "temperature", *ALWAYS, None)
        assert plot
        assert [m.last for m in plot.minutes] == [round(n / 10, 1) for n in range(11) if n != 3]
        assert plot.behind == 0
        await projection._close()


async def test_a_body_that_says_nothing_is_left_out(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """And what is around it is not."""
    async with opened(tmp_path) as (journal, projection):
        good, stamp = poll(0, 40, 0), poll(1, 40, 0).at
        narrow = good.body.replace(b"[40,0]", b'[40],"q":["stale"]')
        bodies = [b"[]", b'{"d":"room1"}', good.body.replace(b"40", b'"x"'), narrow]
        await write(journal, [good, *(Draft(good.kind, body, stamp) for body in bodies), good])
        await write(journal, [Draft("time.anchor/1", b"{}", stamp), Draft("alarm.raised/1", b"3", stamp)])
        found = await shown(projection)
        assert [(m.good, m.bad) for m in found["room1", "temperature"]] == [(2, {"stale": 1})]
        assert [(m.good, m.bad) for m in found["room1", "door"]] == [(2, {})]
        assert caplog.text.count("left out") == 5
        await projection._close()


async def test_where_a_boot_lies_is_known_later(tmp_path: Path) -> None:
    """Three hours in 1970, then the clock is set: the same minutes lie where they were, and the alarm too; no record changed."""
    async with opened(tmp_path) as (journal, projection):
        hour = 3_600_000_000
        await write(journal, [anchor(0, 0, "unknown", None, boot=LATER), alarm("raised", "a1", hour, boot=LATER)])
        await write(journal, [poll(n * hour, n, 0, boot=LATER, t=n * hour, tq=UNKNOWN) for n in range(3)])
        plot = await projection.plot("room1", "temperature", 0, T0 - 10 * hour, None)
        assert plot
        assert [(m.t, m.source) for m in plot.minutes] == [(n * hour, "unknown") for n in range(3)]
        assert projection.alarms["a1"] == (hour, UNKNOWN)
        await write(journal, [anchor(3 * hour, T0, boot=LATER)])
        plot = await projection.plot("room1", "temperature", 0, T0, None)
        assert plot
        assert [(m.t, m.source) for m in plot.minutes] == [(T0 - (3 - n) * hour, "ntp") for n in range(3)]
        assert projection.alarms["a1"] == (T0 - 2 * hour, TimeQuality("ntp", 5))
        await write(journal, [alarm("ended", "a1", 4 * hour, boot=LATER)])
        await follow(projection)
        assert projection.alarms == {}
        await projection._close()


async def test_readings_whose_anchor_is_retired(tmp_path: Path) -> None:
    """Their own stamps say where they lie."""
    async with opened(tmp_path) as (journal, projection):
        await write(journal, [poll(5 * MINUTE, 40, 0, boot=new_id())])
        (minute,) = (await shown(projection))["room1", "temperature"]
        assert (minute.t, minute.source) == (T0 + 5 * MINUTE, "ntp")
        await projection._close()


async def test_a_span_and_a_profile_that_changed(tmp_path: Path) -> None:
    """Only what lies in it; by each map's own position and scale; a point of another unit is another point."""
    async with opened(tmp_path) as (journal, projection):
        await write(journal, [poll(n * MINUTE, 40, 0) for n in range(5)])
        await write(journal, [poll(n * MINUTE, 1, 410, map=TURNED) for n in range(5, 9)])
        plot = await projection.plot("room1", "temperature", T0 + 3 * MINUTE, T0 + 7 * MINUTE, TURNED)
        assert plot
        assert [(m.t - T0, m.last) for m in plot.minutes] == [
            (3 * MINUTE, 4.0), (4 * MINUTE, 4.0), (5 * MINUTE, 4.1), (6 * MINUTE, 4.1)
        ]  # fmt: skip
        fahrenheit = PointMap("room1", "probe", 3, (Point("temperature", "[degF]", 0.1),))
        plot = await projection.plot("room1", "temperature", *ALWAYS, fahrenheit)
        assert plot
        assert (plot.unit, plot.minutes) == ("[degF]", [])
        assert await projection.plot("room1", "pressure", *ALWAYS, fahrenheit) is None
        assert await projection.plot("room9", "door", *ALWAYS, None) is None
        await projection._close()


async def test_only_so_much_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest minutes go, whatever any clock says; the newest stay."""
    monkeypatch.setattr(view_file, "MAX_BYTES", 100_000)
    async with opened(tmp_path) as (journal, projection):
        for n in range(0, 3000, 100):
            await write(journal, [poll(m * MINUTE, m, 0, t=2_000_000_000 - m) for m in range(n, n + 100)])
            await follow(projection)
        minutes = (await shown(projection))["room1", "temperature"]
        assert 300 < len(minutes) < 2900
        assert [m.t for m in minutes] == [T0 + m * MINUTE for m in range(3000 - len(minutes), 3000)]
        assert (tmp_path / "views.db").stat().st_size < 150_000
        await projection._close()


async def test_nothing_wakes_without_a_commit(tmp_path: Path) -> None:
    """At rest no timer runs; one commit arms one, an alarm's is sooner, and many readings are due at once."""
    async with opened(tmp_path) as (journal, projection):
        await follow(projection)
        assert projection._timer is None
        now = asyncio.get_running_loop().time
        await write(journal, [poll(0, 1, 0)])
        assert projection._timer
        assert following.WITHIN_S[Stream.AUDIT] < projection._timer.when() - now() <= following.WITHIN_S[Stream.READING]
        reading = projection._timer
        await write(journal, [poll(1, 1, 0)])
        await journal.append(drafts(Stream.DIAG, [1]), urgent=True)
        assert projection._timer is reading
        await write(journal, [alarm("raised", "a1", 1)])
        assert reading.cancelled()
        assert projection._timer.when() - now() <= following.WITHIN_S[Stream.ALARM]
        assert not projection._due.is_set()
        await write(journal, [poll(n, 1, 0) for n in range(following.WORTH_RECORDS)])
        assert projection._due.is_set()
        await follow(projection)
        assert projection._timer is None
        await projection._close()


async def test_a_rebuild_tells_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the journal goes on; it ends when all that was there at its start is there again."""
    monkeypatch.setattr(following, "ROUND_RECORDS", 50)
    monkeypatch.setattr(following, "_SLICE_RECORDS", 50)
    async with opened(tmp_path) as (journal, projection):
        await some(journal)
        task = asyncio.create_task(projection.run())
        told = []
        async for one in projection.rebuild():
            told.append(one)
            await write(journal, [poll(61 * MINUTE, 1, 1)])
        assert [one.done for one in told] == sorted({one.done for one in told})
        assert told[-1].done == told[-1].of
        assert len(told) > 5
        task.cancel()
        await asyncio.wait({task})
