"""What the fault proxy knows of MQTT: where a packet ends, its type, its topic and its reason code.

Written from the OASIS standards MQTT 3.1.1 and MQTT 5.0: 2.1 fixed header, 1.5.5 variable byte integer, 3.1.2.2 protocol
version, 3.3.2.1 topic name, 3.4.2.1 PUBACK reason code.
"""

from collections.abc import Iterator
from typing import NamedTuple

TYPES = (
    "", "CONNECT", "CONNACK", "PUBLISH", "PUBACK", "PUBREC", "PUBREL", "PUBCOMP", "SUBSCRIBE", "SUBACK", "UNSUBSCRIBE",
    "UNSUBACK", "PINGREQ", "PINGRESP", "DISCONNECT", "AUTH",
)  # fmt: skip
_FIRST = (0x10, 0x20, 0xF0)
"""What either side may begin with: CONNECT, CONNACK, AUTH. All else, TLS for one, is not looked into."""
_LENGTH_BYTES_MAX = 4


class Packet(NamedTuple):
    """The variable header begins at `start`; with 0 there these are just bytes of something that is not MQTT."""

    raw: bytes
    start: int = 0

    @property
    def type(self) -> str:
        return TYPES[self.raw[0] >> 4] if self.start else ""

    @property
    def topic(self) -> str:
        """Of a PUBLISH; of any other packet it is empty."""
        return self._text(self.start).decode(errors="replace") if self.type == "PUBLISH" else ""

    @property
    def version(self) -> int:
        """Of a CONNECT: 4 is MQTT 3.1.1, 5 is MQTT 5."""
        level = self.start + 2 + len(self._text(self.start))
        return int.from_bytes(self.raw[level : level + 1], "big")

    def answering(self, code: int) -> bytes:
        """A PUBACK of MQTT 5 with another reason code: one that has none says 0x00, and has no properties either."""
        body = self.raw[self.start : self.start + 2] + bytes([code]) + self.raw[self.start + 3 :]
        return self.raw[:1] + bytes([len(body)]) + body if len(body) == 3 else self.raw[: self.start] + body

    def _text(self, at: int) -> bytes:
        length = int.from_bytes(self.raw[at : at + 2], "big")
        return self.raw[at + 2 : at + 2 + length]


class Cutter:
    """Cuts what one side sends into packets. What is not MQTT, or no longer, is passed on in the pieces in which it comes."""

    def __init__(self) -> None:
        self._open = bytearray()
        self._known = False
        self._is_mqtt = True

    def feed(self, data: bytes) -> Iterator[Packet]:
        self._open += data
        if not self._known and self._open:
            self._known, self._is_mqtt = True, self._open[0] in _FIRST
        while self._is_mqtt and (found := self._packet()):
            yield found
        if not self._is_mqtt and self._open:
            yield Packet(bytes(self._open))
            self._open.clear()

    def _packet(self) -> Packet | None:
        """The first packet, once all of it is there."""
        length = 0
        for place in range(_LENGTH_BYTES_MAX):
            if len(self._open) < place + 2:
                return None
            byte = self._open[place + 1]
            length |= (byte & 0x7F) << 7 * place
            if byte < 0x80:
                start = place + 2
                if len(self._open) < start + length:
                    return None
                raw = bytes(self._open[: start + length])
                del self._open[: start + length]
                return Packet(raw, start)
        self._is_mqtt = False
        return None


def matches(pattern: str, topic: str) -> bool:
    """Whether a topic filter with `+` and `#` takes the topic (4.7.1)."""
    wanted, levels = pattern.split("/"), topic.split("/")
    if wanted[-1] == "#":
        wanted = wanted[:-1]
        levels = levels[: len(wanted)]
    return len(wanted) == len(levels) and all(w in ("+", level) for w, level in zip(wanted, levels, strict=True))
