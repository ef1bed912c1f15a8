"""Our Modbus master asking as fast as it can: `python -m bench.master PORT BAUDRATE COUNT FUNCTION ADDRESS QUANTITY`.

It prints the seconds that it took and the processor's seconds.
"""

import asyncio
import sys
import time

from drivers.modbus.bus import ModbusBus, ModbusRtuBus, ModbusRtuConfig, ModbusTcpBus, ModbusTcpConfig
from drivers.modbus.pdu import read
from drivers.modbus.slave import Terms
from gateway.clock import SystemClock
from model.errors import DriverError
from model.ports import Health
from model.time import Clock

_WARM_UP = 20


class Context:
    """All that a bus needs of a gateway."""

    device = "bench"
    problem: DriverError | None = None

    def __init__(self) -> None:
        self.clock: Clock = SystemClock()
        self.online = asyncio.Event()

    def health(self, health: Health, error: DriverError | None = None) -> None:
        if health is Health.ONLINE:
            self.online.set()

    def emit(self, observation: object) -> None:
        raise AssertionError(observation)

    async def commit(self, observation: object) -> int:
        raise AssertionError(observation)

    def bus(self, name: str) -> ModbusBus:
        raise AssertionError(name)


async def main(port: str, baudrate: int, count: int, function: int, address: int, quantity: int) -> None:
    context = Context()
    bus: ModbusBus
    if port.startswith("tcp://"):
        bus = ModbusTcpBus(ModbusTcpConfig(id="b", driver="modbus_tcp", port=port), context)
    else:
        bus = ModbusRtuBus(ModbusRtuConfig(id="b", driver="modbus_rtu", port=port, baudrate=baudrate), context)
    bus.register(1, Terms("bench"))
    running = asyncio.create_task(bus.run())
    await context.online.wait()
    request = read(function, address, quantity)
    for _ in range(_WARM_UP):
        await bus.request(1, request)
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        await bus.request(1, request)
    print(time.perf_counter() - began, time.process_time() - cpu, flush=True)
    running.cancel()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], *map(int, sys.argv[2:])))
