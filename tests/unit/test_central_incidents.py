"""Rescues as the desk sees them: one per lift and call, however many gateways told of it, in whatever order it came."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from central import commands, queries
from central.calls import together
from central.lifts import Lift, keyed
from central.rescue import Member
from central.store import now, reader, second_writer
from model.bodies import RescueOrder, TimeAnchor
from model.errors import DoorpostError
from model.record import Draft
from model.time import Stamp, TimeQuality
from support.centre_lifts import SECOND, LiftGateway, Message
from support.centre_rescues import Centre, pair
from support.memory import memory_directory
from support.source import T0
from sync.contract.topics import up_urgent

A1, A2, B1 = (f"{n}a3e0f52-1111-4222-8333-444455556666" for n in "123")


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path)
    yield centre
    centre.store.close()


def told() -> tuple[LiftGateway, LiftGateway]:
    """A lift with two gateways: a call that both see and one ends, then a call that is still open."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    for gateway in (one, two):
        gateway.anchored()
        gateway.file(rescue="330106", name="North 2", maintainer="Otis")
    one.alarm("raised", 100, A1)
    two.alarm("raised", 105, B1, what="entrapment", suspected="non_level")
    one.alarm("escalated", 130, A1, n=1, tier=1)
    one.alarm("reemit", 131, A1, n=2)
    one.alarm("acked", 140, A1, by="Li Na", via="centre")
    one.alarm("repeated", 150, A1, n=1)
    two.alarm("acked", 141, B1, by="Li Na", via="centre")
    one.alarm("dispatched", 200, A1, by="Li Na", via="centre", team="Otis night", tier=1)
    one.alarm("dispatched", 500, A1, by="Li Na", via="centre", team="Station 4", tier=2)
    one.alarm("overdue", 1900, A1, stage="arrive", limit=1800)
    one.alarm("overdue", 1900, A1, stage="release", limit=1800)
    one.alarm("arrived", 2000, A1, by="Wang Wei", via="badge")
    one.alarm("released", 2300, A1, by="Wang Wei", via="pin", persons=2, injured=0)
    one.alarm("ended", 2400, A1, by="Wang Wei", via="key", fault="door_lock")
    two.alarm("ended", 2420, B1, by="Wang Wei", via="remote", reason="ended_at gw-1 key")
    one.alarm("raised", 3000, A2)
    return one, two


