"""A disk of our own below a process: `diskshim.c` writes down what is done to the files and makes calls fail.

Its directory must be there, with all that a test finds durable in it, before the process starts.
"""

import ctypes
import errno
import mmap
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from support.shims import compiled

SOURCE = Path(__file__).with_name("diskshim.c")
FOR_EVER = 2**62
SHORT, KILL_BEFORE, KILL_AFTER = 10001, 10002, 10003
"""Actions beside the numbers of errno: half of a write is done; the process ends before or after the call."""

_CONTROL = struct.Struct("=6q80p")
_ENTRY = struct.Struct("=BBHIQq")


class Kind(IntEnum):
    """Calls, numbered as in the shim.

    CREATE makes a file; OPEN is of one that is there, and counts where it is for writing; SYNC_NAMES is the sync of a directory.
    """

    CREATE = 0
    OPEN = 1
    WRITE = 2
    TRUNCATE = 3
    SYNC = 4
    SYNC_NAMES = 5
    RENAME = 6
    UNLINK = 7
    LINK = 8
    MKDIR = 9
    SEND = 10
    RECV = 11
    MARK = 12
    READ = 13


CHANGES = (Kind.CREATE, Kind.WRITE, Kind.TRUNCATE, Kind.RENAME, Kind.UNLINK, Kind.LINK, Kind.MKDIR)
"""What a read-only file system refuses, together with OPEN."""
SYNCS = (Kind.SYNC, Kind.SYNC_NAMES)


class Entry(NamedTuple):
    """One call that was done, or a sync that failed. `data` is what was written, a second path, or what a test said."""

    kind: Kind
    failed: bool
    ino: int
    offset: int
    path: str
    data: bytes


class Faults:
    """What the process under the shim meets, from now on. Both sides may hold one over the same file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_bytes(bytes(_CONTROL.size))
        with path.open("r+b") as file:
            self._shared = mmap.mmap(file.fileno(), _CONTROL.size)

    def arm(self, action: int, *kinds: Kind, first: int = 1, last: int = FOR_EVER, match: bytes = b"") -> None:
        """Calls of these kinds, with `match` in their path or packet, count from 1; those from `first` to `last` meet `action`."""
        self.lift()
        self._shared[:] = _CONTROL.pack(0, first, last, action, 0, 0, match)
        self._shared[:8] = struct.pack("=q", sum(1 << kind for kind in kinds))

    def spoil(self, path: Path, first: int, last: int) -> None:
        """These bytes of a file cannot be read any more, also under another name."""
        self.arm(errno.EIO, Kind.READ, first=first, last=last, match=str(path.stat().st_ino).encode())

    def lift(self) -> None:
        self._shared[:8] = bytes(8)

    @property
    def calls(self) -> int:
        """How many counted."""
        calls: int = _CONTROL.unpack(self._shared[:])[4]
        return calls

    @property
    def met(self) -> int:
        """How many met the action."""
        met: int = _CONTROL.unpack(self._shared[:])[5]
        return met


def environment(directory: Path, faults: Faults | None = None, log: Path | None = None) -> dict[str, str]:
    """For a process whose files under `directory` lie on that disk; it finds the modules of tests/, too."""
    more = {
        "LD_PRELOAD": str(compiled(SOURCE)),
        "DISK_DIR": str(directory.resolve()),
        "PYTHONPATH": str(SOURCE.parents[1]),
    }
    if faults:
        more["DISK_CONTROL"] = str(faults.path)
    if log:
        more["DISK_LOG"] = str(log)
    return os.environ | more


def own_faults() -> Faults:
    """Under the shim: what this process itself meets."""
    return Faults(Path(os.environ["DISK_CONTROL"]))


def mark(said: bytes) -> None:
    """Under the shim: write into the log that this was said now."""
    ctypes.CDLL(None).disk_mark(said, ctypes.c_size_t(len(said)))


def entries(log: Path) -> Iterator[Entry]:
    """What was done, in order."""
    raw = log.read_bytes()
    at = 0
    while at < len(raw):
        kind, failed, path_len, data_len, ino, offset = _ENTRY.unpack_from(raw, at)
        at += _ENTRY.size
        path, data = raw[at : at + path_len], raw[at + path_len : at + path_len + data_len]
        at += path_len + data_len
        yield Entry(Kind(kind), bool(failed), ino, offset, path.decode(), data)


def run(module: str, *args: str | Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A Python module as a process under the shim, to its end."""
    command = [sys.executable, "-m", module, *map(str, args)]
    return subprocess.run(command, env=env, check=False, capture_output=True, text=True)
