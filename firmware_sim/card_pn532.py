"""A PN532 on its serial interface (HSU), with cards of ISO 14443 type A that come and go.

By itself it has a new card held to it every `--every` seconds.
"""

import argparse
import asyncio
import itertools
import time

from firmware_sim import faults
from firmware_sim.card_hands import Reader
from firmware_sim.faults import Fault, Piece
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

KINDS = {"pn532": "13.56 MHz card reader (PN532 on its serial interface)"}
FAULTS = {
    kind: faults.FAULTS[kind]
    for kind in ("silent", "late", "half", "split", "glued", "noise", "garbage", "crc", "exception")
}

ACK = bytes.fromhex("00 00 FF 00 FF 00")
SYNTAX_ERROR = bytes.fromhex("00 00 FF 01 FF 7F 81 00")
FIRMWARE = bytes.fromhex("32 01 06 07")
"""IC, version, revision, what it supports: as published traces show it."""
FOR_EVER = 0xFF

TRY_S = 0.005
"""A look for a card takes about that long."""

_serials = itertools.count(time.time_ns() // 10_000_000 & 0xFFFFFF)


def frame(data: bytes) -> bytes:
    """TFI and data of up to 255 bytes between preamble, length, checksums and postamble."""
    head = bytes((len(data), -len(data) & 0xFF))
    return b"\x00\x00\xff" + head + data + bytes((-sum(data) & 0xFF, 0))


class Chip(Reader):
    """It hears nothing before it was woken, and tells one card, the first of those that are there."""

    faults = FAULTS

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        super().__init__(wire, log)
        self._awake = False
        self._tries = FOR_EVER
        self._last: tuple[bytes, str | None] = b"", None  # response, and its card
        self._search: asyncio.Task[None] | None = None

    def _check(self, uid: str) -> None:
        if len(bytes.fromhex(uid)) not in (4, 7, 10):
            raise ValueError("a UID of type A has 4, 7 or 10 bytes")

    def _new(self) -> str:
        return f"04{next(_serials) & 0xFFFFFF:06X}"

    def _spoilt(self, fault: Fault, frame: bytes) -> list[Piece]:
        match fault.kind:
            case "crc":
                return [Piece(0, frame[:-2] + bytes((frame[-2] ^ 0xFF, frame[-1])))]
            case "exception":
                return [Piece(0, SYNTAX_ERROR)]
        return super()._spoilt(fault, frame)

    @command
    def reboot(self) -> None:
        """As after a brown-out: it sleeps and has forgotten how it was set."""
        self._stop()
        self._awake = False
        self._tries = FOR_EVER
        self._log("fault", what="reboot")

    @command
    def unplug(self) -> None:
        """Pull the plug: the port vanishes."""
        self.reboot()  # the plug is its power too
        super().unplug()

    async def _listen(self) -> None:
        buffer = b""
        while True:
            buffer += await self._wire.read()
            if not self._awake:
                _, woken, buffer = buffer.partition(b"\x55")
                self._awake = bool(woken)
            while (start := buffer.find(b"\x00\xff")) >= 0:
                rest = buffer[start + 2 :]
                if len(rest) < 2:
                    break
                if rest[:2] == b"\x00\xff":  # ACK: the host wants no answer any more
                    self._stop()
                    buffer = rest[2:]
                elif rest[:2] == b"\xff\x00":  # NACK: the host has not understood the last one
                    buffer = rest[2:]
                    await self._send(*self._last)
                elif (rest[0] + rest[1]) & 0xFF:
                    buffer = rest
                elif len(rest) < rest[0] + 3:
                    break
                else:
                    data, buffer = rest[2 : 3 + rest[0]], rest[3 + rest[0] :]
                    if not sum(data) & 0xFF and data[0] == 0xD4:
                        await self._obey(data[1], data[2:-1])

    def _stop(self) -> None:
        if self._search:
            self._search.cancel()
            self._search = None

    async def _obey(self, code: int, params: bytes) -> None:
        """A new command ends the one before."""
        self._stop()
        self._wire.write(ACK)
        match code, len(params):
            case 0x02, 0:
                await self._respond(code, FIRMWARE)
            case 0x14, size if size >= 1:
                await self._respond(code, b"")
            case 0x32, 4 if params[0] == 5:
                self._tries = params[3]
                await self._respond(code, b"")
            case 0x4A, 2 if params[1] == 0:
                self._search = asyncio.get_running_loop().create_task(self._find(code))
            case _:
                self._wire.write(SYNTAX_ERROR)

    async def _find(self, code: int) -> None:
        """As the chip comes it tries for ever: there is no answer before a card is there."""
        for tried in itertools.count(1):
            await asyncio.sleep(TRY_S)
            if self._field:
                uid = self._field[0]
                raw = bytes.fromhex(uid)
                await self._respond(code, bytes.fromhex("01 01 00 04 08") + bytes((len(raw),)) + raw, uid)
                return
            if self._tries != FOR_EVER and tried > self._tries:
                await self._respond(code, b"\x00")
                return

    async def _respond(self, code: int, params: bytes, uid: str | None = None) -> None:
        self._last = frame(bytes((0xD5, code + 1)) + params), uid
        await self._send(*self._last)

    async def work(self, every: float) -> None:
        await asyncio.gather(self._listen(), self._visits(every))


COMMANDED = {"pn532": Chip}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument(
        "--every", type=float, default=5, metavar="S", help="hold a new card to it by itself; 0: only on command"
    )


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    chip = Chip(wire, log)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(chip), chip.work(args.every))
