"""Modbus application protocol (V1.1b3), pure: requests, and replies that must fit the very request."""

import struct

import msgspec

from model.errors import TransientError

READ_COILS = 1
READ_DISCRETE_INPUTS = 2
READ_HOLDING_REGISTERS = 3
READ_INPUT_REGISTERS = 4
WRITE_COIL = 5
WRITE_COILS = 15
WRITE_REGISTERS = 16

_READ_BYTES = 5
READS = frozenset((READ_COILS, READ_DISCRETE_INPUTS, READ_HOLDING_REGISTERS, READ_INPUT_REGISTERS))
BIT_READS = frozenset((READ_COILS, READ_DISCRETE_INPUTS))

COIL_ON = 0xFF00
COIL_OFF = 0x0000

EXCEPTIONS = {
    1: "modbus_exception_function",
    2: "modbus_exception_address",
    3: "modbus_exception_value",
    4: "modbus_exception_failure",
    6: "modbus_exception_busy",
    10: "modbus_exception_path",
    11: "modbus_exception_target",
}
"""Error code of each exception that has words of its own in the catalogue; the others are `modbus_exception`."""


class SlaveError(TransientError):
    """A request of a slave came to nothing. The port itself is well and the other slaves are untouched."""


class SlaveMissed(SlaveError):
    """The slave is silent, or what came cannot be believed."""


class SlaveRefused(SlaveError):
    """The slave answered that it will not."""


class Request(msgspec.Struct, frozen=True):
    """A request PDU with the only reply to it that will be believed: how it starts and how long it is."""

    pdu: bytes
    reply_start: bytes
    reply_length: int

    @property
    def function(self) -> int:
        return self.pdu[0]

    @property
    def reads(self) -> bool:
        return self.pdu[0] in READS and len(self.pdu) == _READ_BYTES

    def __str__(self) -> str:
        """`FC04 0x0001 x2`: what a person finds in the manual."""
        function, address, count = struct.unpack_from(">BHH", self.pdu)
        return f"FC{function:02} 0x{address:04X}" + (f" x{count}" if self.reads else "")

    @property
    def targets(self) -> frozenset[tuple[int, int]]:
        """All (function, address) that a write would change."""
        function, address, count = struct.unpack_from(">BHH", self.pdu)
        if function not in (WRITE_COILS, WRITE_REGISTERS):
            count = 1
        return frozenset((function, address + i) for i in range(count))


def read(function: int, address: int, count: int) -> Request:
    """FC01 to FC04: up to 2000 bits or 125 registers."""
    bits = function in BIT_READS
    if function not in READS or not 0 < count <= (2000 if bits else 125) or not 0 <= address <= 0x10000 - count:
        raise ValueError(f"no such read: function {function}, address {address}, count {count}")
    size = (count + 7) // 8 if bits else 2 * count
    return Request(struct.pack(">BHH", function, address, count), bytes((function, size)), 2 + size)


def write_coil(address: int, data: int) -> Request:
    """FC05. `data` is COIL_ON or COIL_OFF; some boards give other values a meaning (a time) at other addresses."""
    return write(struct.pack(">BHH", WRITE_COIL, address, data))


def write(pdu: bytes) -> Request:
    """Any write, by the bytes of its PDU."""
    # every write is answered with its own first five bytes: function, address, value or quantity
    return Request(pdu, pdu[:5], 5)


def parse(slave: int, request: Request, pdu: bytes) -> bytes:
    """The data of a read, nothing for a write.

    Raises SlaveMissed `modbus_bad_reply` for all that is not exactly the reply to this request; SlaveRefused
    `modbus_exception...`.
    """
    if len(pdu) == 2 and pdu[0] == request.function | 0x80:
        raise SlaveRefused(
            EXCEPTIONS.get(pdu[1], "modbus_exception"), slave=slave, exception=pdu[1], asked=str(request)
        )
    if len(pdu) != request.reply_length or not pdu.startswith(request.reply_start):
        raise SlaveMissed("modbus_bad_reply", slave=slave, got=pdu.hex(" "))
    return pdu[len(request.reply_start) :]
