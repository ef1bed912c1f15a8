"""Whether `central run` is at work: its process by its lock, its connection to the broker by what it has written down."""

from pathlib import Path
from typing import Literal, NamedTuple

import apsw

from central.store import Store, now


class Standing(NamedTuple):
    """`away`: it does not run; `cut_off`: it runs without its broker, since then (us, UTC). Neither hears of a call."""

    state: Literal["connected", "cut_off", "away"]
    since: int | None = None


def connected(store: Store) -> None:
    with store.transaction():
        store.db.execute("UPDATE centre SET cut_off = NULL")


def cut_off(store: Store) -> None:
    """From now on, unless it was before."""
    with store.transaction():
        store.db.execute("UPDATE centre SET cut_off = ? WHERE cut_off IS NULL", (now(),))


def standing(db: apsw.Connection, data: Path) -> Standing:
    since = db.execute("SELECT cut_off FROM centre").get
    if not _runs(data):
        return Standing("away")
    return Standing("connected") if since is None else Standing("cut_off", since)


def _runs(data: Path) -> bool:
    """Whether a process holds the centre's lock: asked of the kernel, since trying it might keep a centre from starting."""
    try:
        inode = (data / "central.lock").stat().st_ino
        held = Path("/proc/locks").read_text(encoding="ascii")
    except OSError:
        return not Path("/proc/locks").exists()
    return any(f":{inode} " in line for line in held.splitlines() if " FLOCK " in line)
