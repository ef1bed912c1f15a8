"""How a device is, without flapping: what is told of a stretch in which something is wrong, and of its end."""

import pytest

from drivers.common.line import SETTLE_US, Condition
from model.errors import TransientError
from model.ports import Health
from support.context import HeldClock, MemoryContext

ONLINE = (Health.ONLINE, None)
TORN, FULL = (Health.DEGRADED, "torn"), (Health.DEGRADED, "full")


@pytest.fixture
def context() -> MemoryContext:
    return MemoryContext("d1", HeldClock())


async def test_noise_is_told_once(context: MemoryContext) -> None:
    """However good and wrong take turns; it ends with the first good word after enough time without a wrong one."""
    condition = Condition(context)
    condition.good()
    for _ in range(5):
        condition.wrong(TransientError("torn"))
        condition.good()
        context.time.ahead_us += SETTLE_US - 1
        condition.good()
    assert context.healths == [ONLINE, TORN]
    context.time.ahead_us += 1
    condition.good()
    assert context.healths == [ONLINE, TORN, ONLINE]


async def test_another_error_is_told_too(context: MemoryContext) -> None:
    """Each once while something is wrong: that reads were lost must not hide behind an antenna that is gone."""
    condition = Condition(context)
    for code in ("torn", "full", "torn", "full", "torn"):
        condition.wrong(TransientError(code))
    assert context.healths == [TORN, FULL]
    context.time.ahead_us += SETTLE_US
    condition.good()
    condition.wrong(TransientError("torn"))
    assert context.healths == [TORN, FULL, ONLINE, TORN]


async def test_the_newest_numbers_are_told(context: MemoryContext) -> None:
    condition = Condition(context)
    for count in (1, 2):
        condition.wrong(TransientError("torn", count=count))
        assert context.problem
        assert context.problem.params == {"count": count}


async def test_it_ends_by_itself(context: MemoryContext, monkeypatch: pytest.MonkeyPatch) -> None:
    """A scanner that was used no more after a good code is well; one whose last word was wrong is not."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 1000)
    context = MemoryContext("d1")
    condition = Condition(context)
    condition.wrong(TransientError("torn"))
    condition.good()
    await context.until(lambda: context.healths == [TORN, ONLINE])
    condition.wrong(TransientError("torn"))
    condition.good()
    condition.wrong(TransientError("full"))
    other = Condition(context)  # set later, and due later
    other.wrong(TransientError("x"))
    other.good()
    await context.until(lambda: context.healths[-1] == ONLINE)
    assert context.healths.count(ONLINE) == 2


async def test_what_was_away_is_told_again(context: MemoryContext) -> None:
    """Back within the time, the device is not shown as offline until the time is over."""
    condition = Condition(context)
    condition.wrong(TransientError("torn"))
    context.health(Health.OFFLINE, TransientError("port_gone"))
    condition.good()
    assert context.healths[-1] == TORN


async def test_a_device_that_is_away_does_not_come_back_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 1000)
    context, settled = MemoryContext("d1"), MemoryContext("d2")
    for one in (context, settled):
        condition = Condition(one)
        condition.wrong(TransientError("torn"))
        condition.good()
    context.health(Health.OFFLINE, TransientError("port_gone"))
    await settled.until(lambda: settled.healths[-1] == ONLINE)
    assert context.healths[-1] == (Health.OFFLINE, "port_gone")


async def test_damage_of_a_new_connection(context: MemoryContext) -> None:
    """Each growth of a count is told; a new parser's is its own, also where it is just as great as that of the one before."""
    condition = Condition(context)
    told: list[object] = []
    for connection in ((0, 1, 1, 2), (2, 2), (1,)):
        condition.counts_from(0)
        for count in connection:
            context.problem = None
            condition.counted(count, TransientError("torn", count=count))
            told.append(context.problem and context.problem.params["count"])
    assert told == [None, 1, None, 2, 2, None, 1]
    condition.counts_from(3)  # of before it was known who speaks
    context.problem = None
    condition.counted(3, TransientError("torn", count=3))
    assert context.problem is None
