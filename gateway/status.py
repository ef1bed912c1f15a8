"""What people are shown: one snapshot of the daemon, the same for page, command line and tests.

Built by `gateway.views`; everything here is already in the reader's units, with its age.
"""

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any, Literal, Protocol

import msgspec

from model.bodies import RescueState
from model.texts import size
from model.time import TimeSource

if TYPE_CHECKING:
    from gateway.lift_deeds import Deed
    from gateway.lift_status import LiftNow
    from gateway.tags import Words


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
    """An alarm that is not over. `what` is a key of the catalogue (`alarm.WHAT`), e.g. temperature_high, lift_alarm.

    `raised` is where that lies by the best clock that its boot ever had, which `raised_source` names: nobody knows
    when it was where that is `unknown`. `rescue` is where that stands, of a lift's alarm.
    """

    id: str
    what: str
    device: str
    point: str | None
    state: Literal["raised", "acked"]
    raised: int
    raised_source: TimeSource
    value: float | None
    unit: str | None
    acked_by: str | None
    at_centre: bool
    rescue: RescueState | None = None


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


class SealedNow(msgspec.Struct, frozen=True):
    """A store that takes no more records: one that was damaged, or one of another history that is not all settled yet.

    `aside` are the files that were damaged or missing.
    """

    store: str
    why: Literal["fork", "damaged"]
    aside: list[str]

    def words(self) -> dict[str, str]:
        """What fills the texts `page.sealed`."""
        return {"store": self.store, "aside": ", ".join(self.aside) or "-"}


class LinkNow(msgspec.Struct, frozen=True):
    """`ignored` counts downlink messages since the start that broke the contract, were stale or not for us."""

    state: Literal["off", "connecting", "online", "offline"]
    broker: str
    central: Literal["up", "down", "unknown"]
    since: int
    problem: Problem | None
    ignored: int = 0


class StoreNow(msgspec.Struct, frozen=True):
    """`bytes` of at most `bound` are taken on the disk; `fill` is the share of the bound that cannot go without a loss."""

    bytes: int
    bound: int
    fill: float
    refusing: bool

    @property
    def text(self) -> str:
        """The key of what is said of it."""
        return "page.store_no_room" if self.fill >= 1 and not self.bound else "page.store"

    def words(self) -> dict[str, str]:
        """What fills that text."""
        return {"used": size(self.bytes), "bound": size(self.bound), "percent": str(int(self.fill * 100))}


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
    store: StoreNow
    sealed: list[SealedNow]


class PlotMinute(msgspec.Struct, frozen=True):
    """What a point did in one minute: least, greatest and last of its `good` values, None where there was none.

    `t` is the first record's time (us UTC) by the best clock that its boot ever had, and `source` says which that was.
    `bad` counts the other polls by their quality.
    """

    t: int
    source: TimeSource
    low: float | None
    high: float | None
    last: float | None
    good: int
    bad: dict[str, int]


class Plot(msgspec.Struct, frozen=True):
    """One point over a span of time, oldest first. `behind`: so many records are not in it yet."""

    device: str
    point: str
    unit: str
    label: dict[str, str]
    behind: int
    minutes: list[PlotMinute]


class Rebuilding(msgspec.Struct, frozen=True):
    """So many records `of` all are in the views again."""

    done: int
    of: int


class Backend(Protocol):
    """What the page and the control socket may ask of the daemon. No record is changed by any of it; `lift` adds some."""

    def snapshot(self) -> Snapshot: ...

    def series(self, device: str, point: str) -> list[tuple[int, float | None]]:
        """The last hour of one point as (us UTC, value or None for a gap). Raises KeyError."""
        ...

    async def plot(self, device: str, point: str, since: int, until: int) -> Plot:
        """One point from `since` to `until` (us UTC), minute by minute. Raises KeyError, ViewsError."""
        ...

    def rebuild(self) -> AsyncIterator[Rebuilding]:
        """Drop the views and take them out of the journal again; ends when all is there. Raises ViewsError."""
        ...

    def changes(self) -> AsyncIterator[None]:
        """Yields after something shown has changed, at most twice a second; for ever."""
        ...

    def watch(self, device: str) -> AsyncIterator[dict[str, Any]]:
        """Each observation of one device as it comes, in JSON types. Raises KeyError for an unknown device."""
        ...

    def record(self, device: str, seconds: float | None) -> AsyncIterator[dict[str, Any]]:
        """`gateway.recording` of one device. Raises KeyError for an unknown device."""
        ...

    def test(self, device: str) -> AsyncIterator[Any]:
        """`gateway.examine` of one device. Raises KeyError for an unknown device."""
        ...

    def tag(self, device: str, words: "Words") -> AsyncIterator[dict[str, Any]]:
        """`gateway.tags` at one device, whose answer comes alone. Raises KeyError for an unknown device."""
        ...

    def scan(self, device: str, seconds: float) -> AsyncIterator[Any]:
        """`gateway.scanning` of one device. Raises KeyError for an unknown device."""
        ...

    def tail(self, stream: str | None, count: int, follow: bool) -> AsyncIterator[dict[str, Any]]:
        """The last `count` records (of one stream or all), then, where asked, each new one."""
        ...

    def lifts(self) -> "list[LiftNow]":
        """All lifts of the site."""
        ...

    async def sms(self, person: str) -> dict[str, Any]:
        """`gateway.sms_trial` to one person. Raises ContractError, DriverError."""
        ...

    async def lift(self, lift: str, by: str, pin: str | None, deed: "Deed") -> dict[str, Any]:
        """`gateway.lifts` at one lift. Raises ContractError, StoreError."""
        ...
