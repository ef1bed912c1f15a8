"""A UHF RFID module of the M100/R200 family with tags passing its antenna.

By itself it brings a new tag through the field every `--every` seconds.
"""

import argparse
import asyncio
import itertools
import random
import time

from firmware_sim import faults
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

KINDS = {"m100": "UHF RFID module (M100/R200), inventory"}
FAULTS = {kind: faults.FAULTS[kind] for kind in ("half", "crc")} | {
    "tag_crc": "a sound frame brings a tag whose own CRC is wrong"
}

FRAMINGS = {"bb": (0xBB, 0x7E), "aa": (0xAA, 0xDD)}

COMMAND, RESPONSE, NOTIFICATION = 0, 1, 2
MODULE_INFO, SINGLE, MULTI, STOP, REGION, SET_POWER, GET_POWER = 0x03, 0x22, 0x27, 0x28, 0x07, 0xB6, 0xB7
FAILURE = 0xFF
NO_TAG, UNKNOWN_COMMAND = b"\x15", b"\x17"
OK = b"\x00"

INFO = {0: b"M100 26dBm V1.0", 1: b"V2.3.5", 2: b"doorpost simulator"}

PASSAGE_S = 1.5
"""How long a tag that comes by itself stays in the field."""

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


class Module:
    def __init__(self, wire: Pty | Tcp, log: WireLog, framing: str, rate: float) -> None:
        self._wire = wire
        self._log = log
        self._header, self._end = FRAMINGS[framing]
        self._rate = rate
        self._field: list[bytes] = []
        self._turn = 0
        self._rounds = 0  # left of a multi inventory
        self._power = 2600
        self._fault = ""  # of the next notification
        self._plugged = True
        self._hung = False

    def _frame(self, kind: int, command: int, params: bytes) -> bytes:
        body = bytes((kind, command)) + len(params).to_bytes(2, "big") + params
        return bytes((self._header,)) + body + bytes((sum(body) & 0xFF, self._end))

    def _respond(self, command: int, params: bytes) -> None:
        self._wire.write(self._frame(RESPONSE, command, params))

    def _round(self) -> None:
        """One inventory round: one tag in turn, or the word for an empty field."""
        if not self._field:
            self._respond(FAILURE, NO_TAG)
            return
        self._turn += 1
        epc = self._field[self._turn % len(self._field)]
        pc = (len(epc) // 2 << 11).to_bytes(2, "big")
        rssi = random.randint(-62, -48)
        crc = gen2_crc(pc + epc) ^ (0x0001 if self._fault == "tag_crc" else 0)
        frame = self._frame(
            NOTIFICATION, SINGLE, rssi.to_bytes(1, "big", signed=True) + pc + epc + crc.to_bytes(2, "big")
        )
        if self._fault == "crc":
            frame = frame[:-2] + bytes((frame[-2] ^ 0xFF, frame[-1]))
        elif self._fault == "half":
            frame = frame[: len(frame) // 2]
        # logged first: whoever has the frame finds it in the log
        if self._plugged:
            fields = {"epc": epc.hex().upper(), "pc": pc.hex().upper(), "rssi": rssi}
            if self._fault:
                self._log("bad_tag", what=self._fault, **fields)
            else:
                self._log("tag", **fields)
        self._wire.write(frame)
        self._fault = ""

    async def _listen(self) -> None:
        buffer = b""
        while True:
            buffer += await self._wire.read()
            while True:
                buffer = buffer[buffer.find(self._header) :] if self._header in buffer else b""
                size = int.from_bytes(buffer[3:5], "big") + 7
                if len(buffer) < size:
                    break
                body, tail = buffer[1 : size - 2], buffer[size - 2 : size]
                if tail != bytes((sum(body) & 0xFF, self._end)) or body[0] != COMMAND:
                    buffer = buffer[1:]
                    continue
                buffer = buffer[size:]
                self._obey(body[1], body[4:])

    def _obey(self, command: int, params: bytes) -> None:
        if self._hung:
            return
        if command == MODULE_INFO and params and params[0] in INFO:
            self._respond(command, params + INFO[params[0]])
        elif command == SINGLE:
            self._round()
        elif command == MULTI and len(params) == 3:
            self._rounds = int.from_bytes(params[1:], "big")
        elif command == STOP:
            self._rounds = 0
            self._respond(command, OK)
        elif command == REGION:
            self._respond(command, OK)
        elif command == SET_POWER and len(params) == 2:
            self._power = int.from_bytes(params, "big")
            self._respond(command, OK)
        elif command == GET_POWER:
            self._respond(command, self._power.to_bytes(2, "big"))
        else:
            self._respond(FAILURE, UNKNOWN_COMMAND)

    @command
    def tag_in(self, epc: str) -> None:
        """A tag with this EPC (hex) comes into the field."""
        raw = bytes.fromhex(epc)
        if len(raw) % 2 or not raw:
            raise ValueError("an EPC is a number of 16-bit words")
        if raw not in self._field:
            self._field.append(raw)

    @command
    def tag_out(self, epc: str) -> None:
        """That tag leaves."""
        self._field.remove(bytes.fromhex(epc))

    @command
    def fault(self, kind: str) -> None:
        """Spoil the next tag notification; the kinds of fault are below."""
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        self._fault = kind

    @command
    def noise(self, hex: str) -> None:  # noqa: A002  the name of the command's argument
        """Send these bytes."""
        self._wire.write(bytes.fromhex(hex))
        self._log("fault", what="noise", hex=hex)

    @command
    def reboot(self) -> None:
        """As after a brown-out: it says nothing and has forgotten its inventory."""
        self._rounds = 0
        self._log("fault", what="reboot")

    @command
    def hang(self) -> None:
        """It hears nothing any more, until it is unplugged and replugged."""
        self._hung = True
        self._rounds = 0
        self._log("fault", what="hang")

    @command
    def unplug(self) -> None:
        """Pull the USB plug, which is its power too: the port vanishes, the inventory is forgotten."""
        self._plugged = False
        self._rounds = 0
        self._wire.unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._wire.replug()
        self._plugged = True
        self._hung = False

    async def work(self, every: float) -> None:
        await asyncio.gather(self._listen(), self._inventory(), self._traffic(every))

    async def _inventory(self) -> None:
        while True:
            await asyncio.sleep(1 / self._rate)
            if self._rounds:
                self._rounds -= 1
                self._round()

    async def _traffic(self, every: float) -> None:
        while every > 0:
            await asyncio.sleep(every)
            epc = sgtin96().hex()
            self.tag_in(epc)
            await asyncio.sleep(PASSAGE_S)
            self.tag_out(epc)


COMMANDED = {"m100": Module}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument("--framing", choices=FRAMINGS, default="bb", help="bb: BB..7E; aa: AA..DD")
    parser.add_argument("--rate", type=float, default=20, metavar="N", help="inventory rounds per second")
    parser.add_argument(
        "--every", type=float, default=5, metavar="S", help="bring a new tag by itself; 0: only on command"
    )


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    module = Module(wire, log, args.framing, args.rate)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(module), module.work(args.every))
