"""The modem's driver against its simulator, over a real pseudo terminal: messages both ways, and all that goes wrong with them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from drivers.modem import driver
from drivers.modem.config import ModemConfig
from drivers.modem.driver import ModemDevice
from drivers.modem.inbox import PARTS_US
from model.errors import PermanentError, TransientError
from model.observation import Poll, TextMessage
from model.ports import Health
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim

ONLINE = (Health.ONLINE, None)
PERSON = "+8613800138000"
LONG = "电梯L1有人被困，请立即救援。" * 12


def modem(sim: Sim, context: MemoryContext, **settings: Any) -> ModemDevice:
    """With a patience that no busy test machine exhausts, and a look at once behind the other."""
    values = {"id": "sms", "driver": "modem_sms", "port": sim.endpoint, "every_s": 0.05, "answer_s": 10, **settings}
    return ModemDevice(ModemConfig.model_validate(values), context)


def texts(context: MemoryContext) -> list[tuple[str, str]]:
    return [(one.number, one.text) for one in context.observations if isinstance(one, TextMessage)]


def polls(context: MemoryContext) -> list[Poll]:
    return [one for one in context.observations if isinstance(one, Poll)]


def delivered(sim: Sim) -> list[tuple[str, str, int]]:
    return [(line["number"], line["text"], line["parts"]) for line in sim.log() if line["event"] == "sms"]


@asynccontextmanager
async def online(
    sim: StartSim, *options: str, **settings: Any
) -> AsyncIterator[tuple[Sim, MemoryContext, ModemDevice]]:
    """In the network, all well."""
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0", *options)
    context = MemoryContext("sms")
    device = modem(one, context, **settings)
    async with running(device):
        await context.until(lambda: polls(context))
        await context.until(lambda: context.healths)
        yield one, context, device


@asynccontextmanager
async def supervised(device: ModemDevice, context: MemoryContext) -> AsyncIterator[None]:
    """As the supervisor keeps it, but for its pauses."""

    async def keep() -> None:
        while True:
            try:
                await device.run()
            except TransientError as err:
                context.health(Health.OFFLINE, err)
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        work = group.create_task(keep())
        yield
        work.cancel()


async def sent(device: ModemDevice, number: str = PERSON, text: str = "冷库超温") -> int:
    """As the messenger does it: again, until the network has it."""
    while True:
        try:
            return await device.send(number, text)
        except TransientError:
            await asyncio.sleep(0.01)


async def told(context: MemoryContext, health: Health, code: str) -> None:
    await context.until(lambda: context.healths[-1] == (health, code))


async def test_a_message_that_is_not_durable_stays_in_the_modem(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told once all the same, and deleted as soon as it is on the disk."""
    monkeypatch.setattr(driver, "DURABLE_S", 0)
    async with online(sim) as (one, context, _):
        disk, came = asyncio.Event(), asyncio.Event()

        async def committing(_: object) -> None:
            came.set()
            await disk.wait()

        context.committing = committing
        await one.command("sms_in", number=PERSON, text="123456")
        await came.wait()
        await looks(context)
        await looks(context)
        assert not [line for line in one.log() if line["event"] == "deleted"]
        disk.set()
        await until(lambda: [line for line in one.log() if line["event"] == "deleted"])
    assert texts(context) == [(PERSON, "123456")]


async def looks(context: MemoryContext) -> None:
    """Twice, from now on."""
    before = len(polls(context))
    await context.until(lambda: len(polls(context)) > before + 1)


async def test_messages_both_ways(sim: StartSim) -> None:
    """In either alphabet, alone and in parts; each that came is observed once and then deleted."""
    async with online(sim) as (one, context, device):
        for text, parts in (("冷库超温", 1), ("Cold room {2}: 9 €", 1), (LONG, 3), ("x" * 161, 2)):
            await device.send(PERSON, text)
            assert delivered(one)[-1] == (PERSON, text, parts)
        came = [("+8613900139000", "123456"), ("10086", LONG), ("China Mobile", "x" * 200)]
        for number, text in came:
            await one.command("sms_in", number=number, text=text)
        await context.until(lambda: len(texts(context)) == len(came))
        await until(lambda: len([line for line in one.log() if line["event"] == "deleted"]) == 1 + 3 + 2)
    assert texts(context) == came
    assert context.healths == [ONLINE]
    assert polls(context)[-1].values == [-73, 1, 1]
    sent_at = [one.sent for one in context.observations if isinstance(one, TextMessage)]
    assert all(at and abs(at - context.time.now().t) < 60e6 for at in sent_at)


