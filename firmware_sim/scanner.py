"""A serial barcode scanner: plain lines, or Zebra/Symbol SSI with its handshake.

By itself it scans a new GS1 Data Matrix every `--every` seconds. One symbol has one id, also where it is sent again.
"""

import argparse
import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

KINDS = {
    "scanner": "barcode scanner that sends plain lines",
    "scanner-ssi": "barcode scanner that speaks Zebra SSI and repeats each symbol until the host acknowledges it",
}

TERMINATORS = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "TAB": b"\t", "none": b""}

_ids = itertools.count(time.time_ns() // 1_000_000)
"""Unique over restarts too: the simulator starts less than once a millisecond."""


@dataclass(frozen=True)
class Symbol:
    id: int
    text: str
    symbology: str | None


def symbol(text: str, symbology: str | None = None) -> Symbol:
    return Symbol(next(_ids), text, symbology)


def unique() -> Symbol:
    """GTIN, expiry and lot of a box of medicine (GS1), with its id as serial number."""
    number = next(_ids)
    return Symbol(number, f"01069012345678921727123110A213B1\x1d21{number}", "]d2")


class Scanner(ABC):
    """What both kinds have: a wire, a log of what really went out, and hands that spoil things."""

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        self._wire = wire
        self._log = log
        self._plugged = True

    @abstractmethod
    def _frame(self, one: Symbol) -> bytes:
        """The symbol as it goes over the wire for the first time."""

    def _sent(self, one: Symbol, symbology: str | None, attempt: int = 1) -> None:
        if self._plugged:
            self._log("scan", id=one.id, text=one.text, symbology=symbology, attempt=attempt)

    @command
    def half(self, text: str, symbology: str | None = None) -> None:
        """Send the first half of a symbol, and no more."""
        frame = self._frame(symbol(text, symbology))
        self.noise(frame[: len(frame) // 2].hex())

    @command
    def noise(self, hex: str) -> None:  # noqa: A002  the name of the command's argument
        """Send these bytes."""
        self._wire.write(bytes.fromhex(hex))
        self._log("fault", what="noise", hex=hex)

    @command
    def unplug(self) -> None:
        """Pull the plug: the port vanishes."""
        self._plugged = False
        self._wire.unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        self._wire.replug()
        self._plugged = True


class LineScanner(Scanner):
    def __init__(self, wire: Pty | Tcp, log: WireLog, *, prefix: bytes, aim: bool, terminator: bytes) -> None:
        super().__init__(wire, log)
        self._prefix = prefix
        self._aim = aim
        self._terminator = terminator

    def _frame(self, one: Symbol) -> bytes:
        return self._prefix + (self._identifier(one) or "").encode() + one.text.encode() + self._terminator

    def _identifier(self, one: Symbol) -> str | None:
        return one.symbology if self._aim else None

    def _send(self, *symbols: Symbol) -> None:
        self._wire.write(b"".join(map(self._frame, symbols)))
        for one in symbols:
            self._sent(one, self._identifier(one))

    @command
    def scan(self, text: str, symbology: str | None = None) -> None:
        """Scan this code; `symbology` is its AIM identifier, such as ]C1."""
        self._send(symbol(text, symbology))

    @command
    def glued(self, texts: list[str], symbology: str | None = None) -> None:
        """Scan several codes, sent in one write."""
        self._send(*(symbol(text, symbology) for text in texts))

    @command
    async def split(self, text: str, symbology: str | None = None, at: int = 1, pause_ms: int = 5) -> None:
        """Scan one code, sent in two writes, the first of `at` bytes."""
        one = symbol(text, symbology)
        frame = self._frame(one)
        self._wire.write(frame[:at])
        await asyncio.sleep(pause_ms / 1000)
        self._wire.write(frame[at:])
        self._sent(one, self._identifier(one))

    async def work(self, every: float) -> None:
        async for one in triggered(every):
            self._send(one)


ACK, NAK, DECODE_DATA = 0xD0, 0xD1, 0xF3
START_SESSION, STOP_SESSION, SCAN_ENABLE, SCAN_DISABLE = 0xE4, 0xE5, 0xE9, 0xEA
NAK_DENIED = b"\x02"
RETRANSMIT = 0x01
EAN13 = 0x0B
UNPROVEN = 0x00
"""Bar code type of all symbols but EAN-13: they carry an AIM identifier instead."""


def packet(opcode: int, data: bytes = b"", status: int = 0) -> bytes:
    """A packet of the decoder (source 00): length, opcode, source, status, data, negated 16-bit sum."""
    body = bytes((4 + len(data), opcode, 0, status)) + data
    return body + (-sum(body) & 0xFFFF).to_bytes(2, "big")


class SsiScanner(Scanner):
    def __init__(self, wire: Pty | Tcp, log: WireLog, ack_timeout: float) -> None:
        super().__init__(wire, log)
        self._ack_timeout = ack_timeout
        self._queue: asyncio.Queue[Symbol] = asyncio.Queue()
        self._answer: asyncio.Future[int] | None = None  # of the host, to the symbol that waits for one
        self._wrong_crc = False

    def _frame(self, one: Symbol, attempt: int = 1) -> bytes:
        kind = bytes((EAN13,)) if one.symbology == "]E0" else bytes((UNPROVEN,)) + (one.symbology or "").encode()
        return packet(DECODE_DATA, kind + one.text.encode(), RETRANSMIT if attempt > 1 else 0)

    def _transmit(self, one: Symbol, attempt: int) -> None:
        frame = self._frame(one, attempt)
        if self._wrong_crc:
            self._wrong_crc = False
            self.noise((frame[:-1] + bytes((frame[-1] ^ 0xFF,))).hex())
        else:
            self._wire.write(frame)
            self._sent(one, one.symbology, attempt)

    async def _deliver(self) -> None:
        """Send one symbol after the other, each until the host has acknowledged it."""
        while True:
            one = await self._queue.get()
            for attempt in itertools.count(1):
                self._answer = asyncio.get_running_loop().create_future()
                self._transmit(one, attempt)
                try:
                    answer = await asyncio.wait_for(self._answer, self._ack_timeout)
                except TimeoutError:
                    continue
                if answer == ACK:
                    break
            self._answer = None
            self._log("acked", id=one.id)

    async def _listen(self) -> None:
        """Packets of the host: answers to our symbols, and commands, which are acknowledged."""
        buffer = b""
        while True:
            buffer += await self._wire.read()
            while buffer and len(buffer) >= buffer[0] + 2:
                body, checksum = buffer[: buffer[0]], buffer[buffer[0] : buffer[0] + 2]
                if len(body) < 4 or body[2] != 4 or (-sum(body) & 0xFFFF).to_bytes(2, "big") != checksum:
                    buffer = buffer[1:]
                    continue
                buffer = buffer[len(body) + 2 :]
                self._obey(body[1])

    def _obey(self, opcode: int) -> None:
        if opcode in (ACK, NAK):
            if self._answer and not self._answer.done():
                self._answer.set_result(opcode)
        elif opcode in (START_SESSION, STOP_SESSION, SCAN_ENABLE, SCAN_DISABLE):
            self._wire.write(packet(ACK))
        else:
            self._wire.write(packet(NAK, NAK_DENIED))

    @command
    def scan(self, text: str, symbology: str | None = None) -> None:
        """Scan this code; `symbology` is its AIM identifier, such as ]C1."""
        self._queue.put_nowait(symbol(text, symbology))

    @command
    def crc(self) -> None:
        """The checksum of the next transmission is wrong."""
        self._wrong_crc = True

    async def work(self, every: float) -> None:
        await asyncio.gather(self._deliver(), self._listen(), self._collect(every))

    async def _collect(self, every: float) -> None:
        async for one in triggered(every):
            self._queue.put_nowait(one)


async def triggered(every: float) -> AsyncIterator[Symbol]:
    """A unique symbol every so many seconds, or none, for ever."""
    while every > 0:
        await asyncio.sleep(every)
        yield unique()
    await asyncio.Event().wait()


COMMANDED: dict[str, type[Scanner]] = {"scanner": LineScanner, "scanner-ssi": SsiScanner}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    parser.add_argument("--every", type=float, default=2, metavar="S", help="scan by itself; 0: only on command")
    if kind == "scanner-ssi":
        parser.add_argument("--ack-timeout", type=float, default=2, metavar="S", help="repeat after that long")
        return
    parser.add_argument("--terminator", choices=TERMINATORS, default="CR")
    parser.add_argument("--aim", choices=("on", "off"), default="on", help="send AIM symbology identifiers")
    parser.add_argument("--prefix", default="", help="text before each symbol")


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    ready: dict[str, Any] = {"sim": kind, "endpoint": wire.endpoint}
    scanner: LineScanner | SsiScanner
    if kind == "scanner-ssi":
        scanner = SsiScanner(wire, log, args.ack_timeout)
    else:
        terminator, prefix = TERMINATORS[args.terminator], args.prefix.encode("latin-1")
        scanner = LineScanner(wire, log, prefix=prefix, aim=args.aim == "on", terminator=terminator)
    await serve(ready, commands(scanner), scanner.work(args.every))
