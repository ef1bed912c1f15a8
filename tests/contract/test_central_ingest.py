"""What the centre makes of batches, by the wire contract: each promise with the bytes that would break it."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from central.ingest import Ingest, Outcome
from central.store import Store
from model.record import Stream
from support.source import STORE, T0, Source, birth, new_id, will
from sync.contract.messages import EPOCH_MAX, EPOCH_STEP_MAX, Ack, LostReason, StreamState, encode
from sync.contract.topics import down_ack

ACK = down_ack("gw-1", STORE, Stream.READING)
MakeCentre = Callable[[], "Centre"]


class Centre:
    """An ingest on a real database, and questions to it."""

    def __init__(self, data: Path) -> None:
        self.store = Store(data)
        self.ingest = Ingest(self.store)

    def take(self, *messages: tuple[str, bytes]) -> Outcome:
        return self.ingest.take(messages)

    def ack(self, *messages: tuple[str, bytes], topic: str = ACK) -> dict[str, Any]:
        """The acknowledgement that is published after these."""
        said: dict[str, Any] = json.loads(self.take(*messages).acks[topic])
        return said

    def get(self, sql: str) -> Any:
        return self.store.db.execute(sql).get

    @property
    def seqs(self) -> list[int]:
        return [seq for (seq,) in self.store.db.execute("SELECT seq FROM records ORDER BY seq")]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[MakeCentre]:
    """Start a centre on the same directory, again and again."""
    made: list[Centre] = []

    def _start() -> Centre:
        if made:
            made[-1].store.close()
        made.append(Centre(tmp_path))
        return made[-1]

    yield _start
    made[-1].store.close()


@pytest.fixture
def centre(start: MakeCentre) -> Centre:
    return start()


def test_batch_is_stored_as_received_and_acknowledged(centre: Centre) -> None:
    """Rows hold the very bytes of the bodies; the acknowledgement has the epoch, the watermark and the hash there."""
    source = Source(count=2)
    source.write(("reading.poll/1", b'{ "v" : [1.50,  2] }'))
    assert centre.ack(source.batch()) == {"ingest": 1, "upto": 3, "head": source.hash(3).hex()}
    rows = list(
        centre.store.db.execute("SELECT gw, store, stream, seq, t, tq, err_ms, mono, kind, body, hash FROM records")
    )
    assert rows[2] == (
        "gw-1", STORE, "reading", 3, T0 + 3000, "ntp", 12, 5_000_000, "reading.poll/1", b'{ "v" : [1.50,  2] }',
        source.hash(3),
    )  # fmt: skip


def test_packed_batch(centre: Centre) -> None:
    """zstd needs no word before."""
    assert centre.ack(Source(count=5).batch(encoding="zstd"))["upto"] == 5


def test_duplicates_are_counted_and_acknowledged_again(centre: Centre) -> None:
    """A gateway that lost its watermark moves on: an old batch gives the current acknowledgement."""
    source = Source(count=10)
    centre.take(source.batch(1, 5), source.batch(6, 10))
    assert centre.ack(source.batch(1, 5))["upto"] == 10
    assert centre.ack(source.batch(4, 8))["head"] == source.hash(10).hex()
    assert centre.seqs == list(range(1, 11))
    assert centre.get("SELECT duplicates FROM lane") == 10


def test_out_of_order_names_the_holes(start: MakeCentre) -> None:
    """Batches above a hole are kept, the watermark waits below it; a restart in between forgets nothing."""
    source = Source(count=12)
    centre = start()
    assert centre.ack(source.batch(4, 6), source.batch(9, 12)) == {"ingest": 1, "upto": 0, "missing": [[1, 3], [7, 8]]}
    centre = start()
    assert centre.ack(source.batch(1, 3)) == {"ingest": 1, "upto": 6, "head": source.hash(6).hex(), "missing": [[7, 8]]}
    assert centre.ack(source.batch(5, 9)) == {"ingest": 1, "upto": 12, "head": source.hash(12).hex()}
    assert (centre.seqs, centre.get("SELECT count(*) FROM seam")) == (list(range(1, 13)), 0)


def test_lost_settles_and_the_chain_goes_on_from_what_is_given(centre: Centre) -> None:
    """After a lost range the hash before the next record is taken as given, and noted."""
    source = Source(count=30)
    centre.take(source.batch(1, 3))
    assert centre.ack(source.batch(21, 25, lost=[(2, 20, "pressure")]))["upto"] == 25
    assert centre.store.db.execute("SELECT first, last, how, why FROM settled").fetchall() == [
        (4, 20, "lost", "pressure")
    ]
    assert centre.get("SELECT prev FROM seam WHERE seq = 21") == source.hash(20)
    assert centre.ack(source.batch(26, 30))["head"] == source.hash(30).hex()


def test_loss_alone(centre: Centre) -> None:
    """A batch without records only declares; the hash at the watermark is then not known."""
    source = Source(count=3)
    payload = json.loads(source.batch(3, 3)[1]) | {
        "first": 3, "last": 2, "recs": [], "head": source.hash(2).hex(), "lost": [[1, 2, "retired"]]
    }  # fmt: skip
    assert centre.ack((source.topic, json.dumps(payload).encode())) == {"ingest": 1, "upto": 2}


@pytest.mark.parametrize("lost", [(1, 2**40 - 1, "pressure"), (2, 21, "retired")])
def test_loss_of_what_the_gateway_still_holds(centre: Centre, lost: tuple[int, int, LostReason]) -> None:
    """One wrong number must not end the lane: such a batch is refused, and what is behind it comes through."""
    source = Source(count=30)
    assert centre.ack(source.batch(21, 25, lost=[lost])) == {
        "ingest": 1, "upto": 0, "missing": [[1, 20]], "refused": [[21, 25, "batch_lost_range"]]
    }  # fmt: skip
    assert centre.ack(source.batch(1, 20), source.batch(26, 30))["upto"] == 30


def test_loss_alone_beyond_what_is_held(centre: Centre) -> None:
    """`low` is no excuse: a batch never begins below what is held."""
    source = Source(count=1)
    payload = json.loads(source.batch()[1]) | {
        "last": 0, "low": 2**40, "recs": [], "head": source.hash(0).hex(), "lost": [[1, 2**40 - 1, "retired"]]
    }  # fmt: skip
    assert centre.ack((source.topic, json.dumps(payload).encode()))["upto"] == 0


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda raw: raw.replace(b'{"n":5}', b'{"n":7}'), "batch_chain"),
        (lambda raw: raw.replace(b'"s":5', b'"s":6'), "batch_range"),
        (lambda raw: raw.replace(b'{"n":5}', b'{"n:5}}'), "message_malformed"),
        (lambda raw: raw.replace(b'{"n":5}', b'{"n":\xff\x00}'), "message_malformed"),
    ],
)
def test_damaged_batch_does_not_block_what_is_behind_it(
    centre: Centre, change: Callable[[bytes], bytes], why: str
) -> None:
    """It is kept raw, settled as refused with its reason, and counted; the next batch is taken."""
    source = Source(count=9)
    topic, raw = source.batch(4, 6)
    damaged = change(raw)
    assert damaged != raw
    centre.take(source.batch(1, 3))
    assert centre.ack((topic, damaged)) == {"ingest": 1, "upto": 6, "refused": [[4, 6, why]]}
    assert centre.ack(source.batch(7, 9))["upto"] == 9
    assert centre.seqs == [1, 2, 3, 7, 8, 9]
    assert centre.get("SELECT payload FROM quarantine WHERE settled") == damaged
    assert centre.store.db.execute("SELECT gw, what, count FROM problem").fetchall() == [("gw-1", why, 1)]


def test_good_copy_of_a_refused_range_is_taken_after_all(centre: Centre) -> None:
    """What came damaged and then whole is a row, and no longer refused."""
    source = Source(count=9)
    topic, raw = source.batch(2, 6)
    centre.take(source.batch(1, 1), (topic, raw.replace(b'{"n":5}', b'{"n":7}')))
    assert centre.ack(source.batch(3, 4)) == {
        "ingest": 1, "upto": 6, "refused": [[2, 2, "batch_chain"], [5, 6, "batch_chain"]]
    }  # fmt: skip
    assert centre.ack(source.batch(1, 9)) == {"ingest": 1, "upto": 9, "head": source.hash(9).hex()}
    assert (centre.seqs, centre.get("SELECT count(*) FROM seam")) == (list(range(1, 10)), 0)


def test_refused_ranges_that_adjoin_are_one(centre: Centre) -> None:
    """A gateway whose every batch is damaged does not make acknowledgements grow."""
    source = Source(count=9)
    damaged = [(topic, raw.replace(b'"m":5', b'"m":6')) for topic, raw in (source.batch(n, n) for n in range(1, 10))]
    assert centre.ack(*damaged) == {"ingest": 1, "upto": 9, "refused": [[1, 9, "batch_chain"]]}


def test_unbelievable_range_settles_nothing(centre: Centre) -> None:
    """A damaged number far away, or a range longer than a batch may be, is no reason to give anything up."""
    source = Source(count=2)
    topic, raw = source.batch()
    for far in (b'"first":900000,"last":900001', b'"first":1,"last":501', b'"first":5,"last":4'):
        payload = raw.replace(b'"first":1,"last":2', far)
        assert centre.ack((topic, payload)) == {"ingest": 1, "upto": 0}


def test_same_key_with_another_hash_is_a_conflict(centre: Centre) -> None:
    """A cloned store is not settled and not mixed in: the acknowledgement shows it the head where they part."""
    source, clone = Source(count=5), Source(count=3)
    clone.write(("reading.poll/1", b'{"other":4}'), ("reading.poll/1", b'{"other":5}'), ("reading.poll/1", b"{}"))
    centre.take(source.batch())
    current = {"ingest": 1, "upto": 5, "head": source.hash(5).hex()}
    assert centre.ack(clone.batch(3, 5)) == current
    assert centre.ack(clone.batch(6, 6)) == current  # its own key is new, but it continues another history
    assert centre.ack(clone.batch(6, 6, sent=T0 + 1)) == current
    assert centre.store.db.execute("SELECT reason, times, settled FROM quarantine").fetchall() == [
        ("batch_conflict first=3 last=5", 1, 0),
        ("batch_conflict first=6 last=6", 2, 0),
    ]


def test_batch_that_does_not_lead_to_what_is_above_is_refused(centre: Centre) -> None:
    """Rows above a hole are known; what would fill the hole with another history is settled as refused."""
    source, clone = Source(count=6), Source(count=3)
    clone.write(("reading.poll/1", b"{}"))
    centre.take(source.batch(1, 3), source.batch(5, 6))
    assert centre.ack(clone.batch(4, 4)) == {
        "ingest": 1, "upto": 6, "head": source.hash(6).hex(), "refused": [[4, 4, "batch_chain"]]
    }  # fmt: skip


def test_message_in_anothers_name_is_refused(centre: Centre) -> None:
    """The topic, which the broker's access list guards, must say the same gateway and stream as the message."""
    _, payload = Source(gw="gw-2", count=1).batch()
    assert centre.take(("v1/gw/gw-1/up/reading", payload), ("v1/gw/gw-2/up/alarm", payload)).acks == {}
    assert centre.seqs == []
    assert centre.store.db.execute("SELECT gw, what FROM problem").fetchall() == [
        ("gw-1", "batch_foreign"),
        ("gw-2", "batch_foreign"),
    ]


