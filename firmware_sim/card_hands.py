"""What all simulated card readers have: cards that come and go, and hands that spoil."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Collection

from firmware_sim import faults
from firmware_sim.faults import Fault, Piece
from firmware_sim.plug import Attached
from firmware_sim.steering import command
from firmware_sim.wire import Pty, Tcp, WireLog

VISIT_S = 1.0
"""How long a card that comes by itself is held to the reader."""

_HARMLESS = ("late", "split", "glued", "noise")
"""Faults with which a frame arrives nevertheless."""


class Reader(Attached, ABC):
    """A reader of cards that are named by their hex, or by the text of a line."""

    faults: Collection[str]
    """Those that it knows."""

    def __init__(self, wire: Pty | Tcp, log: WireLog) -> None:
        super().__init__(wire, log)
        self._fault: Fault | None = None
        self._field: list[str] = []

    @abstractmethod
    def _check(self, uid: str) -> None:
        """Raises ValueError where there is no such card."""

    @abstractmethod
    def _new(self) -> str:
        """A card that was never there."""

    def _spoilt(self, fault: Fault, frame: bytes) -> list[Piece]:
        """A frame as the fault has it."""
        return [Piece(0, frame + frame)] if fault.kind == "glued" else faults.pieces(fault, frame)

    @command
    def card_in(self, uid: str) -> None:
        """This card is held to the reader."""
        self._check(uid)
        if uid not in self._field:
            self._field.append(uid)

    @command
    def card_out(self, uid: str) -> None:
        """That card is taken away."""
        self._field.remove(uid)

    @command
    def fault(self, kind: str, count: int | None = 1, seconds: float | None = None) -> None:
        """Spoil `count` frames, or all (null); the kinds of fault are below."""
        if kind not in self.faults:
            raise ValueError(f"faults: {', '.join(self.faults)}")
        self._fault = Fault.of(kind, count, seconds)

    async def _send(self, frame: bytes, uid: str | None = None) -> None:
        """In the manner of the moment. Logged first: whoever has the frame finds its card in the log."""
        fault = self._fault
        kind = fault.kind if fault else ""
        pieces = self._spoilt(fault, frame) if fault else [Piece(0, frame)]
        if fault and fault.left is not None:
            fault.left -= 1
            self._fault = fault if fault.left else None
        if uid and self._plugged and (not kind or kind in _HARMLESS):
            self._log("card", uid=uid)
        elif uid and self._plugged:
            self._log("bad_card", uid=uid, what=kind)
        for piece in pieces:
            if piece.pause_s:
                await asyncio.sleep(piece.pause_s)
            self._wire.write(piece.data)

    @abstractmethod
    async def work(self, every: float) -> None: ...

    async def _visits(self, every: float) -> None:
        while every > 0:
            await asyncio.sleep(every)
            uid = self._new()
            self.card_in(uid)
            await asyncio.sleep(VISIT_S)
            self.card_out(uid)
