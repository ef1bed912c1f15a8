"""Who may use the desk: a person who has given name and PIN, in a browser that was not led here by another page."""

import hmac
import logging
import secrets
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from central.persons import HERE
from central.settings import Person, load
from model.errors import SettingsError

IDLE_S = 12 * 3600

log = logging.getLogger(__name__)


class People:
    """Who may log in, as the settings file has it now. One that cannot be read, is away or empty changes nothing: neither a
    slip in it nor that somebody is just writing it must shut a rescue desk."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[int, int, int] | None = None
        self._persons: Sequence[Person] = ()

    def now(self) -> Sequence[Person]:
        try:
            there = self._path.stat()
        except OSError:
            return self._persons
        read = there.st_ino, there.st_mtime_ns, there.st_size
        if there.st_size and read != self._read:
            self._read = read
            try:
                self._persons = load(self._path, required=True).person
            except SettingsError as err:
                log.warning("%s", err)
        return self._persons

    def pin(self, name: str) -> str | None:
        """The hash of that person's PIN; None: there is no such person."""
        return next((person.pin for person in self.now() if person.name == name), None)


@dataclass(slots=True)
class Session:
    """`form` is what each form of this session's pages carries; `said` is told on the next page, once. `pin` is the hash
    that the person has logged in by."""

    person: str
    seen: float
    acted: float
    pin: str | None = field(default=None, repr=False)
    form: str = field(default_factory=secrets.token_urlsafe, repr=False)
    said: str = ""


class Sessions:
    """In memory: a restart ends them. `pin` tells a person's hash as it is now: one that has changed, or is gone, ends his
    sessions. `now` is in seconds, monotonic.

    A screen that somebody has left open goes on telling of alarms; but who has ordered nothing for `IDLE_S` gives the PIN
    again before the next order.
    """

    def __init__(self, pin: Callable[[str], str | None], now: Callable[[], float] = time.monotonic) -> None:
        self._pin = pin
        self._now = now
        self._sessions: dict[str, Session] = {}

    def begin(self, person: str) -> str:
        """The new session's token, for the cookie."""
        now = self._now()
        self._sessions = {token: one for token, one in self._sessions.items() if now - one.seen < IDLE_S}
        token = secrets.token_urlsafe()
        self._sessions[token] = Session(person, seen=now, acted=now, pin=self._pin(person))
        return token

    def find(self, token: str | None) -> Session | None:
        """The session of that token, which is then seen."""
        found = self._sessions.get(token or "")
        if found is None or self._now() - found.seen >= IDLE_S:
            return None
        if found.pin is None or found.pin != self._pin(found.person):
            return None
        found.seen = self._now()
        return found

    def may_order(self, session: Session, form: str) -> bool:
        """Whether a form is this session's own, and its person has not been idle; that is counted from now again."""
        now = self._now()
        if now - session.acted >= IDLE_S or not self.owns(session, form):
            return False
        session.acted = now
        return True

    def owns(self, session: Session, form: str) -> bool:
        return hmac.compare_digest(session.form.encode(), form.encode())

    def end(self, token: str | None) -> None:
        self._sessions.pop(token or "", None)


def names_us(host: str, listen: str) -> bool:
    """Whether a Host header means this machine: a page of elsewhere may have its own name point at our address.

    An address cannot be made to point elsewhere; of names only the machine's own and the one in `listen` count.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name in {"localhost", socket.gethostname().lower(), listen.rpartition(":")[0].lower()} - {""}:
        return True
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(origin: str | None, scheme: str, host: str) -> bool:
    """Whether a form comes from a page of this host; a program that is no browser says no origin."""
    if origin is None:
        return True
    try:
        said = urlsplit(origin)
        return (said.scheme.lower(), said.netloc.lower()) == (scheme, host.lower()) and host != ""
    except ValueError:
        return False


def is_loopback(host: str) -> bool:
    return ip_address(host).is_loopback


def place(host: str) -> str:
    """Where wrong PINs from that address count."""
    return HERE if is_loopback(host) else host
