"""The test of a lift's alarm: a record like a call's goes the call's way to the centre, and is never one (EN 81-28: every 3 days).

What fails is shown at the lift and is an alarm, until a test passes.
"""

import uuid
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal, NamedTuple

import msgspec
from pydantic import Field

from drivers.common.config import Id
from gateway.rules.base import (
    Acked,
    Asked,
    Delivered,
    Input,
    OpenAlarm,
    PointInput,
    Profile,
    Profiles,
    Restarted,
    Rule,
    RuleConfig,
    RuleKind,
    Say,
    Step,
    Unheard,
    alarm_id,
    said,
)
from gateway.rules.site import Site
from model.bodies import Cause, LiftTest
from model.observation import Quality
from model.time import Stamp

GATEWAY = "gateway"
_TESTS = uuid.UUID("6f1f3a0e-5c0c-5a53-9d3c-0f5a1f7f0002")
_HOUR_US = 3_600_000_000

Phase = Literal["begun", "passed", "failed"]
Why = Literal["timeout", "rebooted"]


class LiftTestProfile(Profile):
    """A test each `every_h`; without one that passed in `limit_h` the alarm counts as failed. The centre has `timeout_s`."""

    rule: Literal["lift_test"]
    every_h: Annotated[float, Field(gt=0)]
    limit_h: Annotated[float, Field(gt=0)]
    timeout_s: Annotated[float, Field(gt=0)]


PROFILES = Profiles(LiftTestProfile)


def call_point(lift: str) -> str:
    """The gateway's own point that says whether a call of this lift is open: then no test begins."""
    return f"call_{lift}"


class LiftTestConfig(RuleConfig):
    rule: Literal["lift_test"]
    lift: Id

    @property
    def lift_id(self) -> str:
        return self.lift

    def points(self) -> list[str]:
        return []

    def also(self) -> list[str]:
        return [f"{GATEWAY}.{call_point(self.lift)}"]


class Test(msgspec.Struct, frozen=True, omit_defaults=True):
    """`mono` is when it began."""

    id: str
    t: int
    mono: int
    by: str | None = None
    phase: Phase = "begun"


class TestAlarm(msgspec.Struct, frozen=True):
    id: str
    raised: int
    cause: Cause
    limit: float
    acked_by: str | None = None

    @property
    def what(self) -> str:
        return "lift_test_failed"


