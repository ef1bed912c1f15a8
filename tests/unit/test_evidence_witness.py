"""A witness and an export of different age: what the centre had when the export was made must be in it, and of the rest nobody knows."""

import asyncio
import shutil
from pathlib import Path

import pytest
from msgspec.structs import replace

from model.record import Stream
from support.evidence import Site, answers, check, missing
from support.journals import drafts
from sync.contract.witness import Witness
from sync.evidence.export import write
from sync.evidence.report import cannot_know, document
from sync.evidence.source import with_evidence
from sync.evidence.verify import Verdict

GOOD = ("yes", "yes", "yes", "yes")
READING = Stream.READING
EXPORTED = 1_000


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Witness]:
    """A gateway's data, from which `cut` was exported; then 4 more readings, a checkpoint, and the witness of all."""
    directory = tmp_path_factory.mktemp("made")

    async def make() -> Witness:
        site = await Site(directory / "data").fill()
        shutil.copytree(site.data, directory / "then")
        await site.journal.append(drafts(READING, range(18, 22)))
        await site.sign()
        witness = await site.witness(directory / "centre")
        await site.closed()
        return witness

    return directory, asyncio.run(make())


@pytest.fixture
def then(made: tuple[Path, Witness], tmp_path: Path) -> Site:
    """The gateway's data as they were when the export was made, before anybody has cut them."""
    shutil.copytree(made[0] / "then", tmp_path / "data")
    return Site(tmp_path / "data")


@pytest.fixture
def younger(made: tuple[Path, Witness]) -> Witness:
    """The centre had the two checkpoints before the export was made; the third one came later."""
    first, second, third = made[1].checkpoints
    received = [replace(first, received=10), replace(second, received=EXPORTED), replace(third, received=EXPORTED + 1)]
    return replace(made[1], made=EXPORTED + 2, checkpoints=received)


def export(site: Site, exported: int = EXPORTED) -> Path:
    out = site.data / "evidence.jsonl"
    with_evidence(site.data / "stores", lambda evidence: write(evidence, out, exported))
    return out


def more(verdict: Verdict) -> dict[str, list[tuple[int, int]]]:
    return {one.lane[1]: one.younger for one in verdict.streams if one.younger}


def test_the_witness_first_and_then_the_export(made: tuple[Path, Witness]) -> None:
    """Everything that the centre has is there."""
    site, witness = Site(made[0] / "data"), made[1]
    verdict = check(export(site, witness.made), site.key, witness)
    assert (answers(verdict), more(verdict), cannot_know(verdict, None)) == (GOOD, {}, ["no_witness"])


def test_the_export_first_and_then_the_witness(then: Site, younger: Witness) -> None:
    """What the centre has beyond the export may have been recorded since: nothing is called missing, and nothing complete."""
    verdict = check(export(then), then.key, younger)
    assert (answers(verdict), missing(verdict)) == (("yes", "unknown", "yes", "yes"), [])
    assert more(verdict) == {"audit": [(13, 13)], "reading": [(19, 22)]}
    assert "witness_younger" in cannot_know(verdict, None)
    told = document(verdict, None)
    assert (told["exported"], told["good"]) == (EXPORTED, False)
    assert [one["younger"] for one in told["complete"]["streams"] if one["stream"] == "reading"] == [[(19, 22)]]


def test_a_tail_that_was_cut_although_the_witness_is_younger(then: Site, younger: Witness) -> None:
    """The centre had a checkpoint before the export was made: what that counts must be there."""
    then.delete(Stream.AUDIT, 12, 12)
    then.delete(READING, 13, 18)
    verdict = check(export(then), then.key, younger)
    assert (verdict.intact, verdict.complete) == ("yes", "no")
    assert missing(verdict) == [("reading", 13, 15, "witness")]
    assert more(verdict) == {"audit": [(12, 13)], "reading": [(16, 22)]}


def test_a_tail_that_was_cut_after_the_witness(then: Site, younger: Witness) -> None:
    """From an export that is younger than the witness, or that says when it was made but not the truth: never good."""
    verdict = check(export(then, younger.made), then.key, younger)
    assert (verdict.complete, more(verdict)) == ("no", {})
    assert missing(verdict) == [("audit", 13, 13, "witness"), ("reading", 19, 22, "witness")]
    verdict = check(export(then, exported=0), then.key, younger)
    assert (verdict.complete, verdict.good) == ("unknown", False)


def test_data_that_lie_here_have_no_date(then: Site, younger: Witness) -> None:
    """They are looked at after the witness was made: what it has is missing."""
    assert check(then.data, then.key, younger).complete == "no"
