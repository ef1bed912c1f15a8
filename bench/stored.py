"""Records that were captured before the clock starts: in the gateway's store and views, and at the centre where it had them."""

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

from bench.polls import maps
from central.store import Store as Centre
from gateway.projection.file import ViewFile
from gateway.projection.round import Round
from model.record import Draft, Stream
from sync.journal.journal import Journal

CHUNK = 10_000


async def capture(data: Path, gw: str, chunks: Iterable[Sequence[Draft]], centre_data: Path | None = None) -> None:
    """Into a data directory as its daemon would have left it; with `centre_data` as if they had been delivered there."""
    journal = await Journal.open(data / "stores", gw)
    for draft, state in maps():
        await journal.append([draft], state=state)
    centre = None if centre_data is None else Centre(centre_data)
    if centre:
        centre.db.pragma("synchronous", "OFF")
    with closing(ViewFile(data / "views.db")) as views:
        for chunk in chunks:
            first = journal.last(Stream.READING) + 1
            await journal.append(chunk, urgent=True)
            await _show(journal, views, first)
            if centre:
                await _deliver(journal, centre, gw, first)
    if centre:
        centre.close()
    await journal.close()


async def _show(journal: Journal, views: ViewFile, first: int) -> None:
    round_ = Round(views.marks)
    while first <= journal.last(Stream.READING):
        found = await journal.current.read(Stream.READING, first, CHUNK, 2**30)
        round_.take((journal.store, Stream.READING), found.records)
        first += len(found.records)
    views.write(round_)


async def _deliver(journal: Journal, centre: Centre, gw: str, first: int) -> None:
    with centre.db:
        lane = centre.lane(gw, journal.store, Stream.READING)
        while first <= journal.last(Stream.READING):
            found = await journal.current.read(Stream.READING, first, CHUNK, 2**30)
            centre.insert(lane, found.records)
            first += len(found.records)
            lane.upto, lane.head = found.records[-1].seq, found.records[-1].hash
        centre.save([lane])
