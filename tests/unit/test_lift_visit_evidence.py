"""An inspector's question: what if somebody with root alters one visit, or cuts off the last 50 rows?"""

import asyncio
import shutil
from pathlib import Path

import msgspec
import pytest

from gateway.retention import RETENTIONS
from model.bodies import VisitEntry, VisitSignature
from model.record import KINDS, SERIES, Draft, Stream
from support.evidence import NtpClock, Site, answers, bad, check, missing
from sync.contract.witness import Witness

VISITS = 40
YEARS_4 = 4 * 365 + 1


def _entry(number: int) -> VisitEntry:
    return VisitEntry(
        visit=f"visit{number}",
        lift="l1",
        person="Chen",
        cycle="half_month",
        places=["machine_room", "pit"],
        items={"brake": "abnormal"},
        notes={"brake": "worn"},
        began=number * 10**9,
        ended=number * 10**9 + 10**8,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Witness]:
    """A gateway with so many visits, each signed, and what its centre has seen of them."""
    directory = tmp_path_factory.mktemp("made")

    async def make() -> Witness:
        site = Site(directory / "data")
        await site.open()
        clock = NtpClock()
        for number in range(VISITS):
            said = VisitSignature(visit=f"visit{number}", lift="l1", person="Lin", entry="0" * 64)
            bodies = {"visit.entry/1": _entry(number), "visit.signed/1": said}
            await site.journal.append([Draft(k, msgspec.json.encode(b), clock.now()) for k, b in bodies.items()])
        await site.sign()
        witness = await site.witness(directory / "centre", (Stream.EVENT, Stream.AUDIT))
        await site.closed()
        return witness

    return directory, asyncio.run(make())


@pytest.fixture
def site(made: tuple[Path, Witness], tmp_path: Path) -> Site:
    shutil.copytree(made[0] / "data", tmp_path / "data")
    return Site(tmp_path / "data")


def test_untouched_visits_are_proven(site: Site, made: tuple[Path, Witness]) -> None:
    assert answers(check(site.data, site.key, made[1]))[:3] == ("yes", "yes", "yes")


def test_one_altered_visit_is_found(site: Site, made: tuple[Path, Witness]) -> None:
    """An abnormal brake becomes ok: with and without the centre; also with all hashes and the stolen key, by the centre's witness."""
    forged = msgspec.structs.replace(_entry(7), items={"brake": "ok"}, notes={})
    site.alter(Stream.EVENT, 15, msgspec.json.encode(forged))
    for witness in (None, made[1]):
        found = check(site.data, site.key, witness)
        assert (found.intact, bad(found)) == ("no", [("event", 15, "altered")])
    site.resign()
    assert check(site.data, site.key, made[1]).intact == "no"


def test_the_last_50_rows_are_missed(site: Site, made: tuple[Path, Witness]) -> None:
    """With the checkpoint that told of them, too: then the centre's witness does."""
    site.delete(Stream.EVENT, 2 * VISITS - 49, 2 * VISITS)
    assert missing(check(site.data, site.key)) == [("event", 2 * VISITS - 49, 2 * VISITS, "checkpoint")]
    site.delete(Stream.AUDIT, 1, 1)
    found = check(site.data, site.key, made[1])
    assert found.complete == "no"
    assert ("event", 2 * VISITS - 49, 2 * VISITS) in [gap[:3] for gap in missing(found)]


def test_what_a_lift_tells_is_kept_four_years() -> None:
    """Its kinds lie in the core series, and the profile for lifts keeps those streams so long after the centre has them."""
    streams = {stream for kind, stream in KINDS.items() if kind.startswith(("lift.", "visit.", "alarm."))}
    assert {SERIES[stream] for stream in streams} == {"core"}
    days = RETENTIONS.load("lift").days
    assert all(days[stream] >= YEARS_4 for stream in streams)
