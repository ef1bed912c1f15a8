"""How long a slave is waited for, and how long it rests."""

import pytest

from drivers.modbus.patience import FIRST_S, GIVE_UP_AFTER, LEAST_S, MOST_S, Patience
from drivers.modbus.pdu import SlaveMissed

MISSED = SlaveMissed("modbus_timeout", slave=1, timeout_s=0.3)


def answered(patience: Patience, took_s: float, times: int = 20) -> None:
    for _ in range(times):
        patience.answered(took_s)


def test_what_is_known_of_its_kind_comes_first() -> None:
    """Twice the slowest answer of the profile; nothing known is a guess; the user's own word is not bettered."""
    assert Patience().timeout_s == FIRST_S
    assert Patience(response_s=0.4).timeout_s == 0.8
    fixed = Patience(response_s=0.4, fixed_s=0.15)
    answered(fixed, 0.5)
    assert fixed.timeout_s == 0.15


def test_then_what_it_showed_itself() -> None:
    """Twice its slowest answer of late, within bounds, and never below what its profile knows."""
    patience = Patience()
    answered(patience, 0.15)
    assert patience.timeout_s == pytest.approx(0.3)
    answered(patience, 0.01, 2000)
    assert patience.timeout_s == LEAST_S
    slow = Patience(response_s=0.4)
    answered(slow, 0.01)
    assert slow.timeout_s == 0.4
    slow.late(5.0)
    answered(slow, 0.01, 1)
    assert slow.timeout_s == MOST_S


def test_a_miss_forgets_what_was_learnt() -> None:
    """One that was quick and is slow now would never be heard again."""
    patience = Patience()
    answered(patience, 0.01)
    assert patience.timeout_s == LEAST_S
    patience.missed(MISSED, 0.0)
    assert patience.timeout_s == FIRST_S


def test_one_that_is_away_rests_longer_each_time() -> None:
    """Not before the third miss; a board that restarts is asked again soon, one that is gone costs one wait in fifty."""
    patience = Patience(fixed_s=0.2)
    now, rests = 0.0, []
    for _ in range(GIVE_UP_AFTER + 6):
        patience.missed(MISSED, now)
        rests.append(round(patience.rests_for(now), 6))
        now += 100
    assert rests == [0, 0, 1.0, 2.0, 4.0, 8.0, 10.0, 10.0, 10.0]
    assert patience.again().params == MISSED.params
    patience.answered(0.1)
    assert patience.rests_for(now) == 0
