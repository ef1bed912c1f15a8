"""PINs: kept as scrypt hashes, guessed slowly."""

import base64
import hashlib
import hmac
import os

from model.errors import DoorpostError

PIN_MIN = 4
FREE_TRIES = 3
DELAY_S = 30
"""After the free tries each wrong PIN doubles the waiting time, from here up to DELAY_MAX_S."""
DELAY_MAX_S = 3600

_N, _R, _P = 2**14, 8, 1
_MEMORY_MAX = 2**27


def hashed(pin: str) -> str:
    """`scrypt$n$r$p$salt$hash`. Raises DoorpostError for a PIN that is too short."""
    if len(pin) < PIN_MIN:
        raise DoorpostError("pin_short", least=PIN_MIN)
    salt = os.urandom(16)
    return "$".join(["scrypt", str(_N), str(_R), str(_P), _b64(salt), _b64(_scrypt(pin, salt, _N, _R, _P))])


def matches(stored: str, pin: str) -> bool:
    """Whether this is the PIN of a hash. Raises ValueError for what `hashed` never made."""
    _, n, r, p, salt, hash_ = stored.split("$")
    found = _scrypt(pin, base64.b64decode(salt), int(n), int(r), int(p))
    return hmac.compare_digest(found, base64.b64decode(hash_))


def usable(stored: str) -> bool:
    """Whether a PIN can be held against it in a reasonable time."""
    _, *numbers, salt, hash_ = stored.split("$")
    n, r, p = map(int, numbers)
    try:
        bytes_ = len(base64.b64decode(salt, validate=True)), len(base64.b64decode(hash_, validate=True))
    except ValueError:
        return False
    return n > 1 == n.bit_count() and 0 < r <= 32 and 0 < p <= 4 and 128 * n * r < _MEMORY_MAX // 2 and min(bytes_) > 0


NOBODYS = "$".join(["scrypt", str(_N), str(_R), str(_P), "A" * 22 + "==", "A" * 43 + "="])
"""A hash of no PIN, by which an unknown name takes the same time."""


def wait_s(wrong: int) -> int:
    """How long nobody is asked again after so many wrong PINs in a row."""
    over = wrong - FREE_TRIES
    return min(DELAY_S * 2 ** min(over, 10), DELAY_MAX_S) if over >= 0 else 0


def _scrypt(pin: str, salt: bytes, n: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(pin.encode(), salt=salt, n=n, r=r, p=p, dklen=32, maxmem=_MEMORY_MAX)


def _b64(data: bytes) -> str:
    return base64.b64encode(data).decode()
