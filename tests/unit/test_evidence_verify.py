"""What the check says when somebody with root has been at the records: an honest answer to each, also where it cannot know."""

import asyncio
import shutil
from pathlib import Path
from typing import get_args

import pytest

from model.errors import EvidenceError
from model.record import STREAMS, Stream
from support.catalogue import catalogue
from support.evidence import Site, answers, bad, check, missing, proven
from support.journals import drafts
from sync.contract.messages import LostReason
from sync.contract.signing import private_key
from sync.contract.witness import Committed, Witness
from sync.evidence.chain import Who, Why
from sync.evidence.report import Open, WitnessTold, cannot_know
from sync.journal.schema import span_of

GOOD = ("yes", "yes", "yes", "yes")
READING = Stream.READING


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Witness]:
    """A gateway's data, and the witness of a centre that has had all of it."""
    directory = tmp_path_factory.mktemp("made")

    async def make() -> Witness:
        site = await Site(directory / "data").fill()
        witness = await site.witness(directory / "centre")
        await site.closed()
        return witness

    return directory / "data", asyncio.run(make())


@pytest.fixture
def site(made: tuple[Path, Witness], tmp_path: Path) -> Site:
    """A copy that the test may spoil."""
    shutil.copytree(made[0], tmp_path / "data")
    return Site(tmp_path / "data")


@pytest.fixture
def seen(made: tuple[Path, Witness], site: Site) -> tuple[Site, Witness]:
    return site, made[1]


def test_nothing_was_done(site: Site) -> None:
    """Four times yes, up to the numbers of the second checkpoint; and what it cannot know is said."""
    verdict = check(site.data, site.key)
    assert (answers(verdict), verdict.good) == (GOOD, True)
    assert verdict.checkpoints == 2
    assert proven(verdict) == {
        "alarm": (15, 0),
        "event": (10, 0),
        "audit": (11, 0),
        "reading": (15, 0),
        "diag": (10, 0),
    }
    unproven = {one.lane[1]: one.unproven for one in verdict.streams if one.unproven}
    assert unproven == {"audit": [(12, 12)], "reading": [(16, 18)]}
    assert cannot_know(verdict, None) == ["no_witness", "tail"]


def test_the_centre_vouches_for_all_that_it_has(seen: tuple[Site, Witness]) -> None:
    """Nothing is left open, once the witness itself is checked."""
    site, witness = seen
    verdict = check(site.data, site.key, witness)
    assert (answers(verdict), verdict.checkpoints) == (GOOD, 4)
    assert proven(verdict)["reading"] == (15, 18)
    assert cannot_know(verdict, WitnessTold(0, "", checked=True)) == []
    assert cannot_know(verdict, WitnessTold(0, "", checked=False)) == ["witness_unchecked"]


@pytest.mark.parametrize("stream", STREAMS)
def test_a_row_is_altered(site: Site, stream: Stream) -> None:
    """UPDATE of one body: the very row is named, in any stream."""
    site.alter(stream, 5)
    verdict = check(site.data, site.key)
    assert (verdict.intact, bad(verdict)) == ("no", [(stream, 5, "altered")])
    assert verdict.complete == "yes"


@pytest.mark.parametrize(
    "change",
    ["t = t + 1", "mono = mono + 1", "hash = zeroblob(32)", "body = CAST('{\"n\":4}' AS BLOB)", "common = common + 1"],
)
def test_any_column(site: Site, change: str) -> None:
    """Whatever the hash covers, and the hash itself."""
    site.sql(READING, "INSERT INTO common VALUES(2, 'b', 'k', 'ntp', 1)")
    site.sql(READING, f"UPDATE record SET {change} WHERE id = ?", span_of(READING)[0] + 4)
    assert [place[:2] for place in bad(check(site.data, site.key))] == [("reading", 4)]


@pytest.mark.parametrize(
    "change", ["t = 'noon'", "t = 1.5", "body = '{}'", "hash = 'no hash'", "common = 77", "hash = zeroblob(5)"]
)
def test_what_is_no_record(site: Site, change: str) -> None:
    """A value of another type, a common part that is not there: it is told, and the rest is read on."""
    site.sql(READING, f"UPDATE record SET {change} WHERE id = ?", span_of(READING)[0] + 4)
    verdict = check(site.data, site.key)
    assert [place[:2] for place in bad(verdict)] == [("reading", 4)]
    assert verdict.streams[3].last == 18


