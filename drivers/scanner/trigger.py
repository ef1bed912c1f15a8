"""How scanners in plain mode are told to scan, and what they answer. Pure."""

from typing import NamedTuple

from drivers.scanner.config import Trigger

OWED_S = 10.0
"""No reply comes later than that. A proposal of ours."""


class Commands(NamedTuple):
    """Bytes that begin and end scanning, and the reply to each where there is one."""

    on: bytes
    off: bytes
    reply: bytes = b""


def _gm65(scan: int) -> bytes:
    """Write to the register 0002 of which bit 0 scans; AB CD: the module checks no CRC."""
    return bytes((0x7E, 0x00, 0x08, 0x01, 0x00, 0x02, scan, 0xAB, 0xCD))


COMMANDS: dict[Trigger, Commands] = {
    "honeywell": Commands(b"\x16T\r", b"\x16U\r"),
    "gm65": Commands(_gm65(1), _gm65(0), bytes.fromhex("02 00 00 01 00 33 31")),
}


class ReplyFilter:
    """Takes the replies to commands out of a stream of symbols, wherever they stand.

    Only whole replies go, no more of them than there were commands, and none later than `OWED_S`: all else comes out as it
    went in and in its order, at the latest with the byte that shows that it was none. Times are in seconds, of any clock.
    """

    def __init__(self, reply: bytes, now: float) -> None:
        self._reply = reply
        # one may be on its way from before the connection
        self._owed = [now + OWED_S]
        self._held = b""

    def owe(self, now: float) -> None:
        """A command was sent."""
        self._owed.append(now + OWED_S)

    def feed(self, data: bytes, now: float) -> tuple[bytes, int]:
        """What is left, and how many replies there were."""
        self._owed = [until for until in self._owed if now < until]
        data = self._held + data
        found = 0
        left = b""
        while self._reply and self._owed and (at := data.find(self._reply)) >= 0:
            left, data = left + data[:at], data[at + len(self._reply) :]
            del self._owed[0]
            found += 1
        begun = self._begun(data) if self._owed else 0
        self._held = data[len(data) - begun :]
        return left + data[: len(data) - begun], found

    def flush(self) -> bytes:
        """A symbol ends here: what was held is of it."""
        held, self._held = self._held, b""
        return held

    def _begun(self, data: bytes) -> int:
        """How many bytes at the end may be the beginning of a reply."""
        sizes = range(min(len(self._reply) - 1, len(data)), 0, -1)
        return next((size for size in sizes if data.endswith(self._reply[:size])), 0)
