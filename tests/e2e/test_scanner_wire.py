"""The scanner driver against its simulator, over a real pseudo terminal."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from drivers.common.transport import open_transport
from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from model.errors import PermanentError, StoreFull, TransientError
from model.observation import Observation, Scan
from model.ports import Health
from support.context import HeldClock, MemoryContext, running, until
from support.sims import Sim, StartSim

GS1 = "01069012345678921715070710A213B1\x1d211234"


def scanner(sim: Sim, context: MemoryContext, **settings: Any) -> ScannerDevice:
    """With a patience that no busy test machine exhausts."""
    values = {"id": "scan1", "driver": "scanner", "port": sim.endpoint, "idle_flush_ms": 3000, **settings}
    return ScannerDevice(ScannerConfig.model_validate(values), context)


def told(context: MemoryContext) -> list[tuple[str | None, str]]:
    return [(scan.symbology, scan.data.decode()) for scan in context.observations]


def sent(sim: Sim) -> list[tuple[str | None, str]]:
    return [(line["symbology"], line["text"]) for line in sim.log() if line["event"] == "scan"]


@pytest.mark.parametrize("terminator", ["CR", "LF", "CRLF", "TAB"])
async def test_symbols_whole_torn_and_glued(sim: StartSim, terminator: str) -> None:
    """What the scanner sent is what arrives, however the writes fall."""
    gun, context = await sim("scanner", "--every", "0", "--terminator", terminator), MemoryContext("scan1")
    async with running(scanner(gun, context)):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        await gun.command("scan", text=GS1, symbology="]d2")
        await gun.command("split", text="6901234567892", symbology="]E0", at=2)
        await gun.command("glued", texts=["A1", "B2"], symbology="]C0")
        await context.until(lambda: len(context.observations) == 4)
    assert told(context) == sent(gun)
    assert context.observations[0].data == GS1.encode()
    assert context.healths == [(Health.ONLINE, None)]


async def test_scanner_by_itself(sim: StartSim) -> None:
    """Without commands the simulator scans unique serials; all arrive with prefix and identifier taken off."""
    gun = await sim("scanner", "--every", "0.05", "--prefix", "\x02")
    context = MemoryContext("scan1")
    async with running(scanner(gun, context, prefix="\x02", aim="always")):
        await context.until(lambda: len(context.observations) >= 5)
    assert len(set(told(context))) == len(told(context))
    await until(lambda: set(told(context)) <= set(sent(gun)))  # it logs behind the write


async def test_scanner_without_terminator(sim: StartSim) -> None:
    """Silence ends a symbol."""
    gun, context = await sim("scanner", "--every", "0", "--terminator", "none"), MemoryContext("scan1")
    async with running(scanner(gun, context, idle_flush_ms=50)):
        await context.until(lambda: context.healths)
        await gun.command("scan", text="first", symbology="]Q1")
        await context.until(lambda: len(context.observations) == 1)
        await gun.command("scan", text="second", symbology="]Q1")
        await context.until(lambda: len(context.observations) == 2)
    assert told(context) == [("]Q1", "first"), ("]Q1", "second")]


async def test_garbage_is_dropped_and_told(sim: StartSim) -> None:
    """A stream of rubbish makes the device degraded, not silent: the next symbol passes, and later it is well again."""
    gun, context = await sim("scanner", "--every", "0"), MemoryContext("scan1")
    async with running(scanner(gun, context, max_bytes=100)):
        await context.until(lambda: context.healths)
        await gun.command("noise", hex="55" * 300 + "0d")
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "scan_dropped"))
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await context.until(lambda: context.observations)
        context.time.ahead_us = 11_000_000
        await gun.command("scan", text="6901234567893", symbology="]E0")
        await context.until(lambda: context.healths[-1] == (Health.ONLINE, None))
    assert told(context) == [("]E0", "6901234567892"), ("]E0", "6901234567893")]


@pytest.mark.parametrize("kind", ["scanner", "scanner-ssi"])
async def test_unplugged_in_mid_frame(sim: StartSim, tmp_path: Path, kind: str) -> None:
    """The port's loss is a TransientError; once it is back, run() works again, and the torn half begins no symbol."""
    gun, context = await sim(kind, "--every", "0", "--port", str(tmp_path / "gun")), MemoryContext("scan1")
    device = scanner(gun, context, protocol="ssi" if kind == "scanner-ssi" else "lines")
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.healths)
    await gun.command("half", text="6901234567892", symbology="]E0")
    await gun.command("unplug")
    with pytest.raises(TransientError, match="port_gone"):
        await run
    with pytest.raises(TransientError, match="port_absent"):
        await device.run()
    await gun.command("replug")
    context.healths.clear()
    async with running(device):
        await context.until(lambda: context.healths)
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await context.until(lambda: context.observations)
    assert told(context) == [("]E0", "6901234567892")]


