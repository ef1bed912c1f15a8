"""What the gateway knows of itself, as points for the rules that watch it: its line, its supply, open calls."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from drivers.modem.config import ModemConfig
from gateway.pipeline import Pipeline
from gateway.rules.base import PointInput, Rule, RuleConfig
from gateway.rules.lift_test import LiftTestConfig, call_point
from gateway.rules.lift_watch import BATTERY, GATEWAY, LINK, MAINS, SIM, LiftWatchConfig
from model.observation import Quality
from model.time import Clock, Stamp

SUPPLIES = Path("/sys/class/power_supply")
SUPPLY_S = 2.0

_OUTSIDE = ("Mains", "USB", "Wireless")


class Supply(NamedTuple):
    """Whether there are mains, and what the emptiest battery holds (%); None where the system does not tell."""

    mains: bool | None
    battery: float | None


def supply(root: Path = SUPPLIES) -> Supply:
    """As Linux has it. The battery of a mouse feeds no gateway."""
    mains: list[bool] = []
    batteries: list[float] = []
    for one in sorted(root.glob("*")):
        if _told(one / "scope") == "Device":
            continue
        kind, online, capacity = (_told(one / name) for name in ("type", "online", "capacity"))
        if kind in _OUTSIDE and online.isdigit():
            mains.append(online != "0")
        elif kind in ("Battery", "UPS") and capacity.isdigit():
            batteries.append(float(capacity))
    return Supply(any(mains) if mains else None, min(batteries, default=None))


def paid_until(devices: Iterable[Any], rules: Iterable[RuleConfig]) -> date | None:
    """The first day on which a SIM card ends, a modem's or one that is in no device of ours; None where nobody says."""
    modems = [one.valid_until for one in devices if isinstance(one, ModemConfig)]
    others = [one.sim_until for one in rules if isinstance(one, LiftWatchConfig)]
    return min((day for day in (*modems, *others) if day), default=None)


def days_left(until: date, at: Stamp) -> float | None:
    """None by a clock that knows no day."""
    if at.tq.source == "unknown":
        return None
    return float((until - datetime.fromtimestamp(at.t / 1e6, UTC).date()).days)


def _told(path: Path) -> str:
    try:
        return path.read_text().strip()
    except (OSError, ValueError):  # not every supply has every file, and not every driver answers at all times
        return ""


class Vitals:
    """Tells on change; what was never known is not told. Begin with `calls`, after the pipeline's start."""

    def __init__(
        self,
        pipeline: Pipeline,
        clock: Clock,
        rules: Mapping[Rule, RuleConfig],
        sim_until: date | None,
        supplies: Path = SUPPLIES,
    ) -> None:
        self._pipeline = pipeline
        self._clock = clock
        self._supplies = supplies
        self._known: dict[str, float | None] = {}
        self._sim_until = sim_until
        self._lifts: dict[str, Sequence[Rule]] = {
            test.lift: [rule for rule, c in rules.items() if c.rule == "lift" and c.lift_id == test.lift]
            for test in rules.values()
            if isinstance(test, LiftTestConfig)
        }

    async def run(self) -> None:
        while True:
            now = await asyncio.to_thread(supply, self._supplies)
            self._tell(MAINS, None if now.mains is None else float(now.mains))
            self._tell(BATTERY, now.battery, "%")
            if self._sim_until:
                self._tell(SIM, days_left(self._sim_until, self._clock.now()), "d")
            await asyncio.sleep(SUPPLY_S)

    def link(self, *, up: bool) -> None:
        """The line to the broker."""
        self._tell(LINK, float(up))

    def calls(self) -> None:
        """Alarms may have changed."""
        for lift, rules in self._lifts.items():
            open_ = any(self._pipeline.open(rule) for rule in rules)
            self._tell(call_point(lift), float(open_))

    def _tell(self, point: str, value: float | None, unit: str = "1") -> None:
        if self._known.get(point) == value:
            return
        self._known[point] = value
        quality = Quality.COMM_ERROR if value is None else Quality.GOOD
        self._pipeline.measured(PointInput(GATEWAY, point, value, unit, quality, self._clock.now()))
