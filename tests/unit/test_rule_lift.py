"""The lift's alarm as it always was: the button, the answer and the key. In any order: test_lift_invariants.py."""

import pytest
from pydantic import ValidationError

from gateway.rules.base import Acked, Delivered, Say
from gateway.rules.lift import LiftConfig, LiftRule
from gateway.rules.site import Site
from model.observation import Quality
from support.rules import Bench

BUTTON = "lift1.alarm_button"
KEY = "io1.di2"
PRESS_S = 0.5


def bench(**config: int) -> Bench:
    fields = {"id": "lift1", "rule": "lift", "profile": "lift-default", "alarm": BUTTON, "end": KEY, **config}
    return Bench(LiftRule(LiftConfig.model_validate(fields), Site()))


class Lift:
    """What happens in the car, in the machine room and at the centre."""

    def __init__(self, **config: int) -> None:
        self.bench = bench(**config)

    def button(self, value: float | None, quality: Quality = Quality.GOOD) -> list[str]:
        return told(self.bench.sample(BUTTON, value, quality))

    def key(self, value: float | None, quality: Quality = Quality.GOOD) -> list[str]:
        return told(self.bench.sample(KEY, value, quality))

    def turn(self) -> list[str]:
        return self.key(1) + self.wait(PRESS_S) + self.key(0)

    def wait(self, seconds: float) -> list[str]:
        return told(self.bench.advance(seconds))

    def press(self) -> list[str]:
        return self.button(1) + self.wait(PRESS_S) + self.button(0)

    def answer(self, alarm: str | None = None) -> list[str]:
        return told(self.bench.step(Acked(alarm or self.alarm, "wang", "c1")))

    def delivered(self, alarm: str | None = None) -> list[str]:
        return told(self.bench.step(Delivered(alarm or self.alarm)))

    @property
    def alarm(self) -> str:
        (alarm,) = self.bench.open()
        return alarm

    @property
    def signals(self) -> frozenset[str]:
        return self.bench.rule.signals(self.bench.state)


def told(says: list[Say]) -> list[str]:
    """What is said of the alarm itself: the escalation and the rescue's clocks have tests of their own."""
    return [say.kind.partition(".")[2][:-2] for say in says if say.kind not in ("alarm.escalated/1", "alarm.overdue/1")]


def test_a_short_press_is_nothing() -> None:
    """Less than `press_s` between the first sample down and the first sample up."""
    lift = Lift()
    assert lift.button(1) + lift.wait(0.49) + lift.button(0) + lift.wait(60) == []
    assert lift.signals == frozenset()


def test_a_press_is_one_alarm_however_long_it_lasts() -> None:
    """Raised by the clock, not by the next sample, and once."""
    lift = Lift()
    assert lift.button(1) + lift.wait(0.5) == ["raised"]
    assert lift.signals == {"lamp_yellow", "siren"}
    assert lift.button(1) + lift.wait(60) + lift.button(1) + lift.button(0) == []


def test_pressed_again_it_is_the_same_alarm() -> None:
    """A second press adds to what is open; the record counts it."""
    lift = Lift()
    assert lift.press() + lift.press() + lift.press() == ["raised", "repeated", "repeated"]
    assert [s.body.n for s in lift.bench.said] == [None, 1, 2]
    assert len({s.body.alarm for s in lift.bench.said}) == 1


def test_told_again_only_after_the_centre_has_the_last() -> None:
    """Offline nothing piles up; once the centre has it, each 30 s until somebody answers."""
    lift = Lift()
    lift.press()
    assert lift.wait(3600) == []
    assert lift.delivered() == ["reemit"]
    assert lift.wait(3600) == []
    assert lift.delivered() == ["reemit"]
    assert lift.delivered() == []
    assert lift.wait(29.9) == []
    assert lift.wait(0.1) == ["reemit"]
    lift.delivered()
    assert lift.answer() == ["acked"]
    assert lift.wait(3600) == []
    assert [s.body.n for s in lift.bench.said if s.kind == "alarm.reemit/1"] == [2, 3, 4]


def test_a_repeat_that_the_centre_has_not_got_holds_back_the_next_telling() -> None:
    """What was said last is on its way: saying more would only queue behind it."""
    lift = Lift()
    lift.press()
    lift.delivered()
    assert lift.press() == ["repeated"]
    assert lift.wait(60) == []
    assert lift.delivered() == ["reemit"]


def test_only_the_key_ends_it_and_only_after_the_answer() -> None:
    """Neither the button's release nor the acknowledgement ends it."""
    lift = Lift()
    lift.press()
    assert lift.turn() == ["refused"]
    lift.answer()
    assert lift.signals == {"lamp_green", "voice"}
    assert lift.wait(3600) == []
    assert lift.signals == {"lamp_green"}
    assert lift.key(None, Quality.COMM_ERROR) == []
    assert lift.turn() == ["ended"]
    assert lift.signals == frozenset()


def test_a_lift_without_a_contact_that_ends_its_alarm_is_refused() -> None:
    """Its first alarm would stay open, and the next call in the lift would be a repeat: no siren, no yellow lamp."""
    with pytest.raises(ValidationError, match="end"):
        LiftConfig.model_validate({"id": "lift1", "rule": "lift", "profile": "lift-default", "alarm": BUTTON})


def test_a_key_left_turned_ends_no_later_alarm() -> None:
    """Somebody must turn it after the answer: a contact that is stuck would end every alarm unseen."""
    lift = Lift()
    lift.key(1)
    lift.press()
    lift.answer()
    assert lift.key(1) + lift.wait(PRESS_S) + lift.key(0) == []
    assert lift.turn() == ["ended"]


def test_a_normally_closed_button() -> None:
    """`active = 0`: the contact opens when it is pressed; a broken line is no press and no release."""
    lift = Lift(active=0)
    assert lift.button(1) + lift.wait(60) == []
    assert lift.button(0) + lift.button(None, Quality.COMM_ERROR) + lift.wait(0.5) == ["raised"]


def test_a_press_under_way_at_a_crash_is_not_lost() -> None:
    """The gateway came back too late to see whether the button was held: the passenger has the benefit of the doubt."""
    lift = Lift()
    lift.button(1)
    lift.bench.restart(rebooted=False)
    assert lift.wait(0.5) == ["raised"]


def test_a_press_under_way_at_a_power_cut_is_not_lost() -> None:
    """Across a reboot nobody can measure it: it counts as one that has lasted."""
    lift = Lift()
    lift.button(1)
    assert [s.kind for s in lift.bench.restart(rebooted=True)] == ["alarm.raised/1"]


def test_after_a_power_cut_it_is_told_again_at_once() -> None:
    """The pause before the next telling counts as over, however short the machine has been up."""
    lift = Lift()
    lift.press()
    lift.delivered()
    lift.bench.restart(rebooted=True)
    assert lift.signals == {"lamp_yellow", "siren"}
    assert lift.wait(0) == ["reemit"]


def test_the_record_says_who_answered_by_which_command() -> None:
    """For the rescue desk and the inspector."""
    lift = Lift()
    lift.press()
    lift.answer()
    body = lift.bench.said[-1].body
    assert (body.by, body.command, body.what, body.profile) == ("wang", "c1", "lift_alarm", "lift-default@3")
