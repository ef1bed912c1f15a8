"""A call that nobody answers, while the supply comes and goes: told on, and by as many short messages as without that."""

import pytest

from gateway.rules.base import Say, Sent
from gateway.rules.lift.config import PROFILES
from model.time import TimeQuality
from support.lift_site import LiftBench

HOURS = 6
PROFILE = PROFILES.load("lift-default")


class Called:
    """A modem that sends all that is wanted, at once."""

    def __init__(self) -> None:
        self.lift = LiftBench()
        self.said: list[Say] = []
        self.lift.press()

    def goes_on(self, seconds: float) -> None:
        """For so long."""
        self.lift.advance(seconds)
        for message in self.lift.messages:
            self.said += self.lift.step(Sent(message.key, "modem1", 1))

    @property
    def steps(self) -> list[int | None]:
        return [say.body.n for say in self.lift.said if say.kind == "alarm.escalated/1"]


def by_timers_alone() -> tuple[int, int]:
    """Short messages and steps of these hours."""
    call = Called()
    for _ in range(HOURS * 60):
        call.goes_on(60)
    return len(call.said), len(call.steps)


def test_a_boot_loop_sends_no_flood() -> None:
    """A boot each two minutes: the same steps as by the timers alone, the first ones sooner, for somebody is trapped."""
    messages, steps = by_timers_alone()
    call = Called()
    for _ in range(HOURS * 30):
        call.lift.restart(rebooted=True)
        call.goes_on(0)
        if call.lift.boots == 4:
            assert call.steps == [1, 2, 3], "one at each boot"
    assert messages - 2 <= len(call.said) <= messages
    assert steps - 1 <= len(call.steps) <= steps


@pytest.mark.parametrize("uptime_s", [15, 60])
def test_without_a_clock_it_is_not_given_up_either(uptime_s: int) -> None:
    """How long each start took is known to have passed: it sums up, where no boot is as long as the pause."""
    call = Called()
    call.goes_on(180)
    call.lift.tq = TimeQuality("unknown")
    before, boots = len(call.steps), 0
    while len(call.steps) == before:
        call.lift.restart(rebooted=True)
        call.lift.advance(uptime_s - 15)
        boots += 1
        call.goes_on(0)
    assert boots * 15 == PROFILE.again_s - (uptime_s - 15)


def test_what_is_left_of_the_pause_is_what_a_reboot_leaves() -> None:
    """Two minutes of the five were off, by the wall clock; a second boot counts from there."""
    call = Called()
    call.goes_on(180)
    call.lift.restart(rebooted=True)
    call.goes_on(60)
    call.lift.restart(rebooted=True)
    call.goes_on(0)
    assert call.steps[-1] == 4, "2 + 1 + 2 minutes"
    call.lift.restart(rebooted=True)
    call.goes_on(PROFILE.again_s * 2 - 121)
    assert call.steps[-1] == 4, "the pause that was doubled is kept"
    call.goes_on(1)
    assert call.steps[-1] == 5
