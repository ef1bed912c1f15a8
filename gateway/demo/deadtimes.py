"""When a device could not be heard, computed from the records alone. Times are CLOCK_BOOTTIME, microseconds."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.demo.evidence import Row

BOUND_S = 60.0
"""How long a dead time may be: the uncommitted second, the restart, and opening ports and the camera's libraries, all on a
machine that is busy with other things too."""
SLACK_US = 250_000
"""Between a byte on the wire and the gateway's look at its clock, on a busy machine."""

_READING = ("online", "degraded")
_SILENT = ("offline", "fault")


@dataclass(frozen=True)
class DeadTime:
    """From the last that is known of a device to the first word of it again.

    `why`: "first", "orderly" or "crash" as the gateway's start says what was before it; "offline": the device itself;
    "end": the gateway had stopped, or what it wrote last is not at the centre.
    """

    device: str
    why: str
    begin: int
    end: int

    @property
    def seconds(self) -> float:
        return (self.end - self.begin) / 1e6

    def covers(self, mono: int) -> bool:
        return self.begin - SLACK_US <= mono <= self.end + SLACK_US


def dead_times(rows: Sequence[Row], device: str, held_us: int, since: int, until: int) -> list[DeadTime]:
    """Disjoint, in order. `since` and `until`: the first and the last event on the wires.

    `held_us` is how long an observation may be on its way to the disk. What is known of a device before a cut is its own
    last record, or, since a quiet device has none, that the gateway still wrote others `held_us` later.
    """
    own = [row.mono for row in rows if row.device == device and _life(row)]

    def last_known(cut: int, written: int) -> int:
        return max([written - held_us, *(mono for mono in own if mono < cut)])

    found = []
    for place, row in enumerate(rows):
        back = min((mono for mono in own if mono > row.mono), default=max(until, row.mono))
        if row.kind == "gateway.start/1":
            begin = last_known(row.mono, rows[place - 1].mono) if place else min(since, row.mono)
            found.append(DeadTime(device, row.body["after"], begin, back))
        elif row.kind == "device.state/1" and row.device == device and row.body["health"] in _SILENT:
            found.append(DeadTime(device, "offline", last_known(row.mono, row.mono), back))
    end = max([rows[-1].mono - held_us, *own] if rows else [since])
    if end < until:
        found.append(DeadTime(device, "end", end, until))
    return _joined(found)


def _life(row: Row) -> bool:
    """Whether the device was heard: a state that says so, or data."""
    if row.kind == "device.state/1":
        return row.body["health"] in _READING
    if row.kind == "reading.poll/1":
        return any(value is not None for value in row.body["v"])
    return row.kind in ("scan/1", "tag.seen/1", "tag.window/1")


def _joined(found: list[DeadTime]) -> list[DeadTime]:
    """Those that overlap are one, by the name of the first."""
    joined: list[DeadTime] = []
    for one in sorted(found, key=lambda dead: dead.begin):
        if joined and one.begin < joined[-1].end:
            before = joined.pop()
            one = DeadTime(one.device, before.why, before.begin, max(before.end, one.end))  # noqa: PLW2901
        joined.append(one)
    return joined
