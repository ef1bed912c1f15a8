"""Evidence from real stores: running ones, dropped, damaged and forked ones, and clocks that were wrong."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from model.bodies import ClockStep, TimeAnchor
from model.errors import EvidenceError
from model.record import Series, Stream
from model.time import Stamp, TimeQuality
from support.evidence import Site, answers, bad, check, forked, missing, proven
from support.journals import drafts
from support.source import BOOT, T0, at
from sync.evidence.entries import Evidence
from sync.evidence.report import cannot_know, document
from sync.evidence.segment import Vanished
from sync.evidence.source import with_evidence
from sync.journal.schema import span_of

GOOD = ("yes", "yes", "yes", "yes")
READING = Stream.READING


def contents(data: Path) -> dict[str, bytes]:
    return {str(p.relative_to(data)): p.read_bytes() for p in data.rglob("*") if p.is_file()}


async def test_a_running_gateway_is_not_disturbed(tmp_path: Path) -> None:
    """What is in the WAL is read too, and writing goes on while somebody reads."""
    site = await Site(tmp_path).fill()
    verdict = await asyncio.to_thread(check, site.data, site.key)
    assert (answers(verdict), proven(verdict)["reading"], verdict.streams[3].last) == (GOOD, (15, 0), 18)

    def reading_and_writing() -> int:
        def look(evidence: Evidence) -> int:
            rows = evidence.entries()
            next(rows)
            asyncio.run_coroutine_threadsafe(site.journal.append(drafts(READING, range(100))), loop).result()
            asyncio.run_coroutine_threadsafe(site.journal.rotate("core"), loop).result()
            return 1 + sum(1 for _ in rows)

        return with_evidence(site.data, look)

    loop = asyncio.get_running_loop()
    assert await asyncio.to_thread(reading_and_writing) == 5 * 10 + 2 + 5 + 5 + 3
    await site.closed()


async def test_a_stopped_gateway_is_not_touched(tmp_path: Path) -> None:
    """Not a byte, not a file more."""
    site = await (await Site(tmp_path).fill()).closed()
    before = contents(site.data)
    for path in (site.data, site.data / "stores", site.store):
        assert answers(check(path, site.key)) == GOOD
    assert contents(site.data) == before


async def test_one_segment_is_a_piece(tmp_path: Path) -> None:
    """What it holds is checked; what it does not, nobody asks for."""
    site = await Site(tmp_path).fill()
    await site.journal.rotate("core")
    await site.journal.append(drafts(Stream.ALARM, range(3)))
    await site.sign()
    await site.closed()
    first, second = sorted(site.store.glob("core-*"))
    for path, records in ((first, 37), (second, 4)):
        verdict = check(path, site.key)
        assert answers(verdict) == ("yes", "unknown", "yes", "yes")
        assert sum(one.records for one in verdict.streams) == records
        assert "partial" in cannot_know(verdict, None)


async def test_nothing_to_read(tmp_path: Path) -> None:
    """Each with its own word."""
    site = await (await Site(tmp_path / "data").fill()).closed()
    (tmp_path / "empty").mkdir()
    (tmp_path / "text").write_text("no evidence")
    for path, code in (("empty", "evidence_nothing"), ("text", "evidence_line"), ("none", "evidence_unreadable")):
        with pytest.raises(EvidenceError, match=code):
            check(tmp_path / path, site.key)
    site.sql(READING, "PRAGMA user_version = 99")
    with pytest.raises(EvidenceError, match="evidence_version"):
        check(site.data, site.key)


async def test_a_segment_that_is_dropped_while_it_is_read(tmp_path: Path) -> None:
    """It begins again, with what is there then; a gateway that drops faster than that is told."""
    site = await Site(tmp_path).fill()
    loop = asyncio.get_running_loop()
    rounds: list[int] = []

    def drop_and_read(evidence: Evidence) -> int:
        rounds.append(1)
        if len(rounds) < 3:
            asyncio.run_coroutine_threadsafe(dropped(), loop).result()
        return sum(1 for _ in evidence.entries())

    async def dropped() -> None:
        await site.journal.rotate("reading")
        await site.journal.append(drafts(READING, range(2)))
        await retired(site, "reading")

    assert await asyncio.to_thread(with_evidence, site.data, drop_and_read) == 10 * 4 + 2 + 5 + 2 + 2
    assert len(rounds) == 3
    await site.closed()

    def always(_: Evidence) -> None:
        raise Vanished

    with pytest.raises(EvidenceError, match="evidence_moving"):
        with_evidence(site.data, always)


async def retired(site: Site, series: Series) -> None:
    """The oldest closed segment of a series goes, acknowledged up to 5."""
    info = next(i for i in await site.journal.inventory() if i.series == series and i.closed)
    await site.journal.drop(info, dict.fromkeys(Stream, 5), "pressure", at())


async def test_declared_drops_are_listed(tmp_path: Path) -> None:
    """They are no fault; the rest verifies from the hash that the next segment begins with."""
    site = await Site(tmp_path).fill()
    await site.journal.rotate("reading")
    await site.journal.append(drafts(READING, range(18, 20)))
    await retired(site, "reading")
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    (found,) = (one for one in verdict.streams if one.lane[1] is READING)
    assert answers(verdict) == GOOD
    assert (found.first, found.last, found.declared) == (19, 20, [(1, 18, "pressure")])
    assert (found.signed, found.records) == ([(19, 20)], 2)
    held = with_evidence(site.data, lambda evidence: evidence.stores[0].streams)
    assert {one.stream: one.lost for one in held if one.lost} == {READING: [(6, 18, "pressure")]}
    site.alter(READING, 19)
    assert bad(check(site.data, site.key)) == [("reading", 19, "altered")]


async def test_a_drop_that_nobody_has_declared(tmp_path: Path) -> None:
    """Somebody has removed the file: the beginning is missing."""
    site = await Site(tmp_path).fill()
    await site.journal.rotate("reading")
    await site.journal.append(drafts(READING, range(18, 20)))
    await site.closed()
    min(site.store.glob("reading-*")).unlink()
    verdict = check(site.data, site.key)
    assert (bad(verdict), missing(verdict)) == ([("reading", 1, "missing")], [("reading", 1, 18, "hole")])


async def test_old_audit_is_dropped_with_its_word_of_older_drops(tmp_path: Path) -> None:
    """A signed checkpoint has seen the streams begin where they begin now; before it was made, nobody can know."""
    site = await Site(tmp_path).fill()
    await site.journal.rotate("reading")
    await retired(site, "reading")
    await site.journal.rotate("core")
    await retired(site, "core")
    await site.journal.rotate("core")
    await site.journal.append(drafts(READING, range(18, 20)))
    await retired(site, "core")
    verdict = await asyncio.to_thread(check, site.data, site.key)
    assert (verdict.intact, verdict.complete, verdict.device) == ("yes", "unknown", "unknown")
    assert {one.lane[1]: one.unsaid for one in verdict.streams if one.unsaid}[READING] == [(1, 18)]
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    assert (answers(verdict), bad(verdict)) == (GOOD, [])
    assert next(one for one in verdict.streams if one.lane[1] is READING).declared == [(1, 18, "dropped")]
    assert next(one for one in verdict.streams if one.lane[1] is Stream.AUDIT).first > 12


async def test_what_was_never_answered_for(tmp_path: Path) -> None:
    """After a sync that failed the gateway goes on in a new file: what the old one holds beyond its beginning does not count."""
    site = await Site(tmp_path).fill()
    await site.journal.rotate("reading")
    await site.journal.append(drafts(READING, range(18, 20)))
    await site.closed()
    with closing(sqlite3.connect(min(site.store.glob("reading-*")))) as db, db:
        db.execute(
            "INSERT INTO record SELECT id + 1, common, t, mono, body, hash FROM record WHERE id = ?",
            (span_of(READING)[0] + 18,),
        )
    verdict = check(site.data, site.key)
    assert (answers(verdict), bad(verdict)) == (GOOD, [])
    assert next(one for one in verdict.streams if one.lane[1] is READING).records == 20


async def test_declared_damage_is_listed(tmp_path: Path) -> None:
    """A record that the gateway has found altered and declared is not held against it; one beside it is."""
    site = await (await Site(tmp_path).fill()).closed()
    site.alter(READING, 5)
    site.delete(READING, 8, 8)
    await site.open()
    for seq in (5, 8, 9):  # 9 does not go on from anything that is known
        await site.journal.declare_damage(site.journal.store, READING, seq, seq, "record_damaged", at())
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    (found,) = (one for one in verdict.streams if one.lane[1] is READING)
    assert answers(verdict) == GOOD
    assert (found.declared, found.signed) == ([(5, 5, "damaged"), (8, 9, "damaged")], [(10, 18)])
    assert found.unproven == [(1, 4), (6, 7)], "there is no checkpoint between the hole and the beginning"
    site.alter(READING, 6)
    assert bad(check(site.data, site.key)) == [("reading", 6, "altered")]


async def test_declared_damage_under_a_checkpoint(tmp_path: Path) -> None:
    """The checkpoint has signed this very record's hash, but not what stands there now: it is not proven."""
    site = await (await Site(tmp_path).fill()).closed()
    site.alter(READING, 15)
    await site.open()
    await site.journal.declare_damage(site.journal.store, READING, 15, 15, "record_damaged", at())
    await site.closed()
    verdict = check(site.data, site.key)
    (found,) = (one for one in verdict.streams if one.lane[1] is READING)
    assert (answers(verdict), found.signed, found.declared) == (GOOD, [(1, 10)], [(15, 15, "damaged")])
    assert found.unproven == [(11, 14), (16, 18)]


