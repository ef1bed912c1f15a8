"""What a reader on a line says of tags, told on: windows, and how many reads came damaged."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from typing import Any, Generic, TypeVar

from drivers.common.line import Condition
from drivers.rfid.access import TagError
from drivers.rfid.tag import TagRead
from drivers.rfid.talk import Talk
from drivers.rfid.window import Windows
from model.errors import TransientError
from model.ports import Context
from model.time import Clock, Stamp

ROUND_S = 10.0
"""Beyond its own time no inventory lasts so long, nor has it so many frames."""
ROUND_FRAMES = 5000
SPOILT_ROUNDS = 5
"""So many in a row of which no end was understood: whatever speaks there is no such reader."""

_OF_A_ROUND = {"rfid_refused", "rfid_antenna", "rfid_endless_round"}

F = TypeVar("F")


class Reads:
    """Of one driver; each of its connections counts its damage from 0."""

    def __init__(self, device: str, window_s: float, context: Context, condition: Condition) -> None:
        self._context = context
        self._condition = condition
        self._windows = Windows(device, window_s)
        self._damaged = 0
        self._spoilt = 0

    @property
    def next_due(self) -> float | None:
        """As that of the windows."""
        return self._windows.next_due

    def begin(self, dropped: int) -> None:
        """A new connection, on which so many frames were dropped before it was known who speaks."""
        self._damaged = self._spoilt = 0
        self._condition.counts_from(dropped)

    def take(self, read: TagRead | None, at: Stamp) -> None:
        """None is a tag whose own data do not hold, or that has no EPC."""
        if read is None:
            self._damaged += 1
        elif (arrived := self._windows.add(read, at)) is not None:
            self._context.emit(arrived)

    def damage(self, dropped: int) -> None:
        """So many frames were dropped on this connection."""
        count = dropped + self._damaged
        self._condition.counted(count, TransientError("rfid_damaged", count=count))

    def tell(self, mono: float = inf) -> None:
        """Hand over the windows that have ended by then; by itself all of them, for good."""
        for window in self._windows.due(mono):
            self._context.emit(window)

    @contextmanager
    def round(self, talk: Talk[Any]) -> Iterator[None]:
        """One inventory of a reader that is asked. That the reader refuses it, or that its answer came damaged, is told;
        the next one may go well. Raises what else went wrong, and where one after the other came damaged.
        """
        before = talk.parser.dropped
        try:
            yield
        except TransientError as err:
            if err.code in _OF_A_ROUND:
                self._condition.wrong(err)
                self._spoilt = 0
            elif err.code == "device_not_understood" and talk.parser.dropped > before:
                self._spoilt += 1
                if self._spoilt == SPOILT_ROUNDS:
                    raise
            else:
                raise
        else:
            self._condition.good()
            self._spoilt = 0
        self.damage(talk.parser.dropped)

    def answers(self, talk: Talk[F], mine: Callable[[F], bool], silence_s: float, own_s: float = 0.0) -> "Answers[F]":
        """To an inventory that has just been asked for: each within `silence_s`; `own_s` is how long the reader itself looks."""
        return Answers(self, talk, mine, silence_s, own_s + ROUND_S, self._context.clock)

    def due_s(self) -> float:
        """Tell the windows that have ended. Returns until when the next one does."""
        now = self._context.clock.mono()
        self.tell(now)
        return ((self.next_due or inf) - now) / 1e6

    async def rest(self, talk: Talk[Any], seconds: float) -> None:
        """Until the next inventory; windows end meanwhile."""
        clock = self._context.clock
        until = clock.mono() + seconds * 1e6
        while (now := clock.mono()) < until:
            self.tell(now)
            await talk.hear((min(until, self.next_due or until) - now) / 1e6)
        self.tell(until)


class Answers(Generic[F]):
    """The frames of one inventory, which says itself where it ends; windows end meanwhile."""

    def __init__(
        self, reads: Reads, talk: Talk[F], mine: Callable[[F], bool], silence_s: float, whole_s: float, clock: Clock
    ) -> None:
        self._reads = reads
        self._talk = talk
        self._mine = mine
        self._silence_s = silence_s
        self._clock = clock
        self._whole_s = whole_s
        self._until = clock.mono() + whole_s * 1e6
        self._left = ROUND_FRAMES

    async def next(self) -> tuple[F, Stamp]:
        """Raises as that of the talk, and TagError `rfid_endless_round`."""
        if not self._left or self._clock.mono() >= self._until:
            raise TagError("rfid_endless_round", seconds=f"{self._whole_s:g}", frames=ROUND_FRAMES)
        self._left -= 1
        return await self._talk.next(self._mine, self._silence_s, self._reads.due_s)