def facts(incidents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """All of it but when the centre heard of it, and what it has sent since."""
    for one in incidents:
        del one["received"], one["orders"]
        for line in one["timeline"]:
            del line["received"]
    return incidents


@given(st.data())
@settings(max_examples=30, deadline=None)
def test_any_order_and_any_way_comes_to_the_same(data: st.DataObject) -> None:
    """As records, as urgent messages, in quarantine, again after a fork, several times: one story, and no state that goes back."""
    gateways = told()
    conflict = [gateway for gateway in gateways if data.draw(st.booleans())]
    messages = [m for g in gateways for m in g.batches()]
    more = [m for g in gateways for m in (*g.urgent, *g.batches(), *g.again())]
    messages += data.draw(st.lists(st.sampled_from(more), max_size=15))
    messages = data.draw(st.permutations(messages))
    with memory_directory() as folder:
        centre = Centre(Path(folder))
        centre.take(*(gateway.other_history() for gateway in conflict))
        split = data.draw(st.integers(0, len(messages)))
        centre.take(*messages[:split])
        centre.take(*messages[split:])
        first, second = facts(centre.incidents)
        centre.store.close()
    assert (first["incident"], first["alarms"], first["gws"], first["open_gws"]) == (
        f"{A1}@gw-1",
        [A1, B1],
        ["gw-1", "gw-2"],
        [],
    )
    expected = {
        "state": "closed", "what": "lift_alarm", "suspected": None, "raised": 100 * SECOND, "since": T0 + 100 * SECOND,
        "acked": T0 + 140 * SECOND, "acked_by": "Li Na", "dispatched": T0 + 200 * SECOND, "team": "Station 4", "tier": 2,
        "arrived": T0 + 2000 * SECOND, "arrived_by": "Wang Wei", "released": T0 + 2300 * SECOND, "persons": 2, "injured": 0,
        "ended": T0 + 2400 * SECOND, "ended_by": "Wang Wei", "ended_via": "key", "fault": "door_lock", "reason": None,
        "repeats": 1, "reemits": 1, "escalated": 1, "overdue": ["arrive", "release"], "name": "North 2", "rescue": "330106",
    }  # fmt: skip
    assert {name: first[name] for name in expected} == expected
    kinds = [line["kind"] for line in first["timeline"]]
    assert kinds == [
        "raised", "raised", "escalated", "reemit", "acked", "acked", "repeated", "dispatched", "dispatched",
        "overdue", "overdue", "arrived", "released", "ended", "ended",
    ]  # fmt: skip
    assert (second["incident"], second["state"], second["acked"], second["open_gws"]) == (
        f"{A2}@gw-1",
        "sent",
        None,
        ["gw-1"],
    )


def test_a_badge_after_the_centres_word_is_a_step_too(centre: Centre) -> None:
    """Who was first said to be there is when somebody came; both are on the timeline, and the call goes on to its end."""
    one, _ = pair(centre)
    centre.take(one.alarm("raised", 10, A1), one.alarm("acked", 20, A1, by="Li Na", via="centre"))
    centre.take(
        one.alarm("arrived", 60, A1, by="Li Na", via="centre"), one.alarm("arrived", 90, A1, by="Wang", via="badge")
    )
    assert (centre.only["arrived"], centre.only["arrived_by"]) == (T0 + 60 * SECOND, "Li Na")
    assert [(e["by"], e["via"]) for e in centre.only["timeline"] if e["kind"] == "arrived"] == [
        ("Li Na", "centre"),
        ("Wang", "badge"),
    ]


def test_two_gateways_of_one_lift_call_once(centre: Centre) -> None:
    """One answer, given to both; what is said at one goes on to the other; who ends it on site ends both."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1))
    assert centre.order("ack").done
    assert (centre.only["state"], centre.only["ack_pending"]["person"]) == ("acked", "Li Na")
    centre.take(two.alarm("raised", 12, B1))
    assert centre.only["alarms"] == [A1, B1]
    assert centre.sent("gw-2") == [("alarm.ack", "Li Na", {"alarm": B1})]
    assert centre.order("dispatch", team="Otis", tier=1).done
    centre.take(
        one.alarm("acked", 20, A1, by="Li Na", via="centre"), one.alarm("arrived", 90, A1, by="Wang", via="badge")
    )
    assert centre.only["ack_pending"] is None
    assert centre.sent("gw-2")[1:] == [
        ("alarm.dispatch", "Li Na", {"alarm": B1, "team": "Otis", "tier": 1}),
        ("alarm.arrive", "Wang", {"alarm": B1}),
    ]
    centre.take(one.alarm("ended", 100, A1, by="Wang", via="key", fault="door_lock"))
    assert (centre.only["state"], centre.only["open_gws"], centre.only["ended"]) == ("on_site", ["gw-2"], None)
    assert centre.sent("gw-2")[3:] == [
        ("alarm.close", "Wang", {"alarm": B1, "reason": "ended_at gw-1 key", "fault": "door_lock"})
    ]
    assert [name for name, _, _ in centre.sent("gw-1")] == ["alarm.ack", "alarm.dispatch"]
    centre.take(two.alarm("ended", 130, B1, by="Wang", via="remote", reason="ended_at gw-1 key"))
    assert (centre.only["open_gws"], centre.only["state"]) == ([], "closed")
    assert (centre.only["ended"], centre.only["ended_by"]) == (T0 + 100 * SECOND, "Wang")


def test_each_alarm_is_read_once_for_a_change(centre: Centre) -> None:
    """And one lift's thousandth call costs no more than its first: nothing is asked of those that are over."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 1, A1), lift.alarm("ended", 2, A1), lift.alarm("raised", 3, A2))
    asked: list[str] = []
    message = lift.alarm("repeated", 4, A2, n=1)

    def heard(_cursor: object, sql: str, _args: object) -> bool:
        asked.append(sql)
        return True

    centre.store.db.exec_trace = heard
    centre.take(message)
    centre.store.db.exec_trace = None
    assert sum("FROM step LEFT JOIN" in sql for sql in asked) == 1
    assert not any("DELETE FROM incident" in sql for sql in asked)


def test_a_later_call_is_another_one(centre: Centre) -> None:
    """Also where the other gateway has not ended the first one yet: nobody has answered the new passenger."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 12, B1))
    centre.order("ack")
    centre.take(one.alarm("acked", 20, A1, by="Li Na"), one.alarm("ended", 60, A1, by="Wang", via="badge"))
    centre.take(one.alarm("raised", 70, A2))
    first, second = centre.incidents
    assert (first["alarms"], second["alarms"], second["state"]) == ([A1, B1], [A2], "sent")
    assert [name for name, _, args in centre.sent("gw-1") if args["alarm"] == A2] == []


def test_an_answer_that_was_passed_on_by_mistake_is_nobodys(centre: Centre) -> None:
    """The second gateway's call was taken for the first one's until the end of that came: then nobody has answered it."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1))
    centre.order("ack")
    centre.take(two.alarm("raised", 90, B1))
    (command,) = centre.store.rows("SELECT id FROM command WHERE gw = 'gw-2'")[0]
    centre.take(
        two.alarm("acked", 92, B1, by="Li Na", command=command), one.alarm("ended", 60, A1, by="Wang", via="badge")
    )
    first, second = centre.incidents
    assert (first["state"], second["state"], second["acked"]) == ("closed", "sent", None)
    with second_writer(centre.data) as db:
        assert commands.order(db, B1, "ack", "Zhou").done
    centre.result("gw-2", "alarm.ack", "refused", "acked_by Li Na")
    assert (centre.incidents[1]["state"], centre.incidents[1]["acked_by"]) == ("acked", "Zhou")


def test_an_alarm_that_comes_late_takes_its_place(centre: Centre) -> None:
    """The first call of a gateway that was offline: what seemed to belong to the second one belongs to that."""
    one, two = pair(centre)
    first, second = one.alarm("raised", 10, A1), one.alarm("raised", 900, A2)
    centre.take(two.alarm("raised", 12, B1), second)
    assert centre.only["alarms"] == [B1, A2]
    centre.take(first)
    assert [one["alarms"] for one in centre.incidents] == [[A1, B1], [A2]]


def test_a_clock_that_is_set_late_moves_the_call(centre: Centre) -> None:
    """Until then it began when it was heard of."""
    lift = LiftGateway()
    centre.take(lift.alarm("raised", 10, A1))
    assert (centre.only["since"], centre.only["raised_utc"]) == (centre.only["received"], None)
    centre.take(lift.anchored())
    assert (centre.only["since"], centre.only["raised_utc"]) == (T0 + 10 * SECOND, T0 + 10 * SECOND)


def test_of_a_boots_anchors_only_the_best_is_kept(centre: Centre) -> None:
    """They come for years. One that is no better moves no call, and no call is derived again for it."""
    lift = LiftGateway()
    best = TimeAnchor(boot=lift.boot, mono=0, utc=T0, source="ntp", err_ms=5)
    anchors = [msgspec.structs.replace(best, mono=n, utc=T0 + 7 * n, err_ms=50) for n in range(1, 4)]
    centre.take(lift.say("time.anchor/1", best, 0), lift.alarm("raised", 10, A1))
    asked: list[str] = []

    def heard(_cursor: object, sql: str, _args: object) -> bool:
        asked.append(sql)
        return True

    centre.store.db.exec_trace = heard
    centre.take(*(lift.say("time.anchor/1", anchor, s) for s, anchor in enumerate(anchors, 20)))
    centre.store.db.exec_trace = None
    assert not any("FROM step LEFT JOIN" in sql for sql in asked)
    assert centre.store.rows("SELECT count(*) FROM anchor") == [(1,)]
    assert centre.only["since"] == T0 + 10 * SECOND


def test_an_id_alone_says_nothing_of_another_gateways_lift(centre: Centre) -> None:
    """Two buildings have a `lift-1` each: an answer to the one is none to the other, until both files say that they are one."""
    one, two, other = LiftGateway("gw-1", "lift-1"), LiftGateway("gw-1", "lift-2"), LiftGateway("gw-2", "lift-1")
    two.streams = one.streams
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 11, A2), other.alarm("raised", 12, B1))
    assert [one["alarms"] for one in centre.incidents] == [[A1], [A2], [B1]]
    assert centre.order("ack").done
    assert [one["state"] for one in centre.incidents] == ["acked", "sent", "sent"]
    centre.take(one.file(registration="3110"), other.file(registration="3110"))
    assert [one["alarms"] for one in centre.incidents] == [[A1, B1], [A2]]
    assert centre.sent("gw-2") == [("alarm.ack", "Li Na", {"alarm": B1})]
    centre.take(other.file(registration="3220"))
    assert [(one["alarms"], one["state"]) for one in centre.incidents] == [
        ([A1], "acked"),
        ([A2], "sent"),
        ([B1], "sent"),
    ]


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ((None, None), (None, None), False),
        (("", ""), ("", ""), False),
        (("33", None), ("33", None), True),
        (("33", None), ("44", None), False),
        (("33", "R1"), ("33", "R1"), True),
        (("33", "R1"), ("33", "R2"), False),
        (("33", "R1"), ("44", "R1"), False),
        (("33", "R1"), ("33", None), True),
        (("33", "R1"), (None, "R1"), True),
        (("33", None), (None, "R1"), False),
        (("33", None), (None, "33"), False),
        (("33", None), (None, None), False),
    ],
)
def test_which_lifts_are_one(first: Any, second: Any, same: bool) -> None:
    """One number that both files say, and none that they say differently; never the id."""
    keys = keyed([Lift("gw-1", "L1", *first), Lift("gw-2", "L1", *second)])
    assert (keys["gw-1", "L1"] == keys["gw-2", "L1"]) is same


