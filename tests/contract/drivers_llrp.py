"""The bench of LLRP readers: a reader on a socket whose frames are put together from the standard's words."""

import asyncio
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.rfid.llrp.config import LlrpConfig
from drivers.rfid.llrp.driver import LlrpDevice
from firmware_sim.wire import Tcp
from model.observation import TagWindow
from support.driver_bench import DEVICE, IMPATIENT_S, PATIENT_S, BenchContext, Manner
from support.line_bench import LineBench

ACCEPTED, IN_USE = 0, 2
ENABLE_ROSPEC, GET_ROSPECS, ENABLE_EVENTS, KEEPALIVE_ACK = 24, 26, 64, 72
STATUS_OK = bytes.fromhex("011F 0008 0000 0000")
CAPABILITIES = bytes.fromhex(  # four antennas, maker 25882, model 2001002, firmware "5.14", four inputs
    "0089 0026 0004 4000 0000651A 001E886A 0004 352E3134 008B 0008 0001 0000 008D 0008 0004 0000"
)
ROSPEC = bytes.fromhex(  # number 1, active; at once and for ever, all antennas
    "00B1 0034 00000001 00 02 00B2 0012 00B3 0005 01 00B6 0009 00 00000000"
    "00B7 0018 0001 0000 00B8 0009 00 00000000 00BA 0007 0001 01"
)
ANSWERED_OTHERWISE = {14: 4}


def message(kind: int, number: int, body: bytes) -> bytes:
    return struct.pack(">HII", 0x0400 | kind, 10 + len(body), number) + body


class Greeting(Tcp):
    """Says the first word to each client."""

    def __init__(self, bench: "Llrp") -> None:
        super().__init__("127.0.0.1", 0)
        self._bench = bench

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asyncio.get_running_loop().call_soon(self._bench.greet)
        await super()._serve(reader, writer)


class Llrp(LineBench):
    """Each word is another tag, which stays until the next one comes. It says that it lives as long as it speaks well."""

    family, name, tcp = "rfid", "llrp", True
    complaints = {"absent": "port_unreachable", "busy": "llrp_in_use"}  # noqa: RUF012
    stranger = bytes.fromhex("01 04 04 01 31 02 22 2A CE")
    impatient = {  # noqa: RUF012
        "drivers.rfid.llrp.session.ANSWER_S": IMPATIENT_S,
        "drivers.rfid.llrp.session.PARTING_S": IMPATIENT_S,
    }

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._heard = b""
        self._state = ACCEPTED
        self._inventory = False
        self._speaking = asyncio.Lock()

    async def plug(self) -> None:
        if self._wire:
            self._wire.replug()
            return
        self._wire = tcp = Greeting(self)
        await tcp.start()
        self._later(self._listen(tcp))
        self._later(self._live())

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> LlrpDevice:
        self._patience_s = patience_s
        settings = {
            "id": DEVICE,
            "driver": "rfid_llrp",
            "port": port or self.port,
            "keepalive_s": patience_s,
        }
        return LlrpDevice(LlrpConfig.model_validate(settings), context)

    def number(self, observation: TagWindow) -> int:
        return int(observation.epc, 16)

    def word(self, n: int) -> bytes:
        tag = b"\x8d" + n.to_bytes(12, "big") + bytes.fromhex("81 0001 86 CF 88 0001")
        return message(61, 9, struct.pack(">HH", 240, 4 + len(tag)) + tag)

    def next(self) -> None:
        if self._inventory:
            super().next()
        else:
            self._n += 1

    def greet(self) -> None:
        self._heard, self._inventory = b"", False
        attempt = bytes.fromhex("00F6 0016 0080 000C 0005A9E4BEF862E0 0100 0006") + struct.pack(">H", self._state)
        self.speak(message(63, 1, attempt))

    def hear(self, asked: bytes) -> None:
        self._heard += asked
        while len(self._heard) >= 10:
            head, size, number = struct.unpack_from(">HII", self._heard)
            if len(self._heard) < size:
                break
            self._heard = self._heard[size:]
            kind = head & 0x3FF
            if kind in (KEEPALIVE_ACK, ENABLE_EVENTS):
                continue
            body = STATUS_OK + {1: CAPABILITIES, GET_ROSPECS: ROSPEC}.get(kind, b"")
            self.speak(message(ANSWERED_OTHERWISE.get(kind, kind + 10), number, body))
            if kind == ENABLE_ROSPEC:
                self._inventory = True
                if self._n:
                    self.speak(self.word(self._n), self._n)

    async def _live(self) -> None:
        while True:
            await asyncio.sleep(min(self._patience_s, PATIENT_S) / 3)  # a keepalive comes by itself
            if self.manner in (Manner.WELL, Manner.GLUED) and self._wire:
                self._wire.write(message(62, 7, b""))

    async def _dribble(self, data: bytes) -> None:
        async with self._speaking:  # one message after the other
            await super()._dribble(data)

    @contextmanager
    def held(self) -> Iterator[None]:
        self._state = IN_USE
        try:
            yield
        finally:
            self._state = ACCEPTED
