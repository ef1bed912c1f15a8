"""What becomes of an observation: which are records, in which stream, how soon they are durable."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway import pipeline
from gateway.owed import RETRY_S
from gateway.rules.base import Rule, RuleConfig
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.lift_test import LiftTestConfig, LiftTestRule
from gateway.rules.site import Lift, Person
from gateway.rules.site import Site as Place
from gateway.rules.temperature import TemperatureRule
from gateway.vitals import Vitals
from model.observation import Point, PointMap, Poll, Quality, TagWindow, TextMessage
from model.record import Stream
from support.site import BOARD, PEOPLE, ROOM, Site, running


async def readings(site: Site) -> list[list[int | None]]:
    return [body["v"] for _, body in await site.records(Stream.READING)]


async def test_a_map_is_recorded_before_the_first_reading_that_names_it(tmp_path: Path) -> None:
    """Once for all time: not after a restart, and not for a second poll."""
    async with running(tmp_path) as site:
        site.room(4.0)
        site.room(4.1)
        await site.until(lambda: site.journal.last(Stream.READING))
        ((_, body),) = await site.records(Stream.AUDIT, "point.map/1")
        assert (body["hash"], body["device"], body["profile"]) == (ROOM.hash, "room1", "xy-md02")
        assert [p["name"] for p in body["points"]] == ["temperature", "humidity"]
    async with running(tmp_path) as site:
        site.room(4.2)
        site.board()
        await site.until(lambda: site.journal.last(Stream.READING) == 4)
        maps = [body["hash"] for _, body in await site.records(Stream.AUDIT, "point.map/1")]
        assert maps == [ROOM.hash, BOARD.hash]
        assert [b["p"] for _, b in await site.records(Stream.READING)] == [ROOM.hash] * 3 + [BOARD.hash]


async def test_each_poll_of_a_sensor_is_a_record(tmp_path: Path) -> None:
    """Raw values as they came, with their quality where not all are good; equal ones too."""
    async with running(tmp_path, group_s=0) as site:
        site.room(4.0)
        site.room(4.0)
        site.room(None)
        await site.until(lambda: site.journal.last(Stream.READING) == 3)
        bodies = [body for _, body in await site.records(Stream.READING)]
    assert [b["v"] for b in bodies] == [[40, 500], [40, 500], [None, 500]]
    assert [b.get("q") for b in bodies] == [None, None, ["sensor_fault", "good"]]


async def test_contacts_are_recorded_on_change_and_by_heartbeat(tmp_path: Path) -> None:
    """A quiet counter alone is no reason; after the heartbeat's time one poll is a record all the same."""
    async with running(tmp_path, group_s=0) as site:
        for beat in range(5):
            site.board(beat=beat)
        site.board(beat=5, relay=1)
        site.board(beat=6, relay=1)
        site.later(59)
        site.board(beat=7, relay=1)
        site.later(1.1)
        site.board(beat=8, relay=1)
        site.board(beat=9, relay=1)
        site.poll(BOARD, None, None, None, None, quality=[Quality.COMM_ERROR] * 4)
        await site.until(lambda: site.journal.last(Stream.READING) == 4)
        assert await readings(site) == [[0, 0, 0, 0], [0, 0, 1, 5], [0, 0, 1, 8], [None] * 4]


async def test_an_urgent_point_is_durable_at_once(tmp_path: Path) -> None:
    """Though its group would wait for ever: a change in value or quality; what was waiting comes with it, in order."""
    async with running(tmp_path) as site:
        site.board()
        await site.until(lambda: site.journal.last(Stream.READING) == 1)
        site.board(relay=1)
        site.board(relay=1, button=1)
        await site.until(lambda: site.journal.last(Stream.READING) == 3)
        site.poll(BOARD, None, 0, 1, 0, quality=[Quality.COMM_ERROR, *[Quality.GOOD] * 3])
        await site.until(lambda: site.journal.last(Stream.READING) == 4)
        assert await readings(site) == [[0, 0, 0, 0], [0, 0, 1, 0], [1, 0, 1, 0], [None, 0, 1, 0]]


