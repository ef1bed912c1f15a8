"""What goes wrong between a card reader and its driver: no card is invented, none comes twice, and it is told."""

import asyncio
import time
from contextlib import suppress
from pathlib import Path

import pytest

from drivers.card.config import Em4100Config, LinesConfig, Pn532Config
from drivers.card.driver import Em4100Device, LinesDevice
from drivers.card.pn532.driver import Pn532Device
from firmware_sim.card import FAULTS
from firmware_sim.card_pn532 import FAULTS as CHIP_FAULTS
from model.errors import TransientError
from model.ports import Health
from support.context import HeldClock, MemoryContext, running, until
from support.pty_device import pty_device
from support.sims import Sim, StartSim

UID = "0A00B14D3F"
HARMLESS = {"silent", "split", "glued"}


def em4100(port: str, context: MemoryContext) -> Em4100Device:
    # with a patience that no busy test machine exhausts between two frames, or the halves of one
    values = {"id": "badge", "driver": "card_em4100", "port": port, "idle_flush_ms": 500, "gone_s": 5}
    return Em4100Device(Em4100Config.model_validate(values), context)


def pn532(port: str, context: MemoryContext) -> Pn532Device:
    values = {"id": "badge", "driver": "card_pn532", "port": port, "poll_s": 0.02, "gone_s": 5}
    return Pn532Device(Pn532Config.model_validate(values), context)


def frames(sim: Sim) -> int:
    return sum(line["event"] in ("card", "bad_card") for line in sim.log())


async def test_spoilt_frames(sim: StartSim) -> None:
    """The card stays, or is there the moment after; what came damaged is told."""
    reader = await sim("id12la", "--every", "0")
    await reader.command("card_in", uid=UID)
    for kind in sorted(FAULTS):
        await a_spoilt_frame(reader, kind)


async def a_spoilt_frame(reader: Sim, kind: str) -> None:
    context = MemoryContext("badge")
    async with running(em4100(reader.endpoint, context)):
        await context.until(lambda: context.observations)
        await reader.command("fault", kind=kind, count=2)
        seen = frames(reader)
        await until(lambda: frames(reader) > seen + 4)
        assert [(card.uid, card.present) for card in context.observations] == [(UID, True)]
        if kind not in HARMLESS:
            await context.until(lambda: (Health.DEGRADED, "card_damaged") in context.healths)
    if kind in HARMLESS:
        assert context.healths == [(Health.ONLINE, None)], kind


