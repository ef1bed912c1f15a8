"""Modbus RTU on one serial line, or behind a serial server.

RTU has no transaction number. A reply is believed only if it is exactly the reply to the open request; and a slave that
let a request time out is asked a question first whose reply cannot be mistaken for the late one's.
"""

import asyncio

from drivers.common.checksum import modbus_crc16
from drivers.common.line import Line
from drivers.modbus.pdu import Request, SlaveError, SlaveMissed, SlaveRefused, parse
from drivers.modbus.slave import Slave

BITS_PER_CHAR = 11
_FIXED_SILENCE_S = 0.00175  # above 19200 baud (Modbus over Serial Line V1.02, 2.5.1.1)
_NOISE_MAX_BYTES = 1024
_BUSY_S = 1.0
_DRAIN_S = 0.5
_FORGOTTEN_S = 3.0
"""No reply is later than that: of a slave that has no marker, or does not answer it, this much is assumed."""


def silence_s(baudrate: int) -> float:
    """What the standard wants between frames: 3.5 characters."""
    return 3.5 * BITS_PER_CHAR / baudrate if baudrate <= 19200 else _FIXED_SILENCE_S


def encode(slave: int, request: Request) -> bytes:
    body = bytes((slave,)) + request.pdu
    return body + modbus_crc16(body).to_bytes(2, "little")


def locate(data: bytes, slave: int, request: Request) -> slice | None:
    """Where the expected reply, or an exception to the request, stands whole and sound in `data`.

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
        if end <= len(data) and modbus_crc16(data[start:end]) == 0:
            return slice(start, end)
    return None


def find(data: bytes, slave: int, request: Request) -> bytes | None:
    """The PDU of what `locate` finds."""
    frame = locate(data, slave, request)
    return None if frame is None else data[frame.start + 1 : frame.stop - 2]


class _Doubt:
    """Requests to a slave whose replies may still come, and when they went out."""

    def __init__(self) -> None:
        self.asked: list[tuple[Request, float]] = []
        self.marked = False
        """Whether it was asked its marker since it last answered, and did not answer that either."""
        self.until = 0.0
        """Before then nothing is asked: its late reply and our request would meet on the line."""


class RtuFraming:
    """One request at a time over an open port. Errors of a slave are SlaveError; any other error is the port's."""

    def __init__(self, line: Line, baudrate: int) -> None:
        self._line = line
        self._loop = asyncio.get_running_loop()
        self._char_s = BITS_PER_CHAR / baudrate
        self._silence_s = silence_s(baudrate)
        self._sent_until = 0.0
        self._echo: bool | None = None
        self._doubts: dict[int, tuple[Slave, _Doubt]] = {}

    def ready_in(self, slave: Slave) -> float:
        """Seconds until it may be asked."""
        _, doubt = self._doubts.get(slave.address, (slave, None))
        return doubt.until - self._loop.time() if doubt else 0.0

    async def exchange(self, slave: Slave, request: Request) -> bytes:
        """A slave of which a reply may still be under way is first asked its marker: whatever comes before the reply to
        that one is nobody's. Writes do without: their reply names what was written, and what was is read back.
        """
        if request.reads and slave.address in self._doubts:
            _, doubt = self._doubts[slave.address]
            if slave.terms.marker and not doubt.marked:
                await self._mark(slave, slave.terms.marker)
            self._doubts.pop(slave.address, None)
        elif self._echo is None and not request.reads:
            # the reply to a write looks like the write: on an adapter that echoes, our own bytes would confirm it
            raise SlaveError("modbus_line_unproven", slave=slave.address)
        return await self._ask(slave, request)

    async def _mark(self, slave: Slave, marker: Request) -> None:
        try:
            await self._ask(slave, marker)
        except SlaveRefused:
            pass  # this reply too tells where the line is
        except SlaveMissed:
            _, doubt = self._doubts[slave.address]
            doubt.marked = True
            self._wait(slave, doubt)
            raise

    async def _ask(self, slave: Slave, request: Request) -> bytes:
        frame = encode(slave.address, request)
        await self._silence(slave)
        await self._line.write(frame)
        sent = self._loop.time()
        self._sent_until = sent + len(frame) * self._char_s
        air_s = (len(frame) + request.reply_length + 3) * self._char_s
        data = b""
        try:
            while len(data) < _NOISE_MAX_BYTES:
                left_s = sent + slave.patience.timeout_s + air_s - self._loop.time()
                more = await self._line.read(max(0.0, left_s))
                if not more:
                    break
                data += more
                pdu = self._reply(data, frame, slave.address, request)
                if pdu is not None:
                    slave.patience.answered(max(0.0, self._line.heard_at - sent - air_s))
                    return parse(slave.address, request, pdu)
                self._overheard(data)
        except asyncio.CancelledError:
            self._doubted(slave, request, sent)
            raise
        self._doubted(slave, request, sent)
        if data:
            raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=data[:32].hex(" "))
        raise SlaveMissed("modbus_timeout", slave=slave.address, timeout_s=round(slave.patience.timeout_s, 3))

    def _doubted(self, slave: Slave, request: Request, sent: float) -> None:
        """Its reply may still come."""
        _, doubt = self._doubts.setdefault(slave.address, (slave, _Doubt()))
        doubt.asked.append((request, sent))
        self._wait(slave, doubt)

    def _wait(self, slave: Slave, doubt: _Doubt) -> None:
        sure = slave.terms.marker is not None and not doubt.marked
        doubt.until = self._loop.time() + (max(slave.patience.timeout_s, _DRAIN_S) if sure else _FORGOTTEN_S)

    def _overheard(self, data: bytes) -> None:
        """A reply that comes late shows how slow its slave is; a slave of which none is missing any more is in no doubt."""
        for address, (slave, doubt) in list(self._doubts.items()):
            for asked in list(doubt.asked):
                request, sent = asked
                if find(data, address, request) is not None:
                    slave.patience.late(self._line.heard_at - sent)
                    doubt.asked.remove(asked)
            if not doubt.asked:
                del self._doubts[address]

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

    async def _silence(self, slave: Slave) -> None:
        """Throw away what came unasked until the line has been silent long enough. Raises SlaveError `modbus_line_busy`."""
        silence_s = max(self._silence_s, slave.terms.pause_s)
        give_up = self._loop.time() + _BUSY_S
        came = b""
        while self._loop.time() < give_up:
            quiet_since = max(self._sent_until, self._line.heard_at)
            more = await self._line.read(max(0.0, quiet_since + silence_s - self._loop.time()))
            if not more:
                return
            came = (came + more)[-_NOISE_MAX_BYTES:]
            self._overheard(came)
        raise SlaveError("modbus_line_busy", slave=slave.address)
