"""The judge: what the simulators put on their wires against the rows at the centre. Pure.

What the wire has and the centre has not may lie only in dead times, and those are bounded. Nothing is at the centre
twice, and nothing is there that was never on a wire.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from gateway.demo import matching
from gateway.demo.deadtimes import BOUND_S, DeadTime, dead_times
from gateway.demo.evidence import Event, Row
from gateway.demo.matching import Found

How = Literal["polls", "changes", "scans", "handshake", "views", "tags"]
"""polls: each reading is a record. changes: a record per change. scans: a record per symbol. handshake: the same, and none
that was answered may be missing. views: a symbol is in view for a while. tags: reads are counted per window."""

_SECOND = 1_000_000
HELD_US: dict[How, int] = {"tags": 3 * _SECOND}
"""How long an observation may be on its way to the disk: a group's second and its commit; a tag's window before that."""
_HELD_US = 2 * _SECOND

Match = Callable[[Sequence[Event], Sequence[Row], Sequence[DeadTime]], Found]
MATCH: dict[How, Match] = {
    "polls": matching.polls,
    "changes": matching.changes,
    "scans": matching.scans,
    "handshake": matching.handshakes,
    "views": matching.views,
    "tags": matching.tags,
}


@dataclass(frozen=True)
class Wired:
    """Which log, and on a bus which slave in it, belongs to a device, and how it is compared."""

    device: str
    how: How
    log: str
    slave: int | None = None


@dataclass(frozen=True)
class Compared:
    """A device's part of the verdict."""

    wired: Wired
    found: Found
    dead_times: list[DeadTime]


@dataclass(frozen=True)
class Problem:
    """`what`: lost, twice, invented or dead_too_long."""

    what: str
    device: str
    detail: str


@dataclass
class Verdict:
    compared: list[Compared] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    clock_us: int = 0
    """UTC minus CLOCK_BOOTTIME, at the last record."""

    @property
    def ok(self) -> bool:
        return not self.problems

    def document(self) -> dict[str, Any]:
        """`wire` per device, `dead_times`, `problems`; times in UTC microseconds."""
        return {
            "wire": {one.wired.device: self._wire(one) for one in self.compared},
            "dead_times": [
                {
                    "device": dead.device,
                    "why": dead.why,
                    "from": dead.begin + self.clock_us,
                    "to": dead.end + self.clock_us,
                    "seconds": round(dead.seconds, 3),
                }
                for one in self.compared
                for dead in one.dead_times
            ],
            "problems": [
                {"what": problem.what, "device": problem.device, "detail": problem.detail} for problem in self.problems
            ],
        }

    def _wire(self, one: Compared) -> dict[str, Any]:
        where = [missing.where for missing in one.found.missing]
        return {
            "simulator": one.wired.log if one.wired.slave is None else f"{one.wired.log}/{one.wired.slave}",
            "sent": one.found.sent,
            "arrived": one.found.arrived,
            "missing": {name: where.count(name) for name in sorted(set(where))},
            "dead_s": round(sum(dead.seconds for dead in one.dead_times), 3),
        }


def judge(
    rows: Sequence[Row], wires: Mapping[str, Sequence[Event]], site: Sequence[Wired], *, bound_s: float = BOUND_S
) -> Verdict:
    """Compare one gateway's rows, in order of their clock, with the logs by name."""
    verdict = Verdict(clock_us=rows[-1].t - rows[-1].mono if rows else 0)
    seen: set[object] = set()
    for row in rows:
        if row.key in seen:
            verdict.problems.append(Problem("twice", row.device or row.gw, f"{row.store} {row.stream}/{row.seq}"))
        seen.add(row.key)
    times = [event["mono"] for log in wires.values() for event in log]
    since, until = min(times, default=0), max(times, default=0)
    for wired in site:
        events = [event for event in wires[wired.log] if wired.slave is None or event.get("slave") == wired.slave]
        dead = dead_times(rows, wired.device, HELD_US.get(wired.how, _HELD_US), since, until)
        of_device = [row for row in rows if row.device == wired.device or row.kind == "point.map/1"]
        found = MATCH[wired.how](events, of_device, dead)
        verdict.compared.append(Compared(wired, found, dead))
        verdict.problems += _problems(wired, found, dead, bound_s)
    return verdict


def _problems(wired: Wired, found: Found, dead: Sequence[DeadTime], bound_s: float) -> list[Problem]:
    lost = [missing.what for missing in found.missing if missing.where == "lost"]
    return [
        *(Problem("lost", wired.device, what) for what in lost),
        *(Problem("twice", wired.device, what) for what in found.twice),
        *(Problem("invented", wired.device, what) for what in found.invented),
        *(
            Problem("dead_too_long", wired.device, f"{one.why}: {one.seconds:.1f} s > {bound_s:g} s")
            for one in dead
            if one.seconds > bound_s
        ),
    ]
