"""What every simulated Modbus slave shares: dispatch by function code, exception replies, faults on command."""

import struct

from firmware_sim.faults import Fault
from firmware_sim.wire import WireLog

ILLEGAL_FUNCTION = 1
ILLEGAL_ADDRESS = 2
ILLEGAL_VALUE = 3
DEVICE_FAILURE = 4

WRITES = (5, 6, 15, 16)


class Refused(Exception):
    """Becomes an exception reply."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class Slave:
    """One address on the bus. A family overrides what its document knows; all the rest is refused."""

    family = ""
    has_sentinel = False
    guard_s = 0.0
    """Silence that it needs before a request, beyond the 3.5 characters that all need."""

    def __init__(self, unit: int, log: WireLog) -> None:
        self.unit = unit
        self.log = log
        self.fault: Fault | None = None
        self.carried: dict[str, float] = {}
        """The measured values in the reply that is being made, by name, as decoded from the wire."""

    def answers_as(self, unit: int, _pdu: bytes, /) -> int | None:
        """The address that its reply to this request carries; None: it does not reply."""
        return unit if unit == self.unit else None

    def registers(self, _function: int, _address: int, _count: int, /) -> list[int]:
        """Unsigned 16-bit words of FC03 and FC04."""
        raise Refused(ILLEGAL_FUNCTION)

    def bits(self, _function: int, _address: int, _count: int, /) -> list[bool]:
        """States of FC01 and FC02."""
        raise Refused(ILLEGAL_FUNCTION)

    def write_coil(self, _address: int, _data: int, /) -> None:
        raise Refused(ILLEGAL_FUNCTION)

    def write_register(self, _address: int, _value: int, /) -> None:
        raise Refused(ILLEGAL_FUNCTION)

    def take_fault(self) -> Fault | None:
        """The fault for this reply, counted off."""
        fault = self.fault
        if fault and fault.left is not None:
            fault.left -= 1
            if fault.left <= 0:
                self.fault = None
        return fault

    def answer(self, pdu: bytes) -> bytes:
        """The reply PDU to a request PDU."""
        self.carried = {}
        try:
            return self._answer(pdu)
        except Refused as refused:
            return bytes((pdu[0] | 0x80, refused.code))
        except struct.error:
            return bytes((pdu[0] | 0x80, ILLEGAL_VALUE))

    def _answer(self, pdu: bytes) -> bytes:
        function = pdu[0]
        if function not in (1, 2, 3, 4, 5, 6, 15, 16):
            raise Refused(ILLEGAL_FUNCTION)
        address, number = struct.unpack_from(">HH", pdu, 1)
        if function in (1, 2):
            states = self.bits(function, address, _within(number, 2000))
            packed = sum(1 << i for i, on in enumerate(states) if on).to_bytes((number + 7) // 8, "little")
            return bytes((function, len(packed))) + packed
        if function in (3, 4):
            words = self.registers(function, address, _within(number, 125))
            return struct.pack(f">BB{number}H", function, 2 * number, *words)
        if function == 5:
            self.write_coil(address, number)
        elif function == 6:
            self.write_register(address, number)
        elif function == 15:
            for i in range(_within(number, 1968)):
                on = pdu[6 + i // 8] >> i % 8 & 1
                self.write_coil(address + i, 0xFF00 if on else 0x0000)
        else:
            for i, value in enumerate(struct.unpack_from(f">{_within(number, 123)}H", pdu, 6)):
                self.write_register(address + i, value)
        return pdu[:5]


def _within(count: int, limit: int) -> int:
    if not 0 < count <= limit:
        raise Refused(ILLEGAL_VALUE)
    return count
