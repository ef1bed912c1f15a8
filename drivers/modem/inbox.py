"""Messages out of the PDUs in a modem's store: parts put together, each told once. Pure but for the clock that it is given."""

import math
from datetime import UTC, datetime
from typing import NamedTuple

from drivers.modem.pdu import Deliver, deliver, joined
from model.errors import DriverError, TransientError
from model.observation import TextMessage
from model.time import Stamp

PARTS_US = 600_000_000
"""The other parts of a message have come by then, or never will."""
HELD_MAX = 255
"""Parts that stand in no store of the modem: as many as one message may have."""
_GAP = "[...]"


class Stored(NamedTuple):
    """A PDU and its place in the store; None where it came without being stored."""

    place: int | None
    pdu: str


class Taken(NamedTuple):
    """`places` can be deleted once the messages are durable."""

    messages: list[TextMessage]
    wrong: list[DriverError]
    places: list[int]


class _Group(NamedTuple):
    """Parts of one message, by their numbers."""

    number: str
    total: int
    parts: dict[int, Deliver]
    stored: list[Stored]

    @property
    def whole(self) -> bool:
        return len(self.parts) == self.total

    def away_s(self, message: Deliver) -> float:
        """How far its time is from the nearest one's here."""
        times = [part.sent for part in self.parts.values() if part.sent]
        return min((abs((message.sent - at).total_seconds()) for at in times if message.sent), default=math.inf)


class Inbox:
    """Parts stay in the modem's store until all are there, so that a crash takes none; where the store is full they are held
    here instead, or nothing could come any more.

    Telephones use a reference again, some the same one always. So a part that another one has taken the place of belongs to
    another message; of several it belongs to the one that is nearest in time.
    """

    def __init__(self, device: str) -> None:
        self._device = device
        self._held: list[Stored] = []
        self._told: set[Stored] = set()  # that could not be deleted yet
        self._since: dict[str, int] = {}  # of a part

    def hold(self, pdu: str) -> None:
        """It came without being stored."""
        self._held.append(Stored(None, pdu))

    def take(self, stored: list[Stored], at: Stamp, *, full: bool) -> Taken:
        """All that the store holds now."""
        taken = Taken([], [], [])
        self._told &= set(stored)
        parts: list[tuple[Deliver, Stored]] = []
        for one in [*self._held, *stored]:
            if one in self._told:
                self._done(taken, one)
                continue
            try:
                message = deliver(one.pdu)
            except ValueError:
                taken.wrong.append(TransientError("sms_not_understood", pdu=one.pdu))
                self._done(taken, one)
                continue
            if message.part is None:
                self._tell(taken, message.number, [message], at)
                self._done(taken, one)
            else:
                parts.append((message, one))
        self._held = []
        self._since = {one.pdu: self._since.get(one.pdu, at.mono) for _, one in parts}
        self._keep(taken, _groups(parts), at, full=full)
        return taken

    def _keep(self, taken: Taken, groups: list[_Group], at: Stamp, *, full: bool) -> None:
        """Tell what is whole, or will not become so, and wait for the rest of the others; not of the oldest, where they are too many."""
        waiting: list[_Group] = []
        for group in groups:
            if group.whole or at.mono - self._came(group) >= PARTS_US:
                self._join(taken, group, at)
            else:
                waiting.append(group)
        waiting.sort(key=self._came)
        held = [[one for one in group.stored if one.place is None or full] for group in waiting]
        beyond = sum(map(len, held)) - HELD_MAX
        for group, here in zip(waiting, held, strict=True):
            if here and beyond > 0:
                beyond -= len(here)
                self._join(taken, group, at)
                continue
            for one in here:
                self.hold(one.pdu)
                self._done(taken, one)

    def _came(self, group: _Group) -> int:
        return min(self._since[one.pdu] for one in group.stored)

    def _join(self, taken: Taken, group: _Group, at: Stamp) -> None:
        self._tell(taken, group.number, [group.parts.get(n) for n in range(1, group.total + 1)], at)
        for one in group.stored:
            self._done(taken, one)
        if not group.whole:
            taken.wrong.append(TransientError("sms_incomplete", came=len(group.parts), total=group.total))

    def _tell(self, taken: Taken, number: str, parts: list[Deliver | None], at: Stamp) -> None:
        sent = [part.sent for part in parts if part and part.sent]
        text = joined([part.text if part else _GAP for part in parts])
        micros = round(sent[0].timestamp() * 1e6) if sent else None
        taken.messages.append(TextMessage(self._device, number, text, at, micros))

    def _done(self, taken: Taken, one: Stored) -> None:
        if one.place is not None:
            self._told.add(one)
            taken.places.append(one.place)


def _groups(parts: list[tuple[Deliver, Stored]]) -> list[_Group]:
    """By message, the oldest first. One that came twice is the same in all, also in its time."""
    found: list[_Group] = []
    groups: dict[tuple[str, bool, int, int], list[_Group]] = {}
    for message, one in sorted(parts, key=lambda each: each[0].sent or datetime.min.replace(tzinfo=UTC)):
        part = message.part
        assert part
        same = groups.setdefault((message.number, part.wide, part.reference, part.total), [])
        group = next((group for group in same if group.parts.get(part.number) == message), None)
        if group is None:
            lacking = [group for group in same if part.number not in group.parts]
            group = min(lacking, key=lambda each: each.away_s(message), default=None)
        if group is None:
            group = _Group(message.number, part.total, {}, [])
            same.append(group)
            found.append(group)
        group.parts[part.number] = message
        group.stored.append(one)
    return found
