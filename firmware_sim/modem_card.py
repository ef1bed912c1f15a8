"""A SIM card's store of messages, and the network in front of it, which keeps what does not fit."""

from typing import NamedTuple

UNREAD, READ, UNSENT = 0, 1, 2


class Kept(NamedTuple):
    """As `AT+CMGL` shows it; the centre's address stands in front of the PDU, and is not counted in its length."""

    status: int
    pdu: bytes

    @property
    def length(self) -> int:
        return len(self.pdu) - 1 - self.pdu[0]


class Card:
    """Places are numbered from 1."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.kept: dict[int, Kept] = {}
        self._waiting: list[bytes] = []

    def come(self, pdu: bytes) -> list[int]:
        """A message comes: the places that were filled now."""
        self._waiting.append(pdu)
        return self.settle()

    def settle(self) -> list[int]:
        """What waits in the network comes where there is room."""
        filled = []
        for place in range(1, self.places + 1):
            if self._waiting and place not in self.kept:
                self.kept[place] = Kept(UNREAD, self._waiting.pop(0))
                filled.append(place)
        return filled

    def drafts(self, count: int, pdu: bytes) -> None:
        """Somebody's own messages, which were never sent."""
        for place in range(1, self.places + 1):
            if count and place not in self.kept:
                self.kept[place] = Kept(UNSENT, pdu)
                count -= 1

    def read(self, place: int) -> Kept | None:
        found = self.kept.get(place)
        if found and found.status == UNREAD:
            self.kept[place] = Kept(READ, found.pdu)
        return found
