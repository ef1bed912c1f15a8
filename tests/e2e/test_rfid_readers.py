"""UHF readers that are asked, UHFReader18, 288M and the R2000 family, against their simulators."""

from typing import Any

import pytest

from drivers.common.transport import open_transport
from drivers.rfid.r2000.config import R2000Config
from drivers.rfid.r2000.driver import R2000Device
from drivers.rfid.uhfreader.config import UhfReaderConfig
from drivers.rfid.uhfreader.driver import UhfReaderDevice
from model.errors import TransientError
from model.observation import TagWindow
from model.ports import Driver, Health
from support.context import MemoryContext, running
from support.sims import Sim, StartSim

ONLINE = (Health.ONLINE, None)
EPC = "3034257BF7194E4000001A01"
EPCS = [f"3034257BF7194E400000{n:04X}" for n in range(5)]
KINDS = ["uhfreader18", "uhfreader288", "r2000"]


def reader(sim: Sim, context: MemoryContext, **settings: Any) -> Driver:
    values = {"id": "gate", "driver": "x", "port": sim.endpoint, "every_s": 0.02, "window_s": 0.1, **settings}
    kind = sim.ready["sim"]
    if kind == "r2000":
        return R2000Device(R2000Config.model_validate(values), context)
    return UhfReaderDevice(UhfReaderConfig.model_validate({"model": kind, **values}), context)


def windows(context: MemoryContext, epc: str) -> list[TagWindow]:
    return [window for window in context.observations if window.epc == epc]


def epcs(context: MemoryContext) -> set[str]:
    return {window.epc for window in context.observations}


def written(sim: Sim) -> list[tuple[str, str]]:
    return [(line["name"], line["value"]) for line in sim.log() if line["event"] == "written"]


@pytest.mark.parametrize(
    ("kind", "where"), [*((kind, ()) for kind in KINDS), ("uhfreader288", ("--listen", "127.0.0.1:0"))]
)
async def test_tags_in_the_field(sim: StartSim, kind: str, where: tuple[str, ...]) -> None:
    """Five tags, which take several frames, are read each time; what leaves stays away; every read is counted."""
    device, context = await sim(kind, "--every", "0", *where), MemoryContext("gate")
    async with running(reader(device, context)):
        await context.until(lambda: context.healths == [ONLINE])
        for epc in EPCS:
            await device.command("tag_in", epc=epc)
        await context.until(lambda: epcs(context) == set(EPCS))
        for epc in EPCS:
            await device.command("tag_out", epc=epc)
        await device.command("tag_in", epc="30FF")
        await context.until(lambda: "30FF" in epcs(context))
    for epc in EPCS:
        logged = [line for line in device.log() if line["event"] == "tag" and line["epc"] == epc]
        assert sum(window.count for window in windows(context, epc)) == len(logged) > 0
        heard = {window.rssi_peak for window in windows(context, epc)}
        assert heard <= {line.get("rssi") for line in logged}
    assert context.healths == [ONLINE]


@pytest.mark.parametrize("kind", ["uhfreader288", "r2000"])
async def test_antennas_in_turn(sim: StartSim, kind: str) -> None:
    """Each read names its antenna; one without a plug is told, and the others go on."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    async with running(reader(device, context, antennas=[1, 3])):
        await device.command("tag_in", epc=EPC)
        await context.until(lambda: {window.antenna for window in windows(context, EPC)} == {1, 3})
        assert context.healths == [ONLINE]
        await device.command("antenna", number=3, there=False)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "rfid_antenna"))
        before = len(windows(context, EPC))
        await context.until(lambda: {window.antenna for window in windows(context, EPC)[before + 2 :]} == {1})
    assert {window.channel for window in windows(context, EPC)} == ({35} if kind == "r2000" else {None})


@pytest.mark.parametrize(("kind", "value"), [("uhfreader18", "14"), ("uhfreader288", "14"), ("r2000", "14")])
async def test_power(sim: StartSim, kind: str, value: str) -> None:
    """It is written where it is another one, and not again: the reader keeps it in its flash."""
    device = await sim(kind, "--every", "0")
    for _ in range(2):
        context = MemoryContext("gate")
        async with running(reader(device, context, power_dbm=20)):
            await context.until(lambda c=context: c.healths == [ONLINE])  # type: ignore[misc]
    assert [one for one in written(device) if one[0] == "power"] == [("power", value)]


@pytest.mark.parametrize("kind", KINDS)
async def test_refused_power(sim: StartSim, kind: str) -> None:
    """A reader that does not take it is not online; what is said names the setting, its value and the error."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    with pytest.raises(TransientError, match="rfid_setting_refused setting=power_dbm value=33 error="):
        await reader(device, context, power_dbm=33).run()
    assert context.healths == []