def test_store_whose_id_is_no_topic(centre: Centre) -> None:
    """A UUID with a line's end behind it would make an acknowledgement's topic for which a broker hangs up."""
    topic, raw = Source(count=1).batch()
    assert centre.take((topic, raw.replace(STORE.encode(), STORE.encode() + b"\\n"))).acks == {}


def test_unknown_kind_is_stored_raw_and_alarmed(centre: Centre) -> None:
    """A newer gateway loses nothing at an older centre."""
    source = Source()
    source.write(("weight.gross/7", b'{"kg":12}'), ("alarm.raised/1", b"{}"), ("reading.poll/1", b"{}"))
    assert centre.ack(source.batch())["upto"] == 3
    assert centre.store.db.execute("SELECT what, refused, count FROM problem").fetchall() == [("kind_unknown", 0, 2)]


def test_retained_acknowledgement_ahead_of_us_raises_the_epoch(centre: Centre) -> None:
    """The database was restored from a copy: every lane is acknowledged anew, under a new epoch, as it stands here."""
    source, other = Source(count=5), Source(Stream.AUDIT, 4, kind="checkpoint/1")
    centre.take(source.batch(1, 3), other.batch())
    retained = encode(Ack(ingest=4, upto=5, head=source.hash(5).hex()))
    outcome = centre.take((ACK, retained))
    assert outcome.epoch == 5
    assert {topic: json.loads(ack)["upto"] for topic, ack in outcome.acks.items()} == {
        ACK: 3, down_ack("gw-1", STORE, Stream.AUDIT): 4
    }  # fmt: skip
    assert centre.take((ACK, retained)).epoch == 5, "what an older epoch said is only answered"
    assert centre.ack(source.batch(3, 5)) == {"ingest": 5, "upto": 5, "head": source.hash(5).hex()}


