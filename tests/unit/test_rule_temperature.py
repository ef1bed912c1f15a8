"""The temperature rule, held against a model of each limit and of the fault, and against what goods and sensors do."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.rules.base import Acked, Delivered
from gateway.rules.temperature import TemperatureConfig, TemperatureRule
from model.observation import Quality
from support.rules import Bench

POINT = "room1.temperature"
BAD = [q for q in Quality if q is not Quality.GOOD]


def bench(profile: str) -> Bench:
    return Bench(TemperatureRule(TemperatureConfig(id="room1", rule="temperature", point=POINT, profile=profile)))


class Room:
    """What comes from the probe, and what is open."""

    def __init__(self, profile: str) -> None:
        self.bench = bench(profile)

    def is_at(self, value: float) -> list[str]:
        return [f"{s.kind[6:-2]} {s.body.what}" for s in self.bench.sample(POINT, value, unit="Cel")]

    def is_bad(self, quality: Quality = Quality.SENSOR_FAULT) -> list[str]:
        return [f"{s.kind[6:-2]} {s.body.what}" for s in self.bench.sample(POINT, None, quality, "Cel")]

    def wait(self, seconds: float) -> list[str]:
        return [f"{s.kind[6:-2]} {s.body.what}" for s in self.bench.advance(seconds)]

    @property
    def signals(self) -> frozenset[str]:
        return self.bench.rule.signals(self.bench.state)


@dataclass
class Limit:
    """One limit by itself: out since when, and whether that is an alarm."""

    out: float
    back: float
    sign: int
    delay_us: int
    since: int | None = None
    open: bool = False

    def see(self, value: float, mono: int) -> None:
        if self.sign * value > self.sign * self.out:
            self.since = mono if self.since is None else self.since
            self.open = self.open or mono - self.since >= self.delay_us
        elif self.sign * value <= self.sign * self.back:
            self.since, self.open = None, False


class TemperatureMachine(RuleBasedStateMachine):
    """Whatever is measured, in whatever order, the open alarms are those of the model."""

    profile = "gsp-cold-2-8"
    limits: tuple[Limit, ...] = (Limit(8.0, 7.5, 1, 0), Limit(2.0, 2.5, -1, 0))
    values = st.one_of(st.integers(15, 30), st.integers(70, 85), st.integers(-400, 1250))
    waits = st.sampled_from([0.2, 1.0, 4.8, 5.0, 30.0])
    fault_us = 5_000_000

    def __init__(self) -> None:
        super().__init__()
        self.bench = bench(self.profile)
        names = {1: "temperature_high", -1: "temperature_low"}
        self.models = {names[limit.sign]: replace(limit) for limit in self.limits}
        self.bad_since: int | None = None
        self.fault = False

    @rule(tenths=values)
    def good(self, tenths: int) -> None:
        value = tenths / 10
        says = self.bench.sample(POINT, value, unit="Cel")
        self.bad_since, self.fault = None, False
        for limit in self.models.values():
            limit.see(value, self.bench.mono)
        assert all(s.body.cause and s.body.cause.value == value for s in says)
        assert all(s.body.limit in (None, 8.0, 2.0, -18.0) for s in says)

    @rule(quality=st.sampled_from(BAD))
    def bad(self, quality: Quality) -> None:
        says = self.bench.sample(POINT, None, quality, "Cel")
        self.bad_since = self.bench.mono if self.bad_since is None else self.bad_since
        self._fault_due()
        assert {s.body.what for s in says} <= {"sensor_fault"}

    @rule(seconds=waits)
    def time_passes(self, seconds: float) -> None:
        says = self.bench.advance(seconds)
        self._fault_due()
        assert {s.body.what for s in says} <= {"sensor_fault"}

    @rule(rebooted=st.booleans())
    def restarted(self, rebooted: bool) -> None:
        self.bench.restart(rebooted=rebooted)
        if rebooted:
            for limit in self.models.values():
                if limit.since is not None:
                    limit.since = self.bench.mono - limit.delay_us
            self.fault = self.fault or self.bad_since is not None

    @precondition(lambda self: self.bench.open())
    @rule(data=st.data())
    def acknowledged(self, data: st.DataObject) -> None:
        alarm = data.draw(st.sampled_from(sorted(self.bench.open())))
        fresh = "acked" not in self.bench.kinds(alarm)
        says = self.bench.step(Acked(alarm, "wang", "c1"))
        assert [(s.kind, s.body.alarm, s.body.by) for s in says] == [("alarm.acked/1", alarm, "wang")] * fresh

    @rule(alarm=st.uuids())
    def said_of_another(self, alarm: object) -> None:
        before = self.bench.state
        assert not self.bench.step(Acked(str(alarm), "wang", "c2"))
        assert not self.bench.step(Delivered(str(alarm)))
        assert self.bench.state == before

    @invariant()
    def open_as_the_model(self) -> None:
        expected = [what for what, limit in self.models.items() if limit.open] + ["sensor_fault"] * self.fault
        assert sorted(self.bench.open().values()) == sorted(expected)

    @invariant()
    def lamp_and_siren_follow(self) -> None:
        alarms = self.bench.rule.alarms(self.bench.state)
        wanted = {"lamp_red"} if alarms else set()
        if any(a.acked_by is None for a in alarms):
            wanted.add("siren")
        assert self.bench.rule.signals(self.bench.state) == wanted

    def _fault_due(self) -> None:
        if self.bad_since is not None and self.bench.mono - self.bad_since >= self.fault_us:
            self.fault = True


class FrozenMachine(TemperatureMachine):
    """With a delay, and one limit only."""

    profile = "food-frozen-18"
    limits = (Limit(-18.0, -18.5, 1, 300_000_000),)
    fault_us = 60_000_000

    @rule(tenths=st.integers(-190, -170))
    def near(self, tenths: int) -> None:
        self.good(tenths)

    @rule(seconds=st.sampled_from([59.0, 150.0, 299.0, 300.0]))
    def long_time_passes(self, seconds: float) -> None:
        self.time_passes(seconds)


TestGspRoom = TemperatureMachine.TestCase
TestGspRoom.settings = settings(max_examples=60, stateful_step_count=40)
TestFrozen = FrozenMachine.TestCase
TestFrozen.settings = settings(max_examples=60, stateful_step_count=40)


def test_inside_the_hysteresis_nothing_flutters() -> None:
    """A value that trembles around its limit raises once; it is over only well inside."""
    room = Room("gsp-cold-2-8")
    said = [what for value in (7.9, 8.0, 8.1, 7.9, 8.1, 7.6, 8.3, 7.6) for what in room.is_at(value)]
    assert said == ["raised temperature_high"]
    assert room.is_at(7.5) == ["cleared temperature_high"]


def test_the_other_side_is_another_alarm() -> None:
    """From too warm to too cold in one poll: one is over, the other begins, and the red lamp stays."""
    room = Room("gsp-cold-2-8")
    room.is_at(9.0)
    assert room.is_at(1.0) == ["cleared temperature_high", "raised temperature_low"]
    assert room.signals == {"lamp_red", "siren"}


def test_one_good_value_does_not_start_the_delay_anew() -> None:
    """A single sample that dips inside the limit, but not inside the hysteresis, is no recovery."""
    room = Room("food-frozen-18")
    room.is_at(-17.0)
    room.wait(299)
    assert room.is_at(-18.2) == []
    room.wait(1)
    assert room.is_at(-17.9) == ["raised temperature_high"]


def test_a_recovery_does_start_the_delay_anew() -> None:
    """Goods that were cold again have their whole delay."""
    room = Room("food-frozen-18")
    room.is_at(-17.0)
    room.wait(299)
    assert room.is_at(-18.5) == []
    room.wait(10)
    assert room.is_at(-17.0) == []
    room.wait(299)
    assert room.is_at(-17.0) == []
    room.wait(1)
    assert room.is_at(-17.0) == ["raised temperature_high"]


@pytest.mark.parametrize("quality", BAD)
def test_a_fault_is_no_number(quality: Quality) -> None:
    """It neither raises nor clears a limit, it is an alarm of its own, and the first good value ends it."""
    room = Room("gsp-cold-2-8")
    room.is_at(9.0)
    assert room.is_bad(quality) == []
    room.wait(4.9)
    assert room.is_bad(quality) == []
    assert room.wait(0.1) == ["raised sensor_fault"]
    assert sorted(room.bench.open().values()) == ["sensor_fault", "temperature_high"]
    assert room.is_at(9.0) == ["cleared sensor_fault"]
    assert list(room.bench.open().values()) == ["temperature_high"]


def test_a_probe_that_falls_silent_is_a_fault_though_nothing_more_comes() -> None:
    """A dead device is polled no more after its third failure: the clock alone raises the fault."""
    room = Room("gsp-cold-2-8")
    room.is_at(4.0)
    assert room.is_bad(Quality.COMM_ERROR) == []
    assert room.wait(60) == ["raised sensor_fault"]
    assert room.signals == {"lamp_red", "siren"}


def test_after_a_reboot_a_delay_has_passed() -> None:
    """Nobody knows how long the machine was off, and its clock starts at zero: the next value out decides at once."""
    room = Room("food-frozen-18")
    room.is_at(-17.0)
    room.bench.restart(rebooted=True)
    assert room.bench.mono < 300_000_000
    assert room.is_at(-17.0) == ["raised temperature_high"]


def test_after_a_reboot_a_fault_has_lasted() -> None:
    """Silence before and after the power cut is one silence."""
    room = Room("food-frozen-18")
    room.is_bad()
    assert [s.body.what for s in room.bench.restart(rebooted=True)] == ["sensor_fault"]


def test_a_decision_names_its_numbers() -> None:
    """Alarm, rule, profile with version, limit and a copy of the cause stand in the record."""
    room = Room("gsp-cold-2-8")
    room.is_at(8.4)
    body = room.bench.said[0].body
    assert (body.rule, body.profile, body.limit, body.device, body.point) == (
        "room1",
        "gsp-cold-2-8@1",
        8.0,
        "room1",
        "temperature",
    )
    assert body.cause and (body.cause.value, body.cause.unit, body.cause.mono) == (8.4, "Cel", room.bench.mono)


def test_the_same_cause_is_the_same_alarm() -> None:
    """What is decided again about the same sample has the same id; another sample has another."""

    def raised(value: float, later_s: float) -> str:
        room = Room("gsp-cold-2-8")
        room.wait(later_s)
        room.is_at(value)
        return str(room.bench.said[0].body.alarm)

    assert raised(9.0, 0) == raised(9.0, 0)
    assert raised(9.0, 0) != raised(9.0, 1)
    assert raised(9.0, 0) != raised(1.0, 0)
