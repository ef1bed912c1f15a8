"""Which readers of cards and tags are there? Each port is asked in turn; only an answer whose checksum holds counts."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from drivers.common.line import Line
from drivers.common.ports import sought
from drivers.common.transport import open_transport
from drivers.rfid.llrp.session import Session
from drivers.rfid.llrp.who import Identity, identity, who
from gateway.reader_questions import CARDS, QUESTIONS, UHFREADER, Answer, Question, order
from model.errors import DriverError
from model.time import Clock

ANSWER_S = 0.3
PAUSE_S = 0.1
GREETING_S = 1.0
"""Within this time an LLRP reader has spoken first."""
LLRP_PORT = 5084
UHFREADER_PORTS = (6000, 27011)
_ABSENT = ("port_unreachable", "device_silent", "device_not_understood")
"""Of a port of the network that was only guessed: nobody is there."""


class Asking(NamedTuple):
    """What is asked next. `baudrate` is None on the network."""

    port: str
    protocol: str
    baudrate: int | None


class Listening(NamedTuple):
    """Now a card must be held to the reader."""

    ports: tuple[str, ...]
    seconds: float


class FoundReader(NamedTuple):
    """A reader whose answer had the right checksum."""

    port: str
    baudrate: int | None
    protocol: str
    driver: str
    answer: Answer


Event = Asking | Listening | FoundReader


@dataclass
class Search:
    """What it knows so far stands in its fields, also after it was cancelled."""

    ports: Sequence[str]
    hosts: Sequence[str]
    listen_s: float
    clock: Clock
    tell: Callable[[Event], None]
    answer_s: float = ANSWER_S
    found: list[FoundReader] = field(default_factory=list)
    problems: list[DriverError] = field(default_factory=list)

    async def run(self) -> None:
        """All ports at once, each with one question after the other; then those that nobody answered on are listened to."""
        async with asyncio.TaskGroup() as group:
            for port in self.ports:
                group.create_task(self._port(port))
            for host in self.hosts:
                group.create_task(self._host(host))
        known = {one.port for one in self.found} | {str(problem.params.get("port")) for problem in self.problems}
        quiet = tuple(port for port in self.ports if port not in known)
        if quiet and self.listen_s:
            self.tell(Listening(quiet, self.listen_s))
            async with asyncio.TaskGroup() as group:
                for port in quiet:
                    group.create_task(self._listen(port))

    async def _port(self, port: str) -> None:
        network = port.startswith("tcp://")
        with self._noted(port):
            for baudrate, questions in [(None, list(QUESTIONS))] if network else order():
                async with _opened(port, baudrate) as line:
                    if network and await self._greeting(line):
                        return
                    for question in questions:
                        if await self._ask(line, question, baudrate):
                            return

    async def _host(self, host: str) -> None:
        bracketed = f"[{host}]" if ":" in host else host
        for number in UHFREADER_PORTS:
            port = f"tcp://{bracketed}:{number}"
            with self._noted(port, guessed=True):
                async with _opened(port, None) as line:
                    await self._ask(line, UHFREADER, None)
        port = f"tcp://{bracketed}:{LLRP_PORT}"
        with self._noted(port, guessed=True):
            self.tell(Asking(port, "llrp", None))
            self._llrp(port, await who(host, LLRP_PORT, self.clock))

    async def _greeting(self, line: Line) -> bool:
        """Whether it is an LLRP reader. Raises TransientError where it is one and does not take us."""
        self.tell(Asking(line.port, "llrp", None))
        session = Session(line, self.clock, lambda _message, _at: None)
        try:
            async with asyncio.timeout(GREETING_S):
                await session.greeted()
        except TimeoutError:
            return False
        except DriverError as err:
            if err.code in _ABSENT:
                return False
            raise
        self._llrp(line.port, await identity(session))
        return True

    def _llrp(self, port: str, it: Identity) -> None:
        says = f"{it.manufacturer}/{it.model}, {it.firmware}"
        self._found(FoundReader(port, None, "llrp", "rfid_llrp", Answer(says, {})))

    async def _ask(self, line: Line, question: Question, baudrate: int | None) -> bool:
        self.tell(Asking(line.port, question.protocol, baudrate))
        if question.before:
            await line.write(question.before)
            until = asyncio.get_running_loop().time() + self.answer_s
            while asyncio.get_running_loop().time() < until and await line.read(PAUSE_S):
                pass
        await line.write(question.asked)
        return await self._hear(line, question, baudrate, self.answer_s)

    async def _listen(self, port: str) -> None:
        network = port.startswith("tcp://")
        with self._noted(port):
            baudrate = None if network else CARDS.baudrates[0]
            async with _opened(port, baudrate) as line:
                await self._hear(line, CARDS, baudrate, self.listen_s)

    async def _hear(self, line: Line, question: Question, baudrate: int | None, seconds: float) -> bool:
        loop, parser = asyncio.get_running_loop(), question.parser()
        until = loop.time() + seconds
        while (left := until - loop.time()) > 0:
            came = await line.read(left)
            for frame in parser.feed(came) if came else parser.flush():
                if answer := question.judge(frame):
                    self._found(FoundReader(line.port, baudrate, question.protocol, question.driver, answer))
                    return True
        return False

    def _found(self, one: FoundReader) -> None:
        self.found.append(one)
        self.tell(one)

    @contextmanager
    def _noted(self, port: str, *, guessed: bool = False) -> Iterator[None]:
        """What is wrong with one port ends nothing but the search there."""
        try:
            yield
        except DriverError as err:
            if not (guessed and err.code in _ABSENT):
                self.problems.append(sought(err, port))


@asynccontextmanager
async def _opened(port: str, baudrate: int | None) -> AsyncIterator[Line]:
    line = await (open_transport(port) if baudrate is None else open_transport(port, baudrate=baudrate))
    try:
        yield line
    finally:
        await line.close()
