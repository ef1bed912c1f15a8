"""Byte streams cut into reads."""

from collections.abc import Iterable
from itertools import pairwise


def cut(data: bytes, at: Iterable[int]) -> list[bytes]:
    """The same bytes in pieces, cut at these places (modulo the length), some of them empty."""
    edges = [0, *sorted(place % (len(data) + 1) for place in at), len(data)]
    return [data[a:b] for a, b in pairwise(edges)]
