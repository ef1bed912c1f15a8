"""Somebody is shut in and does not press: what the car's state says, and when it takes that back."""

from itertools import pairwise

import pytest

from gateway.rules.base import Acked, Badged
from gateway.rules.lift.entrapment import FLAPS_TOLD
from model.observation import Quality
from support.lift_site import EMPTY, LIU, READER, RUNNING, SHUT_IN, STANDS_OPEN, TERMINAL, TRAPPED, LiftBench, kinds

FREED = [pytest.param(RUNNING, id="running again"), pytest.param(STANDS_OPEN, id="open at a landing")]


@pytest.mark.parametrize(
    ("car", "what", "after_s", "point"),
    [
        (TRAPPED, "non_level", 30, "door_zone"),
        (SHUT_IN, "level", 90, "door_closed"),
        ({"trapped": 1}, "terminal", 5, "trapped"),
        (EMPTY | {"alarm_code": 0, "trapped": 1}, "terminal", 5, "trapped"),
    ],
)
def test_suspected_after_its_time(car: dict[str, int], what: str, after_s: float, point: str) -> None:
    """Raised by the clock, marked, with what the car said; it rings like any other."""
    lift = LiftBench()
    assert not lift.car(car) + lift.advance(after_s - 0.1)
    (said,) = lift.advance(0.1)
    body, rescue = said.body, said.body.rescue
    assert (said.kind, body.what, rescue.suspected, rescue.via) == ("alarm.raised/1", "entrapment", what, "car")
    assert (body.device, body.point, body.cause.quality) == (TERMINAL, point, Quality.GOOD)
    assert lift.signals == {"lamp_yellow", "siren"}


def test_the_terminals_alarm_number_may_mean_trapped() -> None:
    """In the tables of some cities, and is taken back by another; where nobody knows what it means it is no alarm."""
    assert not (lift := LiftBench()).car({"alarm_code": 93}) + lift.advance(600)
    lift = LiftBench(codes="chongqing")
    lift.car({"alarm_code": 93})
    (said,) = lift.advance(5)
    assert (said.body.rescue.suspected, said.body.point, said.body.cause.value) == ("terminal", "alarm_code", 93)
    assert kinds(lift.car({"alarm_code": 0}) + lift.advance(10)) == ["cleared"]


def test_a_terminal_that_is_not_heard_takes_nothing_back() -> None:
    """Its other points say nothing of the bit that is gone."""
    lift = LiftBench()
    lift.car({"trapped": 1, "alarm_code": 0})
    lift.advance(5)
    lift.car({"trapped": 0}, Quality.COMM_ERROR)
    assert "cleared" not in kinds(lift.advance(600))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"passenger": 0}, id="nobody in it"),
        pytest.param({"car_status": 1}, id="moving"),
        pytest.param({"service_mode": 2}, id="inspection"),
        pytest.param({"inspection": 1}, id="inspection by its input"),
    ],
)
@pytest.mark.parametrize("car", [TRAPPED, SHUT_IN])
def test_what_speaks_against_it(car: dict[str, int], change: dict[str, int]) -> None:
    """However long it lasts."""
    lift = LiftBench()
    lift.car(car)
    assert not lift.car(change) + lift.advance(3600)


@pytest.mark.parametrize("point", ["passenger", "car_status", "door_zone", "service_mode"])
def test_what_is_not_known_suspects_nobody(point: str) -> None:
    """Not on points that are not good; once they are, the time begins."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.car({point: 0}, Quality.COMM_ERROR)
    assert not lift.advance(3600)
    lift.car(TRAPPED)
    assert not lift.advance(29)
    assert kinds(lift.advance(1)) == ["raised"]


def test_a_car_that_runs_on_in_time_suspects_nobody() -> None:
    """Each stop has its own time."""
    lift = LiftBench()
    for _ in range(5):
        lift.car(TRAPPED)
        lift.advance(29)
        assert not lift.car(RUNNING) + lift.advance(2)


@pytest.mark.parametrize("car", [TRAPPED, SHUT_IN])
@pytest.mark.parametrize("bad", ["line", "sensor"])
def test_a_slightly_bad_line_or_sensor_hides_nobody(car: dict[str, int], bad: str) -> None:
    """One poll of ten is not heard, or denies it: the time goes on, and it is said on what is heard."""
    lift = LiftBench()
    for n in range(10):
        lift.car(car)
        lift.advance(9)
        lift.car(car, Quality.COMM_ERROR) if bad == "line" else lift.car(car | {"passenger": 0})
        assert not lift.open() or n * 10 >= 30
        lift.advance(1)
    lift.car(car)
    assert kinds(lift.said)[0] == "raised"


@pytest.mark.parametrize(("bad", "gap_s"), [("line", 10.0), ("sensor", 2.0)])
@pytest.mark.parametrize("within", [True, False])
def test_a_gap_is_bounded(bad: str, gap_s: float, within: bool) -> None:
    """`gap_s` of denial, `unknown_s` of silence: then its time begins anew. In the gap itself nothing is said."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(29)
    lift.car({"passenger": 0}, Quality.COMM_ERROR if bad == "line" else Quality.GOOD)
    assert not lift.advance(gap_s - 0.1 if within else gap_s)
    assert kinds(lift.car(TRAPPED)) == ["raised"] * within
    if not within:
        assert not lift.advance(29.9)
        assert kinds(lift.advance(0.1)) == ["raised"]


