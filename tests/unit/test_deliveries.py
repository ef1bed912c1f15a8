"""What the centre is said to have: by the store that holds it. When another takes its place nothing of the old one is claimed."""

from pathlib import Path

import msgspec

from gateway.deliveries import Deliveries
from gateway.rules.base import PointInput
from gateway.rules.lift_test import LiftTestConfig, LiftTestRule, call_point
from gateway.rules.site import Site as Place
from model.observation import Quality
from model.record import STREAMS, Stream
from support.journals import GW, drafts
from support.site import Site, opened, running
from sync.journal.journal import Journal
from sync.watermark import Watermark


async def another_store(site: Site) -> str:
    """As when the centre has another history of this one, all of which counts. The id of the one that is sealed."""
    journal, old = site.journal, site.journal.store
    site.journal.on_fork(site.pipeline.renumbered)
    await journal.fork(old, {stream: journal.head(stream) for stream in STREAMS})
    await site.until(lambda: journal.store != old)
    return old


def at_centre(site: Site) -> dict[str, bool]:
    return {alarm.what: there for alarm, there in site.pipeline.alarms()}


def state(site: Site) -> str | None:
    return next(alarm.state for alarm, _ in site.pipeline.alarms() if alarm.what == "lift_alarm")


async def test_what_a_damaged_store_holds_is_not_at_the_centre(tmp_path: Path) -> None:
    """A new one has taken its place at the start, of which the centre has all: nothing. It is told again, and that arrives."""
    async with running(tmp_path) as site:
        await site.press()
        clock = site.clock
    (core,) = tmp_path.glob("*/core-*.db")
    raw = core.read_bytes()
    half = len(raw) // 2
    core.write_bytes(raw[:half] + bytes(3000) + raw[half + 3000 :])
    clock.ahead_us += 40_000_000
    async with running(tmp_path, clock=clock) as site:
        assert len(site.journal.sealed) == 1
        site.pipeline.delivered(Stream.ALARM, 0)
        assert (state(site), at_centre(site)) == ("sending", {"lift_alarm": False})
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        assert [kind for kind, _ in await site.records(Stream.ALARM)] == ["alarm.reemit/1"]
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: state(site) == "sent")
        assert at_centre(site) == {"lift_alarm": True}


async def test_a_fork_claims_nothing(tmp_path: Path) -> None:
    """The old number is reached in the new store by other records."""
    async with running(tmp_path) as site:
        await site.press()
        await another_store(site)
        assert (state(site), at_centre(site)) == ("sending", {"lift_alarm": False})
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: at_centre(site)["temperature_high"])
        assert (state(site), at_centre(site)["lift_alarm"]) == ("sending", False)


async def test_a_lifts_test_passes_only_by_the_centres_word(tmp_path: Path) -> None:
    """One that is under way at a fork is told again in the new store."""
    test = LiftTestRule(LiftTestConfig(id="t1", rule="lift_test", profile="lift-test-default", lift="l1"), Place())
    async with running(tmp_path, rules_={test: [f"gateway.{call_point('l1')}"]}) as site:
        idle = PointInput("gateway", call_point("l1"), 0.0, "1", Quality.GOOD, site.clock.now())
        site.pipeline.measured(idle)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        await another_store(site)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        assert test.tests(site.pipeline.state(test)).last == "begun"
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 2)
        assert [body["phase"] for _, body in await site.records(Stream.ALARM)] == ["begun", "passed"]


async def test_after_a_start_nothing_is_claimed_while_a_sealed_store_drains(tmp_path: Path) -> None:
    """Nobody has noted in which of them an alarm was told last."""
    async with running(tmp_path) as site:
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        old = await another_store(site)
        await site.press()
    for upto, there in (0, False), (1, True):
        site = await opened(tmp_path)
        site.journal.note(f"ack/{old}/{Stream.ALARM}", msgspec.json.encode(Watermark(upto)))
        site.pipeline.start(rebooted=False)
        site.pipeline.delivered(Stream.ALARM, site.journal.last(Stream.ALARM))
        assert at_centre(site)["temperature_high"] is there
        await site.pipeline.settle()
        await site.journal.close()


async def test_an_older_number_is_not_the_newest(tmp_path: Path) -> None:
    """Two records of one alarm are under way, and the centre has the first before the second is durable."""
    journal = await Journal.open(tmp_path, GW)
    deliveries = Deliveries(journal)
    deliveries.said("a")
    deliveries.said("a")
    await journal.append(drafts(Stream.ALARM, [1, 2]))
    assert deliveries.stored("a", 1)
    assert deliveries.reached(1) == [] and "a" in deliveries
    assert deliveries.stored("a", 2)
    assert deliveries.reached(1) == [] and deliveries.reached(2) == ["a"]
    await journal.close()


async def test_a_number_that_the_store_does_not_have_is_of_another(tmp_path: Path) -> None:
    """It was written just before that was sealed. What can never be written is never there."""
    journal = await Journal.open(tmp_path, GW)
    deliveries = Deliveries(journal)
    for seq, stored in (7, False), (None, True):
        deliveries.said("a")
        assert deliveries.stored("a", seq) is stored
        assert deliveries.reached(100) == [] and "a" in deliveries
    await journal.close()
