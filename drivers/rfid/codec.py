"""Frames of M100/R200 modules: `Header Type Cmd PL_hi PL_lo Param[PL] Checksum End`, cut by PL. Pure."""

from typing import NamedTuple

from drivers.common.checksum import gen2_crc16, sum8
from drivers.common.framing import FrameParser

TYPE_COMMAND = 0
TYPE_RESPONSE = 1
TYPE_NOTIFICATION = 2

MODULE_INFO = 0x03
SINGLE_INVENTORY = 0x22
MULTI_INVENTORY = 0x27
FAILURE = 0xFF

MODULE_INFO_HARDWARE = b"\x00"
MULTI_INVENTORY_LONGEST = b"\x22\xff\xff"
ERROR_NO_TAG = b"\x15"
"""The normal word of an empty field."""

_OVERHEAD_BYTES = 7
_PARAM_MAX_BYTES = 256  # the longest frame of an inventory has 67: RSSI, PC, 62 bytes of EPC, CRC
_RSSI_PC_CRC_BYTES = 5


class Framing(NamedTuple):
    """The first and last byte; all between is the same."""

    header: int
    end: int


FRAMINGS = {"bb": Framing(0xBB, 0x7E), "aa": Framing(0xAA, 0xDD)}


class Frame(NamedTuple):
    """What a module says: a response or a notification."""

    type: int
    command: int
    params: bytes


class TagRead(NamedTuple):
    """One read of a tag. `epc` and `pc` in upper-case hex; RSSI in dBm."""

    epc: str
    pc: str
    rssi: int
    antenna: int | None = None


def encode(framing: Framing, command: int, params: bytes = b"") -> bytes:
    """A command to the module."""
    body = bytes((TYPE_COMMAND, command)) + len(params).to_bytes(2, "big") + params
    return bytes((framing.header,)) + body + bytes((sum8(body), framing.end))


def tag_read(params: bytes) -> TagRead | None:
    """A notification's `RSSI PC EPC CRC`. None where the CRC, which comes from the tag itself, does not hold."""
    pc_epc, crc = params[1:-2], params[-2:]
    epc = pc_epc[2:]
    if len(params) < _RSSI_PC_CRC_BYTES or gen2_crc16(pc_epc) != int.from_bytes(crc, "big"):
        return None
    if len(epc) != (pc_epc[0] >> 3) * 2:  # the PC's five top bits count the words of the EPC
        return None
    return TagRead(epc.hex().upper(), pc_epc[:2].hex().upper(), int.from_bytes(params[:1], "big", signed=True))


class ModuleParser(FrameParser[Frame]):
    """Frames from a module of one framing. The end byte may stand inside a frame too: it is checked, not searched."""

    def __init__(self, framing: Framing) -> None:
        super().__init__()
        self.framing = framing

    def _size(self, buffer: bytes, at: int) -> int | None:
        if buffer[at] != self.framing.header:
            return 0
        if len(buffer) < at + 5:
            return None
        params = int.from_bytes(buffer[at + 3 : at + 5], "big")
        return params + _OVERHEAD_BYTES if params <= _PARAM_MAX_BYTES else 0

    def _frame(self, raw: bytes) -> Frame | None:
        if raw[-1] != self.framing.end or raw[-2] != sum8(raw[1:-2]) or raw[1] == TYPE_COMMAND:
            return None
        return Frame(raw[1], raw[2], raw[5:-2])
