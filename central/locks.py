"""Locks between the processes of one centre; each ends with its process, however that ends."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from model.errors import SettingsError


@contextmanager
def alone(data: Path, name: str) -> Iterator[None]:
    """Keep other processes of this name out of the data directory. Raises SettingsError."""
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = open(data / f"{name}.lock", "w")
    except OSError as err:
        raise SettingsError("data_unwritable", data=data, why=err.strerror) from err
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            raise SettingsError("data_in_use", data=data) from err
        yield


def coordinate(data: Path) -> IO[str]:
    """Tell the workers that this database may acknowledge, until the file is closed."""
    file = _coordinated(data)
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def coordinated(data: Path) -> bool:
    """Whether somebody tells so now."""
    with _coordinated(data) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False


def _coordinated(data: Path) -> IO[str]:
    return open(data / "coordinated.lock", "a")
