"""What the barcode scanners have in common: symbols, a trigger, a wire, and hands that spoil things."""

import asyncio
import itertools
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from dataclasses import dataclass

from firmware_sim.plug import Attached
from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog

_ids = itertools.count(time.time_ns() // 1_000_000)
"""Unique over restarts too: the simulator starts less than once a millisecond."""


@dataclass(frozen=True)
class Symbol:
    id: int
    text: str
    symbology: str | None


def symbol(text: str, symbology: str | None = None) -> Symbol:
    return Symbol(next(_ids), text, symbology)


def unique() -> Symbol:
    """GTIN, expiry and lot of a box of medicine (GS1), with its id as serial number."""
    number = next(_ids)
    return Symbol(number, f"01069012345678921727123110A213B1\x1d21{number}", "]d2")


class Scanner(Attached, ABC):
    """Has a trigger: the scanner's own button, or `hosted`, the other side's word."""

    def __init__(self, wire: Pty | Tcp, log: WireLog, *, hosted: bool) -> None:
        super().__init__(wire, log)
        self._hosted = hosted
        self._looking = not hosted
        self._in_view: Symbol | None = None

    @abstractmethod
    def _frame(self, one: Symbol) -> bytes:
        """The symbol as it goes over the wire for the first time."""

    @abstractmethod
    def _read(self, one: Symbol) -> None:
        """It was read: send it."""

    def _show(self, one: Symbol) -> None:
        """It comes into view, and is read as soon as the trigger is pulled."""
        if self._looking:
            self._looking = not self._hosted  # a symbol ends a session
            self._read(one)
        else:
            self._in_view = one

    def _pull(self, *, on: bool) -> None:
        """The host's word."""
        self._log("trigger", on=on)
        if self._hosted:
            self._looking = on
            one, self._in_view = self._in_view, None if on else self._in_view
            if on and one:
                self._show(one)

    async def _by_itself(self, every: float) -> AsyncIterator[Symbol]:
        """A unique symbol every so many seconds, or none, for ever."""
        while every > 0:
            await asyncio.sleep(every)
            yield unique()
        await asyncio.Event().wait()

    @command
    def half(self, text: str, symbology: str | None = None) -> None:
        """Send the first half of a symbol, and no more."""
        frame = self._frame(symbol(text, symbology))
        self.noise(frame[: len(frame) // 2].hex())

    @command
    def scan(self, text: str, symbology: str | None = None) -> None:
        """Scan this code; `symbology` is its AIM identifier, such as ]C1."""
        self._show(symbol(text, symbology))
