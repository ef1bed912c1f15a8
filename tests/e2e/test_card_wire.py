"""The drivers of card readers against their simulators, over real pseudo terminals."""

from collections.abc import Callable
from typing import Any

import pytest

from drivers.card.config import Em4100Config, LinesConfig, Pn532Config
from drivers.card.driver import Em4100Device, LinesDevice
from drivers.card.pn532.driver import Pn532Device
from drivers.common.transport import open_transport
from model.observation import Card
from model.ports import Driver, Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

ONLINE = (Health.ONLINE, None)
PATTERN = r"No\.(?P<uid>[0-9]{10})"


def em4100(sim: Sim, context: MemoryContext, **settings: Any) -> Em4100Device:
    """With a patience that no busy test machine exhausts."""
    values = {"id": "badge", "driver": "card_em4100", "port": sim.endpoint, "idle_flush_ms": 3000, **settings}
    return Em4100Device(Em4100Config.model_validate(values), context)


def lines(sim: Sim, context: MemoryContext, **settings: Any) -> LinesDevice:
    values = {"id": "badge", "driver": "card_lines", "port": sim.endpoint, "pattern": PATTERN, **settings}
    return LinesDevice(LinesConfig.model_validate(values), context)


def pn532(sim: Sim, context: MemoryContext, **settings: Any) -> Pn532Device:
    values = {"id": "badge", "driver": "card_pn532", "port": sim.endpoint, "poll_s": 0.02, **settings}
    return Pn532Device(Pn532Config.model_validate(values), context)


def told(context: MemoryContext) -> list[tuple[str, bool]]:
    return [(card.uid, card.present) for card in context.observations]


def sent(sim: Sim, event: str = "card") -> list[str]:
    return [line["uid"] for line in sim.log() if line["event"] == event]


@pytest.mark.parametrize("kind", ["rdm6300", "id12la"])
async def test_cards_come_and_go(sim: StartSim, kind: str) -> None:
    """Two in turn; each comes once and goes once, though the reader says it over and over; two at once are none."""
    reader, context = await sim(kind, "--every", "0"), MemoryContext("badge")
    async with running(em4100(reader, context)):
        await context.until(lambda: context.healths == [ONLINE])
        await reader.command("card_in", uid="0A00B14D3F")
        await until(lambda: len(sent(reader)) > 4)
        await reader.command("card_in", uid="0C000621A5")
        await context.until(lambda: ("0A00B14D3F", False) in told(context))
        await reader.command("card_out", uid="0A00B14D3F")
        await context.until(lambda: ("0C000621A5", True) in told(context))
        await reader.command("card_out", uid="0C000621A5")
        await context.until(lambda: len(context.observations) == 4)
    assert told(context) == [(uid, there) for uid in ("0A00B14D3F", "0C000621A5") for there in (True, False)]
    assert {card.technology for card in context.observations} == {"em4100"}
    assert context.healths == [ONLINE]


@pytest.mark.parametrize(("kind", "driver"), [("rdm6300", em4100), ("pn532", pn532), ("card-lines", lines)])
async def test_readers_by_themselves(sim: StartSim, kind: str, driver: Callable[[Sim, MemoryContext], Driver]) -> None:
    """Without commands the simulators have new cards held to them; all that is told was said."""
    reader, context = await sim(kind, "--every", "0.2"), MemoryContext("badge")
    async with running(driver(reader, context)):
        await context.until(lambda: context.observations)
    assert context.observations[0].present
    await until(lambda: {uid for uid, _ in told(context)} <= set(sent(reader)))  # it logs behind the write


async def test_a_reader_that_says_each_card_once(sim: StartSim) -> None:
    """A badge is presented, and again; the repeat within a moment is the same presentation; nothing says that it left."""
    reader, context = await sim("card-lines", "--every", "0"), MemoryContext("badge")
    async with running(lines(reader, context, again_s=3600, technology="iso15693")):
        await context.until(lambda: context.healths)
        for uid in ("0011619647", "0000000007"):
            await reader.command("card_in", uid=uid)
            await reader.command("card_out", uid=uid)
        await reader.command("card_in", uid="0011619647")
        await until(lambda: len(sent(reader)) == 3)
        await reader.command("card_in", uid="0000000008")
        await context.until(lambda: len(context.observations) == 3)
        assert told(context) == [("0011619647", True), ("0000000007", True), ("0000000008", True)]
        context.time.ahead_us += 3_600_000_000
        await reader.command("card_out", uid="0011619647")
        await reader.command("card_in", uid="0011619647")
        await context.until(lambda: len(context.observations) == 4)
    assert told(context)[3] == ("0011619647", True)
    assert context.observations[0].technology == "iso15693"