def test_a_shared_text_is_altered(site: Site) -> None:
    """The boot and the kind of many records stand in one row: the first record that has them is named."""
    site.sql(READING, "UPDATE common SET boot = 'other'")
    assert bad(check(site.data, site.key)) == [("reading", 1, "altered")]


def test_a_row_is_altered_and_its_hash_is_recomputed(site: Site) -> None:
    """Then the next one does not follow from it."""
    site.alter(READING, 5)
    site.rechain(READING, 5, 5)
    verdict = check(site.data, site.key)
    assert (verdict.intact, bad(verdict)) == ("no", [("reading", 6, "altered")])


def test_a_row_is_altered_and_all_hashes_after_it_are_recomputed(site: Site) -> None:
    """The chain is whole; the first signed checkpoint after it says what was there."""
    site.alter(READING, 5)
    site.rechain(READING)
    verdict = check(site.data, site.key)
    assert (verdict.intact, bad(verdict)) == ("no", [("reading", 10, "checkpoint")])
    assert verdict.device == "yes"


def test_beyond_the_last_checkpoint_a_rewritten_tail_is_not_seen(seen: tuple[Site, Witness]) -> None:
    """It is said to be unproven; the centre knows better."""
    site, witness = seen
    site.alter(READING, 17)
    site.rechain(READING)
    verdict = check(site.data, site.key)
    assert answers(verdict) == GOOD
    assert (16, 18) in verdict.streams[3].unproven
    assert "tail" in cannot_know(verdict, None)
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, bad(verdict)) == ("no", [("reading", 18, "witness")])


def test_a_row_is_deleted(site: Site) -> None:
    """A hole that nobody has declared: not intact, not complete."""
    site.delete(Stream.ALARM, 5, 5)
    verdict = check(site.data, site.key)
    assert (verdict.intact, verdict.complete) == ("no", "no")
    assert (bad(verdict), missing(verdict)) == ([("alarm", 5, "missing")], [("alarm", 5, 5, "hole")])


def test_the_first_rows_are_deleted(site: Site) -> None:
    """The beginning is no exception while nothing says that it was dropped."""
    site.delete(READING, 1, 3)
    verdict = check(site.data, site.key)
    assert (bad(verdict), missing(verdict)) == ([("reading", 1, "missing")], [("reading", 1, 3, "hole")])


def test_two_rows_are_swapped(site: Site) -> None:
    """Their contents, or their places with all they have."""
    base = span_of(READING)[0]
    for old, new in ((5, 0), (6, 5), (0, 6)):
        site.sql(READING, "UPDATE record SET id = ? WHERE id = ?", base + new, base + old)
    verdict = check(site.data, site.key)
    assert (verdict.intact, bad(verdict)) == ("no", [("reading", 5, "altered")])


def test_the_tail_is_cut_after_the_last_checkpoint(seen: tuple[Site, Witness]) -> None:
    """Unseen without the centre, and that is what the answer says: complete up to 15, beyond it nobody can know."""
    site, witness = seen
    site.delete(READING, 16, 18)
    verdict = check(site.data, site.key)
    assert (answers(verdict), proven(verdict)["reading"]) == (GOOD, (15, 0))
    assert cannot_know(verdict, None) == ["no_witness", "tail"]
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert missing(verdict) == [("reading", 16, 18, "witness")]


def test_the_centre_knows_how_far_it_went_but_not_the_hash(seen: tuple[Site, Witness]) -> None:
    """Its last word about the stream was of a range that was lost."""
    site, witness = seen
    lanes = [Committed(one.store, one.stream, one.upto, None) for one in witness.lanes]
    site.delete(READING, 16, 18)
    verdict = check(site.data, site.key, Witness("doorpost-witness/1", witness.gw, 0, 1, lanes, []))
    assert missing(verdict) == [("reading", 16, 18, "witness")]


def test_the_tail_is_cut_before_the_last_checkpoint(site: Site) -> None:
    """Records only: the checkpoint has counted them."""
    site.delete(READING, 13, 18)
    verdict = check(site.data, site.key)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert missing(verdict) == [("reading", 13, 15, "checkpoint")]


def test_the_tail_is_cut_with_the_checkpoint(seen: tuple[Site, Witness]) -> None:
    """An older state of everything is as good as it was then; only the centre knows that there was more."""
    site, witness = seen
    site.delete(Stream.AUDIT, 12, 12)
    site.delete(READING, 13, 18)
    verdict = check(site.data, site.key)
    assert (answers(verdict), proven(verdict)["reading"]) == (GOOD, (10, 0))
    assert (11, 12) in verdict.streams[3].unproven
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert missing(verdict) == [("audit", 12, 12, "witness"), ("reading", 13, 18, "witness")]


