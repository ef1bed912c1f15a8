"""Fixtures for tests with a real broker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from gateway.demo.broker import Broker
from support.centre import USERS
from support.memory import memory_directory


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Broker]:
    """A running mosquitto; killed with the test."""
    broker = Broker(USERS, tmp_path / "broker", program="mosquitto")
    broker.start()
    yield broker
    broker.kill()


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the way to the centre waits for is tenths of what it is, so that a test need not wait."""
    monkeypatch.setattr("sync.lane.PATIENCE_S", 0.5)
    monkeypatch.setattr("sync.sender.PATIENCE_S", 0.5)
    monkeypatch.setattr("sync.uplink.RETRY_S", 0.1)
    monkeypatch.setattr("sync.uplink.RETRY_MAX_S", 0.5)
    monkeypatch.setattr("sync.mqtt.CONNECT_TIMEOUT_S", 2.0)
    monkeypatch.setattr("sync.uplink.CONNECT_TIMEOUT_S", 2.0)


@pytest.fixture
def scratch() -> Iterator[Path]:
    """In memory, where there is a place for files: a disk that is only imagined needs no other."""
    with memory_directory() as directory:
        yield Path(directory)
