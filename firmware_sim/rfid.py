"""A UHF RFID module of the M100/R200 family with tags passing its antenna."""

import argparse
import asyncio
from collections.abc import Sequence

from firmware_sim.rfid_field import WRONG_PASSWORD, Tag, TagRefuses
from firmware_sim.rfid_reader import FAULTS as READER_FAULTS
from firmware_sim.rfid_reader import SerialReader, Told, add_every, rssi
from firmware_sim.steering import commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

KINDS = {"m100": "UHF RFID module (M100/R200): inventory, and banks that are read and written"}
FAULTS = READER_FAULTS | {"tag_crc": "a sound frame brings a tag whose own CRC is wrong"}

FRAMINGS = {"bb": (0xBB, 0x7E), "aa": (0xAA, 0xDD)}

COMMAND, RESPONSE, NOTIFICATION = 0, 1, 2
MODULE_INFO, SINGLE, MULTI, STOP = 0x03, 0x22, 0x27, 0x28
SET_SELECT, SELECT_MODE, READ, WRITE = 0x0C, 0x12, 0x39, 0x49
SET_REGION, GET_REGION, GET_QUERY, SET_QUERY, SET_POWER, GET_POWER = 0x07, 0x08, 0x0D, 0x0E, 0xB6, 0xB7
FAILURE = 0xFF
NO_TAG, UNKNOWN_COMMAND, BAD_PASSWORD, READ_FAILED, WRITE_FAILED = 0x15, 0x17, 0x16, 0x09, 0x10
READ_ERROR, WRITE_ERROR = 0xA0, 0xB0
"""The tag's own code goes into the low half."""
OK = b"\x00"
ALWAYS, NEVER, BUT_INVENTORY = range(3)
"""When the mask is applied."""

INFO = {0: b"M100 26dBm V1.0", 1: b"V2.3.5", 2: b"doorpost simulator"}
REGIONS = (1, 2, 3, 4, 6)
POWER_MAX = 2600
"""What it takes beyond that is in no document: this one stays at its greatest."""


