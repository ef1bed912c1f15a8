"""Polls folded into minutes. Pure.

A minute is one of CLOCK_BOOTTIME, of one boot: a wall clock that steps, or that nobody had set, neither tears a minute apart
nor lays two over each other. Where the minutes of a boot lie on the calendar is asked when they are shown.
"""

from collections.abc import Callable
from itertools import zip_longest
from typing import Any

import msgspec

MINUTE_US = 60_000_000

Values = list[int | None]


class Reading(msgspec.Struct, frozen=True, gc=False):
    """What is read of a `reading.poll/1`: the body as `model.bodies.ReadingPoll` has it, and where it was before, in a fork."""

    d: str
    p: str
    v: Values
    q: list[str] | None = None
    was: tuple[str, int, str] | None = None


class Bucket(msgspec.Struct, array_like=True):
    """`n` polls of one device from `first` to `last` (CLOCK_BOOTTIME us). The lists have an item per point: the least, greatest
    and last of its good raw values, None where there was none, and how many they are; per bad quality how often it had that.
    """

    n: int
    first: int
    last: int
    low: Values
    high: Values
    end: Values
    good: list[int]
    bad: dict[str, list[int]]


def fold(polls: list[tuple[int, Reading]]) -> Bucket:
    """Polls of one device with one point map, each with its `mono`, in their order."""
    n, first, last = len(polls), min(mono for mono, _ in polls), max(mono for mono, _ in polls)
    rows = [_good(reading) for _, reading in polls]
    columns: list[Any] = list(zip_longest(*rows))
    if not any(None in column for column in columns):  # nearly always, and then as quick as can be
        return Bucket(
            n, first, last, list(map(min, columns)), list(map(max, columns)), rows[-1], [n] * len(columns), {}
        )
    values = [[v for v in column if v is not None] for column in columns]
    return Bucket(
        n,
        first,
        last,
        [min(column, default=None) for column in values],
        [max(column, default=None) for column in values],
        [column[-1] if column else None for column in values],
        [len(column) for column in values],
        _bad(polls, len(values)),
    )


def _good(reading: Reading) -> Values:
    """A fault is never a number, whatever stands beside it."""
    if reading.q is None:
        return reading.v
    return [v if q == "good" else None for v, q in zip(reading.v, reading.q, strict=False)]


def _bad(polls: list[tuple[int, Reading]], width: int) -> dict[str, list[int]]:
    bad: dict[str, list[int]] = {}
    for _, reading in polls:
        for i, quality in enumerate((reading.q or [])[:width]):
            if quality != "good":
                bad.setdefault(quality, [0] * width)[i] += 1
    return bad


def merge(a: Bucket, b: Bucket) -> Bucket:
    """Both as one; `b` came after `a`."""
    return Bucket(
        a.n + b.n,
        min(a.first, b.first),
        max(a.last, b.last),
        _each(min, a.low, b.low),
        _each(max, a.high, b.high),
        [x if y is None else y for x, y in zip_longest(a.end, b.end)],
        _sum(a.good, b.good),
        {quality: _sum(a.bad.get(quality, []), b.bad.get(quality, [])) for quality in a.bad | b.bad},
    )


def _each(of: Callable[[int, int], int], a: Values, b: Values) -> Values:
    if len(a) == len(b) and None not in a and None not in b:
        return list(map(of, a, b))  # type: ignore[arg-type]  # none of them is None
    return [(x if y is None else y) if x is None or y is None else of(x, y) for x, y in zip_longest(a, b)]


def _sum(a: list[int], b: list[int]) -> list[int]:
    return [x + y for x, y in zip_longest(a, b, fillvalue=0)]
