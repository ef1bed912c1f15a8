"""What the centre derives and answers: alarms, sightings, counts, the audit."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Raw

from central import queries
from central.cli import main
from central.ingest import Ingest
from central.ranges import joined, size, without
from central.show import local_time
from central.store import Store, reader
from model.bodies import AlarmBody, ScanBody, TagSeen
from model.record import Stream
from model.texts import text
from support.centre import central_lines
from support.source import BOOT, STORE, T0, Source, at, new_id
from sync.contract.messages import Urgent, encode
from sync.contract.topics import up_urgent

ALARM = "7a3e0f52-1111-4222-8333-444455556666"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path)
    yield store
    store.close()


@pytest.fixture
def ingest(store: Store) -> Ingest:
    return Ingest(store)


def body(what: str = "temperature_high", **more: Any) -> AlarmBody:
    return AlarmBody(
        alarm=ALARM, rule="room1-cold", what=what, device="room1", point="temperature", profile="gsp-cold-2-8@1", **more
    )


def alarms(*says: tuple[str, AlarmBody]) -> Source:
    source = Source(Stream.ALARM)
    source.write(*((kind, encode(said)) for kind, said in says))
    return source


def urgent() -> tuple[str, bytes]:
    message = Urgent(
        v=1, alarm=ALARM, boot=BOOT, t=T0, tq=at().tq, mono=1, kind="alarm.raised/1", body=Raw(encode(body()))
    )
    return up_urgent("gw-1"), encode(message)


def only(data: Path) -> dict[str, Any]:
    (alarm,) = queries.alarms(reader(data))
    return alarm


def test_alarm_from_raised_to_cleared(ingest: Ingest, tmp_path: Path) -> None:
    """Each transition shows, with its time and person; re-emissions are counted."""
    source = alarms(
        ("alarm.raised/1", body()),
        ("alarm.reemit/1", body(n=2)),
        ("alarm.reemit/1", body(n=3)),
        ("alarm.acked/1", body(by="Li Na", command=new_id())),
        ("alarm.cleared/1", body()),
    )
    states = []
    for seq in range(1, 6):
        ingest.take([source.batch(seq, seq), source.batch(seq, seq)])
        states.append(only(tmp_path)["state"])
    assert states == ["raised", "raised", "raised", "acked", "cleared"]
    alarm = only(tmp_path)
    assert {name: alarm[name] for name in ("what", "device", "point", "raised", "acked", "acked_by", "cleared")} == {
        "what": "temperature_high", "device": "room1", "point": "temperature", "raised": T0 + 1000,
        "acked": T0 + 4000, "acked_by": "Li Na", "cleared": T0 + 5000,
    }  # fmt: skip
    assert (alarm["reemits"], alarm["seq"], alarm["urgent_only"]) == (2, 5, False)


def test_transitions_in_any_order_come_to_the_same(ingest: Ingest, tmp_path: Path) -> None:
    """Batches arrive out of order; the alarm is what the records say together."""
    source = alarms(
        ("alarm.raised/1", body("lift_alarm")),
        ("alarm.acked/1", body("lift_alarm", by="Li Na", raised=T0 + 1000)),
        ("alarm.ended/1", body("lift_alarm", raised=T0 + 1000)),
    )
    for seq in (3, 1, 2):
        ingest.take([source.batch(seq, seq)])
    alarm = only(tmp_path)
    assert (alarm["state"], alarm["raised"], alarm["acked_by"], alarm["seq"]) == ("ended", T0 + 1000, "Li Na", 3)


@pytest.mark.parametrize("urgent_first", [True, False])
def test_urgent_message_merges_with_its_record(ingest: Ingest, tmp_path: Path, urgent_first: bool) -> None:
    """The desk sees the alarm before its record, and one alarm after it."""
    messages = [urgent(), alarms(("alarm.raised/1", body())).batch()]
    if not urgent_first:
        messages.reverse()
    ingest.take(messages[:1])
    assert only(tmp_path)["urgent_only"] is urgent_first
    ingest.take(messages[1:])
    assert (only(tmp_path)["urgent_only"], only(tmp_path)["state"]) == (False, "raised")


def test_urgent_message_that_is_none(store: Store, ingest: Ingest) -> None:
    """Another kind, or another alarm in the body than on the message: refused."""
    topic, payload = urgent()
    ingest.take([(topic, payload.replace(b"alarm.raised/1", b"scan/1")), (topic, payload.replace(b"7a3e", b"7a3f", 1))])
    assert store.db.execute("SELECT what, count FROM problem").fetchall() == [("urgent_no_alarm", 2)]
    assert store.db.execute("SELECT count(*) FROM alarm").get == 0


def test_quarantined_alarm_reaches_the_desk(ingest: Ingest, tmp_path: Path) -> None:
    """A cloned store's alarm conflicts with what is stored; the person in the lift does not care."""
    clone = alarms(("alarm.raised/1", body("lift_alarm")))
    ingest.take([Source(Stream.ALARM, 1, kind="alarm.raised/1").batch(), clone.batch()])
    (alarm,) = (one for one in queries.alarms(reader(tmp_path)) if one["quarantined"])
    assert (alarm["what"], alarm["seq"]) == ("lift_alarm", None)


