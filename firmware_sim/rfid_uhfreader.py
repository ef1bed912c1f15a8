"""UHF readers of the "len adr cmd" family with tags passing their antennas: they are asked, and answer in several frames."""

import argparse
from typing import Any

from firmware_sim.rfid_field import WRONG_PASSWORD, Tag, TagRefuses
from firmware_sim.rfid_reader import FAULTS, SerialReader, Told, add_every
from firmware_sim.steering import command, commands, serve
from firmware_sim.wire import Pty, Tcp, WireLog, open_wire

__all__ = ["FAULTS"]

KINDS = {
    "uhfreader18": "UHF reader UHFReader18 (one antenna): inventory in several frames, banks",
    "uhfreader288": "UHF reader UHFReader288M (four antennas): inventory in several frames, banks",
}

BROADCAST = 0xFF
ANSWER_MODE, SCAN_MODE = 0, 1
UNASKED = 0xEE
FINISHED, MORE = 0x01, 0x03
PASSWORD, ANTENNA, NO_TAG, TAG_ERROR, LENGTH, UNKNOWN, PARAMETER = 0x05, 0xF8, 0xFB, 0xFC, 0xFD, 0xFE, 0xFF
PER_FRAME = 2
"""Tags in a frame: few, so that several frames are needed."""
SIGNAL = 0x6B
"""As captured; which unit it has is in no document."""
POWER_MAX = 30