async def test_ssi_is_acknowledged_only_when_durable(sim: StartSim) -> None:
    """No ACK while the commit waits, none when it fails: the decoder repeats until the record is safe, then goes on."""
    gun, context = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.2"), MemoryContext("scan1")
    refused: list[Observation] = []

    async def committing(observation: Observation) -> None:
        if len(refused) < 2:
            assert not [line for line in gun.log() if line["event"] == "acked"]
            refused.append(observation)
            raise StoreFull("store_full")

    context.committing = committing
    async with running(scanner(gun, context, protocol="ssi")):
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await gun.command("scan", text=GS1, symbology="]d2")
        await context.until(lambda: len(context.committed) == 2)
        assert (Health.DEGRADED, "scan_not_stored") in context.healths
    first, second = context.committed
    assert (first.symbology, first.data, first.repeated) == ("]E0", b"6901234567892", True)
    assert (second.symbology, second.data) == ("]d2", GS1.encode())
    events = [(line["event"], line["id"]) for line in gun.log() if line["event"] in ("scan", "acked")]
    one = events[0][1]
    assert events[:3] == [("scan", one)] * 3
    assert ("acked", one) in events


async def test_ssi_gateway_gone_before_the_acknowledgement(sim: StartSim) -> None:
    """Killed between the commit's start and the ACK: the decoder still holds the symbol and the next run gets it."""
    gun = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.2")
    dying, reborn = MemoryContext("scan1"), MemoryContext("scan1")
    began: list[Observation] = []

    async def never(observation: Observation) -> None:
        began.append(observation)
        dying._changed.set()
        await asyncio.Event().wait()

    dying.committing = never
    async with running(scanner(gun, dying, protocol="ssi")):
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await dying.until(lambda: began)
    async with running(scanner(gun, reborn, protocol="ssi")):
        await reborn.until(lambda: reborn.committed)
    assert dying.committed == []
    scan = reborn.committed[0]
    assert isinstance(scan, Scan)
    assert (scan.data, scan.repeated) == (b"6901234567892", True)


async def test_ssi_repeat_that_crossed_our_acknowledgement(sim: StartSim) -> None:
    """A slow commit lets the decoder repeat: one record, and no second ACK that would settle the next symbol."""
    gun = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.1")
    context = MemoryContext("scan1", HeldClock())
    acked: list[int] = []

    async def slow(observation: Observation) -> None:
        await until(lambda: len(sent(gun)) >= 3)
        acked.append(sum(line["event"] == "acked" for line in gun.log()))

    context.committing = slow
    async with running(scanner(gun, context, protocol="ssi")):
        for text in ("A", "B", "C"):
            await gun.command("scan", text=text, symbology="]C0")
        await context.until(lambda: len(context.committed) == 3)
    assert [text for _, text in told(context)] == ["A", "B", "C"]
    assert acked == [0, 1, 2]


async def test_ssi_bad_checksum_is_sent_again(sim: StartSim) -> None:
    """NAK: the decoder repeats at once, long before its own patience ends."""
    gun, context = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "3600"), MemoryContext("scan1")
    async with running(scanner(gun, context, protocol="ssi", idle_flush_ms=50)):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        await gun.command("crc")
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await context.until(lambda: context.committed)
    assert (Health.DEGRADED, "scan_dropped") in context.healths
    assert [(scan.data, scan.repeated) for scan in context.committed] == [(b"6901234567892", True)]


