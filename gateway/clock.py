"""The machine's clocks, and how far the wall clock may be trusted."""

import ctypes
import time
from pathlib import Path

from model.time import Stamp, TimeQuality

_STA_UNSYNC = 0x0040  # linux/timex.h
_QUALITY_AGE_US = 10_000_000
STEP_US = 500_000
"""A move of the wall clock against CLOCK_BOOTTIME by more than this is a step, not a slew."""


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
    """`model.time.Clock` on the kernel's clocks. The quality is looked up every 10 s."""

    def __init__(self) -> None:
        self.boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._quality = self._look()
        self._looked = self.mono()
        self._offset = self._looked - time.time_ns() // 1000

    def now(self) -> Stamp:
        mono = self.mono()
        if mono - self._looked > _QUALITY_AGE_US:
            self._quality, self._looked = self._look(), mono
        return Stamp(self.boot, time.time_ns() // 1000, self._quality, mono)

    def mono(self) -> int:
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1000

    def step(self) -> int:
        """By how much the wall clock was stepped since the last call, in microseconds; 0 while it runs on."""
        offset = self.mono() - time.time_ns() // 1000
        step = self._offset - offset
        self._offset = offset
        return step if abs(step) > STEP_US else 0

    def _look(self) -> TimeQuality:
        """What the kernel knows: disciplined by NTP, else running on from a hardware clock, else unknown."""
        timex = _Timex()
        if self._libc.adjtimex(ctypes.byref(timex)) >= 0 and not timex.status & _STA_UNSYNC:
            return TimeQuality("ntp", int(timex.maxerror // 1000))
        return TimeQuality("rtc" if Path("/dev/rtc0").exists() else "unknown")
