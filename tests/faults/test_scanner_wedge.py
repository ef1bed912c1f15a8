"""A scanner that types, on the real python-evdev: what a keyboard carries, what it does not, and what is no keyboard."""

import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from drivers.scanner.config import WedgeConfig
from drivers.scanner.wedge import WedgeDevice
from model.errors import TransientError
from support.context import MemoryContext, until
from support.evdev import Keyboard, start
from support.evdev_keys import ALT, CTRL, ENTER, F8, KEYPAD, SHIFT, Event, stroke, typing
from support.gpio import Child

CTRL_GS = [(1, CTRL, 1), *stroke(27), (1, CTRL, 0)]
ALT_GS = [(1, ALT, 1), *(event for digit in "029" for event in stroke(KEYPAD[digit])), (1, ALT, 0)]
CHINESE = [(1, ALT, 1), *(event for digit in "20919" for event in stroke(KEYPAD[digit])), (1, ALT, 0)]


@pytest.fixture
async def keyboard(tmp_path: Path) -> AsyncIterator[Keyboard]:
    one = Keyboard(tmp_path / "event-kbd")
    yield one
    one.unplug()


async def heard(child: Child, scans: int) -> list[dict[str, Any]]:
    while len(child.polls) < scans:
        await child.line()
    return child.polls


async def test_every_form_of_gs(keyboard: Keyboard) -> None:
    """Ctrl+], F8 and ALT+029, behind each other in one go, are the same code."""
    child = await start(keyboard.path, {"gap_ms": 5000})
    await child.until_said("online", None)
    for gs in (CTRL_GS, stroke(F8), ALT_GS):
        keyboard.press([*typing("]d20106901234567892"), *typing("10LOT7"), *gs, *typing("21x"), *stroke(ENTER)])
    scans = await heard(child, 3)
    data = b"010690123456789210LOT7\x1d21x".hex()
    assert scans == [{"data": data, "aim": "]d2", "doubt": None}] * 3
    await child.stop()


async def test_a_gap_ends_a_code(keyboard: Keyboard) -> None:
    """Without Enter behind it."""
    child = await start(keyboard.path, {"gap_ms": 50})
    await child.until_said("online", None)
    keyboard.press(typing("A1"))
    assert await heard(child, 1) == [{"data": b"A1".hex(), "aim": None, "doubt": "scan_no_end"}]
    await child.stop()


@pytest.mark.parametrize("stopped", [False, True])
@pytest.mark.parametrize(
    ("terminators", "keys", "scans", "health"),
    [
        ([], typing("A1"), [(b"A1", "scan_no_end")], "scan_no_end"),
        (["CR"], [*typing("X"), *stroke(ENTER), *typing("A1")], [(b"X", None)], "scan_dropped"),
    ],
)
async def test_a_code_that_waits_is_not_lost(
    keyboard: Keyboard,
    terminators: list[str],
    keys: list[Event],
    scans: list[tuple[bytes, str | None]],
    health: str,
    *,
    stopped: bool,
) -> None:
    """Unplugged or stopped before its gap is over: it may be half, and is told in doubt or as dropped."""
    child = await start(keyboard.path, {"gap_ms": 60_000, "terminators": terminators})
    await child.until_said("online", None)
    keyboard.press(keys)
    await until(lambda: not keyboard.unread)
    if stopped:
        await child.command("cancel")
    else:
        keyboard.unplug()
        await child.until_said("TransientError", "port_gone")
    assert ["degraded", health] in child.said
    assert [(bytes.fromhex(one["data"]), one["doubt"]) for one in child.polls] == scans
    await child.stop()


@pytest.mark.parametrize(
    ("events", "code"),
    [(CHINESE, "scan_not_ascii"), (stroke(183), "scan_key_unknown")],
)
async def test_what_does_not_pass(keyboard: Keyboard, events: list[Event], code: str) -> None:
    """Doubted and told; the next code is well."""
    child = await start(keyboard.path, {"gap_ms": 5000})
    await child.until_said("online", None)
    keyboard.press([*typing("A"), *events, *typing("B"), *stroke(ENTER), *typing("C"), *stroke(ENTER)])
    first, second = await heard(child, 2)
    assert (first["data"], first["doubt"]) == (b"AB".hex(), code)
    assert (second["data"], second["doubt"]) == (b"C".hex(), None)
    assert ["degraded", code] in child.said
    await child.stop()


async def test_the_kernel_is_asked_what_is_held(keyboard: Keyboard) -> None:
    """At first, and in a silence after events were lost: what comes before that is doubted, what comes behind it is well."""
    keyboard.holds(leds=[1])
    child = await start(keyboard.path, {"gap_ms": 50})
    await child.until_said("online", None)
    keyboard.press([*typing("a"), *stroke(ENTER)])
    await heard(child, 1)
    keyboard.holds(keys=[SHIFT])
    keyboard.press([(0, 3, 0), *typing("b"), *stroke(ENTER)])
    await heard(child, 2)
    await until(lambda: keyboard.asked)
    keyboard.press([*stroke(2), (1, SHIFT, 0), *stroke(2), *stroke(ENTER)])
    codes = await heard(child, 3)
    assert [(bytes.fromhex(one["data"]), one["doubt"]) for one in codes] == [
        (b"A", None),
        (b"B", "scan_keys_lost"),
        (b"!1", None),
    ]
    await child.stop()


@pytest.mark.parametrize("node", ["file", "directory", "/dev/null"])
async def test_what_is_no_keyboard(tmp_path: Path, node: str) -> None:
    """A file, a directory, another device: told as such, by the real library on the real kernel."""
    path = tmp_path / node
    if node == "file":
        path.touch()
    elif node == "directory":
        path.mkdir()
    config = WedgeConfig.model_validate({"id": "scan1", "driver": "wedge", "port": str(path)})
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    with pytest.raises(TransientError, match="port_no_keyboard"):
        await WedgeDevice(config, MemoryContext("scan1")).run()
    assert len(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