def test_own_echo_changes_nothing(centre: Centre) -> None:
    """Acknowledgements come back to their publisher."""
    outcome = centre.take(Source(count=5).batch())
    assert centre.take((ACK, outcome.acks[ACK])) == ({}, [], set(), 1)


def test_lost_database_is_noticed(centre: Centre) -> None:
    """A new database learns of unknown lanes from what is retained."""
    said = centre.ack((ACK, encode(Ack(ingest=1, upto=5))))
    assert said == {"ingest": 2, "upto": 0}


def test_birth_ahead_of_us_raises_the_epoch_once(start: MakeCentre) -> None:
    """The same retained birth is heard again at each connection, also after a restart."""
    message = birth("gw-1", new_id(), {"reading": StreamState(last=9, upto=7, low=1, head="00" * 32, ingest=1)})
    outcome = start().take(message)
    assert (outcome.epoch, outcome.born) == (2, {"gw-1"})
    assert json.loads(outcome.acks[ACK]) == {"ingest": 2, "upto": 0}
    assert start().take(message).epoch == 2


def test_birth_of_a_known_session_raises_the_epoch(centre: Centre) -> None:
    """A gateway that has been connected since before the copy was made says its watermarks again in the same session."""
    session, mark = new_id(), StreamState(last=9, upto=0, low=1, head="00" * 32)
    assert centre.take(birth("gw-1", session, {"reading": mark})).epoch == 1
    later = msgspec.structs.replace(mark, upto=7, ingest=1)
    assert centre.take(birth("gw-1", session, {"reading": later})).epoch == 2