async def test_what_came_while_nobody_listened(sim: StartSim) -> None:
    """Messages on the card, more than it has room for, are read at the start; those that wait in the network follow."""
    one = await sim("modem", "--every", "0", "--register", "0", "--places", "3")
    came = [("+8613900139000", f"Nr. {n}") for n in range(8)]
    for number, text in came:
        await one.command("sms_in", number=number, text=text)
    context = MemoryContext("sms")
    async with running(modem(one, context)):
        await context.until(lambda: len(texts(context)) == len(came))
    assert texts(context) == came


async def test_more_parts_than_the_card_has_room_for(sim: StartSim) -> None:
    """A card that is full of parts does not make it deaf."""
    async with online(sim, "--places", "2") as (one, context, _):
        await one.command("sms_in", number=PERSON, text=LONG * 3)
        await context.until(lambda: texts(context))
    assert texts(context) == [(PERSON, LONG * 3)]


async def test_a_message_whose_part_does_not_come(sim: StartSim) -> None:
    """It is given up after a time: what came is observed with its gap, and it is told; the next one is well."""
    async with online(sim) as (one, context, _):
        await one.command("sms_in", number=PERSON, text="a" * 153 + "b" * 153 + "c", without=2)
        before = len(polls(context))
        await context.until(lambda: len(polls(context)) > before + 2)
        assert not texts(context)
        context.time.ahead_us += PARTS_US
        await context.until(lambda: texts(context))
        assert texts(context) == [(PERSON, "a" * 153 + "[...]" + "c")]
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "sms_incomplete"))
        await one.command("sms_in", number=PERSON, text="d")
        await context.until(lambda: len(texts(context)) == 2)


async def test_bytes_that_are_no_message(sim: StartSim) -> None:
    """They are told as they came, and deleted; the next message is taken."""
    async with online(sim) as (one, context, _):
        await one.command("pdu_in", hex="00040D9168")
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "sms_not_understood"))
        await one.command("sms_in", number=PERSON, text="ok")
        await context.until(lambda: texts(context) == [(PERSON, "ok")])


async def test_words_in_the_middle_of_everything(sim: StartSim) -> None:
    """Calls, registrations and announcements between the lines of each answer, and in a storm, change nothing."""
    async with online(sim) as (one, context, device):
        await one.command("fault", kind="interrupted", count=10_000)
        await one.command("says", text="RING", count=200)
        await one.command("says", text='+CMTI: "SM",1', count=200)
        await one.command("sms_in", number=PERSON, text=LONG)
        await device.send(PERSON, LONG)
        await context.until(lambda: texts(context) == [(PERSON, LONG)])
    assert delivered(one) == [(PERSON, LONG, 3)]
    assert context.healths == [ONLINE]


async def test_the_network_refuses(sim: StartSim) -> None:
    """For now, or for good; the next one goes, and the modem is well."""
    refusals = {"cms38": "sms_not_taken", "cms500": "sms_not_taken", "error": "sms_not_taken", "cms1": "sms_refused"}
    async with online(sim) as (one, context, device):
        for kind, code in refusals.items():
            await one.command("fault", kind=kind)
            with pytest.raises(PermanentError if code == "sms_refused" else TransientError, match=code):
                await device.send(PERSON, "x")
        await device.send(PERSON, "y")
    assert delivered(one) == [(PERSON, "y", 1)]
    assert context.healths == [ONLINE]


