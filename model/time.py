"""Time with its quality. Order is by sequence number, never by clock; no stamp is ever rewritten."""

from typing import Annotated, Literal, Protocol

import msgspec
from msgspec import Meta

Micros = Annotated[int, Meta(ge=0, le=2**63 - 1)]
"""A time in microseconds as it goes over a wire: what a database's integer holds."""

TimeSource = Literal["ntp", "gnss", "rtc", "estimated", "unknown"]


class TimeQuality(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Where the wall clock comes from, and how far it may be off (None: nobody knows)."""

    source: TimeSource
    err_ms: Annotated[int, Meta(ge=0, le=2**53 - 1)] | None = None


class Stamp(msgspec.Struct, frozen=True, gc=False):
    """When something was seen. `t` is UTC and `mono` is CLOCK_BOOTTIME, both in microseconds; `boot` is the kernel's boot id."""

    boot: str
    t: int
    tq: TimeQuality
    mono: int


class Clock(Protocol):
    """The only source of time for drivers and the pipeline, so that a test can hold it."""

    def now(self) -> Stamp: ...

    def mono(self) -> int:
        """CLOCK_BOOTTIME in microseconds: what safety timers run on."""
        ...
