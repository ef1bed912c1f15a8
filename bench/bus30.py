"""Thirty devices on one bus, polled as the gateway polls them: `python -m bench.bus30 PORT BAUDRATE SECONDS EVERY_S SLAVE...`.

Each slave is an XY-MD02 that is kept running by the supervisor. It prints one JSON line: the good polls of slaves 1 to 29, and the
time in ms from one poll of a device to its next.
"""

import asyncio
import json
import sys
from itertools import pairwise
from typing import Any

from bench.report import percentile
from drivers.modbus.bus import ModbusRtuBus, ModbusRtuConfig
from drivers.modbus.driver import ModbusConfig, ModbusDevice
from gateway.clock import SystemClock
from gateway.settings.schema import Configured
from gateway.supervisor import Supervised
from model.observation import Observation, Poll

COUNTED = range(1, 30)
_WARM_UP_S = 3.0


async def main(port: str, baudrate: int, seconds: float, every_s: float, slaves: list[int]) -> None:
    clock = SystemClock()
    counted: dict[str, list[int]] = {f"d{n}": [] for n in slaves if n in COUNTED}

    def emit(observation: Observation) -> None:
        if isinstance(observation, Poll) and observation.quality is None and observation.device in counted:
            counted[observation.device].append(observation.at.mono)

    def commit(observation: Observation) -> "asyncio.Future[int]":
        raise AssertionError(observation)

    supervised: dict[str, Supervised] = {}
    bus = ModbusRtuConfig(id="b", driver="modbus_rtu", port=port, baudrate=baudrate)

    def supervise(name: str, configured: Configured[Any]) -> Supervised:
        return Supervised(name, configured, clock, emit, commit, supervised, lambda _: None)

    supervised["b"] = supervise("b", Configured(ModbusRtuBus, bus))
    for n in slaves:
        config = ModbusConfig(id=f"d{n}", driver="modbus", bus="b", slave=n, profile="xy-md02", every_s=every_s)
        supervised[config.id] = supervise(config.id, Configured(ModbusDevice, config))
    running = [asyncio.create_task(one.keep()) for one in supervised.values()]
    await asyncio.sleep(_WARM_UP_S)
    for polls in counted.values():
        polls.clear()
    await asyncio.sleep(seconds)
    for task in running:
        task.cancel()
    gaps = [(b - a) / 1000 for times in counted.values() for a, b in pairwise(times)]
    good = sum(map(len, counted.values()))
    print(json.dumps({"polls": good, "gap_p50": percentile(gaps, 50), "gap_p99": percentile(gaps, 99)}), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), float(sys.argv[4]), [*map(int, sys.argv[5:])]))
