"""Settings of the DS18B20 thermometers that one driver reads."""

from typing import Annotated

from pydantic import Field, StringConstraints

from drivers.common.config import DeviceConfig, DevicePath, Name

SensorId = Annotated[str, StringConstraints(pattern=r"^28-[0-9a-f]{12}$")]


class W1Config(DeviceConfig):
    """`sensors`: a name for each number that `ls /sys/bus/w1/devices` shows. A measurement takes 0.75 s at 12 bits."""

    sensors: Annotated[dict[Name, SensorId], Field(min_length=1)]
    every_s: Annotated[float, Field(ge=0.1)] = 5.0
    base: DevicePath = "/sys/bus/w1/devices"
