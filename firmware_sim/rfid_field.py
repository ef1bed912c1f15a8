"""What passes the antennas of a UHF reader: tags with their memory, the same for every kind of reader."""

import asyncio
import itertools
import time

from firmware_sim.steering import command

RESERVED, EPC, TID, USER = range(4)
"""The banks of a Gen2 tag."""

OVERRUN, LOCKED, WRONG_PASSWORD = 3, 4, -1
"""Why a tag refuses: the first two are the tag's own codes; of a wrong password only the reader knows."""

PASSAGE_S = 1.5
"""How long a tag that comes by itself stays in the field."""

_USER_WORDS = 8
_serials = itertools.count(time.time_ns() // 10_000_000)
"""In hundredths of a second: 38 bits, and unique over restarts."""


def sgtin96() -> bytes:
    """An SGTIN-96 with a new serial: header 30, filter 1, partition 5, company 6901234, item 056789, serial."""
    fields = ((0x30, 8), (1, 3), (5, 3), (6901234, 24), (56789, 20), (next(_serials), 38))
    number = 0
    for value, bits in fields:
        number = number << bits | value
    return number.to_bytes(12, "big")


def gen2_crc(data: bytes) -> int:
    crc = 0xFFFF
    for byte in data:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1 ^ (0x1021 if crc & 0x8000 else 0)) & 0xFFFF
    return crc ^ 0xFFFF


class TagRefuses(Exception):
    """`code` is one of those above."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Tag:
    """A Gen2 tag: EPC, a TID of its own, eight words of user memory. One with an access password is locked against writing."""

    def __init__(self, epc: bytes, tid: bytes | None = None) -> None:
        self.password = bytes(4)
        self.tid = tid or bytes.fromhex("E2801160") + gen2_crc(epc).to_bytes(2, "big") * 4
        self._memory = bytearray(epc)
        self._pc = len(epc) // 2 << 11
        self._user = bytearray(2 * _USER_WORDS)

    @property
    def pc(self) -> bytes:
        return self._pc.to_bytes(2, "big")

    @property
    def epc(self) -> bytes:
        return bytes(self._memory[: (self._pc >> 11) * 2])

    @property
    def crc(self) -> bytes:
        return gen2_crc(self.pc + self.epc).to_bytes(2, "big")

    def _bank(self, bank: int) -> bytes:
        return (bytes(4) + self.password, self.crc + self.pc + self._memory, self.tid, bytes(self._user))[bank]

    def read(self, bank: int, pointer: int, count: int, password: bytes) -> bytes:
        """Raises TagRefuses."""
        self._open(password)
        found = self._bank(bank)[2 * pointer : 2 * (pointer + count)]
        if len(found) < 2 * count or not count:
            raise TagRefuses(OVERRUN)
        return found

    def write(self, bank: int, pointer: int, data: bytes, password: bytes) -> None:
        """Raises TagRefuses. The TID and the CRC are written by nobody."""
        self._open(password)
        if any(self.password) and password != self.password:
            raise TagRefuses(LOCKED)
        end = 2 * pointer + len(data)
        if end > len(self._bank(bank)):
            raise TagRefuses(OVERRUN)
        if bank == TID or (bank == EPC and pointer == 0):
            raise TagRefuses(LOCKED)
        changed = bytearray(self._bank(bank))
        changed[2 * pointer : end] = data
        match bank:
            case 0:
                self.password = bytes(changed[4:])
            case 1:
                self._pc, self._memory = int.from_bytes(changed[2:4], "big"), changed[4:]
            case _:
                self._user = changed

    def _open(self, password: bytes) -> None:
        """A reader sends a password that is not zero, and the tag does not take a wrong one."""
        if any(password) and password != self.password:
            raise TagRefuses(WRONG_PASSWORD)


class Field:
    """The tags that are there. By itself it brings a new one through every few seconds."""

    def __init__(self) -> None:
        self.tags: list[Tag] = []

    def _tag(self, epc: str) -> Tag:
        for tag in self.tags:
            if tag.epc == bytes.fromhex(epc):
                return tag
        raise ValueError(f"no such tag is there: {epc}")

    @command
    def tag_in(self, epc: str, tid: str | None = None) -> None:
        """A tag with this EPC (hex), or with this TID too, comes into the field."""
        raw = bytes.fromhex(epc)
        if len(raw) % 2 or not raw:
            raise ValueError("an EPC is a number of 16-bit words")
        if all(tag.epc != raw for tag in self.tags):
            self.tags.append(Tag(raw, bytes.fromhex(tid) if tid else None))

    @command
    def tag_out(self, epc: str) -> None:
        """That tag leaves."""
        self.tags.remove(self._tag(epc))

    @command
    def tag_password(self, epc: str, password: str) -> None:
        """That tag has this access password (8 hex digits) from now on, and is written with it only."""
        self._tag(epc).password = bytes.fromhex(password)

    async def traffic(self, every: float) -> None:
        """0: nothing comes by itself."""
        while every > 0:
            await asyncio.sleep(every)
            epc = sgtin96().hex()
            self.tag_in(epc)
            await asyncio.sleep(PASSAGE_S)
            self.tag_out(epc)
