"""XY-MD02 and Renke RS-WS-N01. Their values move by themselves, and no pair of values returns within 1000 replies.

Both stand still where both were set."""

import random
import struct
import time
from collections import deque
from dataclasses import dataclass

from firmware_sim.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, Refused, Slave
from firmware_sim.wire import WireLog

_REMEMBERED_PAIRS = 1000
_HUMIDITY_LOW, _HUMIDITY_HIGH = 450, 950  # 0.1 %RH


@dataclass(frozen=True)
class Model:
    """Where a family has what: names of the measured registers of `function`, holding registers with factory values."""

    family: str
    function: int
    places: dict[int, str]
    settings: dict[int, int]
    sentinels: dict[str, int]
    address: int
    """The setting that holds its address."""
    all_devices: int | None = None
    """Whoever asks this address for that setting is answered, in this name."""


XY_MD02 = Model(
    "xy-md02",
    function=4,
    places={1: "temperature", 2: "humidity"},
    address=0x0101,
    settings={0x0102: 9600, 0x0103: 0, 0x0104: 0},
    # none is documented; 0xFFFF for humidity was seen in the field
    sentinels={"temperature": -0x8000, "humidity": 0xFFFF},
)
RENKE = Model(
    "renke",
    function=3,
    places={0: "humidity", 1: "temperature"},
    address=0x07D0,
    all_devices=0xFF,
    settings={0x07D1: 1},
    sentinels={"temperature": -0x8000, "humidity": 0x8000},
)


class Thermometer(Slave):
    """Temperature s16 and humidity u16, both in tenths."""

    has_sentinel = True

    def __init__(self, model: Model, unit: int, log: WireLog) -> None:
        super().__init__(unit, log)
        self.family = model.family
        self._model = model
        self._from = self._to = 4.0
        self._per_s = 0.0
        self._since = time.monotonic()
        self._still: dict[str, int] | None = None
        self._humidity = random.randint(_HUMIDITY_LOW, _HUMIDITY_HIGH)
        self._recent: deque[tuple[int, int]] = deque(maxlen=_REMEMBERED_PAIRS)
        self._holding = model.settings | {model.address: unit}

    @property
    def base(self) -> float:
        """Degrees Celsius around which the readings jitter."""
        way = (time.monotonic() - self._since) * self._per_s
        if self._from <= self._to:
            return min(self._from + way, self._to)
        return max(self._from - way, self._to)

    def set(self, temperature: float, humidity: float | None) -> None:
        self._from = self._to = temperature
        self._still = None
        if humidity is not None:
            self._still = {"temperature": round(temperature * 10), "humidity": round(humidity * 10)}

    def ramp(self, to: float, per_s: float) -> None:
        self._still = None
        self._from, self._to, self._per_s, self._since = self.base, to, abs(per_s), time.monotonic()

    def _step(self) -> dict[str, int]:
        if self.fault and self.fault.kind == "sentinel":
            return self._model.sentinels
        if self._still:
            return self._still
        self._humidity += 1
        if self._humidity > _HUMIDITY_HIGH:
            self._humidity = _HUMIDITY_LOW
        base = round(self.base * 10)
        pair = next(
            pair
            for jitter in random.sample(range(-2, 3), 5)
            if (pair := (base + jitter, self._humidity)) not in self._recent
        )
        self._recent.append(pair)
        return {"temperature": pair[0], "humidity": pair[1]}

    def answers_as(self, unit: int, pdu: bytes, /) -> int | None:
        asked = struct.pack(">BHH", 3, self._model.address, 1)
        return unit if (unit, pdu) == (self._model.all_devices, asked) else super().answers_as(unit, pdu)

    def registers(self, function: int, address: int, count: int, /) -> list[int]:
        wanted = range(address, address + count)
        places = self._model.places if function == self._model.function else {}
        values = self._step() if any(place in places for place in wanted) else {}
        words = []
        for place in wanted:
            if name := places.get(place):
                self.carried[name] = values[name]
                words.append(values[name] & 0xFFFF)
            elif function == 3 and place in self._holding:
                words.append(self._holding[place])
            else:
                raise Refused(ILLEGAL_ADDRESS if function in (3, self._model.function) else ILLEGAL_FUNCTION)
        return words

    def write_register(self, address: int, value: int, /) -> None:
        if address not in self._holding:
            raise Refused(ILLEGAL_ADDRESS)
        self._holding[address] = value