def crc16(data: bytes) -> bytes:
    """The manual's own program: preset FFFF, polynomial 8408, low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0x8408 if crc & 1 else crc >> 1
    return crc.to_bytes(2, "little")


class Reader(SerialReader):
    def __init__(self, wire: Pty | Tcp, log: WireLog, kind: str, address: int, mode: str) -> None:
        super().__init__(wire, log)
        self._four = kind == "uhfreader288"
        self._address = address
        self._mode = SCAN_MODE if mode == "active" else ANSWER_MODE  # in its flash, like the power
        self._power = 26
        self._no_antenna: set[int] = set()

    def forget(self) -> None:
        """All it knows is in its flash."""

    def _reply(self, command: int, status: int, data: bytes = b"", told: tuple[Told, ...] = ()) -> None:
        body = bytes((len(data) + 5, self._address, command, status)) + data
        self.send(body + crc16(body), told)

    def take(self, buffer: bytes) -> bytes:
        while buffer and len(buffer) > buffer[0]:
            frame, rest = buffer[: buffer[0] + 1], buffer[buffer[0] + 1 :]
            if buffer[0] < 4 or crc16(frame[:-2]) != frame[-2:]:
                buffer = buffer[1:]
                continue
            buffer = rest
            if frame[1] in (self._address, BROADCAST):
                self._obey(frame[2], frame[3:-2])
        return buffer

    def _obey(self, command: int, data: bytes) -> None:
        if self.fails():
            self._reply(command, PARAMETER)
            return
        match command:
            case 0x01 if self._mode == ANSWER_MODE:
                self._inventory(command, data)
            case 0x02 | 0x03 if self._mode == ANSWER_MODE:
                self._access(command, data)
            case 0x01 | 0x02 | 0x03:
                pass  # in scan mode it obeys only commands about itself
            case 0x21:
                self._reply(command, 0, self._information())
            case 0x2F if len(data) == 1:
                self._set_power(command, data)
            case 0x36 if not self._four:
                self._reply(command, 0, bytes((0, 30, 10, 15, self._mode, 2, 4, 0, 1, 0, 8, 0)))
            case 0x35 if not self._four and len(data) == 6:
                self._set_mode(command, data)
            case 0x76 if self._four and len(data) == 1:
                self._set_mode(command, data)
            case _:
                self._reply(0, UNKNOWN)

    def _set_power(self, command: int, data: bytes) -> None:
        if data[0] > POWER_MAX:
            self._reply(command, PARAMETER)
            return
        self._power = data[0]
        self._log("written", name="power", value=data.hex())
        self._reply(command, 0)

    def _set_mode(self, command: int, data: bytes) -> None:
        self._mode = data[0] & 3
        self._log("written", name="mode", value=data.hex())
        self._reply(command, 0)

    def _information(self) -> bytes:
        """Version, type, protocols, highest and lowest frequency, power, scan time; the big one has more behind it."""
        return bytes((2, 36, 9, 2, 0x31, 0x80, self._power, 3)) + (bytes((1, 1, 0, 0)) if self._four else b"")

    def _inventory(self, command: int, data: bytes) -> None:
        antenna = data[-2] & 0x7F if self._four and len(data) >= 9 else 0
        if antenna in self._no_antenna:
            self._reply(command, ANTENNA)
            return
        if not self.tags:
            self._nothing(command, antenna)
            return
        for first in range(0, len(self.tags), PER_FRAME):
            some = self.tags[first : first + PER_FRAME]
            status = MORE if first + PER_FRAME < len(self.tags) else FINISHED
            self._reply(command, status, self._tags(some, antenna), tuple(self._told(tag, antenna) for tag in some))

    def _nothing(self, command: int, antenna: int) -> None:
        if self._four:
            self._reply(command, FINISHED, bytes((1 << antenna, 0)))
        else:
            self._reply(command, NO_TAG)

    def _tags(self, tags: list[Tag], antenna: int) -> bytes:
        heard = bytes((SIGNAL,)) if self._four else b""
        listed = b"".join(bytes((len(tag.epc),)) + tag.epc + heard for tag in tags)
        return (bytes((1 << antenna,)) if self._four else b"") + bytes((len(tags),)) + listed

    def _told(self, tag: Tag, antenna: int) -> Told:
        fields: dict[str, Any] = {"antenna": antenna + 1} if self._four else {}
        return Told(tag, **fields)

    def _access(self, command: int, data: bytes) -> None:
        """Read: ENum EPC Mem WordPtr Num Pwd; write: WNum ENum EPC Mem WordPtr Wdt Pwd."""
        words, data = (data[0], data[1:]) if command == 0x03 and data else (0, data)
        size = 2 * data[0] if data else 0
        epc, rest = data[1 : 1 + size], data[1 + size :]
        if len(rest) != (7 if command == 0x02 else 6 + 2 * words) or rest[0] > 3:
            self._reply(command, PARAMETER)
            return
        tag = next((tag for tag in self.tags if tag.epc == epc), None)
        if tag is None:
            self._reply(command, NO_TAG)
            return
        try:
            if command == 0x02:
                self._reply(command, 0, tag.read(rest[0], rest[1], rest[2], rest[3:]))
                return
            tag.write(rest[0], rest[1], rest[2:-4], rest[-4:])
        except TagRefuses as err:
            if err.code == WRONG_PASSWORD:
                self._reply(command, PASSWORD)
            else:
                self._reply(command, TAG_ERROR, bytes((err.code,)))
            return
        self._log("tag_written", epc=epc.hex().upper(), bank=rest[0], pointer=rest[1], data=rest[2:-4].hex().upper())
        self._reply(command, 0)

    @command
    def push(self, epc: str) -> None:
        """Send this tag unasked, as a reader in scan mode does."""
        raw = bytes.fromhex(epc)
        self._reply(UNASKED, 0, bytes((1, len(raw))) + raw + bytes((SIGNAL,)) if self._four else raw)

    @command
    def antenna(self, number: int, there: bool) -> None:
        """Antenna `number` is connected, or not."""
        (self._no_antenna.discard if there else self._no_antenna.add)(number - 1)


COMMANDED = dict.fromkeys(KINDS, Reader)


def arguments(parser: argparse.ArgumentParser, kind: str) -> None:  # noqa: ARG001  the interface of all simulators
    parser.add_argument("--address", type=int, default=0, metavar="N", help="of the reader, 0 to 254")
    parser.add_argument("--mode", choices=("answer", "active"), default="answer", help="its work mode at first")
    add_every(parser)


async def run(kind: str, args: argparse.Namespace, log: WireLog) -> None:
    wire = await open_wire(args.port, args.listen)
    reader = Reader(wire, log, kind, args.address, args.mode)
    await serve({"sim": kind, "endpoint": wire.endpoint}, commands(reader), reader.work(args.every))
