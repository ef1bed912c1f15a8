"""Room that is given up when the disk is full, so that an alarm or the word of what is dropped can still be written."""

import os
import shutil
from pathlib import Path

from sync.journal.files import bytes_of

RESERVE_BYTES = 8 * 1024 * 1024
_PLENTY = 4
"""How many times its size must be free before the reserve is made again: it is not to take the last room itself."""


class Reserve:
    """A file of `size` bytes; give_up for the writer's thread, keep for any other."""

    def __init__(self, directory: Path, size: int) -> None:
        self._path = directory / "reserve"
        self._size = size

    def keep(self) -> None:
        """Make it where it is missing and there is plenty of room. A reserve that cannot be made is tried again the next time."""
        try:
            if self._path.exists() or shutil.disk_usage(self._path.parent).free < _PLENTY * self._size:
                return
            draft = self._path.with_suffix(".new")
            with draft.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
            draft.rename(self._path)
        except OSError:
            return

    def give_up(self) -> bool:
        """Whether there was something to give."""
        try:
            self._path.unlink()
        except OSError:
            return False
        return True

    def size(self) -> int:
        return bytes_of([self._path])
