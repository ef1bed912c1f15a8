"""What the stored records say of rescues, and of nothing else: each row is hashed again before it is believed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import apsw

from central.lenient import alarm_body
from central.lifts import Lift, keyed
from central.rescue import Place, Step
from central.sequence import aligned
from central.store import SEQ_BITS
from central.witnessed import Doubts, Held, Key, audited
from model.bodies import BODIES, AlarmBody, LiftFile, TimeAnchor
from model.errors import ContractError
from model.timeline import Located, Timeline
from sync.contract.messages import decode
from sync.contract.was import moves
from sync.contract.witness import Witness

_ALARMS = tuple(kind for kind, body in BODIES.items() if body is AlarmBody)


class Row(NamedTuple):
    """A record as it is stored."""

    gw: str
    store: str
    stream: str
    seq: int
    boot: str
    t: int
    source: str
    err_ms: int | None
    mono: int
    kind: str
    body: bytes
    hash: bytes
    place: int

    @property
    def key(self) -> tuple[str, str, str, int, str]:
        return self.gw, self.store, self.stream, self.seq, self.hash.hex()


class Anchored:
    """Where a boot lies on the calendar: as witnessed anchors say, else as any do."""

    def __init__(self) -> None:
        self._witnessed, self._any = Timeline(), Timeline()
        self._doubts: set[str] = set()

    def add(self, anchor: TimeAnchor, doubts: set[str]) -> None:
        if not doubts:
            self._witnessed.add(anchor)
        elif self._any.add(anchor):
            self._doubts = doubts

    def locate(self, boot: str, mono: int) -> tuple[Located | None, set[str]]:
        """And why that is not proven."""
        if located := self._witnessed.locate(boot, mono):
            return located, set()
        return self._any.locate(boot, mono), self._doubts


class Filed(NamedTuple):
    """A lift's file, and since when it holds (us, UTC; None: of a gateway that did not know the time)."""

    at: int | None
    file: LiftFile


@dataclass
class Proven:
    """`broken` rows do not follow from what is before them; of `unaccounted` numbers nobody knows where they went. `keys` says
    which records an alarm's steps are from, `doubts` why those do not prove what they say.
    """

    steps: dict[tuple[str, str], list[Step]] = field(default_factory=dict)
    keys: dict[tuple[str, str], list[tuple[str, str, str, int, str]]] = field(default_factory=dict)
    doubts: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    """States of `witnessed`, and `centre_clock`: its gateway did not know the time, so it lies where the centre says that it came."""
    held: dict[Key, Held] = field(default_factory=dict)
    files: dict[tuple[str, str], list[Filed]] = field(default_factory=dict)
    """Of each lift the files in their order."""
    lifts: dict[tuple[str, str], str] = field(default_factory=dict)
    """What names the lift."""
    other: list[tuple[str, str, str, int, str]] = field(default_factory=list)
    """The records about times and lifts."""
    broken: list[tuple[str, str, str, int]] = field(default_factory=list)
    unaccounted: int = 0

    def file(self, gw: str, lift: str, at: int) -> LiftFile | None:
        """As it was at that time (us, UTC), else the first that there is."""
        files = self.files.get((gw, lift), [])
        return next(
            (one.file for one in reversed(files) if one.at is not None and one.at <= at),
            files[0].file if files else None,
        )