def test_a_third_that_contradicts_makes_no_lift_of_two() -> None:
    """Whose number it is that only one of two lifts can have, nobody knows."""
    numbers = [("33", "R1"), ("33", "R1"), ("33", "R2"), ("33", None), ("44", "R2")]
    keys = keyed(Lift(f"gw-{n}", "L1", *one) for n, one in enumerate(numbers))
    assert keys["gw-0", "L1"] == keys["gw-1", "L1"]
    assert len(set(keys.values())) == 4
    assert len(set(keyed(Lift(f"gw-{n}", "L1", *numbers[n]) for n in (0, 1, 3)).values())) == 1


@given(st.lists(st.tuples(st.integers(1, 5), st.sampled_from([None, "33", "44"]), st.sampled_from([None, "R1", "R2"])),
                max_size=12))  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_file_by_file_comes_to_the_same_lifts(files: list[tuple[int, str | None, str | None]]) -> None:
    """As all files at once, whatever a lift was one with before."""
    gateways = {n: LiftGateway(f"gw-{n}") for n in range(1, 6)}
    said: dict[int, Lift] = {}
    with memory_directory() as folder:
        centre = Centre(Path(folder))
        for s, (n, rescue, registration) in enumerate(files):
            centre.take(gateways[n].file(s, rescue=rescue, registration=registration))
            said[n] = Lift(f"gw-{n}", "L1", rescue, registration)
        found = {(gw, lift): key for gw, lift, key in centre.store.rows("SELECT gw, lift, key FROM lift")}
        centre.store.close()
    assert found == keyed(said.values())