async def test_spoilt_answers(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Asked for once more, or after a new beginning: the card comes, and nothing else does."""
    monkeypatch.setattr("drivers.card.pn532.driver.ANSWER_US", 5_000_000)
    reader = await sim("pn532", "--every", "0")
    for kind in sorted(CHIP_FAULTS):
        await a_spoilt_answer(reader, kind)
        await reader.command("card_out", uid="DEADBEEF")


async def a_spoilt_answer(reader: Sim, kind: str) -> None:
    context, problems = MemoryContext("badge"), list[str]()
    device = pn532(reader.endpoint, context)

    async def keep() -> None:
        while True:
            try:
                await device.run()
            except TransientError as err:
                problems.append(err.code)

    keeping = asyncio.create_task(keep())
    await context.until(lambda: context.healths)
    await reader.command("fault", kind=kind)
    await reader.command("card_in", uid="DEADBEEF")
    await context.until(lambda: context.observations)
    keeping.cancel()
    with suppress(asyncio.CancelledError):
        await keeping
    assert {card.uid for card in context.observations} == {"DEADBEEF"}
    expected = {"exception": ["card_refused"], "silent": ["device_not_understood"]}
    assert problems == expected.get(kind, []), kind


async def test_an_answer_that_lost_a_byte(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """It seems to go on for ever: after a short silence it is asked for once more, and the card has never been gone."""
    monkeypatch.setattr("drivers.card.pn532.driver.ANSWER_US", 60_000_000)
    reader, context = await sim("pn532", "--every", "0"), MemoryContext("badge")
    await reader.command("card_in", uid="DEADBEEF")
    async with running(pn532(reader.endpoint, context)):
        await context.until(lambda: context.observations)
        await reader.command("fault", kind="half")
        await context.until(lambda: (Health.DEGRADED, "card_damaged") in context.healths)
        seen = frames(reader)
        await until(lambda: frames(reader) > seen + 4)
        assert [card.present for card in context.observations] == [True]


async def unplugged(sim: StartSim, port: Path, context: MemoryContext) -> tuple[Sim, Em4100Device]:
    """With a card on it."""
    reader = await sim("rdm6300", "--every", "0", "--port", str(port))
    device = em4100(reader.endpoint, context)
    run = asyncio.create_task(device.run())
    await reader.command("card_in", uid=UID)
    await context.until(lambda: context.observations)
    await reader.command("unplug")
    with pytest.raises(TransientError, match="port_gone"):
        await run
    assert [card.present for card in context.observations] == [True], "it may be back in a moment"
    return reader, device


async def test_soon_plugged_in_again(sim: StartSim, tmp_path: Path) -> None:
    """The card has not been away; when nobody will listen any more it is told as gone."""
    context = MemoryContext("badge", HeldClock())
    reader, device = await unplugged(sim, tmp_path / "rdm", context)
    context.time.ahead_us += 4_999_000
    await reader.command("replug")
    seen = frames(reader)
    async with running(device):
        await until(lambda: frames(reader) > seen + 4)
        assert [card.present for card in context.observations] == [True]
    assert [card.present for card in context.observations] == [True, False]


async def test_unplugged_with_a_card_on_it(sim: StartSim, tmp_path: Path) -> None:
    """Nobody has read it for too long, so it is gone, though the reader is still away; plugged in again it comes anew."""
    context = MemoryContext("badge", HeldClock())
    reader, device = await unplugged(sim, tmp_path / "rdm", context)
    context.time.ahead_us += 5_000_000
    with pytest.raises(TransientError, match="port_absent"):
        await device.run()
    assert [card.present for card in context.observations] == [True, False]
    await reader.command("replug")
    async with running(device):
        await context.until(lambda: len(context.observations) == 3)
    assert [card.present for card in context.observations] == [True, False, True, False]


async def test_a_chip_that_lost_its_power(sim: StartSim) -> None:
    """It sleeps and does not answer: the run ends, and the next one wakes it."""
    reader, context = await sim("pn532", "--every", "0"), MemoryContext("badge")
    device = pn532(reader.endpoint, context)
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.healths)
    await reader.command("reboot")
    with pytest.raises(TransientError, match="device_silent"):
        await run
    async with running(device):
        await reader.command("card_in", uid="DEADBEEF")
        await context.until(lambda: context.observations)


async def test_nothing_and_another_device_are_no_chip(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Told apart, and never online."""
    monkeypatch.setattr("drivers.card.pn532.driver.ANSWER_US", 300_000)  # four frames of the other device
    quiet, chatty = await sim("rdm6300", "--every", "0"), await sim("rdm6300", "--every", "0")
    await chatty.command("card_in", uid=UID)
    context = MemoryContext("badge")
    with pytest.raises(TransientError, match="device_silent"):
        await pn532(quiet.endpoint, context).run()
    with pytest.raises(TransientError, match="device_not_understood"):
        await pn532(chatty.endpoint, context).run()
    assert context.healths == []


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    ("terminators", "said", "uids"),
    [([], b"No.0011619647", []), (["CR"], b"No.0000000007\rNo.0011619647", ["0000000007"])],
)
async def test_a_line_that_waits_for_its_end(
    terminators: list[str], said: bytes, uids: list[str], *, stopped: bool
) -> None:
    """The port goes, or the run is stopped, before it came: it may be half and another card, so it is told as dropped."""
    context = MemoryContext("badge")
    async with pty_device(lambda _asked, _speed: b"") as reader:
        values = {"id": "badge", "driver": "card_lines", "port": reader.endpoint, "terminators": terminators}
        waiting = {**values, "pattern": r"No\.(?P<uid>[0-9]+)", "idle_flush_ms": 60_000}
        device = LinesDevice(LinesConfig.model_validate(waiting), context)
        run = asyncio.create_task(device.run())
        await context.until(lambda: context.healths)
        reader.say(said)
        await until(lambda: device._parser.pending)
        if stopped:
            run.cancel()
            await asyncio.wait([run])
    with pytest.raises(asyncio.CancelledError if stopped else TransientError):
        await run
    assert [card.uid for card in context.observations] == uids
    assert context.healths[-1] == (Health.DEGRADED, "card_line_misfit")


async def test_a_frame_that_waits_for_its_end() -> None:
    """The port goes before it came: told as damaged."""
    context = MemoryContext("badge")
    async with pty_device(lambda _asked, _speed: b"") as reader:
        values = {"id": "badge", "driver": "card_em4100", "port": reader.endpoint, "idle_flush_ms": 60_000}
        device = Em4100Device(Em4100Config.model_validate(values), context)
        run = asyncio.create_task(device.run())
        await context.until(lambda: context.healths)
        reader.say(b"\x020A00B14D3FC9")
        await until(lambda: device._parser.pending)
    with pytest.raises(TransientError):
        await run
    assert (context.observations, context.healths[-1]) == ([], (Health.DEGRADED, "card_damaged"))


async def test_a_busy_gateway_is_no_silent_reader() -> None:
    """A card that is heard in what came meanwhile has not been gone, however late that is looked at."""
    context = MemoryContext("badge")
    async with pty_device(lambda _asked, _speed: b"") as reader:
        values = {"id": "badge", "driver": "card_em4100", "port": reader.endpoint, "gone_s": 0.5}
        async with running(Em4100Device(Em4100Config.model_validate(values), context)):
            await context.until(lambda: context.healths)
            reader.say(b"\x020A00B14D3FC9\x03")
            await context.until(lambda: context.observations)
            reader.say(b"\x020A00B14D3FC9\x03\x020C000621A58E\x03")
            time.sleep(0.6)  # noqa: ASYNC251  nothing else shall run
            await context.until(lambda: context.observations[-1].uid == "0C000621A5")
            assert [(card.uid, card.present) for card in context.observations] == [(UID, True), ("0C000621A5", True)]