@pytest.mark.parametrize(
    ("kind", "settings", "codes"),
    [
        ("lost_prompt", {"answer_s": 0.5}, {"modem_no_prompt"}),
        ("slow", {"network_s": 0.2}, {"device_silent"}),
        ("silent", {"answer_s": 0.5}, {"device_silent", "modem_no_prompt"}),  # whatever is asked just then
    ],
)
async def test_an_answer_that_does_not_come(
    sim: StartSim, kind: str, settings: dict[str, Any], codes: set[str]
) -> None:
    """Nobody knows where such a modem stands: it is set up anew, and then all is sent. What it took after all comes twice."""
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0")
    context = MemoryContext("sms")
    device = modem(one, context, **settings)
    async with supervised(device, context):
        await context.until(lambda: polls(context))
        await one.command("fault", kind=kind, seconds=1)
        await sent(device)
        await context.until(
            lambda: codes & {code for health, code in context.healths if health is Health.OFFLINE and code}
        )
        await one.command("sms_in", number=PERSON, text="ok")
        await context.until(lambda: texts(context) == [(PERSON, "ok")])
    assert set(delivered(one)) == {(PERSON, "冷库超温", 1)}


async def test_noise_in_front_of_an_answer(sim: StartSim) -> None:
    """It is asked anew, and nothing is taken for what it is not."""
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0")
    context = MemoryContext("sms")
    device = modem(one, context)
    async with supervised(device, context):
        await context.until(lambda: polls(context))
        await one.command("fault", kind="garbled", count=5)
        await one.command("noise", hex="FFFE0D0A3E20")
        await sent(device)
    assert set(delivered(one)) == {(PERSON, "冷库超温", 1)}
    assert {tuple(poll.values) for poll in polls(context)} == {(-73, 1, 1)}


async def test_what_stands_behind_the_reference_is_no_failure(sim: StartSim) -> None:
    """A message that the network has must not be sent for ever."""
    async with online(sim) as (one, _, device):
        before = await device.send(PERSON, "冷库超温")
        await one.command("fault", kind="report")
        assert await device.send(PERSON, "冷库超温") == before + 1


async def test_a_restart_without_a_word(sim: StartSim) -> None:
    """Into text mode, between two looks: a PDU's length is no number, and its hex no text. What comes is announced again."""
    async with online(sim, every_s=3600) as (one, context, device):
        await one.command("reboot", quiet=True)
        await device.send(PERSON, "x")
        await one.command("reboot", quiet=True)
        await device.send(PERSON, LONG)
        assert delivered(one) == [(PERSON, "x", 1), (PERSON, LONG, 3)]
        await device.probe()
        await one.command("sms_in", number=PERSON, text="123456")
        await context.until(lambda: texts(context) == [(PERSON, "123456")])
    assert context.healths == [ONLINE]


async def test_prompts_of_other_forms(sim: StartSim) -> None:
    """Without a space, and with an end."""
    async with online(sim) as (one, _, device):
        for n, prompt in enumerate(("\r\n>", "\r\n>\r\n", ">", "\r\n> ")):
            await one.command("prompt", text=prompt)
            await device.send(PERSON, f"Nr. {n}")
    assert [text for _, text, _ in delivered(one)] == [f"Nr. {n}" for n in range(4)]


async def test_a_message_that_vanishes(sim: StartSim) -> None:
    """The network says that it took it: more nobody can know here."""
    async with online(sim) as (one, _, device):
        await one.command("fault", kind="swallowed")
        assert await device.send(PERSON, "x") == 1
        assert delivered(one) == []


@pytest.mark.parametrize("quiet", [True, False])
async def test_a_modem_that_restarts(sim: StartSim, quiet: bool) -> None:
    """With a word or without: it is set up anew, and hears and sends."""
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0")
    context = MemoryContext("sms")
    device = modem(one, context)
    async with supervised(device, context):
        await context.until(lambda: polls(context))
        await one.command("reboot", quiet=quiet)
        await one.command("sms_in", number=PERSON, text="ok")
        await context.until(lambda: texts(context) == [(PERSON, "ok")])
        await sent(device)
    assert delivered(one) == [(PERSON, "冷库超温", 1)]


