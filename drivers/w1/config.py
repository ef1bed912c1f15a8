"""Settings of the DS18B20 thermometers that one driver reads."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from drivers.common.config import DeviceConfig, DevicePath, Name


def _sensor_number(value: str) -> str:
    if not re.fullmatch("28-[0-9a-f]{12}", value):
        raise PydanticCustomError("w1_sensor_number", "not the number of a DS18B20")
    return value


SensorId = Annotated[str, AfterValidator(_sensor_number)]


class W1Config(DeviceConfig):
    """`sensors`: a name for each number that `ls /sys/bus/w1/devices` shows. A measurement takes 0.75 s at 12 bits."""

    sensors: Annotated[dict[Name, SensorId], Field(min_length=1)]
    every_s: Annotated[float, Field(ge=0.1)] = 5.0
    base: DevicePath = "/sys/bus/w1/devices"
