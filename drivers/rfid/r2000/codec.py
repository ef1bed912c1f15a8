"""Frames of the 0xA0 family: `A0 Len Adr Cmd Data Check`. Len counts what follows it. Pure.

After public programs for these readers and what they captured; no vendor's document was there.
"""

from typing import ClassVar, NamedTuple

from drivers.common.checksum import negated_sum8
from drivers.rfid.tag import TagRead
from drivers.rfid.wary import WaryParser

HEAD = 0xA0
GET_VERSION = 0x72
SET_ANTENNA = 0x74
SET_POWER = 0x76
GET_POWER = 0x77
INVENTORY = 0x89

SUCCESS = 0x10
ANTENNA_MISSING = 0x22
BROADCAST = 0xFF

ONCE = b"\x01"
_END_BYTES = 7
"""Antenna, read rate, total: the last frame of an inventory. A tag's data are of even length."""
_LEN_MIN = 3
_AROUND_EPC_BYTES = 4
_RSSI_OFFSET = 129
_RSSI_BITS = 0x80
"""Newer documents are said to keep something else in that bit: such a byte is no strength."""

ERRORS = {
    0x11: "command_fail",
    0x20: "mcu_reset_error",
    0x21: "cw_on_error",
    0x22: "antenna_missing_error",
    0x23: "write_flash_error",
    0x24: "read_flash_error",
    0x25: "set_output_power_error",
    0x31: "tag_inventory_error",
    0x41: "parameter_invalid",
    0x46: "parameter_reader_address_invalid",
    0x47: "parameter_invalid_antenna_id_out_of_range",
    0x48: "parameter_invalid_output_power_out_of_range",
    0x52: "pll_lock_fail",
    0x53: "rf_chip_fail_to_response",
    0x54: "fail_to_achieve_desired_output_power",
    0x56: "spectrum_regulation_error",
    0x57: "output_power_too_low",
}


class Frame(NamedTuple):
    address: int
    command: int
    data: bytes

    @property
    def code(self) -> int | None:
        """Where it says no more than how it went."""
        return self.data[0] if len(self.data) == 1 else None

    @property
    def ends(self) -> bool:
        """Of an inventory: nothing follows."""
        return len(self.data) == _END_BYTES


def encode(address: int, command: int, data: bytes = b"") -> bytes:
    body = bytes((HEAD, len(data) + 3, address, command)) + data
    return body + bytes((negated_sum8(body),))


def tag_read(data: bytes) -> TagRead | None:
    """`FreqAnt PC EPC RSSI`: six bits of channel and two of antenna (from 0). None where the PC counts other words, or none."""
    pc, epc = data[1:3], data[3:-1]
    if len(data) < _AROUND_EPC_BYTES or len(epc) != (pc[0] >> 3) * 2 or not epc:
        return None
    strength = None if data[-1] & _RSSI_BITS else data[-1] - _RSSI_OFFSET
    return TagRead(epc.hex().upper(), pc.hex().upper(), strength, (data[0] & 3) + 1, data[0] >> 2)


class ReaderParser(WaryParser[Frame]):
    """A0 may stand inside a frame too."""

    longest: ClassVar[int] = 70  # 62 bytes of EPC

    def _size(self, buffer: bytes, at: int) -> int | None:
        if buffer[at] != HEAD:
            return 0
        if len(buffer) < at + 2:
            return None
        return buffer[at + 1] + 2 if buffer[at + 1] >= _LEN_MIN else 0

    def _frame(self, raw: bytes) -> Frame | None:
        if negated_sum8(raw):
            return None
        return Frame(raw[2], raw[3], raw[4:-1])
