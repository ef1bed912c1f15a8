"""The machine's own clocks, as the kernel has them, and what a wall clock that was never set or is stepped does to a stamp."""

import time
from pathlib import Path

import pytest

from gateway.app import _halved
from gateway.clock import FLOOR_US, STEP_US, SystemClock
from model.time import TimeQuality

HOUR_US = 3_600_000_000
NTP = TimeQuality("ntp", 5)
RTC = TimeQuality("rtc")


class Wall:
    """`time.time_ns`, moved by `by_us`."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.by_us = 0
        real = time.time_ns
        monkeypatch.setattr(time, "time_ns", lambda: real() + self.by_us * 1000)


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Wall:
    return Wall(monkeypatch)


def in_1970() -> int:
    """By how much the wall clock is moved for a machine that has just started without any clock of its own."""
    return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000 - time.time_ns() // 1000


def test_a_stamp_is_of_this_boot_and_of_now() -> None:
    """The kernel's boot id, UTC and CLOCK_BOOTTIME in microseconds; later stamps are later."""
    clock = SystemClock()
    before, stamp, after = time.time_ns() // 1000, clock.now(), time.time_ns() // 1000
    assert stamp.boot == Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    assert before <= stamp.t <= after
    assert stamp.mono <= clock.mono()
    uptime = float(Path("/proc/uptime").read_text().split()[0])
    assert abs(clock.mono() / 1e6 - uptime) < 60


def test_the_quality_is_what_the_kernel_can_say() -> None:
    """Disciplined with a bound, or running on without one: never a bound that nobody gave."""
    quality = SystemClock().now().tq
    assert quality.source in ("ntp", "rtc", "unknown")
    assert (quality.err_ms is not None) == (quality.source == "ntp")


@pytest.mark.parametrize("moved_us", [HOUR_US, -HOUR_US, STEP_US + 100_000])
def test_a_step_of_the_wall_clock_is_seen_once(wall: Wall, moved_us: int) -> None:
    """By its size and direction; a clock that runs on, or is slewed, does not step."""
    clock = SystemClock()
    assert clock.step() == 0
    wall.by_us = moved_us
    assert abs(clock.step() - moved_us) < STEP_US
    assert clock.step() == 0
    wall.by_us += STEP_US // 10
    assert clock.step() == 0


def test_a_clock_that_says_1970_knows_nothing(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the kernel says of it: this program was not there then."""
    monkeypatch.setattr(SystemClock, "_look", lambda _: NTP)
    wall.by_us = in_1970()
    clock = SystemClock()
    assert clock.now().t < FLOOR_US
    assert clock.now().tq == TimeQuality("unknown")
    wall.by_us = 0
    assert clock.now().tq == NTP


def test_a_clock_that_was_set_meanwhile_is_no_longer_unknown(wall: Wall) -> None:
    """Without NTP and hardware clock too: somebody has set it, and nobody knows how well."""
    wall.by_us = in_1970()
    clock = SystemClock()
    assert clock.now().tq.source == "unknown"
    wall.by_us = 0
    assert clock.now().tq.source in ("ntp", "rtc", "estimated")
    assert SystemClock().now().tq.source in ("ntp", "rtc", "unknown")


def test_after_a_step_the_quality_is_looked_up_at_once(wall: Wall, monkeypatch: pytest.MonkeyPatch) -> None:
    """A date that a person types in does not pass for network time for ten seconds."""
    quality = NTP
    monkeypatch.setattr(SystemClock, "_look", lambda _: quality)
    clock = SystemClock()
    assert clock.now().tq == NTP
    quality = RTC
    assert clock.now().tq == NTP  # not looked up again so soon
    wall.by_us = HOUR_US
    assert clock.now().tq == RTC
    quality = NTP
    assert clock.now().tq == RTC


def test_a_pause_between_the_two_clocks_is_no_step(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine may stop between any two instructions; the pair is read again."""
    clock = SystemClock()
    real, stops, stopped = time.time_ns, iter([2_000_000, 1_000_000]), 0

    def wall() -> int:
        nonlocal stopped
        stopped += next(stops, 0)
        return real() + stopped * 1000

    monkeypatch.setattr(time, "time_ns", wall)
    monkeypatch.setattr(clock, "mono", lambda: SystemClock.mono(clock) + stopped)
    assert clock.step() == 0
    assert stopped == 3_000_000


@pytest.mark.parametrize(
    ("before", "now", "better"),
    [
        (None, 500, True),
        (500, 250, True),
        (500, 251, False),
        (5, 500, False),
        (1, 0, True),
        (0, 0, False),
        (5, None, False),
    ],
)
def test_a_bound_that_has_halved_is_worth_an_anchor(before: int | None, now: int | None, better: bool) -> None:
    """The kernel's own bound grows and falls all the time."""
    assert _halved(before, now) == better
