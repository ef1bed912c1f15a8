"""From the data of a device's replies to raw integers and their quality, compiled once per profile."""

import math
import struct
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any

from drivers.modbus.pdu import BIT_READS
from drivers.modbus.plan import Block, Plan, plan
from drivers.modbus.profile import REGISTERS, PointSpec
from model.observation import Quality

_CODE = {"bit": "H", "bits": "H", "s16": "h", "u16": "H", "s32": "i", "u32": "I", "f32": "f"}
_WIRE = {"BADC": (1, 0, 3, 2), "CDAB": (2, 3, 0, 1), "DCBA": (3, 2, 1, 0)}
"""Where the bytes of the big-endian value stand on the wire."""

Field = tuple[int, str]
"""Address and struct code of something in a block."""
Converter = Callable[[Any], int | None]


class Decoder:
    """`values` takes the data of the replies to a plan's requests, in their order."""

    def __init__(self, how: Plan) -> None:
        points = how.profile.point
        self._size = len(points)
        self._takes: list[tuple[int, Callable[[bytes], Sequence[Any]]]] = []
        places: dict[int, int] = {}
        taken = 0
        for reply, block in enumerate(how.blocks):
            if block.function in BIT_READS:
                self._takes.append((reply, _bits([points[i].address - block.address for i in block.points])))
                places |= {i: taken + n for n, i in enumerate(block.points)}
                taken += len(block.points)
                continue
            for layer in _layers({_field(points[i]) for i in block.points}):
                self._takes.append((reply, _registers(block, layer)))
                places |= {
                    i: taken + layer.index(_field(points[i])) for i in block.points if _field(points[i]) in layer
                }
                taken += len(layer)
        order = [places[i] for i in range(self._size)]
        # in the order of the points already, as most profiles are: nothing to pick
        self._pick = None if order == list(range(taken)) else itemgetter(*order, order[0])
        self._convert = [(i, convert) for i, p in enumerate(points) if (convert := _converter(how, p))]
        self._checks = [
            (i, p.raw_sentinels, *p.raw_range)
            for i, p in enumerate(points)
            if p.sentinels or p.type == "f32" or p.min is not None or p.max is not None
        ]

    def values(self, replies: Sequence[bytes]) -> tuple[list[int | None], list[Quality] | None]:
        """Raw integers (bits as 0 or 1) in the order of the profile's points; quality None where all are good.

        A sentinel is rejected before anything looks at the number; a float that is no number is one.
        """
        taken: list[Any] = []
        for reply, take in self._takes:
            taken += take(replies[reply])
        values: list[int | None] = taken if self._pick is None else list(self._pick(taken)[: self._size])
        for i, convert in self._convert:
            values[i] = convert(values[i])
        quality: list[Quality] | None = None
        for i, sentinels, low, high in self._checks:
            raw = values[i]
            if raw is None or raw in sentinels or not low <= raw <= high:
                quality = quality or [Quality.GOOD] * self._size
                quality[i] = Quality.SENSOR_FAULT if raw is None or raw in sentinels else Quality.IMPLAUSIBLE
                values[i] = None
        return values, quality


@lru_cache
def decoder(profile: str) -> Decoder:
    """One for all devices of a profile. Raises SettingsError."""
    return Decoder(plan(profile))


def _field(point: PointSpec) -> Field:
    return point.address, _CODE[point.type] if point.order == "ABCD" else f"{2 * REGISTERS[point.type]}s"


def _layers(fields: Iterable[Field]) -> Iterator[list[Field]]:
    """Fields that do not overlap, in the order of their addresses: nearly always one layer."""
    left = sorted(fields)
    while left:
        layer: list[Field] = []
        over: list[Field] = []
        for field in left:
            free = not layer or field[0] >= layer[-1][0] + struct.calcsize(f">{layer[-1][1]}") // 2
            (layer if free else over).append(field)
        yield layer
        left = over


def _registers(block: Block, fields: Iterable[Field]) -> Callable[[bytes], Sequence[Any]]:
    """One struct for the whole block, big-endian, with the registers that nobody wants as padding."""
    layout, at = ">", block.address
    for address, code in fields:
        layout += f"{2 * (address - at)}x{code}"
        at = address + struct.calcsize(f">{code}") // 2
    return struct.Struct(f"{layout}{2 * (block.address + block.count - at)}x").unpack


def _bits(places: Sequence[int]) -> Callable[[bytes], Sequence[int]]:
    """The first bit is the lowest of the first byte."""

    def take(data: bytes) -> list[int]:
        word = int.from_bytes(data, "little")
        return [word >> place & 1 for place in places]

    return take


def _converter(how: Plan, point: PointSpec) -> Converter | None:
    """From what the struct gives to the raw integer, where that is not the same."""
    steps: list[Callable[[Any], Any]] = []
    if point.order != "ABCD":
        places = _WIRE[point.order][: 2 * REGISTERS[point.type]]
        number = struct.Struct(f">{_CODE[point.type]}")
        steps.append(lambda data: number.unpack(bytes(data[place] for place in places))[0])
    if point.type == "f32":
        scale, offset, sentinels = point.scale, point.offset, point.raw_sentinels
        steps.append(
            lambda value: round((value - offset) / scale) if math.isfinite(value) and value not in sentinels else None
        )
    elif point.type in ("bit", "bits") and how.profile.function_of(point) not in BIT_READS:
        shift, mask = point.bit or 0, (1 << (point.width or 1)) - 1
        steps.append(lambda word: word >> shift & mask)
    if not steps:
        return None
    return steps[0] if len(steps) == 1 else lambda value: steps[1](steps[0](value))
