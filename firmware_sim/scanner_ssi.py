"""A scanner that speaks Zebra/Symbol SSI with its handshake, and repeats each packet until the host acknowledges it."""

import asyncio
import itertools

from firmware_sim.scanner_gun import Scanner, Symbol
from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog

ACK, NAK, DECODE_DATA = 0xD0, 0xD1, 0xF3
START_SESSION, STOP_SESSION, SCAN_ENABLE, SCAN_DISABLE = 0xE4, 0xE5, 0xE9, 0xEA
NAK_DENIED = b"\x02"
RETRANSMIT, CONTINUED = 0x01, 0x02
TEXT_MAX = 250
"""Characters behind the bar code type in a packet whose length is one byte."""
EAN13 = 0x0B
UNPROVEN = 0x00
"""Bar code type of all symbols but EAN-13: they carry an AIM identifier instead."""


def packet(opcode: int, data: bytes = b"", status: int = 0) -> bytes:
    """A packet of the decoder (source 00): length, opcode, source, status, data, negated 16-bit sum."""
    body = bytes((4 + len(data), opcode, 0, status)) + data
    return body + (-sum(body) & 0xFFFF).to_bytes(2, "big")


class SsiScanner(Scanner):
    def __init__(self, wire: Pty | Tcp, log: WireLog, *, hosted: bool, ack_timeout: float) -> None:
        super().__init__(wire, log, hosted=hosted)
        self._ack_timeout = ack_timeout
        self._queue: asyncio.Queue[Symbol] = asyncio.Queue()
        self._answer: asyncio.Future[int] | None = None  # of the host, to the packet that waits for one
        self._wrong_crc = False
        self._deaf = 0

    def _parts(self, one: Symbol) -> list[bytes]:
        """The data of its packets, each with the bar code type in front."""
        proven = one.symbology == "]E0"
        kind = bytes((EAN13 if proven else UNPROVEN,))
        text = ("" if proven else one.symbology or "").encode() + one.text.encode()
        return [kind + text[at : at + TEXT_MAX] for at in range(0, len(text) or 1, TEXT_MAX)]

    def _frame(self, one: Symbol) -> bytes:
        return packet(DECODE_DATA, self._parts(one)[0])

    def _read(self, one: Symbol) -> None:
        self._queue.put_nowait(one)

    async def _deliver(self) -> None:
        """Send one symbol after the other, each packet until the host has acknowledged it."""
        while True:
            one = await self._queue.get()
            *some, last = self._parts(one)
            for part in some:
                await self._acknowledged(one, part, CONTINUED)
            await self._acknowledged(one, last, 0)
            self._log("acked", id=one.id)

    async def _acknowledged(self, one: Symbol, data: bytes, status: int) -> None:
        for attempt in itertools.count(1):
            self._answer = asyncio.get_running_loop().create_future()
            frame = packet(DECODE_DATA, data, status | (RETRANSMIT if attempt > 1 else 0))
            self._transmit(one, frame, attempt, whole=not status)
            try:
                async with asyncio.timeout(self._ack_timeout):
                    answer = await self._answer
            except TimeoutError:
                continue
            if answer == ACK:
                break
        self._answer = None

    def _transmit(self, one: Symbol, frame: bytes, attempt: int, *, whole: bool) -> None:
        if self._wrong_crc:
            self._wrong_crc = False
            self.noise((frame[:-1] + bytes((frame[-1] ^ 0xFF,))).hex())
            return
        self._wire.write(frame)
        if whole and self._plugged:
            self._log("scan", id=one.id, text=one.text, symbology=one.symbology, attempt=attempt)

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
                self._obey(body[1], body[3])

    def _obey(self, opcode: int, status: int) -> None:
        if opcode in (ACK, NAK):
            if self._answer and not self._answer.done():
                self._answer.set_result(opcode)
            return
        self._log("command", opcode=f"{opcode:02X}", repeated=bool(status & RETRANSMIT))
        if self._deaf:
            self._deaf -= 1
        elif opcode in (START_SESSION, STOP_SESSION, SCAN_ENABLE, SCAN_DISABLE):
            self._wire.write(packet(ACK))
            if opcode in (START_SESSION, STOP_SESSION):
                self._pull(on=opcode == START_SESSION)
        else:
            self._wire.write(packet(NAK, NAK_DENIED))

    @command
    def crc(self) -> None:
        """The checksum of the next transmission is wrong."""
        self._wrong_crc = True

    @command
    def deaf(self, count: int = 1) -> None:
        """The next `count` commands of the host are not heard."""
        self._deaf = count

    async def work(self, every: float) -> None:
        await asyncio.gather(self._deliver(), self._listen(), self._collect(every))

    async def _collect(self, every: float) -> None:
        async for one in self._by_itself(every):
            self._show(one)
