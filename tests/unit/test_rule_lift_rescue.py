"""From the answer to the end of a lift's alarm: who may do what, what proves that somebody is there, what the records say."""

import pytest

from gateway.rules.base import Acked, Badged, Say
from model.observation import Quality
from support.lift_site import BUTTON, KEY, LIU, READER, SUN, TRAPPED, LiftBench, kinds


def answered(*, badges: bool = True, end: bool = True) -> LiftBench:
    lift = LiftBench(badges=badges, end=end)
    lift.press()
    lift.step(Acked(lift.alarm, "wang", "c1"))
    return lift


def badge(lift: LiftBench, uid: str | None = LIU.badge, reader: str = READER) -> list[Say]:
    return lift.step(Badged(reader, uid or "", lift.now))


def test_the_whole_way() -> None:
    """Raised, answered, sent, there, out, over: each record has the state after it, who, and how."""
    lift = answered()
    lift.order("dispatch", team="A", tier=1)
    badge(lift)
    lift.order("release", persons=2, injured=0)
    lift.car({"fault_code": 4})
    lift.turn()
    told = [(s.kind[6:-2], s.body.rescue.state, s.body.rescue.via, s.body.by) for s in lift.said]
    assert told == [
        ("raised", "raised", None, None),
        ("acked", "acked", "centre", "wang"),
        ("dispatched", "dispatched", "centre", "wang"),
        ("arrived", "on_site", "badge", "liu"),
        ("released", "released", "centre", "wang"),
        ("ended", "closed", "key", "liu"),
    ]
    rescues = [s.body.rescue for s in lift.said]
    assert (rescues[2].team, rescues[2].tier, rescues[4].persons, rescues[4].injured) == ("A", 1, 2, 0)
    assert (rescues[5].fault, rescues[5].car.fault) == ("stop_outside_zone", "stop_outside_zone")


def test_the_next_team_may_be_sent_until_they_are_out() -> None:
    """Also when the first is there: it may need help."""
    lift = answered()
    for tier in (1, 2, 3):
        (said,) = lift.order("dispatch", tier=tier)
        assert said.body.rescue.tier == tier
    badge(lift)
    (said,) = lift.order("dispatch", tier=3)
    assert said.body.rescue.state == "on_site"
    lift.order("release")
    assert not lift.order("dispatch")


def test_a_badge_before_the_answer_is_somebody_there() -> None:
    """The centre is told again all the same, until it answers; the state does not go back then."""
    lift = LiftBench()
    lift.press()
    (said,) = badge(lift)
    assert (said.kind, said.body.rescue.state) == ("alarm.arrived/1", "on_site")
    assert lift.signals == {"lamp_yellow", "siren"}
    assert "escalated" in kinds(lift.advance(30))
    (said,) = lift.step(Acked(lift.alarm, "wang", "c1"))
    assert said.body.rescue.state == "on_site"


@pytest.mark.parametrize(
    ("uid", "reader", "told"),
    [
        (SUN.badge, READER, [("badge", "no_technician", READER, "sun")]),
        ("04FF", READER, [("badge", "badge_unknown", READER, None)]),
        (LIU.badge, "badge2", []),
    ],
    ids=["no technician", "not listed", "elsewhere"],
)
def test_other_badges_prove_nothing(uid: str, reader: str, told: list[tuple[str, str, str, str | None]]) -> None:
    """Means of ending are for competent persons. Who tried at the lift is on record."""
    lift = LiftBench()
    lift.press()
    said = badge(lift, uid, reader) + lift.turn()
    assert [(s.body.what, s.body.why, s.body.device, s.body.by) for s in said] == [
        *told,
        ("key", "unanswered", KEY.split(".")[0], None),
    ]
    assert {(s.kind, s.body.alarm, s.body.lift) for s in said} == {("lift.refused/1", lift.alarm, "l1")}


@pytest.mark.parametrize("badges", [True, False])
def test_a_key_ends_what_was_answered(badges: bool) -> None:
    """Badge reader or key: there a badge is not needed too. One left turned from before ends nothing."""
    lift = LiftBench(badges=badges)
    lift.press()
    assert kinds(lift.sample(KEY, 1) + lift.advance(0.5)) == ["refused"]
    lift.step(Acked(lift.alarm, "wang", "c1"))
    assert not lift.sample(KEY, 1) + lift.advance(5) + lift.sample(KEY, 0)
    (said,) = lift.turn()
    assert (said.kind, said.body.rescue.via, said.body.by) == ("alarm.ended/1", "key", None)


def test_word_from_the_centre_that_somebody_is_there_is_no_badge() -> None:
    """The desk heard it by telephone. The badge after that is told too, once, and says whose the key is."""
    lift = answered()
    lift.order("arrive", team="A")
    clocks = lift.state.alarm.clocks
    lift.advance(60)
    (said,) = badge(lift)
    assert (said.kind, said.body.by, said.body.rescue.via) == ("alarm.arrived/1", "liu", "badge")
    assert not badge(lift) + lift.order("arrive", via="pin")
    assert lift.state.alarm.clocks == clocks, "it began when the first was said to be there"
    (said,) = lift.turn()
    assert (said.kind, said.body.by) == ("alarm.ended/1", "liu")


def test_a_key_by_the_centres_word_alone_is_nobodys() -> None:
    """Who turned it nobody knows: not the person at the desk."""
    lift = answered()
    lift.order("arrive")
    (said,) = lift.turn()
    assert (said.kind, said.body.by) == ("alarm.ended/1", None)


