"""`make soak`: a day at sixty times its speed; what gateway and centre take stays as it is.

DOORPOST_SOAK_DAY_S sets how long it lasts in seconds; a whole day takes 1440.
"""

import asyncio
import math
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import linear_regression

import pytest

from support.soak_day import Day, Look
from support.soak_report import report, table

DAY_S = 1440.0
LENGTH_S = float(os.environ.get("DOORPOST_SOAK_DAY_S", DAY_S))
WARM_UP = 0.25
"""Of the length: until caches are full and all code has run once."""
LOOK_S = 1.0

MEASURED: dict[str, tuple[Callable[[Look], float], float | None, float | None]] = {
    "gateway RSS, MB": (lambda look: look.gateway.rss / 1e6, 5.0, None),
    "gateway file descriptors": (lambda look: look.gateway.fds, 1.0, None),
    "gateway threads": (lambda look: look.gateway.threads, 1.0, None),
    "gateway WALs, MB": (lambda look: look.wal / 1e6, None, 13.0),
    "gateway store, MB": (lambda look: look.store / 1e6, None, None),
    "centre RSS, MB": (lambda look: look.centre.rss / 1e6, 5.0, None),
    "centre file descriptors": (lambda look: look.centre.fds, 1.0, None),
    "centre threads": (lambda look: look.centre.threads, 1.0, None),
    "centre WAL, MB": (lambda look: look.centre_wal / 1e6, None, 10.0),
}
"""What is measured, how much of it a day may add, and how much there may be; None where it may be any."""


def slopes(looks: Sequence[tuple[float, Look]]) -> tuple[str, list[str]]:
    """The growth in a day by least squares after the warm-up, as a table; and what is more than it may be."""
    steady = looks[int(len(looks) * WARM_UP) :]
    times = [at / DAY_S for at, _ in steady]
    rows: list[tuple[object, ...]] = []
    grown = []
    for name, (of, most_a_day, most) in MEASURED.items():
        values = [of(look) for _, look in steady]
        slope = linear_regression(times, values).slope
        bounds = [f"{bound:g} {what}" for bound, what in ((most_a_day, "a day"), (most, "in all")) if bound is not None]
        rows.append(
            (name, *(f"{v:.1f}" for v in (values[0], values[-1], max(values))), f"{slope:+.2f}", *(bounds or [""]))
        )
        if slope > (most_a_day or math.inf) or max(values) > (most or math.inf):
            grown.append(f"{name}: {slope:+.2f} a day, {max(values):.1f} at most")
    return table(("what", "after warm-up", "at the end", "most", "slope per day", "bound"), rows), grown


@pytest.mark.soak
async def test_day(tmp_path: Path) -> None:
    """Nothing grows but the store; each reading on the wire is one record at the centre."""
    day = Day(tmp_path)
    loop = asyncio.get_running_loop()
    looks = []
    try:
        await day.start()
        begin = loop.time()
        while (at := loop.time() - begin) < LENGTH_S:
            await asyncio.sleep(LOOK_S)
            looks.append((at, day.look()))
    finally:
        await day.stop()
    lanes = await day.counts()
    compared = day.compared(await day.rows())
    grown_table, grown = slopes(looks)
    total = {what: sum(lane[what] for lane in lanes.values()) for what in ("rows", "lost", "refused", "missing")}
    report(
        "day",
        "A day at sixty times its speed",
        {
            "length": f"{LENGTH_S:.0f} s for {LENGTH_S / DAY_S * 24:.1f} h; the first {WARM_UP:.0%} is warm-up",
            "on the wires": sum(one.sent for one in compared.values()),
            "of that arrived": sum(one.arrived for one in compared.values()),
            **{("at the centre" if what == "rows" else what): n for what, n in total.items()},
        },
        grown_table,
    )
    assert not [one for one in compared.items() if one[1].missing or one[1].twice or one[1].invented]
    assert (total["lost"], total["refused"], total["missing"]) == (0, 0, 0)
    assert LENGTH_S < DAY_S or not grown, grown  # a shorter run is hardly more than its warm-up
