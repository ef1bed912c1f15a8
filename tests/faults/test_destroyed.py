"""A whole file of the store is destroyed or gone: what it held and nobody has is declared lost, as far as the other files tell.

On a real broker with the real centre.
"""

from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from central.queries import counts
from central.store import reader
from gateway.demo.broker import Broker
from model.record import Stream
from support.centre import CentreProcess, running
from support.journals import GW
from support.uplinks import Gateway, settings
from sync.lane import Counts


@pytest.fixture
async def centre(broker: Broker, tmp_path: Path) -> AsyncIterator[CentreProcess]:
    async with running(tmp_path / "central", broker) as process:
        yield process


def destroy(path: Path) -> None:
    path.write_bytes(b"rubbish" * 1000)


async def settled(gateway: Gateway) -> None:
    """Until the centre has settled every record of every store."""
    views = (*gateway.journal.sealed, gateway.journal.current)
    lanes = [lane for view in views for lane in gateway.uplink.lanes_of(view.id).values()]
    await gateway.until(lambda: all(lane.done for lane in lanes))


@pytest.mark.parametrize("how", [destroy, Path.unlink])
@pytest.mark.parametrize(("name", "stream"), [("reading-000001.db", Stream.READING), ("core-000001.db", Stream.EVENT)])
async def test_a_file_that_is_gone(
    broker: Broker, centre: CentreProcess, tmp_path: Path, name: str, stream: Stream, how: object
) -> None:
    """10 of its records are at the centre, 10 more were waiting: these are lost, here and there, and all others come."""
    assert callable(how)
    other = Stream.EVENT if stream is Stream.READING else Stream.READING
    gateway = Gateway(settings(broker), tmp_path / "gw")
    async with gateway:
        for one in (stream, other):
            await gateway.write_numbers(one, range(1, 11))
        await settled(gateway)
        old = gateway.journal.store
    await gateway.open()
    for one in (stream, other):
        await gateway.write_numbers(one, range(11, 21))
    await gateway.journal.close()
    (path,) = (tmp_path / "gw").rglob(name)
    how(path)
    async with gateway:
        await settled(gateway)
        (sealed,) = gateway.journal.sealed
        lanes = gateway.uplink.lanes_of(old)
        with closing(reader(centre.data)) as db:
            there = counts(db)["gateways"][GW]["stores"][old]
        assert (sealed.id, sealed.last(stream), lanes[stream].upto) == (old, 20, 20)
        assert [(one["rows"], one["lost"], one["missing"]) for one in (there[stream], there[other])] == [
            (10, 10, 0),
            (20, 0, 0),
        ]
        # with the watermarks gone nobody here knows what the centre has; it does
        lost = 10 if stream is Stream.READING else 20
        assert lanes[stream].counts() == Counts(20, 20 - lost, 0, lost, 0)
        assert lanes[other].counts() == Counts(20, 20, 0, 0, 0)