@given(st.permutations([Member("a", "gw-1", 0, 10, None, 0, 10), Member("b", "gw-2", 4, None, None, 5, None),
                        Member("c", "gw-1", 12, None, 20, 12, 20), Member("d", "gw-3", 15, None, None, 15, 32),
                        Member("e", "gw-2", 30, 40, None, 31, 40), Member("f", "gw-1", 31, None, None, 33, None)]))  # fmt: skip
def test_which_alarms_are_one_call(members: list[Member]) -> None:
    """Of different gateways, and each begun beyond doubt before any other was answered or over."""
    assert [[m.alarm for m in group] for group in together(members)] == [["a", "b"], ["c", "d"], ["e", "f"]]


def test_an_end_of_which_no_clock_tells_splits_no_call(centre: Centre) -> None:
    """The gateway was cut off and knew no time; but it knew already that the centre had the call, and so did the other's."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    centre.take(one.file(rescue="330106"), two.file(rescue="330106"))
    centre.take(two.alarm("raised", 10, B1))
    centre.take(one.alarm("raised", 10, A1))
    us = 1 / SECOND  # as little as lies between what is heard of here
    centre.take(one.alarm("escalated", 10 + us, A1, n=1, tier=1))
    centre.take(one.alarm("ended", 10 + 2 * us, A1, by="Wang Wei", via="key"))
    assert (centre.only["alarms"], centre.only["open_gws"]) == ([B1, A1], ["gw-2"])


def test_what_is_open_is_never_cut_off(centre: Centre) -> None:
    """However much newer there is: a limit is for what is over."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.file(rescue="330106"))
    alarms = [f"{n}a3e0f52-1111-4222-8333-444455556666" for n in range(4, 8)]
    other = LiftGateway("gw-2", "L2")
    centre.take(other.anchored(), other.alarm("raised", 1, B1))
    for n, alarm in enumerate(alarms):
        centre.take(lift.alarm("raised", 10 * n + 10, alarm))
        if n < 3:
            centre.take(lift.alarm("ended", 10 * n + 15, alarm))
    found = queries.incidents(reader(centre.data), 300, limit=2)
    assert [one["alarms"] for one in found] == [[alarms[3]], [B1], [alarms[2]], [alarms[1]]]
    assert [one["alarm"] for one in queries.alarms(reader(centre.data), limit=2)] == [
        alarms[3], B1, alarms[2], alarms[1],
    ]  # fmt: skip


