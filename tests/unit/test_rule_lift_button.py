"""The button of a lift: through whatever it is told, with an open door before it, and in maintenance."""

import pytest

from gateway.rules.base import PointInput
from model.observation import Quality
from support.lift_site import (
    BUTTON,
    EMPTY,
    KEY,
    RUNNING,
    SHUT_IN,
    STANDS_OPEN,
    SWITCH,
    TERMINAL,
    TRAPPED,
    LiftBench,
    kinds,
)

OWN = f"{TERMINAL}.alarm_button"


@pytest.mark.parametrize("point", ["alarm_button", "car_button_alarm"])
def test_the_terminals_button_counts_too(point: str) -> None:
    """LIFT-GBT-1 has the one, the Vanke map both."""
    assert kinds(LiftBench().press(f"{TERMINAL}.{point}")) == ["raised"]


def test_the_terminals_alarm_code_is_a_press() -> None:
    """Number 90 in the table of its lift; another number is none."""
    lift = LiftBench()
    assert not lift.car({"alarm_code": 0, "fault_code": 4}) + lift.advance(5)
    assert kinds(lift.car({"alarm_code": 90}) + lift.advance(0.5)) == ["raised"]


def test_a_lift_without_a_terminal_takes_no_others_points() -> None:
    """A device that was not named is not listened to."""
    lift = LiftBench(terminal=False)
    assert not lift.press(OWN) + lift.car(TRAPPED) + lift.advance(600)


def test_contact_and_terminal_tell_of_the_same_press() -> None:
    """The terminal is polled more slowly: within `same_press_s` it is no second press."""
    lift = LiftBench()
    said = lift.sample(BUTTON, 1) + lift.advance(4.9) + lift.sample(OWN, 1) + lift.advance(5)
    assert kinds(said) == ["raised"]


@pytest.mark.parametrize(("down_us", "is_one"), [(499_998, False), (499_999, True), (3_000_000, True)])
def test_a_press_whose_release_comes_before_the_tick(down_us: int, is_one: bool) -> None:
    """It counts by its own samples, not by who is quicker: the loop may be busy, the board may be polled slowly."""
    lift = LiftBench()
    lift.sample(BUTTON, 1)
    lift.later(down_us)  # and a sample is a microsecond later
    assert kinds(lift.sample(BUTTON, 0) + lift.advance(1)) == ["raised"] * is_one


def test_a_release_long_after_a_filtered_press_is_the_end_of_one_that_was_held() -> None:
    """The Tick of `hold_s` may be late too."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    lift.sample(BUTTON, 1)
    lift.later(40_000_000)
    assert kinds(lift.sample(BUTTON, 0)) == ["filtered", "raised"]


def test_a_contact_that_chatters_for_hours_fills_no_store() -> None:
    """Shorter or longer than a press: the first repeats are told, then at longer and longer pauses, and counted on."""
    lift = LiftBench()
    lift.sample(SWITCH, 0)
    stored, records = lift.rule.kept(lift.state), 0
    for n in range(3600):
        on, half = float(n % 2 == 0), 0.4 if n < 1800 else 0.6
        for point in (BUTTON, SWITCH, KEY):
            lift.sample(point, on)
            records, stored = records + (lift.rule.kept(lift.state) != stored), lift.rule.kept(lift.state)
        lift.advance(half)
    assert records < 60
    repeats = [say.body.n for say in lift.said if say.kind == "alarm.repeated/1"]
    assert repeats[:10] == list(range(1, 11)) and len(repeats) < 20
    assert kinds(lift.said).count("refused") <= 2
    lift.advance(3600)
    (said,) = [say for say in lift.press() if say.kind == "alarm.repeated/1"]
    assert said.body.n == 900


def test_of_many_short_presses_the_first_one_counts_at_a_power_cut() -> None:
    """One that follows at once is not stored, or a contact that chatters would fill the store."""
    lift = LiftBench()
    lift.sample(BUTTON, 1)
    assert kinds(lift.restart(rebooted=True)) == ["raised"]
    lift = LiftBench()
    for on in (1, 0, 1):
        lift.sample(BUTTON, on)
    assert not lift.restart(rebooted=True)
    assert kinds(lift.sample(BUTTON, 1) + lift.advance(0.5)) == ["raised"]


@pytest.mark.parametrize("over", [True, False])
def test_a_button_that_is_down_after_a_power_cut(over: bool) -> None:
    """Counted before, it is a new press where no call is open: who was trapped by that power cut holds it."""
    lift = LiftBench()
    lift.sample(BUTTON, 1)
    lift.advance(1)
    if over:
        lift.order("close", via="pin")
    lift.restart(rebooted=True)
    assert ("raised" in kinds(lift.sample(BUTTON, 1) + lift.advance(1))) == over
    assert "repeated" not in kinds(lift.said)


def test_the_call_is_the_same_one_whenever_it_is_raised() -> None:
    """Sent before it was durable, then raised again after a power cut: its id follows from the press."""
    lift, again = LiftBench(), LiftBench()
    for one in (lift, again):
        one.sample(BUTTON, 1)
    lift.advance(0.5)
    again.restart(rebooted=True)
    assert again.alarm == lift.alarm


def test_another_press_through_another_source_is_a_repeat() -> None:
    """After `same_press_s` somebody has pressed again."""
    lift = LiftBench()
    lift.sample(BUTTON, 1)
    lift.advance(5.1)
    assert kinds(lift.press(OWN)) == ["repeated"]
    assert kinds(lift.sample(BUTTON, 0) + lift.press(BUTTON)) == []
    lift.advance(6)
    assert kinds(lift.press(BUTTON)) == ["repeated"]


def test_an_echo_of_a_press_whose_alarm_is_over_is_a_new_call() -> None:
    """In doubt it is a call."""
    lift = LiftBench()
    lift.press()
    lift.order("close", via="pin")
    assert kinds(lift.press(OWN)) == ["raised"]


def test_a_press_at_a_landing_with_the_door_open_is_counted_and_no_call() -> None:
    """The record has the press and the car; neither lamp nor siren."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(2)
    (said,) = lift.press()
    assert (said.kind, said.body.n, said.body.lift, said.body.cause.value) == ("lift.filtered/1", 1, "l1", 1)
    assert (said.body.car.door_zone, said.body.car.door_closed, said.body.car.floor) == (True, False, 11)
    assert lift.signals == frozenset() and not lift.open()


