"""The machine's clocks, and how far the wall clock may be trusted."""

import ctypes
import time
from pathlib import Path

from model.time import Stamp, TimeQuality

_STA_UNSYNC = 0x0040  # linux/timex.h
_QUALITY_AGE_US = 10_000_000
_TOGETHER_US = 5_000
STEP_US = 500_000
"""A move of the wall clock against CLOCK_BOOTTIME by more than this is a step, not a slew."""
FLOOR_US = 1_767_225_600_000_000
"""2026-01-01: this program did not exist before, so a clock that says less was never set."""


class _Timex(ctypes.Structure):
    """`struct timex` of linux/timex.h, as far as it is read; the kernel fills 208 bytes on 64-bit machines."""

    _fields_ = (
        ("modes", ctypes.c_uint),
        ("offset", ctypes.c_long),
        ("freq", ctypes.c_long),
        ("maxerror", ctypes.c_long),  # us
        ("esterror", ctypes.c_long),
        ("status", ctypes.c_int),
        ("rest", ctypes.c_byte * 256),
    )


class SystemClock:
    """`model.time.Clock` on the kernel's clocks. The quality is looked up every 10 s, and when the wall clock was stepped."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._was_set = False
        self._looked, wall = self._both()
        self._offset = self._told = wall - self._looked
        self._quality = self._look()

    def now(self) -> Stamp:
        mono, wall = self._both()
        stepped = abs(wall - mono - self._offset) > STEP_US
        if stepped or mono - self._looked > _QUALITY_AGE_US:
            self._was_set |= stepped
            self._looked, self._offset, self._quality = mono, wall - mono, self._look()
        return Stamp(self.boot, wall, self._quality if wall >= FLOOR_US else TimeQuality("unknown"), mono)

    def mono(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def step(self) -> int:
        """By how much the wall clock was stepped since the last call, in microseconds; 0 while it runs on."""
        mono, wall = self._both()
        step = wall - mono - self._told
        self._told = wall - mono
        return step if abs(step) > STEP_US else 0

    def _both(self) -> tuple[int, int]:
        """CLOCK_BOOTTIME and the wall clock of one moment: a pause between the two must not look like a step."""
        mono, wall = self.mono(), time.time_ns() // 1000
        for _ in range(10):
            if self.mono() - mono < _TOGETHER_US:
                break
            mono, wall = self.mono(), time.time_ns() // 1000
        return mono, wall

    def _look(self) -> TimeQuality:
        """What the kernel knows: disciplined by NTP, else running on from a hardware clock, else set by somebody, else unknown."""
        timex = _Timex()
        if self._libc.adjtimex(ctypes.byref(timex)) >= 0 and not timex.status & _STA_UNSYNC:
            return TimeQuality("ntp", int(timex.maxerror // 1000))
        if Path("/dev/rtc0").exists():
            return TimeQuality("rtc")
        return TimeQuality("estimated" if self._was_set else "unknown")