@pytest.mark.parametrize("free", FREED)
def test_taken_back_by_the_car_itself(free: dict[str, int]) -> None:
    """After `clear_s`, in one piece."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.car(free)
    assert not lift.advance(5) + lift.car(TRAPPED) + lift.advance(5) + lift.car(free) + lift.advance(9.9)
    (said,) = lift.advance(0.1)
    assert (said.kind, said.body.rescue.state, said.body.rescue.via) == ("alarm.cleared/1", "closed", "car")
    assert lift.signals == frozenset()


@pytest.mark.parametrize(
    "car",
    [
        pytest.param(TRAPPED | {"passenger": 0}, id="nobody seen"),
        pytest.param(EMPTY, id="nobody seen at a landing"),
        pytest.param(RUNNING | {"service_mode": 2}, id="moved in inspection"),
    ],
)
def test_presence_alone_frees_nobody(car: dict[str, int]) -> None:
    """Who lies on the floor is out of the sensor's view: without a way out only a person ends it."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.car(car)
    assert "cleared" not in kinds(lift.advance(3600))


def test_moved_to_a_landing_behind_closed_doors_nobody_is_free() -> None:
    """It is another kind of the same entrapment."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.car(SHUT_IN)
    lift.advance(25)
    assert list(lift.open().values()) == ["entrapment"]


def test_the_terminal_takes_back_what_it_said() -> None:
    """Where nothing else is known of the car, by the same bit."""
    lift = LiftBench()
    lift.car({"trapped": 1})
    lift.advance(5)
    lift.car({"trapped": 0})
    assert kinds(lift.advance(10)) == ["cleared"]


@pytest.mark.parametrize("free", FREED)
@pytest.mark.parametrize("by", ["answer", "badge"])
def test_what_a_person_has_answered_a_person_ends(by: str, free: dict[str, int]) -> None:
    """The car opens its door while help is on the way: somebody looks."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.step(Acked(lift.alarm, "wang", "c1") if by == "answer" else Badged(READER, LIU.badge or "", lift.now))
    assert "cleared" not in kinds(lift.car(free) + lift.advance(60))
    assert lift.open()


def test_a_press_confirms_it() -> None:
    """The same alarm, suspected no more: the car cannot take it back."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    alarm = lift.alarm
    (said,) = lift.press()
    assert (said.kind, said.body.alarm, said.body.rescue.suspected) == ("alarm.repeated/1", alarm, None)
    assert "cleared" not in kinds(lift.car(EMPTY) + lift.advance(600))


def test_a_call_is_not_doubled_by_the_car() -> None:
    """One lift, one open alarm; what the car says of it is in its records."""
    lift = LiftBench()
    lift.car(TRAPPED)
    (said,) = lift.press()
    assert (said.body.what, said.body.rescue.car.passenger) == ("lift_alarm", True)
    assert "raised" not in kinds(lift.advance(600))


def test_over_it_needs_a_new_reason() -> None:
    """A sensor that still says the same is not a new entrapment; the next one is."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.order("close", via="pin")
    assert not lift.advance(600)
    lift.restart(rebooted=False)
    assert not lift.car(TRAPPED) + lift.advance(600)
    lift.car(EMPTY)
    assert not lift.advance(1.9) + lift.car(TRAPPED) + lift.advance(600), "a sensor that flickers is not a new one"
    lift.car(EMPTY)
    lift.advance(2)
    lift.car(TRAPPED)
    assert kinds(lift.advance(30)) == ["raised"]


