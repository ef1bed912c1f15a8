"""A UHF reader on a line, whatever it speaks: what is done to it, and how its frames go out."""

import argparse
import asyncio
import random
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any

from firmware_sim import faults
from firmware_sim.plug import Attached
from firmware_sim.rfid_field import Field, Tag
from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog

SPOILS = ("silent", "late", "half", "split", "glued", "noise", "garbage", "crc", "exception")
FAULTS = {kind: faults.FAULTS[kind] for kind in SPOILS}


class Told:
    """One tag in a frame, as the wire log has it."""

    def __init__(self, tag: Tag, **fields: Any) -> None:
        self.fields = {"epc": tag.epc.hex().upper(), "pc": tag.pc.hex().upper(), **fields}


class SerialReader(Attached, Field):
    """Subclasses say what they answer. While it hangs it hears nothing."""

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        Attached.__init__(self, wire, log)
        Field.__init__(self)
        self._fault: faults.Fault | None = None
        self._skip = 0
        self._free_at = 0.0
        self._hung = False

    @abstractmethod
    def take(self, buffer: bytes) -> bytes:
        """Obey the whole commands in it; what is left begins a command that is not whole."""

    @abstractmethod
    def forget(self) -> None:
        """Its power was gone: all that is not in its flash is as it was at first."""

    def send(self, frame: bytes, told: Sequence[Told] = ()) -> None:
        """Put a frame on the wire as the fault of the moment has it. It is logged first: whoever has it finds it there."""
        fault = self._spoiling()
        sound = fault is None or fault.kind in ("late", "split", "glued", "noise")
        for one in told if self._plugged else ():
            if fault is None or sound:
                self._log("tag", **one.fields)
            else:
                self._log("bad_tag", what=fault.kind, **one.fields)
        spoilt = self._crc(frame) if fault and fault.kind == "crc" else frame
        for piece in faults.pieces(fault, spoilt) if fault else [faults.Piece(0, frame)]:
            self._put(piece.pause_s, piece.data + (frame if fault and fault.kind == "glued" else b""))

    def _put(self, pause_s: float, data: bytes) -> None:
        """Behind all that is still to go out."""
        loop = asyncio.get_running_loop()
        at = max(loop.time(), self._free_at) + pause_s
        if at <= loop.time():
            self._wire.write(data)
            return
        self._free_at = at + 1e-6
        loop.call_at(at, self._wire.write, data)

    def _spoiling(self) -> faults.Fault | None:
        """What is to be done to this frame."""
        return self._due() if self._fault and self._fault.kind != "exception" else None

    def fails(self) -> bool:
        """Whether the command of the moment shall fail."""
        return bool(self._fault and self._fault.kind == "exception" and self._due())

    def _due(self) -> faults.Fault | None:
        fault = self._fault
        assert fault and fault.left is not None
        if self._skip:
            self._skip -= 1
            return None
        fault.left -= 1
        if fault.left <= 0:
            self._fault = None
        return fault

    def _crc(self, frame: bytes) -> bytes:
        return frame[:-1] + bytes((frame[-1] ^ 0xFF,))

    @command
    def fault(self, kind: str, count: int = 1, seconds: float | None = None, skip: int = 0) -> None:
        """Spoil `count` frames after `skip`, or of `exception` commands; the kinds of fault are below."""
        if kind not in self.faults():
            raise ValueError(f"faults: {', '.join(self.faults())}")
        self._skip = skip
        self._fault = faults.Fault.of(kind, count, seconds) if kind in FAULTS else faults.Fault(kind, count, 0.0)

    def faults(self) -> dict[str, str]:
        return FAULTS

    @command
    def reboot(self) -> None:
        """As after a brown-out: it says nothing, and has forgotten what was not in its flash."""
        self.forget()
        self._log("fault", what="reboot")

    @command
    def hang(self) -> None:
        """It hears nothing any more, until it is unplugged and replugged."""
        self._hung = True
        self.forget()
        self._log("fault", what="hang")

    @command
    def unplug(self) -> None:
        """Pull the USB plug, which is its power too: the port vanishes."""
        self.forget()
        super().unplug()

    @command
    def replug(self) -> None:
        """Put the plug in again."""
        super().replug()
        self._hung = False

    async def listen(self) -> None:
        buffer = b""
        while True:
            buffer += await self._wire.read()
            buffer = b"" if self._hung else self.take(buffer)

    async def work(self, every: float) -> None:
        await asyncio.gather(self.listen(), self.traffic(every))


def rssi() -> int:
    """dBm, as near tags have it."""
    return random.randint(-62, -48)


def add_every(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--every", type=float, default=5, metavar="S", help="bring a new tag by itself; 0: only on command"
    )