async def test_an_alarm_waits_for_no_group(tmp_path: Path) -> None:
    """The reading that caused it may wait for its second; the alarm, with a copy of it, does not."""
    async with running(tmp_path) as site:
        site.room(4.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 1)
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)
        assert site.journal.last(Stream.READING) == 1
        ((kind, body),) = await site.records(Stream.ALARM)
    assert kind == "alarm.raised/1"
    assert (body["cause"]["value"], body["cause"]["unit"], body["limit"]) == (9.0, "Cel", 8.0)


async def test_a_scan_without_handshake_is_an_event(tmp_path: Path) -> None:
    """Text where it is text; each scan is one, also the same again."""
    async with running(tmp_path) as site:
        for data in (b"6901234567892", b"6901234567892", b"\x1d\xff"):
            site.pipeline.emit(site.scan(data))
        await site.until(lambda: site.journal.last(Stream.EVENT) == 3)
        bodies = [body for _, body in await site.records(Stream.EVENT)]
    assert [b.get("text") for b in bodies] == ["6901234567892", "6901234567892", None]
    assert bodies[2]["hex"] == "1dff"
    assert len(site.seen) == 3


async def test_a_tag_arrives_once_though_it_is_read_all_the_time(tmp_path: Path) -> None:
    """An event at the arrival; every window is kept in diag."""

    def window(site: Site) -> TagWindow:
        return TagWindow("gate", "E200", "3000", 3, site.clock.now(), site.clock.now(), -60, -50, -55, 1)

    async with running(tmp_path, group_s=0) as site:
        for pause in (0, 1, 9.5, 10.5):
            site.later(pause)
            site.pipeline.emit(window(site))
        await site.until(lambda: site.journal.last(Stream.DIAG) == 4)
        assert [body["rssi"] for _, body in await site.records(Stream.EVENT, "tag.seen/1")] == [-50, -50]


async def test_what_does_not_fit_into_the_queue_is_counted(tmp_path: Path) -> None:
    """Device, number and span stand in a gap record; what fitted is there."""
    async with running(tmp_path, group_s=0) as site:
        for _ in range(pipeline.QUEUE_MAX + 7):
            site.room(4.0)
        last = site.clock.now().t
        await site.until(lambda: site.journal.last(Stream.READING) == pipeline.QUEUE_MAX)
        await site.until(lambda: site.journal.last(Stream.AUDIT) == 2, 10 * RETRY_S)
        ((_, body),) = await site.records(Stream.AUDIT, "store.gap/1")
    assert (body["device"], body["n"], body["why"]) == ("room1", 7, "queue_full")
    assert body["first"] <= body["last"] <= last


async def test_the_page_sees_what_the_rules_see(tmp_path: Path) -> None:
    """Every observation is shown, record or not."""
    async with running(tmp_path) as site:
        for beat in range(5):
            site.board(beat=beat)
        await site.until(lambda: site.journal.last(Stream.READING))
        assert [o.values[3] for o in site.seen if isinstance(o, Poll)] == [0, 1, 2, 3, 4]


def _defect(*_: object) -> None:
    raise ZeroDivisionError


async def test_what_cannot_be_taken_costs_only_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scan too large for a record, a rule with a defect: counted and told, and the next observation is taken."""
    async with running(tmp_path, group_s=0) as site:
        site.pipeline.emit(site.scan(b"\0" * 9000))
        site.pipeline.emit(site.scan(b"next"))
        await site.until(lambda: site.journal.last(Stream.EVENT) == 1)
        for rule in site.rules:
            monkeypatch.setattr(rule, "step", _defect)
        site.room(9.0)
        await site.until(lambda: site.journal.last(Stream.READING) == 1)
        await site.pipeline.settle()
        gaps = [(body["why"], body["n"]) for _, body in await site.records(Stream.AUDIT, "store.gap/1")]
    assert gaps == [("defect", 1)]


@pytest.mark.parametrize("asked", ["alarms", "signals", "messages", "awaits"])
async def test_a_defect_of_one_rule_takes_nothing_of_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: str
) -> None:
    """Whatever it is asked, at the start and later: the other's alarm is shown and its siren sounds."""
    monkeypatch.setattr(TemperatureRule, asked, _defect)
    async with running(tmp_path) as site:
        alarm = await site.press()
        await site.until(lambda: site.signals[-1:] == [{"siren", "lamp_yellow"}])
        await site.answer(alarm)
        assert [(a.id, a.acked_by) for a, _ in site.pipeline.alarms()] == [(alarm, "wang")]


