"""What a reader says that is no answer to the question of the moment: of an inventory, of another command, of before; and
what it says without an end, without sense or in its own time.
"""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from drivers.rfid.m100.config import M100Config
from drivers.rfid.m100.driver import M100Device
from drivers.rfid.r2000.config import R2000Config
from drivers.rfid.r2000.driver import R2000Device
from drivers.rfid.uhfreader.config import UhfReaderConfig
from drivers.rfid.uhfreader.driver import UhfReaderDevice
from firmware_sim.rfid_field import gen2_crc
from firmware_sim.rfid_uhfreader import crc16
from model.errors import TransientError
from model.ports import Bank, Health
from support.context import HANG_S, MemoryContext, running
from support.pty_device import pty_device

ONLINE = (Health.ONLINE, None)
NO_TAG = bytes.fromhex("BB 01 FF 00 01 15 16 7E")
TAG = bytes.fromhex("BB 02 22 00 11 C9 34 00 30 75 1F EB 70 5C 59 04 E3 D5 0D 70 3A 76 EF 7E")
ANSWERS = {
    0x03: bytes.fromhex("BB 01 03 00 0B 00 4D 31 30 30 20 56 31 2E 30 30 22 7E"),
    0x07: bytes.fromhex("BB 01 07 00 01 00 09 7E"),
    0x12: bytes.fromhex("BB 01 0C 00 01 00 0E 7E"),
    0x28: bytes.fromhex("BB 01 28 00 01 00 2A 7E"),
}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The module answers at once."""
    monkeypatch.setattr("drivers.rfid.m100.module.ROUND_S", 0.03)


@pytest.mark.parametrize("told", [b"", NO_TAG])
async def test_a_module_that_never_answers_about_masks(monkeypatch: pytest.MonkeyPatch, told: bytes) -> None:
    """Its tags are read, that some may be hidden is told, and it is not asked at each silence. A `15` is no refusal."""
    monkeypatch.setattr("drivers.rfid.m100.module.ANSWER_S", 0.1)
    asked: list[int] = []

    def answer(question: bytes, _speed: int) -> bytes:
        asked.append(question[2])
        return {**ANSWERS, 0x12: told, 0x27: TAG}.get(question[2], b"")

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        values = {
            "id": "gate",
            "driver": "x",
            "port": device.endpoint,
            "framing": "bb",
            "rearm_s": 0.1,
            "window_s": 0.1,
        }
        async with running(M100Device(M100Config.model_validate(values), context)):
            await context.until(lambda: len(context.observations) > 2)
    assert context.healths == [(Health.DEGRADED, "rfid_mask_left")]
    assert asked.count(0x27) > 2
    assert asked.count(0x12) == 2


async def test_a_late_word_about_masks_in_an_empty_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is well once it has confirmed that it hides nothing, also where no tag comes to tell."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    monkeypatch.setattr("drivers.rfid.m100.module.ANSWER_S", 0.1)
    monkeypatch.setattr("drivers.rfid.m100.driver.UNMASK_S", 0.1)
    asked: list[int] = []

    def answer(question: bytes, _speed: int) -> bytes:
        asked.append(question[2])
        return b"" if question[2] == 0x12 and asked.count(0x12) <= 2 else ANSWERS.get(question[2], b"")

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        values = {"id": "gate", "driver": "x", "port": device.endpoint, "framing": "bb"}
        async with running(M100Device(M100Config.model_validate(values), context)):
            await context.until(lambda: context.healths == [(Health.DEGRADED, "rfid_mask_left"), ONLINE])


async def test_an_inventory_speaks_before_the_answer() -> None:
    """Until it is stopped its `15` and its tags stand in front of every answer: no setting counts as refused by them."""
    stopped = False
    asked: list[int] = []

    def answer(question: bytes, _speed: int) -> bytes:
        nonlocal stopped
        asked.append(question[2])
        between = b"" if stopped else NO_TAG + TAG + NO_TAG
        stopped = stopped or question[2] == 0x28
        return between + ANSWERS.get(question[2], b"")

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        values = {"id": "gate", "driver": "x", "port": device.endpoint, "framing": "bb", "region": "china900"}
        async with running(M100Device(M100Config.model_validate(values), context)):
            await context.until(lambda: context.healths == [ONLINE])
    assert asked[:4] == [0x03, 0x28, 0x07, 0x12]  # it is stopped once


def reply(command: int, status: int, data: bytes = b"") -> bytes:
    body = bytes((len(data) + 5, 0, command, status)) + data
    return body + crc16(body)


INFORMATION = reply(0x21, 0, bytes.fromhex("02 24 10 02 31 80 1A 00 01 01 00 00"))


def found(antenna: int, n: int) -> bytes:
    """An inventory that found tag number n."""
    return reply(0x01, 0x01, bytes((1 << antenna, 1, 2)) + n.to_bytes(2, "big") + b"\x6b")


def reader(port: str, context: MemoryContext, **fields: Any) -> UhfReaderDevice:
    values = {"id": "gate", "driver": "x", "port": port, "model": "uhfreader288", "every_s": 0.02, **fields}
    return UhfReaderDevice(UhfReaderConfig.model_validate(values), context)


async def test_answers_to_other_questions() -> None:
    """One that belongs to another command, and a second one behind the first, are nobody's: not the next antenna's either."""

    def answer(question: bytes, _speed: int) -> bytes:
        match question[2]:
            case 0x21:
                return found(0, 0xBAD0) + reply(0x76, 0) + INFORMATION
            case 0x76:
                return INFORMATION + reply(0x76, 0)
        antenna = question[-4] & 0x7F
        return found(antenna, antenna + 1) + found(7, 0xBAD1)

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        async with running(reader(device.endpoint, context, antennas=[1, 2])):
            await context.until(lambda: len(context.observations) > 3)
    assert {(window.epc, window.antenna) for window in context.observations} == {("0001", 1), ("0002", 2)}
    assert context.healths == [ONLINE]


async def test_an_answer_of_the_run_before() -> None:
    """It lies in the port when the next run begins, which lets it pass: it is not asked on as if the reader were there."""
    asked: list[int] = []

    def answer(question: bytes, _speed: int) -> bytes:
        asked.append(question[2])
        return b""

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        one = reader(device.endpoint, context, answer_s=0.05)
        with pytest.raises(TransientError, match="device_silent"):
            await one.run()
        device.say(INFORMATION)
        with pytest.raises(TransientError, match="device_silent"):
            await one.run()
    assert asked == [0x21, 0x21]
    assert context.healths == []


async def test_no_tag_is_an_answer_to_no_setting() -> None:
    """It comes late, behind the answer to the stop: it belongs to the inventory before it."""

    def answer(question: bytes, _speed: int) -> bytes:
        late = NO_TAG if question[2] == 0x07 else b""
        return late + ANSWERS.get(question[2], b"")

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        async with running(m100(device.endpoint, context, region="china900")):
            await context.until(lambda: context.healths == [ONLINE])


def m100(port: str, context: MemoryContext, **fields: Any) -> M100Device:
    return M100Device(
        M100Config.model_validate({"id": "gate", "driver": "x", "port": port, "framing": "bb", **fields}), context
    )


async def test_a_frame_that_pauses_is_not_given_up() -> None:
    """Windows end while half of it is there: each read counts, and nothing is damaged."""
    async with pty_device(lambda question, _: ANSWERS.get(question[2], b"")) as device:
        context = MemoryContext("gate")
        async with running(m100(device.endpoint, context, window_s=0.01, rearm_s=30)):
            await context.until(lambda: context.healths == [ONLINE])
            for n in range(1, 6):
                device.say(TAG + TAG[:9])
                await asyncio.sleep(0.05)  # a pause is what is wanted
                device.say(TAG[9:])
                await context.until(lambda n=n: sum(o.count for o in context.observations) == 2 * n)  # type: ignore[misc]
    assert context.healths == [ONLINE]


async def test_a_module_that_does_not_mask() -> None:
    """Another tag shows itself although only one is selected: nothing is written."""
    asked: list[int] = []
    other = TAG[:8] + TAG[8:20][::-1]
    other += gen2_crc(other[6:]).to_bytes(2, "big")
    other += bytes((sum(other[1:]) & 0xFF, 0x7E))

    def frame_of(command: int, params: bytes) -> bytes:
        body = bytes((1, command, 0, len(params))) + params
        return b"\xbb" + body + bytes((sum(body) & 0xFF, 0x7E)) if command != 0x27 else b""

    def answer(question: bytes, _speed: int) -> bytes:
        asked.append(question[2])
        if question[2] == 0x22:
            return TAG + other
        return ANSWERS.get(question[2], b"") or frame_of(question[2], b"\x00")

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        one = m100(device.endpoint, context)
        async with running(one):
            await context.until(lambda: context.healths == [ONLINE])
            with pytest.raises(TransientError, match="rfid_several_tags count=2"):
                await one.write_bank(Bank.USER, 0, b"\x12\x34", bytes(4), TAG[8:20].hex().upper())
    assert 0x49 not in asked


def answering(*inventories: bytes) -> Callable[[bytes, int], bytes]:
    """A 288M that answers its inventories with these, the last one for ever."""
    left = list(inventories)

    def answer(question: bytes, _speed: int) -> bytes:
        match question[2]:
            case 0x21:
                return INFORMATION
            case 0x76:
                return reply(0x76, 0)
        return left.pop(0) if len(left) > 1 else left[0]

    return answer


MORE = reply(0x01, 0x03, b"\x01\x01\x02\xab\xcd\x6b")


async def test_windows_end_while_a_round_lasts() -> None:
    """What was read is told when its window ends, not when the reader ends its round."""
    async with pty_device(answering(MORE + MORE)) as device:
        context = MemoryContext("gate")
        async with running(reader(device.endpoint, context, window_s=0.05, answer_s=60)):
            await context.until(lambda: len(context.observations) == 2)


async def test_a_round_without_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is left and told, and its reads are too."""
    monkeypatch.setattr("drivers.rfid.reads.ROUND_FRAMES", 20)
    async with pty_device(answering(30 * MORE)) as device:
        context = MemoryContext("gate")
        async with running(reader(device.endpoint, context, window_s=0.05)):
            await context.until(lambda: (Health.DEGRADED, "rfid_endless_round") in context.healths)
            await context.until(lambda: len(context.observations) > 2)


