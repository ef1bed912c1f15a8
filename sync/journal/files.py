"""Files of the journal: SQLite's and the system's errors as ours, sizes, and names that are there for good."""

import errno
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import sleep
from typing import TypeVar

import apsw

from model.errors import StoreDamaged, StoreError, StoreFull, StoreUnreadable

T = TypeVar("T")

UNREADABLE_S = 30.0
"""What the disk does not give for so long counts as damaged: a card reader or a bus may come back before."""
START_PATIENCE_S = 30.0
_CHUNK_BYTES = 1024 * 1024
_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 4.0)
_UNREADABLE = (apsw.SQLITE_IOERR_READ, apsw.SQLITE_IOERR_SHORT_READ, apsw.SQLITE_IOERR_CORRUPTFS)


@contextmanager
def store_errors(path: Path, *, looked: bool = False) -> Iterator[None]:
    """SQLite's and the system's errors as ours. `looked`: whether the disk gives all of the file has been asked already."""
    try:
        yield
    except apsw.FullError as err:
        raise StoreFull("store_full", path=path) from err
    except (apsw.CorruptError, apsw.NotADBError) as err:
        if not looked:
            all_given(path)
        raise StoreDamaged("store_damaged", path=path, why=str(err)) from err
    except OSError as err:
        if err.errno in (errno.ENOSPC, errno.EDQUOT):
            raise StoreFull("store_full", path=path) from err
        raise StoreError("store_failed", path=path, why=err.strerror) from err
    except apsw.Error as err:
        if getattr(err, "extendedresult", None) in _UNREADABLE:
            raise StoreUnreadable("store_unreadable", path=path, why=str(err)) from err
        if getattr(err, "extendedresult", None) == apsw.SQLITE_IOERR_SHMSIZE and _is_full(
            path
        ):  # no room for the WAL's index
            raise StoreFull("store_full", path=path) from err
        raise StoreError("store_failed", path=path, why=str(err)) from err


def all_given(path: Path) -> None:
    """SQLite calls a file damaged of which the disk does not give a page (errno EIO). Raises StoreUnreadable when it is that."""
    for file in (path, path.with_name(f"{path.name}-wal")):
        try:
            with file.open("rb", buffering=0) as opened:
                while opened.read(_CHUNK_BYTES):
                    pass
        except FileNotFoundError:
            continue
        except OSError as err:
            raise StoreUnreadable("store_unreadable", path=file, why=err.strerror) from err


class Patience:
    """So long a start waits in all, however many files the disk does not give: it has to end."""

    left_s = START_PATIENCE_S

    @classmethod
    def renew(cls) -> None:
        """A start begins."""
        cls.left_s = START_PATIENCE_S

    @classmethod
    def take(cls, seconds: float) -> bool:
        cls.left_s -= seconds
        return cls.left_s >= 0


def patiently(work: Callable[[], T]) -> T:
    """Again, some times, where the disk does not give what it holds: for a start, since it waits in between.

    What looks damaged is looked at once more: the disk may just have come back.
    """
    damaged = False
    for pause in _PAUSES_S:
        try:
            return work()
        except StoreUnreadable:
            if not Patience.take(pause):
                break
            sleep(pause)
        except StoreDamaged:
            if damaged:
                raise
            damaged = True
    return work()


@contextmanager
def transaction(db: apsw.Connection) -> Iterator[None]:
    """As `with db`, which would hold the interpreter's lock, and so every other thread, until the disk has answered."""
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:  # after some errors SQLite has rolled back by itself
            db.execute("ROLLBACK")
        raise


def _is_full(path: Path) -> bool:
    try:
        return os.statvfs(path.parent).f_bavail == 0
    except OSError:
        return False


def bytes_of(files: Iterable[Path]) -> int:
    """What they take on disk; one that has just gone takes nothing."""
    taken = 0
    for file in files:
        try:
            taken += file.stat().st_size
        except FileNotFoundError:
            continue
    return taken


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable. Raises OSError."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def make_directory(path: Path) -> None:
    """With its parents, each there for good on return. Raises OSError."""
    if path.is_dir():
        return
    make_directory(path.parent)
    path.mkdir(exist_ok=True)
    sync_directory(path.parent)


def write_again(path: Path) -> None:
    """Bring to the disk what is only in the kernel's memory, called clean there after a sync that failed. Raises OSError.

    What cannot be read is left to whoever reads it.
    """
    with path.open("r+b") as file:
        try:
            content = file.read()
        except OSError:
            return
        file.seek(0)
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def write_durably(path: Path, data: bytes) -> None:
    """A small file, whole or not at all. Raises OSError."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)
    sync_directory(path.parent)