class LiftTestState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`due` is when the next one is, and `proven`, since when none has passed (CLOCK_BOOTTIME us). `busy`: a call is open."""

    last: Test | None = None
    due: int | None = None
    proven: int | None = None
    asked: str | None = None
    alarm: TestAlarm | None = None
    passed: int = 0
    failed: int = 0
    busy: bool | None = None


class Tests(NamedTuple):
    """How many there were, and the last one: its phase and when it began (us, UTC)."""

    passed: int
    failed: int
    last: Phase | None
    at: int | None


class LiftTestRule(Rule):
    state_type: ClassVar[type[Any]] = LiftTestState
    version: ClassVar[int] = 1

    def __init__(self, config: LiftTestConfig, _: Site) -> None:
        self.id = config.id
        self.about = config.lift
        self._lift = config.lift
        self._profile = p = PROFILES.load(config.profile)
        self._every_us = round(p.every_h * _HOUR_US)
        self._limit_us = round(p.limit_h * _HOUR_US)
        self._timeout_us = round(p.timeout_s * 1e6)

    def initial(self) -> LiftTestState:
        return LiftTestState()

    def kept(self, state: LiftTestState) -> LiftTestState:
        """Whether a call is open is told anew."""
        return msgspec.structs.replace(state, busy=None)

    def signals(self, state: LiftTestState) -> frozenset[str]:
        return frozenset({"lamp_fault"} if state.alarm else ())

    def alarms(self, state: LiftTestState) -> list[OpenAlarm]:
        a = state.alarm
        if a is None:
            return []
        return [
            OpenAlarm(a.id, a.what, a.cause.device, a.cause.point, a.raised, a.cause.value, a.cause.unit, a.acked_by)
        ]

    def awaits(self, state: LiftTestState) -> Sequence[str]:
        """One that failed too: once it is there after all, the way is open again."""
        tests = [state.last.id] if state.last and state.last.phase != "passed" else []
        return [*super().awaits(state), *tests]

    def tests(self, state: LiftTestState) -> Tests:
        last = state.last
        return Tests(state.passed, state.failed, last.phase if last else None, last.t if last else None)

    def step(self, state: LiftTestState, event: Input, now: Stamp) -> Step:
        says: tuple[Say, ...] = ()
        if state.proven is None or state.due is None:
            state = msgspec.structs.replace(state, proven=now.mono, due=now.mono)
        match event:
            case PointInput():
                state = msgspec.structs.replace(state, busy=bool(event.value))
            case Asked(what="test") if not self._running(state):
                state = msgspec.structs.replace(state, asked=event.by, due=now.mono)
            case Delivered() if state.last and state.last.id == event.alarm:
                state, says = self._delivered(state, state.last, now)
            case Unheard() if state.last and state.last.id == event.alarm:
                state, says = self._unheard(state, state.last, now)
            case Acked() if state.alarm and state.alarm.id == event.alarm and state.alarm.acked_by is None:
                alarm = msgspec.structs.replace(state.alarm, acked_by=event.by)
                state = msgspec.structs.replace(state, alarm=alarm)
                says = (self._say("alarm.acked/1", alarm, by=event.by, command=event.command),)
            case Restarted(rebooted=True):
                state, says = self._rebooted(state, now)
        state, more = self._go_on(state, now)
        return Step(state, says + more, self._wake(state))

    def _go_on(self, state: LiftTestState, now: Stamp) -> tuple[LiftTestState, tuple[Say, ...]]:
        """What the clock asks for. No test begins while a call is open, or while nobody has told whether one is."""
        says: tuple[Say, ...] = ()
        assert state.due is not None
        assert state.proven is not None
        idle = state.busy is False and now.mono >= state.due
        unproven = now.mono - state.proven >= self._limit_us
        if (test := self._running(state)) and now.mono - test.mono >= self._timeout_us:
            state, says = self._over(state, test, "failed", now, why="timeout")
            state, more = self._alarm(state, now, self._profile.timeout_s)
            says += more
        if unproven:
            state, more = self._alarm(state, now, self._profile.limit_h * 3600)
            says += more
        if idle and not self._running(state):
            id_ = str(uuid.uuid5(_TESTS, f"{self.id}/{now.boot}/{now.mono}/{state.passed + state.failed}"))
            test = Test(id_, now.t, now.mono, state.asked)
            state = msgspec.structs.replace(state, last=test, due=now.mono + self._every_us, asked=None)
            says += (self._told(test),)
        return state, says

    def _delivered(self, state: LiftTestState, test: Test, now: Stamp) -> tuple[LiftTestState, tuple[Say, ...]]:
        if test.phase == "failed":
            return msgspec.structs.replace(state, due=now.mono), ()
        if test.phase == "passed":
            return state, ()
        state, says = self._over(state, test, "passed", now)
        state = msgspec.structs.replace(state, proven=now.mono)
        if state.alarm:
            says += (self._say("alarm.cleared/1", state.alarm, cause=self._cause(now, (now.mono - test.mono) / 1e6)),)
            state = msgspec.structs.replace(state, alarm=None)
        return state, says

    def _unheard(self, state: LiftTestState, test: Test, now: Stamp) -> tuple[LiftTestState, tuple[Say, ...]]:
        """It is told again, in the time that it has; of one that failed nobody would say that the way is open again."""
        if test.phase == "begun":
            return state, (self._told(test),)
        return self._delivered(state, test, now)

    def _over(
        self, state: LiftTestState, test: Test, phase: Literal["passed", "failed"], now: Stamp, why: Why | None = None
    ) -> tuple[LiftTestState, tuple[Say, ...]]:
        test = msgspec.structs.replace(test, phase=phase)
        counts = {phase: getattr(state, phase) + 1}
        took_ms = (now.mono - test.mono) // 1000 if phase == "passed" else None
        return msgspec.structs.replace(state, last=test, **counts), (self._told(test, took_ms, why),)

    def _alarm(self, state: LiftTestState, now: Stamp, limit: float) -> tuple[LiftTestState, tuple[Say, ...]]:
        if state.alarm:
            return state, ()
        alarm = TestAlarm(alarm_id(self.id, "lift_test_failed", now), now.t, self._cause(now, limit), limit)
        return msgspec.structs.replace(state, alarm=alarm), (self._say("alarm.raised/1", alarm),)

    def _rebooted(self, state: LiftTestState, now: Stamp) -> tuple[LiftTestState, tuple[Say, ...]]:
        """The old clock is void: a test is due. One that was cut short has failed, which says nothing of the alarm yet."""
        says: tuple[Say, ...] = ()
        if test := self._running(state):
            state, says = self._over(state, test, "failed", now, why="rebooted")
        proven = now.mono - max(0, min(self._every_us, self._limit_us))
        return msgspec.structs.replace(state, due=now.mono, proven=proven, busy=None), says

    def _running(self, state: LiftTestState) -> Test | None:
        return state.last if state.last and state.last.phase == "begun" else None

    def _wake(self, state: LiftTestState) -> int | None:
        assert state.due is not None
        assert state.proven is not None
        due = []
        if test := self._running(state):
            due.append(test.mono + self._timeout_us)
        elif state.busy is False:
            due.append(state.due)
        if state.alarm is None:
            due.append(state.proven + self._limit_us)
        return min(due, default=None)

    def _cause(self, now: Stamp, waited_s: float) -> Cause:
        """How long was waited for the centre."""
        return Cause(
            device=GATEWAY, point="test", value=waited_s, unit="s", quality=Quality.GOOD, t=now.t, mono=now.mono
        )

    def _told(self, test: Test, took_ms: int | None = None, why: Why | None = None) -> Say:
        body = LiftTest(
            test=test.id,
            rule=self.id,
            lift=self._lift,
            profile=self._profile.tag,
            phase=test.phase,
            by=test.by,
            took_ms=took_ms,
            why=why,
        )
        return Say("lift.test/1", body)

    def _say(
        self, kind: str, alarm: TestAlarm, cause: Cause | None = None, by: str | None = None, command: str | None = None
    ) -> Say:
        return said(kind, self.id, self._profile, alarm, cause=cause, limit=alarm.limit, by=by, command=command)


KIND = RuleKind(LiftTestConfig, PROFILES, LiftTestRule)