def test_over_and_denied_for_long_it_may_come_again_after_a_power_cut() -> None:
    """What was denied is forgotten by the clock, not by the next change of the car."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(30)
    lift.order("close", via="pin")
    lift.car(EMPTY)
    lift.advance(60)
    lift.restart(rebooted=True)
    lift.car(TRAPPED)
    assert kinds(lift.advance(10)) == ["raised"]


def test_after_a_power_cut_what_the_car_says_has_lasted() -> None:
    """Nobody saw for how long: the benefit of the doubt is the passenger's, once it is no passing picture (`clear_s`)."""
    lift = LiftBench()
    lift.car(SHUT_IN)
    lift.restart(rebooted=True)
    assert not lift.car(SHUT_IN) + lift.advance(9.9)
    assert kinds(lift.advance(0.1)) == ["raised"]


def test_after_a_power_cut_a_lift_in_use_suspects_nobody() -> None:
    """Its first picture is a car that stands with somebody in it; then it opens its door."""
    lift = LiftBench()
    lift.restart(rebooted=True)
    lift.car(SHUT_IN)
    assert not lift.advance(5) + lift.car(STANDS_OPEN) + lift.advance(5) + lift.car(SHUT_IN) + lift.advance(60)


def test_after_a_restart_alone_its_time_begins_anew() -> None:
    """Nothing of the car is kept."""
    lift = LiftBench()
    lift.car(TRAPPED)
    lift.advance(29)
    lift.restart(rebooted=False)
    lift.car(TRAPPED)
    assert not lift.advance(29)
    assert kinds(lift.advance(1)) == ["raised"]


def _flickers(lift: LiftBench, seconds: float) -> list[float]:
    """When the car is suspected, of a sensor that sees somebody for 35 s of each 60, in hours."""
    raised = []
    for _ in range(round(seconds / 60)):
        for car, lasts_s in ((TRAPPED, 35), (STANDS_OPEN | {"passenger": 0}, 25)):
            if "raised" in kinds(lift.car(car) + lift.advance(lasts_s)):
                raised.append(lift.mono / 3.6e9)
    return raised


def test_a_sensor_that_flickers_for_half_a_day() -> None:
    """The first ones are told at once; then after 5 min, 10, 20, 40, and each hour. After a calm it begins anew."""
    lift = LiftBench()
    told = _flickers(lift, 43_200)
    waits = [round((after - before) * 60) for before, after in pairwise(told)]
    assert waits[: FLAPS_TOLD + 4] == [1] * (FLAPS_TOLD - 1) + [6, 11, 21, 41, 61]
    assert set(waits[FLAPS_TOLD + 4 :]) == {61}
    lift.advance(2 * 3600)
    assert len(_flickers(lift, 180)) == FLAPS_TOLD


@pytest.mark.parametrize("rebooted", [False, True])
def test_a_pause_goes_on_over_a_restart(rebooted: bool) -> None:
    """A boot loop makes no more of them; what is known to have passed has."""
    lift = LiftBench()
    _flickers(lift, 600)
    lift.car(TRAPPED)
    lift.advance(40)
    assert not lift.open()
    (flap,) = lift.state.flaps.values()
    left_s = (flap.until - lift.mono) / 1e6
    lift.restart(rebooted=rebooted)
    lift.car(TRAPPED)
    assert kinds(lift.advance(left_s - 121 * rebooted - 1)) == []
    assert kinds(lift.advance(2)) == ["raised"]


def test_who_is_shut_in_while_the_sensor_flickered_is_told_after_the_pause() -> None:
    """Each kind has its own; and a press waits for nothing."""
    lift = LiftBench()
    _flickers(lift, 600)
    lift.car(SHUT_IN)
    assert kinds(lift.advance(90)) == ["raised"], "another kind"
    lift.car(STANDS_OPEN)
    assert kinds(lift.advance(10)) == ["cleared"]
    lift.car(TRAPPED)
    assert kinds(lift.advance(3600))[0] == "raised"
    lift.car(STANDS_OPEN)
    lift.advance(10)
    lift.car(TRAPPED)
    assert not lift.advance(60)
    assert kinds(lift.press()) == ["raised"]


def test_a_suspicion_that_was_held_back_is_over_with_the_call() -> None:
    """What stood there during a call that a person has ended is no new reason."""
    lift = LiftBench()
    _flickers(lift, 600)
    lift.car(TRAPPED)
    lift.press()
    lift.advance(60)
    lift.order("close", via="pin")
    assert not lift.advance(7200)