async def test_a_damaged_page(tmp_path: Path) -> None:
    """SQLite cannot go on there: it is said where, and what lies behind is read all the same."""
    site = Site(tmp_path)
    await site.open()
    await site.journal.append(drafts(READING, range(200), padding=200))
    await site.closed()
    (path,) = site.store.glob("reading-*")
    with path.open("r+b") as file:
        file.seek(4096 * 10)
        file.write(b"\xff" * 4096)
    verdict = check(site.data, site.key)
    (found,) = (one for one in verdict.streams if one.lane[1] is READING)
    assert found.bad
    assert (found.bad.why, found.last) == ("unreadable", 200)
    assert 150 < found.records < 200


async def test_a_damaged_store_is_sealed(tmp_path: Path) -> None:
    """What could be saved of it stands beside the new one; what could not is missing until the gateway has declared it."""
    site = await (await Site(tmp_path).fill()).closed()
    (path,) = site.store.glob("core-*")
    with path.open("r+b") as file:
        file.write(b"\xff" * 100)
    assert bad(check(site.data, site.key))[0][1:] == (1, "unreadable")
    await site.open()
    await site.say("store.sealed/1", site.journal.untold[0])
    await site.sign()
    await site.closed()
    assert len(site.stores) == 2
    verdict = check(site.data, site.key)
    assert (answers(verdict), verdict.checkpoints) == (GOOD, 3)


