"""Persons and their PINs: kept as scrypt hashes, guessed slowly."""

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

import apsw

from central.settings import Person
from central.store import now
from model.errors import DoorpostError

PIN_MIN = 4
FREE_TRIES = 3
DELAY_S = 30
"""After the free tries each wrong PIN doubles the waiting time, from here up to DELAY_MAX_S."""
DELAY_MAX_S = 3600

_N, _R, _P = 2**14, 8, 1


def hashed(pin: str) -> str:
    """`scrypt$n$r$p$salt$hash`. Raises DoorpostError for a PIN that is too short."""
    if len(pin) < PIN_MIN:
        raise DoorpostError("pin_short", least=PIN_MIN)
    salt = os.urandom(16)
    return "$".join(["scrypt", str(_N), str(_R), str(_P), _b64(salt), _b64(_scrypt(pin, salt, _N, _R, _P))])


def authenticate(db: apsw.Connection, persons: Sequence[Person], name: str, pin: str) -> None:
    """Raises DoorpostError `person_refused`, the same for an unknown name and a wrong PIN, or `person_locked`."""
    with db:
        until = db.execute("SELECT locked_until FROM wrong_pin WHERE person = ?", (name,)).get or 0
        if until > now():
            raise DoorpostError("person_locked", name=name, seconds=(until - now()) // 1_000_000 + 1)
        person = next((p for p in persons if p.name == name), None)
        if person and _matches(person.pin, pin):
            db.execute("DELETE FROM wrong_pin WHERE person = ?", (name,))
            return
        if person:
            _count_wrong(db, name)
    raise DoorpostError("person_refused", name=name)


def _count_wrong(db: apsw.Connection, name: str) -> None:
    db.execute("INSERT INTO wrong_pin VALUES (?, 1, 0) ON CONFLICT DO UPDATE SET count = count + 1", (name,))
    over = db.execute("SELECT count FROM wrong_pin WHERE person = ?", (name,)).get - FREE_TRIES
    if over >= 0:
        delay = min(DELAY_S * 2 ** min(over, 10), DELAY_MAX_S)
        db.execute("UPDATE wrong_pin SET locked_until = ? WHERE person = ?", (now() + delay * 1_000_000, name))


def _matches(stored: str, pin: str) -> bool:
    _, n, r, p, salt, hash_ = stored.split("$")
    return hmac.compare_digest(_scrypt(pin, base64.b64decode(salt), int(n), int(r), int(p)), base64.b64decode(hash_))


def _scrypt(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=2**27)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
