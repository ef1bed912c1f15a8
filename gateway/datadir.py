"""The data directory: one daemon at a time, and the way to its control socket."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from model.errors import SettingsError

SOCKET = "doorpost.sock"


@contextmanager
def claimed(data: Path) -> Iterator[None]:
    """Make the directory where it is missing and keep other daemons out of it, until this process ends in any way.

    Raises SettingsError `data_in_use` or `data_unwritable`.
    """
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(data / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as err:
        raise SettingsError("data_unwritable", data=data, why=err.strerror) from err
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as err:
        os.close(lock)
        raise SettingsError("data_in_use", data=data) from err
    try:
        yield
    finally:
        os.close(lock)


@contextmanager
def socket_address(data: Path) -> Iterator[str]:
    """An address of the control socket that fits the kernel's 107 bytes, however deep the directory lies."""
    folder = os.open(data, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{SOCKET}"
    finally:
        os.close(folder)
