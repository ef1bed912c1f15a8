"""The test of a lift's alarm: in time, apart from calls, and loud when it fails."""

from collections import Counter
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from gateway.rules.base import Acked, Asked, Delivered, Restarted, Say
from gateway.rules.lift_test import PROFILES, LiftTestConfig, LiftTestRule
from gateway.rules.site import Site
from model.bodies import LiftTest
from support.rules import Bench

PROFILE = PROFILES.load("lift-test-default")
EVERY_S, LIMIT_S = PROFILE.every_h * 3600, PROFILE.limit_h * 3600
CALL = "gateway.call_l1"


def words(says: list[Say]) -> list[str]:
    return [s.body.phase if isinstance(s.body, LiftTest) else s.kind[6:-2] for s in says]


class Lift:
    def __init__(self) -> None:
        config = LiftTestConfig(id="t1", rule="lift_test", profile=PROFILE.name, lift="l1")
        assert config.also() == [CALL]
        self.bench = Bench(LiftTestRule(config, Site()))
        self.bench.step(Restarted(False))

    def call(self, *, open_: bool) -> list[str]:
        return words(self.bench.sample(CALL, float(open_)))

    def wait(self, seconds: float) -> list[str]:
        return words(self.bench.advance(seconds))

    def delivered(self) -> list[str]:
        return words(self.bench.step(Delivered(self.last.test)))

    @property
    def last(self) -> LiftTest:
        found: LiftTest = [s.body for s in self.bench.said if isinstance(s.body, LiftTest)][-1]
        return found

    @property
    def lamp(self) -> bool:
        return self.bench.rule.signals(self.bench.state) == {"lamp_fault"}

    @property
    def counts(self) -> Any:
        return self.bench.rule.tests(self.bench.state)  # type: ignore[attr-defined]


def test_one_at_once_and_then_each_48_hours() -> None:
    lift = Lift()
    assert lift.call(open_=False) == ["begun"]
    lift.wait(0.25)
    assert lift.delivered() == ["passed"]
    assert (lift.last.lift, lift.last.rule, lift.last.profile) == ("l1", "t1", "lift-test-default@1")
    assert lift.last.took_ms == 250
    assert lift.wait(EVERY_S - 1) == []
    assert lift.wait(1) == ["begun"]
    assert lift.delivered() == ["passed"]
    assert lift.counts[:3] == (2, 0, "passed")
    assert not lift.lamp


def test_one_that_fails_is_shown_until_one_passes() -> None:
    """The next begins as soon as the failed one is there after all: the way is open again, and a week without it makes no flood."""
    lift = Lift()
    lift.call(open_=False)
    assert lift.wait(PROFILE.timeout_s) == ["failed", "raised"]
    assert (lift.last.why, lift.lamp) == ("timeout", True)
    assert lift.wait(7 * 86400) == ["begun", "failed"] * 3
    assert lift.lamp
    assert lift.delivered() == ["begun"]
    assert lift.lamp
    assert lift.delivered() == ["passed", "cleared"]
    assert not lift.lamp
    assert lift.counts[:3] == (1, 4, "passed")


def test_the_alarm_is_answered_once() -> None:
    lift = Lift()
    lift.call(open_=False)
    lift.wait(PROFILE.timeout_s)
    (alarm,) = lift.bench.open()
    assert words(lift.bench.step(Acked(alarm, "wang", "c1"))) == ["acked"]
    assert lift.bench.step(Acked(alarm, "li", "c2")) == []
    assert lift.lamp, "answered is not mended"


def test_none_begins_while_a_call_is_open_or_nobody_has_told() -> None:
    """It waits. Without one that passed within the limit that is told too."""
    lift = Lift()
    assert lift.wait(60) == []
    assert lift.call(open_=True) == []
    assert lift.wait(LIMIT_S - 61) == []
    assert lift.wait(60) == ["raised"]
    assert lift.call(open_=False) == ["begun"]
    assert lift.delivered() == ["passed", "cleared"]


def test_a_call_in_the_midst_of_a_test_does_not_touch_it() -> None:
    lift = Lift()
    lift.call(open_=False)
    assert lift.call(open_=True) == []
    assert lift.bench.step(Delivered("another")) == []
    assert lift.delivered() == ["passed"]


