"""Modbus TCP (MBAP): the transaction number tells a late reply from the open one."""

import asyncio
import random
import struct

from drivers.common.line import Line
from drivers.modbus.pdu import Request, SlaveMissed, SlaveRefused, parse
from drivers.modbus.slave import Slave
from model.errors import TransientError

_HEADER = struct.Struct(">HHHB")
_MAX_LENGTH = 254  # unit identifier and a PDU of 253 bytes
_MISSING_MAX = 32


def encode(transaction: int, slave: int, request: Request) -> bytes:
    return _HEADER.pack(transaction, 0, 1 + len(request.pdu), slave) + request.pdu


def take(data: bytes) -> tuple[int, int, bytes, bytes] | None:
    """Transaction, unit and PDU of the first whole frame, and what is behind it. Raises ValueError: not Modbus TCP."""
    if len(data) < _HEADER.size:
        return None
    transaction, protocol, length, unit = _HEADER.unpack_from(data)
    if protocol != 0 or not 3 <= length <= _MAX_LENGTH:
        raise ValueError(data[: _HEADER.size].hex(" "))
    end = _HEADER.size - 1 + length
    if len(data) < end:
        return None
    return transaction, unit, data[_HEADER.size : end], data[end:]


class TcpFraming:
    """One request at a time over an open connection. Errors of a slave are SlaveError; others, the connection's."""

    def __init__(self, line: Line, port: str) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._port = port
        self._transaction = random.getrandbits(16)  # not one that was used on the connection before
        self._data = b""
        self._missing: dict[int, tuple[Slave, float]] = {}
        """Transactions whose replies may still come, and when they went out. That of a request given up in the middle too."""

    def ready_in(self, _slave: Slave, _request: Request, /) -> float:
        """A late reply bears its own transaction number: nobody has to wait for it."""
        return 0.0

    async def exchange(self, slave: Slave, request: Request) -> bytes:
        number = self._transaction = self._transaction + 1 & 0xFFFF
        sent = self._loop.time()
        while len(self._missing) >= _MISSING_MAX:
            del self._missing[next(iter(self._missing))]
        self._missing[number] = (slave, sent)
        await self._line.write(encode(number, slave.address, request))
        odd = ""
        while True:
            while frame := self._taken(self._data):
                transaction, unit, pdu, self._data = frame
                asked = self._missing.pop(transaction, None)
                if transaction == number:
                    self._check_rest()
                    return self._believed(slave, request, unit, pdu, sent)
                if asked is None:
                    odd = f"{transaction:04x} {unit:02x} {pdu.hex(' ')}"
                else:  # nobody waits for it any more, but it shows how slow its slave is
                    late, since = asked
                    late.patience.late(self._loop.time() - since)
            left_s = sent + slave.patience.timeout_s - self._loop.time()
            more = await self._line.read(left_s) if left_s > 0 else b""
            if not more:
                break
            self._data += more
        if self._data:  # half a frame: the next one that comes would be taken for its end
            raise TransientError("modbus_not_tcp", port=self._port, got=self._data[:32].hex(" "))
        if odd:
            raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=odd)
        raise SlaveMissed("modbus_timeout", slave=slave.address, timeout_s=round(slave.patience.timeout_s, 3))

    def _check_rest(self) -> None:
        """Behind a reply only whole frames can stand, and the beginning of one that answers a request of ours. Else the reply
        was made of two frames. Raises TransientError `modbus_not_tcp`.
        """
        rest = self._data
        while frame := self._taken(rest):
            rest = frame[-1]
        heads = [transaction.to_bytes(2) + b"\0\0" for transaction in self._missing]
        if rest and not any(head.startswith(rest[:4]) for head in heads):
            raise TransientError("modbus_not_tcp", port=self._port, got=rest[:32].hex(" "))

    def _believed(self, slave: Slave, request: Request, unit: int, pdu: bytes, sent: float) -> bytes:
        if unit != slave.address:
            raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=f"{unit:02x} {pdu.hex(' ')}")
        try:
            data = parse(slave.address, request, pdu)
        except SlaveRefused:
            slave.patience.answered(self._loop.time() - sent)
            raise
        slave.patience.answered(self._loop.time() - sent)
        return data

    def _taken(self, data: bytes) -> tuple[int, int, bytes, bytes] | None:
        try:
            return take(data)
        except ValueError as err:
            # where the next frame begins can no longer be known: only a new connection helps
            raise TransientError("modbus_not_tcp", port=self._port, got=str(err)) from err
