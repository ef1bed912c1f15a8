"""A directory in memory, for tests that make many files and prove nothing about a disk: it has not to be waited for."""

import os
from tempfile import TemporaryDirectory

_MEMORY = "/dev/shm"


def memory_directory() -> TemporaryDirectory[str]:
    """Where there is no such place, on the disk."""
    return TemporaryDirectory(dir=_MEMORY if os.access(_MEMORY, os.W_OK) else None)
