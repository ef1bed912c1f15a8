"""Which of a slave's replies may still come. Pure.

RTU has no transaction number; but a slave answers one request after the other. So a reply belongs to the earliest request that
it can belong to, and what was asked before that one is settled too: answered, or lost.
"""

from drivers.modbus.pdu import Request

_MOST = 32


class Doubt:
    """Requests whose replies may still come, in the order of asking."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, float]] = []
        """With the time at which each went out."""
        self.until = 0.0
        """Before then nothing is read: the late reply and our request would meet on the line."""
        self.marked = False
        """Whether the marker was tried in vain since the slave last answered."""

    def ask(self, request: Request, now: float) -> None:
        """It goes out. Of a slave that is dead for days, one of two equal questions in a row is as good as both."""
        if len(self.asked) >= _MOST:
            pairs = zip(self.asked, self.asked[1:], strict=False)
            del self.asked[next((i for i, ((one, _), (other, _)) in enumerate(pairs) if one == other), 0)]
        self.asked.append((request, now))

    def hear(self, pdu: bytes) -> float | None:
        """A reply has come, whole and sound: when the request went out to which it belongs; None where there is none."""
        for i, (request, sent) in enumerate(self.asked):
            refused = len(pdu) == 2 and pdu[0] == request.function | 0x80
            if refused or (len(pdu) == request.reply_length and pdu.startswith(request.reply_start)):
                del self.asked[: i + 1]
                return sent
        return None

    def of_reads(self, marker: Request | None) -> bool:
        """Whether a reply may come that could be taken for that of a read. One to the marker can not."""
        return any(request.reads and request != marker for request, _ in self.asked)

    def forget(self) -> None:
        """So much time has passed that nothing comes any more."""
        self.asked.clear()
        self.marked = False
