"""The outbox of commands, for whoever commands; the server publishes what is in it (`publishing`)."""

import uuid
from typing import Any, Literal

import apsw
import msgspec

from central.store import now
from model.bodies import RescueOrder
from sync.contract.messages import Command, Issuer, encode

What = Literal["ack", "dispatch", "arrive", "release", "close"]


def put(db: apsw.Connection, gw: str, what: What, order: RescueOrder, person: str, *, auto: bool = False) -> str:
    """Into the outbox, in the open transaction. Returns its id."""
    args: dict[str, Any] = {"alarm": order.alarm} if what == "ack" else msgspec.to_builtins(order)
    command = Command(
        v=1,
        id=str(uuid.uuid4()),
        gw=gw,
        issuer=Issuer(kind="person", name=person),
        name=f"alarm.{what}",  # type: ignore[arg-type]
        args=args,
    )
    # each after the one before, also where the clock stands: a gateway obeys in this order
    last = db.execute("SELECT max(made) FROM command WHERE alarm = ?", (order.alarm,)).get or 0
    db.execute(
        "INSERT INTO command (id, gw, cmd, name, alarm, issuer, made, auto) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        (command.id, gw, encode(command), command.name, order.alarm, person, max(now(), last + 1), auto),
    )
    db.execute("UPDATE alarm SET dirty = 1 WHERE (id, gw) = (?, ?) AND lift IS NOT NULL", (order.alarm, gw))
    return command.id
