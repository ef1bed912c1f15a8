"""Card readers that speak by themselves: 125 kHz modules (RDM6300, ID-12LA), and a reader that says lines of text.

By itself one has a new card held to it every `--every` seconds.
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

KINDS = {
    "rdm6300": "125 kHz card reader (RDM6300), frames of 14 bytes",
    "id12la": "125 kHz card reader (ID-12LA, ID-20LA), frames of 16 bytes",
    "card-lines": "card reader that says each card once, as a line of text",
}
FAULTS = {
    kind: faults.FAULTS[kind] for kind in ("silent", "half", "split", "glued", "noise", "garbage", "crc", "collision")
}

REPEAT_S = 0.065
"""So often a 125 kHz module says a card that is in its field."""

_ids = itertools.count(time.time_ns() // 10_000_000 & 0x7FFFFFFF)
"""In hundredths of a second: no two cards of a day are the same."""


class Listened(Reader):
    faults = FAULTS

    def _spoilt(self, fault: Fault, frame: bytes) -> list[Piece]:
        middle = len(frame) // 2
        match fault.kind:
            case "crc":
                return [Piece(0, frame[:middle] + bytes((frame[middle] ^ 1,)) + frame[middle + 1 :])]
            case "collision":
                return [Piece(0, bytes(a & b for a, b in zip(frame, frame[1:] + frame[:1], strict=True)))]
        return super()._spoilt(fault, frame)


class Rdm6300(Listened):
    """Says the card in its field over and over. Of two at once it reads none: they have no anticollision."""

    tail = b"\x03"

    def _check(self, uid: str) -> None:
        if len(bytes.fromhex(uid)) != 5:
            raise ValueError("a card of 125 kHz has 5 bytes")

    def _new(self) -> str:
        return f"0A{next(_ids):08X}"

    def _frame(self, uid: str) -> bytes:
        """STX, five bytes and their XOR in hex digits, tail."""
        raw, checksum = bytes.fromhex(uid), 0
        for byte in raw:
            checksum ^= byte
        return b"\x02" + (raw + bytes((checksum,))).hex().upper().encode() + self.tail

    async def work(self, every: float) -> None:
        await asyncio.gather(self._repeat(), self._visits(every))

    async def _repeat(self) -> None:
        while True:
            await asyncio.sleep(REPEAT_S)
            if len(self._field) == 1:
                await self._send(self._frame(self._field[0]), self._field[0])


class Id12la(Rdm6300):
    tail = b"\r\n\x03"


class LineReader(Listened):
    """Says each card once, when it comes: `No.0011619647`."""

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        super().__init__(wire, log)
        self._came: asyncio.Queue[str] = asyncio.Queue()

    def _check(self, uid: str) -> None:
        uid.encode("ascii")

    def _new(self) -> str:
        return f"{next(_ids):010}"

    @command
    def card_in(self, uid: str) -> None:
        """This card is held to the reader."""
        super().card_in(uid)
        self._came.put_nowait(uid)

    async def work(self, every: float) -> None:
        await asyncio.gather(self._speak(), self._visits(every))

    async def _speak(self) -> None:
        while True:
            uid = await self._came.get()
            await self._send(f"No.{uid}\r\n".encode("ascii"), uid)


COMMANDED: dict[str, type[Listened]] = {"rdm6300": Rdm6300, "id12la": Id12la, "card-lines": LineReader}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument(
        "--every", type=float, default=5, metavar="S", help="hold a new card to it by itself; 0: only on command"
    )


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    reader = COMMANDED[kind](wire, log)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(reader), reader.work(args.every))
