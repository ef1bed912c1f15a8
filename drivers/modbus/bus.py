"""The owner of a Modbus port: its devices ask one after the other; only what a profile allows is written."""

import asyncio
from abc import ABC, abstractmethod
from typing import Annotated, Literal, Protocol

from pydantic import Field

from drivers.common.config import BusConfig, Port, TcpPort
from drivers.common.line import Line
from drivers.common.transport import Parity, open_transport
from drivers.modbus.pdu import Request, SlaveError, SlaveMissed
from drivers.modbus.rtu import RtuFraming
from drivers.modbus.slave import Slave, Terms
from drivers.modbus.tcp import TcpFraming
from drivers.modbus.turns import Priority, Turns
from model.errors import PermanentError, TransientError
from model.ports import Context, Health


class Framing(Protocol):
    """What RTU and TCP have in common."""

    def ready_in(self, slave: Slave, request: Request, /) -> float: ...
    async def exchange(self, slave: Slave, request: Request) -> bytes: ...


class ModbusBus(ABC):
    """The part that does not depend on the wire."""

    def __init__(self, name: str, context: Context) -> None:
        self._name = name
        self._context = context
        self._slaves: dict[int, Slave] = {}
        self._turns = Turns()
        self._framing: Framing | None = None
        self._over: asyncio.Future[None] | None = None
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

        A slave that does not answer rests for a while: reads wait for the end of it, writes fail at once but for one every
        two seconds, for a siren whose board may be there again.
        Raises SlaveError (`modbus_...`), TransientError `bus_down`, PermanentError `write_forbidden`.
        """
        slave = self._slaves.get(address)
        if slave is None or not (request.reads or (request.targets and request.targets <= slave.terms.writes)):
            raise PermanentError("write_forbidden", bus=self._name, slave=address, function=request.function)
        framing = self._framing
        while framing is not None and framing is self._framing:
            if (wait_s := self._wait_s(framing, slave, request)) > 0:
                assert self._over
                await asyncio.wait({self._over}, timeout=wait_s)
                continue
            await self._turns.take(priority)
            try:
                if framing is self._framing and self._wait_s(framing, slave, request) <= 0:
                    return await self._exchange(framing, slave, request)
            finally:
                self._turns.give()
        raise TransientError("bus_down", bus=self._name)

    def _wait_s(self, framing: Framing, slave: Slave, request: Request) -> float:
        now = asyncio.get_running_loop().time()
        rest_s = slave.patience.rests_for(now)
        if request.reads:
            return max(framing.ready_in(slave, request), rest_s)
        if rest_s > 0 and not slave.patience.may_try(now):
            raise slave.patience.again()
        return framing.ready_in(slave, request)

    async def _exchange(self, framing: Framing, slave: Slave, request: Request) -> bytes:
        try:
            return await framing.exchange(slave, request)
        except SlaveError as err:
            if isinstance(err, SlaveMissed):
                slave.patience.missed(err, asyncio.get_running_loop().time())
            raise
        except TransientError as err:  # the port's
            if framing is self._framing and self._over and not self._over.done():
                self._over.set_exception(err)
            raise TransientError("bus_down", bus=self._name) from err

    async def run(self) -> None:
        """Serve until cancelled. When the port goes, all who wait get `bus_down`. Raises DriverError."""
        line = await self._open()
        self._over = asyncio.get_running_loop().create_future()
        lost = asyncio.ensure_future(line.lost())
        try:
            self._framing = self._new_framing(line)
            self.opened += 1
            self._context.health(Health.ONLINE)
            done, _ = await asyncio.wait({lost, self._over}, return_when=asyncio.FIRST_COMPLETED)
            for ended in done:
                ended.result()
        finally:
            self._framing = None
            lost.cancel()
            self._over.cancel()
            self._turns.close(TransientError("bus_down", bus=self._name))
            await line.close()

    @abstractmethod
    async def _open(self) -> Line: ...

    @abstractmethod
    def _new_framing(self, line: Line) -> Framing: ...


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

    def _new_framing(self, line: Line) -> Framing:
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

    def _new_framing(self, line: Line) -> Framing:
        return TcpFraming(line, self._config.port)
