"""Who is on a Modbus line? Slowly, with reads alone; what answers at all, be it with an exception, is there."""

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from drivers.common.line import Line
from drivers.common.transport import Parity, open_transport
from drivers.modbus.asker import Answer, Asker, RtuAsker, TcpAsker
from drivers.modbus.candidates import Candidate, candidates
from drivers.modbus.pdu import READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS, Request, read
from drivers.modbus.plan import Plan
from model.errors import DriverError, TransientError

NEAR = 10
"""Nearly all devices come out of their box with an address up to here: these are tried with all settings first."""
ANSWER_S = 0.25
PAUSE_S = 0.05
_PATIENCE = 4
"""So many times longer is waited for one of whom something was heard."""
_UNSEEN_BAUDRATE = 9600
"""What is assumed of the line behind a serial server."""
_ALL_ANSWER = 8
"""So many addresses in a row, and all answer."""
_FIRST = read(READ_HOLDING_REGISTERS, 0, 1)
_SECOND = read(READ_INPUT_REGISTERS, 1, 1)
"""For those that have only input registers and are silent to all else."""


class Setting(NamedTuple):
    """How a line is set. In its place None where a serial server sets its own, and for Modbus TCP."""

    baudrate: int
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1

    def __str__(self) -> str:
        return f"{self.baudrate} 8{self.parity}{self.stopbits}"


_LIKELY = (
    Setting(9600),
    Setting(4800),
    Setting(9600, "E"),
    Setting(19200),
    Setting(19200, "E"),
    Setting(19200, "N", 2),
    Setting(115200),
    Setting(38400),
    Setting(57600),
    Setting(2400),
    Setting(2400, "E"),
    Setting(1200),
    Setting(9600, "O"),
    Setting(19200, "O"),
    Setting(9600, "N", 2),
)


def likely(plans: Sequence[Plan]) -> list[Setting]:
    """All settings worth a try, the most likely first, with those that a known device has out of its box."""
    known = [setting for how in plans if (setting := _usual(how))]
    return list(dict.fromkeys((*_LIKELY, *known)))


def narrowed(settings: Sequence[Setting], baudrates: Sequence[int], parities: Sequence[str]) -> list[Setting]:
    """Those of these baud rates and parities, where some are given; a baud rate that nobody has otherwise, too."""
    rare = [Setting(baudrate, parity) for baudrate in baudrates for parity in ("N", "E", "O")]
    return [
        one
        for one in dict.fromkeys((*settings, *rare))
        if (not baudrates or one.baudrate in baudrates) and (not parities or one.parity in parities)
    ]


def _usual(how: Plan) -> Setting | None:
    line = how.profile.line
    return Setting(line.baudrate, line.parity, line.stopbits) if line else None


@dataclass(frozen=True)
class FoundSlave:
    """`exception` is 0 where it gave what it was asked for."""

    address: int
    setting: Setting | None
    took_s: float
    exception: int
    candidates: tuple[Candidate, ...]


class Progress(NamedTuple):
    """What is asked next, and how long all that is left will take if nobody answers."""

    setting: Setting | None
    address: int
    left_s: float


Left = deque[tuple[Setting | None, int]]