def test_all_is_rebuilt_with_the_stolen_key(seen: tuple[Site, Witness]) -> None:
    """Perfect but for the centre: without its witness the answer says that it cannot know."""
    site, witness = seen
    site.alter(READING, 5)
    site.resign()
    verdict = check(site.data, site.key)
    assert answers(verdict) == GOOD
    assert "no_witness" in cannot_know(verdict, None)
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, verdict.device) == ("no", "yes")
    assert ("reading", 10, "witness") in bad(verdict)


def test_the_witness_has_checkpoints_of_what_it_has_not_received(tmp_path: Path, seen: tuple[Site, Witness]) -> None:
    """Of the readings not one batch came through; the audit that did says what they were."""
    site, all_ = seen
    witness = Witness(
        "doorpost-witness/1",
        all_.gw,
        all_.made,
        1,
        [one for one in all_.lanes if one.stream != "reading"],
        all_.checkpoints,
    )
    assert proven(check(site.data, site.key, witness))["reading"] == (15, 15)
    site.alter(READING, 5)
    site.resign()
    assert ("reading", 10, "witness") in bad(check(site.data, site.key, witness))


async def test_another_store_in_its_place(tmp_path: Path) -> None:
    """Made with the same key: nobody can tell without the centre, which misses every record of the first."""
    site = await Site(tmp_path / "data").fill()
    witness = await site.witness(tmp_path / "centre")
    await site.closed()
    site.store.rename(tmp_path / "gone")
    await (await site.fill()).closed()
    assert answers(check(site.data, site.key)) == GOOD
    verdict = check(site.data, site.key, witness)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert ("reading", 1, 18, "witness") in missing(verdict)


def test_a_foreign_key(site: Site, tmp_path: Path) -> None:
    """The records are whole, but nothing says that they are this device's."""
    private_key(tmp_path / "other.key")
    verdict = check(site.data, tmp_path / "other.pub")
    assert answers(verdict) == ("yes", "unknown", "no", "yes")
    assert (verdict.checkpoints, verdict.unsigned, verdict.unsigned_first[0].seq) == (0, 2, 11)


async def test_no_checkpoint_at_all(tmp_path: Path) -> None:
    """Unsigned is unproven, not wrong."""
    site = Site(tmp_path)
    await site.open()
    await site.journal.append(drafts(READING, range(3)))
    await site.closed()
    assert answers(check(site.data, site.key)) == ("yes", "unknown", "unknown", "yes")


async def test_an_empty_store(tmp_path: Path) -> None:
    """Nothing is wrong, and nothing is proven."""
    site = Site(tmp_path)
    await site.open()
    await site.closed()
    verdict = check(site.data, site.key)
    assert (answers(verdict), sum(one.records for one in verdict.streams)) == (
        ("yes", "unknown", "unknown", "unknown"),
        0,
    )


async def test_a_store_of_another_gateway(site: Site, tmp_path: Path) -> None:
    """Alone it is not by this key; among the stores of this gateway it is foreign; and a witness is of one gateway."""
    other = await Site(tmp_path / "other", "gw-2").fill()
    witness = await other.witness(tmp_path / "centre")
    await other.closed()
    verdict = check(other.data, site.key)
    assert (verdict.gw, answers(verdict)) == ("gw-2", ("yes", "unknown", "no", "yes"))
    with pytest.raises(EvidenceError, match="witness_of_other"):
        check(site.data, site.key, witness)
    (other.store / "sealed.json").write_text('{"why":"fork","ends":{}}')
    other.store.rename(site.data / "stores" / other.store.name)
    verdict = check(site.data, site.key)
    assert (verdict.gw, verdict.intact, verdict.device) == ("gw-1", "no", "no")
    assert ("reading", 1, "foreign") in bad(verdict)


def test_every_fault_has_its_words() -> None:
    """What can be wrong, missing or left open is told to a person in his language."""
    words = catalogue()["evidence"]
    assert set(words["why"]) == set(get_args(Why))
    assert set(words["lacks"]) == set(get_args(Who))
    assert set(words["open"]) == set(get_args(Open))
    assert set(words["reason"]) == {*get_args(LostReason), "dropped"}
