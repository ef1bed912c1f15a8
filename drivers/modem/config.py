"""Settings of modems."""

from datetime import date
from typing import Annotated

from pydantic import Field, PositiveInt

from drivers.common.config import Seconds, SerialDeviceConfig


class ModemConfig(SerialDeviceConfig):
    """Looked after every `every_s`. It answers a command within `answer_s`, and the network takes a message within
    `network_s`, or neither ever does. `valid_until`: when the SIM card's subscription ends, of which `remind_days` before
    tell.
    """

    baudrate: PositiveInt = 115200
    every_s: Seconds = 10.0
    answer_s: Seconds = 5.0
    network_s: Seconds = 120.0
    valid_until: date | None = None
    remind_days: Annotated[int, Field(ge=0, le=365)] = 30