def test_answers_once(centre: Centre) -> None:
    """The second is told who was first; also when that one answered by short message."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1))
    first, second = centre.order("ack", "Li Na"), centre.order("ack", "Zhou")
    assert (first.done, second.done, second.by, second.at, second.commands) == (True, False, "Li Na", first.at, [])
    assert len(centre.sent("gw-1")) == 1
    centre.take(lift.alarm("acked", 15, A1, by="Chen", via="sms"))
    centre.result("gw-1", "alarm.ack", "refused", "acked_by Chen")
    assert (centre.only["acked_by"], centre.only["ack_pending"]) == ("Chen", None)
    assert centre.only["orders"][0]["why"] == "acked_by Chen"


def test_steps_in_their_order(centre: Centre) -> None:
    """What cannot be done now is refused at the desk already, and what a gateway refuses is shown and may be tried again."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1))
    for what in ("dispatch", "arrive", "release", "close"):
        with pytest.raises(DoorpostError, match="incident_unanswered"):
            centre.order(what, reason="x")
    centre.order("ack")
    assert centre.order("dispatch", team="Otis").done
    assert centre.order("dispatch", team="Station 4", tier=2).done
    assert (centre.only["team"], centre.only["tier"]) == ("Station 4", 2)
    with pytest.raises(DoorpostError, match="order_reason"):
        centre.order("close", reason=" ")
    with pytest.raises(DoorpostError, match="order_unfit"):
        centre.order("dispatch", team="x" * 65)
    assert centre.order("close", reason="stuck contact").done
    assert (centre.order("close", "Zhou", reason="again").by, centre.only["state"]) == ("Li Na", "dispatched")
    centre.result("gw-1", "alarm.close", "refused", "not_now sent")
    assert (centre.only["closing"], centre.only["orders"][-1]["why"]) == (None, "not_now sent")
    assert centre.order("close", "Zhou", reason="again").done
    centre.take(lift.alarm("ended", 99, A1, by="Zhou", via="remote", reason="again"))
    assert (centre.only["state"], centre.only["ended_via"], centre.only["reason"]) == ("closed", "remote", "again")
    with pytest.raises(DoorpostError, match="incident_over"):
        centre.order("dispatch")
    assert centre.order("ack", "Zhou").by == "Li Na"


def test_a_suspicion_that_is_taken_back_is_over(centre: Centre) -> None:
    """And the next one is another incident; a press confirms it."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1, what="entrapment", suspected="level"))
    assert centre.only["suspected"] == "level"
    centre.take(lift.alarm("cleared", 30, A1, what="entrapment", suspected="level", via="car"))
    assert (centre.only["state"], centre.only["ended_via"]) == ("closed", "car")
    centre.take(lift.alarm("raised", 50, A2, what="entrapment", suspected="level"), lift.alarm("repeated", 55, A2, n=1))
    assert (len(centre.incidents), centre.incidents[1]["suspected"]) == (2, None)


def test_an_alarm_that_its_gateway_has_lost_can_be_closed(centre: Centre) -> None:
    """As after a restored backup: the desk's close is the last word, and the incident is over."""
    lift = LiftGateway()
    centre.take(lift.anchored(), lift.alarm("raised", 10, A1))
    centre.order("ack")
    centre.result("gw-1", "alarm.ack", "done")
    centre.take(lift.alarm("acked", 15, A1, by="Li Na"))
    centre.order("close", reason="its gateway was replaced")
    centre.result("gw-1", "alarm.close", "refused", "alarm_not_open")
    assert (centre.only["state"], centre.only["open_gws"]) == ("closed", [])


