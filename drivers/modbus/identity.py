"""Is this the device that its profile describes, and is it set as it must be?"""

import struct
from collections.abc import Awaitable, Callable

from drivers.modbus.pdu import Request
from drivers.modbus.plan import Plan
from drivers.modbus.profile import Expected
from model.errors import TransientError


class OtherDevice(TransientError):
    """Another device answers at this address: no value of it counts."""


async def prove(slave: int, how: Plan, ask: Callable[[Request], Awaitable[bytes]]) -> TransientError | None:
    """The warning where the device works but is not set as its profile wants it, None where all is well.

    Raises OtherDevice `modbus_other_device`, and what `ask` raises.
    """
    warning: TransientError | None = None
    for expected, request in how.expected:
        registers = struct.unpack(f">{expected.count}H", await ask(request))
        place = next((i for i, value in enumerate(registers) if value not in expected.values), None)
        if place is None:
            continue
        told = _told(slave, expected, place, registers[place])
        if expected.wrong == "refuse":
            raise OtherDevice("modbus_other_device", **told)
        warning = warning or TransientError("modbus_setting_wrong", **told)
    return warning


def _told(slave: int, expected: Expected, place: int, got: int) -> dict[str, object]:
    return {
        "slave": slave,
        "name": expected.name,
        "function": expected.function,
        "address": expected.address + place,
        "got": got,
        "expected": ", ".join(map(str, expected.values)),
    }
