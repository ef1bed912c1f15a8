"""What the proxy does to single packets, and what it does to the link as a whole."""

from dataclasses import dataclass
from typing import Literal, get_args

from firmware_sim.mqtt_proxy_packets import TYPES, Packet, matches

Way = Literal["up", "down"]
"""From the client to the broker, or back."""
WAYS: tuple[Way, ...] = get_args(Way)
What = Literal["drop", "hold", "late", "twice", "reverse", "code", "cut"]

MQTT_5 = 5
SLICE_S = 0.01
SEGMENT = 1460
"""Bytes that a slow link sends at a time, at least."""
PIECE = 64 * 1024


@dataclass
class Fault:
    """Is done to `count` packets of that type, way and topic, or to all, after `skip` of them have passed.

    `drop` lets it vanish; `hold` keeps it until the fault is cleared; `late` lets the next ones overtake it for `seconds`;
    `twice` sends it again; `reverse` gathers `count` and sends the last one first; `code` changes the reason code of a
    PUBACK of MQTT 5; `cut` resets its connection instead.
    """

    what: What
    packet: str = "PUBLISH"
    way: Way | None = None
    topic: str = "#"
    count: int | None = None
    skip: int = 0
    seconds: float = 1.0
    code: int = 0x97
    hits: int = 0

    def __post_init__(self) -> None:
        """Raises ValueError for words that nobody knows: the fault would never happen."""
        for word, known in (
            (self.what, get_args(What)),
            (self.packet, TYPES[1:]),
            *([(self.way, WAYS)] if self.way else []),
        ):
            if word not in known:
                raise ValueError(f"{word} is none of {', '.join(known)}")
        if self.what == "reverse" and not self.count:
            raise ValueError("reverse needs a count")

    def takes(self, packet: Packet, way: Way, version: int) -> bool:
        """Whether this one is its due. It counts then."""
        if (
            packet.type != self.packet
            or self.way not in (None, way)
            or (packet.topic and not matches(self.topic, packet.topic))
            or (self.what == "code" and (packet.type, version) != ("PUBACK", MQTT_5))
            or (self.count is not None and self.hits >= self.count)
        ):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        return True


class Line:
    """One way of the link, which all connections share: bytes leave one after the other at `rate` bytes/s, and arrive later.

    At most `queue` bytes wait at its beginning; whoever has more must keep them.
    """

    def __init__(self, rate: float | None = None, delay_s: float = 0.0, queue: int = 32 * 1024) -> None:
        self._rate = rate
        self._delay_s = delay_s
        self._queue = queue
        self._free_at = 0.0
        self.piece = max(SEGMENT, round(rate * SLICE_S)) if rate else PIECE
        """How many bytes at a time."""

    def take(self, size: int, now: float) -> float:
        """When the last of these bytes arrives."""
        self._free_at = max(now, self._free_at) + (size / self._rate if self._rate else 0.0)
        return self._free_at + self._delay_s

    def full_until(self, now: float) -> float:
        """When there is room for more."""
        return self._free_at - self._queue / self._rate if self._rate else now
