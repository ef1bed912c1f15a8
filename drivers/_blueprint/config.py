"""Settings of the blueprint."""

from typing import Annotated

from pydantic import Field

from drivers.common.config import SerialDeviceConfig

Seconds = Annotated[float, Field(gt=0)]


class BlueprintConfig(SerialDeviceConfig):
    """It is asked every `every_s` and answers within `answer_s`, or not at all."""

    every_s: Seconds = 1.0
    answer_s: Seconds = 0.5
