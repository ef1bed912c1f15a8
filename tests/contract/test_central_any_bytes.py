"""Whatever gateways send: the centre does not fall, and nothing but a good batch moves a watermark or makes a row."""

import json
from pathlib import Path

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from central import lift_states, queries, report
from central.ingest import Ingest
from central.settings import Targets
from central.store import Store, reader
from model.bodies import BODIES
from model.record import KINDS, STREAMS, Stream
from support.memory import memory_directory
from support.odd_json import odd_json
from support.source import STORE, T0, Source, new_id
from sync.contract.messages import Ack, Batch, Birth, CommandResult, Hash, HashRequest, Seq, Urgent, Uuid, Will, encode
from sync.contract.topics import down_ack, up_hash_request, up_result, up_status, up_stream, up_urgent

ACK = down_ack("gw-1", STORE, Stream.READING)
_GOOD = Source(count=8).batch(4, 8)[1]

whats = st.sampled_from([*STREAMS, "status", "urgent", "cmdres", "hashreq", "reported", "listreq", "x/y", ""])
anything = st.binary(max_size=200) | st.recursive(
    st.none() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["v", "gw", "store", "first", "last", "state", "alarm", "body"]), inner, max_size=5
        )
    ),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A good batch with some bytes changed, added or cut off."""
    start = draw(st.integers(0, len(_GOOD)))
    return _GOOD[:start] + draw(st.binary(max_size=4)) + _GOOD[start + draw(st.integers(0, 4)) :]


@given(st.lists(st.tuples(st.text(max_size=3) | st.just("gw-1"), whats, anything | damaged()), max_size=5))
@settings(max_examples=150, deadline=None)
def test_arbitrary_messages(messages: list[tuple[str, str, bytes]]) -> None:
    """Arbitrary bytes on arbitrary topics never raise, and store nothing that was not in the good batch."""
    with memory_directory() as data:
        store = Store(Path(data))
        Ingest(store).take([(f"v1/gw/{gw}/up/{what}", payload) for gw, what, payload in messages])
        rows = store.db.execute("SELECT seq, hash FROM records").fetchall()
        assert set(rows) <= {(r.seq, r.hash) for r in Source(count=8).records}
        assert store.db.execute("SELECT count(*) FROM lane WHERE gw <> 'gw-1' AND rows > 0").get == 0
        store.close()


def ask(data: Path) -> None:
    """What people and programs ask of what was taken: never an error."""
    db = reader(data)
    queries.counts(db)
    queries.alarms(db)
    queries.incidents(db, 300)
    lift_states.lifts(db, Targets())
    report.report(db, Targets(), data / "gateways")


DERIVED = [kind for kind in BODIES if KINDS[kind] in (Stream.ALARM, Stream.EVENT)] + ["lift.file/1", "time.anchor/1"]


class _Moved(msgspec.Struct):
    was: tuple[Uuid, Seq, Hash]


moved = st.just(b"") | odd_json(_Moved).map(lambda said: b"," + said[1:-1])
"""What may stand at the end of a body."""


@given(
    st.lists(
        st.sampled_from(DERIVED).flatmap(
            lambda k: st.tuples(
                st.just(k), st.tuples(odd_json(BODIES[k]), moved).map(lambda b: b[0][:-1] + b[1] + b"}")
            )
        ),
        min_size=1,
        max_size=10,
    )
)
@settings(max_examples=60, deadline=None)
def test_bodies_of_good_batches(says: list[tuple[str, bytes]]) -> None:
    """Whatever stands in the body of a record whose hash is right: it is settled, and what is behind it comes through."""
    with memory_directory() as data:
        store = Store(Path(data))
        for stream in (Stream.ALARM, Stream.EVENT, Stream.AUDIT):
            source = Source(stream)
            source.write(*((kind, body) for kind, body in says if KINDS[kind] is stream))
            if source.records:
                outcome = Ingest(store).take([source.batch(n, n) for n in range(1, len(source.records) + 1)])
                assert json.loads(outcome.acks[down_ack("gw-1", STORE, stream)])["upto"] == len(source.records)
        store.close()
        ask(Path(data))


_alarms = st.sampled_from([kind for kind in BODIES if kind.startswith("alarm.")])
_id = st.just(json.dumps("7a3e0f52-1111-4222-8333-444455556666"))
_body = odd_json(BODIES["alarm.raised/1"], alarm=_id).map(bytes.decode)
_messages = st.one_of(
    st.tuples(st.just(up_urgent("gw-1")), odd_json(Urgent, alarm=_id, kind=_alarms.map(json.dumps), body=_body)),
    st.tuples(st.just(up_status("gw-1")), odd_json(Birth) | odd_json(Will)),
    st.tuples(st.just(up_stream("gw-1", Stream.READING)), odd_json(Batch)),
    st.tuples(st.just(up_result("gw-1")), odd_json(CommandResult)),
    st.tuples(st.just(up_hash_request("gw-1")), odd_json(HashRequest)),
    st.tuples(st.just(ACK), odd_json(Ack)),
)


@given(st.lists(_messages, max_size=4))
@settings(max_examples=120, deadline=None)
def test_messages_that_nearly_fit(messages: list[tuple[str, bytes]]) -> None:
    """Extreme numbers, odd strings and depths in messages of the right shape never raise; what was committed is read again."""
    with memory_directory() as data:
        store = Store(Path(data))
        Ingest(store).take(messages)
        Ingest(store).take(messages)
        store.close()
        ask(Path(data))


class Gateway(RuleBasedStateMachine):
    """A gateway writes, loses, and sends batches in any order, again and again, damaged too; the centre is restarted."""

    def __init__(self) -> None:
        super().__init__()
        self._folder = memory_directory()
        self._data = Path(self._folder.name)
        self._store = Store(self._data)
        self._ingest = Ingest(self._store)
        self._source = Source()
        self._sent: set[int] = set()
        self._lost: set[int] = set()
        self._spoilt: set[int] = set()
        self._said = 0

    def teardown(self) -> None:
        self._store.close()
        self._folder.cleanup()

    def _take(self, message: tuple[str, bytes]) -> None:
        outcome = self._ingest.take([message])
        self._said = json.loads(outcome.acks[ACK])["upto"]

    @rule(count=st.integers(1, 6))
    def write(self, count: int) -> None:
        self._source.write(*(("reading.poll/1", b'{"n":%d}' % n) for n in range(count)))

    @precondition(lambda self: self._source.records)
    @rule(data=st.data(), packed=st.booleans())
    def send(self, data: st.DataObject, packed: bool) -> None:
        first, last = self._range(data)
        self._take(self._source.batch(first, last, encoding="zstd" if packed else "json"))
        self._sent |= set(range(first, last + 1))

    @precondition(lambda self: len(self._source.records) > 1)
    @rule(data=st.data())
    def send_with_loss(self, data: st.DataObject) -> None:
        first, last = self._range(data, from_=2)
        a = data.draw(st.integers(1, first - 1))
        b = data.draw(st.integers(a, first - 1))
        self._take(self._source.batch(first, last, lost=[(a, b, "pressure")]))
        self._sent |= set(range(first, last + 1))
        self._lost |= set(range(a, b + 1))

    @precondition(lambda self: self._source.records)
    @rule(data=st.data())
    def send_damaged(self, data: st.DataObject) -> None:
        first, last = self._range(data)
        topic, payload = self._source.batch(first, last, sent=T0 + 1)
        self._take((topic, payload.replace(b'"b":{"n":', b'"b":{"N":', 1)))
        self._spoilt |= set(range(first, last + 1))

    def _range(self, data: st.DataObject, *, from_: int = 1) -> tuple[int, int]:
        count = len(self._source.records)
        first = data.draw(st.integers(from_, count))
        return first, data.draw(st.integers(first, min(count, first + 7)))

    @precondition(lambda self: self._source.records)
    @rule(data=st.data())
    def ask(self, data: st.DataObject) -> None:
        """It is told the hash of all that is stored, and no hash that is wrong."""
        at = data.draw(st.lists(st.integers(1, len(self._source.records) + 1), min_size=1, max_size=9))
        question = HashRequest(v=1, id=new_id(), store=STORE, stream="reading", at=at)
        ((_, payload),) = self._ingest.take([(up_hash_request("gw-1"), encode(question))]).answers
        told = dict(json.loads(payload)["hashes"])
        assert told == {n: self._source.hash(n).hex() for n in told}
        assert told.keys() >= set(at) & self._sent

    @rule()
    def restart(self) -> None:
        self._store.close()
        self._store = Store(self._data)
        self._ingest = Ingest(self._store)

    @invariant()
    def each_is_there_once_and_the_watermark_is_right(self) -> None:
        rows = self._store.db.execute("SELECT seq, hash FROM records ORDER BY seq").fetchall()
        assert rows == [(seq, self._source.hash(seq)) for seq in sorted(self._sent)]
        settled = self._sent | self._lost | self._spoilt
        upto = next(n for n in range(len(self._source.records) + 1) if n + 1 not in settled)
        assert self._said == upto
        audit = queries.audit(reader(self._data))
        assert (audit["rows"], audit["broken"], audit["unaccounted"]) == (len(self._sent), 0, 0)
        for gateway in queries.counts(reader(self._data))["gateways"].values():
            lane = gateway["stores"][STORE]["reading"]
            assert lane["rows"] + lane["missing"] + lane["lost"] + lane["refused"] == max(settled)
            assert lane["lost"] + lane["refused"] == len(settled - self._sent)


TestGateway = Gateway.TestCase
TestGateway.settings = settings(max_examples=40, stateful_step_count=20, deadline=None)
