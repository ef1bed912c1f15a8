"""Whether the gateways are there, as the centre judges it: a will says no at once, silence after a while."""

from collections.abc import Iterable
from typing import Literal, NamedTuple

import apsw

from central.store import now

SECOND = 1_000_000

State = Literal["online", "absent", "offline"]


class Presence(NamedTuple):
    """`absent`: its connection was lost; `offline`: and nothing was heard for too long."""

    state: State
    heard: int | None


def heard(db: apsw.Connection, gateways: Iterable[str]) -> None:
    """They have said something just now. To the second: it is no reason to write more. A later time is that of a clock that
    has been set back.
    """
    at = now()
    db.executemany(
        "UPDATE gateway SET heard = ?1 WHERE gw = ?2 AND heard NOT BETWEEN ?1 - ?3 AND ?1",
        ((at, gw, SECOND) for gw in gateways),
    )


def presences(db: apsw.Connection, offline_s: float) -> dict[str, Presence]:
    """Of all gateways that have ever said that they are there. One that was last heard far in the future, by a clock that has
    been set back, has not been heard since.
    """
    at = now()
    return {
        gw: Presence("offline" if abs(at - last) > offline_s * SECOND else "online" if online else "absent", last)
        for gw, online, last in db.execute("SELECT gw, online, heard FROM gateway")
    }
