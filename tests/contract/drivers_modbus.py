"""The benches of Modbus devices, each together with the bus that it hangs on: RTU and Modbus TCP."""

import asyncio
import struct

from pymodbus.framer.rtu import FramerRTU

from drivers.modbus.bus import ModbusBus, ModbusRtuBus, ModbusRtuConfig, ModbusTcpBus, ModbusTcpConfig
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from model.observation import Poll
from model.ports import Driver
from support.context import MemoryContext
from support.driver_bench import DEVICE, BenchContext
from support.line_bench import PolledBench

READ_INPUTS, ILLEGAL_ADDRESS = 4, 2
HUMIDITY = 546


class OnBus:
    """Runs the device once its bus is open; what ends one ends both."""

    def __init__(self, bus: ModbusBus, bus_context: MemoryContext, device: Driver) -> None:
        self._bus = bus
        self._bus_context = bus_context
        self._device = device

    async def run(self) -> None:
        self._bus_context.healths.clear()
        parts = [asyncio.create_task(self._bus.run()), asyncio.create_task(self._run_device())]
        try:
            await asyncio.wait(parts, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for part in parts:
                part.cancel()
            ended = await asyncio.gather(*parts, return_exceptions=True)
        for error in ended:
            if isinstance(error, Exception):
                raise error

    async def _run_device(self) -> None:
        await self._bus_context.until(lambda: self._bus_context.healths)
        await self._device.run()


class XyMd02(PolledBench):
    """Slave 1, FC04: register 1 is the temperature, 2 the humidity, in tenths; nothing else is there."""

    family = "modbus"
    stranger = b"\x02]E06901234567892\r"

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> OnBus:
        bus_context = MemoryContext("bus")
        bus = context.buses["bus"] = self.bus(port or self.port, bus_context)
        config = ModbusConfig(
            id=DEVICE, driver="modbus", bus="bus", slave=1, profile="xy-md02", every_s=0.05, timeout_s=patience_s
        )
        self._patience_s = patience_s
        return OnBus(bus, bus_context, ModbusDevice(config, context))

    def bus(self, port: str, context: MemoryContext) -> ModbusBus:
        return ModbusRtuBus(ModbusRtuConfig(id="bus", driver="modbus_rtu", port=port), context)

    def number(self, observation: Poll) -> int | None:
        return observation.values[observation.map.index["temperature"]]

    def hear(self, asked: bytes) -> None:
        self._asked = asked
        self.answer()

    def word(self, n: int) -> bytes:
        return self.wrapped(self._reply(self._asked[1:-2], n))

    def wrapped(self, pdu: bytes) -> bytes:
        body = self._asked[:1] + pdu
        return body + FramerRTU.compute_CRC(body).to_bytes(2, "big")

    @staticmethod
    def _reply(pdu: bytes, n: int) -> bytes:
        function, address, count = struct.unpack(">BHH", pdu)
        if function != READ_INPUTS or address < 1 or address + count > 3:
            return bytes((function | 0x80, ILLEGAL_ADDRESS))
        registers = (0, n, HUMIDITY)[address : address + count]
        return struct.pack(f">BB{count}H", function, 2 * count, *registers)


class Rtu(XyMd02):
    name = "rtu"


class RtuOverTcp(XyMd02):
    """Behind a serial server, which hands the bytes on as they are."""

    name, tcp = "rtu-over-tcp", True
    complaints = {"absent": "port_unreachable"}  # noqa: RUF012


class Tcp(XyMd02):
    name, tcp = "tcp", True
    complaints = {"absent": "port_unreachable"}  # noqa: RUF012

    def bus(self, port: str, context: MemoryContext) -> ModbusBus:
        return ModbusTcpBus(ModbusTcpConfig(id="bus", driver="modbus_tcp", port=port), context)

    def word(self, n: int) -> bytes:
        return self.wrapped(self._reply(self._asked[7:], n))

    def wrapped(self, pdu: bytes) -> bytes:
        return self._asked[:2] + struct.pack(">HHB", 0, 1 + len(pdu), self._asked[6]) + pdu
