"""Modbus TCP (MBAP): the transaction number tells a late reply from the open one."""

import asyncio
import struct

from drivers.modbus.pdu import Request, SlaveError, parse
from model.errors import TransientError
from model.ports import Transport

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


class TcpLine:
    """One request at a time over an open connection. Errors of a slave are SlaveError; others, the connection's."""

    def __init__(self, transport: Transport, port: str) -> None:
        self._transport = transport
        self._port = port
        self._transaction = 0
        self._data = b""

    def ready_in(self, _slave: int, /) -> float:
        """A late reply bears its own transaction number: nobody has to wait for it."""
        return 0.0

    async def exchange(self, slave: int, request: Request, timeout_s: float) -> bytes:
        self._transaction = self._transaction + 1 & 0xFFFF
        await self._transport.write(encode(self._transaction, slave, request))
        try:
            async with asyncio.timeout(timeout_s):
                unit, pdu = await self._reply()
        except TimeoutError:
            raise SlaveError("modbus_timeout", slave=slave, timeout_s=timeout_s) from None
        if unit != slave:
            raise SlaveError("modbus_bad_reply", slave=slave, got=f"unit {unit}: {pdu.hex(' ')}")
        return parse(slave, request, pdu)

    async def _reply(self) -> tuple[int, bytes]:
        """Unit and PDU of the open transaction's reply; late ones are dropped."""
        while True:
            try:
                frame = take(self._data)
            except ValueError as err:
                # where the next frame begins can no longer be known: only a new connection helps
                raise TransientError("modbus_not_tcp", port=self._port, got=str(err)) from err
            if frame is None:
                self._data += await self._transport.read()
                continue
            transaction, unit, pdu, self._data = frame
            if transaction == self._transaction:
                return unit, pdu
