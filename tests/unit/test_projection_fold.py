"""Polls folded into minutes: in one go or in any number of parts it is the same."""

from hypothesis import given
from hypothesis import strategies as st

from gateway.projection.bucket import Bucket, Reading, fold, merge
from model.observation import Quality

WIDTH = 3
_point = st.tuples(st.integers(-9, 9), st.sampled_from([*Quality, Quality.GOOD, Quality.GOOD]))
_polls = st.lists(st.lists(_point, min_size=1, max_size=WIDTH), min_size=1, max_size=12)


def readings(polls: list[list[tuple[int, Quality]]]) -> list[tuple[int, Reading]]:
    """A number stands even where the quality is not good."""
    return [
        (n, Reading("d", "p", [v for v, _ in poll], [q.value for _, q in poll] if n % 2 or poll[0][1] != "good" else None))
        for n, poll in enumerate(polls)
    ]  # fmt: skip


@given(_polls, st.data())
def test_in_parts_or_in_one(polls: list[list[tuple[int, Quality]]], data: st.DataObject) -> None:
    """A minute that was written, and gets more, is as if all had come at once: also with polls of other widths."""
    said = readings(polls)
    cut = data.draw(st.integers(1, len(said)))
    whole = fold(said)
    parts = merge(fold(said[:cut]), fold(said[cut:])) if said[cut:] else fold(said)
    assert _padded(parts) == _padded(whole)


@given(_polls)
def test_against_the_plainest_count(polls: list[list[tuple[int, Quality]]]) -> None:
    """Point by point; a fault is never a number, whatever stands beside it."""
    said = readings(polls)
    bucket = fold(said)
    for i in range(max(len(r.v) for _, r in said)):
        of = [(r.v[i], r.q[i] if r.q else "good") for _, r in said if i < len(r.v)]
        good = [v for v, q in of if q == "good" and v is not None]
        assert bucket.good[i] == len(good)
        if good:
            assert (bucket.low[i], bucket.high[i], bucket.end[i]) == (min(good), max(good), good[-1])
        else:
            assert (bucket.low[i], bucket.high[i], bucket.end[i]) == (None, None, None)
        bad = {q: counts[i] for q, counts in bucket.bad.items() if i < len(counts) and counts[i]}
        assert bad == {q: sum(1 for _, other in of if other == q) for q in {q for _, q in of} - {"good"}}
    assert (bucket.n, bucket.first, bucket.last) == (len(said), 0, len(said) - 1)


def _padded(b: Bucket) -> Bucket:
    """Counts of a quality as long as the widest poll."""
    width = len(b.good)
    bad = {q: counts + [0] * (width - len(counts)) for q, counts in b.bad.items() if any(counts)}
    return Bucket(b.n, b.first, b.last, b.low, b.high, b.end, b.good, bad)
