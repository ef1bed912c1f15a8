"""Rules in the pipeline: what they say and their state are one transaction, and what is shown follows what is durable."""

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest

from gateway.rules.base import Acked, alarm_id
from model.record import Stream
from support.site import BOARD, ROOM, assert_whole, opened, running
from support.source import new_id

UNANSWERED = {"lamp_yellow", "siren"}


def power_cut(directory: Path) -> Path:
    """The disk as it is now: what a gateway finds that was killed at this moment."""
    image = directory.with_name(directory.name + "-later")
    shutil.copytree(directory, image)
    return image


async def test_a_limit_from_excursion_to_recovery(tmp_path: Path) -> None:
    """Raised, answered, cleared: three records of one id; siren and lamp follow."""
    async with running(tmp_path) as site:
        site.room(9.0)
        await site.until(lambda: site.signals[-1:] == [{"lamp_red", "siren"}])
        alarm = site.alarm("temperature_high")
        await site.answer(alarm)
        await site.until(lambda: site.signals[-1] == {"lamp_red"})
        site.room(4.0)
        await site.until(lambda: not site.signals[-1])
        assert [(k, b["alarm"]) for k, b in await site.records(Stream.ALARM)] == [
            ("alarm.raised/1", alarm),
            ("alarm.acked/1", alarm),
            ("alarm.cleared/1", alarm),
        ]
        assert not site.pipeline.alarms()
        await assert_whole(site.journal)


async def test_nothing_is_shown_that_is_not_durable(tmp_path: Path) -> None:
    """When the siren is asked for, the record and the state are there."""
    async with running(tmp_path) as site:
        there: list[int] = []
        site.pipeline._on_signals = lambda _: there.append(site.journal.last(Stream.ALARM))
        site.room(9.0)
        await site.until(lambda: there)
        assert there == [1]


async def test_the_same_cause_is_the_same_alarm(tmp_path: Path) -> None:
    """A sample seen again after a crash before its commit would not make a second alarm at the centre."""
    async with running(tmp_path) as site:
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        (poll,) = site.seen
        assert site.alarm("temperature_high") == alarm_id("cold", "temperature_high", poll.at)


async def test_a_press_is_measured_by_the_clock(tmp_path: Path) -> None:
    """No second sample comes: the Tick that the rule asked for raises it."""
    async with running(tmp_path) as site:
        site.board(button=1)
        await site.until(lambda: site.signals[-1:] == [UNANSWERED])
        assert [k for k, _ in await site.records(Stream.ALARM)] == ["alarm.raised/1"]


async def test_told_again_when_the_centre_has_the_last_and_nobody_answers(tmp_path: Path) -> None:
    """The centre's word on the stream reaches the rule as the delivery of its alarm."""
    async with running(tmp_path) as site:
        alarm = await site.press()
        site.later(40)
        assert site.pipeline.alarms()[0][1] is False
        site.pipeline.delivered(Stream.EVENT, 5)
        assert site.pipeline.alarms()[0][1] is False
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 2)
        assert site.pipeline.alarms()[0][1] is False
        site.pipeline.delivered(Stream.ALARM, 2)
        await site.until(lambda: site.pipeline.alarms()[0][1])
        await site.answer(alarm)
        site.pipeline.delivered(Stream.ALARM, 3)
        site.later(40)
        assert [k for k, _ in await site.records(Stream.ALARM)] == ["alarm.raised/1", "alarm.reemit/1", "alarm.acked/1"]
        await assert_whole(site.journal)


async def test_the_answer_and_its_result_are_one_transaction(tmp_path: Path) -> None:
    """Once `obey` returns, the transition, the rule's state, the result and its memory are on the disk."""
    async with running(tmp_path / "a") as site:
        alarm = await site.press()
        await site.answer(alarm)
        image = power_cut(tmp_path / "a")
    async with running(image) as site:
        assert [k for k, _ in await site.records(Stream.ALARM)][-1] == "alarm.acked/1"
        assert len(await site.records(Stream.AUDIT, "command.result/1")) == 1
        assert len(site.journal.states("cmd/")) == 1
        assert site.pipeline.why_not(Acked(alarm, "li", "c9")) == "acked_by wang"


@pytest.mark.parametrize("rebooted", [False, True])
async def test_a_restart_brings_back_alarms_and_lamps(tmp_path: Path, rebooted: bool) -> None:
    """I7: right after `start`, before any device has spoken, lamps are those of the state."""
    async with running(tmp_path / "a") as site:
        site.room(9.0)
        lift = await site.press()
        await site.until(lambda: site.journal.last(Stream.ALARM) == 2)
        await site.answer(lift)
        alarms = {a.id: a.acked_by for a, _ in site.pipeline.alarms()}
        image = power_cut(tmp_path / "a")
    async with running(image, rebooted=rebooted) as site:
        assert site.signals[0] == {"lamp_red", "siren", "lamp_green", "voice"}
        assert {a.id: a.acked_by for a, _ in site.pipeline.alarms()} == alarms
        site.room(4.0)
        site.board(key=1)
        await site.until(lambda: not site.pipeline.alarms())
        await site.until(lambda: site.journal.last(Stream.ALARM) == 5)
        await assert_whole(site.journal)


