"""Frames of UHFReader18 and 288M: `Len Adr Cmd Data CRC`, answered by `Len Adr Cmd Status Data CRC`. Len counts what follows it. Pure.

After the manuals ZK-RFID102 V2.0 (UHFReader18) and UR-series V1.14 (UHFReader288MP), and captures of chafon-rfid's tests.
"""

from typing import ClassVar, NamedTuple

from drivers.common.checksum import uhfreader_crc16
from drivers.rfid.session import Session, number
from drivers.rfid.tag import TagRead
from drivers.rfid.wary import WaryParser

INVENTORY = 0x01
READ = 0x02
WRITE = 0x03
INFORMATION = 0x21
SET_POWER = 0x2F
SET_MODE_18 = 0x35
GET_MODE_18 = 0x36
SET_MODE_288 = 0x76
UNASKED = 0xEE

OK = 0x00
FINISHED = 0x01
TIMED_OUT = 0x02
MORE_FOLLOW = 0x03
MEMORY_FULL = 0x04
WRONG_PASSWORD = 0x05
ANTENNA_ERROR = 0xF8
POOR_COMMUNICATION = 0xFA
NO_TAG = 0xFB
TAG_ERROR = 0xFC
UNKNOWN_COMMAND = 0xFE

ERRORS = {
    MEMORY_FULL: "memory full",
    WRONG_PASSWORD: "wrong password",
    ANTENNA_ERROR: "antenna error",
    POOR_COMMUNICATION: "poor communication",
    NO_TAG: "no tag",
    TAG_ERROR: "tag error",
    UNKNOWN_COMMAND: "unknown command",
}
"""Statuses that are errors, after the manuals ZK-RFID102 V2.0 and UR-series V1.14."""

WITH_TAGS = (FINISHED, TIMED_OUT, MORE_FOLLOW, MEMORY_FULL)
BROADCAST = 0xFF
MODE_BITS = 0x03
"""Of the first byte of a work mode; 0 is answer mode."""
_MODE_18_AT = 4
"""Four bytes of Wiegand stand before it."""

_COMMANDS = frozenset((INVENTORY, READ, WRITE, INFORMATION, SET_POWER, SET_MODE_18, GET_MODE_18, SET_MODE_288, UNASKED))
_LEN_MIN = 5
_NO_MASK = b"\x01\x00\x00\x00"
"""Bank EPC, from bit 0 on, 0 bits."""


class Frame(NamedTuple):
    address: int
    command: int
    """0 where the reader did not understand the question."""
    status: int
    data: bytes


class Information(NamedTuple):
    """What a reader says of itself; `scan_s` is the longest time of one inventory."""

    power_dbm: int
    scan_byte: int

    @property
    def scan_s(self) -> float:
        return self.scan_byte / 10


def encode(address: int, command: int, data: bytes = b"") -> bytes:
    body = bytes((len(data) + 4, address, command)) + data
    return body + uhfreader_crc16(body).to_bytes(2, "little")


def inventory_288(q: int, session: Session, antenna: int, scan_byte: int) -> bytes:
    """The data of an inventory on one antenna (from 1), for target A, without a mask."""
    return bytes((q, number(session))) + _NO_MASK + bytes((0, 0x80 | antenna - 1, scan_byte))


def read_words(epc: bytes, bank: int, pointer: int, count: int, password: bytes) -> bytes:
    """The data of `READ`, for the tag with that EPC."""
    return bytes((len(epc) // 2,)) + epc + bytes((bank, pointer, count)) + password


def write_words(epc: bytes, bank: int, pointer: int, words: bytes, password: bytes) -> bytes:
    """The data of `WRITE`, for the tag with that EPC."""
    return bytes((len(words) // 2, len(epc) // 2)) + epc + bytes((bank, pointer)) + words + password


def information(data: bytes) -> Information | None:
    """`Version(2) Type Protocols MaxFre MinFre Power ScanTime`, and more of some readers."""
    return Information(data[6], data[7]) if len(data) >= 8 else None


def mode_18(data: bytes) -> bytes | None:
    """The six bytes of the work mode, as they are set, of the answer to `GET_MODE_18`."""
    mode = data[_MODE_18_AT : _MODE_18_AT + 6]
    return mode if len(mode) == 6 else None


def tag_reads(data: bytes, *, four: bool) -> list[TagRead | None] | None:
    """`Num {Len EPC}` of UHFReader18, `Ant Num {Len EPC RSSI}` of 288M. None where the lengths do not fit, and instead of
    a tag without an EPC: it names nothing.

    What unit the RSSI has is in no document, so it is left out.
    """
    reads: list[TagRead | None] = []
    antenna, at = None, 0
    if four:
        antenna, at = (data[0].bit_length() if data and data[0].bit_count() == 1 else None), 1
    if len(data) <= at:
        return None
    count, at = data[at], at + 1
    for _ in range(count):
        size = data[at] if at < len(data) else 1
        epc = data[at + 1 : at + 1 + size]
        if size % 2 or len(epc) < size:
            return None
        reads.append(TagRead(epc.hex().upper(), None, None, antenna) if epc else None)
        at += 1 + size + four
    return reads if at == len(data) else None


class ReaderParser(WaryParser[Frame]):
    """Nothing marks the beginning of a frame: it must be an answer to something that we ask, and its CRC must hold."""

    longest: ClassVar[int] = 256

    def __init__(self, address: int = BROADCAST) -> None:
        super().__init__()
        self._address = address

    def _size(self, buffer: bytes, at: int) -> int | None:
        if buffer[at] < _LEN_MIN:
            return 0
        if len(buffer) < at + 4:
            return None
        _, address, command, status = buffer[at : at + 4]
        known = command in _COMMANDS or (command == 0 and status == UNKNOWN_COMMAND)
        return buffer[at] + 1 if known and self._address in (address, BROADCAST) else 0

    def _frame(self, raw: bytes) -> Frame | None:
        if uhfreader_crc16(raw):
            return None
        return Frame(raw[1], raw[2], raw[3], raw[4:-2])