async def test_a_round_that_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """An R2000 that always has one more tag is left when the time of a round is over."""
    monkeypatch.setattr("drivers.rfid.reads.ROUND_S", 0.0)
    tag = packet(0x89, b"\x8c\x10\x00\xab\xcd\x37")
    answers = {0x72: packet(0x72, b"\x01\x09"), 0x74: packet(0x74, b"\x10"), 0x89: 3 * tag}
    async with pty_device(lambda question, _: answers[question[3]]) as device:
        context = MemoryContext("gate")
        values = {"id": "gate", "driver": "x", "port": device.endpoint}
        async with running(R2000Device(R2000Config.model_validate(values), context)):
            await context.until(lambda: (Health.DEGRADED, "rfid_endless_round") in context.healths)


def packet(command: int, data: bytes) -> bytes:
    body = bytes((0xA0, len(data) + 3, 1, command)) + data
    return body + bytes((-sum(body) & 0xFF,))


async def test_rubbish_for_ever() -> None:
    """A reader that was understood and answers rubbish to all that follows is told after some rounds."""
    async with pty_device(answering(found(0, 1), b"\x07garbage every time")) as device:
        context = MemoryContext("gate")
        with pytest.raises(TransientError, match="device_not_understood"):
            async with asyncio.timeout(HANG_S):
                await reader(device.endpoint, context, answer_s=0.02).run()
    assert context.healths == [ONLINE, (Health.DEGRADED, "rfid_damaged")]


