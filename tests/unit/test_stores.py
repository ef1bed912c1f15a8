"""Damaged, missing and older files at a start: nothing is overwritten, what can be read still drains, and the gateway starts."""

import os
import shutil
from contextlib import closing, suppress
from pathlib import Path

import apsw
import pytest

from model.bodies import StoreDamage
from model.errors import StoreDamaged, StoreError, StoreFull
from model.record import STREAMS, Stream, genesis
from support.first_version import first_version
from support.journals import GW, committed, drafts, files, number, numbers, verified
from support.source import T0, at
from sync.journal.journal import Journal
from sync.journal.losses import with_lost
from sync.journal.schema import span_of
from sync.journal.segment import Head, next_readable
from sync.journal.shelf import Shelf
from sync.journal.view import StoreView

SMALL = 220 * 1024


async def filled(directory: Path, count: int = 120) -> tuple[str, dict[int, bytes]]:
    """A closed journal with several segments of each series; its store and the readings' bodies by number."""
    journal = await Journal.open(directory, GW, group_s=0, segment_max_bytes=SMALL)
    for n in range(1, count + 1, 6):
        some = range(n, min(n + 6, count + 1))
        await journal.append(drafts(Stream.READING, some, padding=4000))
        await journal.append(drafts(Stream.EVENT, some, padding=4000), state={"rule/a": b"%d" % some[-1]})
    bodies = {r.seq: r.body for r in await verified(journal, Stream.READING)}
    await journal.close()
    return journal.store, bodies


async def readable(view: StoreView, stream: Stream) -> tuple[dict[int, bytes], list[tuple[int, int]]]:
    """All that can be read of a store's stream, and the holes in it; as the sender goes over it."""
    found: dict[int, bytes] = {}
    holes: list[tuple[int, int]] = []
    seq = view.low(stream)
    while seq <= view.last(stream):
        try:
            part = await view.read(stream, seq, 100, 64 * 1024)
        except StoreDamaged:
            good = await view.next_good(stream, seq)
            holes.append((seq, good - 1))
            seq = good
            continue
        found |= {r.seq: r.body for r in part.records}
        seq = part.records[-1].seq + 1
    return found, holes


def segment(directory: Path, name: str) -> Path:
    (path,) = directory.glob(f"*/{name}")
    return path


async def test_rubbish_in_place_of_a_file(tmp_path: Path) -> None:
    """The file is set aside as it is; the store is sealed and drains; a new one takes what comes, with the rules' state."""
    store, bodies = await filled(tmp_path)
    damaged = segment(tmp_path, "reading-000002.db")
    damaged.write_bytes(b"rubbish" * 1000)
    journal = await Journal.open(tmp_path, GW)
    assert damaged.with_name(damaged.name + ".damaged").read_bytes() == b"rubbish" * 1000
    assert journal.store != store
    (told,) = journal.untold
    assert (told.store, told.why, told.aside) == (store, "damaged", ["reading-000002.db.damaged"])
    assert journal.state("rule/a") == b"120"
    (sealed,) = journal.sealed
    assert sealed.last(Stream.READING) == 120
    found, holes = await readable(sealed, Stream.READING)
    (hole,) = holes
    assert found == {n: body for n, body in bodies.items() if not hole[0] <= n <= hole[1]}
    assert 10 < len(found) < 120
    assert (await readable(sealed, Stream.EVENT))[1] == []
    assert await journal.append(drafts(Stream.READING, [121])) == [1]
    await journal.close()


async def test_a_store_is_sealed_only_once(tmp_path: Path) -> None:
    """The next start finds it as it is: nothing more is set aside, and it is told until a record of it was written."""
    store, _ = await filled(tmp_path)
    segment(tmp_path, "core-000001.db").unlink()
    first = await Journal.open(tmp_path, GW)
    await first.append([], state={f"sealed/{store}": b"damaged"})
    await first.close()
    aside = sorted(tmp_path.glob("*/*damaged*"))
    again = await Journal.open(tmp_path, GW)
    assert (again.store, again.untold, [v.id for v in again.sealed]) == (first.store, [], [store])
    assert sorted(tmp_path.glob("*/*damaged*")) == aside
    await again.close()


@pytest.mark.parametrize("name", ["core-000001.db", "reading-000002.db", "core-000002.db"])
async def test_missing_file(tmp_path: Path, name: str) -> None:
    """Whichever it is, what is left is still there to be sent."""
    store, bodies = await filled(tmp_path)
    segment(tmp_path, name).unlink()
    journal = await Journal.open(tmp_path, GW)
    (sealed,) = journal.sealed
    assert (sealed.id, sealed.id != journal.store) == (store, True)
    found, holes = await readable(sealed, Stream.READING)
    assert found == {n: b for n, b in bodies.items() if not any(x <= n <= y for x, y in holes)}
    events, lost = await readable(sealed, Stream.EVENT)
    assert len(events) + sum(b - a + 1 for a, b in lost) == sealed.last(Stream.EVENT)
    assert len(found) + len(events) > 120
    await journal.close()


