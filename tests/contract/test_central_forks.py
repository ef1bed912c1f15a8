"""Restored backups and cloned cards as the centre sees them: who came first is the history, nobody's event is lost or told twice."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.ingest import Ingest, Outcome
from central.store import Store, reader
from model.bodies import AlarmBody, ScanBody
from model.record import Stream
from support.source import STORE, Source, new_id
from sync.contract.messages import HASHES_MAX, HashRequest, encode
from sync.contract.topics import down_ack, down_hashes, up_hash_request

NEW = "6b2e1d8f-aaaa-4bbb-8ccc-ddddeeeeffff"
ASK = up_hash_request("gw-1")
QUESTION = HashRequest(v=1, id=new_id(), store=STORE, stream="reading", at=[3, 10, 11])


class Centre:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.store = Store(data)
        self.ingest = Ingest(self.store)

    def take(self, *messages: tuple[str, bytes]) -> Outcome:
        return self.ingest.take(messages)

    def ack(self, source: Source, *messages: tuple[str, bytes]) -> dict[str, Any]:
        said: dict[str, Any] = json.loads(self.take(*messages).acks[down_ack("gw-1", source.store, source.stream)])
        return said

    def ask(self, stream: str, *at: int) -> dict[int, str]:
        """What the gateway learns of its old store."""
        question = HashRequest(v=1, id=new_id(), store=STORE, stream=stream, at=list(at))  # type: ignore[arg-type]
        ((topic, payload),) = self.take((ASK, encode(question))).answers
        assert topic == down_hashes("gw-1")
        return dict(json.loads(payload)["hashes"])

    @property
    def counts(self) -> dict[str, Any]:
        return queries.counts(reader(self.data))

    def lane(self, source: Source) -> dict[str, Any]:
        found: dict[str, Any] = self.counts["gateways"]["gw-1"]["stores"][source.store][source.stream]
        return found

    @property
    def alarms(self) -> list[dict[str, Any]]:
        return queries.alarms(reader(self.data))

    @property
    def whole(self) -> bool:
        found = queries.audit(reader(self.data))
        return (found["broken"], found["unaccounted"]) == (0, 0)


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[Centre]:
    centre = Centre(tmp_path)
    yield centre
    centre.store.close()


def again(source: Source, first: int, store: str = NEW) -> Source:
    """The new store of a gateway that appends what its old one has from `first` on once more."""
    made = Source(source.stream, store=store)
    for r in source.records[first - 1 :]:
        was = json.dumps([source.store, r.seq, r.hash.hex()]).encode()
        made.write((r.kind, r.body[:-1] + b',"was":' + was.replace(b" ", b"") + b"}"))
    return made


def alarm(what: str = "lift_alarm", **more: Any) -> tuple[str, bytes]:
    kind = more.pop("kind", "alarm.raised/1")
    body = AlarmBody(
        alarm=more.pop("alarm", None) or new_id(),
        rule="lift",
        what=what,
        device="lift1",
        point="alarm",
        profile="p@1",
        **more,
    )
    return kind, encode(body)


# hashes on request


def test_hashes_are_told_where_they_are_known(centre: Centre) -> None:
    """Of records, and of the number before a hole, which the batch after it states; of nothing else."""
    source = Source(count=30)
    centre.take(source.batch(1, 10), source.batch(21, 30, lost=[(11, 19, "damaged")]))
    assert centre.ask("reading", 10, 11, 19, 20, 21, 30, 31) == {n: source.hash(n).hex() for n in (10, 20, 21, 30)}
    assert centre.ask("event", 1) == {}


def test_answer_names_its_question(centre: Centre) -> None:
    """Several may be under way. One that came with what it asks for is answered from what is then committed."""
    source = Source(count=10)
    outcome = centre.take((ASK, encode(QUESTION)), source.batch(1, 10), (ASK, encode(QUESTION)))
    answers = [json.loads(payload) for _, payload in outcome.answers]
    assert [len(one.pop("hashes")) for one in answers] == [0, 2]
    assert answers[1] == {"v": 1, "id": QUESTION.id, "store": STORE, "stream": "reading"}


@pytest.mark.parametrize(
    ("true", "false"),
    [('"at":[3,10,11]', f'"at":{[1] * (HASHES_MAX + 1)}'), ('"at":[3', '"at":[0'), (STORE, "x"), ('"v":1', '"v":2')],
)
def test_a_question_that_breaks_the_contract_gets_no_answer(centre: Centre, true: str, false: str) -> None:
    """It is counted and kept."""
    payload = encode(QUESTION).decode()
    assert true in payload
    assert centre.take((ASK, payload.replace(true, false).encode())).answers == []
    assert [p["what"] for p in centre.counts["problems"]] == ["message_malformed"]


def test_a_question_makes_no_store(centre: Centre) -> None:
    """Whoever asks for what nobody has leaves nothing behind."""
    centre.take((ASK, encode(QUESTION)))
    assert centre.store.rows("SELECT * FROM lane") == []


# records that come again


@pytest.mark.parametrize("again_first", [False, True])
def test_event_that_comes_again_is_told_once(centre: Centre, again_first: bool) -> None:
    """In another store, before or after the original: both rows are stored, one repetition and one sighting are shown."""
    scans, alarms = Source(Stream.EVENT), Source(Stream.ALARM)
    scans.write(("scan/1", encode(ScanBody(device="scan1", text="0106901234567892"))))
    id_ = new_id()
    alarms.write(alarm(alarm=id_), alarm(alarm=id_, kind="alarm.repeated/1"), alarm(alarm=id_, kind="alarm.reemit/1"))
    old, new = [scans, alarms], [again(scans, 1), again(alarms, 1)]
    for source in [*new, *old] if again_first else [*old, *new]:
        centre.take(source.batch())
    ((shown),) = centre.alarms
    assert (shown["repeats"], shown["reemits"]) == (1, 1)
    assert len(queries.trace(reader(centre.data), "0106901234567892")) == 1
    told_twice = old if again_first else new
    for source in [*old, *new]:
        count = len(source.records)
        assert (centre.lane(source)["rows"], centre.lane(source)["again"]) == (
            count,
            count if source in told_twice else 0,
        )
    assert centre.whole


def test_event_that_moved_twice_is_told_once(centre: Centre) -> None:
    """A store that took over what another had is forked itself: its records name both."""
    third = "7c3f2e90-aaaa-4bbb-8ccc-ddddeeeeffff"
    scans = Source(Stream.EVENT)
    scans.write(("scan/1", encode(ScanBody(device="scan1", text="A"))))
    moved = again(again(scans, 1), 1, third)
    centre.take(moved.batch())
    centre.take(again(scans, 1, store="8d40fa1b-aaaa-4bbb-8ccc-ddddeeeeffff").batch())
    centre.take(again(scans, 1).batch())
    centre.take(scans.batch())
    assert len(queries.trace(reader(centre.data), "A")) == 1


def test_another_history_under_the_same_number_is_another_event(centre: Centre) -> None:
    """`was` with a hash that is not the stored one: this event has not been told."""
    old, clone = Source(Stream.EVENT), Source(Stream.EVENT)
    old.write(("scan/1", encode(ScanBody(device="scan1", text="A"))))
    clone.write(("scan/1", encode(ScanBody(device="scan1", text="B"))))
    centre.take(old.batch(), again(clone, 1).batch())
    assert [len(queries.trace(reader(centre.data), code)) for code in "AB"] == [1, 1]


@pytest.mark.parametrize(
    "was", [b'["x",1,"00"]', b"[]", b"7", b'["' + STORE.encode() + b'",99999999999999,"' + b"0" * 64 + b'"]']
)
def test_was_that_names_nothing(centre: Centre, was: bytes) -> None:
    """The record is one like any other."""
    source = Source(Stream.EVENT)
    source.write(("scan/1", b'{"device":"scan1","text":"A","was":' + was + b"}"))
    assert centre.ack(source, source.batch())["upto"] == 1
    assert len(queries.trace(reader(centre.data), "A")) == 1


# two with one name


def test_restored_gateway_goes_on_in_a_new_store(centre: Centre) -> None:
    """Its alarm is on the desk from the quarantine, and is one alarm with the record that follows; the evidence stays."""
    old, restored = Source(Stream.ALARM), Source(Stream.ALARM)
    shared = [alarm() for _ in range(3)]
    old.write(*shared, alarm())
    restored.write(*shared, alarm("temperature_high"), alarm("door_open"))
    centre.take(old.batch())
    assert centre.ack(restored, restored.batch(3, 4), restored.batch(5, 5))["head"] == old.hash(4).hex()
    assert {a["what"]: a["quarantined"] for a in centre.alarms} == {
        "lift_alarm": False, "temperature_high": True, "door_open": True
    }  # fmt: skip
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (2, 0), "that number 3 is stored is not enough"
    theirs = centre.ask("alarm", 1, 2, 3, 4, 5)
    assert [n for n in theirs if theirs[n] == restored.hash(n).hex()] == [1, 2, 3]
    new = again(restored, 4)
    centre.take(new.batch(1, 1))
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (1, 1), "number 5 is to come"
    centre.take(new.batch(2, 2))
    assert (centre.lane(old)["quarantined"], centre.counts["resolved"]) == (0, 2)
    assert not any(a["quarantined"] for a in centre.alarms)
    assert len(centre.alarms) == 6
    assert len(centre.store.rows("SELECT payload FROM quarantine")) == 2
    assert centre.whole


def test_conflict_that_comes_late_is_resolved_at_once(centre: Centre) -> None:
    """A copy of the batch was still under way when its records had come again."""
    old, restored = Source(count=2), Source()
    restored.write(("reading.poll/1", b'{"n":7}'))
    centre.take(old.batch(), again(restored, 1).batch(), restored.batch())
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (0, 1)


@pytest.mark.parametrize("turn", [0, 1])
def test_cloned_card(centre: Centre, turn: int) -> None:
    """Two gateways with one name, both sending: whose number comes first goes on, the other is told by the head, and forks."""
    clones = Source(Stream.EVENT), Source(Stream.EVENT)
    for name, source in zip("AB", clones, strict=True):
        source.write(*(("scan/1", encode(ScanBody(device="scan1", text=f"both {n}"))) for n in range(5)))
        source.write(*(("scan/1", encode(ScanBody(device="scan1", text=f"{name} {n}"))) for n in range(4)))
    first, second = clones[turn], clones[1 - turn]
    centre.take(first.batch(1, 5), second.batch(1, 5), first.batch(6, 6))
    assert centre.ack(second, second.batch(6, 8)) == {"ingest": 1, "upto": 6, "head": first.hash(6).hex()}
    centre.take(first.batch(7, 8), second.batch(9, 9), first.batch(9, 9))
    assert centre.ask("event", 5, 6)[5] == second.hash(5).hex()
    new = again(second, 6)
    centre.take(new.batch())
    texts = [f"both {n}" for n in range(5)] + [f"{name} {n}" for name in "AB" for n in range(4)]
    assert [len(queries.trace(reader(centre.data), each)) for each in texts] == [1] * 13
    assert [centre.lane(source)["rows"] for source in (first, new)] == [9, 4]
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (0, 2)
    assert centre.whole


def test_clone_whose_later_batch_comes_first(centre: Centre) -> None:
    """It is stored above a hole that only its own history can fill: the other is refused there, sees the head, and comes again."""
    one, other = Source(count=5), Source(count=5)
    one.write(*(("reading.poll/1", b'{"one":%d}' % n) for n in range(5)))
    other.write(*(("reading.poll/1", b'{"other":%d}' % n) for n in range(5)))
    centre.take(one.batch(1, 5), other.batch(8, 9))
    said = centre.ack(one, one.batch(6, 7))
    assert (said["upto"], said["head"], said["refused"]) == (9, other.hash(9).hex(), [[6, 7, "batch_chain"]])
    assert one.hash(9).hex() != said["head"]
    centre.take(again(one, 6).batch())
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (0, 1)
    assert centre.whole


@pytest.mark.parametrize("first", [6, 7])
def test_clone_whose_later_batch_lies_within_ours(centre: Centre, first: int) -> None:
    """The way to it is settled, so that its head is told: without that nobody would learn of it, and the lane stand still."""
    one, other = Source(count=first - 1), Source(count=first - 1)
    one.write(*(("reading.poll/1", b'{"one":%d}' % n) for n in range(8)))
    other.write(*(("reading.poll/1", b'{"other":%d}' % n) for n in range(8)))
    centre.take(one.batch(1, first - 1), other.batch(9, 10))
    said = centre.ack(one, one.batch(first, 12))
    assert (said["upto"], said["head"], said["refused"]) == (10, other.hash(10).hex(), [[first, 8, "batch_conflict"]])
    assert one.hash(10).hex() != said["head"]
    theirs = centre.ask("reading", *range(1, 13))
    assert max(n for n in theirs if theirs[n] == one.hash(n).hex()) == first - 1
    centre.take(again(one, first).batch())
    assert (centre.counts["quarantine"], centre.counts["resolved"]) == (0, 1)
    assert centre.whole


def test_a_conflict_above_a_hole_settles_no_hole(centre: Centre) -> None:
    """What is missing below it may still come; what lies behind another history settles nothing."""
    one, other = Source(count=5), Source(count=5)
    one.write(*(("reading.poll/1", b'{"one":%d}' % n) for n in range(10)))
    other.write(*(("reading.poll/1", b'{"other":%d}' % n) for n in range(10)))
    centre.take(one.batch(1, 5), other.batch(10, 11))
    assert centre.ack(one, one.batch(12, 15))["missing"] == [[6, 9]]
    assert centre.ack(one, one.batch(8, 15))["missing"] == [[6, 7]]
    assert centre.ack(one, one.batch(6, 7))["head"] == other.hash(11).hex()
