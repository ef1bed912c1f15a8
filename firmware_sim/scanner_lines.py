"""A scanner in plain mode: a line per symbol, and the triggers that hosts give such scanners."""

import asyncio
from binascii import crc_hqx
from dataclasses import dataclass

from firmware_sim.scanner_gun import Scanner, Symbol, symbol
from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog

TERMINATORS = {"CR": b"\r", "LF": b"\n", "CRLF": b"\r\n", "TAB": b"\t", "none": b""}
CHARSETS = {"utf-8": "utf-8", "gbk": "gb18030"}

HONEYWELL = {b"\x16T\r": True, b"\x16U\r": False}
"""[SYN]T[CR] begins to scan, [SYN]U[CR] ends it."""
GM65_HEAD = b"\x7e\x00"
GM65_WRITE = 0x08
GM65_TRIGGER = b"\x00\x02"
GM65_UNCHECKED = b"\xab\xcd"
GM65_REPLY = bytes.fromhex("02 00 00 01 00 33 31")


@dataclass(frozen=True)
class Form:
    """How it sends a symbol; `gs` in place of each GS."""

    prefix: bytes = b""
    aim: bool = True
    terminator: bytes = b"\r"
    charset: str = "utf-8"
    gs: bytes = b"\x1d"

    def data(self, one: Symbol) -> bytes:
        return one.text.encode(self.charset).replace(b"\x1d", self.gs)

    def identifier(self, one: Symbol) -> str | None:
        return one.symbology if self.aim else None

    def frame(self, one: Symbol) -> bytes:
        return self.prefix + (self.identifier(one) or "").encode() + self.data(one) + self.terminator


class LineScanner(Scanner):
    """`trigger` is the family whose commands it obeys, or none: then it has a button of its own."""

    def __init__(self, wire: Pty | Tcp, log: WireLog, form: Form, trigger: str) -> None:
        super().__init__(wire, log, hosted=trigger != "none")
        self._form = form
        self._trigger = trigger

    def _frame(self, one: Symbol) -> bytes:
        return self._form.frame(one)

    def _read(self, one: Symbol) -> None:
        self._send(one)

    def _send(self, *symbols: Symbol) -> None:
        self._wire.write(b"".join(map(self._frame, symbols)))
        for one in symbols:
            self._sent(one)

    def _sent(self, one: Symbol) -> None:
        if self._plugged:
            data = self._form.data(one)
            altered = {} if data == one.text.encode() else {"hex": data.hex()}
            self._log("scan", id=one.id, text=one.text, symbology=self._form.identifier(one), attempt=1, **altered)

    @command
    def glued(self, texts: list[str], symbology: str | None = None) -> None:
        """Scan several codes, sent in one write."""
        self._send(*(symbol(text, symbology) for text in texts))

    @command
    async def split(self, text: str, symbology: str | None = None, at: int = 1, pause_ms: int = 5) -> None:
        """Scan one code, sent in two writes, the first of `at` bytes."""
        one = symbol(text, symbology)
        frame = self._frame(one)
        self._wire.write(frame[:at])
        await asyncio.sleep(pause_ms / 1000)
        self._wire.write(frame[at:])
        self._sent(one)

    async def work(self, every: float) -> None:
        await asyncio.gather(self._obey(), self._scan(every))

    async def _scan(self, every: float) -> None:
        async for one in self._by_itself(every):
            self._show(one)

    async def _obey(self) -> None:
        heard = b""
        while True:
            heard += await self._wire.read()
            if self._trigger == "honeywell":
                heard = self._honeywell(heard)
            elif self._trigger == "gm65":
                heard = self._gm65(heard)
            else:
                heard = b""

    def _honeywell(self, heard: bytes) -> bytes:
        """What is left of it, which may be the beginning of a command."""
        while len(heard) >= 3:
            on = HONEYWELL.get(heard[:3])
            heard = heard[1:] if on is None else heard[3:]
            if on is not None:
                self._pull(on=on)
        return heard

    def _gm65(self, heard: bytes) -> bytes:
        """`7E 00 08 LEN ADDRESS(2) DATA CRC(2)`: a write is answered; that to 0002 is the trigger."""
        while len(heard) >= 4:
            size = len(GM65_HEAD) + 4 + heard[3] + 2
            if not heard.startswith(GM65_HEAD) or heard[2] != GM65_WRITE:
                heard = heard[1:]
                continue
            if len(heard) < size:
                break
            frame, heard = heard[:size], heard[size:]
            body, crc = frame[len(GM65_HEAD) : -2], frame[-2:]
            if crc not in (GM65_UNCHECKED, crc_hqx(body, 0).to_bytes(2, "big")):
                continue  # what it says to a wrong checksum is in no document
            self._wire.write(GM65_REPLY)
            if body[2:4] == GM65_TRIGGER:
                self._pull(on=bool(body[4] & 1))
        return heard
