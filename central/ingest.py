"""Messages of gateways in, acknowledgements out: verified, committed, and only then answered."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import msgspec

from central import again, derive, incidents, ledger, presence, quarantine, witness
from central.inbox import Message
from central.store import Lane, Store, now
from model.errors import ContractError
from model.record import KINDS, STREAMS, Record, Stream
from sync.contract.batch import verify
from sync.contract.messages import (
    EPOCH_STEP_MAX,
    Ack,
    Batch,
    Birth,
    CommandResult,
    Count,
    HashRequest,
    Name,
    Seq,
    StreamName,
    Urgent,
    Uuid,
    Will,
    decode,
    encode,
    unpack,
)
from sync.contract.topics import Up, down_ack, down_hashes, parse_ack, parse_up

NOBODY = "?"
"""Whose problem it is when no gateway is known."""


class Outcome(NamedTuple):
    """What is to be published now that all is committed. `born` gateways are due their open commands."""

    acks: dict[str, bytes]
    answers: list[tuple[str, bytes]]
    born: set[str]
    epoch: int


class _Head(msgspec.Struct):
    """The numbers of a batch whose records do not even parse."""

    gw: Name
    store: Uuid
    stream: StreamName
    first: Seq
    last: Count


class _State(msgspec.Struct):
    state: str


class Ingest:
    """An error of the database leaves it unusable: nothing uncommitted was answered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._touched: dict[int, Lane] = {}
        self._answers: list[tuple[str, bytes]] = []
        self._born: set[str] = set()
        self._heard: set[str] = set()
        derive.once_more(store)

    def take(self, messages: Iterable[Message], dropped: int = 0) -> Outcome:
        """One transaction for all. Whatever the bytes are, only a failing database raises (apsw.Error).

        `dropped` counts batches for which there was no room.
        """
        self._touched, self._answers, self._born, self._heard = {}, [], set(), set()
        with self._store.transaction():
            epoch = self._store.epoch
            for topic, payload in messages:
                self._one(topic, payload)
            if dropped:
                self._store.problem(NOBODY, "inbox_full", refused=True, count=dropped)
            if self._store.epoch != epoch:
                self._touched = {lane.id: lane for lane in self._store.lanes()}
            self._store.save(self._touched.values())
            presence.heard(self._store.db, self._heard)
            incidents.settle(self._store.db)
        return Outcome(self.acks(self._touched.values()), self._answers, self._born, self._store.epoch)

    def acks(self, lanes: Iterable[Lane]) -> dict[str, bytes]:
        """Topic and payload of the acknowledgements as they stand."""
        return {
            down_ack(lane.gw, lane.store, Stream(lane.stream)): encode(ledger.ack(self._store, lane)) for lane in lanes
        }

    def acks_on(self, topics: Iterable[str]) -> dict[str, bytes]:
        """The same for the lanes of these topics, as far as they are known."""
        keys = [(topic.split("/")[2], *topic.split("/")[5:7]) for topic in topics]
        with self._store.transaction():
            return self.acks([lane for key in keys if (lane := self._store.known_lane(*key))])

    def _one(self, topic: str, payload: bytes) -> None:
        gw = NOBODY
        try:
            parts = topic.split("/")
            if parts[3:5] == ["down", "ack"]:
                self._own_ack(parts[2], topic, payload)
                return
            up = parse_up(topic)
            gw = up.gw
            self._heard.add(gw)
            if up.what in STREAMS:
                self._batch(up, topic, payload)
            elif up.what == "status":
                self._status(gw, payload)
            elif up.what == "urgent":
                derive.from_urgent(self._store, gw, decode(payload, Urgent))
            elif up.what == "cmdres":
                self._result(gw, decode(payload, CommandResult))
            elif up.what == "hashreq":
                hashes = ledger.hashes(self._store, gw, decode(payload, HashRequest))
                self._answers.append((down_hashes(gw), encode(hashes)))
            else:
                raise ContractError("topic_unknown", topic=topic)
        except ContractError as err:
            self._store.problem(gw, err.code, refused=True)
            quarantine.keep(self._store, gw, topic, payload, err, same=payload)
            if gw != NOBODY and err.code == "message_malformed":
                self._unread(parse_up(topic), payload)

    # batches

    def _batch(self, up: Up, topic: str, payload: bytes) -> None:
        try:
            batch = decode(payload, Batch)
        except ContractError as err:
            head = _head(payload)
            if head is None or Up(head.gw, head.stream) != up:
                raise
            lane = self._lane(up.gw, head.store, head.stream)
            self._refuse(lane, topic, payload, err, head.first, head.last, same=payload)
            self._unread(up, payload)
            return
        if Up(batch.gw, batch.stream) != up:
            raise ContractError("batch_foreign", gw=batch.gw, stream=batch.stream)
        lane = self._lane(up.gw, batch.store, batch.stream)
        records: list[Record] = []
        try:
            records = verify(batch)
            fresh = ledger.take(self._store, lane, batch, records)
        except ContractError as err:
            same = encode(msgspec.structs.replace(batch, sent=0))
            self._refuse(lane, topic, payload, err, batch.first, batch.last, same=same, records=records)
            if up.what == "alarm":
                derive.from_quarantine(self._store, batch)
            return
        for kind in {r.kind for r in fresh}:
            if KINDS.get(kind) != up.what:
                count = sum(r.kind == kind for r in fresh)
                self._store.problem(up.gw, "kind_unknown", refused=False, count=count)
        told = again.told(self._store, lane, fresh)
        if up.what in ("alarm", "event", "audit"):
            derive.from_records(self._store, lane, [r for r in fresh if r.seq not in told])
            derive.from_again(self._store, lane, [r for r in fresh if r.seq in told])
        if up.what == "audit":
            witness.keep(self._store, lane, fresh)

    def _unread(self, up: Up, payload: bytes) -> None:
        if up.what in ("alarm", "urgent"):
            derive.unreadable(self._store, up.gw, payload)

    def _refuse(
        self,
        lane: Lane,
        topic: str,
        payload: bytes,
        error: ContractError,
        first: int,
        last: int,
        *,
        same: bytes,
        records: Sequence[Record] = (),
    ) -> None:
        """Into quarantine. A conflict is settled up to the other history alone: the head of that tells the gateway, and it forks."""
        end = error.at - 1 if isinstance(error, ledger.Conflict) else last
        settled = ledger.refuse(self._store, lane, first, end, error.code)
        self._store.problem(lane.gw, error.code, refused=True)
        quarantine.keep(
            self._store, lane.gw, topic, payload, error, same=same, lane=lane, settled=settled, records=records
        )

    def _lane(self, gw: str, store: str, stream: str) -> Lane:
        """The lane, whose acknowledgement is published when all is committed."""
        lane = self._store.lane(gw, store, stream)
        self._touched[lane.id] = lane
        return lane

    # the rest

    def _status(self, gw: str, payload: bytes) -> None:
        """A birth, or a will: void unless it is of the session that is known."""
        known = self._store.db.execute("SELECT session FROM gateway WHERE gw = ?", (gw,)).get
        if decode(payload, _State).state == "down":
            will = decode(payload, Will)
            self._heard.discard(gw)
            if will.session == known:
                self._store.db.execute("UPDATE gateway SET online = 0, since = ? WHERE gw = ?", (now(), gw))
            return
        birth = decode(payload, Birth)
        self._store.db.execute(
            "INSERT OR REPLACE INTO gateway VALUES (?1, ?2, 1, ?3, ?4, ?3)", (gw, birth.session, now(), unpack(payload))
        )
        self._born.add(gw)
        ahead = []
        for state in birth.stores:
            for stream, mark in state.streams.items():
                lane = self._lane(gw, state.store, stream)
                if mark.ingest and self._ahead(lane, mark.ingest, mark.upto):
                    ahead.append(mark.ingest)
        if ahead:
            self._raise_epoch(gw, max(ahead))

    def _own_ack(self, gw: str, topic: str, payload: bytes) -> None:
        """One that we published, perhaps in a life that this database does not remember."""
        place = parse_ack(gw, topic)
        said = decode(payload, Ack)
        lane = self._store.lane(gw, place.store, place.stream)
        if said.ingest < self._store.epoch or said.upto < lane.upto:
            self._touched[lane.id] = lane
        elif self._ahead(lane, said.ingest, said.upto):
            self._raise_epoch(gw, said.ingest)

    def _ahead(self, lane: Lane, epoch: int, upto: int) -> bool:
        """Whether this was acknowledged in a life that this database does not remember."""
        return epoch > self._store.epoch or (epoch == self._store.epoch and upto > lane.upto)

    def _raise_epoch(self, gw: str, seen: int) -> None:
        """No further at once than a gateway follows, and the last epoch there is comes never: else one could stop all."""
        if seen >= self._store.epoch + EPOCH_STEP_MAX:
            self._store.problem(gw, "epoch_unlikely", refused=True)
        self._store.raise_epoch(min(seen, self._store.epoch + EPOCH_STEP_MAX - 1))

    def _result(self, gw: str, result: CommandResult) -> None:
        self._store.db.execute(
            "UPDATE command SET result = ?, why = ?, result_at = ? "
            "WHERE id = ? AND gw = ? AND (result IS NULL OR result = 'accepted')",
            (result.result, result.why, now(), result.id, gw),
        )
        if not self._store.db.changes():
            self._store.problem(gw, "result_unexpected", refused=False)
            return
        self._store.db.execute(
            "UPDATE alarm SET dirty = 1 FROM command WHERE command.id = ? AND (alarm.id, alarm.gw) = (alarm, command.gw) "
            "AND lift IS NOT NULL",
            (result.id,),
        )
        if (result.result, result.why) == ("refused", "alarm_not_open"):
            derive.unknown_there(self._store, gw, result.id)


def _head(payload: bytes) -> _Head | None:
    """The numbers in front of the records, where at least these can be read."""
    try:
        return decode(unpack(payload).partition(b',"recs":')[0] + b"}", _Head)
    except ContractError:
        return None
