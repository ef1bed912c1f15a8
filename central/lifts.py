"""Which lifts there are, and which of those that the gateways name are one and the same."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import apsw

FILE = ("lift", "state", "rescue", "registration", "name", "address", "maintainer", "inspection_due")


class Lift(NamedTuple):
    """As one gateway names it, with the numbers of its file."""

    gw: str
    lift: str
    rescue: str | None
    registration: str | None

    @property
    def numbers(self) -> Iterator[tuple[str, str]]:
        if self.rescue:
            yield "rescue", self.rescue
        if self.registration:
            yield "registration", self.registration


def own_key(gw: str, lift: str) -> str:
    """Of a lift without a number: an id says nothing beyond its gateway, as two buildings have a `lift-1` each."""
    return f"{gw}/{lift}"


def keyed(lifts: Iterable[Lift]) -> dict[tuple[str, str], str]:
    """By gateway and id: what names the lift, the same for all that are the same.

    Those are one that share a rescue number or a registration, directly or through others. Where that would give one lift two
    rescue numbers or two registrations, only those are one whose numbers are both the same.
    """
    sharing: dict[tuple[str, str], list[Lift]] = {}
    lifts = list(lifts)
    for lift in lifts:
        for number in lift.numbers:
            sharing.setdefault(number, []).append(lift)
    keys: dict[tuple[str, str], str] = {}
    for lift in lifts:
        if (lift.gw, lift.lift) not in keys:
            keys |= _named(_kin([lift], sharing.__getitem__))
    return keys


def _kin(lifts: Iterable[Lift], sharing: Callable[[tuple[str, str]], Iterable[Lift]]) -> set[Lift]:
    """These and all that share a number with them, directly or through others."""
    found = set(lifts)
    asked: set[tuple[str, str]] = set()
    while numbers := {number for lift in found for number in lift.numbers} - asked:
        asked |= numbers
        found.update(lift for number in numbers for lift in sharing(number))
    return found


def _named(kin: Iterable[Lift]) -> dict[tuple[str, str], str]:
    numbers = {number for lift in kin for number in lift.numbers}
    one_lift = len(numbers) == len({column for column, _ in numbers})

    def key(lift: Lift) -> str:
        said = numbers if one_lift else lift.numbers
        return " ".join(f"{column} {value}" for column, value in sorted(said)) or own_key(lift.gw, lift.lift)

    return {(lift.gw, lift.lift): key(lift) for lift in kin}


def identify(db: apsw.Connection) -> None:
    """Where a lift is new or its file has changed: give it and its kin their keys, and have their incidents derived again."""
    changed = _lifts(db, "dirty")
    for (gw, lift), key in keyed(_kin(changed, lambda number: _lifts(db, f"{number[0]} = ?", number[1]))).items():
        db.execute(
            "UPDATE lift SET key = ?1, dirty = 0 WHERE (gw, lift) = (?2, ?3) AND (dirty OR key <> ?1)", (key, gw, lift)
        )
        if db.changes():
            db.execute("UPDATE alarm SET dirty = 1 WHERE (gw, lift) = (?, ?)", (gw, lift))
            db.execute(
                "UPDATE alarm SET dirty = 1 WHERE incident IN (SELECT incident FROM alarm WHERE (gw, lift) = (?, ?))",
                (gw, lift),
            )


def _lifts(db: apsw.Connection, where: str, *args: str) -> list[Lift]:
    rows = db.execute(f"SELECT gw, lift, rescue, registration FROM lift WHERE {where}", args)  # noqa: S608
    return [Lift(*row) for row in rows]


def file(db: apsw.Connection, alarms: Iterable[tuple[str, str]]) -> dict[str, Any]:
    """What the files say of the lift that these alarms (id, gateway) call from: the first one that says it."""
    said: dict[str, Any] = dict.fromkeys(FILE)
    for alarm, gw in alarms:
        row: Any = db.execute(
            f"SELECT {', '.join(f'lift.{name}' for name in FILE)} FROM lift JOIN alarm USING (gw, lift) "  # noqa: S608
            "WHERE (alarm.id, alarm.gw) = (?, ?)",
            (alarm, gw),
        ).fetchone()
        said |= {name: value for name, value in zip(FILE, row, strict=True) if said[name] is None}
    return said
