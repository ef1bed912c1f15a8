"""Modbus devices for a gateway: the counting server as a process, and the settings of devices that ask it."""

import time
from pathlib import Path

from bench.process import Process, python


class ModbusServer(Process):
    """`bench.modbus_server`, ready."""

    def __init__(self, units: int, log: Path) -> None:
        super().__init__(python("-m", "bench.modbus_server", str(units)), log)
        self.port = int(self.line())

    def answered(self) -> int:
        """How many reads of registers it has answered."""
        return int(self.ask("count"))

    def silence(self, seconds: float = 1.5) -> int:
        """No poll is begun any more; how many reads it has answered, once those have been handed over that were."""
        self.ask("silence")
        time.sleep(seconds)
        return self.answered()

    def press(self, unit: int, bit: int) -> None:
        self.ask(f"press {unit} {bit}")


def devices(port: int, units: int, profile: str, every_s: float) -> str:
    """Settings of so many devices, each at its own address."""
    return "".join(
        f'[[bus]]\nid = "tcp{unit:03}"\ndriver = "modbus_tcp"\nport = "tcp://127.0.0.{unit}:{port}"\n'
        f'[[device]]\nid = "dev{unit:03}"\ndriver = "modbus"\nbus = "tcp{unit:03}"\nslave = {unit}\n'
        f'profile = "{profile}"\nevery_s = {every_s}\ntimeout_s = 2.0\n'
        for unit in range(1, units + 1)
    )
