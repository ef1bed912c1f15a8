"""Frames of M100/R200 modules: `Header Type Cmd PL_hi PL_lo Param[PL] Checksum End`, cut by PL. Pure."""

from typing import ClassVar, NamedTuple

from drivers.common.checksum import gen2_crc16, sum8
from drivers.rfid.session import Session, number
from drivers.rfid.tag import TagRead
from drivers.rfid.wary import WaryParser

TYPE_COMMAND = 0
TYPE_RESPONSE = 1
TYPE_NOTIFICATION = 2

MODULE_INFO = 0x03
SET_REGION = 0x07
SET_SELECT = 0x0C
GET_QUERY = 0x0D
SET_QUERY = 0x0E
SELECT_MODE = 0x12
SINGLE_INVENTORY = 0x22
MULTI_INVENTORY = 0x27
STOP_INVENTORY = 0x28
READ = 0x39
WRITE = 0x49
SET_POWER = 0xB6
GET_POWER = 0xB7
FAILURE = 0xFF

MODULE_INFO_HARDWARE = b"\x00"
MULTI_INVENTORY_LONGEST = b"\x22\xff\xff"
SELECT_ALWAYS = b"\x00"
SELECT_NEVER = b"\x01"

ERROR_NO_TAG = 0x15
"""The normal word of an empty field."""
ERROR_PASSWORD = 0x16
ERROR_READ = 0x09
ERROR_WRITE = 0x10

REGIONS = {"china900": 1, "us": 2, "europe": 3, "china800": 4, "korea": 6}

_TAG_ERRORS = range(0xA0, 0xE0)
ERRORS = dict.fromkeys(_TAG_ERRORS, "tag") | {
    0x09: "read fail",
    0x0E: "parameter error",
    0x10: "write fail",
    0x12: "kill fail",
    0x13: "lock fail",
    0x14: "block permalock fail",
    0x15: "inventory fail",
    0x16: "access fail",
    0x17: "command error",
    0x20: "FHSS fail",
}
"""As the vendor's document names them; "tag": the tag itself refuses."""

_OVERHEAD_BYTES = 7
_PARAM_MAX_BYTES = 256  # the longest frame of an inventory has 67: RSSI, PC, 62 bytes of EPC, CRC
_RSSI_PC_CRC_BYTES = 5
_PC_BYTES = 2


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


def encode(framing: Framing, command: int, params: bytes = b"") -> bytes:
    """A command to the module."""
    body = bytes((TYPE_COMMAND, command)) + len(params).to_bytes(2, "big") + params
    return bytes((framing.header,)) + body + bytes((sum8(body), framing.end))


def no_tag(frame: Frame) -> bool:
    """Whether an inventory says that nothing is there."""
    return frame.command == FAILURE and frame.params[:1] == bytes((ERROR_NO_TAG,))


def tag_error(code: int) -> int | None:
    """The tag's own Gen2 error code, where the failure is the tag's: the low half of A0|x to D0|x."""
    return code & 0x0F if code in _TAG_ERRORS else None


def select(bank: int, bit: int, mask: bytes) -> bytes:
    """The parameters of `SET_SELECT`: target and action 0, no truncation."""
    return bytes((bank,)) + bit.to_bytes(4, "big") + bytes((8 * len(mask), 0)) + mask


def access(password: bytes, bank: int, pointer: int, count: int) -> bytes:
    """The parameters of `READ`, and of `WRITE` but for the data behind them."""
    return password + bytes((bank,)) + pointer.to_bytes(2, "big") + count.to_bytes(2, "big")


def accessed(params: bytes) -> tuple[str, bytes] | None:
    """A response's `UL PC EPC data`: the EPC that answered, and what is behind it. None where it is shorter than it says."""
    size = params[0] if params else 0
    if size < _PC_BYTES or len(params) < 1 + size:
        return None
    return params[1 + _PC_BYTES : 1 + size].hex().upper(), params[1 + size :]


def query(known: bytes, q: int | None, session: Session | None, target: str | None) -> bytes:
    """`DR(1) M(2) TRext(1) Sel(2) Session(2) Target(1) Q(4)` and three bits 0; what is None stays as it is known."""
    bits = int.from_bytes(known, "big")
    if session is not None:
        bits = bits & ~0x0300 | number(session) << 8
    if target is not None:
        bits = bits & ~0x0080 | (target == "B") << 7
    if q is not None:
        bits = bits & ~0x0078 | q << 3
    return bits.to_bytes(2, "big")


def tag_read(params: bytes) -> TagRead | None:
    """A notification's `RSSI PC EPC CRC`. None where the CRC, which comes from the tag itself, does not hold, and where
    there is no EPC: an unprogrammed tag names nothing.
    """
    pc_epc, crc = params[1:-2], params[-2:]
    epc = pc_epc[2:]
    if len(params) < _RSSI_PC_CRC_BYTES or gen2_crc16(pc_epc) != int.from_bytes(crc, "big"):
        return None
    if not epc or len(epc) != (pc_epc[0] >> 3) * 2:  # the PC's five top bits count the words of the EPC
        return None
    return TagRead(epc.hex().upper(), pc_epc[:2].hex().upper(), int.from_bytes(params[:1], "big", signed=True))


class ModuleParser(WaryParser[Frame]):
    """Frames from a module of one framing. The end byte may stand inside a frame too: it is checked, not searched.

    An inventory never falls silent: behind damage some reads come later, and up to those of `longest` bytes are lost.
    """

    longest: ClassVar[int] = 136  # the answer to a read: UL, PC, 62 bytes of EPC, 32 words

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