async def test_what_fails_to_show_an_alarm_keeps_no_message_back(tmp_path: Path) -> None:
    """The page, or whatever else hears that alarms may have changed."""
    async with running(tmp_path) as site:
        wanted: list[object] = []
        site.pipeline._on_alarms, site.pipeline._on_messages = _defect, wanted.append
        await site.press()
        await site.until(lambda: wanted and site.signals[-1] == {"siren", "lamp_yellow"})


async def test_a_lifts_rule_that_fails_has_no_call_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as the gateway's own points are concerned: its test goes on."""
    test = LiftTestConfig(id="t1", rule="lift_test", profile="lift-test-default", lift="lift")
    lift = LiftConfig(id="lift", rule="lift", profile="lift-default", alarm=["io1.di1"], end="io1.di2")
    rules_: dict[Rule, RuleConfig] = {LiftTestRule(test, PEOPLE): test, LiftRule(lift, PEOPLE): lift}
    async with running(tmp_path, rules_={rule: config.also() for rule, config in rules_.items()}) as site:
        monkeypatch.setattr(LiftRule, "alarms", _defect)
        Vitals(site.pipeline, site.clock, rules_, None).calls()
        await site.until(lambda: site.journal.last(Stream.ALARM) == 1)


async def test_an_answer_by_short_message_is_durable_with_it(tmp_path: Path) -> None:
    """What the rules made of it is before it on the disk: then its modem deletes it."""
    async with running(tmp_path) as site:
        alarm = await site.press()
        code = PEOPLE.code(alarm, "wang")
        await site.pipeline.commit(TextMessage("sms1", "+8613800000001", code, site.clock.now(), None))
        assert [kind for kind, _ in await site.records(Stream.ALARM)] == ["alarm.raised/1", "alarm.acked/1"]
        ((_, body),) = await site.records(Stream.EVENT, "sms.received/1")
    assert body["number"] == "**********0001"


async def test_one_person_answers_many_lifts_quoting_each_message(tmp_path: Path) -> None:
    """After a power failure they all call: the answer to one is no guess at the others, however often it comes."""
    ids = [f"l{n}" for n in range(8)]
    place = Place(
        (Person(name="liu", phone="+8613800000001"),),
        {id_: Lift(id=id_, rescue=f"33010{n}", address="310012 文一路12号") for n, id_ in enumerate(ids)},
        secret=b"of this gateway",
    )
    points = PointMap("board", "x", 1, tuple(Point(id_) for id_ in ids))
    lifts: dict[Rule, Sequence[str]] = {
        LiftRule(
            LiftConfig(id=id_, rule="lift", profile="lift-default", alarm=[f"board.{id_}"], end="board.key"), place
        ): [f"board.{id_}"]
        for id_ in ids
    }
    async with running(tmp_path, rules_=lifts) as site:
        for down in (0, 1, 1):
            site.poll(points, *[down] * len(ids))
            site.later(0.6)
        await site.until(lambda: len(site.pipeline.alarms()) == len(ids))
        site.later(40)
        site.poll(points, *[0] * len(ids))
        await site.until(lambda: len(site.pipeline.messages()) == len(ids))
        for _, message in site.pipeline.messages():
            for _ in range(2):
                text = TextMessage("sms1", message.number, f"re: {message.text}", site.clock.now(), None)
                await site.pipeline.commit(text)
        assert {alarm.acked_by for alarm, _ in site.pipeline.alarms()} == {"liu"}
        assert not await site.records(Stream.EVENT, "lift.refused/1")


async def test_a_message_that_nobody_waits_for_is_taken_too(tmp_path: Path) -> None:
    """Of a modem that keeps none."""
    async with running(tmp_path) as site:
        site.pipeline.emit(TextMessage("sms1", "10086", "credit", site.clock.now(), None))
        await site.until(lambda: site.journal.last(Stream.EVENT) == 1)
