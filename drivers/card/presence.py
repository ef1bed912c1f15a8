"""What a reader says over and over -> a card came, a card is gone. Pure."""

from collections.abc import Collection

from drivers.card.config import Technology
from model.observation import Card
from model.time import Stamp


class Presence:
    """A card is there from when it was heard first until nothing of it was heard for `hold_s`.

    `tells_gone`: whether silence means that it left; otherwise it only ends the presentation.
    """

    def __init__(self, device: str, technology: Technology, hold_s: float, *, tells_gone: bool) -> None:
        self._device = device
        self._technology = technology
        self._hold_us = round(hold_s * 1_000_000)
        self._tells_gone = tells_gone
        self._heard: dict[str, int] = {}  # CLOCK_BOOTTIME us, the longest ago first

    @property
    def next_due(self) -> int | None:
        """When the first of them will be gone (mono, us) unless it is heard again."""
        first = next(iter(self._heard.values()), None)
        return None if first is None else first + self._hold_us

    def heard(self, uid: str, at: Stamp) -> Card | None:
        """The card, where it has come just now. Call `due` before."""
        new = self._heard.pop(uid, None) is None
        self._heard[uid] = at.mono
        return self._card(uid, at, present=True) if new else None

    def due(self, at: Stamp, still: Collection[str] = ()) -> list[Card]:
        """Those that have gone by then; none of `still`, which were heard in time and are told by `heard` only now."""
        gone = [uid for uid, heard in self._heard.items() if heard + self._hold_us <= at.mono and uid not in still]
        return self._let_go(gone, at)

    def end(self, at: Stamp) -> list[Card]:
        """Nobody listens any more: all are gone."""
        return self._let_go(list(self._heard), at)

    def _let_go(self, uids: list[str], at: Stamp) -> list[Card]:
        for uid in uids:
            del self._heard[uid]
        return [self._card(uid, at, present=False) for uid in uids if self._tells_gone]

    def _card(self, uid: str, at: Stamp, *, present: bool) -> Card:
        return Card(self._device, uid, self._technology, present, at)
