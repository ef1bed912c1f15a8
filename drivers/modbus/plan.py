"""From a profile to the fewest requests that read all its points."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from drivers.modbus.library import load_profile
from drivers.modbus.pdu import BIT_READS, Request, read
from drivers.modbus.profile import REGISTERS, Profile


@dataclass(frozen=True)
class Block:
    """Neighbouring bits or registers, and the positions in the profile of the points that lie in them."""

    function: int
    address: int
    count: int
    points: tuple[int, ...]

    @property
    def request(self) -> Request:
        return read(self.function, self.address, self.count)


class Plan:
    """How a profile's device is asked."""

    def __init__(self, profile: Profile) -> None:
        self.profile = profile
        self.blocks = tuple(_merged(profile))
        self.expected = tuple((e, read(e.function, e.address, e.count)) for e in profile.expect)

    @cached_property
    def requests(self) -> tuple[Request, ...]:
        """One poll, in this order."""
        return tuple(block.request for block in self.blocks)

    @cached_property
    def marker(self) -> Request | None:
        """A question whose reply looks like none of the others' replies: after a reply that did not come in time it
        tells where the line is again. Less than a block rather than more, which the device may refuse.
        """
        shapes = {request.reply_start for request in (*self.requests, *(request for _, request in self.expected))}
        for block in self.blocks:
            step = 8 if block.function in BIT_READS else 1
            most = self.profile.read.max_bits if block.function in BIT_READS else self.profile.read.max_registers
            for count in (*range(1, block.count, step), block.count + step):
                if count <= most and block.address + count <= 0x10000:
                    request = read(block.function, block.address, count)
                    if request.reply_start not in shapes:
                        return request
        return None


def _merged(profile: Profile) -> Iterator[Block]:
    """Blocks in the order of function and address."""
    reading = profile.read
    order = sorted(
        range(len(profile.point)), key=lambda i: (profile.function_of(profile.point[i]), profile.point[i].address)
    )
    block: Block | None = None
    for i in order:
        point = profile.point[i]
        function = profile.function_of(point)
        end = point.address + (1 if function in BIT_READS else REGISTERS[point.type])
        if block and block.function == function and point.address <= block.address + block.count + reading.gap:
            count = max(block.count, end - block.address)
            if count <= (reading.max_bits if function in BIT_READS else reading.max_registers):
                block = replace(block, count=count, points=(*block.points, i))
                continue
        if block:
            yield block
        block = Block(function, point.address, end - point.address, (i,))
    if block:
        yield block


@lru_cache
def plan(profile: str) -> Plan:
    """One for all devices of a profile. Raises SettingsError."""
    return Plan(load_profile(profile))
