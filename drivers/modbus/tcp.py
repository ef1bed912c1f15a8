"""Modbus TCP (MBAP): the transaction number tells a late reply from the open one."""

import asyncio
import struct

from drivers.common.line import Line
from drivers.modbus.pdu import Request, SlaveMissed, parse
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
        self._transaction = 0
        self._data = b""
        self._missing: dict[int, tuple[Slave, float]] = {}
        """Transactions whose replies may still come, and when they went out."""

    def ready_in(self, _slave: Slave, /) -> float:
        """A late reply bears its own transaction number: nobody has to wait for it."""
        return 0.0

    async def exchange(self, slave: Slave, request: Request) -> bytes:
        self._transaction = self._transaction + 1 & 0xFFFF
        await self._line.write(encode(self._transaction, slave.address, request))
        sent = self._loop.time()
        odd = ""
        while True:
            while frame := self._take():
                transaction, unit, pdu, self._data = frame
                if transaction != self._transaction:
                    if not self._late(transaction):
                        odd = f"{transaction:04x} {unit:02x} {pdu.hex(' ')}"
                    continue
                if unit != slave.address:
                    raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=f"{unit:02x} {pdu.hex(' ')}")
                slave.patience.answered(self._loop.time() - sent)
                return parse(slave.address, request, pdu)
            timeout_s = slave.patience.timeout_s
            more = await self._line.read(max(0.0, sent + timeout_s - self._loop.time()))
            if not more:
                while len(self._missing) >= _MISSING_MAX:
                    del self._missing[next(iter(self._missing))]
                self._missing[self._transaction] = (slave, sent)
                if odd:
                    raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=odd)
                raise SlaveMissed("modbus_timeout", slave=slave.address, timeout_s=round(timeout_s, 3))
            self._data += more

    def _late(self, transaction: int) -> bool:
        """Whether it is a reply that nobody waits for any more; it shows how slow its slave is."""
        if transaction not in self._missing:
            return False
        slave, sent = self._missing.pop(transaction)
        slave.patience.late(self._loop.time() - sent)
        return True

    def _take(self) -> tuple[int, int, bytes, bytes] | None:
        try:
            return take(self._data)
        except ValueError as err:
            # where the next frame begins can no longer be known: only a new connection helps
            raise TransientError("modbus_not_tcp", port=self._port, got=str(err)) from err
