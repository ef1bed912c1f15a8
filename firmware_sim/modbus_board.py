"""A slave that is a table: named values in registers, named bits in coils, inputs or registers.

What its table does not name is refused, holes between named registers too: what stands there is in no document.
"""

import random
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from firmware_sim.modbus_slave import ILLEGAL_ADDRESS, ILLEGAL_FUNCTION, ILLEGAL_VALUE, Refused, Slave
from firmware_sim.wire import WireLog

_ON, _OFF = 0xFF00, 0x0000


@dataclass(frozen=True)
class Value:
    """A number that FC `function` reads at `address`, as `form` packs it (of `struct`, high byte first).

    `start`, in its unit, is where it stands until it is told otherwise, moving by `wander` counts of `scale` to either
    side. `broken` are the counts that it reads when its sensor is broken, by what is wrong; without them it keeps the
    last ones. `alarm` is the bit that changes with it then.
    """

    name: str
    function: int
    address: int
    start: float = 0.0
    scale: float = 1.0
    form: str = "h"
    low_first: bool = False
    wander: int = 0
    broken: dict[str, int] = field(default_factory=dict)
    alarm: str = ""
    writable: bool = False

    def words(self, counts: float) -> list[int]:
        packed = struct.pack(f">{self.form}", counts)
        words = list(struct.unpack(f">{len(packed) // 2}H", packed))
        return words[::-1] if self.low_first else words


@dataclass(frozen=True)
class Bit:
    """A coil (FC01), an input (FC02), or bit `place` of the register that FC `function` reads at `address`."""

    name: str
    function: int
    address: int
    place: int = 0
    start: bool = False
    writable: bool = False


@dataclass(frozen=True)
class Model:
    """One family: its table, and how much of it a request may ask for."""

    family: str
    title: str
    values: tuple[Value, ...] = ()
    bits: tuple[Bit, ...] = ()
    max_registers: int = 125
    guard_s: float = 0.0
    unit: int = 1
    universal: int | None = None
    """An address at which it answers beside its own."""


class Board(Slave):
    def __init__(self, model: Model, unit: int, log: WireLog) -> None:
        super().__init__(unit, log)
        self.family = model.family
        self.guard_s = model.guard_s
        self.has_sentinel = any(value.broken for value in model.values)
        self._model = model
        self._values = {value.name: value for value in model.values}
        self._bits = {bit.name: bit for bit in model.bits}
        self._stand = {value.name: value.start for value in model.values}
        self._state = {bit.name: bit.start for bit in model.bits}
        self._wandering = {value.name for value in model.values if value.wander}
        self._broken: dict[str, str] = {}

    def answers_as(self, unit: int, pdu: bytes, /) -> int | None:
        return unit if unit == self._model.universal else super().answers_as(unit, pdu)

    def registers(self, function: int, address: int, count: int, /) -> list[int]:
        image = self._image(function)
        if not image:
            raise Refused(ILLEGAL_FUNCTION)
        if count > self._model.max_registers:
            raise Refused(ILLEGAL_VALUE)
        wanted = range(address, address + count)
        try:
            words = [image[place][1] for place in wanted]
        except KeyError:
            raise Refused(ILLEGAL_ADDRESS) from None
        self.carried = {image[place][0]: counts for place in wanted if (counts := image[place][2]) is not None}
        return words

    def bits(self, function: int, address: int, count: int, /) -> list[bool]:
        states = {bit.address: self._state[bit.name] for bit in self._model.bits if bit.function == function}
        if not states:
            raise Refused(ILLEGAL_FUNCTION)
        try:
            return [states[place] for place in range(address, address + count)]
        except KeyError:
            raise Refused(ILLEGAL_ADDRESS) from None

    def write_coil(self, address: int, data: int, /) -> None:
        coils = {bit.address: bit for bit in self._model.bits if bit.function == 1 and bit.writable}
        if not coils:
            raise Refused(ILLEGAL_FUNCTION)
        if address not in coils:
            raise Refused(ILLEGAL_ADDRESS)
        if data not in (_ON, _OFF):
            raise Refused(ILLEGAL_VALUE)
        self._state[coils[address].name] = data == _ON
        self.log("written", slave=self.unit, name=coils[address].name, value=int(data == _ON))

    def write_register(self, address: int, value: int, /) -> None:
        settings = {one.address: one for one in self._model.values if one.writable}
        if not settings:
            raise Refused(ILLEGAL_FUNCTION)
        if address not in settings:
            raise Refused(ILLEGAL_ADDRESS)
        one = settings[address]
        (counts,) = struct.unpack(f">{one.form}", struct.pack(">H", value))
        self._stand[one.name] = counts * self.scale(one)
        self.log("written", slave=self.unit, name=one.name, value=counts)

    def value(self, name: str, to: float) -> None:
        self._known(name, self._values)
        self._stand[name] = to
        self._wandering.discard(name)

    def bit(self, name: str, on: bool) -> None:
        self._known(name, self._bits)
        if self._state[name] != on:
            self._state[name] = on
            self.log("bit", slave=self.unit, bit=name, on=on)

    def fail(self, name: str, how: str | None) -> None:
        self._known(name, self._values)
        value = self._values[name]
        ways = list(value.broken) or ([""] if value.alarm else [])
        if not ways or (how or ways[0]) not in ways:
            raise ValueError(f"how {name} fails: {', '.join(ways) or 'no document says it'}")
        self._broken[name] = how or ways[0]
        if value.alarm:
            self.bit(value.alarm, not self._bits[value.alarm].start)

    def mend(self, name: str) -> None:
        if self._broken.pop(name, None) is not None and (alarm := self._values[name].alarm):
            self.bit(alarm, self._bits[alarm].start)

    def scale(self, value: Value) -> float:
        return value.scale

    def _known(self, name: str, table: dict[str, Value] | dict[str, Bit]) -> None:
        if name not in table:
            raise ValueError(f"a {self.family} has no {name}, but {', '.join(table)}")

    def _counts(self, value: Value) -> float:
        how = self._broken.get(value.name)
        if self.fault and self.fault.kind == "sentinel" and value.broken:
            how = next(iter(value.broken))
        if how:
            return value.broken[how]
        stand = self._stand[value.name] / self.scale(value)
        if value.form == "f":
            return stand
        wander = value.wander if value.name in self._wandering else 0
        return round(stand) + random.randint(-wander, wander)

    def _image(self, function: int) -> dict[int, tuple[str, int, float | None]]:
        """Address -> name, word, and at the first word of a value its counts."""
        image: dict[int, tuple[str, int, float | None]] = {}
        for value in self._model.values:
            if value.function == function:
                counts = self._counts(value)
                for i, word in enumerate(value.words(counts)):
                    image[value.address + i] = value.name, word, None if i else counts
        for bit in self._registers_of_bits(function):
            _, word, _ = image.get(bit.address, ("", 0, None))
            image[bit.address] = "", word | self._state[bit.name] << bit.place, None
        return image

    def _registers_of_bits(self, function: int) -> Iterator[Bit]:
        return (bit for bit in self._model.bits if bit.function == function and function in (3, 4))
