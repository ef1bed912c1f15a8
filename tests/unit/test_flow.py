"""The byte budget of the streams below alarms: what the link carries, within its bounds."""

from collections import deque

from hypothesis import given
from hypothesis import strategies as st

from sync.flow import BUDGET_MAX_BYTES, BUDGET_MIN_BYTES, RECENT_S, SLACK_S, Flow, Mark


def test_starts_small() -> None:
    """Nothing is known of the link yet: it gets the least."""
    assert Flow().budget == BUDGET_MIN_BYTES


def test_what_the_link_carries_in_a_round_trip_and_slack() -> None:
    """100 kB acknowledged after half a second: 200 kB/s for 0.7 s."""
    flow = Flow()
    flow.acknowledged(100_000, flow.sent(100_000, 10.0), 10.5)
    assert flow.budget == int(200_000 * (0.5 + SLACK_S))
    assert flow.in_flight == 0


def test_batches_behind_each_other_are_one_rate() -> None:
    """Eight batches sent at once and acknowledged one after the other: the rate counts what came meanwhile."""
    flow = Flow()
    marks = [flow.sent(10_000, 0.0) for _ in range(8)]
    for i, mark in enumerate(marks, 1):
        flow.acknowledged(10_000, mark, 0.1 * i)
    assert flow.budget == int(100_000 * (0.1 + SLACK_S))


def test_old_samples_are_forgotten() -> None:
    """A link that has become slow is believed after RECENT_S."""
    flow = Flow()
    flow.acknowledged(100_000, flow.sent(100_000, 0.0), 0.5)
    late = 0.5 + RECENT_S + 10
    flow.acknowledged(10_000, flow.sent(10_000, late - 1), late)
    assert flow.budget == int(10_000 * (1 + SLACK_S))


def test_a_link_that_stays_full_gets_no_longer_queue() -> None:
    """Five minutes of draining over 32 kB/s and 300 ms: what an alarm would have before it stays what it was."""
    flow, rate, delay, size = Flow(), 32_000.0, 0.3, 4_000
    now = free = 0.0
    under_way: deque[tuple[float, Mark]] = deque()
    most = []
    while now < 300:
        while flow.room > 0:
            mark = flow.sent(size, now)
            free = max(free, now) + size / rate
            under_way.append((free + delay, mark))
        now, mark = under_way.popleft()
        flow.acknowledged(size, mark, now)
        most.append(flow.in_flight)
    assert max(most) <= rate * (delay + SLACK_S) + 2 * BUDGET_MIN_BYTES
    assert sum(most) / len(most) >= 0.9 * rate * delay, "and the link stays full"


def test_a_link_that_becomes_slower_is_found_out() -> None:
    """Its round trip is three times as long: what was least before is not kept for ever."""
    flow, now = Flow(), 0.0
    for n in range(200):
        trip = 0.1 if n < 100 else 0.3
        marks = [flow.sent(1000, now) for _ in range(20)]
        now += trip
        for mark in marks:
            flow.acknowledged(1000, mark, now)
    assert flow.budget == int(20_000 / 0.3 * (0.3 + SLACK_S))


@given(st.lists(st.tuples(st.integers(1, 70_000), st.floats(0, 100), st.sampled_from(["ack", "forget", "keep"]))))
def test_always_within_bounds(batches: list[tuple[int, float, str]]) -> None:
    """Whatever happens to batches: the budget keeps its bounds, and what is in flight is what was neither."""
    flow, now, open_ = Flow(), 0.0, 0
    for size, pause, fate in batches:
        mark: Mark = flow.sent(size, now)
        now += pause
        if fate == "ack":
            flow.acknowledged(size, mark, now)
        elif fate == "forget":
            flow.forgotten(size)
        else:
            open_ += size
        assert BUDGET_MIN_BYTES <= flow.budget <= BUDGET_MAX_BYTES
        assert flow.in_flight == open_