async def test_a_reader_without_modes() -> None:
    """It does not know the command: the setting that asks for it is named, as that of the other model is."""
    for model, answers in (("uhfreader18", {0x21: INFORMATION}), ("uhfreader288", {0x21: INFORMATION})):
        async with pty_device(lambda question, _, a=answers: a.get(question[2], reply(0, 0xFE))) as device:  # type: ignore[misc]
            with pytest.raises(
                TransientError, match=r"rfid_setting_refused .* value=True error=FE \(unknown command\)$"
            ):
                await reader(device.endpoint, MemoryContext("gate"), model=model).run()


async def test_many_words_take_their_time() -> None:
    """A write may take longer than any other answer."""
    words = bytes(range(64))
    answers = {0x21: INFORMATION, 0x76: reply(0x76, 0), 0x01: found(0, 1), 0x02: reply(0x02, 0, words), 0x03: b""}
    loop = asyncio.get_running_loop()

    def answer(question: bytes, _speed: int) -> bytes:
        if question[2] == 0x03:
            loop.call_later(1.5, device.say, reply(0x03, 0))
        return answers[question[2]]

    async with pty_device(answer) as device:
        context = MemoryContext("gate")
        one = reader(device.endpoint, context, answer_s=1)
        async with running(one):
            await context.until(lambda: context.healths)
            assert (await one.write_bank(Bank.USER, 0, words, bytes(4), "0001")).data == words
