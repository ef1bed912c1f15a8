"""The slaves' end of a Modbus line: frames in, replies out, with the time that their bytes would take."""

import asyncio
import struct
from typing import Protocol

from firmware_sim.modbus_slave import DEVICE_FAILURE, Fault, Slave
from firmware_sim.wire import Wire, WireLog

_GATEWAY_TARGET_SILENT = 0x0B
_RESYNC_S = 0.02
_OTHER_FUNCTION = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 15: 16, 16: 15}


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


class Link:
    """Serves slaves on one wire. `baud` 0 takes no time; `echo` is an adapter that hears itself and lets the master
    hear it too; `strict` ignores requests that come within 3.5 characters of a reply, as the standard lets a slave do.
    """

    def __init__(
        self, wire: Wire, slaves: dict[int, Slave], log: WireLog, *, tcp: bool, baud: int, echo: bool, strict: bool
    ) -> None:
        self._wire = wire
        self._slaves = slaves
        self._log = log
        self._tcp = tcp
        self._framing: Framing = TcpFraming() if tcp else RtuFraming()
        self._char_s = 11 / baud if baud else 0.0
        self._echo = echo
        self._strict = strict
        self._silent_until = 0.0

    async def serve(self) -> None:
        data = b""
        while True:
            try:
                # what does not become a frame is forgotten in the next silence
                data += await asyncio.wait_for(self._wire.read(), _RESYNC_S if data else None)
            except TimeoutError:
                data = b""
                continue
            if self._echo:
                self._wire.write(data)
            if self._strict and asyncio.get_running_loop().time() < self._silent_until:
                self._log("fault", kind="no_silence")
                data = b""
            while taken := self._framing.take(data):
                unit, pdu, data = taken
                await self._answer(unit, pdu)

    async def _answer(self, unit: int, pdu: bytes) -> None:
        slave = self._slaves.get(unit)
        if slave is None:
            if self._tcp:  # a gateway speaks for the slave that it cannot reach
                self._wire.write(self._framing.wrap(unit, bytes((pdu[0] | 0x80, _GATEWAY_TARGET_SILENT))))
            return
        reply = slave.answer(pdu)
        carried = slave.carried
        fault = slave.take_fault()
        await asyncio.sleep((len(pdu) + len(reply) + 6) * self._char_s)
        if fault is None:
            # logged first: whoever has the reply finds it in the log
            if carried:
                self._log("reading", slave=unit, family=slave.family, values=carried)
            self._write(self._framing.wrap(unit, reply))
        else:
            self._spoil(slave, fault, pdu, reply, carried)

    def _spoil(self, slave: Slave, fault: Fault, pdu: bytes, reply: bytes, carried: dict[str, int]) -> None:
        frame = self._framing.wrap(slave.unit, reply)
        self._log("fault", slave=slave.unit, kind=fault.kind, **({"values": carried} if carried else {}))
        match fault.kind:
            case "late":
                asyncio.get_running_loop().call_later(fault.seconds, self._write, frame)
            case "short":
                # one register or byte less than asked for, in a frame that is sound in itself
                cut = 2 if pdu[0] in (3, 4) else 1
                short = bytes((reply[0], max(reply[1] - cut, 0))) + reply[2:-cut] if pdu[0] <= 4 else reply[:-1]
                self._write(self._framing.wrap(slave.unit, short))
            case "crc":
                self._write(frame[:-1] + bytes((frame[-1] ^ 0xFF,)))
            case "noise":
                # a byte of noise when the driver of the line switches over; the frame behind it is sound
                if carried:
                    self._log("reading", slave=slave.unit, family=slave.family, values=carried)
                self._write(b"\x00" + frame)
            case "wrong_function":
                self._write(self._framing.wrap(slave.unit, bytes((_OTHER_FUNCTION[reply[0] & 0x7F],)) + reply[1:]))
            case "exception":
                self._write(self._framing.wrap(slave.unit, bytes((pdu[0] | 0x80, DEVICE_FAILURE))))
            case "sentinel":
                self._write(frame)

    def _write(self, frame: bytes) -> None:
        self._wire.write(frame)
        self._silent_until = asyncio.get_running_loop().time() + 3.5 * self._char_s