def proven(db: apsw.Connection, keys: Path, outside: Sequence[Witness] = ()) -> Proven:
    """The streams of alarms, times and lifts are hashed whole and held against the checkpoints, so that a row that is gone is
    missed as well. `keys` and `outside` as for `witnessed.held`.
    """
    found = Proven(held=audited(db, keys, outside))
    for (gw, store, stream), lane in found.held.items():
        found.unaccounted += lane.unaccounted
        found.broken += [(gw, store, stream, seq) for seq in lane.broken]
    doubts = Doubts(found.held)
    boots: dict[tuple[str, str], Anchored] = {}
    filed: list[tuple[Row, LiftFile]] = []
    for row in _rows(db, "audit", ("time.anchor/1", "lift.file/1")):
        found.other.append(row.key)
        try:
            if row.kind == "lift.file/1":
                filed.append((row, decode(row.body, LiftFile)))
            else:
                anchor = decode(row.body, TimeAnchor)
                boots.setdefault((row.gw, anchor.boot), Anchored()).add(anchor, doubts.of(*row.key[:4]))
        except ContractError:
            continue
    for row, file in filed:
        located, _ = boots.get((row.gw, row.boot), Anchored()).locate(row.boot, row.mono)
        known = (
            located.utc if located and located.tq.source != "unknown" else None if row.source == "unknown" else row.t
        )
        found.files.setdefault((row.gw, file.lift), []).append(Filed(known, file))
    received = {
        (alarm, gw, kind, boot, mono): at
        for alarm, gw, kind, boot, mono, at in db.execute("SELECT alarm, gw, kind, boot, mono, received FROM step")
    }
    _read_steps(db, found, doubts, boots, received)
    lifts = {(gw, steps[0].rescue.lift) for (_, gw), steps in found.steps.items()} | found.files.keys()
    last = {of: files[-1].file for of, files in found.files.items()}
    files = [(gw, lift, last.get((gw, lift)) or LiftFile(lift=lift, state="active")) for gw, lift in lifts]
    found.lifts = keyed(Lift(gw, lift, file.rescue, file.registration) for gw, lift, file in files)
    return found


def _read_steps(
    db: apsw.Connection,
    found: Proven,
    doubts: Doubts,
    boots: dict[tuple[str, str], Anchored],
    received: dict[tuple[Any, ...], Any],
) -> None:
    known: dict[tuple[Any, ...], tuple[Row, AlarmBody]] = {}
    given_again = set()
    for row in _rows(db, "alarm", _ALARMS):
        try:
            said = alarm_body(row.body)
        except ContractError:
            continue
        before = {(was.store, was.seq) for was in moves(row.body)}
        given_again |= {(row.gw, store) for store, _ in before}
        stage = said.rescue and said.rescue.stage
        same = (said.alarm, row.gw, row.kind, row.boot, row.mono, row.t, said.n, stage)
        # one that came again after a fork lies where it was given last
        if said.rescue and (same not in known or (known[same][0].store, known[same][0].seq) in before):
            known[same] = row, said
    for row, said in known.values():
        came = received.get((said.alarm, row.gw, row.kind, row.boot, row.mono), row.t)
        located, doubted = boots.get((row.gw, row.boot), Anchored()).locate(row.boot, row.mono)
        utc = located.utc if located and located.tq.source != "unknown" else None
        at = utc if utc is not None else came if row.source == "unknown" else row.t
        kind = row.kind.partition("/")[0].removeprefix("alarm.")
        told = {
            "t": row.t,
            "tq": [row.source, row.err_ms],
            "utc": utc,
            "utc_tq": located and [located.tq.source, located.tq.err_ms],
        }
        placed = utc is not None or row.source != "unknown"
        place = Place((row.gw, row.store) not in given_again, row.place >> SEQ_BITS, row.seq)
        step = Step(at, row.gw, said.alarm, kind, row.mono, told, came, said, False, row.boot, placed, place)
        found.steps.setdefault((said.alarm, row.gw), []).append(step)
        found.keys.setdefault((said.alarm, row.gw), []).append(row.key)
        doubted = doubted | doubts.of(*row.key[:4]) | (set() if placed else {"centre_clock"})
        found.doubts.setdefault((said.alarm, row.gw), set()).update(doubted)
    found.steps = {alarm: aligned(steps) for alarm, steps in found.steps.items()}


def _rows(db: apsw.Connection, stream: str, kinds: tuple[str, ...]) -> Iterator[Row]:
    marks = ", ".join("?" * len(kinds))
    for row in db.execute(
        f"SELECT {_COLUMNS} FROM records WHERE stream = ? AND kind IN ({marks}) AND {_WHOLE} ORDER BY place",  # noqa: S608
        (stream, *kinds),
    ):
        yield Row(*row)


_COLUMNS = "gw, store, stream, seq, boot, t, tq, err_ms, mono, kind, body, hash, place"
_WHOLE = "typeof(body) = 'blob' AND typeof(hash) = 'blob' AND typeof(t) = 'integer' AND typeof(mono) = 'integer'"
"""A row that somebody has edited may be anything: it is told as altered, and says nothing."""
