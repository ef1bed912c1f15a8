"""Ranges of sequence numbers, both ends included. Lists are sorted, and no two ranges touch."""

from collections.abc import Iterable

Range = tuple[int, int]


def joined(ranges: Iterable[Range]) -> list[Range]:
    """The union of any ranges."""
    out: list[Range] = []
    for first, last in sorted(ranges):
        if out and first <= out[-1][1] + 1:
            out[-1] = (out[-1][0], max(out[-1][1], last))
        else:
            out.append((first, last))
    return out


def without(range_: Range, taken: list[Range]) -> list[Range]:
    """What of `range_` is not in the list `taken`."""
    first, end = range_
    out = []
    for a, b in taken:
        if a > end or b < first:
            continue
        if a > first:
            out.append((first, a - 1))
        first = b + 1
    if first <= end:
        out.append((first, end))
    return out


def size(ranges: Iterable[Range]) -> int:
    return sum(b - a + 1 for a, b in ranges)