@pytest.mark.parametrize("page", [0, 1, 5, 9, 20])
async def test_any_page_destroyed(tmp_path: Path, page: int) -> None:
    """All but what stood on that page is still there; no record comes out that was not put in."""
    _, bodies = await filled(tmp_path)
    path = segment(tmp_path, "reading-000001.db")
    with path.open("r+b") as file:
        file.seek(4096 * page)
        file.write(b"\xa5" * 4096)
    journal = await Journal.open(tmp_path, GW)
    found: dict[int, bytes] = {}
    for view in (*journal.sealed, journal.current):
        found |= (await readable(view, Stream.READING))[0]
    assert all(bodies[n] == body for n, body in found.items())
    assert len(found) >= (116 if page not in (1, 2, 4) else 70), (
        "one page, or all of the file where it held the others' places"
    )
    await journal.close()


async def test_a_record_that_was_changed_is_stepped_over(tmp_path: Path) -> None:
    """Whoever changes one makes a hole of one; the records behind it are proven by the hash that stands beside it."""
    store, bodies = await filled(tmp_path)
    with closing(apsw.Connection(str(segment(tmp_path, "reading-000001.db")))) as db:
        db.execute("UPDATE record SET body = '{}' WHERE id & 0xffffffff = 7")
    journal = await Journal.open(tmp_path, GW)
    assert journal.store == store
    found, holes = await readable(journal.current, Stream.READING)
    assert holes == [(7, 7)]
    assert sorted(found) == sorted(bodies.keys() - {7})
    await journal.declare_damage(store, Stream.READING, 7, 7, "unreadable", at())
    assert journal.current.lost(Stream.READING) == [(7, 7, "damaged")]
    said = (await verified(journal, Stream.AUDIT))[-1]
    assert said.kind == "store.damage/1"
    await journal.close()


async def test_deleted_records_are_a_hole(tmp_path: Path) -> None:
    """Without the hash before it nobody can prove the next record: it goes with them."""
    await filled(tmp_path)
    with closing(apsw.Connection(str(segment(tmp_path, "reading-000001.db")))) as db:
        db.execute("DELETE FROM record WHERE id & 0xffffffff BETWEEN 5 AND 8")
    journal = await Journal.open(tmp_path, GW)
    assert (await readable(journal.current, Stream.READING))[1] == [(5, 9)]
    await journal.close()


async def test_a_crash_while_salvaging_changes_nothing(tmp_path: Path) -> None:
    """Between the two renames: the damaged file is aside and nothing is in its place."""
    store, _ = await filled(tmp_path)
    path = segment(tmp_path, "reading-000002.db")
    path.rename(path.with_name(path.name + ".damaged"))
    journal = await Journal.open(tmp_path, GW)
    assert ([v.id for v in journal.sealed], journal.untold[0].aside) == ([store], ["reading-000002.db.damaged"])
    found, holes = await readable(journal.sealed[0], Stream.READING)
    assert (len(found), holes) == (120, []), "what was aside was whole"
    await journal.close()


async def test_several_open_stores_are_refused(tmp_path: Path) -> None:
    """Somebody has put a second one there: which is this gateway's nobody can say."""
    await filled(tmp_path, 1)
    other = tmp_path / "other"
    await filled(other, 1)
    (theirs,) = (p for p in other.iterdir() if p.is_dir())
    theirs.rename(tmp_path / theirs.name)
    with pytest.raises(StoreError) as caught:
        await Journal.open(tmp_path, GW)
    assert caught.value.code == "stores_several"


async def test_store_of_a_newer_version_is_left_alone(tmp_path: Path) -> None:
    await filled(tmp_path, 1)
    path = segment(tmp_path, "core-000001.db")
    with closing(apsw.Connection(str(path))) as db:
        db.pragma("user_version", 99)
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await Journal.open(tmp_path, GW)
    assert (caught.value.code, path.read_bytes()) == ("store_newer", before)


async def test_the_last_sealed_store_is_known_whatever_the_clock_said(tmp_path: Path) -> None:
    """The power failed between the seal and the new store, on a gateway whose clock started in 1970 for each seal."""
    journal = await Journal.open(tmp_path, GW)
    for n in (1, 2):
        await journal.append(drafts(Stream.EVENT, [n]), state={"k": b"%d" % n})
        await journal.fork(journal.store, {stream: journal.head(stream) for stream in STREAMS})
    first, last = journal.sealed[0].id, journal.sealed[1].id
    await journal.close()
    shutil.rmtree(tmp_path / journal.store)
    os.utime(tmp_path / first / "sealed.json", (2_000_000_000, 2_000_000_000))
    os.utime(tmp_path / last / "sealed.json", (1, 1))
    journal = await Journal.open(tmp_path, GW)
    assert ([view.id for view in journal.sealed], journal.state("k")) == ([first, last], b"2")
    await journal.close()


