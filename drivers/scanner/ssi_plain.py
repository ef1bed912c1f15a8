"""A scanner that speaks SSI where the settings say plain lines: its packets are no symbols. Pure."""

from drivers.scanner import ssi

_MARK = bytes((ssi.DECODE_DATA, 0x00))
"""Opcode and source; the length stands before them."""
_AROUND = 5
"""Bytes around a packet's data, less the length."""


class PacketFilter:
    """Takes SSI's decoded symbols out of a stream of plain ones. Only whole packets with a right checksum go; all else comes
    out as it went in and in its order, at the latest in a silence. No byte but one that may begin a packet's mark waits.
    """

    def __init__(self) -> None:
        self._last = b""  # the byte before what is held, which has come out already
        self._held = b""

    @property
    def pending(self) -> bool:
        """Whether a packet may have begun."""
        return bool(self._held)

    def feed(self, data: bytes) -> tuple[bytes, bool]:
        """What is left, and whether a packet was among it: then the byte that came out last may have been its length."""
        data, left, found = self._held + data, b"", False
        while (at := data.find(_MARK)) >= 0:
            left, data = left + data[:at], data[at:]
            length = (self._last + left)[-1:]
            size = length[0] + 1 if length else 0  # with the checksum, less the length itself
            if size > len(data):
                return self._hold(left, data, found)
            whole = [len(packet.data) + _AROUND for packet in ssi.PacketParser().feed(length + data[:size])]
            if whole == [size]:
                found, left, data = True, left[:-1], data[size:]
            else:
                left, data = left + data[:1], data[1:]
        begun = len(data) - data.endswith(_MARK[:1])
        return self._hold(left + data[:begun], data[begun:], found)

    def flush(self) -> bytes:
        """The line fell silent: what was held begins no packet."""
        held, self._held, self._last = self._held, b"", b""
        return held

    def _hold(self, left: bytes, held: bytes, found: bool) -> tuple[bytes, bool]:
        self._last, self._held = (self._last + left)[-1:], held
        return left, found
