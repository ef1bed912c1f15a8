"""A scanner in plain mode on an open line."""

import asyncio
from dataclasses import dataclass

from drivers.scanner.codec import TORN_S, LineParser
from drivers.scanner.config import SymbolConfig
from drivers.scanner.session import Session
from drivers.scanner.ssi_plain import PacketFilter
from drivers.scanner.trigger import COMMANDS, ReplyFilter
from model.errors import PermanentError, TransientError
from model.ports import Context

REPLY_S = 3.0
"""So long may a reply to a command take. A proposal of ours."""


def line_parser(config: SymbolConfig) -> LineParser:
    return LineParser(
        terminators=config.terminators,
        prefix=config.prefix.encode("latin-1"),
        suffix=config.suffix.encode("latin-1"),
        aim=config.aim,
        max_bytes=config.max_bytes,
    )


@dataclass(eq=False)
class PlainSession(Session):
    def __post_init__(self) -> None:
        self._parser, self._packets = line_parser(self.config), PacketFilter()
        self._heard = _now(self.context)
        self._commands = COMMANDS.get(self.config.trigger)
        self._filter = ReplyFilter(self._commands.reply if self._commands else b"", _now(self.context))
        self._commanding = asyncio.Lock()
        self._replied = asyncio.Event()

    async def run(self) -> None:
        self.condition.counts_from(0)
        # such a scanner says nothing before its first symbol: the open port is all that can be known of it
        self.condition.good()
        try:
            while True:
                begun = self._parser.pending or self._packets.pending
                self._hear(await self.line.read(self.config.idle_flush_ms / 1000 if begun else None))
        finally:
            self._hear(b"", last=True)

    def _hear(self, came: bytes, *, last: bool = False) -> None:
        """What came, or b"" in a silence and when the connection ends."""
        context, condition, parser = self.context, self.condition, self._parser
        at = context.clock.now()
        plain, is_ssi = self._packets.feed(came) if came else (self._packets.flush(), False)
        now = at.mono / 1e6
        if came:
            if now - self._heard >= TORN_S:
                parser.resume()
            self._heard = now
        data, replies = self._filter.feed(plain, now)
        if replies:
            self._replied.set()
        if not came and parser.pending:
            data += self._filter.flush()
        symbols = parser.feed(data)
        if not came:
            symbols += parser.end() if last else parser.flush()
        for symbol in symbols:
            scan, wrong = self.reader.scan(symbol, at, by_silence=not came)
            context.emit(scan)
            condition.heard(wrong)
        condition.counted(parser.dropped, TransientError("scan_dropped", count=parser.dropped))
        if is_ssi:
            # the old one may have the packet's length for the beginning of a symbol
            self._parser = line_parser(self.config)
            condition.counts_from(0)
            condition.wrong(TransientError("scan_looks_ssi", port=self.config.port))

    async def trigger(self, on: bool) -> None:
        """Returns with the reply of a scanner that replies. Raises PermanentError `scan_no_trigger`, TransientError."""
        if self._commands is None:
            raise PermanentError("scan_no_trigger", device=self.config.id)
        async with self._commanding:
            self._replied.clear()
            self._filter.owe(_now(self.context))
            await self.line.write(self._commands.on if on else self._commands.off)
            if not self._commands.reply:
                return
            waits = [asyncio.ensure_future(one) for one in (self._replied.wait(), self.line.lost())]
            try:
                ended, _ = await asyncio.wait(waits, timeout=REPLY_S, return_when=asyncio.FIRST_COMPLETED)
                for one in ended:
                    one.result()
            finally:
                for one in waits:
                    one.cancel()
            if not ended:
                raise TransientError("scan_trigger_unanswered", trigger=self.config.trigger)


def _now(context: Context) -> float:
    return context.clock.mono() / 1e6