@pytest.mark.parametrize("torn", [False, True], ids=["gone", "torn"])
async def test_a_store_whose_seal_is_lost_stays_behind(tmp_path: Path, torn: bool) -> None:
    """A card that lied has lost the seal of an older store: the youngest one goes on, and the older one drains as damaged."""
    journal = await Journal.open(tmp_path, GW)
    await journal.append(drafts(Stream.EVENT, [1]), state={"k": b"1"})
    older = journal.store
    await journal.fork(older, {stream: journal.head(stream) for stream in STREAMS})
    await journal.append(drafts(Stream.EVENT, [2]), state={"k": b"2"})
    await journal.close()
    seal = tmp_path / older / "sealed.json"
    if torn:
        seal.write_bytes(seal.read_bytes()[:100])
    else:
        seal.unlink()
    again = await Journal.open(tmp_path, GW)
    assert (again.store, again.state("k")) == (journal.store, b"2")
    (told,) = again.untold
    assert (told.store, told.why, told.aside) == (older, "damaged", ["sealed.json.damaged"] if torn else [])
    await again.close()


async def test_store_of_the_first_version_goes_on(tmp_path: Path) -> None:
    """Its records keep number and hash, its state keeps its meaning, and it takes new ones."""
    store = first_version(tmp_path)
    journal = await Journal.open(tmp_path, GW)
    assert (journal.store, await numbers(journal, Stream.EVENT)) == (store, [1, 2, 3])
    assert journal.states("") == {f"ack/{store}/event": b'{"upto":2}', "rule/a": b"x"}
    assert await journal.append(drafts(Stream.EVENT, [4])) == [4]
    assert [number(r.body) for r in await verified(journal, Stream.EVENT)] == [1, 2, 3, 4]
    await journal.close()


async def test_a_migration_that_cannot_end_leaves_the_old_file(tmp_path: Path) -> None:
    """A record whose boot is unknown cannot be brought over: the file stays, aside, and what is whole of it is salvaged."""
    store = first_version(tmp_path)
    path = tmp_path / store / "core-000001.db"
    with closing(apsw.Connection(str(path))) as db:
        db.execute("UPDATE record SET boot = 9 WHERE id & 255 = 3")
    journal = await Journal.open(tmp_path, GW)
    with closing(apsw.Connection(str(path.with_name(path.name + ".damaged")))) as db:
        assert db.execute("SELECT count(*) FROM record").get == 3
    assert [view.id for view in journal.sealed] == [store]
    await journal.close()


def test_lost_ranges_are_kept_in_order_and_never_twice() -> None:
    lost = with_lost([], (10, 20, "pressure"))
    lost = with_lost(lost, (21, 30, "pressure"))
    assert lost == [(10, 30, "pressure")]
    lost = with_lost(lost, (5, 5, "damaged"))
    lost = with_lost(lost, (3, 40, "retired"))
    assert lost == [(3, 4, "retired"), (5, 5, "damaged"), (6, 9, "retired"), (10, 30, "pressure"), (31, 40, "retired")]
    assert T0


async def forked_at(journal: Journal, ends: dict[Stream, int]) -> None:
    """The centre shares these numbers with us; of the other streams all."""
    heads = {s: journal.head(s) for s in STREAMS}
    for stream, seq in ends.items():
        heads[stream] = Head(seq, await journal.current.hash_at(stream, seq))
    await journal.fork(journal.store, heads)


async def test_what_cannot_be_moved_is_told(tmp_path: Path) -> None:
    """A record beyond a fork's end that does not fit its chain comes nowhere again: whoever listens hears of it."""
    await filled(tmp_path)
    with closing(apsw.Connection(str(segment(tmp_path, "reading-000001.db")))) as db:
        db.execute("UPDATE record SET body = '{}' WHERE id & 0xffffffff = 7")
    journal = await Journal.open(tmp_path, GW)
    store = journal.store
    holes: list[StoreDamage] = []
    journal.on_hole(holes.append)
    await forked_at(journal, {Stream.READING: 3})
    await committed(journal, lambda: journal.last(Stream.READING) == 116)
    assert await numbers(journal, Stream.READING) == [4, 5, 6, *range(8, 121)]
    assert holes == [StoreDamage(store=store, stream="reading", first=7, last=7, why="unreadable")]
    await journal.close()


