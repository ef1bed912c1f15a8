"""Ranges of sequence numbers, both ends included."""

from collections.abc import Iterable

Range = tuple[int, int]


def without(range_: Range, taken: Iterable[Range]) -> list[Range]:
    """What of `range_` lies in none of the others, which may overlap. Nothing of one that ends before it begins."""
    first, end = range_
    left = []
    for a, b in [*sorted(taken), (end + 1, end + 1)]:
        if first <= min(a - 1, end):
            left.append((first, min(a - 1, end)))
        first = max(first, b + 1)
    return left


def added(ranges: list[Range], more: Range) -> list[Range]:
    """A list in order with a range at its end, as one with the last where they touch."""
    if ranges and more[0] <= ranges[-1][1] + 1:
        return [*ranges[:-1], (ranges[-1][0], max(ranges[-1][1], more[1]))]
    return [*ranges, more]