def test_birth_of_a_later_epoch_raises_ours_once(start: MakeCentre) -> None:
    """A new database, and a broker that forgot: a gateway believes only what is above the epoch that it has seen."""
    mark = StreamState(last=9, upto=7, low=1, head="00" * 32, ingest=5)
    message = birth("gw-1", new_id(), {"reading": mark})
    outcome = start().take(message)
    assert outcome.epoch == 6
    assert json.loads(outcome.acks[ACK]) == {"ingest": 6, "upto": 0}
    assert start().take(message).epoch == 6
    again = birth("gw-1", new_id(), {"reading": mark})
    assert start().take(again).epoch == 6, "it has not heard of the new epoch yet, and is told"
    higher = birth("gw-2", new_id(), {"reading": msgspec.structs.replace(mark, upto=0, ingest=8)})
    assert start().take(higher).epoch == 9, "whoever has seen more"


def test_nobody_can_use_the_epochs_up(centre: Centre) -> None:
    """A gateway that claims the last one there is moves the centre by one step, which every gateway follows."""
    mark = StreamState(last=9, upto=7, low=1, head="00" * 32, ingest=EPOCH_MAX)
    before = centre.ingest.take([]).epoch
    for step in (1, 2):
        assert centre.take(birth("gw-1", new_id(), {"reading": mark})).epoch == before + step * EPOCH_STEP_MAX
    assert centre.get("SELECT count FROM problem WHERE what = 'epoch_unlikely'") == 2


def test_will_of_another_session_is_void(centre: Centre) -> None:
    """A late will, delivered after the gateway has come back, does not say that it is gone."""
    old, new = new_id(), new_id()
    centre.take(birth("gw-1", old, {}), birth("gw-1", new, {}), will("gw-1", old))
    assert centre.get("SELECT online FROM gateway") == 1
    centre.take(will("gw-1", new))
    assert centre.get("SELECT online FROM gateway") == 0


def test_nothing_is_stored_of_a_group_that_fails(start: MakeCentre) -> None:
    """All of a transaction or nothing; another life of the centre takes it."""
    source = Source(count=5)

    def group() -> Iterator[tuple[str, bytes]]:
        yield source.batch()
        raise OSError

    centre = start()
    with pytest.raises(OSError):  # noqa: PT011
        centre.ingest.take(group())
    assert centre.seqs == []
    assert start().ack(source.batch())["upto"] == 5


def test_golden_batch_of_the_document(centre: Centre) -> None:
    """The bytes that `docs/contract` shows to other implementations are taken as they stand."""
    vectors = json.loads((Path(__file__).parents[2] / "docs/contract/vectors.json").read_text(encoding="utf-8"))
    batch = json.loads(vectors["batch"])
    topic = down_ack(batch["gw"], batch["store"], Stream.READING)
    said = centre.ack((f"v1/gw/{batch['gw']}/up/reading", vectors["batch"].encode()), topic=topic)
    assert said == {"ingest": 1, "upto": batch["last"], "head": batch["head"]}