@dataclass
class Scan:
    """A search of one port. What it knows so far stands in its fields, also after it was cancelled.

    `tcp`: Modbus TCP, or RTU, at an address of the network; None: it is tried out.
    """

    port: str
    settings: Sequence[Setting]
    addresses: Sequence[int]
    plans: Sequence[Plan]
    tcp: bool | None = None
    answer_s: float = ANSWER_S
    pause_s: float = PAUSE_S
    found: list[FoundSlave] = field(default_factory=list)
    asked: int = 0
    echo: bool = False
    unasked: int = 0
    """Bytes that came though nobody was asked."""
    damaged: set[tuple[Setting | None, int]] = field(default_factory=set)
    """Where bytes came again and again that were no frame."""

    async def run(self) -> AsyncGenerator[FoundSlave | Progress, None]:
        """Raises TransientError `port_...`, `modbus_line_talks` or `modbus_not_tcp`."""
        loop = asyncio.get_running_loop()
        began = loop.time()
        network = self.port.startswith("tcp://")
        if network and self.tcp is None:
            self.tcp = await self._speaks_tcp()
        near = [address for address in self.addresses if address <= NEAR]
        far = [address for address in self.addresses if address > NEAR]
        settings: list[Setting | None] = [None] if network else list(self.settings)
        left = deque((setting, address) for group in (near, far) for setting in settings for address in group)
        while left:
            setting, _ = left[0]
            async with self._asker(setting) as asker:
                if asker is None:
                    left = deque(one for one in left if one[0] != setting)
                    continue
                while left and left[0][0] == setting:
                    _, address = left.popleft()
                    each_s = (loop.time() - began) / self.asked if self.asked else self.answer_s + self.pause_s
                    yield Progress(setting, address, each_s * (1 + len(left)))
                    self.asked += 1
                    for slave in await self._look(asker, setting, address):
                        yield slave
                    left = self._narrowed(left, setting)

    @property
    def driver(self) -> str:
        """Of the bus that speaks to those who were found."""
        return "modbus_tcp" if self.tcp else "modbus_rtu"

    @property
    def alike(self) -> bool:
        """Every address answers: the device does not look at it."""
        return bool(self.tcp) and len(self.found) == self.asked >= _ALL_ANSWER

    def problems(self) -> list[DriverError]:
        """What the search says about the line, in the words of the person who can put it right."""
        told: list[DriverError] = []
        if self.echo:
            told.append(TransientError("discover_echo", port=self.port))
        if self.alike:
            told.append(TransientError("discover_alike", port=self.port))
        for one in self.found:
            if one.took_s > self.answer_s:
                seconds = f"{math.ceil(20 * one.took_s) / 10:.1f}"
                ms = round(one.took_s * 1000)
                told.append(TransientError("discover_slow", address=one.address, ms=ms, timeout_s=seconds))
        settings = {one.setting for one in self.found}
        if self.found:
            at_these = sorted(address for setting, address in self.damaged if setting in settings)
            told += [TransientError("discover_collision", port=self.port, address=address) for address in at_these]
        elif len(self.damaged) == 1:
            ((_, only),) = self.damaged
            told.append(TransientError("discover_damaged", port=self.port, address=only))
        elif self.damaged:
            told.append(TransientError("discover_garbled", port=self.port))
        elif not self.found:
            code = "discover_unasked" if self.unasked else "discover_nobody"
            told.append(TransientError(code, port=self.port, bytes=self.unasked))
        return told

    def _narrowed(self, left: Left, setting: Setting | None) -> Left:
        """A bus has one setting, and where bytes come it is more likely than elsewhere."""
        if self.alike:
            return deque()
        if self.found:
            return deque(one for one in left if one[0] == setting)
        if any(place == setting for place, _ in self.damaged):
            return deque(sorted(left, key=lambda one: one[0] != setting))
        return left

    @asynccontextmanager
    async def _asker(self, setting: Setting | None) -> AsyncIterator[Asker | None]:
        """None where the port cannot be set so: not every adapter can do all, but one setting it must."""
        try:
            line = await _opened(self.port, setting)
        except TransientError as err:
            if err.code != "port_unreachable" or not self.asked:
                raise
            yield None
            return
        baudrate = setting.baudrate if setting else _UNSEEN_BAUDRATE
        asker = TcpAsker(line, self.pause_s) if self.tcp else RtuAsker(line, baudrate, self.pause_s)
        try:
            yield asker
        finally:
            self.echo = self.echo or asker.echo
            self.unasked += asker.unasked
            await line.close()

    async def _speaks_tcp(self) -> bool:
        """Where nobody answers either way, the port says what is usual on it."""
        line = await _opened(self.port, None)
        try:
            for address in self.addresses[:2]:
                answer = await TcpAsker(line, self.pause_s).ask(address, _FIRST, _PATIENCE * self.answer_s)
                if answer.sound or answer.exception:
                    return True
        except TransientError as err:
            if err.code != "modbus_not_tcp":
                raise
            return False
        finally:
            await line.close()
        return self.port.endswith(":502")

    async def _look(self, asker: Asker, setting: Setting | None, address: int) -> list[FoundSlave]:
        """Who is at that address, and who answered late at an earlier one."""
        answer = await asker.ask(address, _FIRST, self.answer_s)
        if answer.kind == "silent" and (address <= NEAR or self.found):
            answer = await asker.ask(address, _SECOND, self.answer_s)
        if answer.kind == "damaged":
            again = [await self._patiently(asker, address) for _ in range(2)]
            if any(one.kind == "damaged" for one in again):
                self.damaged.add((setting, address))
            answer = next((one for one in again if one.sound), answer)
        heard = {address: answer} if answer.sound else {}
        known = {one.address for one in self.found}
        while asker.late:
            late = asker.late.pop()
            if late not in heard and late not in known:
                await self._patiently(asker, late)  # it may have had to answer other questions before
                heard[late] = await self._patiently(asker, late)
        new = [
            FoundSlave(at, setting, one.took_s, one.exception, await self._candidates(asker, setting, at, one))
            for at, one in heard.items()
            if one.sound and at not in known
        ]
        self.found += new
        return new

    async def _patiently(self, asker: Asker, address: int) -> Answer:
        answer = await asker.ask(address, _FIRST, _PATIENCE * self.answer_s)
        return answer if answer.kind != "silent" else await asker.ask(address, _SECOND, _PATIENCE * self.answer_s)

    async def _candidates(
        self, asker: Asker, setting: Setting | None, address: int, first: Answer
    ) -> tuple[Candidate, ...]:
        patience_s = max(self.answer_s, 3 * first.took_s)
        known: dict[bytes, Answer] = {}

        async def ask(request: Request) -> Answer:
            if request.pdu not in known:
                known[request.pdu] = await asker.ask(address, request, patience_s)
            return known[request.pdu]

        return tuple(await candidates(ask, self.plans, lambda how: setting is not None and setting == _usual(how)))


async def _opened(port: str, setting: Setting | None) -> Line:
    baudrate, parity, stopbits = setting or Setting(_UNSEEN_BAUDRATE)
    return await open_transport(port, baudrate=baudrate, parity=parity, stopbits=stopbits)
