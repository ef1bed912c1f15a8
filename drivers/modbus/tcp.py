"""Modbus TCP (MBAP): the transaction number tells a late reply from the open one."""

import asyncio
import struct

from drivers.common.line import Line
from drivers.modbus.pdu import Request, SlaveError, parse
from model.errors import TransientError

_HEADER = struct.Struct(">HHHB")
_MAX_LENGTH = 254  # unit identifier and a PDU of 253 bytes


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
        self._port = port
        self._transaction = 0
        self._data = b""

    def ready_in(self, _slave: int, /) -> float:
        """A late reply bears its own transaction number: nobody has to wait for it."""
        return 0.0

    async def exchange(self, slave: int, request: Request, timeout_s: float) -> bytes:
        self._transaction = self._transaction + 1 & 0xFFFF
        await self._line.write(encode(self._transaction, slave, request))
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout_s
        while True:
            while frame := self._take():
                transaction, unit, pdu, self._data = frame
                if transaction != self._transaction:
                    continue  # a late reply
                if unit != slave:
                    raise SlaveError("modbus_bad_reply", slave=slave, got=f"{unit:02x} {pdu.hex(' ')}")
                return parse(slave, request, pdu)
            more = await self._line.read(max(0.0, give_up - loop.time()))
            if not more:
                raise SlaveError("modbus_timeout", slave=slave, timeout_s=timeout_s)
            self._data += more

    def _take(self) -> tuple[int, int, bytes, bytes] | None:
        try:
            return take(self._data)
        except ValueError as err:
            # where the next frame begins can no longer be known: only a new connection helps
            raise TransientError("modbus_not_tcp", port=self._port, got=str(err)) from err