async def test_a_forked_store(tmp_path: Path) -> None:
    """What lies beyond the end came again in the new store, with its `was`: the same content, and none left behind."""
    site = await Site(tmp_path).fill()
    await forked(site)
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    assert (answers(verdict), bad(verdict), missing(verdict)) == (GOOD, [], [])
    assert [(one.first, one.last) for one in verdict.streams if one.lane[1] is READING] == [(1, 18), (1, 6)]


async def test_a_store_that_forked_twice(tmp_path: Path) -> None:
    """A checkpoint that was moved twice still speaks of the store that it was made for."""
    site = await Site(tmp_path).fill()
    await forked(site)
    await site.sign()
    await forked(site, 2, 1)
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    assert (answers(verdict), bad(verdict), missing(verdict)) == (GOOD, [], [])
    assert len(site.stores) == 3


async def test_a_checkpoint_that_was_made_just_before_a_fork(tmp_path: Path) -> None:
    """And written just after it: it speaks of the store that was sealed, and is signed."""
    site = await Site(tmp_path).fill()
    late = site.checkpoints.drafts()
    await forked(site)
    await site.journal.append(late)
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key)
    assert (answers(verdict), bad(verdict)) == (GOOD, [])


async def test_the_centre_has_another_history_of_a_forked_store(tmp_path: Path) -> None:
    """It was restored from a backup: what the centre has beyond the seal is not here, and that is said."""
    site = await Site(tmp_path / "data").fill()
    witness = await site.witness(tmp_path / "centre")
    await forked(site)
    await site.sign()
    await site.closed()
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert ("reading", 13, 18, "witness") in missing(verdict)


@pytest.mark.parametrize("beyond", [True, False])
async def test_a_forked_store_is_altered(tmp_path: Path, beyond: bool) -> None:
    """With all hashes after it: beyond the seal the record in the new store tells, before it the seal itself."""
    site = await Site(tmp_path).fill()
    old = site.journal.store
    await forked(site)
    await site.closed()
    other = Site(tmp_path / "alone")
    (other.data / "stores").mkdir(parents=True)
    (site.data / "stores" / old).rename(other.data / "stores" / old)
    other.alter(READING, 17 if beyond else 11)
    other.rechain(READING)
    other.store.rename(site.data / "stores" / old)
    verdict = check(site.data, site.key)
    assert verdict.intact == "no"
    assert (bad(verdict)[0][2], bad(verdict)[0][1]) == (("moved", 5) if beyond else ("seal", 12))


