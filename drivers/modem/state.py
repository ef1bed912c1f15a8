"""How a modem's SIM card and network are, from its answers."""

import re
from typing import NamedTuple

from drivers.modem.link import Link
from model.errors import TransientError
from model.observation import Quality

_REGISTERED = {1, 5, 6, 7}
"""At home, roaming; 6 and 7 are these for short messages only (27.007, 7.2 and 10.1.22)."""
_DENIED = 3
_UNKNOWN = 99
_BEST = 31


class State(NamedTuple):
    """`sim` is "READY", what the card wants, or the error. `signal` is in dBm, None where `quality` is not good."""

    sim: str
    answered: bool
    signal: int | None
    quality: Quality
    registrations: frozenset[int]

    @property
    def ready(self) -> bool:
        return self.answered and self.sim == "READY"

    @property
    def registered(self) -> bool:
        return not _REGISTERED.isdisjoint(self.registrations)

    def fault(self, device: str) -> TransientError | None:
        """Why no message can be sent now."""
        if not self.answered:
            return TransientError("modem_sim_absent", device=device, reason=self.sim)
        if not self.ready:
            return TransientError("modem_sim_locked", device=device, wants=self.sim)
        if self.registered:
            return None
        if _DENIED in self.registrations:
            return TransientError("modem_denied", device=device)
        if self.signal is None:
            return TransientError("modem_no_signal", device=device)
        return TransientError("modem_not_registered", device=device, signal=self.signal)


async def look(link: Link) -> State:
    """Raises TransientError."""
    card = await link.ask("AT+CPIN?", r"\+CPIN:")
    signal, quality = await _signal(link)
    registrations = [await _registration(link, kind) for kind in ("CREG", "CEREG")]
    sim = card.error or card.said[0].line.partition(":")[2].strip()
    return State(sim, card.error is None, signal, quality, frozenset(one for one in registrations if one is not None))


async def _signal(link: Link) -> tuple[int | None, Quality]:
    """27.007, 8.5: 0..31 from -113 dBm in steps of 2; 99 is not known."""
    pattern = r"\+CSQ: *(\d+),"
    answer = await link.ask("AT+CSQ", pattern)
    found = re.match(pattern, answer.said[0].line) if answer.said else None
    number = int(found[1]) if found else _UNKNOWN
    if number <= _BEST:
        return 2 * number - 113, Quality.GOOD
    return None, Quality.STALE if number == _UNKNOWN else Quality.IMPLAUSIBLE


async def _registration(link: Link, kind: str) -> int | None:
    """None where the modem does not know this sort of network. What it says by itself has one number in front, or quotes."""
    pattern = rf"\+{kind}: *\d+, *(\d+)"
    answer = await link.ask(f"AT+{kind}?", pattern)
    found = re.match(pattern, answer.said[0].line) if answer.said else None
    return int(found[1]) if found else None
