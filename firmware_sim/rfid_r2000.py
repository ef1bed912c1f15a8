"""A UHF reader of the 0xA0 family (R2000 chips, YR9xxx and its copies) with tags passing its antennas."""

import argparse

from firmware_sim.rfid_reader import FAULTS, SerialReader, Told, add_every, rssi
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

__all__ = ["FAULTS"]

KINDS = {"r2000": "UHF reader of the 0xA0 family (R2000, YR9xxx): real-time inventory on four antennas"}

HEAD, BROADCAST = 0xA0, 0xFF
OK, FAIL, NO_ANTENNA, BAD_PARAMETER, BAD_ANTENNA, BAD_POWER = 0x10, 0x11, 0x22, 0x41, 0x47, 0x48
RATE = 0x1D
CHANNEL = 35
"""As captured."""
ANTENNAS = 4
POWERS = range(31)


class Reader(SerialReader):
    def __init__(self, wire: Pty | Tcp, log: WireLog, address: int) -> None:
        super().__init__(wire, log)
        self._address = address
        self._power = 26  # in its flash
        self._no_antenna: set[int] = set()
        self.forget()

    def forget(self) -> None:
        self._antenna = 0

    def _reply(self, command: int, data: bytes, told: tuple[Told, ...] = ()) -> None:
        body = bytes((HEAD, len(data) + 3, self._address, command)) + data
        self.send(body + bytes((-sum(body) & 0xFF,)), told)

    def take(self, buffer: bytes) -> bytes:
        while True:
            buffer = buffer[buffer.find(HEAD) :] if HEAD in buffer else b""
            if len(buffer) < 2 or len(buffer) < buffer[1] + 2:
                return buffer
            frame = buffer[: buffer[1] + 2]
            if len(frame) < 5 or sum(frame) & 0xFF:
                buffer = buffer[1:]
                continue
            buffer = buffer[len(frame) :]
            if frame[2] in (self._address, BROADCAST):
                self._obey(frame[3], frame[4:-1])

    def _obey(self, command: int, data: bytes) -> None:
        if self.fails():
            self._reply(command, bytes((FAIL,)))
            return
        match command, len(data):
            case (0x72, 0):
                self._reply(command, bytes((1, 9)))
            case (0x74, 1):
                good = data[0] < ANTENNAS
                self._antenna = data[0] if good else self._antenna
                self._reply(command, bytes((OK if good else BAD_ANTENNA,)))
            case (0x76, 1):
                good = data[0] in POWERS
                self._power = data[0] if good else self._power
                if good:
                    self._log("written", name="power", value=data.hex())
                self._reply(command, bytes((OK if good else BAD_POWER,)))
            case (0x77, 0):
                self._reply(command, bytes((self._power,)))
            case (0x89, 1):
                self._inventory(command)
            case _:
                self._reply(command, bytes((BAD_PARAMETER,)))

    def _inventory(self, command: int) -> None:
        """A frame for each tag, and one that says that it is over."""
        if self._antenna in self._no_antenna:
            self._reply(command, bytes((NO_ANTENNA,)))
            return
        for tag in self.tags:
            heard = rssi()
            data = bytes((CHANNEL << 2 | self._antenna,)) + tag.pc + tag.epc + bytes((heard + 129,))
            self._reply(command, data, (Told(tag, rssi=heard, antenna=self._antenna + 1, channel=CHANNEL),))
        total = len(self.tags).to_bytes(4, "big")
        self._reply(command, bytes((self._antenna,)) + RATE.to_bytes(2, "big") + total)

    @command
    def antenna(self, number: int, there: bool) -> None:
        """Antenna `number` is connected, or not."""
        (self._no_antenna.discard if there else self._no_antenna.add)(number - 1)


COMMANDED = {"r2000": Reader}


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument("--address", type=int, default=1, metavar="N", help="of the reader, 0 to 254")
    add_every(parser)


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    reader = Reader(wire, log, args.address)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(reader), reader.work(args.every))
