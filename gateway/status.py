"""What people are shown: one snapshot of the daemon, the same for page, command line and tests.

Built by `gateway.views`; everything here is already in the reader's units, with its age.
"""

from collections.abc import AsyncIterator
from typing import Any, Literal, Protocol

import msgspec


class PointNow(msgspec.Struct, frozen=True):
    """`value` is in `unit`, None where `quality` is not good. `at` is when this poll was made (us, UTC).

    `label` has the profile's words for the point by language (`zh`, `en`); empty where it has none.
    """

    name: str
    unit: str
    value: float | None
    quality: str
    at: int
    age_s: float
    label: dict[str, str] = {}


class Problem(msgspec.Struct, frozen=True):
    """An error's code and parameters; the catalogue has the words and the hint."""

    code: str
    params: dict[str, str]


class DeviceNow(msgspec.Struct, frozen=True):
    id: str
    driver: str
    health: Literal["starting", "online", "degraded", "offline", "fault"]
    since: int
    last_seen: int | None
    problem: Problem | None
    points: list[PointNow]


class AlarmNow(msgspec.Struct, frozen=True):
    """An alarm that is not over. `what` is a key of the catalogue (`alarm.WHAT`), e.g. temperature_high, lift_alarm."""

    id: str
    what: str
    device: str
    point: str | None
    state: Literal["raised", "acked"]
    raised: int
    value: float | None
    unit: str | None
    acked_by: str | None
    at_centre: bool


class ScanNow(msgspec.Struct, frozen=True):
    """`code` is text for symbols, the EPC in hex for tags; `carrier` is the AIM identifier, "epc" or None."""

    at: int
    device: str
    code: str
    carrier: str | None


class StreamNow(msgspec.Struct, frozen=True):
    """captured = acknowledged + waiting + lost + refused, at any moment."""

    store: str
    stream: str
    captured: int
    acknowledged: int
    waiting: int
    lost: int
    refused: int


class LinkNow(msgspec.Struct, frozen=True):
    """`ignored` counts downlink messages since the start that broke the contract, were stale or not for us."""

    state: Literal["off", "connecting", "online", "offline"]
    broker: str
    central: Literal["up", "down", "unknown"]
    since: int
    problem: Problem | None
    ignored: int = 0


class Snapshot(msgspec.Struct, frozen=True):
    gateway: str
    version: str
    now: int
    time_source: str
    store_ok: bool
    devices: list[DeviceNow]
    alarms: list[AlarmNow]
    scans: list[ScanNow]
    streams: list[StreamNow]
    link: LinkNow


class Backend(Protocol):
    """What the page and the control socket may ask of the daemon. All of it only reads."""

    def snapshot(self) -> Snapshot: ...

    def series(self, device: str, point: str) -> list[tuple[int, float | None]]:
        """The last hour of one point as (us UTC, value or None for a gap). Raises KeyError."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yields after something shown has changed, at most twice a second; for ever."""
        ...

    def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        """Each observation of one device as it comes, in JSON types. Raises KeyError for an unknown device."""
        ...

    def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        """The last `count` records (of one stream or all), then, where asked, each new one."""
        ...