async def test_ssi_silence_is_told(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A decoder that does not answer is not online: here a scanner in plain mode hangs on the port."""
    monkeypatch.setattr("drivers.scanner.ssi_session.ANSWER_S", 0.1)
    gun, context = await sim("scanner", "--every", "0"), MemoryContext("scan1")
    with pytest.raises(TransientError, match="device_silent"):
        await scanner(gun, context, protocol="ssi").run()
    assert context.healths == []


async def test_ssi_simulator_sends_the_vendors_frame(sim: StartSim) -> None:
    """The simulator's EAN-13 is the vendor's example byte for byte, and the vendor's ACK settles it."""
    gun = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "3600")
    wire = await open_transport(gun.endpoint)
    await gun.command("scan", text="6901234567892", symbology="]E0")
    got = b""
    while len(got) < 20:
        got += await wire.read()
    assert got == bytes.fromhex("12 F3 00 00 0B 36 39 30 31 32 33 34 35 36 37 38 39 32 FC 42")
    await wire.write(bytes.fromhex("05 D1 04 00 01 FF 25"))
    repeat = b""
    while len(repeat) < 20:
        repeat += await wire.read()
    assert repeat == bytes.fromhex("12 F3 00 01 0B 36 39 30 31 32 33 34 35 36 37 38 39 32 FC 41")
    await wire.write(bytes.fromhex("04 D0 04 00 FF 28"))
    await until(lambda: [line for line in gun.log() if line["event"] == "acked"])
    await wire.close()


@pytest.mark.parametrize("family", ["honeywell", "gm65"])
async def test_triggers_of_plain_scanners(sim: StartSim, family: str) -> None:
    """Nothing is read before the trigger; one pull reads one code; the module's reply is no code and spoils none."""
    gun, context = await sim("scanner", "--every", "0", "--trigger", family), MemoryContext("scan1")
    device = scanner(gun, context, trigger=family)
    async with running(device):
        await context.until(lambda: context.healths)
        await gun.command("scan", text=GS1, symbology="]d2")
        assert sent(gun) == []
        await device.trigger(True)
        await context.until(lambda: len(context.observations) == 1)
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await device.trigger(False)
        await device.trigger(True)
        await context.until(lambda: len(context.observations) == 2)
        await until(lambda: len(sent(gun)) == 2)  # it logs behind the write
    assert told(context) == sent(gun) == [("]d2", GS1), ("]E0", "6901234567892")]
    assert [line["on"] for line in gun.log() if line["event"] == "trigger"] == [True, False, True]
    assert context.healths == [(Health.ONLINE, None)]