@pytest.mark.parametrize(("turned_us", "ends"), [(499_998, False), (499_999, True)])
def test_a_key_is_turned_as_long_as_a_button_is_pressed(turned_us: int, ends: bool) -> None:
    """`press_s`: a contact that bounces ends no rescue. Also when the Tick is late."""
    lift = answered()
    lift.sample(KEY, 1)
    lift.later(turned_us)
    assert kinds(lift.sample(KEY, 0) + lift.advance(1)) == ["ended"] * ends


def test_a_press_after_the_key_is_a_new_call_however_late_the_end_is_noticed() -> None:
    """It adds to nothing that is over."""
    lift = answered()
    lift.sample(KEY, 1)
    lift.later(600_000)
    lift.sample(BUTTON, 1)
    lift.later(600_000)
    assert kinds(lift.sample(BUTTON, 0)) in (["ended", "raised"], ["raised"])


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_key_that_is_being_turned_at_a_crash(rebooted: bool) -> None:
    """Nobody knows for how long it was, while nobody looked: it is measured anew, where it still is."""
    lift = answered()
    lift.sample(KEY, 1)
    lift.later(400_000)
    lift.restart(rebooted=rebooted)
    lift.advance(1)
    assert "ended" not in kinds(lift.sample(KEY, 0) + lift.advance(1))
    lift.sample(KEY, 1)
    lift.restart(rebooted=rebooted)
    assert kinds(lift.sample(KEY, 1) + lift.advance(0.5))[-1] == "ended"


def test_a_badge_and_the_key_end_what_nobody_answered() -> None:
    """It would ring for days over an empty car; that nobody answered is seen."""
    lift = LiftBench()
    lift.press()
    badge(lift)
    (said,) = lift.turn()
    assert said.kind == "alarm.ended/1" and "acked" not in kinds(lift.said)


def test_without_a_reader_the_key_ends_only_what_was_answered() -> None:
    """A key alone proves nobody."""
    lift = LiftBench(badges=False)
    lift.press()
    assert kinds(lift.turn()) == ["refused"]
    lift.step(Acked(lift.alarm, "wang", "c1"))
    assert kinds(lift.turn()) == ["ended"]


def test_without_a_key_a_badge_after_the_release_is_the_end() -> None:
    """Not before it: the first is the arrival, and a card may be read twice."""
    lift = answered(end=False)
    assert kinds(badge(lift) + badge(lift)) == ["arrived"]
    lift.order("release", persons=1)
    (said,) = badge(lift)
    assert (said.kind, said.body.rescue.via, said.body.by) == ("alarm.ended/1", "badge", "liu")


def test_with_a_pin_all_can_be_said_on_site() -> None:
    """Also of an alarm that nobody at the centre has answered."""
    lift = LiftBench()
    lift.press()
    said = lift.order("arrive", via="pin", by="liu") + lift.order("release", via="pin", by="liu", persons=1)
    said += lift.order("close", via="pin", by="liu", fault="door_open_fault")
    assert kinds(said) == ["arrived", "released", "ended"]
    assert {(s.body.by, s.body.rescue.via) for s in said} == {("liu", "pin")}
    assert said[-1].body.rescue.fault == "door_open_fault"


def test_with_a_pin_nobody_is_sent() -> None:
    """That is the centre's."""
    assert not answered().order("dispatch", via="pin")


def test_from_afar_it_is_reset_only_with_a_reason() -> None:
    """And only when answered; the record says that it was from afar."""
    lift = LiftBench()
    lift.press()
    assert not lift.order("close", reason="false alarm")
    lift.step(Acked(lift.alarm, "wang", "c1"))
    assert not lift.order("close") + lift.order("close", reason="  ")
    (said,) = lift.order("close", reason="false alarm")
    assert (said.kind, said.body.rescue.via, said.body.rescue.reason) == ("alarm.ended/1", "remote", "false alarm")


def test_before_the_answer_the_centre_orders_nothing() -> None:
    """First somebody says that he has it."""
    lift = LiftBench()
    lift.press()
    assert not [say for what in ("dispatch", "arrive", "release") for say in lift.order(what)]


def test_a_key_that_nobody_can_read_ends_nothing() -> None:
    """Nor does it count as turned back."""
    lift = answered(badges=False)
    lift.sample(KEY, None, Quality.COMM_ERROR)
    assert kinds(lift.turn()) == ["ended"]


def test_the_car_is_told_for_a_while_that_help_comes() -> None:
    """After a power cut from the beginning; the prompt may have been cut off."""
    lift = answered()
    lift.advance(100)
    assert "voice" in lift.signals
    lift.restart(rebooted=True)
    lift.advance(100)
    assert "voice" in lift.signals
    lift.advance(21)
    assert lift.signals == {"lamp_green"}


def test_the_record_of_a_press_has_the_car() -> None:
    """As far as it is known; a mode by its name, which its table has, else as it was said."""
    lift = LiftBench()
    lift.car(TRAPPED | {"fault_code": 77})
    lift.car({"passenger": 0}, Quality.COMM_ERROR)
    (said,) = lift.press()
    car = said.body.rescue.car
    assert (car.mode, car.moving, car.door_zone, car.door_closed, car.passenger, car.floor) == (
        "normal",
        False,
        False,
        True,
        None,
        11,
    )
    assert car.fault == "unknown"
    other = LiftBench()
    other.car(TRAPPED | {"service_mode": 77})
    (said,) = other.press()
    assert said.body.rescue.car.mode == 77
