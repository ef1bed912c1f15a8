"""A scanner that speaks SSI, on an open line: a symbol is acknowledged when its record is durable."""

import asyncio
from dataclasses import dataclass

from drivers.scanner import ssi
from drivers.scanner.codec import Symbol, split_aim
from drivers.scanner.session import Session
from drivers.scanner.ssi_long import LongSymbol
from model.errors import StoreError, TransientError

ANSWER_S = 2.0
"""A decoder answers a host's command within this time."""
TRIES = 3
"""So often is a command sent, at most."""
CROSSING_US = 500_000
"""A repeat that began before our ACK reached the decoder has come by then (255 bytes at 9600 baud take 0.27 s)."""
KEPT = 2
"""So many acknowledged packets are known again: a decoder that never saw an ACK may send its next symbol in between."""

PacketKey = tuple[bool, bytes]
"""What a packet and its repeat have in common: whether it is continued, and its data."""


@dataclass
class Unanswered:
    """The packet, of any connection to a decoder, whose symbol is stored and whose ACK has not gone out."""

    key: PacketKey | None = None


@dataclass(eq=False)
class SsiSession(Session):
    unanswered: Unanswered

    def __post_init__(self) -> None:
        self._writing = asyncio.Lock()
        self._commanding = asyncio.Lock()
        self._answer: asyncio.Future[ssi.Packet] | None = None
        # packets acknowledged since one was damaged, which may have been a new one with the same data: when (mono), the last one last
        self._acked: dict[PacketKey, int] = {}
        self._long: LongSymbol | None = None
        self._joining = True  # what is repeated now may have begun before this connection

    async def run(self) -> None:
        enabling = asyncio.create_task(self._enable())
        try:
            await self._listen()
        finally:
            enabling.cancel()
            await asyncio.wait([enabling])

    async def trigger(self, on: bool) -> None:
        """Returns when the decoder has acknowledged it. Raises TransientError."""
        await self._command(ssi.START_SESSION if on else ssi.STOP_SESSION)

    async def _listen(self) -> None:
        line, condition = self.line, self.condition
        parser = ssi.PacketParser()
        condition.counts_from(0)
        heard = False
        while True:
            patience = None if heard else TRIES * ANSWER_S
            came = await line.read(self.config.idle_flush_ms / 1000 if parser.pending else patience)
            if not (came or heard or parser.pending):
                raise TransientError("device_silent", port=self.config.port)
            for packet in parser.feed(came):
                heard = True
                if packet.opcode == ssi.DECODE_DATA:
                    await self._decoded(packet)
                    continue
                if packet.opcode in (ssi.ACK, ssi.NAK) and self._answer and not self._answer.done():
                    self._answer.set_result(packet)
                condition.good()
            condition.counted(parser.dropped, TransientError("scan_dropped", count=parser.dropped))
            if not came and parser.flush():
                self._acked.clear()
                condition.counted(parser.dropped, TransientError("scan_dropped", count=parser.dropped))
                await self._write(ssi.encode(ssi.NAK, ssi.NAK_RESEND))

    async def _enable(self) -> None:
        """A decoder that has nothing to say to this is found silent by who listens."""
        try:
            await self._command(ssi.SCAN_ENABLE)
        except TransientError as err:
            if err.code == "scan_refused":
                self.condition.wrong(err)

    async def _command(self, opcode: int) -> None:
        """Send it until it is acknowledged. Raises TransientError `device_silent`, `scan_refused`."""
        async with self._commanding:
            for attempt in range(TRIES):
                self._answer = asyncio.get_running_loop().create_future()
                await self._write(ssi.encode(opcode, status=ssi.STATUS_RETRANSMIT if attempt else 0))
                try:
                    async with asyncio.timeout(ANSWER_S):
                        answer = await self._answer
                except TimeoutError:
                    continue
                if answer.opcode == ssi.ACK:
                    return
                if answer.data[:1] != ssi.NAK_RESEND:
                    raise TransientError("scan_refused", command=f"{opcode:02X}", reason=answer.data.hex())
        raise TransientError("device_silent", port=self.config.port)

    async def _write(self, packet: bytes) -> None:
        async with self._writing:
            await self.line.write(packet)

    async def _decoded(self, packet: ssi.Packet) -> None:
        """Store the symbol, then acknowledge. What is not acknowledged the decoder sends again.

        Packets of a long symbol are acknowledged one by one, or the next would not come; the last one when all is durable.
        """
        at = self.context.clock.now()
        repeated = bool(packet.status & ssi.STATUS_RETRANSMIT)
        if repeated and await self._known(packet, at.mono):
            return
        self._joining = self._joining and repeated
        symbol, torn = self._long, self._long and self._long.may_be(packet, at.mono)
        if symbol and not symbol.goes_on(packet, at.mono):
            self.condition.wrong(TransientError("scan_multipacket"))
            symbol = None
        headless = bool(symbol.headless if symbol else torn or self._may_lack_its_beginning(packet))
        continued = bool(packet.status & ssi.STATUS_CONTINUED)
        if continued and not symbol:
            symbol = LongSymbol(packet, self.config.max_bytes, headless=headless)
        self._long = symbol
        data = symbol.with_(packet, at.mono) if symbol else packet.data
        if data and not continued:
            doubt = TransientError("scan_headless") if headless else None
            scan, wrong = self.reader.scan(self._symbol(data), at, repeated=repeated, torn=doubt)
            try:
                await self.context.commit(scan)
            except StoreError as err:
                self.condition.wrong(TransientError("scan_not_stored", why=err.code))
                return
            self.unanswered.key = _key(packet)
            self.condition.heard(wrong)
        elif not data:
            self.condition.wrong(TransientError("scan_multipacket"))
        if symbol:
            symbol.acknowledged()
        self._long = symbol if continued else None
        await self._acknowledge(packet)

    def _may_lack_its_beginning(self, packet: ssi.Packet) -> bool:
        """The first packet of a connection, repeated, may be the end of a symbol whose beginning was acknowledged before."""
        begins = packet.data[0] in ssi.SYMBOLOGY or self._symbol(packet.data).symbology
        return self._joining and not begins

    async def _acknowledge(self, packet: ssi.Packet) -> None:
        await self._write(ssi.encode(ssi.ACK))
        self.unanswered.key = None
        self._joining = False
        key = _key(packet)
        self._acked.pop(key, None)
        self._acked[key] = self.context.clock.mono()
        while len(self._acked) > KEPT:
            del self._acked[next(iter(self._acked))]

    async def _known(self, packet: ssi.Packet, mono: int) -> bool:
        """Whether this repeat is of a packet that is done with. One whose line went before its ACK gets it now; one that is
        acknowledged already gets it again, unless the repeat was on its way when we did it: a second ACK would settle the
        next symbol.
        """
        if _key(packet) == self.unanswered.key:
            await self._acknowledge(packet)
            self.condition.good()
            return True
        when = self._acked.get(_key(packet))
        if when is None:
            return False
        if self._long:
            self._long.mono = mono
        if mono - when >= CROSSING_US:
            await self._acknowledge(packet)
        return True

    def _symbol(self, data: bytes) -> Symbol:
        """Out of bar code type and text."""
        kind, text = data[0], data[1:]
        symbol = Symbol(text, None) if self.config.aim == "never" else split_aim(text)
        return symbol if symbol.symbology else Symbol(text, ssi.SYMBOLOGY.get(kind))


def _key(packet: ssi.Packet) -> PacketKey:
    return bool(packet.status & ssi.STATUS_CONTINUED), packet.data
