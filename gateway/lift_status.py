"""What people are shown of the lifts: the same for command line and tests."""

import msgspec

from gateway.rules.lift_calendar import Level


class CycleNow(msgspec.Struct, frozen=True):
    """`last` and `due` are days as 2026-11-30; `last` is None where no visit is known. `days` are left, negative when over.

    Without `days` and `level` while the clock is not known: nothing is called overdue by it.
    """

    cycle: str
    last: str | None
    due: str
    days: int | None
    level: Level | None


class VisitNow(msgspec.Struct, frozen=True):
    """`began` and `ended` are us, UTC, None where no clock knew it. `proven`: at two places. `sha256` is that of the entry's body."""

    id: str
    person: str
    places: list[str]
    began: int | None
    ended: int | None
    proven: bool
    cycle: str | None = None
    late_s: int = 0
    entered_late: bool = False
    sha256: str | None = None
    signed_by: str | None = None


class CallNow(msgspec.Struct, frozen=True):
    """The open call: where its rescue stands."""

    id: str
    state: str
    raised: int
    acked_by: str | None


class TestNow(msgspec.Struct, frozen=True):
    """Tests of the alarm's way, counted apart from calls: the last one's phase, and when it began (us, UTC)."""

    passed: int
    failed: int
    last: str | None
    at: int | None


class LiftNow(msgspec.Struct, frozen=True):
    """`level` is the worst of what is told here. `problems` are codes of the catalogue (`lift.problem.CODE`)."""

    id: str
    state: str
    level: Level
    name: str | None
    rescue: str | None
    registration: str | None
    address: str | None
    maintainer: str | None
    inspection_due: str | None
    inspection_days: int | None
    inspection_level: Level | None
    calls: list[CallNow]
    tests: TestNow | None
    cycles: list[CycleNow]
    visits: list[VisitNow]
    problems: list[str]
