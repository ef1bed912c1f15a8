"""From the data of a device's replies to raw integers and their quality, compiled once per profile."""

import struct
from collections.abc import Callable, Sequence
from functools import cache

from drivers.modbus.profile import Block, Profile, load_profile
from model.observation import Quality

_CODE = {"s16": "h", "u16": "H", "u32": "I"}


class Decoder:
    """`requests` are to be asked in order; `values` takes the data of their replies in the same order."""

    def __init__(self, profile: Profile) -> None:
        self.requests = [block.request for block in profile.block]
        self._unpack = [_bits(block) if block.bits else _registers(block) for block in profile.block]
        self._size = len(profile.points)
        points = list(enumerate(profile.points))
        self._low_first = [i for i, p in points if p.type == "u32" and p.words == "low_first"]
        self._checks = [
            (i, p.raw_sentinels, *p.raw_range)
            for i, p in points
            if p.sentinels or p.min is not None or p.max is not None
        ]

    def values(self, replies: Sequence[bytes]) -> tuple[list[int | None], list[Quality] | None]:
        """Raw integers (bits as 0 or 1) in the order of the profile's points; quality None where all are good.

        A sentinel is rejected before anything looks at the number.
        """
        values: list[int | None] = []
        for unpack, data in zip(self._unpack, replies, strict=True):
            values.extend(unpack(data))
        for i in self._low_first:
            raw = values[i]
            assert raw is not None
            values[i] = (raw & 0xFFFF) << 16 | raw >> 16
        quality: list[Quality] | None = None
        for i, sentinels, low, high in self._checks:
            raw = values[i]
            assert raw is not None
            if raw in sentinels or not low <= raw <= high:
                quality = quality or [Quality.GOOD] * self._size
                quality[i] = Quality.SENSOR_FAULT if raw in sentinels else Quality.IMPLAUSIBLE
                values[i] = None
        return values, quality


@cache
def decoder(profile: str) -> Decoder:
    """One for all devices of a profile."""
    return Decoder(load_profile(profile))


def _registers(block: Block) -> Callable[[bytes], Sequence[int]]:
    """One struct for the whole block, big-endian, with the registers that nobody wants as padding."""
    layout, at = ">", block.address
    for point in block.point:
        layout += f"{2 * (point.address - at)}x{_CODE[point.type]}"
        at = point.end
    return struct.Struct(f"{layout}{2 * (block.address + block.count - at)}x").unpack


def _bits(block: Block) -> Callable[[bytes], Sequence[int]]:
    """The first bit is the lowest of the first byte."""
    places = [point.address - block.address for point in block.point]

    def unpack(data: bytes) -> list[int]:
        word = int.from_bytes(data, "little")
        return [word >> place & 1 for place in places]

    return unpack