async def test_a_drop_between_the_two_halves_of_a_fork(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk stopped the fork; the drop's own commit ends it: what has still to be moved is not dropped."""
    await filled(tmp_path)
    journal = await Journal.open(tmp_path, GW)
    (info,) = [i for i in await journal.inventory() if (i.series, i.number) == ("reading", 1)]
    with monkeypatch.context() as full:
        full.setattr(Shelf, "write_seal", refused)
        with pytest.raises(StoreError):
            await forked_at(journal, {Stream.READING: 3})
    with pytest.raises(StoreError):
        await journal.drop(info, {}, "pressure", at())
    await committed(journal, lambda: journal.last(Stream.READING) == 117)
    assert await numbers(journal, Stream.READING) == list(range(4, 121))
    await journal.close()


def refused(shelf: Shelf, _: object) -> None:
    raise StoreFull("store_full", path=shelf.dir)


async def test_ends_of_another_store_seal_nothing(tmp_path: Path) -> None:
    """They were found out while that store was still the one that takes records."""
    old, _ = await filled(tmp_path)
    journal = await Journal.open(tmp_path, GW)
    heads = {s: journal.head(s) for s in STREAMS}
    await journal.fork(old, heads)
    new = journal.store
    await journal.fork(old, heads)
    assert (journal.store, [view.id for view in journal.sealed]) == (new, [old])
    await journal.close()


async def test_state_of_the_file_before_where_the_newest_has_none(tmp_path: Path) -> None:
    """The rules go on with what is left of their state, rather than forget an open alarm."""
    store, _ = await filled(tmp_path)
    newest = max((tmp_path / store).glob("core-*.db"))
    newest.write_bytes(b"rubbish" * 1000)
    journal = await Journal.open(tmp_path, GW)
    assert 1 <= int(journal.state("rule/a") or 0) < 120
    await journal.close()


async def test_a_rotation_does_not_wait_for_somebody_who_reads(tmp_path: Path) -> None:
    """A person with a SQLite shell on the current file: the journal goes on in the next one."""
    store, _ = await filled(tmp_path)
    journal = await Journal.open(tmp_path, GW)
    with closing(apsw.Connection(str(max((tmp_path / store).glob("reading-*.db"))))) as shell:
        shell.execute("BEGIN")
        shell.execute("SELECT count(*) FROM record").fetchall()
        await journal.append(drafts(Stream.READING, [121]))
        before = len(files(tmp_path))
        await journal.rotate("reading")
        assert await journal.append(drafts(Stream.READING, [122])) == [122]
        assert len(files(tmp_path)) == before + 1
    assert await numbers(journal, Stream.READING) == list(range(1, 123))
    await journal.close()


async def test_a_file_that_cannot_be_opened_stops_no_other_from_being_moved(tmp_path: Path) -> None:
    """Its records are told as a hole; those of the other series are all there again."""
    journal = await Journal.open(tmp_path, GW, group_s=0, segment_max_bytes=110 * 1024)
    for n in range(40):
        for stream in (Stream.ALARM, Stream.READING):
            await journal.append(drafts(stream, [n], padding=5000))
    old = journal.store
    holes: list[StoreDamage] = []
    journal.on_hole(holes.append)
    path = segment(tmp_path, "core-000001.db")
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    await journal.fork(old, {stream: Head(0, genesis(old)) for stream in STREAMS})
    await committed(journal, lambda: not journal._stores.moving(old))
    await journal.flush()
    (hole,) = holes
    assert (hole.stream, hole.first) == (Stream.ALARM, 1)
    assert (journal.last(Stream.READING), journal.last(Stream.ALARM)) == (40, 40 - hole.last)
    await journal.close()


@pytest.mark.parametrize("run", [1, 3, 8])
async def test_a_good_page_between_bad_ones_is_found(tmp_path: Path, run: int) -> None:
    """Whatever SQLite still finds by its number comes out of a salvage."""
    journal = await Journal.open(tmp_path, GW, group_s=0)
    for n in range(0, 2000, 200):
        await journal.append(drafts(Stream.READING, range(n, n + 200), padding=100))
    await journal.close()
    path = segment(tmp_path, "reading-000001.db")
    pages = bytearray(path.read_bytes())
    leaves = [start for start in range(8 * 4096, len(pages), 4096) if pages[start] == 13]
    for start in leaves[20 : 20 + run] + leaves[21 + run : 21 + 2 * run]:
        pages[start : start + 4096] = bytes(4096)
    path.write_bytes(pages)
    first, end = span_of(Stream.READING)
    found: set[int] = set()
    there: set[int] = set()
    with closing(apsw.Connection(str(path))) as db:
        id_ = first
        while (id_ := next_readable(db, id_, end)) <= end:
            found.add(id_)
            id_ += 1
        for id_ in range(first + 1, first + 2001):
            with suppress(apsw.CorruptError):
                there.update(row[0] for row in db.execute("SELECT id, hash FROM record WHERE id = ?", (id_,)))
    assert 1500 < len(there) < 2000
    assert found == there
