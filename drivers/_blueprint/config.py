"""Settings of the blueprint."""

from drivers.common.config import Seconds, SerialDeviceConfig


class BlueprintConfig(SerialDeviceConfig):
    """It is asked every `every_s` and answers within `answer_s`, or not at all."""

    every_s: Seconds = 1.0
    answer_s: Seconds = 0.5
