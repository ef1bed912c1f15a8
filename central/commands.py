"""What a person at the centre says, once: of an alarm, or of a rescue with all the alarms that belong to it."""

from difflib import get_close_matches
from typing import Any, NamedTuple

import apsw
import msgspec

from central import incidents, outbox
from central.outbox import What
from model.bodies import MORE_INJURED, RescueOrder
from model.errors import DoorpostError
from model.texts import words

_NEEDS_ANSWER = ("dispatch", "arrive", "release", "close")


class Ordered(NamedTuple):
    """Whether this one did it; who did, and when (us, UTC). `commands` are on their way."""

    done: bool
    by: str
    at: int
    commands: list[str]


def acknowledge(db: apsw.Connection, gw: str, alarm: str, person: str) -> str:
    """Of an alarm that is no lift's, by a person, who has been authenticated. Returns the command's id."""
    with db:
        return outbox.put(db, gw, "ack", RescueOrder(alarm=alarm), person)
    raise AssertionError  # mypy: the block above never swallows an error


def said(alarm: str, values: dict[str, Any]) -> RescueOrder:
    """What a person says with a step, from a form or a command line. Raises DoorpostError for what cannot be."""
    try:
        found = msgspec.convert({**values, "alarm": alarm}, RescueOrder, strict=False)
    except msgspec.ValidationError as err:
        raise DoorpostError(MORE_INJURED if MORE_INJURED in str(err) else "order_unfit", why=err) from err
    if found.fault is not None and found.fault not in (known := causes()):
        near = get_close_matches(found.fault, known, n=3)
        raise DoorpostError("fault_unknown", fault=found.fault, similar=", ".join(near or known))
    return found


def causes() -> list[str]:
    """The canonical names of what may have been wrong: faults, and events such as the mains lost."""
    codes = words("lift_code")
    return [*codes["fault"], *codes["event"]]


def order(db: apsw.Connection, incident: str, what: What, person: str, details: RescueOrder | None = None) -> Ordered:
    """By a person, who has been authenticated: to each of the incident's alarms that are open. `details.alarm` is no matter.

    Of two desks one is first; the other learns who and when, and nothing is sent for it. A dispatch may be said again:
    another team, the next tier. Raises DoorpostError where it cannot be done now.
    """
    details = said(incident, msgspec.to_builtins(details) if details else {})
    if what == "close" and not (details.reason or "").strip():
        raise DoorpostError("order_reason")
    with db:
        known = incidents.one(db, incident)
        if known is None:
            raise DoorpostError("alarm_unknown", alarm=incident)
        if before := _before(known, what):
            return Ordered(False, *before, [])
        _check(known, what)
        alarms: list[Any] = db.execute(
            "SELECT id, gw FROM alarm WHERE incident = ? AND stop IS NULL AND gone IS NULL ORDER BY start",
            (known["incident"],),
        ).fetchall()
        commands = [
            outbox.put(db, gw, what, msgspec.structs.replace(details, alarm=alarm), person) for alarm, gw in alarms
        ]
        incidents.settle(db)
        made = db.execute("SELECT made FROM command WHERE id = ?", (commands[0],)).get
    return Ordered(True, person, made, commands)


def _before(known: dict[str, Any], what: What) -> tuple[str, int] | None:
    """Who has said it before, and when."""
    if what == "close":
        closing = known["closing"]
        return closing and (closing["person"], closing["made"])
    if what == "ack" and (known["unanswered"] or known["ack_pending"]):
        waiting = None if known["unanswered"] else known["ack_pending"]
        return waiting and (waiting["person"], waiting["made"])
    step = {"ack": "acked", "arrive": "arrived", "release": "released"}.get(what)
    if step is None or known[step] is None:
        return None
    return known[f"{step}_by"] or "", known[step]


def _check(known: dict[str, Any], what: What) -> None:
    if known["ended"] is not None:
        raise DoorpostError("incident_over", incident=known["incident"][:8])
    if what in _NEEDS_ANSWER and known["unanswered"] and not known["ack_pending"]:
        raise DoorpostError("incident_unanswered", incident=known["incident"][:8])
    if what in ("dispatch", "arrive") and known["released"] is not None:
        raise DoorpostError("incident_released", incident=known["incident"][:8])