def test_somebody_asks_for_one_now() -> None:
    """One at a time; it waits for the end of a call."""
    lift = Lift()
    lift.call(open_=False)
    assert lift.bench.step(Asked("test", "wang")) == []
    lift.delivered()
    assert words(lift.bench.step(Asked("test", "wang"))) == ["begun"]
    assert lift.last.by == "wang"
    lift.delivered()
    assert lift.last.by == "wang"
    lift.call(open_=True)
    assert lift.bench.step(Asked("test", "li")) == []
    assert lift.call(open_=False) == ["begun"]
    lift.delivered()
    assert lift.wait(EVERY_S) == ["begun"]
    assert lift.last.by is None


def test_a_test_survives_a_restart_of_the_gateway() -> None:
    """What it waits for is asked for again; a call's state is told anew."""
    lift = Lift()
    lift.call(open_=False)
    begun = lift.last.test
    lift.bench.restart(rebooted=False)
    assert lift.bench.rule.awaits(lift.bench.state) == [begun]
    assert lift.delivered() == ["passed"]
    assert lift.bench.rule.awaits(lift.bench.state) == []
    assert lift.wait(EVERY_S) == []
    assert lift.call(open_=False) == ["begun"]


def test_after_a_reboot_one_is_due() -> None:
    """One that was cut short has failed, and says nothing of the alarm: the next one does."""
    lift = Lift()
    lift.call(open_=False)
    assert words(lift.bench.restart(rebooted=True)) == ["failed"]
    assert (lift.last.why, lift.lamp) == ("rebooted", False)
    assert lift.wait(60) == []
    assert lift.call(open_=False) == ["begun"]
    lift.delivered()
    lift.bench.restart(rebooted=True)
    assert lift.wait(LIMIT_S - EVERY_S - 1) == []
    assert lift.wait(1) == ["raised"], "how long ago the last one was nobody knows"


class OrdersMachine(RuleBasedStateMachine):
    """In whatever order: tests are never alarms of calls, each has one end, and the lamp says how the last ones went."""

    def __init__(self) -> None:
        super().__init__()
        self.lift = Lift()
        self.open = False
        self.lift.call(open_=False)

    @rule(open_=st.booleans())
    def call(self, open_: bool) -> None:
        begun = self._begun
        self.open = open_
        self.lift.call(open_=open_)
        assert not (open_ and self._begun > begun)

    @rule(seconds=st.sampled_from([1, 30, 60, 3600, 86400, 3 * 86400]))
    def time_passes(self, seconds: int) -> None:
        begun = self._begun
        self.lift.wait(seconds)
        assert not (self.open and self._begun > begun)

    @precondition(lambda self: self._begun)
    @rule()
    def delivered(self) -> None:
        self.lift.delivered()

    @rule()
    def asked(self) -> None:
        self.lift.bench.step(Asked("test", "wang"))

    @rule(rebooted=st.booleans())
    def restarted(self, rebooted: bool) -> None:
        self.lift.bench.restart(rebooted=rebooted)
        self.lift.call(open_=self.open)

    @property
    def _begun(self) -> int:
        return self._phases["begun"]

    @property
    def _phases(self) -> Counter[str]:
        return Counter(s.body.phase for s in self.lift.bench.said if isinstance(s.body, LiftTest))

    @invariant()
    def each_test_has_one_end_or_runs(self) -> None:
        tests = [s.body for s in self.lift.bench.said if isinstance(s.body, LiftTest)]
        ends = Counter(one.test for one in tests if one.phase != "begun")
        begun = [one.test for one in tests if one.phase == "begun"]
        assert len(set(begun)) == len(begun)
        assert set(ends.values()) <= {1}
        assert set(begun) - set(ends) <= {begun[-1]} if begun else not ends
        assert self.lift.counts[:2] == (self._phases["passed"], self._phases["failed"])
        assert {s.kind for s in self.lift.bench.said} <= {
            "lift.test/1",
            "alarm.raised/1",
            "alarm.cleared/1",
            "alarm.acked/1",
        }
        assert all(alarm == "lift_test_failed" for alarm in self.lift.bench.open().values())


TestOrders = OrdersMachine.TestCase
TestOrders.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