class Module(SerialReader):
    def __init__(self, wire: Pty | Tcp, log: WireLog, framing: str, rate: float) -> None:
        super().__init__(wire, log)
        self._header, self._end = FRAMINGS[framing]
        self._rate = rate
        self._turn = 0
        self.forget()

    def forget(self) -> None:
        self._rounds = 0  # left of a multi inventory
        self._kept = {SET_REGION: b"\x01", SET_POWER: POWER_MAX.to_bytes(2, "big"), SET_QUERY: b"\x10\x20"}
        self._mask: tuple[int, int, int, bytes] = (1, 0, 0, b"")  # bank, first bit, bits, mask
        self._mode = NEVER

    def faults(self) -> dict[str, str]:
        return FAULTS

    def _frame(self, kind: int, command: int, params: bytes) -> bytes:
        body = bytes((kind, command)) + len(params).to_bytes(2, "big") + params
        return bytes((self._header,)) + body + bytes((sum(body) & 0xFF, self._end))

    def _crc(self, frame: bytes) -> bytes:
        return frame[:-2] + bytes((frame[-2] ^ 0xFF, frame[-1]))

    def _respond(self, command: int, params: bytes) -> None:
        self.send(self._frame(RESPONSE, command, params))

    def _fail(self, code: int, tag: Tag | None = None) -> None:
        named = b"" if tag is None else bytes((2 + len(tag.epc),)) + tag.pc + tag.epc
        self._respond(FAILURE, bytes((code,)) + named)

    def _masked(self, inventory: bool) -> Sequence[Tag]:
        """The tags that take part."""
        if self._mode == NEVER or (inventory and self._mode == BUT_INVENTORY):
            return self.tags
        bank, first, bits, mask = self._mask
        return [tag for tag in self.tags if _bits(_bank(tag, bank), first, bits) == _bits(mask, 0, bits)]

    def _round(self) -> None:
        """One inventory round: one tag in turn, or the word for an empty field."""
        there = self._masked(inventory=True)
        if not there:
            self._fail(NO_TAG)
            return
        self._turn += 1
        tag = there[self._turn % len(there)]
        heard = rssi()
        crc = tag.crc
        if self._fault and self._fault.kind == "tag_crc" and not self._skip:
            crc = bytes((crc[0], crc[1] ^ 1))
        told = heard.to_bytes(1, "big", signed=True) + tag.pc + tag.epc + crc
        self.send(self._frame(NOTIFICATION, SINGLE, told), [Told(tag, rssi=heard)])

    def take(self, buffer: bytes) -> bytes:
        while True:
            buffer = buffer[buffer.find(self._header) :] if self._header in buffer else b""
            size = int.from_bytes(buffer[3:5], "big") + 7
            if len(buffer) < size:
                return buffer
            body, tail = buffer[1 : size - 2], buffer[size - 2 : size]
            if tail != bytes((sum(body) & 0xFF, self._end)) or body[0] != COMMAND:
                buffer = buffer[1:]
                continue
            buffer = buffer[size:]
            self._obey(body[1], body[4:])

    def _obey(self, command: int, params: bytes) -> None:
        if self.fails():
            self._fail(UNKNOWN_COMMAND)
            return
        match command, len(params):
            case (0x03, 1) if params[0] in INFO:
                self._respond(command, params + INFO[params[0]])
            case (0x22, 0):
                self._round()
            case (0x27, 3):
                self._rounds = int.from_bytes(params[1:], "big")
            case (0x28, 0):
                self._rounds = 0
                self._respond(command, OK)
            case (0x39, 9):
                self._access(READ, READ_FAILED, READ_ERROR, params)
            case (0x49, size) if size > 9 and size == 9 + 2 * int.from_bytes(params[7:9], "big"):
                self._access(WRITE, WRITE_FAILED, WRITE_ERROR, params)
            case _:
                self._configure(command, params)

    def _configure(self, command: int, params: bytes) -> None:
        match command, len(params):
            case (0x08, 0) | (0xB7, 0) | (0x0D, 0):
                self._respond(
                    command, self._kept[{GET_REGION: SET_REGION, GET_POWER: SET_POWER}.get(command, SET_QUERY)]
                )
            case (0x07, 1) | (0xB6, 2) | (0x0E, 2):
                self._set(command, params)
            case (0x12, 1) if params[0] in (ALWAYS, NEVER, BUT_INVENTORY):
                self._mode = params[0]
                self._respond(SET_SELECT, OK)  # so it stands in the vendor's document
            case (0x0C, size) if size >= 7:
                self._mask = (
                    params[0] & 3,
                    int.from_bytes(params[1:5], "big"),
                    params[5],
                    params[7:],
                )  # no document says that the mode changes
                self._respond(command, OK)
            case _:
                self._fail(UNKNOWN_COMMAND)

    def _set(self, command: int, params: bytes) -> None:
        if command == SET_REGION and params[0] not in REGIONS:
            self._fail(UNKNOWN_COMMAND)
            return
        if command == SET_POWER:
            params = min(int.from_bytes(params, "big"), POWER_MAX).to_bytes(2, "big")
        self._kept[command] = params
        self._log("written", name={SET_REGION: "region", SET_POWER: "power"}.get(command, "query"), value=params.hex())
        self._respond(command, OK)

    def _access(self, command: int, failed: int, refused: int, params: bytes) -> None:
        there = self._masked(inventory=False)
        if not there or params[4] > 3:
            self._fail(failed)
            return
        tag, password, bank = there[0], params[:4], params[4]
        named, epc = bytes((2 + len(tag.epc),)) + tag.pc + tag.epc, tag.epc.hex().upper()
        pointer, count = int.from_bytes(params[5:7], "big"), int.from_bytes(params[7:9], "big")
        try:
            if command == READ:
                self._respond(command, named + tag.read(bank, pointer, count, password))
                return
            tag.write(bank, pointer, params[9:], password)
        except TagRefuses as err:
            self._fail(BAD_PASSWORD if err.code == WRONG_PASSWORD else refused | err.code, tag)
            return
        self._log("tag_written", epc=epc, bank=bank, pointer=pointer, data=params[9:].hex().upper())
        self._respond(command, named + OK)

    async def work(self, every: float) -> None:
        await asyncio.gather(super().work(every), self._inventory())

    async def _inventory(self) -> None:
        while True:
            await asyncio.sleep(1 / self._rate)
            if self._rounds:
                self._rounds -= 1
                self._round()


def _bank(tag: Tag, bank: int) -> bytes:
    return (b"", tag.crc + tag.pc + tag.epc, tag.tid, b"")[bank]


def _bits(data: bytes, first: int, bits: int) -> str:
    return "".join(f"{byte:08b}" for byte in data)[first : first + bits]


COMMANDED = {"m100": Module}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument("--framing", choices=FRAMINGS, default="bb", help="bb: BB..7E; aa: AA..DD")
    parser.add_argument("--rate", type=float, default=20, metavar="N", help="inventory rounds per second")
    add_every(parser)


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    module = Module(wire, log, args.framing, args.rate)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(module), module.work(args.every))
