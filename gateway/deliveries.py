"""Of which alarm and test the centre has what was said last. A number belongs to a store: nothing is claimed by another's."""

from collections import Counter
from typing import NamedTuple

from model.record import Stream
from sync.journal.journal import Journal
from sync.journal.view import StoreView
from sync.watermark import Watermark


class _Place(NamedTuple):
    store: str
    seq: int


class Deliveries:
    """By subject, as `Say.subject` has it. The centre's word is that on the store which takes records."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._waiting: dict[str, _Place | None] = {}  # None: not durable yet, or where nobody will tell
        self._under_way: Counter[str] = Counter()  # of what was said, not durable yet

    def __contains__(self, subject: str) -> bool:
        """Whether the centre is not known to have what was said last."""
        return subject in self._waiting

    def found(self, subject: str) -> bool:
        """At a start: it was said in an earlier run, and the newest record of all is not older. False where it may lie in a
        sealed store, of which the centre has not all.
        """
        last = self._journal.last(Stream.ALARM)
        known = last > 0 and all(self._drained(view) for view in self._journal.sealed)
        self._waiting[subject] = _Place(self._journal.store, last) if known else None
        return known

    def said(self, subject: str) -> None:
        """Something newer, not durable yet."""
        self._under_way[subject] += 1
        self._waiting[subject] = None

    def under_way(self, subject: str) -> bool:
        return subject in self._under_way

    def stored(self, subject: str, seq: int | None) -> bool:
        """It is durable under that number, or never will be. False where another store has taken the journal's place meanwhile."""
        self._under_way[subject] -= 1
        if self._under_way[subject]:
            return True
        del self._under_way[subject]
        if seq is None:
            return True
        here = seq <= self._journal.last(Stream.ALARM)
        self._waiting[subject] = _Place(self._journal.store, seq) if here else None
        return here

    def reached(self, upto: int) -> list[str]:
        """The centre has the current store's up to there: of which subjects it now has all."""
        store = self._journal.store
        reached = [s for s, at in self._waiting.items() if at and at.store == store and at.seq <= upto]
        for subject in reached:
            del self._waiting[subject]
        return reached

    def sealed(self) -> list[str]:
        """Another store has taken the journal's place: of which subjects nobody will tell any more."""
        old = [s for s, at in self._waiting.items() if at and at.store != self._journal.store]
        self._waiting |= dict.fromkeys(old)
        return old

    def _drained(self, view: StoreView) -> bool:
        """The centre has all of a sealed store, and what a fork took from it is in the current one."""
        assert view.seal
        end = view.seal.ends[Stream.ALARM]
        upto = Watermark.of(self._journal.state(f"ack/{view.id}/{Stream.ALARM}")).upto
        moved = self._journal.state(f"moved/{view.id}/{Stream.ALARM}") or b""
        return upto >= end.seq and (int(moved) if moved.isdigit() else end.seq) >= end.last
