"""A connection to an LLRP reader: what it says as it comes, the answers to what it is asked, the keepalives."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from drivers.common.line import Line
from drivers.rfid.llrp import params
from drivers.rfid.llrp.codec import CodecError, Deframer, Message, message
from drivers.rfid.llrp.commands import ALL_CAPABILITIES, ALL_CONFIG, EVERYTHING
from drivers.rfid.llrp.params import MessageType
from drivers.rfid.llrp.replies import Capabilities, ReaderConfig, Status, capabilities, events, reader_config, status
from model.errors import TransientError
from model.time import Clock, Stamp

T = TypeVar("T")

ANSWER_S = 5.0
"""Readers answer within milliseconds, but for deleting what runs."""
GATHER_S = 0.01
"""So much later than it came may a read be looked at, where others came just before it."""
PARTING_S = 1.0
"""So long may a reader take to see us off."""

Wanted = Callable[[Message], bool]
Unasked = Callable[[Message, Stamp], None]
"""Takes what answers no open question, and when it came."""


class Taken(TransientError):
    """The reader serves one client, and has one: asking it every few seconds would only disturb the two."""

    pause_s = 30.0


class Session:
    """All errors are TransientError: `port_gone`, `device_silent`, `device_not_understood`."""

    def __init__(self, line: Line, clock: Clock, unasked: Unasked) -> None:
        self._line = line
        self._clock = clock
        self._unasked = unasked
        self._deframer = Deframer()
        self._number = 0
        self.heard_us = clock.mono()
        """When a whole message came last (CLOCK_BOOTTIME): bytes alone are no sign of life. A length that lies would
        have us listen to it for ever."""

    async def receive(self, seconds: float, wanted: Wanted | None = None) -> list[Message]:
        """What came within that time. `unasked` is given all of it but what is wanted."""
        if self._deframer.broken:
            raise TransientError("device_not_understood", port=self._line.port)
        came = await self._line.read(max(0.0, seconds))
        if not came:
            return []
        at = self._clock.now()
        messages = self._deframer.feed(came)
        if messages:
            self.heard_us = at.mono
        for one in messages:
            if one.type == MessageType.KEEPALIVE:
                await self._line.write(message(MessageType.KEEPALIVE_ACK, one.id))
            if not (wanted and wanted(one)):
                self._unasked(one, at)
        return messages

    async def gather(self) -> None:
        """A reader that reports a lot does so in many small pieces. What is first in a while never waits."""
        await self._line.gather(GATHER_S)

    async def send(self, kind: MessageType, body: bytes = b"") -> int:
        self._number += 1
        await self._line.write(message(kind, self._number, body))
        return self._number

    async def ask(self, kind: MessageType, body: bytes = b"") -> bytes:
        """The body of the answer. Raises TransientError `llrp_refused` too."""
        number = await self.send(kind, body)
        wanted = (_answer_to(kind), MessageType.ERROR_MESSAGE)
        answer = await self._until(lambda one: one.id == number and one.type in wanted, ANSWER_S)
        said = self._understood(status, answer.body)
        if said.code != params.SUCCESS:
            raise refused(kind, said)
        return answer.body

    async def capabilities(self) -> Capabilities:
        return self._understood(capabilities, await self.ask(MessageType.GET_READER_CAPABILITIES, ALL_CAPABILITIES))

    async def config(self) -> ReaderConfig:
        return self._understood(reader_config, await self.ask(MessageType.GET_READER_CONFIG, ALL_CONFIG))

    async def greeted(self) -> None:
        """The reader says first whether it takes us. Raises TransientError of that name where not."""
        hello = await self._until(_about_connection, ANSWER_S)
        state = next(one.state for one in events(hello.body) if one.type == params.CONNECTION_ATTEMPT_EVENT)
        port = self._line.port
        if state == params.CONNECTION_READER_INITIATED:
            raise Taken("llrp_reader_initiated", port=port)
        if state == params.CONNECTION_IN_USE:
            raise Taken("llrp_in_use", port=port)
        if state == params.CONNECTION_ATTEMPTED:
            raise TransientError("llrp_attempted", port=port)
        if state != params.SUCCESS:
            raise TransientError("llrp_not_accepted", port=port, state=state)

    async def part(self, *, stopping: bool) -> None:
        """An orderly end, in bounded time, of a connection that may be dead. `stopping`: nothing shall be read any more."""
        with suppress(TransientError, TimeoutError):
            async with asyncio.timeout(PARTING_S):
                if stopping:
                    await self.send(MessageType.DELETE_ROSPEC, EVERYTHING)
                await self.send(MessageType.CLOSE_CONNECTION)
                await self._until(lambda one: one.type == MessageType.CLOSE_CONNECTION_RESPONSE, PARTING_S)

    def _understood(self, decode: Callable[[bytes], T], body: bytes) -> T:
        try:
            return decode(body)
        except CodecError as err:
            raise TransientError("device_not_understood", port=self._line.port) from err

    async def _until(self, wanted: Wanted, seconds: float) -> Message:
        end = asyncio.get_running_loop().time() + seconds
        while (left := end - asyncio.get_running_loop().time()) > 0:
            for one in await self.receive(left, wanted):
                if wanted(one):
                    return one
        raise self.silence()

    def silence(self) -> TransientError:
        """What it means that no message has come for too long."""
        unfinished = self._deframer.pending
        return TransientError("device_not_understood" if unfinished else "device_silent", port=self._line.port)


def _answer_to(kind: MessageType) -> MessageType:
    closing = kind is MessageType.CLOSE_CONNECTION
    return MessageType.CLOSE_CONNECTION_RESPONSE if closing else MessageType(kind + 10)


def refused(what: MessageType | None, said: Status) -> TransientError:
    """`what`: None where the reader does not say what it means."""
    return TransientError("llrp_refused", what=what.name if what else "-", number=said.code, text=said.text or "-")


def _about_connection(one: Message) -> bool:
    if one.type != MessageType.READER_EVENT_NOTIFICATION:
        return False
    try:
        return any(event.type == params.CONNECTION_ATTEMPT_EVENT for event in events(one.body))
    except CodecError:
        return False
