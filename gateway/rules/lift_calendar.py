"""When a lift's maintenance is due: four cycles, each of which includes those before it. Days, not hours: pure."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Literal, NamedTuple, get_args

from pydantic import BaseModel, ConfigDict, Field

from drivers.common.config import Name
from gateway.rules.base import Profile, Profiles
from model.bodies import VisitCycle

CYCLES: tuple[VisitCycle, ...] = get_args(VisitCycle)
Level = Literal["green", "amber", "red"]

_Days = Annotated[int, Field(ge=0, le=3650)]


class Label(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    zh: str
    en: str


class Plan(BaseModel):
    """One cycle: at most so many days from one visit to the next, and what is done beyond the cycles before it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: Annotated[int, Field(ge=1, le=3650)]
    grace_d: _Days
    items: dict[Name, Label] = {}


class VisitProfile(Profile):
    """`utc_offset_h`: where a day begins. `visit_gap_h`: badges closer than that are one visit."""

    rule: Literal["lift_visit"]
    utc_offset_h: Annotated[float, Field(ge=-12, le=14)]
    visit_gap_h: Annotated[float, Field(gt=0)]
    enter_h: Annotated[float, Field(gt=0)]
    amber_d: _Days
    inspection_amber_d: _Days
    half_month: Plan
    quarter: Plan
    half_year: Plan
    year: Plan

    def plan(self, cycle: VisitCycle) -> Plan:
        plan: Plan = getattr(self, cycle)
        return plan

    def items(self, cycle: VisitCycle) -> dict[str, Label]:
        """What a visit of this cycle looks after."""
        return {name: label for one in _up_to(cycle) for name, label in self.plan(one).items.items()}

    def day(self, t: int) -> date:
        """The day of a time (us, UTC)."""
        return (datetime.fromtimestamp(t / 1e6, UTC) + timedelta(hours=self.utc_offset_h)).date()

    def end_of(self, day: date) -> int:
        """When it is over (us, UTC)."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(days=1)
        return round((midnight - timedelta(hours=self.utc_offset_h)).timestamp() * 1e6)


PROFILES = Profiles(VisitProfile)


class Due(NamedTuple):
    """`last` is None where no visit is known: then it is counted from when the gateway began to watch."""

    cycle: VisitCycle
    last: date | None
    due: date
    level: Level


def last_done(cycle: VisitCycle, done: Mapping[VisitCycle, date]) -> date | None:
    """The newest visit that did this cycle's work, its own or a higher one's."""
    return max((day for one, day in done.items() if one in CYCLES[CYCLES.index(cycle) :]), default=None)


def due_on(profile: VisitProfile, cycle: VisitCycle, done: Mapping[VisitCycle, date], since: date) -> date:
    return (last_done(cycle, done) or since) + timedelta(days=profile.plan(cycle).days)


def due_list(profile: VisitProfile, done: Mapping[VisitCycle, date], since: date, today: date) -> list[Due]:
    """Every cycle: red from the day after its grace, amber shortly before it is due and through its grace."""
    return [
        Due(
            cycle,
            last_done(cycle, done),
            due := due_on(profile, cycle, done, since),
            level(today, due, profile.amber_d, profile.plan(cycle).grace_d),
        )
        for cycle in CYCLES
    ]


def level(today: date, due: date, amber_d: int, grace_d: int = 0) -> Level:
    if today > due + timedelta(days=grace_d):
        return "red"
    return "amber" if today >= due - timedelta(days=amber_d) else "green"


def _up_to(cycle: VisitCycle) -> tuple[VisitCycle, ...]:
    return CYCLES[: CYCLES.index(cycle) + 1]
