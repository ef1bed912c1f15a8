"""A form of the page becomes an order about an incident, in the name of whoever has logged in."""

from dataclasses import dataclass
from pathlib import Path

from central import commands
from central.outbox import What
from central.store import writing
from model.bodies import RescueOrder
from model.errors import DoorpostError

_FIELDS: dict[What, tuple[str, ...]] = {
    "ack": (),
    "dispatch": ("team", "tier"),
    "arrive": (),
    "release": ("persons", "injured"),
    "close": ("reason", "fault"),
}
_NEEDED = {"team", "persons", "reason"}


@dataclass(frozen=True)
class Order:
    incident: str
    step: What
    details: RescueOrder


def parse(form: dict[str, str]) -> Order:
    """Raises DoorpostError for what no page of ours sends, and for a field that says too much or too little."""
    step = next((known for known in _FIELDS if known == form.get("step")), None)
    if step is None:
        raise DoorpostError("desk_order", step=form.get("step", ""))
    given = {name: form.get(name, "").strip() for name in _FIELDS[step]}
    for name in _FIELDS[step]:
        if not given[name] and name in _NEEDED:
            raise DoorpostError("desk_field_missing", field=name)
    if step == "close" and form.get("sure") != "yes":
        raise DoorpostError("desk_not_sure")
    details = commands.said("", {name: value for name, value in given.items() if value})
    return Order(form.get("incident", ""), step, details)


def give(data: Path, order: Order, person: str) -> commands.Ordered:
    """Write it down for the gateways. Raises DoorpostError for what cannot be ordered now."""
    with writing(data) as db:
        return commands.order(db, order.incident, order.step, person, order.details)
