"""Records of a sealed store that came again in another one: the same content, and none left behind."""

from collections.abc import Collection, Mapping

from model.record import Stream
from sync.contract.was import moves
from sync.evidence.chain import Found, Missing
from sync.evidence.entries import Lane, Row


class Moves:
    """Takes memory for what was moved, and for nothing else. `ends`: where streams of sealed stores end."""

    def __init__(self, ends: Mapping[Lane, int]) -> None:
        self._ends = ends
        self._beyond: dict[Lane, dict[int, str]] = {lane: {} for lane in ends}
        self._again: dict[Lane, dict[int, tuple[str, Lane, int]]] = {}

    def seen(self, row: Row) -> None:
        lane = (row.store, row.stream)
        end = self._ends.get(lane)
        if end is not None and row.seq > end:
            self._beyond[lane][row.seq] = row.hash.hex()
        if b'"was":[' in row.body and (found := moves(row.body)):
            store, seq, hash_ = found[-1]
            self._again.setdefault((store, row.stream), {})[seq] = (hash_, lane, row.seq)

    def settle(self, found: Mapping[Lane, Found], whole: Collection[Stream]) -> None:
        """`whole`: streams of which nothing was dropped, so that what is not there was never there."""
        for old, beyond in self._beyond.items():
            again = self._again.get(old, {})
            for seq in beyond.keys() & again.keys():
                hash_, new, at = again[seq]
                if hash_ != beyond[seq]:
                    found[new].wrong(at, "moved", f"{old[0]} {seq}")
            if old[1] in whole:
                found[old].missing += [Missing(seq, seq, "left") for seq in sorted(beyond.keys() - again.keys())]