async def test_a_presentation_that_is_over_is_no_damage(sim: StartSim) -> None:
    """Nothing had begun when its time was over."""
    reader, context = await sim("card-lines", "--every", "0"), MemoryContext("badge")
    device = lines(reader, context, again_s=0.06)
    async with running(device):
        await context.until(lambda: context.healths)
        for uid in ("0011619647", "0000000007"):
            await reader.command("card_in", uid=uid)
            await context.until(lambda: context.observations)
            await until(lambda: device._presence.next_due is None)
            context.observations.clear()
    assert context.healths == [(Health.ONLINE, None)]


async def test_a_module_that_says_a_card_once(sim: StartSim) -> None:
    """With `repeats = false` nothing is concluded from silence."""
    reader, context = await sim("rdm6300", "--every", "0"), MemoryContext("badge")
    async with running(em4100(reader, context, repeats=False, again_s=3600)):
        await reader.command("card_in", uid="0A00B14D3F")
        await until(lambda: len(sent(reader)) > 2)
        await reader.command("card_out", uid="0A00B14D3F")
        await reader.command("card_in", uid="0C000621A5")
        await context.until(lambda: len(context.observations) == 2)
    assert told(context) == [("0A00B14D3F", True), ("0C000621A5", True)]


async def test_cards_of_type_a_come_and_go(sim: StartSim) -> None:
    """UIDs of 4, 7 and 10 bytes in turn; the chip, which comes with endless tries, is told to answer for an empty field."""
    reader, context = await sim("pn532", "--every", "0"), MemoryContext("badge")
    uids = ["DEADBEEF", "04112233445566", "04112233445566778899"]
    async with running(pn532(reader, context, gone_s=0.1)):
        await context.until(lambda: context.healths == [ONLINE])
        for uid in uids:
            await reader.command("card_in", uid=uid)
            await context.until(lambda: told(context)[-1:] == [(uid, True)])  # noqa: B023  waited for at once
            await reader.command("card_out", uid=uid)
            await context.until(lambda: told(context)[-1:] == [(uid, False)])  # noqa: B023
    assert told(context) == [(uid, there) for uid in uids for there in (True, False)]
    assert isinstance(context.observations[0], Card) and context.observations[0].technology == "iso14443a"
    assert context.healths == [ONLINE]


async def test_the_chip_answers_as_others_saw_it(sim: StartSim) -> None:
    """Published requests get the published answers, byte for byte; asleep it hears nothing."""
    reader = await sim("pn532", "--every", "0")
    wire = await open_transport(reader.endpoint, baudrate=115200)

    async def ask(command: str, answer: str) -> None:
        await wire.write(bytes.fromhex(command))
        got = b""
        while len(got) < len(bytes.fromhex(answer)):
            got += await wire.read()
        assert got == bytes.fromhex(answer)

    ack = "00 00 FF 00 FF 00 "
    await wire.write(bytes.fromhex("00 00 FF 02 FE D4 02 2A 00"))
    wake = "55 55 00 00 00 00 00 00 00 00 00 00 00 00 00 00 "
    await ask(wake + "FF 03 FD D4 14 01 17 00", ack + "00 00 FF 02 FE D5 15 16 00")
    await ask("00 00 FF 02 FE D4 02 2A 00", ack + "00 00 FF 06 FA D5 03 32 01 06 07 E8 00")
    await ask("00 00 FF 02 FE D4 99 93 00", ack + "00 00 FF 01 FF 7F 81 00")
    await wire.write(bytes.fromhex("00 00 FF 04 FC D4 4A 01 00 E1 00"))
    await reader.command("card_in", uid="DEADBEEF")
    await ask("", ack + "00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 DE AD BE EF 96 00")
    await ask("00 00 FF FF 00 00", "00 00 FF 0C F4 D5 4B 01 01 00 04 08 04 DE AD BE EF 96 00")
    await wire.close()


async def test_the_modules_say_what_documents_show(sim: StartSim) -> None:
    """The worked frame of an RDM6300, and the data sheet's of an ID-12LA."""
    for kind, uid, frame in (
        ("rdm6300", "0A00B14D3F", b"\x020A00B14D3FC9\x03"),
        ("id12la", "0C000621A5", b"\x020C000621A58E\r\n\x03"),
    ):
        reader = await sim(kind, "--every", "0")
        wire = await open_transport(reader.endpoint)
        await reader.command("card_in", uid=uid)
        got = b""
        while len(got) < 2 * len(frame):
            got += await wire.read()
        assert got == frame * 2
        await wire.close()
