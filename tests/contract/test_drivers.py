"""What every driver must hold, asked of each on its bench. The first line of a question stands in docs/drivers.md."""

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from model.errors import TransientError
from model.ports import Health
from support.context import HANG_S, until
from support.driver_bench import IMPATIENT_S, Bench, BenchContext, Manner, benches, kept, open_files
from support.scorecard import BenchCard, cards

ONLINE = (Health.ONLINE, None)
LIMIT_S = 10.0
"""For what must be done at once, on a busy machine."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each question for every bench whose score card does not say why it makes no sense there."""
    question = metafunc.function.__name__.removeprefix("test_")
    asked = [
        pytest.param(bench, id=f"{bench.family}-{bench.name}")
        for bench in benches(Path(__file__).parent)
        if question not in card(bench).not_asked
    ]
    metafunc.parametrize("bench", asked, indirect=True)


def card(bench: type[Bench]) -> BenchCard:
    return cards()[bench.family].bench[bench.name]


@pytest.fixture
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    """The device, plugged in, in a directory that everybody may enter and whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="bench") as directory:
        Path(directory).chmod(0o755)
        one: Bench = request.param(Path(directory))
        await one.plug()
        yield one
        await one.close()


@pytest.fixture
def patience_s(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> float:
    """The driver shall not wait long."""
    for constant, value in bench.impatient.items():
        monkeypatch.setattr(constant, value)
    return IMPATIENT_S


async def online(context: BenchContext) -> None:
    await context.until(lambda: ONLINE in context.healths)


async def hears_another(bench: Bench, context: BenchContext) -> None:
    """The device says something new, and it is observed."""
    before = max(bench.told(context), default=0)
    bench.next()
    await context.until(lambda: max(bench.told(context), default=0) > before)


async def goes_wrong(context: BenchContext) -> None:
    """The device's health is not good any more, and a code says why."""
    await context.until(lambda: context.healths[-1:] and context.healths[-1] != ONLINE)
    assert context.healths[-1][1]


async def fails(bench: Bench, patience_s: float, port: str | None = None) -> str:
    """A run of its own, which ends with a TransientError of that code, never online and without a word."""
    context = BenchContext()
    with pytest.raises(TransientError) as caught:
        async with asyncio.timeout(HANG_S):
            await bench.driver(context, patience_s, port).run()
    assert (context.healths, context.observations) == ([], [])
    return caught.value.code


async def test_connect(bench: Bench) -> None:
    """What the device says is observed, all of it and nothing else, and the device is online all the time."""
    async with kept(bench) as context:
        await online(context)
        for _ in range(3):
            await hears_another(bench, context)
    assert set(bench.told(context)) == set(bench.said)
    assert context.healths == [ONLINE]


async def test_first_word(bench: Bench, patience_s: float) -> None:
    """An open port is nothing: online is told with the first good word of the device, and no sooner."""
    bench.turn(Manner.SILENT)
    async with kept(bench, patience_s) as context:
        await until(lambda: context.healths or bench.asked.is_set())
        assert ONLINE not in context.healths
        bench.turn(Manner.WELL)
        await online(context)


async def test_silent(bench: Bench, patience_s: float) -> None:
    """A device that says nothing is never online; the run ends with a TransientError."""
    bench.turn(Manner.SILENT)
    await fails(bench, patience_s)


async def test_falls_silent(bench: Bench, patience_s: float) -> None:
    """A device that says nothing any more is told, with no value that it has not said."""
    async with kept(bench, patience_s) as context:
        await online(context)
        await hears_another(bench, context)
        bench.turn(Manner.SILENT)
        await goes_wrong(context)


async def test_garbage(bench: Bench, patience_s: float) -> None:
    """Rubbish instead of a word is told and is no value; the next good word is one."""
    await spoilt(bench, patience_s, Manner.GARBAGE)


async def test_corrupt(bench: Bench, patience_s: float) -> None:
    """A frame with one bit changed is told and is no value; the next good word is one."""
    await spoilt(bench, patience_s, Manner.CORRUPT)


async def test_half(bench: Bench, patience_s: float) -> None:
    """Half a frame and no more is told and is no value; the next good word is one."""
    await spoilt(bench, patience_s, Manner.HALF)


async def spoilt(bench: Bench, patience_s: float, manner: Manner) -> None:
    async with kept(bench, patience_s) as context:
        await online(context)
        await hears_another(bench, context)
        bench.turn(manner)
        await goes_wrong(context)
        bench.turn(Manner.WELL)
        await hears_another(bench, context)


async def test_split(bench: Bench) -> None:
    """A frame in pieces of one byte, with pauses, is one word."""
    await whole(bench, Manner.SPLIT)


async def test_glued(bench: Bench) -> None:
    """Of two frames in one piece each is taken for what it is: a second word, or an answer that nobody has asked for."""
    await whole(bench, Manner.GLUED)


