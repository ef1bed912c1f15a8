"""The owner of a Modbus port: all devices on it ask through one queue; only what a profile allows is written."""

import asyncio
from abc import ABC, abstractmethod
from enum import IntEnum
from itertools import count
from typing import Annotated, Literal, NamedTuple, Protocol

from pydantic import Field

from drivers.common.config import BusConfig, Port, TcpPort
from drivers.common.line import Line
from drivers.common.transport import Parity, open_transport
from drivers.modbus.pdu import Request, SlaveError, SlaveMissed
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.slave import Slave, Terms
from drivers.modbus.tcp import TcpFraming
from model.errors import PermanentError, TransientError
from model.ports import Context, Health


class Priority(IntEnum):
    """Lower goes first."""

    WRITE = 0
    URGENT = 1
    NORMAL = 2


class Framing(Protocol):
    """What RTU and TCP have in common."""

    def ready_in(self, slave: Slave, /) -> float: ...
    async def exchange(self, slave: Slave, request: Request) -> bytes: ...


class _Job(NamedTuple):
    """Sorts by priority, then by age."""

    priority: Priority
    number: int
    slave: Slave
    request: Request
    reply: "asyncio.Future[bytes]"


class ModbusBus(ABC):
    """The part that does not depend on the wire."""

    def __init__(self, name: str, context: Context) -> None:
        self._name = name
        self._context = context
        self._slaves: dict[int, Slave] = {}
        self._numbers = count()
        self._jobs: asyncio.PriorityQueue[_Job] | None = None
        self._open_replies: set[asyncio.Future[bytes]] = set()
        self.opened = 0
        """How often the port was opened: what hangs on it may be something else each time."""

    def register(self, address: int, terms: Terms) -> Slave:
        """Take a slave's address for a device. Raises PermanentError `modbus_slave_taken`."""
        slave = self._slaves.setdefault(address, Slave(address, terms))
        if slave.terms != terms:
            raise PermanentError("modbus_slave_taken", bus=self._name, slave=address, device=slave.terms.device)
        return slave

    async def request(self, address: int, request: Request, priority: Priority = Priority.NORMAL) -> bytes:
        """The data of a read, or nothing once a write is confirmed.

        A slave that does not answer rests for a while: reads wait for the end of it, writes fail at once.
        Raises SlaveError (`modbus_...`), TransientError `bus_down`, PermanentError `write_forbidden`.
        """
        slave = self._slaves.get(address)
        if slave is None or not (request.reads or request.targets <= slave.terms.writes):
            raise PermanentError("write_forbidden", bus=self._name, slave=address, function=request.function)
        if self._jobs is None:
            raise TransientError("bus_down", bus=self._name)
        reply: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._open_replies.add(reply)
        self._jobs.put_nowait(_Job(priority, next(self._numbers), slave, request, reply))
        try:
            return await reply
        finally:
            self._open_replies.discard(reply)

    async def run(self) -> None:
        """Serve until cancelled. When the port goes, all who wait get `bus_down`. Raises DriverError."""
        line = await self._open()
        try:
            self._jobs = asyncio.PriorityQueue()
            self.opened += 1
            self._context.health(Health.ONLINE)
            await self._serve(self._framing(line), self._jobs)
        finally:
            self._jobs = None
            for reply in list(self._open_replies):
                if not reply.done():
                    reply.set_exception(TransientError("bus_down", bus=self._name))
            await line.close()

    async def _serve(self, framing: Framing, jobs: asyncio.PriorityQueue[_Job]) -> None:
        loop = asyncio.get_running_loop()
        while True:
            job = await jobs.get()
            if job.reply.done():
                continue  # nobody waits for it any more
            rest_s = job.slave.patience.rests_for(loop.time())
            if rest_s > 0 and not job.request.reads:
                job.reply.set_exception(job.slave.patience.again())
                continue
            wait_s = max(framing.ready_in(job.slave), rest_s)
            if wait_s > 0:
                loop.call_later(wait_s, jobs.put_nowait, job)
                continue
            try:
                data = await framing.exchange(job.slave, job.request)
            except SlaveError as err:
                if isinstance(err, SlaveMissed):
                    job.slave.patience.missed(err, loop.time())
                if not job.reply.done():
                    job.reply.set_exception(err)
            else:
                if not job.reply.done():
                    job.reply.set_result(data)

    @abstractmethod
    async def _open(self) -> Line: ...

    @abstractmethod
    def _framing(self, line: Line) -> Framing: ...


class ModbusRtuConfig(BusConfig):
    """A serial server sets its line itself; `baudrate` then says how long the bytes take on it."""

    port: Port
    baudrate: Annotated[int, Field(ge=1200, le=921600)] = 9600
    parity: Parity = "N"
    stopbits: Literal[1, 2] = 1


class ModbusRtuBus(ModbusBus):
    """RTU on a serial port, or over TCP behind a serial server that passes the bytes on as they are."""

    Config = ModbusRtuConfig

    def __init__(self, config: ModbusRtuConfig, context: Context) -> None:
        super().__init__(config.id, context)
        self._config = config

    async def _open(self) -> Line:
        c = self._config
        return await open_transport(c.port, baudrate=c.baudrate, parity=c.parity, stopbits=c.stopbits)

    def _framing(self, line: Line) -> Framing:
        return RtuFraming(line, self._config.baudrate)


class ModbusTcpConfig(BusConfig):
    port: TcpPort


class ModbusTcpBus(ModbusBus):
    """Modbus TCP to a device or a gateway: `port = "tcp://host:502"`."""

    Config = ModbusTcpConfig

    def __init__(self, config: ModbusTcpConfig, context: Context) -> None:
        super().__init__(config.id, context)
        self._config = config

    async def _open(self) -> Line:
        return await open_transport(self._config.port)

    def _framing(self, line: Line) -> Framing:
        return TcpFraming(line, self._config.port)