@pytest.mark.parametrize(("kind", "mode"), [("uhfreader18", "000204000100"), ("uhfreader288", "00")])
async def test_answer_mode_is_set(sim: StartSim, kind: str, mode: str) -> None:
    """A reader in scan mode answers no inventory: it is told to; all else of its mode stays as it was."""
    device, context = await sim(kind, "--every", "0", "--mode", "active"), MemoryContext("gate")
    async with running(reader(device, context)):
        await device.command("tag_in", epc=EPC)
        await context.until(lambda: EPC in epcs(context))
    assert written(device) == [("mode", mode)]


@pytest.mark.parametrize("kind", ["uhfreader18", "uhfreader288"])
async def test_a_reader_that_pushes(sim: StartSim, kind: str) -> None:
    """Where its mode is to stay as it is, tags that it pushes are told as what they are and become no reads."""
    device, context = await sim(kind, "--every", "0"), MemoryContext("gate")
    async with running(reader(device, context, answer_mode=False)):
        await context.until(lambda: context.healths == [ONLINE])
        await device.command("push", epc=EPC)
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "rfid_active_mode"))
    assert context.observations == []
    assert written(device) == []


async def test_another_address(sim: StartSim) -> None:
    """Broadcast finds a reader of any address; a wrong one finds nobody."""
    device, context = await sim("uhfreader18", "--every", "0", "--address", "7"), MemoryContext("gate")
    for address in (255, 7):
        async with running(reader(device, context, address=address)):
            await context.until(lambda: context.healths[-1:] == [ONLINE])
    with pytest.raises(TransientError, match="device_silent"):
        await reader(device, context, address=8, answer_s=0.1).run()


async def asked(sim: Sim, *questions: str) -> list[bytes]:
    """What the simulator answers to each, up to a silence."""
    wire, answers = await open_transport(sim.endpoint), []
    for question in questions:
        await wire.write(bytes.fromhex(question))
        answer = await wire.read(20)
        while more := await wire.read(0.1):
            answer += more
        answers.append(answer)
    await wire.close()
    return answers


async def test_simulators_speak_as_captured_readers(sim: StartSim) -> None:
    """Byte for byte, but for strength and checksum, which differ each time, and whether more frames follow."""
    r2000 = await sim("r2000", "--every", "0")
    version, power, kept, antenna, empty = await asked(
        r2000, "A0 03 01 72 EA", "A0 04 01 76 17 CE", "A0 03 01 77 E5", "A0 04 01 74 00 E7", "A0 04 01 89 01 D1"
    )
    assert version == bytes.fromhex("A0 05 01 72 01 09 DE")
    assert power == bytes.fromhex("A0 04 01 76 10 D5")
    assert kept == bytes.fromhex("A0 04 01 77 17 CD")
    assert antenna == bytes.fromhex("A0 04 01 74 10 D7")
    assert (empty[:5], len(empty)) == (bytes.fromhex("A0 0A 01 89 00"), 12)
    await r2000.command("antenna", number=1, there=False)
    assert await asked(r2000, "A0 04 01 89 01 D1") == [bytes.fromhex("A0 04 01 89 22 B0")]
    await r2000.command("antenna", number=1, there=True)
    await r2000.command("tag_in", epc="300833B2DDD9014000000001")
    (tag,) = await asked(r2000, "A0 04 01 89 01 D1")
    assert tag[:19] == bytes.fromhex("A0 13 01 89 8C 30 00 30 08 33 B2 DD D9 01 40 00 00 00 01")
    assert tag[21:25] == bytes.fromhex("A0 0A 01 89")

    four = await sim("uhfreader288", "--every", "0")
    assert await asked(four, "04 00 01 DB 4B") == [bytes.fromhex("07 00 01 01 01 00 1E 4B")]
    for kind, captured in (
        (four, "15 00 01 03 01 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 6B B1 A5"),
        (await sim("uhfreader18", "--every", "0"), "13 00 01 03 01 0C 00 00 00 00 00 00 00 00 00 00 03 13 3F 39"),
    ):
        await kind.command("tag_in", epc="000000000000000000000313")
        (answer,) = await asked(kind, "04 00 01 DB 4B")
        whole = bytes.fromhex(captured)
        assert (answer[:3], answer[4:-2]) == (whole[:3], whole[4:-2])


@pytest.mark.parametrize(("key", "value"), [("antennas", [1]), ("q", 1), ("session", "S1")])
def test_settings_of_the_other_model(key: str, value: object) -> None:
    """What UHFReader18 does not know is a mistake in the settings, not ignored."""
    values = {
        "id": "gate",
        "driver": "x",
        "port": "/dev/null",
        "model": "uhfreader18",
        key: value,
    }
    with pytest.raises(ValueError, match="not of this model"):
        UhfReaderConfig.model_validate(values)
