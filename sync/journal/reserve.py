"""Room that is given up when the disk is full, so that an alarm or the word of what is dropped can still be written."""

import logging
import os
import shutil
from pathlib import Path

from sync.journal.files import bytes_of

RESERVE_BYTES = 8 * 1024 * 1024
_PLENTY = 4
"""How many times its size must be free before the reserve is made again: it is not to take the last room itself."""

log = logging.getLogger("doorpost.journal")


class Reserve:
    """A file of `size` bytes; give_up for the writer's thread, keep for any other."""

    def __init__(self, directory: Path, size: int) -> None:
        self._path = directory / "reserve"
        self._size = size
        self._there = True

    def keep(self) -> None:
        """Make it where it is missing and there is plenty of room. A reserve that cannot be made is tried again the next time."""
        try:
            if not self._path.exists() and shutil.disk_usage(self._path.parent).free >= _PLENTY * self._size:
                draft = self._path.with_suffix(".new")
                with draft.open("wb") as file:
                    os.posix_fallocate(file.fileno(), 0, self._size)
                draft.rename(self._path)
            there = self._path.exists()
        except OSError:
            there = False
        if self._size and there != self._there:
            log.warning("the disk has %sroom for the %s bytes kept for alarms", "" if there else "no ", self._size)
            self._there = there

    def give_up(self) -> bool:
        """Whether there was something to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def size(self) -> int:
        return bytes_of([self._path])
