"""Who may read the page: whoever sits at the machine, and who has brought a one-time code that the daemon printed."""

import hmac
import secrets
import time
from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

SESSION_S = 12 * 3600

_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # none that can be mistaken for another; 8 of them are 39 bits
_WRONG_WINDOW_S = 60
_WRONG_PER_CLIENT = 5
_WRONG_IN_ALL = 200


class TooManyTries(Exception):
    """Wrong codes came too fast; after a minute it may be tried again."""


class Gate:
    """One code at a time, good for one session of `SESSION_S`. Sessions live in memory: a restart ends them.

    `announce` is given each new code. `now` is in seconds, monotonic.
    """

    def __init__(self, announce: Callable[[str], None], now: Callable[[], float] = time.monotonic) -> None:
        self._announce = announce
        self._now = now
        self._code: str | None = None
        self._sessions: dict[str, float] = {}
        self._wrong: deque[tuple[float, str]] = deque()

    def issue(self) -> None:
        """Make and announce a new code; the one before is worth nothing any more."""
        letters = [secrets.choice(_LETTERS) for _ in range(8)]
        self._code = "".join(letters[:4]) + "-" + "".join(letters[4:])
        self._announce(self._code)

    def redeem(self, code: str, client: str) -> str | None:
        """A session for the right code, which is then used up; None for a wrong one. Raises TooManyTries."""
        now = self._now()
        while self._wrong and self._wrong[0][0] <= now - _WRONG_WINDOW_S:
            self._wrong.popleft()
        if len(self._wrong) >= _WRONG_IN_ALL or sum(who == client for _, who in self._wrong) >= _WRONG_PER_CLIENT:
            raise TooManyTries
        if self._code is None or not hmac.compare_digest(self._code.encode(), code.strip().upper().encode()):
            self._wrong.append((now, client))
            return None
        self.issue()
        self._sessions = {token: end for token, end in self._sessions.items() if end > now}
        token = secrets.token_urlsafe()
        self._sessions[token] = now + SESSION_S
        return token

    def knows(self, token: str | None) -> bool:
        """Whether this is the token of a session that has not ended."""
        return token is not None and self._sessions.get(token, 0.0) > self._now()


def is_loopback(address: str) -> bool:
    """Whether an IP address is this machine's own, also as IPv4 within IPv6."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped:
        ip = ip.ipv4_mapped
    return ip.is_loopback


def names_this_machine(host: str) -> bool:
    """Whether a Host header means this machine: a page of elsewhere may have its own name point at 127.0.0.1."""
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return name == "localhost" or is_loopback(name)
