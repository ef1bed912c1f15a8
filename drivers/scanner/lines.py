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
        self._commands = COMMANDS.get(self.config.trigger)
        self._filter = ReplyFilter(self._commands.reply if self._commands else b"", _now(self.context))
        self._commanding = asyncio.Lock()
        self._replied = asyncio.Event()

    async def run(self) -> None:
        config, context, condition = self.config, self.context, self.condition
        parser, packets = line_parser(config), PacketFilter()
        condition.counts_from(0)
        heard = _now(context)
        # such a scanner says nothing before its first symbol: the open port is all that can be known of it
        condition.good()
        while True:
            begun = parser.pending or packets.pending
            came = await self.line.read(config.idle_flush_ms / 1000 if begun else None)
            at = context.clock.now()
            plain, is_ssi = packets.feed(came) if came else (packets.flush(), False)
            now = at.mono / 1e6
            if came:
                if now - heard >= TORN_S:
                    parser.resume()
                heard = now
            data, replies = self._filter.feed(plain, now)
            if replies:
                self._replied.set()
            if not came and parser.pending:
                data += self._filter.flush()
            for symbol in parser.feed(data) + ([] if came else parser.flush()):
                scan, wrong = self.reader.scan(symbol, at, by_silence=not came)
                context.emit(scan)
                condition.heard(wrong)
            condition.counted(parser.dropped, TransientError("scan_dropped", count=parser.dropped))
            if is_ssi:
                parser = line_parser(config)  # the old one may have the packet's length for the beginning of a symbol
                condition.counts_from(0)
                condition.wrong(TransientError("scan_looks_ssi", port=config.port))

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
