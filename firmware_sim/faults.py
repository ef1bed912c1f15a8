"""What can go wrong with what a device sends: one vocabulary for all simulators."""

from dataclasses import dataclass
from random import Random
from typing import NamedTuple

FAULTS = {
    "silent": "nothing is sent",
    "late": "all of it is sent, `seconds` too late",
    "half": "it stops in the middle",
    "split": "it comes in two pieces, `seconds` apart",
    "glued": "another one that nobody asked for follows in the same piece",
    "noise": "a byte 00 goes before it",
    "garbage": "as many bytes without sense come in its place",
    "crc": "its checksum is wrong",
    "collision": "two devices of one address answer at once, and their bits mix",
    "echo_only": "the request comes back as it was, and nothing else",
    "short": "a sound frame has one register, or one byte, less than asked for",
    "long": "a sound frame has one register, or one byte, more than asked for",
    "wrong_function": "a sound frame has another function code",
    "other_slave": "a sound frame comes from another address",
    "exception": "the device reports that it has failed",
    "sentinel": "its values are those of a broken sensor",
}
"""Name -> what happens on the wire to a frame of the device."""

_GARBAGE = Random(4)
_SECONDS = {"late": 0.45, "split": 0.02}


@dataclass
class Fault:
    """What to do to the next `left` frames (None: to all of them)."""

    kind: str
    left: int | None
    seconds: float

    @classmethod
    def of(cls, kind: str, count: int | None, seconds: float | None) -> "Fault":
        """Raises ValueError for a word that is not in the vocabulary."""
        if kind not in FAULTS:
            raise ValueError(f"faults: {', '.join(FAULTS)}")
        return cls(kind, count, _SECONDS.get(kind, 0.0) if seconds is None else seconds)


class Piece(NamedTuple):
    """Bytes on the line behind a pause."""

    pause_s: float
    data: bytes


def pieces(fault: Fault, frame: bytes) -> list[Piece]:
    """The frame as those faults have it that need to know nothing of the protocol; the others leave it whole."""
    middle = len(frame) // 2
    match fault.kind:
        case "silent":
            return []
        case "late":
            return [Piece(fault.seconds, frame)]
        case "half":
            return [Piece(0, frame[:middle])]
        case "split":
            return [Piece(0, frame[:middle]), Piece(fault.seconds, frame[middle:])]
        case "noise":
            return [Piece(0, b"\x00" + frame)]
        case "garbage":
            return [Piece(0, _GARBAGE.randbytes(len(frame)))]
    return [Piece(0, frame)]
