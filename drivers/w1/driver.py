"""DS18B20 thermometers as a driver, by the files of the kernel's w1_therm."""

import asyncio
import os
from functools import partial
from pathlib import Path

from drivers.common.line import Condition
from drivers.common.worker import Worker
from drivers.w1.codec import Sensor
from drivers.w1.config import W1Config
from model.errors import SettingsError, TransientError
from model.observation import Point, PointMap, Poll, Quality
from model.ports import Context

READ_S = 3.0
"""How long one file may take: the kernel asks a sensor three times, 0.75 s each."""
MEASURE_S = 0.75
"""How long each further one may: sensors that live on the data wire alone measure one after the other."""
GIVE_UP_AFTER = 3
"""Rounds in which no sensor says anything, until the bus counts as gone: noise on the wires is shorter."""
BULK = "therm_bulk_read"
TRIGGER = b"trigger\n"


class W1Device:
    """All sensors in one poll. One that is gone or hangs is a COMM_ERROR of its own and delays no other."""

    Config = W1Config

    def __init__(self, config: W1Config, context: Context) -> None:
        self._config = config
        self._context = context
        self._folders = [Path(config.base, sensor) for sensor in config.sensors.values()]
        self._trigger = Worker(self._convert_all)
        self._workers = [Worker(partial(_text, folder)) for folder in self._folders]

    @staticmethod
    def point_map(config: W1Config) -> PointMap:
        """Millidegrees, as the kernel gives them. Raises SettingsError `w1_sensor_twice`."""
        names: dict[str, str] = {}
        for name, sensor in config.sensors.items():
            if names.setdefault(sensor, name) != name:
                raise SettingsError("w1_sensor_twice", sensor=sensor, name=name, owner=names[sensor])
        return PointMap(config.id, "ds18b20", 1, tuple(Point(name, "Cel", 0.001) for name in config.sensors))

    @property
    def read_s(self) -> float:
        """How long a file may take while those of all others are read."""
        return READ_S + MEASURE_S * (len(self._workers) - 1)

    async def run(self) -> None:
        config = self._config
        points = self.point_map(config)
        sensors = [Sensor() for _ in config.sensors]
        condition = Condition(self._context)
        silent = GIVE_UP_AFTER  # while none has ever answered, they are not there: that is no reading
        loop = asyncio.get_running_loop()
        start = loop.time()
        while True:
            await self._trigger.result(READ_S)
            texts = await asyncio.gather(*(worker.result(self.read_s) for worker in self._workers))
            read = [sensor.read(text or b"") for sensor, text in zip(sensors, texts, strict=True)]
            values, quality = [value for value, _ in read], [quality for _, quality in read]
            mute = [name for name, q in zip(config.sensors, quality, strict=True) if q is Quality.COMM_ERROR]
            silent = silent + 1 if len(mute) == len(read) else 0
            if silent <= GIVE_UP_AFTER:
                good = all(q is Quality.GOOD for q in quality)
                self._context.emit(
                    Poll(config.id, points, values, self._context.clock.now(), None if good else quality)
                )
            if silent >= GIVE_UP_AFTER:
                raise self._absent()
            if mute:
                condition.wrong(TransientError("w1_sensor_silent", sensors=", ".join(mute)))
            else:
                condition.good()
            # on an absolute schedule: slots that a slow round has missed are skipped
            await asyncio.sleep(config.every_s - (loop.time() - start) % config.every_s)

    def _absent(self) -> TransientError:
        base = Path(self._config.base)
        if not base.is_dir():
            return TransientError("w1_bus_absent", base=base)
        if not any(folder.is_dir() for folder in self._folders):
            return TransientError("w1_sensors_absent", base=base, found=", ".join(_found(base)) or "-")
        return TransientError("w1_silent", base=base)

    def _convert_all(self) -> None:
        """One measurement of all sensors on a bus at the same time, where the kernel can (5.8) and lets us: it is root's file.

        The write returns when they have measured; their files then give that at once.
        """
        for bus in {folder.resolve().parent for folder in self._folders if folder.exists()}:
            try:
                file = os.open(bus / BULK, os.O_WRONLY)
            except OSError:
                continue
            try:
                os.write(file, TRIGGER)
            except OSError:
                pass
            finally:
                os.close(file)


def _text(folder: Path) -> bytes:
    try:
        return (folder / "w1_slave").read_bytes()
    except OSError:
        return b""


def _found(base: Path) -> list[str]:
    return sorted(path.name for path in base.glob("28-*"))