def test_body_that_says_nothing_is_kept_and_counted(store: Store, ingest: Ingest) -> None:
    """The record is stored all the same."""
    source = Source(Stream.EVENT)
    source.write(("scan/1", b"[]"), ("tag.seen/1", b'{"device":1}'), ("scan/1", b'{"device":"\xff","text":"x"}'))
    ingest.take([source.batch()])
    assert store.db.execute("SELECT what, count, refused FROM problem").fetchall() == [("body_unreadable", 3, 0)]
    assert store.db.execute("SELECT rows FROM lane").get == 3


def test_number_that_no_column_holds(store: Store, ingest: Ingest) -> None:
    """An alarm's `raised` beyond 64 bits, in a record, a quarantined batch and an urgent message: unknown, never a crash; what says
    nothing at all may be a call.
    """
    huge = encode(body()).replace(b"{", b'{"raised":9223372036854775808,', 1)
    source = Source(Stream.ALARM)
    source.write(("alarm.raised/1", b"{}"), ("alarm.acked/1", huge))
    clone = Source(Stream.ALARM)
    clone.write(("alarm.acked/1", huge))
    topic, payload = urgent()
    ingest.take([source.batch(), clone.batch(), (topic, payload.replace(encode(body()), huge))])
    assert store.db.execute("SELECT what, count FROM problem ORDER BY what").fetchall() == [
        ("batch_conflict", 1),
        ("body_unreadable", 1),
    ]
    rows = store.db.execute(
        "SELECT what, count(*) FROM alarm WHERE raised IS NULL OR what = 'unreadable' GROUP BY what"
    )
    assert dict(rows) == {"unreadable": 1}


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("command", ["counts", "audit"])
def test_what_went_wrong_is_told_in_words(
    ingest: Ingest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    command: str, lang: str,
) -> None:  # fmt: skip
    """By whichever command one looks at the centre: a newer kind, another history, rubbish, no room."""
    monkeypatch.setenv("COLUMNS", "200")
    source, clone = Source(), Source()
    source.write(("weight.gross/7", b"{}"))
    clone.write(("reading.poll/1", b"{}"))
    ingest.take([source.batch(), clone.batch(), ("v1/gw/gw-1/up/reading", b"{"), ("v1/gw/gw-1/up/x", b"")], dropped=4)
    with pytest.raises(SystemExit, match="0"):
        main([command, "--data", str(tmp_path), "--lang", lang])
    said = capsys.readouterr().out
    told = ("kind_unknown", "batch_conflict", "message_malformed", "topic_unknown", "inbox_full")
    assert all(text(f"central.problem.{what}", lang) in said for what in told)
    assert "central.problem" not in said


def test_trace_finds_scans_and_tags(ingest: Ingest, tmp_path: Path) -> None:
    """By the scanned text with its GS, or by a tag's EPC, over all gateways, oldest first."""
    code, epc = "0106901234567892\x1d10A1", "3034257BF468D480000003E8"
    for gw in ("gw-2", "gw-1"):
        source = Source(Stream.EVENT, gw=gw)
        source.write(
            ("scan/1", encode(ScanBody(device="scan1", text=code, aim="]d2"))),
            ("tag.seen/1", encode(TagSeen(device="portal", epc=epc, pc="3000"))),
            ("scan/1", encode(ScanBody(device="scan1", hex="ff00"))),
        )
        ingest.take([source.batch()])
    found = queries.trace(reader(tmp_path), code)
    assert [(s["gw"], s["device"], s["carrier"], s["seq"]) for s in found] == [
        ("gw-2", "scan1", "]d2", 1), ("gw-1", "scan1", "]d2", 1)
    ]  # fmt: skip
    assert {(s["device"], s["carrier"]) for s in queries.trace(reader(tmp_path), epc)} == {("portal", "epc")}
    assert queries.trace(reader(tmp_path), epc.lower()) == queries.trace(reader(tmp_path), epc)
    assert len(queries.trace(reader(tmp_path), "ff00")) == 2
    assert queries.trace(reader(tmp_path), "nothing") == []


