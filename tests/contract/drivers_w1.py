"""The bench of DS18B20 thermometers: the kernel's files in a directory of the test."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.w1.config import W1Config
from drivers.w1.driver import W1Device
from firmware_sim.w1 import Sensor
from model.observation import Poll
from support.driver_bench import DEVICE, GARBAGE, Bench, BenchContext, Manner, nobody

ID = "28-0316a2794bff"


class Ds18b20(Bench):
    """Word n is n degrees."""

    family, name = "w1", "ds18b20"
    complaints = {"absent": "w1_bus_absent", "denied": "w1_silent"}  # noqa: RUF012

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._file = directory / "w1" / ID / "w1_slave"
        self._n = 0

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> W1Device:
        base = port or str(self.directory / "w1")
        settings = {"id": DEVICE, "driver": "ds18b20", "sensors": {"room": ID}, "every_s": 0.1, "base": base}
        return W1Device(W1Config.model_validate(settings), context)

    def number(self, observation: Poll) -> int | None:
        (millidegrees,) = observation.values
        return None if millidegrees is None else round(millidegrees / 1000)

    async def plug(self) -> None:
        self._file.parent.mkdir(parents=True)
        self.next()

    def unplug(self) -> None:
        shutil.rmtree(self._file.parent, ignore_errors=True)

    def next(self) -> None:
        self._n += 1
        text = Sensor(ID, self._n, self._n).text()[0].encode()
        match self.manner:
            case Manner.WELL:
                self.said.append(self._n)
            case Manner.SILENT:
                text = b"ff ff ff ff ff ff ff ff ff : crc=c9 NO\nff ff ff ff ff ff ff ff ff t=-62\n"
            case Manner.GARBAGE:
                text = GARBAGE
            case Manner.CORRUPT:
                text = text.replace(b"4b", b"4a")
            case Manner.HALF:
                text = text[: len(text) // 2]
        fresh = self._file.with_suffix(".fresh")
        fresh.write_bytes(text)
        fresh.replace(self._file)

    @contextmanager
    def locked(self) -> Iterator[None]:
        self._file.chmod(0)
        with nobody():
            yield
