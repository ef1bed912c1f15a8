"""Modbus replies as the faults have them."""

from collections.abc import Callable

from firmware_sim.faults import Fault, Piece, pieces
from firmware_sim.modbus_slave import DEVICE_FAILURE

NOT_ON_TCP = ("noise", "crc", "collision", "echo_only")
"""Faults of a serial line."""
STILL_READ = ("noise", "split", "glued")
"""Faults behind which the reading is on the wire all the same, whole and sound."""

_OTHER_FUNCTION = {1: 2, 2: 1, 3: 4, 4: 3, 5: 6, 6: 5, 15: 16, 16: 15}

Wrap = Callable[[int, bytes], bytes]
"""Address and PDU -> frame."""


def spoilt(fault: Fault, unit: int, request: bytes, reply: bytes, wrap: Wrap) -> list[Piece]:
    """What goes out in place of `reply` to `request`; both are PDUs."""
    frame = wrap(unit, reply)
    match fault.kind:
        case "crc":
            frame = frame[:-1] + bytes((frame[-1] ^ 0xFF,))
        case "collision":
            # the line is low where either of them pulls it low; the other one begins a character later
            frame = bytes(one & other for one, other in zip(frame[1:], frame, strict=False))
        case "glued":
            frame += wrap(unit, reply[:-1] + bytes((reply[-1] ^ 0x01,)))
        case "echo_only":
            frame = wrap(unit, request)
        case "short":
            frame = wrap(unit, _resized(request, reply, -1))
        case "long":
            frame = wrap(unit, _resized(request, reply, +1))
        case "wrong_function":
            frame = wrap(unit, bytes((_OTHER_FUNCTION.get(reply[0] & 0x7F, 3),)) + reply[1:])
        case "other_slave":
            frame = wrap(unit % 247 + 1, reply)
        case "exception":
            frame = wrap(unit, bytes((request[0] | 0x80, DEVICE_FAILURE)))
    return pieces(fault, frame)


def _resized(request: bytes, reply: bytes, by: int) -> bytes:
    """The reply with a register (a byte where there are none) more or less at its end."""
    size = 2 if request[0] in (3, 4) else 1
    data = reply[2:] if request[0] <= 4 else reply
    data = data[:-size] if by < 0 else data + data[-size:]
    return bytes((reply[0], len(data))) + data if request[0] <= 4 else data