def test_tests_are_no_alarms(centre: Centre) -> None:
    """And alarms no tests: neither is ever counted as the other."""
    lift = LiftGateway()
    centre.take(
        lift.test("passed", 20, "t1", took_ms=90), lift.test("begun", 10, "t1", by="Wang"), lift.alarm("raised", 30, A1)
    )
    rows = centre.store.rows("SELECT test, begun, passed, failed, took_ms, by FROM lift_test")
    assert rows == [("t1", 1 << 40 | 2, 1 << 40 | 1, None, 90, "Wang")]
    assert [one["alarm"] for one in queries.alarms(reader(centre.data))] == [A1]


def test_what_no_command_may_say_stops_nothing(centre: Centre) -> None:
    """A gateway's record has a team that is longer than any order may name, and a person too."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 11, B1))
    centre.take(
        one.alarm("acked", 12, A1, by="x" * 99), one.alarm("dispatched", 13, A1, by="x" * 99, team="t" * 99, tier=77)
    )
    assert [(name, len(who), args) for name, who, args in centre.sent("gw-2")] == [
        ("alarm.ack", 64, {"alarm": B1}), ("alarm.dispatch", 64, {"alarm": B1}),
    ]  # fmt: skip
    assert msgspec.json.encode(centre.only)


def test_a_new_passenger_is_not_answered_by_an_old_answer(centre: Centre) -> None:
    """The first call was answered and closed from here, and its gateway is lost: the lift's other one calls later."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1))
    centre.order("ack")
    centre.order("close", reason="the car is empty")
    late = (now() - T0) / SECOND + 60
    centre.take(two.alarm("raised", late, B1))
    first, second = centre.incidents
    assert (first["alarms"], second["alarms"], second["state"], second["acked"]) == ([A1], [B1], "sent", None)
    assert centre.sent("gw-2") == []


def test_a_call_that_may_be_later_is_not_answered(centre: Centre) -> None:
    """Its gateway does not know the time, and it came after the answer; one that had come before is answered with the other."""
    one, two, third = (*pair(centre), LiftGateway("gw-3"))
    third.boot = "9b6f4c1e-1111-4222-8333-444455556666"
    centre.take(third.file(rescue="330106"), one.alarm("raised", 10, A1), two.alarm("raised", 11, B1))
    centre.order("ack")
    centre.take(third.alarm("raised", 5, A2))
    assert [one["alarms"] for one in centre.incidents] == [[A1, B1], [A2]]
    assert (centre.incidents[1]["state"], centre.sent("gw-3")) == ("sent", [])


def test_without_clocks_what_the_desk_said_binds(centre: Centre) -> None:
    """Both were open when the desk answered them; a step that obeys that answer is later, and so is the end behind it."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    centre.take(one.file(rescue="330106"), two.file(rescue="330106"), one.alarm("raised", 10, A1))
    centre.take(two.alarm("raised", 999, B1))
    assert centre.only["alarms"] == [A1, B1]
    (to_one, _) = centre.order("ack").commands
    centre.take(
        one.alarm("acked", 20, A1, by="Li Na", command=to_one), one.alarm("ended", 20, A1, by="Wang", via="key")
    )
    assert (centre.only["alarms"], centre.only["ended"]) == ([A1, B1], None)
    assert [name for name, _, _ in centre.sent("gw-2")] == ["alarm.ack", "alarm.close"]


def test_an_end_that_nobody_answered_ends_no_other_call(centre: Centre) -> None:
    """It stays open, and rings, until somebody answers it or it ends on site itself."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 12, B1))
    centre.take(one.alarm("ended", 60, A1, by="Wang", via="pin"))
    assert (centre.only["ended"], centre.only["acked"], centre.only["open_gws"]) == (None, None, ["gw-2"])
    assert centre.sent("gw-2") == []
    assert centre.order("ack").done
    assert [name for name, _, _ in centre.sent("gw-2")] == ["alarm.ack", "alarm.close"]