async def test_a_record_is_left_behind(tmp_path: Path) -> None:
    """It was beyond the end, and did not come again: not complete."""
    site = await Site(tmp_path).fill()
    old = site.journal.store
    await forked(site)
    await site.closed()
    (new,) = (store for store in site.stores if store.name != old)
    with closing(sqlite3.connect(next(new.glob("reading-*")))) as db, db:
        db.execute("DELETE FROM record WHERE id = ?", (span_of(READING)[0] + 6,))
    assert ("reading", 18, 18, "left") in missing(check(site.data, site.key))


async def test_a_sealed_store_is_taken_away(tmp_path: Path) -> None:
    """The new store's word about it remains: what it held is missing."""
    site = await Site(tmp_path).fill()
    old = site.journal.store
    await forked(site)
    await site.sign()
    await site.closed()
    (site.data / "stores" / old).rename(tmp_path / "gone")
    verdict = check(site.data, site.key)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    gone = [gap[1:] for gap in missing(verdict) if gap[0] == "reading"]
    assert gone == [(1, 10, "checkpoint"), (11, 12, "seal")]


# time


def stamped(source: str, mono: int, t: int, err_ms: int | None = None) -> Stamp:
    return Stamp(BOOT, t, TimeQuality(source, err_ms), mono)  # type: ignore[arg-type]


async def timed(site: Site, *events: TimeAnchor | ClockStep | Stamp) -> dict[str, object]:
    """What is said of the only boot."""
    await site.open()
    for event in events:
        if isinstance(event, Stamp):
            one = drafts(READING, [1])[0]
            await site.journal.append([type(one)(one.kind, one.body, event)])
        else:
            await site.say("time.anchor/1" if isinstance(event, TimeAnchor) else "clock.step/1", event)
    await site.closed()
    verdict = check(site.data, site.key)
    (boot,) = document(verdict, None)["time"]["boots"]
    return {"answer": verdict.time} | {
        key: boot[key] for key in ("located", "later", "unknown", "contradicting", "first")
    }


ANCHOR = TimeAnchor(boot=BOOT, mono=5_000_000, utc=T0, source="ntp", err_ms=12)
HOUR = 3_600_000_000


async def test_a_clock_that_begins_in_1970(tmp_path: Path) -> None:
    """Set right later: what was written before it is located by the anchor, and not rewritten."""
    said = await timed(
        Site(tmp_path), stamped("unknown", 1_000_000, 0), stamped("unknown", 2_000_000, 1_000_000), ANCHOR
    )
    assert said == {
        "answer": "yes",
        "located": 2,
        "later": 2,
        "unknown": 0,
        "contradicting": 0,
        "first": T0 - 4_000_000,
    }


async def test_a_clock_that_nobody_has_set(tmp_path: Path) -> None:
    """A hardware clock's anchor gives a time, and no trust."""
    rtc = TimeAnchor(boot=BOOT, mono=0, utc=T0, source="rtc")
    said = await timed(Site(tmp_path), stamped("rtc", 1, T0), stamped("unknown", 2, 0), rtc)
    assert (said["answer"], said["unknown"], said["located"]) == ("unknown", 2, 0)


async def test_a_clock_that_jumps_an_hour(tmp_path: Path) -> None:
    """Although it is trusted: two anchors that cannot both be right, and records that disagree."""
    step = ClockStep(boot=BOOT, mono=6_000_000, step=HOUR)
    late = TimeAnchor(boot=BOOT, mono=6_000_000, utc=T0 + HOUR, source="ntp", err_ms=12)
    said = await timed(Site(tmp_path), ANCHOR, stamped("ntp", 5_500_000, T0 + 500_000), step, late)
    assert (said["answer"], said["contradicting"]) == ("no", 1)


async def test_a_trusted_stamp_that_was_made_up(tmp_path: Path) -> None:
    """Whoever wrote it did not look at what the anchor says of that moment."""
    said = await timed(Site(tmp_path), ANCHOR, stamped("ntp", 5_500_000, T0 - HOUR, 12), stamped("gnss", 5_500_000, T0))
    assert (said["answer"], said["contradicting"]) == ("no", 1)
