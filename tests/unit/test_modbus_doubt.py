"""Whatever a slave loses or answers late, as long as it answers in order, no reply is taken for that of another read."""

from collections import deque

from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.modbus.doubt import Doubt
from drivers.modbus.pdu import Request, read

MARKER = read(4, 0, 1)
READ = read(4, 0, 2)


class Slave:
    """It answers in order: what it does not lose, and some of it with an exception (never the marker)."""

    def __init__(self) -> None:
        self.pending: deque[tuple[int, bytes]] = deque()
        self.count = 0

    def hear(self, request: Request, *, lost: bool, refused: bool) -> int:
        self.count += 1
        if not lost:
            pdu = bytes((request.function | 0x80, 6)) if refused else request.reply_start
            self.pending.append((self.count, pdu + bytes(request.reply_length - len(pdu)) if not refused else pdu))
        return self.count

    def answers(self, count: int) -> list[tuple[int, bytes]]:
        """The next so many of its replies; the wire may damage them on the way (they are then taken from here)."""
        return [self.pending.popleft() for _ in range(min(count, len(self.pending)))]


losses = st.sampled_from(["", "", "", "lost", "refused"])
steps = st.lists(st.tuples(losses, st.integers(0, 2), st.sampled_from([0, 0, 1])), max_size=30)


@settings(max_examples=1500)
@given(steps)
def test_a_reply_is_that_of_the_question(steps: list[tuple[str, int, int]]) -> None:
    """As the master goes about it: in doubt the marker is asked, else the read; what belongs to neither is passed over.

    Each step: what becomes of the request, how many replies come in time, how many of those are damaged.
    """
    doubt, slave = Doubt(), Slave()
    for now, (loss, come, damaged) in enumerate(steps):
        request = MARKER if doubt.of_reads(MARKER) else READ
        number = slave.hear(request, lost=loss == "lost", refused=loss == "refused" and request != MARKER)
        doubt.ask(request, float(now))
        for answered, pdu in slave.answers(come)[damaged:]:
            since = doubt.hear(pdu)
            if request != MARKER and since == float(now):
                assert answered == number
                break


def test_a_slave_that_is_dead_for_days_costs_no_memory() -> None:
    """And the read before all the markers is still known to be missing."""
    doubt = Doubt()
    doubt.ask(READ, 0.0)
    for now in range(1000):
        doubt.ask(MARKER, float(now))
    assert len(doubt.asked) < 100
    assert doubt.of_reads(MARKER)
    doubt.hear(MARKER.reply_start + bytes(2))
    assert not doubt.of_reads(MARKER)
