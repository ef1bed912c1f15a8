"""A plot as the browser draws it: columns, null where nothing is known, and what has to be said about it. Pure."""

from itertools import pairwise
from statistics import median
from typing import Any

from gateway.status import Plot, PlotMinute
from model.texts import text

_GAP_US = 150_000_000
"""Minutes further apart than this, and than three times what is usual here, have a gap between them."""


def columns(plot: Plot, lang: str) -> dict[str, Any]:
    """`t` in seconds UTC, with `low`, `high` and `last` of each minute in the point's unit; `notes` in the words of `lang`."""
    rows = _with_gaps(plot.minutes)
    return {
        "t": [t / 1e6 for t, _ in rows],
        "low": [minute and minute.low for _, minute in rows],
        "high": [minute and minute.high for _, minute in rows],
        "last": [minute and minute.last for _, minute in rows],
        "notes": _notes(plot, lang),
    }


def _with_gaps(minutes: list[PlotMinute]) -> list[tuple[int, PlotMinute | None]]:
    steps = [b.t - a.t for a, b in pairwise(minutes)]
    gap = max(_GAP_US, 3 * median(steps)) if steps else _GAP_US
    rows: list[tuple[int, PlotMinute | None]] = []
    for minute, step in zip(minutes, [*steps, 0], strict=False):
        rows.append((minute.t, minute))
        if step > gap:
            rows.append((minute.t + step // 2, None))
    return rows


def _notes(plot: Plot, lang: str) -> list[str]:
    notes = []
    if plot.behind:
        notes.append(text("page.plot_behind", lang, n=plot.behind))
    elif not plot.minutes:
        notes.append(text("page.plot_none", lang))
    if any(minute.source == "unknown" for minute in plot.minutes):
        notes.append(text("page.clock_unset", lang))
    return notes