@pytest.mark.parametrize(
    ("damage", "broken", "unaccounted"),
    [
        ("UPDATE record SET body = '{}' WHERE place & 0xFFFF = 4", [4], 0),
        ("UPDATE record SET t = t + 1 WHERE place & 0xFFFF = 4", [4], 0),
        ("UPDATE record SET hash = zeroblob(32) WHERE place & 0xFFFF = 4", [4, 5], 0),
        ("DELETE FROM record WHERE place & 0xFFFF = 4", [5], 1),
        ("DELETE FROM settled", [], 3),
    ],
)
def test_audit_finds_what_was_changed(
    store: Store, ingest: Ingest, tmp_path: Path, damage: str, broken: list[int], unaccounted: int
) -> None:
    """Whoever changes, deletes or undeclares something in the database is found by the rows' own hashes."""
    source = Source(count=20)
    ingest.take([source.batch(1, 9), source.batch(13, 20, lost=[(10, 12, "pressure")])])
    assert queries.audit(reader(tmp_path))["lanes"][0]["ok"] == 17
    store.db.execute(damage)
    found = queries.audit(reader(tmp_path))
    assert (found["lanes"][0]["broken_first"], found["unaccounted"]) == (broken, unaccounted)


async def test_records_are_listed_as_they_came(ingest: Ingest, tmp_path: Path) -> None:
    """One JSON line per record, in the order of its stream, whatever order the batches came in; filters narrow it."""
    source = Source(count=5)
    ingest.take([source.batch(4, 5), source.batch(1, 3), alarms(("alarm.raised/1", body())).batch()])
    lines = await central_lines(tmp_path, "records", "--stream", "reading", "--gw", "gw-1")
    assert [one["seq"] for one in lines] == [1, 2, 3, 4, 5]
    assert lines[0] == {
        "gw": "gw-1", "store": STORE, "stream": "reading", "seq": 1, "kind": "reading.poll/1",
        "t": T0 + 1000, "tq": ["ntp", 12], "utc": None, "utc_tq": None, "boot": BOOT, "mono": at().mono, "body": {"n": 1},
    }  # fmt: skip
    assert [one["body"]["alarm"] for one in await central_lines(tmp_path, "records", "--kind", "alarm.raised/1")] == [
        ALARM
    ]
    assert await central_lines(tmp_path, "records", "--gw", "gw-2") == []


def test_repeated_rubbish_is_kept_once(store: Store, ingest: Ingest) -> None:
    """The same bytes again only count; and of what settles nothing, only the newest thousand are kept."""
    ingest.take([("v1/gw/gw-1/up/reading", b"{")] * 3)
    assert store.db.execute("SELECT times FROM quarantine").get == 3
    ingest.take([("v1/gw/gw-1/up/reading", json.dumps(n).encode()) for n in range(1005)])
    assert store.db.execute("SELECT count(*) FROM quarantine").get == 1000
    assert queries.counts(reader(Path(store.db.filename).parent))["refused_messages"] == 1008


def test_ranges() -> None:
    """Union, difference and size, ends included."""
    assert joined([(5, 6), (1, 2), (3, 3), (8, 9), (8, 8)]) == [(1, 3), (5, 6), (8, 9)]
    assert without((1, 10), [(0, 2), (4, 5), (9, 20)]) == [(3, 3), (6, 8)]
    assert without((4, 5), [(1, 9)]) == without((6, 5), []) == []
    assert size([(1, 3), (5, 5)]) == 4


def test_a_time_that_no_calendar_holds_is_shown_as_it_is() -> None:
    """A gateway may send any; the tables of the others must not fail on it."""
    assert local_time(2**63 - 1) == str(2**63 - 1)
    assert local_time(0).startswith(("1970-", "1969-"))
