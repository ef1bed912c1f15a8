"""Rescues told of by a gateway that does not know the time, after its network was away."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from central import queries
from central.ingest import Ingest
from central.store import Store, reader
from support.centre_lifts import SECOND, LiftGateway

ALARM = "1a3e0f52-1111-4222-8333-444455556666"


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = Store(tmp_path)
    yield made
    made.close()


def told(data: Path) -> dict[str, Any]:
    (one,) = queries.incidents(reader(data), 300)
    return one


@pytest.fixture
def gateway() -> LiftGateway:
    """Called, told again and reached by somebody before anything came to the centre, all in one moment."""
    gateway = LiftGateway()
    gateway.alarm("raised", 100, ALARM)
    gateway.alarm("escalated", 130, ALARM, n=1, tier=1)
    gateway.alarm("arrived", 1000, ALARM, by="Wang Wei", via="badge")
    return gateway


def test_a_call_that_waited_for_the_network_is_as_old_as_it_is(
    tmp_path: Path, store: Store, gateway: LiftGateway
) -> None:
    """Its steps lie apart as the gateway's own clock counted; none lies behind the moment at which it came."""
    Ingest(store).take(gateway.batches())
    one = told(tmp_path)
    assert (one["arrived"] - one["since"]) // SECOND == 900
    assert one["since"] <= one["timeline"][-1]["received"] - 900 * SECOND
    assert all(line["at"] <= line["received"] for line in one["timeline"])


def test_no_count_is_older_than_a_year(tmp_path: Path, store: Store) -> None:
    """A gateway may count whatever it likes."""
    gateway = LiftGateway()
    gateway.alarm("raised", 0, ALARM)
    gateway.alarm("escalated", 9e12, ALARM, n=1, tier=1)
    Ingest(store).take(gateway.batches())
    one = told(tmp_path)
    assert one["since"] == one["received"] - 366 * 86_400 * SECOND
