"""Modbus RTU on one serial line.

RTU has no transaction number, so a reply is believed only if it is exactly the reply to the open request, and a slave
that let a request time out is not asked again until its late reply must have come and gone.
"""

import asyncio

from drivers.common.line import Line
from drivers.modbus.pdu import Request, SlaveError, parse

_BITS_PER_CHAR = 11
_FIXED_SILENCE_S = 0.00175  # above 19200 baud (Modbus over Serial Line V1.02, 2.5.1.1)
_NOISE_MAX_BYTES = 1024
_DRAIN_MIN_S = 0.5


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)


_CRC = _crc_table()


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS; goes over the wire low byte first. Over a frame with its CRC it is 0."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 0xFF]
    return crc


def encode(slave: int, request: Request) -> bytes:
    body = bytes((slave,)) + request.pdu
    return body + crc16(body).to_bytes(2, "little")


def find(data: bytes, slave: int, request: Request) -> bytes | None:
    """The PDU of the expected reply, or of an exception to the request, once it stands whole and sound in `data`.

    Bytes before it are noise: RS-485 drivers that switch over add one now and then.
    """
    for start in range(len(data) - 4):
        if data[start] != slave:
            continue
        if data.startswith(request.reply_start, start + 1):
            end = start + request.reply_length + 3
        elif data[start + 1] == request.function | 0x80:
            end = start + 5
        else:
            continue
        if end <= len(data) and crc16(data[start:end]) == 0:
            return data[start + 1 : end - 2]
    return None


class RtuFraming:
    """One request at a time over an open port. Errors of a slave are SlaveError; any other error is the port's."""

    def __init__(self, line: Line, baudrate: int) -> None:
        self._line = line
        self._char_s = _BITS_PER_CHAR / baudrate
        self._silence_s = 3.5 * self._char_s if baudrate <= 19200 else _FIXED_SILENCE_S
        self._echo: bool | None = None
        self._drained_at: dict[int, float] = {}

    def ready_in(self, slave: int) -> float:
        """Seconds until a reply of that slave can no longer be a late one to an earlier request."""
        return self._drained_at.get(slave, 0.0) - asyncio.get_running_loop().time()

    async def exchange(self, slave: int, request: Request, timeout_s: float) -> bytes:
        """`timeout_s` is the slave's time to think; what the bytes take on the line is added."""
        if self._echo is None and not request.reads:
            # the reply to a write looks like the write: on an adapter that echoes, our own bytes would confirm it
            raise SlaveError("modbus_line_unproven", slave=slave)
        frame = encode(slave, request)
        await self._silence(slave, timeout_s)
        await self._line.write(frame)
        air_s = (len(frame) + request.reply_length + 3) * self._char_s
        loop = asyncio.get_running_loop()
        give_up = loop.time() + timeout_s + air_s
        data = b""
        while len(data) < _NOISE_MAX_BYTES and (more := await self._line.read(max(0.0, give_up - loop.time()))):
            data += more
            pdu = self._reply(data, frame, slave, request)
            if pdu is not None:
                return parse(slave, request, pdu)
        self._drained_at[slave] = loop.time() + max(timeout_s, _DRAIN_MIN_S)
        if data:
            raise SlaveError("modbus_bad_reply", slave=slave, got=data[:32].hex(" "))
        raise SlaveError("modbus_timeout", slave=slave, timeout_s=timeout_s)

    def _reply(self, data: bytes, frame: bytes, slave: int, request: Request) -> bytes | None:
        """`find` behind our own echo, where the adapter makes one. Reads teach whether it does."""
        if self._echo is not False:
            if (at := data.find(frame)) >= 0:
                self._echo = True
                return find(data[at + len(frame) :], slave, request)
            if self._echo or frame.startswith(data):
                return None  # the echo is not whole yet
        pdu = find(data, slave, request)
        if pdu is not None:
            self._echo = False
        return pdu

    async def _silence(self, slave: int, limit_s: float) -> None:
        """Throw away what came unasked until the line has been silent for 3.5 characters."""
        loop = asyncio.get_running_loop()
        give_up = loop.time() + limit_s
        while loop.time() < give_up:
            if not await self._line.read(self._silence_s):
                return
        raise SlaveError("modbus_line_busy", slave=slave)
