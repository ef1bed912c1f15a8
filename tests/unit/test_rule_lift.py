"""The lift's alarm: nothing that happens in any order loses it, doubles it, answers it or ends it by mistake."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from pydantic import ValidationError

from gateway.rules.base import Acked, Delivered, Say
from gateway.rules.lift import LiftConfig, LiftRule
from model.observation import Quality
from support.rules import Bench

BUTTON = "lift1.alarm_button"
KEY = "io1.di2"
PRESS_S = 0.5
REEMIT_S = 30.0


def bench(**config: int) -> Bench:
    fields = {"id": "lift1", "rule": "lift", "profile": "lift-default", "alarm": BUTTON, "end": KEY, **config}
    return Bench(LiftRule(LiftConfig.model_validate(fields)))


class Lift:
    """What happens in the car, in the machine room and at the centre."""

    def __init__(self, **config: int) -> None:
        self.bench = bench(**config)

    def button(self, value: float | None, quality: Quality = Quality.GOOD) -> list[str]:
        return [s.kind[6:-2] for s in self.bench.sample(BUTTON, value, quality)]

    def key(self, value: float | None, quality: Quality = Quality.GOOD) -> list[str]:
        return [s.kind[6:-2] for s in self.bench.sample(KEY, value, quality)]

    def wait(self, seconds: float) -> list[str]:
        return [s.kind[6:-2] for s in self.bench.advance(seconds)]

    def press(self) -> list[str]:
        return self.button(1) + self.wait(PRESS_S) + self.button(0)

    def answer(self, alarm: str | None = None) -> list[str]:
        return [s.kind[6:-2] for s in self.bench.step(Acked(alarm or self.alarm, "wang", "c1"))]

    def delivered(self, alarm: str | None = None) -> list[str]:
        return [s.kind[6:-2] for s in self.bench.step(Delivered(alarm or self.alarm))]

    @property
    def alarm(self) -> str:
        (alarm,) = self.bench.open()
        return alarm

    @property
    def signals(self) -> frozenset[str]:
        return self.bench.rule.signals(self.bench.state)


class LiftMachine(RuleBasedStateMachine):
    """Button, key, centre, time, restarts and power cuts in any order, against what one would note on paper."""

    def __init__(self) -> None:
        super().__init__()
        self.bench = bench()
        self.pressed_since: int | None = None  # mono; a press that may still become an alarm
        self.counted = False
        self.key_turned = False
        self.open: str | None = None
        self.acked = False
        self.told = 0
        self.at_centre = False  # the centre has all that was said of the open alarm

    @rule(down=st.booleans())
    def button(self, down: bool) -> None:
        says = self.bench.sample(BUTTON, float(down))
        if not down:
            assert not [s for s in says if s.kind != "alarm.reemit/1"]
            self.pressed_since, self.counted = None, False
        elif not self.counted and self.pressed_since is None:
            self.pressed_since = self.bench.mono
        self._note(says)

    @rule(quality=st.sampled_from([q for q in Quality if q is not Quality.GOOD]))
    def button_unknown(self, quality: Quality) -> None:
        assert not self.bench.sample(BUTTON, None, quality)

    @rule(turned=st.booleans())
    def key(self, turned: bool) -> None:
        ends = turned and not self.key_turned and self.open is not None and self.acked
        says = self.bench.sample(KEY, float(turned))
        assert [s.kind for s in says] == ["alarm.ended/1"] * ends
        self.key_turned = turned
        self._note(says)

    @rule()
    def key_unknown(self) -> None:
        assert not self.bench.sample(KEY, None, Quality.COMM_ERROR)

    @rule(seconds=st.sampled_from([0.2, 0.5, 0.6, 10.0, 29.9, 30.0, 95.0]))
    def time_passes(self, seconds: float) -> None:
        self._note(self.bench.advance(seconds))

    @precondition(lambda self: self.open)
    @rule()
    def answered(self) -> None:
        assert self.open
        says = self.bench.step(Acked(self.open, "wang", "c1"))
        assert [s.kind for s in says] == ["alarm.acked/1"] * (not self.acked)
        self._note(says)

    @precondition(lambda self: self.open)
    @rule()
    def delivered(self) -> None:
        assert self.open
        self.at_centre = True
        self._note(self.bench.step(Delivered(self.open)))

    @rule(other=st.uuids(), which=st.booleans())
    def word_of_another(self, other: object, which: bool) -> None:
        """I3: another alarm's acknowledgement, or that of one that is over, changes nothing."""
        over = {s.body.alarm for s in self.bench.said} - {self.open}
        before = self.bench.state
        for alarm in (str(other), *over):
            assert not self.bench.step(Acked(alarm, "wang", "c2") if which else Delivered(alarm))
        assert self.bench.state == before

    @rule(rebooted=st.booleans())
    def restarted(self, rebooted: bool) -> None:
        says = self.bench.restart(rebooted=rebooted)
        if rebooted:
            self.told = self.bench.mono - round(REEMIT_S * 1e6)
            if self.pressed_since is not None:
                self.pressed_since = self.bench.mono - round(PRESS_S * 1e6)
        self._note(says)
        self._note(self.bench.advance(0))

    def _note(self, says: list[Say]) -> None:
        for say in says:
            match say.kind:
                case "alarm.raised/1":
                    assert self.open is None
                    self.open, self.acked = say.body.alarm, False
                    self._pressed()
                    self.told = self.bench.state.alarm.told
                case "alarm.repeated/1":
                    self._pressed()
                case "alarm.reemit/1":
                    assert self.at_centre and not self.acked
                    self.at_centre = False
                    self.told = self.bench.state.alarm.told
                case "alarm.acked/1":
                    self.acked = True
                case "alarm.ended/1":
                    self.open = None
            assert say.body.alarm == self.open or say.kind == "alarm.ended/1"

    def _pressed(self) -> None:
        assert self.pressed_since is not None and not self.counted
        assert self.bench.mono - self.pressed_since >= PRESS_S * 1e6
        self.pressed_since, self.counted, self.at_centre = None, True, False

    @invariant()
    def a_press_that_lasted_was_heard(self) -> None:
        """Nothing is waiting whose time is up, once the Ticks that were asked for have come."""
        wake = self.bench.wake
        if self.pressed_since is not None:
            assert wake is not None and wake <= self.pressed_since + PRESS_S * 1e6
        if self.open and self.at_centre and not self.acked:
            assert wake is not None and wake <= max(self.told + round(REEMIT_S * 1e6), self.bench.mono)

    @invariant()
    def one_alarm_at_most(self) -> None:
        assert list(self.bench.open()) == ([self.open] if self.open else [])

    @invariant()
    def states_go_one_way(self) -> None:
        """I1, I5: raised, told again, answered, ended; each at its place."""
        for alarm in {s.body.alarm for s in self.bench.said}:
            kinds = self.bench.kinds(alarm)
            acked = kinds.index("acked") if "acked" in kinds else len(kinds)
            assert kinds[0] == "raised" and kinds.count("raised") == 1
            assert "reemit" not in kinds[acked:]
            assert "ended" not in kinds[:acked]
            assert kinds.count("ended") == (alarm != self.open)

    @invariant()
    def lamps_are_the_state(self) -> None:
        """I7: also right after a restart, for outputs follow the state and nothing else."""
        wanted = {"lamp_green"} if self.acked else {"lamp_yellow", "siren"}
        assert self.bench.rule.signals(self.bench.state) == (wanted if self.open else set())


TestLift = LiftMachine.TestCase
TestLift.settings = settings(max_examples=100, stateful_step_count=50)


def test_a_short_press_is_nothing() -> None:
    """Less than `press_s` between the first sample down and the first sample up."""
    lift = Lift()
    assert lift.button(1) + lift.wait(0.49) + lift.button(0) + lift.wait(60) == []
    assert lift.signals == frozenset()


def test_a_press_is_one_alarm_however_long_it_lasts() -> None:
    """Raised by the clock, not by the next sample, and once."""
    lift = Lift()
    assert lift.button(1) + lift.wait(0.5) == ["raised"]
    assert lift.button(1) + lift.wait(60) + lift.button(1) + lift.button(0) == []
    assert lift.signals == {"lamp_yellow", "siren"}


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
    assert lift.key(1) + lift.key(0) == []
    lift.answer()
    assert lift.signals == {"lamp_green"}
    assert lift.wait(3600) == []
    assert lift.key(None, Quality.COMM_ERROR) == []
    assert lift.key(1) == ["ended"]
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
    assert lift.key(1) == []
    assert lift.key(0) + lift.key(1) == ["ended"]


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
    assert (body.by, body.command, body.what, body.profile) == ("wang", "c1", "lift_alarm", "lift-default@1")
