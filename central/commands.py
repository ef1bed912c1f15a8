"""The outbox of commands: written by whoever commands, published by the server until there is a result."""

import time
import uuid
from collections.abc import Callable, Collection

import apsw
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from central.store import Store, now
from sync.contract.messages import Command, Issuer, decode, encode
from sync.contract.signing import sign
from sync.contract.topics import down_command

REPEAT_S = 30.0


def acknowledge(db: apsw.Connection, gw: str, alarm: str, person: str) -> str:
    """Put the acknowledgement of an alarm by a person, who has been authenticated, into the outbox. Returns its id."""
    command = Command(
        v=1,
        id=str(uuid.uuid4()),
        gw=gw,
        issuer=Issuer(kind="person", name=person),
        name="alarm.ack",
        args={"alarm": alarm},
    )
    with db:
        db.execute(
            "INSERT INTO command (id, gw, cmd, alarm, issuer, made, expires) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (command.id, gw, encode(command), alarm, person, now(), command.exp),
        )
    return command.id


class Outbox:
    """Used in the writer's thread. What was published when is forgotten at a restart: then all open ones are due."""

    def __init__(self, store: Store, key: Ed25519PrivateKey, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._key = key
        self._clock = clock
        self._published: dict[str, float] = {}

    def due(self, born: Collection[str] = ()) -> list[tuple[str, bytes]]:
        """Topic and payload of what to publish now: new ones, those of gateways just born, and after REPEAT_S."""
        clock = self._clock()
        last, self._published = self._published, {}
        messages = []
        for id_, gw, cmd, expires in self._store.rows(
            "SELECT id, gw, cmd, expires FROM command WHERE result IS NULL OR result = 'accepted' ORDER BY made"
        ):
            if expires is not None and expires < now():
                self._store.db.execute(
                    "UPDATE command SET result = 'expired', result_at = ? WHERE id = ?", (now(), id_)
                )
                continue
            self._published[id_] = last.get(id_, -REPEAT_S)
            if gw in born or clock - self._published[id_] >= REPEAT_S:
                self._published[id_] = clock
                messages.append((down_command(gw), encode(sign(decode(cmd, Command), self._key))))
        return messages
