"""An alarm's body by a gateway that says more than this version knows: what can be read of it. Somebody may be calling."""

from contextlib import suppress
from typing import Any

import msgspec
from msgspec import Raw

from model.bodies import BODIES, AlarmBody, Car, Rescue
from model.errors import ContractError
from sync.contract.messages import decode

UNKNOWN = "unknown"
"""Where something has to be said and nothing could be read."""

_TRANSITIONS = {kind.partition("/")[0] for kind, body in BODIES.items() if body is AlarmBody}


def is_alarm(kind: str) -> bool:
    """Whether it is a transition of an alarm, of whatever version."""
    return kind.partition("/")[0] in _TRANSITIONS


def alarm_body(body: bytes) -> AlarmBody:
    """Raises ContractError where it does not even say which alarm it is about."""
    try:
        return decode(body, AlarmBody)
    except ContractError:
        said = decode(body, dict[str, Raw])
    found = _readable(said, AlarmBody)
    if "alarm" not in found:
        raise ContractError("message_malformed", message=AlarmBody.__name__, why="alarm")
    if "rescue" in said and not found.get("rescue"):
        rescue = _fields(said["rescue"])
        known: dict[str, Any] = {"lift": UNKNOWN, "state": UNKNOWN, **_readable(rescue, Rescue)}
        if "car" in rescue:
            known["car"] = Car(**_readable(_fields(rescue["car"]), Car))
        found["rescue"] = Rescue(**known)
    return AlarmBody(**dict.fromkeys(("rule", "what", "device", "point", "profile"), UNKNOWN) | found)


def unreadable(alarm: str) -> AlarmBody:
    """In place of what nobody can read and what may be a call."""
    rescue = Rescue(lift=UNKNOWN, state="sent")
    return AlarmBody(
        alarm=alarm, rule=UNKNOWN, what="unreadable", device=UNKNOWN, point=UNKNOWN, profile=UNKNOWN, rescue=rescue
    )


def _fields(raw: Raw) -> dict[str, Raw]:
    try:
        return msgspec.json.decode(raw, type=dict[str, Raw])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}


def _readable(said: dict[str, Raw], struct: type[msgspec.Struct]) -> dict[str, Any]:
    """Those fields that are what they have to be."""
    found = {}
    for field in msgspec.structs.fields(struct):
        if field.name in said:
            with suppress(msgspec.DecodeError, UnicodeDecodeError):
                found[field.name] = msgspec.json.decode(said[field.name], type=field.type)
    return found
