"""What of the outbox is due: the server publishes it until there is a result, and notes what no gateway takes."""

import time
from collections.abc import Callable, Collection

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central import incidents
from central.rescue import UNTAKEN
from central.store import Store, now
from sync.contract.messages import Command, decode, encode
from sync.contract.signing import sign
from sync.contract.topics import down_command

REPEAT_S = 30.0
TAKEN_S = 60.0
"""A gateway that is there takes an order within that time, or it never will: what it cannot verify it does not answer."""


class Outbox:
    """Used in the writer's thread. What was published when is forgotten at a restart: then all open ones are due."""

    def __init__(self, store: Store, key: Ed25519PrivateKey, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._published: dict[str, tuple[float, float]] = {}
        """When first since its gateway's birth or `forget`, and when last."""

    def forget(self) -> None:
        """As at a restart: what went out before the broker was away may be lost, and no gateway could take it since."""
        self._published.clear()

    def due(self, born: Collection[str] = ()) -> list[tuple[str, bytes]]:
        """Topic and payload of what to publish now: new ones, those of gateways just born, and after REPEAT_S.

        Of those about one alarm each only when the one before has its result, or is untaken: where it was lost on its way, the
        gateway would refuse what is to follow it.
        """
        clock = self._clock()
        known, self._published = self._published, {}
        messages = []
        untaken: list[tuple[str, str, str]] = []
        begun: set[tuple[str, str]] = set()
        for id_, gw, alarm, cmd, expires, why, there in self._store.rows(
            "SELECT id, gw, alarm, cmd, expires, why, EXISTS (SELECT 1 FROM gateway WHERE gateway.gw = command.gw AND online "
            "AND heard > ?) FROM command WHERE result IS NULL OR result = 'accepted' ORDER BY made",
            now() - int(TAKEN_S * 1e6),
        ):
            if expires is not None and expires < now():
                # a worker may have stored its result since we asked
                self._store.db.execute(
                    "UPDATE command SET result = 'expired', result_at = ? "
                    "WHERE id = ? AND (result IS NULL OR result = 'accepted')",
                    (now(), id_),
                )
                continue
            if (gw, alarm) in begun:
                continue
            first, last = known.get(id_, (clock, -REPEAT_S))
            if gw in born:
                first, last = clock, -REPEAT_S
            if there and why is None and clock - first >= TAKEN_S:
                untaken.append((id_, alarm, gw))
            elif why != UNTAKEN:
                begun.add((gw, alarm))
            if clock - last >= REPEAT_S:
                last = clock
                messages.append((down_command(gw), encode(sign(decode(cmd, Command), self._key))))
            self._published[id_] = first, last
        if untaken:
            self._note(untaken)
        return messages

    def _note(self, untaken: list[tuple[str, str, str]]) -> None:
        """Of those that are still open. The desk has to know at once: no gateway may say anything for a while."""
        with self._store.transaction():
            for id_, alarm, gw in untaken:
                self._store.db.execute(
                    "UPDATE command SET why = ? WHERE id = ? AND (result IS NULL OR result = 'accepted')",
                    (UNTAKEN, id_),
                )
                self._store.db.execute(
                    "UPDATE alarm SET dirty = 1 WHERE (id, gw) = (?, ?) AND lift IS NOT NULL", (alarm, gw)
                )
            incidents.settle(self._store.db)
