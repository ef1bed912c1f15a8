"""How long each step of a rescue has taken, or is taking, against its target."""

from typing import Any, NamedTuple

from central.settings import Targets

SECOND = 1_000_000

_BEGIN = {"ack": "since", "dispatch": "acked", "arrive": "since", "release": "arrived"}
_DONE = {"ack": "acked", "dispatch": "dispatched", "arrive": "arrived", "release": "released", "close": "ended"}
"""The times in an incident between which each step is measured, in the order of a rescue."""


class Clock(NamedTuple):
    """In seconds, from `since` to `until` (us, UTC; None while it runs). `running`: neither it nor a later step has been done, and for
    the answer neither that nor the end;
    `done`: it was itself. `doubtful`: a clock contradicts the order of its gateway's records in between; it took no less.
    """

    step: str
    since: int
    until: int | None
    seconds: float
    target: float
    running: bool
    done: bool
    doubtful: bool

    @property
    def late(self) -> bool:
        return self.seconds > self.target


def clocks(incident: dict[str, Any], targets: Targets, at: int) -> list[Clock]:
    """Those that have begun and have a target, at that time (us, UTC)."""
    found = []
    for step, begin in _BEGIN.items():
        target, since = getattr(targets, f"{step}_s"), incident[begin]
        if target is None or since is None:
            continue
        # an answer is the centre's: whoever has come meanwhile has not given it
        later = ["acked", "ended"] if step == "ack" else list(_DONE.values())[list(_DONE).index(step) :]
        end = next((one for one in later if incident[one] is not None), None)
        until = None if end is None else incident[end]
        counted, doubtful = _counted(incident["times"], begin, end)
        took = (at if until is None else until) - since if counted is None else counted
        done = incident[_DONE[step]] is not None
        found.append(Clock(step, since, until, max(0, took) / SECOND, target, end is None, done, doubtful))
    return found


def _counted(times: dict[str, Any], begin: str, end: str | None) -> tuple[int | None, bool]:
    """What a gateway's boots have counted in between, where its clock is in doubt for that; and whether it is."""
    one, other = times[begin], times.get(end, {}) if end else {}
    if not (one["doubtful"] or other.get("doubtful")):
        return None, False
    if one.get("gw") is None or one["gw"] != other.get("gw"):
        return None, True
    return other["counted"] - one["counted"], one["boot"] != other["boot"]
