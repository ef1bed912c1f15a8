"""What a DS18B20's `w1_slave` file says, and when it is a lie. Pure.

The file shows the nine bytes of the sensor's memory twice, then the temperature in millidegrees:

    72 01 4b 46 7f ff 0e 10 57 : crc=57 YES
    72 01 4b 46 7f ff 0e 10 57 t=23125
"""

import re

from drivers.common.checksum import dallas_crc8
from model.observation import Quality

POWER_ON = 85_000
"""What the sensor's memory says before it has ever measured: after its power failed for a moment, and on bad wiring."""
JUMP = 5_000
"""So near to 85 °C a sensor must have been just before, or 85 is what it says after a reset."""
LOWEST, HIGHEST = -55_000, 125_000
"""The sensor measures nothing outside; -127 and 127.94 come from bad wiring."""

_FILE = re.compile(rb"((?:[0-9a-f]{2} ){9}): crc=[0-9a-f]{2} YES\n(?:[0-9a-f]{2} ){9}t=(-?\d{1,6})\n")


class Sensor:
    """Tells the values of one sensor from its lies, which only what it said before shows."""

    def __init__(self) -> None:
        self._last: int | None = None

    def read(self, text: bytes) -> tuple[int | None, Quality]:
        """Millidegrees, None where the quality is not good: COMM_ERROR where the bus was wrong, else SENSOR_FAULT."""
        found = _FILE.fullmatch(text)
        if found is None:
            return None, Quality.COMM_ERROR
        memory, value = bytes.fromhex(found[1].decode()), int(found[2])
        if dallas_crc8(memory) or value != _millidegrees(memory):
            return None, Quality.COMM_ERROR
        if not any(memory) or not LOWEST <= value <= HIGHEST:
            return None, Quality.SENSOR_FAULT
        if value == POWER_ON and (self._last is None or abs(self._last - value) > JUMP):
            return None, Quality.SENSOR_FAULT
        self._last = value
        return value, Quality.GOOD


def _millidegrees(memory: bytes) -> int:
    """As the kernel computes them: 1/16 °C, cut off towards zero."""
    sixteenths = int.from_bytes(memory[:2], "little", signed=True)
    return int(sixteenths * 1000 / 16)
