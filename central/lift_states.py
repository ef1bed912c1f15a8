"""What the centre knows of each lift: its file, its gateways, its tests, whether somebody calls."""

from datetime import date
from typing import Any, Literal, NamedTuple

import apsw

from central.lifts import FILE
from central.presence import presences
from central.settings import Targets
from central.store import now
from central.timeline import At, Timelines

HOUR = 3_600_000_000

Verdict = Literal["ok", "failed", "overdue"]


class Trials(NamedTuple):
    """Of one lift at one gateway: when the last one passed and failed, when the first one began; `why` where the last of those
    that are over has failed; `unset` where nobody had set the clock at the last that passed: then that is when it came.
    """

    passed: int | None = None
    failed: int | None = None
    begun: int | None = None
    why: str | None = None
    unset: bool = False

    def verdict(self, limit_h: float, at: int) -> Verdict | None:
        """None where nothing was ever tested."""
        if self.why is not None:
            return "failed"
        last = self.passed if self.passed is not None else self.begun
        return None if last is None else "ok" if at - last <= limit_h * HOUR else "overdue"


def lifts(db: apsw.Connection, targets: Targets) -> list[dict[str, Any]]:
    """Each lift once, whatever gateways it has; those in trouble first.

    `test`: `ok`, `failed`, `overdue`, or None where none was ever made; of two gateways the worse. `passed` and `failed` are
    when the last ones were; where `passed_unset` that one's clock was not set, and it is when it came. `inspection`: `ok` or
    `overdue` by the file. `gws` with what is known of their presence.
    """
    at, today = now(), date.today().isoformat()  # noqa: DTZ011  the day on site is the day here
    there, tests = presences(db, targets.offline_s), _tests(db)
    calling = dict(db.execute("SELECT key, id FROM incident WHERE over = 0 ORDER BY since DESC"))
    found: dict[str, dict[str, Any]] = {}
    rows: list[Any] = db.execute(
        f"SELECT key, gw, {', '.join(FILE)} FROM lift ORDER BY key, gw, place DESC"  # noqa: S608
    ).fetchall()
    for key, gw, *values in rows:
        one = found.setdefault(
            key,
            {"key": key, **dict.fromkeys((*FILE, "test", "passed", "passed_unset", "failed", "why")), "gws": []},
        )
        if one["gws"] and one["gws"][-1]["gw"] == gw:  # what it was called there before
            continue
        said = dict(zip(FILE, values, strict=True))
        one |= {name: value for name, value in said.items() if one[name] is None}
        known = there.get(gw)
        one["gws"].append({"gw": gw, "presence": known and known.state, "heard": known and known.heard})
        mine = tests.get((gw, key), Trials())
        one["test"] = max(one["test"], mine.verdict(targets.test_h, at), key=_RANK.__getitem__)
        if (last := _later(one["passed"], mine.passed)) != one["passed"]:
            one["passed"], one["passed_unset"] = last, mine.unset
        one["failed"] = _later(one["failed"], mine.failed)
        one["why"] = mine.why or one["why"]
        one["incident"] = calling.get(key)
        due = one["inspection_due"]
        one["inspection"] = due and ("overdue" if due < today else "ok")
    return sorted(found.values(), key=lambda one: (one["incident"] is None, -_RANK[one["test"]], one["key"]))


_RANK: dict[Verdict | None, int] = {None: 0, "ok": 1, "overdue": 2, "failed": 3}


def _later(one: int | None, other: int | None) -> int | None:
    return max((at for at in (one, other) if at is not None), default=None)


def _tests(db: apsw.Connection) -> dict[tuple[str, str], Trials]:
    """By gateway and the lift's key. Which one was the last its place in the stream says: a clock may be wrong, or missing."""
    timelines = Timelines(db)
    last: dict[tuple[str, str], dict[str, tuple[int, int, str | None]]] = {}
    # with one max() or min() SQLite takes the other columns from the row that has it
    for what, which in (("passed", "max"), ("failed", "max"), ("begun", "min")):
        rows: list[Any] = db.execute(
            f"SELECT gw, key, {which}({what}), received, why FROM lift_test JOIN lift USING (gw, lift) "  # noqa: S608
            f"WHERE {what} IS NOT NULL GROUP BY gw, key"
        ).fetchall()
        for gw, key, place, received, why in rows:
            last.setdefault((gw, key), {})[what] = place, received, why
    found: dict[tuple[str, str], Trials] = {}
    for (gw, key), ends in last.items():
        told = {what: _when(db, timelines, gw, place, received) for what, (place, received, _) in ends.items()}
        times, (_, unset) = {what: at for what, (at, _) in told.items()}, told.get("passed", (None, False))
        failed, _, why = ends.get("failed", (0, 0, None))
        failing = failed > ends.get("passed", (0, 0, None))[0]
        found[gw, key] = Trials(**times, why=(why or "") if failing else None, unset=unset)
    return found


def _when(db: apsw.Connection, timelines: Timelines, gw: str, place: int, received: int) -> tuple[int | None, bool]:
    """And whether no clock says so."""
    row: Any = db.execute("SELECT boot, mono, t, tq, err_ms FROM records WHERE place = ?", (place,)).fetchone()
    if not row:
        return None, False
    at = At(*row)
    return timelines.when(gw, at, received), at.source == "unknown" and timelines.told(gw, at)["utc"] is None