@pytest.mark.parametrize(
    "car",
    [
        pytest.param(TRAPPED, id="between landings"),
        pytest.param(SHUT_IN, id="door closed"),
        pytest.param(STANDS_OPEN | {"car_status": 1}, id="running"),
        pytest.param({k: v for k, v in STANDS_OPEN.items() if k != "door_zone"}, id="zone not known"),
    ],
)
def test_what_else_the_car_does_filters_nothing(car: dict[str, int]) -> None:
    """All three must be said: in the zone, stopped, door not closed."""
    lift = LiftBench()
    lift.car(car)
    lift.advance(5)
    assert kinds(lift.press()) == ["raised"]


def test_a_door_that_has_just_opened_filters_nothing() -> None:
    """`open_s`: it may be on its way to close again."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    assert kinds(lift.press()) == ["raised"]


def test_a_terminal_that_is_not_heard_filters_nothing() -> None:
    """It said that the door was open, and says nothing now."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    lift.car(STANDS_OPEN, Quality.COMM_ERROR)
    assert kinds(lift.press()) == ["raised"]


def test_pressed_again_soon_it_is_a_call() -> None:
    """Within `bypass_s`; later it is filtered as the first, and counted."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    assert kinds(lift.press()) == ["filtered"]
    lift.advance(40)
    (again,) = lift.press()
    assert (again.kind, again.body.n) == ("lift.filtered/1", 2)
    lift.advance(20)
    assert kinds(lift.press()) == ["raised"]


def test_a_second_source_of_a_filtered_press_is_not_a_second_press() -> None:
    """Otherwise a lift with contact and terminal had no filter."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    said = lift.sample(BUTTON, 1) + lift.advance(1) + lift.sample(OWN, 1) + lift.advance(1)
    assert kinds(said + lift.sample(BUTTON, 0) + lift.sample(OWN, 0)) == ["filtered"]


def test_held_on_to_it_is_a_call() -> None:
    """For `hold_s`, by the clock."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    assert kinds(lift.sample(BUTTON, 1) + lift.advance(29.9)) == ["filtered"]
    assert kinds(lift.advance(0.1)) == ["raised"]


def test_held_while_the_door_closes_it_is_a_call() -> None:
    """What spoke against a call is gone."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    lift.sample(BUTTON, 1)
    assert kinds(lift.advance(3)) == ["filtered"]
    assert kinds(lift.car({"door_closed": 1})) == ["raised"]


def test_held_over_a_power_cut_it_is_a_call() -> None:
    """Nobody knows for how long, nor what the door did."""
    lift = LiftBench()
    lift.car(STANDS_OPEN)
    lift.advance(5)
    lift.sample(BUTTON, 1)
    lift.advance(1)
    assert kinds(lift.restart(rebooted=True)) == ["raised"]


def test_an_open_alarm_has_no_filter() -> None:
    """EN 81-28: between the acknowledgement and the end filtering is bypassed."""
    lift = LiftBench()
    lift.press()
    lift.car(STANDS_OPEN)
    lift.advance(10)
    assert kinds(lift.press()) == ["repeated"]


def test_in_maintenance_the_alarm_goes_out_marked() -> None:
    """The switch is seen before or after a restart; a switch that nobody can read is as it was."""
    lift = LiftBench()
    lift.sample(SWITCH, 1)
    lift.restart(rebooted=True)
    lift.sample(SWITCH, None, Quality.COMM_ERROR)
    (said,) = lift.press()
    assert (said.kind, said.body.rescue.maintenance) == ("alarm.raised/1", True)


def test_a_switch_that_is_the_cars_own_input() -> None:
    """It marks alarms, and the car is in inspection: nobody is suspected in it."""
    lift = LiftBench(maintenance=f"{TERMINAL}.inspection")
    assert not lift.car(TRAPPED | {"inspection": 1}) + lift.advance(600)
    (said,) = lift.press()
    assert said.body.rescue.maintenance


def test_a_moving_car_is_nothing_to_keep() -> None:
    """10,000 polls of a lift in use: nothing said, nothing stored."""
    lift = LiftBench()
    nothing, state = lift.rule.kept(lift.state), lift.state
    for n in range(10_000 // 4):
        for car in (STANDS_OPEN, RUNNING | {"display_floor": n % 30}, SHUT_IN, EMPTY):
            lift.mono += 1_000_000
            for name, value in car.items():
                if state.car.get(name) != value:
                    event = PointInput(TERMINAL, name, value, "1", Quality.GOOD, lift.now)
                    state, says, _ = lift.rule.step(state, event, lift.now)
                    assert not says
            assert lift.rule.kept(state) == nothing
