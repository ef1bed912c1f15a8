"""Questions to a line of which nothing is known: what comes back is told as it is. Nothing but reads goes out."""

import asyncio
from typing import Literal, NamedTuple, Protocol

from drivers.common.line import Line
from drivers.modbus.patience import Patience
from drivers.modbus.pdu import Request, SlaveMissed, SlaveRefused
from drivers.modbus.rtu import BITS_PER_CHAR, encode, find, locate, silence_s
from drivers.modbus.slave import Slave, Terms
from drivers.modbus.tcp import TcpFraming
from model.errors import TransientError

_BUSY_S = 1.0
_GAP_S = 0.1
"""Longer than that no frame stops in the middle, not even behind a serial server."""
_NOISE_MAX_BYTES = 1024
_FORGOTTEN = 4
"""So many times as long as a question was waited for, its reply may still come."""
_NOT_BEHIND_IT = (10, 11)
"""Exceptions of a gateway that speaks for a slave which it cannot reach."""


class Answer(NamedTuple):
    """`data` of a reply, `exception` of a slave that refuses; else bytes that are no frame, or nothing."""

    kind: Literal["reply", "exception", "damaged", "silent"]
    took_s: float = 0.0
    data: bytes = b""
    exception: int = 0

    @property
    def sound(self) -> bool:
        return self.kind in ("reply", "exception")


class _Asked(NamedTuple):
    """A question whose reply may still come; `until` then it is taken for possible."""

    address: int
    request: Request
    until: float


class Asker(Protocol):
    """`late` are addresses whose reply came when nobody waited any more; `unasked` counts bytes of which nobody was the
    addressee; `echo`: whether the adapter hears itself.
    """

    late: list[int]
    unasked: int
    echo: bool

    async def ask(self, address: int, request: Request, answer_s: float) -> Answer: ...


class RtuAsker:
    """RTU on an open port; `pause_s` of silence go before each question."""

    def __init__(self, line: Line, baudrate: int, pause_s: float) -> None:
        self.late: list[int] = []
        self.unasked = 0
        self.echo = False
        self._line = line
        self._char_s = BITS_PER_CHAR / baudrate
        self._pause_s = max(pause_s, silence_s(baudrate))
        self._open: list[_Asked] = []

    async def ask(self, address: int, request: Request, answer_s: float) -> Answer:
        """Raises TransientError `modbus_line_talks`, or `port_gone`."""
        assert request.reads, "who only looks changes nothing"
        await self._silence()
        await self._settle(address, request)
        frame = encode(address, request)
        await self._line.write(frame)
        loop = asyncio.get_running_loop()
        sent = loop.time()
        until = sent + answer_s + (len(frame) + request.reply_length + 3) * self._char_s
        data = b""
        while len(data) < _NOISE_MAX_BYTES:
            left_s = max(0.0, until - loop.time())
            more = await self._line.read(min(left_s, _GAP_S) if self._own(data, frame) else left_s)
            if not more:
                break
            data = self._belated(data + more)
            pdu = find(self._own(data, frame), address, request)
            if pdu is not None:
                took_s = loop.time() - sent
                if pdu[0] & 0x80:
                    return Answer("exception", took_s, exception=pdu[1])
                return Answer("reply", took_s, pdu[len(request.reply_start) :])
        if rest := self._own(data, frame):
            return Answer("damaged", loop.time() - sent, rest)
        self._open.append(_Asked(address, request, sent + _FORGOTTEN * answer_s))
        return Answer("silent")

    def _own(self, data: bytes, frame: bytes) -> bytes:
        """Without our own bytes, where the adapter gives them back."""
        at = data.find(frame)
        if at >= 0:
            self.echo = True
            return data[:at] + data[at + len(frame) :]
        return b"" if frame.startswith(data) else data

    def _belated(self, data: bytes) -> bytes:
        """Without replies to earlier questions."""
        for one in list(self._open):
            if place := locate(data, one.address, one.request):
                data = data[: place.start] + data[place.stop :]
                self.late.append(one.address)
                self._open.remove(one)
        return data

    async def _settle(self, address: int, request: Request) -> None:
        """Wait for replies that could be taken for the one to `request`."""
        loop = asyncio.get_running_loop()
        data = b""
        while alike := [
            one for one in self._open if one.address == address and one.request.function == request.function
        ]:
            more = await self._line.read(max(0.0, max(one.until for one in alike) - loop.time()))
            if not more:
                self._open = [one for one in self._open if one not in alike]
            data = self._belated((data + more)[-_NOISE_MAX_BYTES:])
        self.unasked += len(data)

    async def _silence(self) -> None:
        loop = asyncio.get_running_loop()
        give_up = loop.time() + _BUSY_S
        data = b""
        while more := await self._line.read(self._pause_s):
            data = (data + more)[-_NOISE_MAX_BYTES:]
            if loop.time() > give_up:
                raise TransientError("modbus_line_talks", port=self._line.port)
        self.unasked += len(self._belated(data))


class _Notes(Patience):
    """Of a slave that nobody learns to know: only that it answered late."""

    def __init__(self, answer_s: float, address: int, late: list[int]) -> None:
        super().__init__(fixed_s=answer_s)
        self._address, self._late = address, late

    def answered(self, took_s: float) -> None:
        """In time: no news."""

    def late(self, took_s: float) -> None:
        self._late.append(self._address)


class TcpAsker:
    """Modbus TCP on an open connection."""

    def __init__(self, line: Line, pause_s: float) -> None:
        self.late: list[int] = []
        self.unasked = 0
        self.echo = False
        self._framing = TcpFraming(line, line.port)
        self._pause_s = pause_s

    async def ask(self, address: int, request: Request, answer_s: float) -> Answer:
        """Raises TransientError `modbus_not_tcp` or `port_gone`."""
        assert request.reads, "who only looks changes nothing"
        await asyncio.sleep(self._pause_s)
        loop = asyncio.get_running_loop()
        sent = loop.time()
        slave = Slave(address, Terms(""))
        slave.patience = _Notes(answer_s, address, self.late)
        try:
            data = await self._framing.exchange(slave, request)
        except SlaveRefused as err:
            number = int(str(err.params["exception"]))
            if number in _NOT_BEHIND_IT:
                return Answer("silent", loop.time() - sent, exception=number)
            return Answer("exception", loop.time() - sent, exception=number)
        except SlaveMissed as err:
            return Answer("silent" if err.code == "modbus_timeout" else "damaged")
        return Answer("reply", loop.time() - sent, data)