async def test_a_trigger_that_is_not_answered(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A module that replies to commands, and does not, is told; without a setting nothing is sent at all."""
    monkeypatch.setattr("drivers.scanner.lines.REPLY_S", 0.1)
    gun, context = await sim("scanner", "--every", "0"), MemoryContext("scan1")
    device = scanner(gun, context, trigger="gm65")
    with pytest.raises(TransientError, match="port_unreachable"):
        await device.trigger(True)
    async with running(device):
        await context.until(lambda: context.healths)
        with pytest.raises(TransientError, match="scan_trigger_unanswered"):
            await device.trigger(True)
    context.healths.clear()
    buttons = scanner(gun, context)
    async with running(buttons):
        await context.until(lambda: context.healths)
        with pytest.raises(PermanentError, match="scan_no_trigger"):
            await buttons.trigger(True)


@pytest.mark.parametrize(
    ("options", "settings", "doubt", "data"),
    [
        (["--gs", "{GS}"], {"gs": "{GS}"}, None, GS1.encode()),
        (["--gs", "|"], {}, "scan_gs_substituted", GS1.replace("\x1d", "|").encode()),
        (["--gs", "drop"], {}, "scan_gs_lost", GS1.replace("\x1d", "").encode()),
        (["--gs", "drop", "--aim", "off"], {"gs1": True}, "scan_gs_lost", GS1.replace("\x1d", "").encode()),
    ],
)
async def test_forms_of_gs(
    sim: StartSim, options: list[str], settings: dict[str, object], doubt: str | None, data: bytes
) -> None:
    """Put back where the settings name it, else told; never altered."""
    gun, context = await sim("scanner", "--every", "0", *options), MemoryContext("scan1")
    async with running(scanner(gun, context, **settings)):
        await context.until(lambda: context.healths)
        await gun.command("scan", text=GS1, symbology="]d2")
        await context.until(lambda: context.observations)
    (scan,) = context.observations
    assert (scan.data, scan.doubt) == (data, doubt)
    assert context.healths[1:] == ([(Health.DEGRADED, doubt)] if doubt else [])


async def test_chinese_in_gbk(sim: StartSim) -> None:
    """The bytes as they came, with the charset that the settings name."""
    gun, context = await sim("scanner", "--every", "0", "--charset", "gbk"), MemoryContext("scan1")
    async with running(scanner(gun, context, charset="gbk")):
        await context.until(lambda: context.healths)
        await gun.command("scan", text="冷库三号", symbology="]Q1")
        await context.until(lambda: context.observations)
    (scan,) = context.observations
    assert (scan.data, scan.charset) == ("冷库三号".encode("gb18030"), "gb18030")
    assert [line["hex"] for line in gun.log() if line["event"] == "scan"] == [scan.data.hex()]


async def test_a_burst_of_the_same_code(sim: StartSim) -> None:
    """Two boxes may have one code: each scan counts."""
    gun, context = await sim("scanner", "--every", "0"), MemoryContext("scan1")
    async with running(scanner(gun, context)):
        await context.until(lambda: context.healths)
        await gun.command("glued", texts=["6901234567892"] * 50, symbology="]E0")
        await context.until(lambda: len(context.observations) == 50)
    assert told(context) == sent(gun)


async def test_two_codes_without_an_end_between_them(sim: StartSim) -> None:
    """Told, and not cut by guess."""
    gun, context = await sim("scanner", "--every", "0", "--terminator", "none"), MemoryContext("scan1")
    async with running(scanner(gun, context, idle_flush_ms=50)):
        await context.until(lambda: context.healths)
        await gun.command("glued", texts=["6901234567892", "6901234567908"], symbology="]E0")
        await context.until(lambda: context.observations)
    (scan,) = context.observations
    assert (scan.data, scan.doubt) == (b"6901234567892]E06901234567908", "scan_glued")
    assert context.healths[-1] == (Health.DEGRADED, "scan_glued")


async def test_ssi_trigger(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command that was not heard is repeated with the bit that says so; a decoder that never answers is told."""
    gun, context = await sim("scanner-ssi", "--every", "0", "--trigger", "host"), MemoryContext("scan1")
    device = scanner(gun, context, protocol="ssi")
    async with running(device):
        await context.until(lambda: context.healths)
        monkeypatch.setattr("drivers.scanner.ssi_session.ANSWER_S", 0.2)
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await gun.command("deaf", count=2)
        await device.trigger(True)
        await context.until(lambda: context.committed)
        await device.trigger(False)
        await gun.command("deaf", count=3)
        with pytest.raises(TransientError, match="device_silent"):
            await device.trigger(True)
    said = [(line["opcode"], line["repeated"]) for line in gun.log() if line["event"] == "command"]
    start, again = ("E4", False), ("E4", True)
    assert said == [("E9", False), start, again, again, ("E5", False), start, again, again]
    assert told(context) == [("]E0", "6901234567892")]


async def test_ssi_long_symbol(sim: StartSim) -> None:
    """Several packets are one symbol, of which the last is acknowledged when all of it is durable."""
    gun, context = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.3"), MemoryContext("scan1")
    refused: list[Observation] = []

    async def committing(observation: Observation) -> None:
        if not refused:
            refused.append(observation)
            raise StoreFull("store_full")

    context.committing = committing
    text = "".join(f"{n:04d}" for n in range(200))
    async with running(scanner(gun, context, protocol="ssi")):
        await gun.command("scan", text=text, symbology="]Q1")
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await context.until(lambda: len(context.committed) == 2)
    assert told(context) == [("]Q1", text), ("]E0", "6901234567892")]
    assert [scan.repeated for scan in context.committed] == [True, False]


async def test_ssi_too_long_symbol(sim: StartSim) -> None:
    """Longer than the settings allow: told, no part of it becomes a symbol, and the next one comes."""
    gun, context = await sim("scanner-ssi", "--every", "0", "--ack-timeout", "0.3"), MemoryContext("scan1")
    async with running(scanner(gun, context, protocol="ssi", max_bytes=300)):
        await gun.command("scan", text="7" * 800, symbology="]Q1")
        await gun.command("scan", text="6901234567892", symbology="]E0")
        await context.until(lambda: context.committed)
    assert told(context) == [("]E0", "6901234567892")]
    assert (Health.DEGRADED, "scan_multipacket") in context.healths


@pytest.mark.parametrize("text", ["6901234567892", "9031101\t"])
async def test_ssi_in_plain_mode_is_no_scan(sim: StartSim, text: str) -> None:
    """Its packets are known by their checksum, also with a terminator for the length or in the data; what to write is told."""
    gun, context = await sim("scanner-ssi", "--every", "0"), MemoryContext("scan1")
    async with running(scanner(gun, context)):
        await context.until(lambda: context.healths)
        await gun.command("scan", text=text, symbology="]E0")
        await context.until(lambda: context.healths[-1] == (Health.DEGRADED, "scan_looks_ssi"))
    assert context.observations == []
