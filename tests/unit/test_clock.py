"""The machine's own clocks, as the kernel has them."""

import time
from pathlib import Path

import pytest

from gateway.clock import STEP_US, SystemClock


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


@pytest.mark.parametrize("moved_us", [3_600_000_000, -3_600_000_000, STEP_US + 100_000])
def test_a_step_of_the_wall_clock_is_seen_once(monkeypatch: pytest.MonkeyPatch, moved_us: int) -> None:
    """By its size and direction; a clock that runs on, or is slewed, does not step."""
    clock = SystemClock()
    assert clock.step() == 0
    wall = time.time_ns
    monkeypatch.setattr(time, "time_ns", lambda: wall() + moved_us * 1000)
    assert abs(clock.step() - moved_us) < STEP_US
    assert clock.step() == 0
    monkeypatch.setattr(time, "time_ns", lambda: wall() + (moved_us + STEP_US // 10) * 1000)
    assert clock.step() == 0
