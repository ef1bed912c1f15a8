"""Readers that speak by themselves, as drivers: 125 kHz modules and readers of lines."""

import asyncio
from abc import ABC, abstractmethod
from typing import Protocol

from drivers.card.config import Em4100Config, LinesConfig, ListenedConfig, Technology
from drivers.card.em4100 import CardParser
from drivers.card.lines import LineParser
from drivers.card.presence import Presence
from drivers.card.visits import visits
from drivers.common.line import Condition, Line
from drivers.common.transport import open_line
from model.errors import DriverError, TransientError
from model.observation import Card
from model.ports import Context
from model.time import Stamp


class Parser(Protocol):
    """Bytes to cards. `dropped` counts what was none, `pending` is whether something has begun."""

    dropped: int

    @property
    def pending(self) -> bool: ...
    def feed(self, data: bytes) -> list[str]: ...
    def flush(self) -> list[str]: ...
    def end(self) -> list[str]: ...


class _Listener(ABC):
    """Gives a `Card` when one comes and, where the reader repeats it, another when it is gone: see `visits`."""

    def __init__(self, config: ListenedConfig, context: Context, presence: Presence) -> None:
        self._settings = config
        self._context = context
        self._condition = Condition(context)
        self._presence = presence

    @abstractmethod
    def _begin(self) -> Parser:
        """A parser for what comes from now on."""

    @abstractmethod
    def _damage(self) -> DriverError:
        """What is told of something that was no card."""

    async def run(self) -> None:
        clock = self._context.clock
        with visits(self._presence, self._context):
            async with open_line(self._settings) as line:
                parser = self._begin()
                self._condition.counts_from(0)
                # such a reader says nothing before its first card: the open port is all that can be known of it
                self._condition.good()
                try:
                    await self._listen(line, parser)
                finally:
                    self._tell(parser, parser.end(), clock.now())

    async def _listen(self, line: Line, parser: Parser) -> None:
        clock, presence, loop = self._context.clock, self._presence, asyncio.get_running_loop()
        flush_us = self._settings.idle_flush_ms * 1000
        heard = clock.mono()
        while True:
            dues = [presence.next_due, heard + flush_us if parser.pending else None]
            due = min((one for one in dues if one is not None), default=None)
            seconds = None if due is None else max(0, due - clock.mono()) / 1e6
            asked = loop.time()
            came = await line.read(seconds)
            # the time was over before this was seen: the event loop was busy, and it may have come at any moment since. Of a
            # reader that says a card once it is rather another presentation than none
            over = seconds is not None and loop.time() - asked >= seconds
            late = bool(came) and over and self._settings.repeats
            at = clock.now()
            torn = parser.pending and not came and at.mono >= heard + flush_us
            if came:
                heard = at.mono
            self._tell(parser, parser.flush() if torn else parser.feed(came), at, late=late)

    def _tell(self, parser: Parser, uids: list[str], at: Stamp, *, late: bool = False) -> None:
        """The cards that have gone, those that were heard now, or perhaps a while ago where `late`, and the damage."""
        self._emit(*self._presence.due(at, uids if late else ()))
        for uid in uids:
            self._emit(self._presence.heard(uid, at))
            self._condition.good()
        self._condition.counted(parser.dropped, self._damage())

    def _emit(self, *cards: Card | None) -> None:
        for card in cards:
            if card:
                self._context.emit(card)


def _presence(config: ListenedConfig, technology: Technology) -> Presence:
    hold_s = config.gone_s if config.repeats else config.again_s
    return Presence(config.id, technology, hold_s, tells_gone=config.repeats)


class Em4100Device(_Listener):
    """RDM6300, ID-12LA, ID-20LA."""

    Config = Em4100Config

    def __init__(self, config: Em4100Config, context: Context) -> None:
        super().__init__(config, context, _presence(config, "em4100"))

    def _begin(self) -> Parser:
        self._parser = CardParser()
        return self._parser

    def _damage(self) -> DriverError:
        return TransientError("card_damaged", count=self._parser.dropped)


class LinesDevice(_Listener):
    """Any reader that says a card as a line of text."""

    Config = LinesConfig

    def __init__(self, config: LinesConfig, context: Context) -> None:
        super().__init__(config, context, _presence(config, config.technology))
        self._config = config

    def _begin(self) -> Parser:
        config = self._config
        self._parser = LineParser(pattern=config.pattern, terminators=config.terminators, max_bytes=config.max_bytes)
        return self._parser

    def _damage(self) -> DriverError:
        return TransientError("card_line_misfit", line=self._parser.misfit)
