"""Supervision of what a lift's alarm rests on: terminal, contacts, button, supply, the line; and what the terminal says by codes."""

from datetime import date
from typing import Annotated, Any, ClassVar, Literal

import msgspec
from pydantic import Field

from drivers.common.config import Id
from gateway.lift_codes import all_bits, load
from gateway.rules.base import (
    Acked,
    Input,
    OpenAlarm,
    PointInput,
    Profile,
    Profiles,
    Restarted,
    Rule,
    RuleConfig,
    RuleKind,
    Say,
    Step,
    Tick,
    alarm_id,
    said,
)
from gateway.rules.lift_watch_terminal import HEARTBEAT, REGISTERS, SEQUENCE, Reader, Terminal
from gateway.rules.site import Site
from model.bodies import Cause
from model.observation import Quality
from model.time import Stamp

GATEWAY = "gateway"
LINK, MAINS, BATTERY, SIM = "link", "mains", "battery", "sim"
"""Points of the gateway itself: the line to the broker, its own supply where its system tells of it, days until the SIM card
must be paid for.
"""

What = Literal[
    "terminal_lost",
    "heartbeat_stuck",
    "contact_lost",
    "button_stuck",
    "battery_low",
    "mains_lost",
    "line_lost",
    "sim_due",
]

_SILENT = (Quality.COMM_ERROR, Quality.STALE)
_SUPPLY = {"power": 2, "power_off": 1}
"""What a terminal's point says while there are no mains."""


class LiftWatchProfile(Profile):
    """What is wrong for that long is an alarm: `lost_s` a terminal or contact that nobody knows anything of, `heartbeat_s` a
    heartbeat that stands still, `stuck_s` a button that is held, `mains_s`, `line_s`. An alarm is over once it has been right
    for `clear_s`. `battery_percent` is what an hour of the alarm's work needs; it is enough again `battery_hysteresis` above.
    `sim_days` before its date the SIM card's credit is asked for.
    """

    rule: Literal["lift_watch"]
    lost_s: Annotated[float, Field(ge=0)]
    heartbeat_s: Annotated[float, Field(gt=0)]
    stuck_s: Annotated[float, Field(gt=0)]
    mains_s: Annotated[float, Field(ge=0)]
    line_s: Annotated[float, Field(ge=0)]
    clear_s: Annotated[float, Field(ge=0)]
    battery_percent: Annotated[float, Field(ge=0, le=100)]
    battery_hysteresis: Annotated[float, Field(ge=0)]
    sim_days: Annotated[float, Field(ge=0)]


PROFILES = Profiles(LiftWatchProfile)


class LiftWatchConfig(RuleConfig):
    """`contacts` must be good. `button` is held against being stuck, as a terminal's own is. `gateway`: its supply and its line
    are watched by this rule too, and how long the SIM cards of its modems are paid for; of several lifts at a gateway, by one.
    `sim_until` is that day of a card in no modem of the settings, such as a router's.
    """

    rule: Literal["lift_watch"]
    lift: Id
    terminal: Id | None = None
    contacts: tuple[str, ...] = ()
    button: str | None = None
    active: Literal[0, 1] = 1
    gateway: bool = True
    sim_until: date | None = None

    @property
    def lift_id(self) -> str:
        return self.lift

    def points(self) -> list[str]:
        return list(dict.fromkeys([*(self.contacts or ()), *([self.button] if self.button else [])]))

    def also(self) -> list[str]:
        """The terminal's count behind its heartbeat and its codes, which it counts."""
        told = (HEARTBEAT, *REGISTERS, *all_bits(), "alarm_button", *_SUPPLY, BATTERY, SEQUENCE)
        points = [f"{self.terminal}.{name}" for name in told] if self.terminal else []
        points += [f"{GATEWAY}.{name}" for name in (LINK, MAINS, BATTERY, SIM)] if self.gateway else []
        return [point for point in dict.fromkeys(points) if point not in self.points()]


class WatchAlarm(msgspec.Struct, frozen=True, omit_defaults=True):
    """`key`: of what, and where."""

    id: str
    what: What
    key: str
    raised: int
    cause: Cause
    limit: float
    acked_by: str | None = None


