"""Modbus RTU on one serial line, or behind a serial server.

RTU has no transaction number. A reply is believed only if it is exactly the reply to the open request; and a slave that
let a request time out is asked a question first whose reply cannot be mistaken for the late one's.
"""

import asyncio
from contextlib import suppress

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
_FORGOTTEN_ON_NET_S = 10.0
"""No reply is later than that: of a slave that has no marker, or has never answered it, this much is assumed. On a network
a segment that was lost is sent again after seconds.
"""
_NOISE_BEFORE_BYTES = 2
_UNLEARN_AFTER = 3
"""So many replies without an echo, and the adapter makes none: the one that was seen was a reflection."""


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


class RtuFraming:
    """One request at a time over an open port. Errors of a slave are SlaveError; any other error is the port's.

    What may still come of a slave is kept with the slave: it may come through a port that was opened anew.
    """

    def __init__(self, line: Line, baudrate: int) -> None:
        self._line = line
        self._forgotten_s = _FORGOTTEN_ON_NET_S if line.port.startswith("tcp://") else _FORGOTTEN_S
        self._loop = asyncio.get_running_loop()
        self._char_s = BITS_PER_CHAR / baudrate
        self._silence_s = silence_s(baudrate)
        self._sent_until = 0.0
        self._echo: bool | None = None
        self._without_echo = 0
        self._asked: dict[int, Slave] = {}

    def ready_in(self, slave: Slave, request: Request) -> float:
        """Seconds until it may be asked. A write does not wait: what would spoil it spoils its reply too, and a siren is
        worth a try.
        """
        if request.reads and slave.doubt.of_reads(slave.terms.marker):
            return slave.doubt.until - self._loop.time()
        return 0.0

    async def exchange(self, slave: Slave, request: Request) -> bytes:
        """A slave of which the reply to a read may still be under way is first asked its marker: whatever comes before the
        reply to that one is nobody's. Writes do without: their reply names what was written, and what was is read back.
        """
        if not request.reads and self._echo is None:
            # the reply to a write looks like the write: on an adapter that echoes, our own bytes would confirm it
            raise SlaveError("modbus_line_unproven", slave=slave.address)
        if request.reads and slave.doubt.of_reads(slave.terms.marker):
            if slave.terms.marker and (slave.answers_marker or not slave.doubt.marked):
                slave.doubt.marked = True
                with suppress(SlaveRefused):  # a reply too
                    await self._ask(slave, slave.terms.marker)
            else:
                slave.doubt.forget()
        return await self._ask(slave, request)

    async def _ask(self, slave: Slave, request: Request) -> bytes:
        frame = encode(slave.address, request)
        await self._silence(slave)
        sent = self._loop.time()
        slave.doubt.ask(request, sent)
        self._asked[slave.address] = slave
        self._sent_until = sent + len(frame) * self._char_s
        air_s = (len(frame) + request.reply_length + 3) * self._char_s
        data, echoed = b"", False
        try:
            await self._line.write(frame)
            while len(data) < _NOISE_MAX_BYTES:
                left_s = sent + slave.patience.timeout_s + air_s - self._loop.time()
                more = await self._line.read(max(0.0, left_s))
                if not more:
                    break
                data += more
                if not echoed:
                    data, echoed = self._behind_echo(data, frame, request)
                if not echoed and self._waits_for_echo(data, frame, slave, request):
                    continue
                pdu, data = self._settled(data, slave, request, sent)
                if pdu is not None:
                    slave.patience.answered(max(0.0, self._line.heard_at - sent - air_s))
                    slave.doubt.marked = False
                    return parse(slave.address, request, pdu)
                self._overheard(data)
        finally:
            if slave.doubt.asked:
                sure = slave.terms.marker and (slave.answers_marker or not slave.doubt.marked)
                wait_s = max(slave.patience.timeout_s, _DRAIN_S) if sure else self._forgotten_s
                slave.doubt.until = self._loop.time() + wait_s
        if data:
            raise SlaveMissed("modbus_bad_reply", slave=slave.address, got=data[:32].hex(" "))
        raise SlaveMissed("modbus_timeout", slave=slave.address, timeout_s=round(slave.patience.timeout_s, 3))

    def _settled(self, data: bytes, slave: Slave, request: Request, sent: float) -> tuple[bytes | None, bytes]:
        """The PDU that ends the waiting, and what is behind it: the reply to `request` itself, or any to the marker that
        leaves nothing in doubt. Replies of the same shape that belong to earlier requests are passed over, once.
        """
        marker = slave.terms.marker
        while (place := locate(data, slave.address, request)) is not None:
            pdu, data = data[place.start + 1 : place.stop - 2], data[place.stop :]
            since = slave.doubt.hear(pdu)
            if request == marker and pdu.startswith(request.reply_start):
                slave.answers_marker = True
                if not slave.doubt.of_reads(marker):
                    return pdu, data
            if since == sent:
                return pdu, data
            if since is not None:
                slave.patience.late(self._line.heard_at - since)
        return None, data

    def _overheard(self, data: bytes) -> None:
        """A reply that comes late shows how slow its slave is."""
        for address, slave in list(self._asked.items()):
            for request, sent in slave.doubt.asked:
                if find(data, address, request) is not None:
                    slave.patience.late(self._line.heard_at - sent)
            if not slave.doubt.asked:
                del self._asked[address]

    def _behind_echo(self, data: bytes, frame: bytes, request: Request) -> tuple[bytes, bool]:
        """What stands behind our own echo, and whether there was one. A read teaches that the adapter makes it."""
        if (request.reads or self._echo) and (at := data.find(frame)) >= 0:
            if request.reads:
                self._echo, self._without_echo = True, 0
            return data[at + len(frame) :], True
        return data, False

    def _waits_for_echo(self, data: bytes, frame: bytes, slave: Slave, request: Request) -> bool:
        """Whether an echo is still to come. Replies to reads with nothing before them that one could have been teach that
        the adapter makes none.
        """
        if self._echo is None and frame.startswith(data):
            return True
        place = locate(data, slave.address, request) if request.reads else None
        if place is not None and place.start <= _NOISE_BEFORE_BYTES:
            self._without_echo += 1
            if self._echo is None or self._without_echo >= _UNLEARN_AFTER:
                self._echo = False
        return bool(self._echo)

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
