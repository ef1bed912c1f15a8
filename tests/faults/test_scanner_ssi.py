"""An SSI decoder that a test plays by hand: what is repeated, torn or damaged, and what becomes of it."""

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from drivers.scanner import ssi
from drivers.scanner.config import ScannerConfig
from drivers.scanner.driver import ScannerDevice
from firmware_sim.scanner_ssi import ACK, CONTINUED, DECODE_DATA, EAN13, NAK, RETRANSMIT, packet
from firmware_sim.wire import Pty
from model.errors import TransientError
from model.observation import Observation
from model.ports import Health
from support.context import HeldClock, MemoryContext, running, until
from support.pty_device import pty_device

QR = 0x1C
E = b"6901234567892"
HEAD = b"H" * 200


class Said(NamedTuple):
    """`text` after `pause_s`; `answer` is the opcode that is waited for, where there is one."""

    text: bytes
    status: int = 0
    kind: int = QR
    pause_s: float = 0
    damaged: bool = False
    answer: int | None = ACK

    def frame(self) -> bytes:
        whole = packet(DECODE_DATA, bytes((self.kind,)) + self.text, self.status)
        return whole[:-1] + bytes((whole[-1] ^ 0x55,)) if self.damaged else whole


def ean(
    text: bytes = E, status: int = 0, *, pause_s: float = 0, damaged: bool = False, answer: int | None = ACK
) -> Said:
    return Said(text, status, EAN13, pause_s, damaged, NAK if damaged else answer)


async def told(*said: Said) -> tuple[list[tuple[bytes, str | None]], MemoryContext]:
    """What became records, each with its doubt."""
    context = MemoryContext("scan1", HeldClock())
    heard: list[int] = []

    def hear(asked: bytes, _: int) -> bytes:
        answers = b""
        while asked:
            if asked[1] in (ACK, NAK):
                heard.append(asked[1])
            else:
                answers += packet(ACK)
            asked = asked[asked[0] + 2 :]
        return answers

    async with pty_device(hear) as decoder:
        values = {"id": "scan1", "driver": "scanner", "port": decoder.endpoint, "protocol": "ssi", "idle_flush_ms": 30}
        async with running(ScannerDevice(ScannerConfig.model_validate(values), context)):
            await context.until(lambda: context.healths)
            for one in said:
                context.time.ahead_us += round(one.pause_s * 1e6)
                before = len(heard)
                decoder.say(one.frame())
                if one.answer is not None:
                    await until(lambda: len(heard) > before)  # noqa: B023
                    assert heard[before:] == [one.answer]
    return [(scan.data, scan.doubt) for scan in context.committed], context


RE = RETRANSMIT
CASES = {
    "its ACK was lost": ([ean(), ean(status=RE, pause_s=2), ean(status=RE, pause_s=99)], [E]),
    "its ACK was late": ([ean(), ean(status=RE, answer=None), ean(b"X")], [E, b"X"]),
    "sent again behind the next one": ([ean(), ean(b"X"), ean(status=RE, pause_s=2)], [E, b"X"]),
    "a new scan of the same code": ([ean(), ean(), ean(status=RE, pause_s=2), ean()], [E, E, E]),
    "the same code, damaged at first": ([ean(), ean(damaged=True), ean(status=RE), ean(status=RE, pause_s=2)], [E, E]),
    "a long one whose last ACK was lost": (
        [Said(HEAD, CONTINUED), Said(b"T"), Said(b"T", RE, pause_s=2), Said(b"X", pause_s=1)],
        [HEAD + b"T", b"X"],
    ),
    "a long one whose first ACK was lost": (
        [Said(HEAD, CONTINUED), Said(HEAD, CONTINUED | RE, pause_s=2), Said(b"T")],
        [HEAD + b"T"],
    ),
    "two equal packets, the last one damaged": (
        [
            Said(HEAD, CONTINUED),
            Said(HEAD, damaged=True, answer=NAK),
            Said(HEAD, RE),
            Said(HEAD, RE, pause_s=2),
        ],
        [HEAD + HEAD],
    ),
    "a packet inside a damaged one": (
        [
            ean(),
            Said(ean(b"EVIL").frame() + b"x", damaged=True, answer=NAK),
            Said(ean(b"EVIL").frame() + b"x", RE),
        ],
        [E, ean(b"EVIL").frame() + b"x"],
    ),
}


@pytest.mark.parametrize("case", CASES)
async def test_each_code_is_one_record(case: str) -> None:
    """The decoder's own word says what is a repeat, unless what it repeats was damaged."""
    said, records = CASES[case]
    got, _ = await told(*said)
    assert got == [(data, None) for data in records]


async def test_a_long_code_that_is_given_up() -> None:
    """It is told as torn and is no part of the next one, which is doubted where it might have been its end."""
    for kind, pause_s, doubt in ((QR, 2, "scan_headless"), (QR, 6, None), (EAN13, 0, None)):
        got, context = await told(Said(HEAD, CONTINUED), Said(b"NEXT", kind=kind, pause_s=pause_s))
        assert got == [(b"NEXT", doubt)]
        assert (Health.DEGRADED, "scan_multipacket") in context.healths


@pytest.mark.parametrize(
    ("said", "doubt"),
    [
        ([Said(b"TAIL", RE)], "scan_headless"),
        ([Said(b"MIDDLE", CONTINUED | RE), Said(b"TAIL")], "scan_headless"),
        ([Said(b"]Q1WHOLE", RE)], None),
        ([ean(status=RE)], None),
        ([Said(b"WHOLE")], None),
        ([Said(b"WHOLE"), Said(b"NEXT", RE)], None),
    ],
)
async def test_a_connection_that_begins_in_the_middle_of_a_code(said: list[Said], doubt: str | None) -> None:
    """What is repeated then may be the end of a long one; an identifier or a short type says that it is not."""
    got, _ = await told(*said)
    assert {told for _, told in got} == {doubt}


async def until_said(wire: Pty, opcode: int) -> None:
    """The host has said it to the decoder."""
    heard = b""
    while ssi.encode(opcode) not in heard:
        heard += await wire.read()


async def test_the_line_goes_while_a_code_is_stored(tmp_path: Path) -> None:
    """Its repeat on the next connection is that scan, and gets its answer; behind that the same code is another pack."""
    wire, context = Pty(tmp_path / "decoder"), MemoryContext("scan1", HeldClock())
    values = {"id": "scan1", "driver": "scanner", "port": wire.endpoint, "protocol": "ssi"}
    device = ScannerDevice(ScannerConfig.model_validate(values), context)

    async def unplug(_: Observation) -> None:
        wire.unplug()
        with suppress(TransientError):
            await device._session.line.lost()  # type: ignore[union-attr]

    context.committing = unplug
    run = asyncio.create_task(device.run())
    await until_said(wire, ssi.SCAN_ENABLE)
    wire.write(ean().frame())
    with pytest.raises(TransientError, match="port_gone"):
        await run
    context.committing = None
    wire.replug()
    async with running(device):
        await until_said(wire, ssi.SCAN_ENABLE)
        for said, records in ((ean(status=RE), 1), (ean(), 2)):
            wire.write(said.frame())
            await until_said(wire, ssi.ACK)
            assert [scan.data for scan in context.committed] == [E] * records
    wire.unplug()