async def test_killed_in_the_middle_of_a_text(sim: StartSim) -> None:
    """A gateway that died behind the prompt leaves a modem that waits for a text: the next one ends that."""
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0")
    context = MemoryContext("sms")
    async with running(modem(one, context)):
        await context.until(lambda: polls(context))
    with open(one.endpoint, "wb", buffering=0) as port:  # noqa: ASYNC230
        port.write(b"AT+CMGS=22\r0001000D91")
    async with running(modem(one, context)):
        before = len(polls(context))
        await context.until(lambda: len(polls(context)) > before)
    assert delivered(one) == []


async def test_what_hinders(sim: StartSim) -> None:
    """Is told, with what to do, and nothing is tried; when it is over, it is well again by itself."""
    async with online(sim) as (one, context, device):
        for do, value, health, code in (
            ({"do": "sim"}, {"state": "absent"}, Health.FAULT, "modem_sim_absent"),
            ({"do": "sim"}, {"state": "SIM PIN"}, Health.FAULT, "modem_sim_locked"),
            ({"do": "network"}, {"status": 3}, Health.DEGRADED, "modem_denied"),
            ({"do": "network"}, {"status": 2}, Health.DEGRADED, "modem_not_registered"),
        ):
            await one.command(**do, **value)
            await told(context, health, code)
            with pytest.raises(TransientError, match=code):
                await device.send(PERSON, "x")
            await one.command("sim", state="READY")
            await one.command("network", status=None)
            context.time.ahead_us += 20_000_000
            await context.until(lambda: context.healths[-1] == ONLINE)
        await device.send(PERSON, "x")
        await one.command("drafts", count=10)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "modem_store_full"))
    assert delivered(one) == [(PERSON, "x", 1)]


async def test_no_signal(sim: StartSim) -> None:
    """99 is no number: the point is stale, and without a network it is said why."""
    async with online(sim) as (one, context, _):
        await one.command("signal", rssi=99)
        await one.command("network", status=0)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "modem_no_signal"))
        poll = polls(context)[-1]
        assert (poll.values, poll.quality and poll.quality[0].value) == ([None, 0, 1], "stale")


async def test_the_card_expires(sim: StartSim) -> None:
    """It is told from a month before, for ever."""
    one = await sim("modem", "--every", "0", "--register", "0")
    today = datetime.now(UTC).date()
    for left, told in ((30, True), (31, False), (-400, True)):
        context = MemoryContext("sms")
        async with running(modem(one, context, valid_until=today + timedelta(days=left))):
            await looks(context)
        assert context.healths == [(Health.DEGRADED, "sim_expires") if told else ONLINE]


async def test_unplugged_while_it_sends(sim: StartSim, tmp_path: Path) -> None:
    """Who waits for the network is told at once; plugged in again, it goes."""
    port = str(tmp_path / "modem")
    one = await sim("modem", "--every", "0", "--register", "0", "--network", "0", "--port", port)
    context = MemoryContext("sms")
    device = modem(one, context)
    async with supervised(device, context):
        await context.until(lambda: polls(context))
        await one.command("fault", kind="slow", seconds=3600)
        sending = asyncio.create_task(device.send(PERSON, "x"))
        await until(lambda: [line for line in one.log() if line["event"] == "fault"])
        await one.command("unplug")
        with pytest.raises(TransientError):
            await sending
        await one.command("replug")
        await sent(device)
    assert delivered(one) == [(PERSON, "冷库超温", 1)]


async def test_probe(sim: StartSim) -> None:
    """Asked now, it says how it is, and what speaks against its sending."""
    async with online(sim) as (one, context, device):
        await context.until(lambda: len(polls(context)) > 1)
        probed = await device.probe()
        assert isinstance(probed.observation, Poll)
        assert (probed.observation.values, probed.doubt) == ([-73, 1, 1], None)
        await one.command("sim", state="SIM PIN")
        doubt = (await device.probe()).doubt
        assert doubt and doubt.code == "modem_sim_locked"