async def test_after_a_restart_an_unanswered_alarm_is_told_again(tmp_path: Path) -> None:
    """The pause goes on where it was; what the centre had before, its watermark says at the start."""
    async with running(tmp_path / "a") as site:
        await site.press()
        site.pipeline.delivered(Stream.ALARM, 1)
        await site.until(lambda: site.pipeline.alarms()[0][1])
        image = power_cut(tmp_path / "a")
        clock = site.clock
    async with running(image, clock=clock) as site:
        assert site.pipeline.alarms()[0][1] is False
        site.pipeline.delivered(Stream.ALARM, 1)
        assert site.pipeline.alarms()[0][1] is True
        clock.ahead_us += 40_000_000
    async with running(image, clock=clock) as site:
        await site.until(lambda: site.journal.last(Stream.ALARM) == 2)
        assert [k for k, _ in await site.records(Stream.ALARM)] == ["alarm.raised/1", "alarm.reemit/1"]


async def test_a_device_that_cannot_be_reached_is_a_fault_of_its_probe(tmp_path: Path) -> None:
    """It is absent since the start and never gave a reading: the rule is told, nothing is recorded as a reading."""
    async with running(tmp_path) as site:
        site.pipeline.silent(ROOM)
        site.pipeline.silent(BOARD)
        site.later(5)
        site.pipeline.silent(ROOM)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        ((_, body),) = await site.records(Stream.ALARM)
        assert (body["what"], body["cause"]["quality"], body["cause"]["unit"]) == ("sensor_fault", "comm_error", "Cel")
        assert body["cause"]["value"] is None
        site.room(4.0)
        await site.until(lambda: not site.pipeline.alarms())
    assert site.journal.last(Stream.READING) == 1


async def test_stopped_at_any_moment_all_or_nothing_is_there(tmp_path: Path) -> None:
    """However far the event loop has come when it is cancelled: what a rule said and its state belong together."""
    alarms = []
    for turns in range(12):
        site = await opened(tmp_path / str(turns))
        site.pipeline.start(rebooted=False)
        task = asyncio.create_task(site.pipeline.run())
        for celsius in (4.0, 9.0, 4.0, 1.0):
            site.room(celsius)
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        await site.journal.close()
        site = await opened(tmp_path / str(turns))
        await assert_whole(site.journal)
        alarms.append(site.journal.last(Stream.ALARM))
        await site.journal.close()
    assert min(alarms) == 0
    assert max(alarms) > 0


async def test_a_state_of_another_version_is_not_misread(tmp_path: Path) -> None:
    """A rule whose state means something else now starts anew instead of guessing, and says so."""
    async with running(tmp_path) as site:
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
    site = await opened(tmp_path)
    for rule in site.rules:
        type(rule).version += 1
    try:
        site.pipeline.start(rebooted=False)
        assert not site.pipeline.alarms()
        await site.pipeline.settle()
        lost = [body for _, body in await site.records(Stream.AUDIT, "rule.lost/1")]
        assert {"rule": "cold", "why": "version", "v": 1} in lost
    finally:
        for rule in site.rules:
            type(rule).version -= 1
        await site.journal.close()


@pytest.mark.parametrize("raw", [b"{", b'{"rule": "lift", "v": 1, "state": {"alarm": 7}}', b"\xff"])
async def test_a_lifts_state_that_cannot_be_read_is_told_and_whoever_presses_calls_anew(
    tmp_path: Path, raw: bytes
) -> None:
    """The button is still down: that is a new press, not the rest of one that is forgotten."""
    async with running(tmp_path) as site:
        before = await site.press()
        (rule,) = (rule for rule in site.rules if rule.id == "lift")
        await site.until(lambda: not site.pipeline.state(rule).down)
        await site.journal.append([], state={f"rule/{rule.id}": raw})
    async with running(tmp_path) as site:
        assert not site.pipeline.alarms()
        assert await site.press() != before
        lost = [body for _, body in await site.records(Stream.AUDIT, "rule.lost/1")]
        assert lost == [{"rule": rule.id, "why": "unreadable"}]


async def test_a_rule_that_gets_another_lift_takes_nothing_over(tmp_path: Path) -> None:
    """Neither its call nor its visits nor its tests are the new lift's: it starts anew, and says whose state it had."""
    async with running(tmp_path) as site:
        await site.press()
        (rule,) = (rule for rule in site.rules if rule.id == "lift")
    site = await opened(tmp_path)
    raw = msgspec.json.decode(site.journal.state("rule/lift") or b"")
    assert raw["lift"] == rule.about
    await site.journal.append([], state={"rule/lift": msgspec.json.encode(raw | {"lift": "the-old-one"})})
    await site.journal.close()
    async with running(tmp_path) as site:
        assert not site.pipeline.alarms()
        await site.pipeline.settle()
        lost = [body for _, body in await site.records(Stream.AUDIT, "rule.lost/1")]
        assert lost == [{"rule": "lift", "why": "lift", "lift": "the-old-one"}]


async def test_only_an_open_alarm_that_nobody_has_answered_can_be_acknowledged(tmp_path: Path) -> None:
    """I3: the reasons why not, in words that stand in the result."""
    async with running(tmp_path) as site:
        assert site.pipeline.why_not(Acked(new_id(), "li", "c9")) == "alarm_not_open"
        alarm = await site.press()
        assert site.pipeline.why_not(Acked(alarm, "li", "c9")) is None
        await site.answer(alarm)
        assert site.pipeline.why_not(Acked(alarm, "li", "c9")) == "acked_by wang"
        site.board(key=1)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 3)
        assert site.pipeline.why_not(Acked(alarm, "li", "c9")) == "alarm_not_open"
        for rule in site.rules:
            site.pipeline._step(rule, Acked(alarm, "li", "c9"))
        assert len(await site.records(Stream.ALARM)) == 3
