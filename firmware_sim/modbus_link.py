"""The slaves' end of a Modbus line: frames in, replies out, with the time that their bytes would take."""

import asyncio
import struct
import time
from collections.abc import Iterable
from typing import NamedTuple, Protocol

from firmware_sim.faults import Piece
from firmware_sim.modbus_slave import WRITES, Slave
from firmware_sim.modbus_spoiling import STILL_READ, spoilt
from firmware_sim.wire import Wire, WireLog

_GATEWAY_TARGET_SILENT = 0x0B
_BROADCAST = 0
_RESYNC_S = 0.02
_PIECE_S = 0.004
"""A serial port hands over what has come by that long ago; a USB adapter takes its time too."""
_COARSE_S = 0.0015
"""The event loop wakes up to a millisecond late, which is a whole frame at 115200 baud."""
_FINE_S = 0.0001


def crc(data: bytes) -> int:
    """Bit by bit, as the Modbus guide draws it."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ 0xA001 if value & 1 else value >> 1
    return value


class Framing(Protocol):
    def take(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        """Unit and PDU of the first whole frame, and what is behind it."""
        ...

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        """A frame in answer to the one taken last."""
        ...


class RtuFraming:
    def take(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        if len(data) < 4:
            return None
        if data[1] in (15, 16):
            length = 9 + data[6] if len(data) > 6 else len(data) + 1
        else:
            length = 8 if data[1] in (1, 2, 3, 4, 5, 6) else len(data)
        frame = data[:length]
        if len(frame) < length or crc(frame):
            return None
        return frame[0], frame[1:-2], data[length:]

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        body = bytes((unit,)) + pdu
        return body + struct.pack("<H", crc(body))


class TcpFraming:
    def __init__(self) -> None:
        self._transaction = 0

    def take(self, data: bytes) -> tuple[int, bytes, bytes] | None:
        if len(data) < 8:
            return None
        self._transaction, protocol, length, unit = struct.unpack_from(">HHHB", data)
        if protocol or length < 2 or len(data) < 6 + length:
            return None
        return unit, data[7 : 6 + length], data[6 + length :]

    def wrap(self, unit: int, pdu: bytes) -> bytes:
        return struct.pack(">HHHB", self._transaction, 0, len(pdu) + 1, unit) + pdu


class Timing(NamedTuple):
    """How fast bytes go by. `baud` 0 takes no time. `turnaround_s` is how long a slave thinks before it replies."""

    baud: int
    turnaround_s: float

    @property
    def char_s(self) -> float:
        """Start, eight data bits, parity or a second stop bit, stop."""
        return 11 / self.baud if self.baud else 0.0

    @property
    def silence_s(self) -> float:
        """3.5 characters, and no less than 1.75 ms, end a frame."""
        return max(3.5 * self.char_s, 0.00175) if self.baud else 0.0


class Link:
    """Serves slaves on one wire, on which a frame ends where its length says so, as it does for many a slave.

    `echo` is an adapter that hears itself and lets the master hear it too. `strict` is how the standard has it: silence
    begins and ends a frame; a request too soon after a reply, or with anything else around it, is not heard. With
    `own_speed` nothing is heard of a master whose port has another speed.
    """

    def __init__(
        self,
        wire: Wire,
        slaves: Iterable[Slave],
        log: WireLog,
        timing: Timing,
        *,
        tcp: bool,
        echo: bool,
        strict: bool,
        own_speed: bool,
    ) -> None:
        self._wire = wire
        self._slaves = tuple(slaves)
        self._log = log
        self._timing = timing
        self._tcp = tcp
        self._framing: Framing = TcpFraming() if tcp else RtuFraming()
        self._echo = echo
        self._strict = strict and not tcp
        self._own_speed = own_speed
        self._free_at = 0.0
        """When what is on the line is through, and whoever is next may begin. Waking late does not add up so."""
        self._replied_at = 0.0
        self._sending = asyncio.Lock()
        self._busy: dict[Slave, asyncio.Task[None]] = {}
        """Who is late or pauses, with the last that he has to say."""

    async def serve(self) -> None:
        await (self._serve_by_silence() if self._strict else self._serve_by_length())

    async def _serve_by_length(self) -> None:
        data = b""
        while True:
            try:
                # what does not become a frame is forgotten in the next silence
                data += await self._heard(_RESYNC_S if data else None)
            except TimeoutError:
                data = b""
            while taken := self._framing.take(data):
                unit, pdu, data = taken
                await self._answer(unit, pdu)

    async def _serve_by_silence(self) -> None:
        while True:
            data = await self._read()
            pause = _now() - self._replied_at
            await self._pass(data)
            while True:
                try:
                    data += await self._heard(self._timing.silence_s)
                except TimeoutError:
                    self._free_at = _now()
                    break
            if taken := self._framing.take(data):
                unit, pdu, rest = taken
                guards = [slave.guard_s for slave in self._slaves if slave.answers_as(unit, pdu) is not None]
                if rest or pause < max([self._timing.silence_s, *guards]):
                    self._log("fault", kind="no_silence")
                else:
                    await self._answer(unit, pdu)

    async def _heard(self, patience_s: float | None) -> bytes:
        """Bytes of the master, when their time on the line is over. Raises TimeoutError."""
        async with asyncio.timeout(patience_s):
            data = await self._read()
        await self._pass(data)
        return data

    async def _read(self) -> bytes:
        """Bytes that can be understood: to others they are noise."""
        while True:
            data = await self._wire.read()
            if not self._own_speed or self._wire.speed in (None, self._timing.baud):
                return data
            self._log("fault", kind="other_speed", baud=self._wire.speed)

    async def _pass(self, data: bytes) -> None:
        self._free_at = max(_now(), self._free_at)
        if self._echo:
            await self._send(data)
        elif not self._tcp:
            self._free_at += len(data) * self._timing.char_s
            await _until(self._free_at)

    async def _answer(self, unit: int, pdu: bytes) -> None:
        replying = [(slave, name) for slave in self._slaves if (name := slave.answers_as(unit, pdu)) is not None]
        if unit == _BROADCAST and pdu[0] in WRITES:
            for slave in self._slaves:
                slave.answer(pdu)
        elif self._tcp and not replying:  # a gateway speaks for the slave that it cannot reach
            self._wire.write(self._framing.wrap(unit, bytes((pdu[0] | 0x80, _GATEWAY_TARGET_SILENT))))
        for slave, name in replying:
            reply = slave.answer(pdu)
            carried = slave.carried
            fault = slave.take_fault()
            self._free_at += self._timing.turnaround_s
            if self._tcp:  # the line is behind the gateway
                self._free_at += (len(pdu) + len(reply) + 6) * self._timing.char_s
            await _until(self._free_at)
            if fault is None:
                pieces = [Piece(0, self._framing.wrap(name, reply))]
            else:
                pieces = spoilt(fault, name, pdu, reply, self._framing.wrap)
                self._log("fault", slave=slave.unit, kind=fault.kind, **({"values": carried} if carried else {}))
            reading = carried if fault is None or fault.kind in STILL_READ else {}
            before = self._busy.get(slave)
            if before or any(pause_s for pause_s, _ in pieces):
                self._busy[slave] = asyncio.create_task(self._deliver(slave, reading, pieces, before))
            else:
                await self._deliver(slave, reading, pieces)

    async def _deliver(
        self, slave: Slave, reading: dict[str, float], pieces: list[Piece], before: asyncio.Task[None] | None = None
    ) -> None:
        """A slave does one thing after the other; in its pauses the line is free for other slaves."""
        if before:
            await before
        for pause_s, data in pieces:
            if pause_s or before:
                await asyncio.sleep(pause_s)
                self._free_at = max(_now(), self._free_at)
            if reading:  # logged first: whoever has the reply finds it in the log
                self._log("reading", slave=slave.unit, family=slave.family, values=reading)
                reading = {}
            await self._send(data)
        if self._busy.get(slave) is asyncio.current_task():
            del self._busy[slave]

    async def _send(self, data: bytes) -> None:
        """From `free_at` on bytes become audible in pieces, as they go by; of TCP a segment comes whole."""
        async with self._sending:
            if self._tcp or not self._timing.baud:
                self._write(data)
            else:
                size = max(1, int(_PIECE_S / self._timing.char_s))
                for start in range(0, len(data), size):
                    piece = data[start : start + size]
                    self._free_at += len(piece) * self._timing.char_s
                    await _until(self._free_at)
                    self._write(piece)

    def _write(self, data: bytes) -> None:
        """Take the time before writing: a simulator that is held up between must not call a patient master hasty."""
        self._replied_at = _now()
        self._wire.write(data)


def _now() -> float:
    return time.monotonic()


async def _until(moment: float) -> None:
    """Not by the event loop to the end, nor by the kernel: both wake late. It has nothing else to do meanwhile."""
    if (rest := moment - _now()) > _COARSE_S:
        await asyncio.sleep(rest - _COARSE_S)
    if (rest := moment - _now()) > _FINE_S:
        time.sleep(rest - _FINE_S)  # noqa: ASYNC251
    while _now() < moment:
        pass
