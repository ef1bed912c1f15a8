"""How long one slave is waited for: what is known of its kind at first, then what it showed itself."""

from drivers.modbus.pdu import SlaveMissed

FIRST_S = 0.3
"""For a slave of which nothing is known."""
LEAST_S = 0.2
"""Serial servers, USB adapters and a busy processor need that much at times, whatever the slave does."""
MOST_S = 2.0
_LEARNT_AFTER = 10
_FADES = 0.995
"""The slowest answer is forgotten by half in some 140 answers."""

GIVE_UP_AFTER = 3
"""So often in a row without an answer, and the slave rests."""
_TRY_EVERY_S = 2.0
"""What is urgent is tried that often although it rests."""
_REST_FIRST = 5
_REST_MOST = 50
"""Waits that it rests for: doubled each time, since a board that restarts is there again in a moment."""
_REST_MAX_S = 10.0


class Patience:
    """`response_s` is the slowest answer that the profile knows of, `fixed_s` the user's own word, which is not bettered."""

    def __init__(self, response_s: float | None = None, fixed_s: float | None = None) -> None:
        self._least = LEAST_S if response_s is None else max(LEAST_S, response_s)
        self._first = fixed_s or (FIRST_S if response_s is None else max(FIRST_S, 2 * response_s))
        self._fixed = fixed_s is not None
        self._worst = 0.0
        self._answers = 0
        self._failed = 0
        self._rest_until = 0.0
        self._missed_at = 0.0
        self._why = ("modbus_timeout", dict[str, object]())

    @property
    def timeout_s(self) -> float:
        """Twice the slowest answer of late; at first, and after it was missed, the first guess."""
        if self._fixed or self._answers < _LEARNT_AFTER:
            return max(self._first, 0.0 if self._fixed else min(2 * self._worst, MOST_S))
        return min(max(2 * self._worst, self._least), MOST_S)

    def answered(self, took_s: float) -> None:
        """It answered in time."""
        self.late(took_s)
        self._answers += 1
        self._failed = 0

    def late(self, took_s: float) -> None:
        """It answered, perhaps when nobody waited any more."""
        self._worst = max(took_s, self._worst * _FADES)

    def missed(self, error: SlaveMissed, now: float) -> None:
        """It did not answer, or not so that it could be believed."""
        self._answers = 0
        self._failed += 1
        self._missed_at = now
        self._why = (error.code, error.params)
        if self._failed >= GIVE_UP_AFTER:
            waits = min(_REST_FIRST << min(self._failed - GIVE_UP_AFTER, 8), _REST_MOST)
            self._rest_until = now + min(waits * self.timeout_s, _REST_MAX_S)

    def rests_for(self, now: float) -> float:
        """Seconds until it is asked again: one that stays away costs the others one wait in fifty."""
        return self._rest_until - now if self._failed >= GIVE_UP_AFTER else 0.0

    def may_try(self, now: float) -> bool:
        """Whether something urgent may be tried although it rests."""
        return now >= self._missed_at + _TRY_EVERY_S

    def again(self) -> SlaveMissed:
        """The last error, for one who asks while it rests."""
        code, params = self._why
        return SlaveMissed(code, **params)
