"""Where on the calendar a record lies: `utc = anchor.utc + (mono - anchor.mono)`, by the best anchor of its boot.

Nothing is rewritten. A clock that is set right late locates what was recorded before.
"""

from typing import NamedTuple, cast

from model.bodies import TimeAnchor
from model.time import TimeQuality, TimeSource

_RANK = {"ntp": 0, "gnss": 0, "rtc": 1, "estimated": 2}
_UNTRUSTED = len(_RANK)


class Located(NamedTuple):
    """A moment in microseconds UTC, and what that is worth."""

    utc: int
    tq: TimeQuality


class Timeline:
    """The boots of one gateway. Anchors may come in any order."""

    def __init__(self) -> None:
        self._best: dict[str, TimeAnchor] = {}

    def add(self, anchor: TimeAnchor) -> bool:
        """Whether it is the best of its boot so far."""
        best = self._best.get(anchor.boot)
        if best is not None and _worth(best) <= _worth(anchor):
            return False
        self._best[anchor.boot] = anchor
        return True

    def locate(self, boot: str, mono: int) -> Located | None:
        """None where no anchor of that boot is known. By a clock that nobody had set, `tq.source` is `unknown`."""
        anchor = self._best.get(boot)
        if anchor is None:
            return None
        source = anchor.source if anchor.source in _RANK else "unknown"
        return Located(anchor.utc + mono - anchor.mono, TimeQuality(cast(TimeSource, source), anchor.err_ms))


def _worth(anchor: TimeAnchor) -> tuple[int, float, int]:
    """Less is better: the source, then its error; of equals the later, since a clock is set to make it right."""
    error = float("inf") if anchor.err_ms is None else anchor.err_ms
    return _RANK.get(anchor.source, _UNTRUSTED), error, -anchor.mono
