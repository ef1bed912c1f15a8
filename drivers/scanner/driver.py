"""A serial barcode scanner as a driver."""

from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from drivers.scanner import ssi
from drivers.scanner.codec import LineParser, Symbol, split_aim
from drivers.scanner.config import ScannerConfig
from model.errors import StoreError, TransientError
from model.observation import Scan
from model.ports import Context

ANSWER_S = 3.0
"""A decoder answers a host's command within 2 s; with one second for a slow serial server."""

CROSSING_US = 500_000
"""A repeat that began before our ACK reached the decoder has come by then (255 bytes at 9600 baud take 0.27 s)."""


class ScannerDevice:
    """Gives a `Scan` per symbol. With SSI it acknowledges a symbol only when its record is durable."""

    Config = ScannerConfig

    def __init__(self, config: ScannerConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._known_dropped = 0
        self._acked: tuple[bytes, int] | None = None  # data of the last acknowledged packet, and when (mono)

    async def run(self) -> None:
        self._known_dropped = 0
        async with open_line(self._config) as line:
            await (self._run_lines(line) if self._config.protocol == "lines" else self._run_ssi(line))

    async def _run_lines(self, line: Line) -> None:
        config = self._config
        parser = LineParser(
            terminators=config.terminators,
            prefix=config.prefix.encode("latin-1"),
            suffix=config.suffix.encode("latin-1"),
            aim=config.aim,
            max_bytes=config.max_bytes,
        )
        # such a scanner says nothing before its first symbol: the open port is all that can be known of it
        self._condition.good()
        while True:
            came = await line.read(config.idle_flush_ms / 1000 if parser.pending else None)
            at = self._context.clock.now()
            for data, symbology in parser.feed(came) if came else parser.flush():
                self._context.emit(Scan(config.id, data, at, symbology))
                self._condition.good()
            self._note_dropped(parser.dropped)

    async def _run_ssi(self, line: Line) -> None:
        parser = ssi.PacketParser()
        heard = False
        await line.write(ssi.encode(ssi.SCAN_ENABLE))
        while True:
            patience = None if heard else ANSWER_S
            came = await line.read(self._config.idle_flush_ms / 1000 if parser.pending else patience)
            if not (came or heard or parser.pending):
                raise TransientError("device_silent", port=self._config.port)
            packets = parser.feed(came) if came else parser.flush()
            for packet in packets:
                heard = True
                if packet.opcode == ssi.DECODE_DATA:
                    await self._decoded(line, packet)
                else:
                    self._condition.good()
            if self._note_dropped(parser.dropped) and not packets:
                await line.write(ssi.encode(ssi.NAK, ssi.NAK_RESEND))

    async def _decoded(self, line: Line, packet: ssi.Packet) -> None:
        """Store the symbol, then acknowledge. What is not acknowledged the decoder sends again."""
        at = self._context.clock.now()
        repeated = bool(packet.status & ssi.STATUS_RETRANSMIT)
        if repeated and self._crossed(packet, at.mono):
            return
        if packet.status & ssi.STATUS_CONTINUED:
            self._condition.wrong(TransientError("scan_multipacket"))
            return
        symbol = self._symbol(packet)
        try:
            await self._context.commit(Scan(self._config.id, symbol.data, at, symbol.symbology, repeated))
        except StoreError as err:
            self._condition.wrong(TransientError("scan_not_stored", why=err.code))
            return
        await line.write(ssi.encode(ssi.ACK))
        self._acked = packet.data, self._context.clock.mono()
        self._condition.good()

    def _crossed(self, packet: ssi.Packet, mono: int) -> bool:
        """Whether this repeat was on its way when we acknowledged: a second ACK would settle the next symbol."""
        if self._acked is None:
            return False
        data, when = self._acked
        return data == packet.data and mono - when < CROSSING_US

    def _symbol(self, packet: ssi.Packet) -> Symbol:
        data = packet.data[1:]
        symbol = Symbol(data, None) if self._config.aim == "never" else split_aim(data)
        return symbol if symbol.symbology else Symbol(data, ssi.SYMBOLOGY.get(packet.data[0]))

    def _note_dropped(self, dropped: int) -> bool:
        """Tell when the parser has dropped something since the last time."""
        if dropped == self._known_dropped:
            return False
        self._known_dropped = dropped
        self._condition.wrong(TransientError("scan_dropped", count=dropped))
        return True
