"""Persons who are known by their PIN; it is guessed slowly."""

from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import apsw
import msgspec

from central.settings import NAME_MAX, Person
from central.store import now, reader, writing
from model.errors import DoorpostError
from model.pin import DELAY_MAX_S, NOBODYS, matches, wait_s

HERE = "here"
"""The place of whoever sits at this machine."""
STRANGERS_MAX = 1000
"""Names of nobody whose tries are remembered; the one that was tried longest ago is forgotten first."""
KEPT_S = 7 * 24 * 3600
"""For so long it is remembered from where a person has logged in, and how often his PIN was guessed wrong."""
ELSEWHERE_FREE = 6
"""So many more wrong PINs than one place has all places together."""

_ALL = ""


def authenticate(data: Path, persons: Sequence[Person], name: str, pin: str, place: str = HERE) -> None:
    """Raises DoorpostError `person_refused`, the same for an unknown name and a wrong PIN, or `person_locked`.

    Wrong PINs count for the `place` (an address) that they come from, so that nobody locks another one out from afar. They
    count for all places together too, and that lock is for all but those where the person has logged in of late. The PIN is
    worked out while others write. Of guesses that are made at once each counts: what one finds out is only told if nobody is
    locked out by then.
    """
    key = name[:NAME_MAX]
    with closing(reader(data)) as db:
        _raise_if_locked(db, key, place)
    person = next((p for p in persons if p.name == name), None)
    right = matches(person.pin if person else NOBODYS, pin) and person is not None
    with writing(data) as db, db:
        # the clock has been set back since: they have waited long enough
        db.execute("UPDATE wrong_pin SET locked_until = ? WHERE locked_until > ?", (now(), _longest()))
        _raise_if_locked(db, key, place)
        if right:
            _welcome(db, key, place)
            return
        _count_wrong(db, key, place, wait_s)
        _count_wrong(db, key, _ALL, lambda count: wait_s(count - ELSEWHERE_FREE))
        _forget(db, persons)
    raise DoorpostError("person_refused", name=name)


def _raise_if_locked(db: apsw.Connection, name: str, place: str) -> None:
    known = (
        place == HERE
        or db.execute(
            "SELECT 1 FROM right_pin WHERE (person, place) = (?, ?) AND at >= ?", (name, place, _long_ago())
        ).get
    )
    places = [place] if known else [place, _ALL]
    until = max(
        db.execute(
            "SELECT locked_until FROM wrong_pin WHERE (person, place) = (?, ?) AND locked_until <= ?",
            (name, one, _longest()),
        ).get
        or 0
        for one in places
    )
    if until > now():
        raise DoorpostError("person_locked", name=name, seconds=(until - now()) // 1_000_000 + 1)


def _welcome(db: apsw.Connection, name: str, place: str) -> None:
    """While others are locked out of this name, what they have guessed stays counted."""
    db.execute(
        "DELETE FROM wrong_pin WHERE person = ? AND (place = ? OR place = ? AND locked_until <= ?)",
        (name, place, _ALL, now()),
    )
    db.execute("INSERT OR REPLACE INTO right_pin VALUES (?, ?, ?)", (name, place, now()))
    db.execute("DELETE FROM right_pin WHERE at < ?", (_long_ago(),))


def _count_wrong(db: apsw.Connection, name: str, place: str, wait: Callable[[int], int]) -> None:
    count = db.execute(
        "INSERT INTO wrong_pin VALUES (?, ?, 1, 0) ON CONFLICT DO UPDATE SET count = count + 1 RETURNING count",
        (name, place),
    ).get
    until = now() + wait(count) * 1_000_000
    db.execute("UPDATE wrong_pin SET locked_until = ? WHERE (person, place) = (?, ?)", (until, name, place))


def _forget(db: apsw.Connection, persons: Sequence[Person]) -> None:
    db.execute("DELETE FROM wrong_pin WHERE locked_until < ?", (_long_ago(),))
    db.execute(
        "DELETE FROM wrong_pin WHERE person IN (SELECT person FROM wrong_pin WHERE person NOT IN "
        "(SELECT value FROM json_each(?)) GROUP BY person ORDER BY max(locked_until) DESC LIMIT -1 OFFSET ?)",
        (msgspec.json.encode([person.name for person in persons]).decode(), STRANGERS_MAX),
    )


def _long_ago() -> int:
    return now() - KEPT_S * 1_000_000


def _longest() -> int:
    """Until when somebody may be locked out at most."""
    return now() + DELAY_MAX_S * 1_000_000
