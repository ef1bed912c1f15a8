"""A terminal whose code or count comes and goes with each poll: told seldom, counted, and right in the end."""

from collections.abc import Callable

import pytest

from gateway.rules.lift_watch import LiftWatchConfig, LiftWatchRule
from gateway.rules.lift_watch_chatter import CALM_US, CHANGES_TOLD
from gateway.rules.site import Lift, Site
from model.bodies import LiftEvent, LiftGap
from model.observation import Quality
from support.rules import Bench

HOUR = 3600
SELDOM = 10
"""More than that are not told in an hour beyond the first ones."""


class Wire:
    """One code, and a count where the terminal has one: None where it is not good."""

    def __init__(self, point: str = "fault_code") -> None:
        fields = {"id": "w", "rule": "lift_watch", "profile": "lift-watch-default", "lift": "l1", "terminal": "lift1"}
        self.bench = Bench(LiftWatchRule(LiftWatchConfig.model_validate(fields), Site(lifts={"l1": Lift(id="l1")})))
        self.point = point
        self.kept = 0

    def poll(self, code: int, *count: int | None) -> None:
        before = self.bench.rule.kept(self.bench.state)
        self.bench.sample(f"lift1.{self.point}", code)
        for seq in count:
            self.bench.sample("lift1.event_seq", seq, Quality.GOOD if seq is not None else Quality.COMM_ERROR)
        self.kept += self.bench.rule.kept(self.bench.state) != before
        self.bench.advance(1)

    def settles(self, code: int, *count: int | None) -> None:
        for _ in range(CALM_US // 1_000_000 + 2):
            self.poll(code, *count)

    @property
    def events(self) -> list[LiftEvent]:
        return [say.body for say in self.bench.said if isinstance(say.body, LiftEvent)]

    @property
    def gaps(self) -> list[LiftGap]:
        return [say.body for say in self.bench.said if isinstance(say.body, LiftGap)]


@pytest.mark.parametrize(
    "count",
    [
        pytest.param(lambda n: (), id="no count"),
        pytest.param(lambda n: ((n + 1) // 2,), id="counted"),
        pytest.param(lambda n: ((n + 1) // 2 if n == 0 else None,), id="count lost"),
    ],
)
@pytest.mark.parametrize("last", [0, 1])
def test_a_code_that_comes_and_goes_for_an_hour(count: Callable[[int], tuple[int | None, ...]], last: int) -> None:
    """The first changes each, then few with how many; a minute after the last one it is told as it stands."""
    wire = Wire()
    changes = HOUR + last
    for n in range(changes + 1):
        wire.poll(4 * (n % 2), *count(n))
    assert CHANGES_TOLD < len(wire.events) < CHANGES_TOLD + SELDOM
    assert wire.kept < CHANGES_TOLD + SELDOM
    wire.settles(4 * last, *count(changes))
    assert sum(one.n or 1 for one in wire.events) == changes
    assert (wire.events[-1].code, wire.events[-1].on) == ("stop_outside_zone", bool(last))
    assert wire.bench.rule.kept(wire.bench.state).terminal.told == {"fault_code": 4 * last}
    assert not wire.gaps
    told = len(wire.events)
    wire.poll(4 - 4 * last, *count(changes + 1 - last))
    assert len(wire.events) == told + 1, "once it is calm, the next change is told at once"


def test_an_event_that_comes_and_goes_is_not_forgotten() -> None:
    """Its end is told of no event; that it came is."""
    wire = Wire("event_code")
    for n in range(HOUR + 1):
        wire.poll(43 * (n % 2))
    wire.settles(0)
    assert len(wire.events) < CHANGES_TOLD + SELDOM
    assert {(one.code, one.on) for one in wire.events} == {("inspection", True)}
    assert sum(one.n or 0 for one in wire.events) == HOUR - CHANGES_TOLD


def test_a_count_that_runs_is_not_told_at_each_poll() -> None:
    """Codes that nobody can read so fast are still all counted."""
    wire = Wire()
    for n in range(HOUR):
        wire.poll(0, 3 * n)
    assert len(wire.gaps) < CHANGES_TOLD + SELDOM
    assert wire.kept < CHANGES_TOLD + SELDOM
    wire.settles(0, 3 * (HOUR - 1))
    assert sum(gap.n for gap in wire.gaps) == 3 * (HOUR - 1)
    assert all(later.before == one.after for one, later in zip(wire.gaps, wire.gaps[1:], strict=False))


def test_codes_do_not_wait_for_a_count_that_is_bad() -> None:
    """They are told without it; once it is good again they are none that was missed."""
    wire = Wire()
    wire.poll(0, 5)
    wire.poll(4, None)
    assert [(one.code, one.on, one.seq) for one in wire.events] == [("stop_outside_zone", True, None)]
    wire.poll(5, None)
    wire.poll(5, 8)
    assert [(gap.n, gap.before, gap.after) for gap in wire.gaps] == [(1, 5, 8)], "three were counted, and two read"


def test_a_restart_of_the_gateway_in_between() -> None:
    """What stands there then is told, and what was counted meanwhile."""
    wire = Wire()
    for n in range(100):
        wire.poll(4 * (n % 2), (n + 1) // 2)
    told = len(wire.events)
    wire.bench.restart(rebooted=False)
    wire.poll(5, 51)
    assert [(one.code, one.on) for one in wire.events[told:]][-1] == ("unintended_movement", True)
    assert [(gap.n, gap.before, gap.after) for gap in wire.gaps] == [(5, 45, 51)], "what was told last was the count 45"
