"""A symbol that comes in several SSI packets. Pure."""

from drivers.scanner import ssi

NEXT_US = 1_000_000
"""After our ACK the decoder sends the next packet at once. A proposal of ours."""
AGAIN_US = 5_000_000
"""And repeats it within 2 s, where the first try was lost. What comes later belongs to another symbol."""


class LongSymbol:
    """Its packets so far, the first of which is `first`. One that is longer than `max_bytes` is nothing, to its end.

    `headless`: there may have been a packet before the first.
    """

    def __init__(self, first: ssi.Packet, max_bytes: int, *, headless: bool = False) -> None:
        self.headless = headless
        self._kind = first.data[:1]
        self._max_bytes = max_bytes
        self._text = b""
        self._last: ssi.Packet | None = None
        self.mono = 0
        """When its last packet came."""

    def goes_on(self, packet: ssi.Packet, mono: int) -> bool:
        """Whether this packet is of this symbol. One that the store refused comes again, however long that took."""
        if packet.status & ssi.STATUS_RETRANSMIT:
            refused = self._last is not None and packet.data == self._last.data
            return refused or self.may_be(packet, mono)
        return packet.data[:1] == self._kind and mono - self.mono < NEXT_US

    def may_be(self, packet: ssi.Packet, mono: int) -> bool:
        """Whether it looks like its next one but for the time."""
        return packet.data[:1] == self._kind and mono - self.mono < AGAIN_US

    def with_(self, packet: ssi.Packet, mono: int) -> bytes:
        """Bar code type and text up to this packet, which is taken once it is acknowledged; b"" where it is too long."""
        self.mono, self._last = mono, packet
        whole = self._kind + self._text + packet.data[1:]
        return whole if len(whole) <= self._max_bytes + 1 else b""

    def acknowledged(self) -> None:
        """The packet of `with_` will not come again as a new one."""
        if self._last and len(self._text) <= self._max_bytes:
            self._text += self._last.data[1:]
        self._last = None