class Heart(msgspec.Struct, frozen=True):
    """The heartbeat, since when (CLOCK_BOOTTIME us) it has stood there, and whether it was ever seen to move."""

    value: float
    since: int
    moved: bool = False


class WatchState(msgspec.Struct, frozen=True, omit_defaults=True):
    """`turning` has the first input that speaks against what holds now, by key: of an alarm that is open that it is well, else
    that it is not.
    """

    alarms: tuple[WatchAlarm, ...] = ()
    terminal: Terminal = Terminal()
    turning: dict[str, Cause] = {}
    heart: Heart | None = None


class LiftWatchRule(Rule):
    state_type: ClassVar[type[Any]] = WatchState
    version: ClassVar[int] = 1

    def __init__(self, config: LiftWatchConfig, site: Site) -> None:
        """Raises SettingsError where the lift's table of codes is not there or wrong."""
        self.id = config.id
        self.about = config.lift
        self._config = config
        self._profile = p = PROFILES.load(config.profile)
        self._reader = Reader(config.lift, load(site.lift(config.lift).codes))
        self._delays: dict[str, float] = {
            "terminal_lost": p.lost_s,
            "heartbeat_stuck": p.heartbeat_s,
            "contact_lost": p.lost_s,
            "button_stuck": p.stuck_s,
            "battery_low": 0,
            "mains_lost": p.mains_s,
            "line_lost": p.line_s,
            "sim_due": 0,
        }

    def initial(self) -> WatchState:
        return WatchState()

    def kept(self, state: WatchState) -> WatchState:
        return WatchState(state.alarms, state.terminal.kept)

    def signals(self, state: WatchState) -> frozenset[str]:
        """An emergency supply that would not last is shown on site (EN 81-28)."""
        return frozenset({"lamp_fault"} if any(a.what == "battery_low" for a in state.alarms) else ())

    def alarms(self, state: WatchState) -> list[OpenAlarm]:
        return [
            OpenAlarm(a.id, a.what, a.cause.device, a.cause.point, a.raised, a.cause.value, a.cause.unit, a.acked_by)
            for a in state.alarms
        ]

    def step(self, state: WatchState, event: Input, now: Stamp) -> Step:
        says: tuple[Say, ...] = ()
        match event:
            case PointInput():
                state, says = self._point(state, event)
            case Acked():
                state, says = self._acked(state, event)
            case Restarted(rebooted=True):  # the old clock is void: what was turning begins anew with the next value
                state = self.kept(state)
            case Tick():
                pass
        state, more = self._turn(state, now)
        wakes = [self._due(state, key) for key in state.turning]
        return Step(state, says + more, min(wakes, default=None))

    def _point(self, state: WatchState, event: PointInput) -> tuple[WatchState, tuple[Say, ...]]:
        says: tuple[Say, ...] = ()
        good = event.quality is Quality.GOOD
        if event.device == self._config.terminal:
            if good or event.point == SEQUENCE:
                read = self._reader.read(state.terminal, event) if good else self._reader.uncounted(state.terminal)
                state, says = msgspec.structs.replace(state, terminal=read[0]), read[1]
            state = self._see(state, "terminal_lost", event, event.quality in _SILENT, at=event.device)
            if event.point == HEARTBEAT:
                state = self._heart(state, event)
        if f"{event.device}.{event.point}" in self._config.contacts:
            state = self._see(state, "contact_lost", event, not good)
        if judged := self._judged(event):
            what, wrong = judged
            state = self._see(state, what, event, wrong if good else None)
        return state, says

    def _judged(self, event: PointInput) -> tuple[What, bool | None] | None:
        """What its value is about, and whether it is wrong; None where it is neither wrong nor right again."""
        c, p = self._config, self._profile
        of = (event.device, event.point)
        value = event.value if event.value is not None else 0.0
        if c.button and f"{event.device}.{event.point}" == c.button:
            return "button_stuck", value == c.active
        if of == (GATEWAY, LINK):
            return "line_lost", not value
        if of == (GATEWAY, MAINS):
            return "mains_lost", not value
        if of == (GATEWAY, SIM):
            return "sim_due", value <= p.sim_days
        if event.device not in (c.terminal, GATEWAY):
            return None
        if event.point == BATTERY:
            enough = value >= p.battery_percent + p.battery_hysteresis
            return "battery_low", True if value < p.battery_percent else False if enough else None
        if event.point == "alarm_button":
            return "button_stuck", value == 1
        if event.point in _SUPPLY:
            return "mains_lost", value == _SUPPLY[event.point]
        return None

    def _heart(self, state: WatchState, event: PointInput) -> WatchState:
        """It is wrong once it has stood for as long as the profile says, in polls that were good."""
        heart = None
        wrong: bool | None = None
        if event.value is not None:
            heart = state.heart or Heart(event.value, event.at.mono)
            if heart.value != event.value:
                heart = Heart(event.value, event.at.mono, moved=True)
            stood_us = event.at.mono - heart.since
            wrong = True if stood_us >= round(self._delays["heartbeat_stuck"] * 1e6) else False if heart.moved else None
        return self._see(msgspec.structs.replace(state, heart=heart), "heartbeat_stuck", event, wrong)

    def _see(
        self, state: WatchState, what: What, event: PointInput, wrong: bool | None, at: str | None = None
    ) -> WatchState:
        """Where this speaks against what holds, its time begins, and ends where nobody knows or it speaks for it again."""
        key = f"{what}/{at or f'{event.device}.{event.point}'}"
        open_ = any(a.key == key for a in state.alarms)
        if wrong is None or wrong == open_:
            if key not in state.turning:
                return state
            return msgspec.structs.replace(state, turning={k: c for k, c in state.turning.items() if k != key})
        if key in state.turning:
            return state
        return msgspec.structs.replace(state, turning=state.turning | {key: event.cause()})

    def _turn(self, state: WatchState, now: Stamp) -> tuple[WatchState, tuple[Say, ...]]:
        """Raise and clear what has lasted."""
        says: list[Say] = []
        for key, cause in state.turning.items():
            if now.mono < self._due(state, key):
                continue
            turning = {k: c for k, c in state.turning.items() if k != key}
            open_ = next((a for a in state.alarms if a.key == key), None)
            if open_:
                says.append(self._say("alarm.cleared/1", open_, cause))
                alarms = tuple(a for a in state.alarms if a is not open_)
            else:
                new = self._alarm(key, cause, now)
                says.append(self._say("alarm.raised/1", new))
                alarms = (*state.alarms, new)
            state = msgspec.structs.replace(state, alarms=alarms, turning=turning)
        return state, tuple(says)

    def _due(self, state: WatchState, key: str) -> int:
        what = key.partition("/")[0]
        # a heart that stands has stood for its time already
        delay_s = 0 if what == "heartbeat_stuck" else self._delays[what]
        if any(a.key == key for a in state.alarms):
            delay_s = self._profile.clear_s
        return state.turning[key].mono + round(delay_s * 1e6)

    def _alarm(self, key: str, cause: Cause, now: Stamp) -> WatchAlarm:
        what: Any = key.partition("/")[0]
        first = Stamp(now.boot, cause.t, now.tq, cause.mono)
        limits = self._delays | {"battery_low": self._profile.battery_percent, "sim_due": self._profile.sim_days}
        return WatchAlarm(alarm_id(self.id, key, first), what, key, now.t, cause, limits[what])

    def _acked(self, state: WatchState, event: Acked) -> tuple[WatchState, tuple[Say, ...]]:
        for place, alarm in enumerate(state.alarms):
            if alarm.id == event.alarm and alarm.acked_by is None:
                acked = msgspec.structs.replace(alarm, acked_by=event.by)
                alarms = (*state.alarms[:place], acked, *state.alarms[place + 1 :])
                say = self._say("alarm.acked/1", acked, by=event.by, command=event.command)
                return msgspec.structs.replace(state, alarms=alarms), (say,)
        return state, ()

    def _say(
        self,
        kind: str,
        alarm: WatchAlarm,
        cause: Cause | None = None,
        by: str | None = None,
        command: str | None = None,
    ) -> Say:
        return said(kind, self.id, self._profile, alarm, cause=cause, limit=alarm.limit, by=by, command=command)


KIND = RuleKind(LiftWatchConfig, PROFILES, LiftWatchRule)