async def test_slow(bench: Bench) -> None:
    """A device that takes its time, but not too long, is well."""
    await whole(bench, Manner.SLOW)


async def whole(bench: Bench, manner: Manner) -> None:
    bench.manner = manner
    async with kept(bench) as context:
        await online(context)
        for _ in range(2):
            await hears_another(bench, context)
        await context.until(lambda: set(bench.told(context)) == set(bench.said))
    assert context.healths == [ONLINE]


async def test_late(bench: Bench, patience_s: float) -> None:
    """What comes after the driver has given up is never taken for the answer to a later question."""
    async with kept(bench, patience_s) as context:
        await online(context)
        await hears_another(bench, context)
        bench.turn(Manner.LATE)
        await goes_wrong(context)
        await until(lambda: bench.late)  # perhaps while the next question was open
        bench.turn(Manner.WELL)
        await hears_another(bench, context)


async def test_stranger(bench: Bench, patience_s: float) -> None:
    """A device that speaks another protocol is told as wrong, and none of its bytes becomes a value."""
    bench.turn(Manner.STRANGER)
    async with kept(bench, patience_s) as context:
        await until(lambda: context.healths or bench.asked.is_set())
        bench.next()
        await goes_wrong(context)
    assert bench.told(context) == []
    if "first_word" not in card(type(bench)).not_asked:
        assert ONLINE not in context.healths


async def test_unplug(bench: Bench, patience_s: float) -> None:
    """Unplugged in the middle of a frame the run ends with a TransientError and leaves no file open; so do all later ones."""
    before = open_files()
    context = BenchContext()
    run = asyncio.create_task(bench.driver(context, patience_s).run())
    await online(context)
    await hears_another(bench, context)
    bench.turn(Manner.HALF)
    await until(bench.begun)
    bench.unplug()
    with pytest.raises(TransientError):
        async with asyncio.timeout(LIMIT_S):
            await run
    await fails(bench, patience_s)
    await bench.plug()
    await until(lambda: open_files() == before)


async def test_replug(bench: Bench, patience_s: float) -> None:
    """Plugged in again, the next run works, and the half that was on its way before begins nothing."""
    async with kept(bench, patience_s) as context:
        await online(context)
        await hears_another(bench, context)
        bench.turn(Manner.HALF)
        await until(bench.begun)
        bench.unplug()
        await context.until(lambda: context.healths[-1][0] is Health.OFFLINE)
        await bench.plug()
        bench.turn(Manner.WELL)
        await context.until(lambda: context.healths[-1] == ONLINE)
        await hears_another(bench, context)


async def test_cancel(bench: Bench) -> None:
    """Cancelled at any point, the run ends at once with CancelledError; the port is free and no file is left open."""
    before = open_files()
    for moment in await moments(bench):
        run = asyncio.create_task(bench.driver(BenchContext(), LIMIT_S).run())
        for _ in range(moment):
            await asyncio.sleep(0)
        await cancelled(bench, run)
    for manner in (Manner.WELL, Manner.HALF, Manner.SILENT):
        bench.turn(Manner.WELL)
        context = BenchContext()
        run = asyncio.create_task(bench.driver(context, LIMIT_S).run())
        await online(context)
        await hears_another(bench, context)
        bench.turn(manner)
        await cancelled(bench, run)
    await until(lambda: open_files() == before)


async def moments(bench: Bench) -> list[int]:
    """Turns of the event loop until a run is cancelled: each of the first, and some of those until the device is online."""
    if not bench.moments:
        return []
    context = BenchContext()
    run = asyncio.create_task(bench.driver(context, LIMIT_S).run())
    turns = 0
    while not context.healths:
        await asyncio.sleep(0)
        turns += 1
    await cancelled(bench, run)
    return [*range(10), *range(10, turns, turns // bench.moments + 1)]


async def cancelled(bench: Bench, run: asyncio.Task[None]) -> None:
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(LIMIT_S):
            await run
    with bench.held():
        pass


async def test_absent(bench: Bench, patience_s: float) -> None:
    """A port that is not there is a TransientError: it may come yet."""
    assert await fails(bench, patience_s, bench.absent) == bench.complaints["absent"]


async def test_busy(bench: Bench, patience_s: float) -> None:
    """A port that somebody else holds is a TransientError; once it is free, the next run works."""
    with bench.held():
        assert await fails(bench, patience_s) == bench.complaints["busy"]
    async with kept(bench, patience_s) as context:
        await online(context)


async def test_denied(bench: Bench, patience_s: float) -> None:
    """A port that we may not open is a TransientError: udev may not have seen it yet."""
    async with kept(bench, patience_s) as context:  # what is imported late may be readable for root alone
        await online(context)
    with bench.locked():
        assert await fails(bench, patience_s) == bench.complaints["denied"]