def test_a_close_that_one_gateway_refused_can_be_given_again(centre: Centre) -> None:
    """The other one has obeyed: that is no reason to leave this one open."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 12, B1))
    centre.order("ack")
    centre.order("close", reason="stuck contact")
    centre.result("gw-1", "alarm.close", "done")
    centre.result("gw-2", "alarm.close", "refused", "not_now sent")
    assert centre.only["closing"] is None
    assert centre.order("close", "Zhou", reason="again").done


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_no_open_call_is_silent(data: st.DataObject) -> None:  # noqa: C901
    """Whatever the clocks say: what is open, and was not answered by a person after it began, rings in one open incident."""
    with memory_directory() as folder:
        centre = Centre(Path(folder))
        with contextlib.closing(centre.store):
            clock = (now() - T0) // SECOND
            gateways = [LiftGateway(f"gw-{n}") for n in (1, 2)]
            for gateway in gateways:
                centre.take(gateway.file(rescue="330106"))
                if data.draw(st.booleans()):  # it knows the time, as well as it says, or does not know how well
                    err = data.draw(st.sampled_from([5, 300_000, None]))
                    off = 0 if err == 5 else data.draw(st.integers(-300, 300))
                    anchor = TimeAnchor(boot=gateway.boot, mono=0, utc=T0 + off * SECOND, source="ntp", err_ms=err)
                    centre.take(gateway.say("time.anchor/1", anchor, 0))
            unsent: list[Message] = []
            calls: dict[str, str] = {}  # the gateway of each that is open
            silent: set[str] = set()  # those that nobody has answered since they began
            ordered = 0
            for step in range(data.draw(st.integers(3, 14))):
                gateway = data.draw(st.sampled_from(gateways))
                mine = next((alarm for alarm, gw in calls.items() if gw == gateway.gw), None)
                s = clock - 600 + step * 20 + ordered * 1000  # after whatever the desk has said
                what = data.draw(st.sampled_from(["call", "call", "end", "sms", "ack", "close", "live"]))
                if what == "call" and mine is None:
                    alarm = f"{step:08}-1111-4222-8333-444455556666"
                    calls[alarm] = gateway.gw
                    silent.add(alarm)
                    unsent.append(gateway.alarm("raised", s, alarm))
                elif what == "end" and mine:
                    del calls[mine]
                    unsent.append(gateway.alarm("ended", s, mine, by="Wang", via="key"))
                elif what == "sms" and mine:
                    silent.clear()
                    unsent.append(gateway.alarm("acked", s, mine, by="Chen", via="sms"))
                elif what in ("ack", "close"):
                    ordered = 1
                    with contextlib.closing(second_writer(centre.data)) as db:
                        for one in centre.incidents:
                            with contextlib.suppress(DoorpostError):
                                order = RescueOrder(alarm="", reason="x")
                                if commands.order(db, one["incident"], what, "Li Na", order).done:  # type: ignore[arg-type]
                                    silent.clear()
                if what == "live" or data.draw(st.booleans()):
                    sent, unsent = unsent, []
                    centre.take(*data.draw(st.permutations(sent)))
            centre.take(*unsent)
            found = centre.incidents
            for alarm in calls:
                (its,) = [one for one in found if alarm in one["alarms"]]
                assert its["ended"] is None
                assert its["acked"] is None or alarm not in silent


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("alarm.raised/1", {"state": "calling"}),
        ("alarm.raised/1", {"state": "raised", "suspected": "smoke"}),
        ("alarm.raised/1", {"state": "raised", "via": "app"}),
        ("alarm.raised/1", {"state": "raised", "car": {"floor": "B1", "mode": 3}}),
        ("alarm.raised/1", {"state": "raised", "persons": 2**63}),
        ("alarm.raised/2", {"state": "raised"}),
    ],
)
@pytest.mark.parametrize("way", ["record", "urgent"])
def test_a_call_that_says_more_than_is_known_here_is_a_call(
    centre: Centre, kind: str, change: dict[str, Any], way: str
) -> None:
    """By a newer gateway: what can be read is shown, the rest is unknown, and it is answered like any other."""
    lift = LiftGateway()
    body = {"alarm": A1, "what": "lift_alarm", "device": "board", "n": 2**63, "rescue": {"lift": "L1", **change}}
    at = {"t": 5, "tq": ["unknown", None], "mono": 5, "boot": lift.boot}
    urgent = {"v": 1, "alarm": A1, "kind": kind, "body": body, **at}
    record = Draft(kind, msgspec.json.encode(body), Stamp(lift.boot, 5, TimeQuality("unknown"), 5))
    centre.take((up_urgent("gw-1"), msgspec.json.encode(urgent)) if way == "urgent" else lift.give(record))
    one = centre.only
    assert (one["lift"], one["what"], one["state"], one["suspected"]) == ("L1", "lift_alarm", "sent", None)
    assert one["timeline"][0]["state"] == ("unknown" if change["state"] == "calling" else "raised")
    assert one["car"] is None or one["car"]["mode"] == 3
    assert queries.alarms(reader(centre.data))[0]["device"] == "board"
    assert centre.order("ack").done


@pytest.mark.parametrize("kind", ["alarm.raised/1", "alarm.raised/2", "lift.call/1"])
def test_a_call_that_nobody_can_read_is_shown_until_it_is_set_aside(centre: Centre, kind: str) -> None:
    """One for all that wait, and once each: the gateway knows nothing of it, so that an answer ends it."""
    lift = LiftGateway()
    batches = [lift.give(Draft(kind, b'{"n":%d}' % n, Stamp(lift.boot, n, TimeQuality("unknown"), n))) for n in (1, 2)]
    centre.take(*batches)
    assert (centre.only["what"], centre.only["gws"], centre.only["repeats"]) == ("unreadable", ["gw-1"], 0)
    assert centre.order("ack").done
    centre.result("gw-1", "alarm.ack", "refused", "alarm_not_open")
    assert (centre.only["ended"] is None, centre.only["acked_by"]) == (False, "Li Na")
    centre.take(batches[0])
    assert centre.only["ended"] is not None
    centre.take(lift.give(Draft(kind, b'{"n":3}', Stamp(lift.boot, 3, TimeQuality("unknown"), 3))))
    assert [one["ended"] is None for one in centre.incidents] == [False, True]


@pytest.mark.parametrize("topic", ["alarm", "urgent", "event"])
def test_a_message_that_nobody_can_read_is_a_call_where_calls_come(centre: Centre, topic: str) -> None:
    centre.take((f"v1/gw/gw-1/up/{topic}", b"{}"), (f"v1/gw/gw-1/up/{topic}", b"{}"))
    assert [one["what"] for one in centre.incidents] == ([] if topic == "event" else ["unreadable"])


@pytest.mark.parametrize("kind", ["lift.test/1", "lift.test/2"])
def test_a_test_that_nobody_can_read_is_no_call(centre: Centre, kind: str) -> None:
    lift = LiftGateway()
    body = msgspec.json.encode({"alarm": A1, "rescue": {"lift": "L1", "state": "raised"}})
    centre.take(lift.give(Draft(kind, body, Stamp(lift.boot, 1, TimeQuality("unknown"), 1))))
    assert (centre.incidents, queries.alarms(reader(centre.data))) == ([], [])


def test_one_id_at_two_gateways_is_two_calls(centre: Centre) -> None:
    """As after a cloned card: each is shown, and each is answered for itself."""
    one, two = LiftGateway("gw-1"), LiftGateway("gw-2")
    centre.take(one.anchored(), two.anchored(), one.alarm("raised", 10, A1), two.alarm("raised", 12, A1))
    assert [one["gws"] for one in centre.incidents] == [["gw-1"], ["gw-2"]]
    db = reader(centre.data)
    with pytest.raises(DoorpostError, match="alarm_ambiguous") as raised:
        queries.alarm(db, A1[:8])
    assert raised.value.params["found"] == f"{A1}@gw-1, {A1}@gw-2"
    assert queries.alarm(db, f"{A1[:8]}@gw-2") == ("gw-2", A1, f"{A1}@gw-2")
    with second_writer(centre.data) as writer, pytest.raises(DoorpostError, match="alarm_ambiguous"):
        commands.order(writer, A1, "ack", "Li Na")
    assert centre.order("ack").done
    assert [one["state"] for one in centre.incidents] == ["acked", "sent"]
    assert (len(centre.sent("gw-1")), centre.sent("gw-2")) == (1, [])


def test_an_answer_without_a_name_is_an_answer(centre: Centre) -> None:
    """Nobody is named for it; and it goes on to the lift's other gateway, which could not be closed without."""
    one, two = pair(centre)
    centre.take(one.alarm("raised", 10, A1), two.alarm("raised", 11, B1), one.alarm("acked", 20, A1))
    assert (centre.only["state"], centre.only["acked"], centre.only["acked_by"]) == ("acked", T0 + 20 * SECOND, None)
    assert centre.sent("gw-2") == [("alarm.ack", "unknown", {"alarm": B1})]
    assert (centre.order("ack", "Zhou").done, centre.order("ack", "Zhou").by) == (False, "")
