"""Contacts and relays on a GPIO chip: the real libgpiod in a child process, over a kernel that the test plays."""

import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from drivers.gpio.config import GpioConfig
from drivers.gpio.driver import GpioDevice
from model.errors import PermanentError, SettingsError
from support.context import MemoryContext
from support.gpio import Child, Chip, start

RARELY = 60
"""Seconds between two looks at all levels: what is seen within a test came as an edge."""
OFTEN = 0.05

Start = Callable[..., Awaitable[Child]]


@pytest.fixture
async def chip() -> AsyncIterator[Chip]:
    with tempfile.TemporaryDirectory(prefix="gpio") as folder:  # a socket's path is short
        chip = Chip(Path(folder) / "gpiochip0")
        yield chip
        chip.close()


@pytest.fixture
async def begin(chip: Chip) -> AsyncIterator[Start]:
    """Start a driver on the chip with these inputs and outputs."""
    children = []

    async def begin(
        inputs: dict[str, Any] | None = None, outputs: dict[str, Any] | None = None, every_s: float = RARELY
    ) -> Child:
        child = await start(chip.path, {"inputs": inputs or {}, "outputs": outputs or {}, "every_s": every_s})
        children.append(child)
        return child

    yield begin
    for child in children:
        await child.stop()


async def test_an_edge_is_told_at_once(chip: Chip, begin: Start) -> None:
    """A contact to ground: closed is low. A normally-closed one says 1 when it opens, or its wire is cut."""
    chip.move(17, 0)
    child = await begin({"door": {"line": 17, "normally": "closed", "debounce_s": 0}, "button": {"line": 4}})
    await child.until_poll(door=0, button=0)
    await child.until_said("online")
    chip.move(17, None)
    await child.until_poll(door=1, button=0)
    chip.move(4, 0)
    await child.until_poll(door=1, button=1)
    chip.move(17, 0)
    await child.until_poll(door=0, button=1)


async def test_a_press_between_two_looks_is_seen(chip: Chip, begin: Start) -> None:
    """Edges that came while nobody looked are told one by one."""
    child = await begin({"button": {"line": 4, "debounce_s": 0}})
    await child.until_poll(button=0)
    chip.move(4, 0)  # both while the child cannot run to the end of its answer to the first
    chip.move(4, None)
    await child.until_poll(button=1)
    await child.until_poll(button=0)


async def test_an_edge_tells_the_outputs_as_they_are(chip: Chip, begin: Start) -> None:
    """And not as they were when all levels were read: the siren was switched on since."""
    child = await begin({"door": {"line": 17, "debounce_s": 0}}, {"siren": {"line": 27}})
    await child.until_poll(door=0, siren=0)
    assert await child.command("switch", "siren", True) == []
    chip.move(17, 0)
    await child.until_poll(door=1)
    assert [poll["siren"] for poll in child.polls] == sorted(poll["siren"] for poll in child.polls)


async def test_a_lost_edge_is_found(chip: Chip, begin: Start) -> None:
    """All levels are read every so often."""
    child = await begin({"door": {"line": 17}}, every_s=OFTEN)
    await child.until_poll(door=0)
    chip.move(17, 0, edge=False)
    await child.until_poll(door=1)


async def test_the_kernel_debounces(chip: Chip, begin: Start) -> None:
    """The period goes to the kernel: a bounce shorter than it gives no edge, and no poll in between shows it."""
    child = await begin({"door": {"line": 17, "debounce_s": 0.25}}, every_s=OFTEN)
    await child.until_poll(door=0)
    assert chip.lines[17].debounce_us == 250_000
    for level in (0, None) * 4:
        chip.move(17, level)
    chip.move(17, 0)
    await child.until_poll(door=1)
    assert [poll["door"] for poll in child.polls] == sorted(poll["door"] for poll in child.polls)


async def test_the_sides_of_a_changeover_contact(chip: Chip, begin: Start) -> None:
    """A cut wire is no open door; the moment of switching, in which both sides are open, is neither."""
    chip.move(18, 0)
    child = await begin({"door": {"line": 17, "pair": "nc", "debounce_s": 0.05}, "nc": {"line": 18}})
    await child.until_poll(door=0, nc=1)
    chip.move(18, None)
    chip.move(17, 0)
    await child.until_poll(door=1, nc=0)
    assert all(poll["door"] in (0, 1) for poll in child.polls)
    chip.move(17, None)
    await child.until_poll(door="sensor_fault", nc=0)


@pytest.mark.parametrize(("bias", "pin"), [("pull_up", 0), ("pull_down", 1), ("disabled", 1), ("as_is", 1)])
async def test_the_level_of_a_closed_contact(chip: Chip, begin: Start, bias: str, pin: int) -> None:
    """Ground with a pull-up, the supply otherwise; `active_low` says so where it is different."""
    chip.move(3, pin)
    chip.move(4, pin)
    child = await begin({"a": {"line": 3, "bias": bias}, "b": {"line": 4, "bias": bias, "active_low": pin == 1}})
    await child.until_poll(a=1, b=0)


async def test_outputs_are_switched_and_read_back(chip: Chip, begin: Start) -> None:
    """Off at first, by the level that off is; what the board does to them shows in the next poll."""
    child = await begin(outputs={"lamp": {"line": 22}, "siren": {"line": 27, "active_low": True}}, every_s=OFTEN)
    await child.until_poll(lamp=0, siren=0)
    assert (chip.lines[22].level, chip.lines[27].level) == (0, 1)
    assert await child.command("switch", "siren", True) == []
    assert (chip.lines[22].level, chip.lines[27].level) == (0, 0)
    await child.until_poll(lamp=0, siren=1)
    chip.lines[27].level = 1
    await child.until_poll(lamp=0, siren=0)


async def test_what_a_line_cannot_do(begin: Start) -> None:
    """It has no clock that would switch it off when the gateway dies, and there is only what the settings name."""
    child = await begin(outputs={"siren": {"line": 27}})
    await child.until_poll(siren=0)
    assert await child.command("flash", "siren", 5) == ["PermanentError", "output_no_flash"]
    assert await child.command("switch", "horn", True) == ["PermanentError", "output_unknown"]
    await child.command("cancel")
    assert await child.command("switch", "siren", True) == ["TransientError", "gpio_gone"]


async def test_a_line_that_is_taken(chip: Chip, begin: Start) -> None:
    """Who has it is told; when he gives it back, the driver takes it."""
    chip.lines[27].consumer = "spi0 CS0"
    child = await begin({"door": {"line": 17}}, {"siren": {"line": 27}})
    await child.until_said("TransientError", "gpio_busy", {"chip": str(chip.path), "line": 27, "owner": "spi0 CS0"})
    assert not child.polls
    chip.lines[27].consumer = ""
    await child.command("run")
    await child.until_said("online")


async def test_a_chip_that_is_pulled_out(chip: Chip, begin: Start) -> None:
    """Its points say so once, the driver ends, and opens it again when it is back."""
    child = await begin({"door": {"line": 17}}, {"siren": {"line": 27}})
    await child.until_poll(door=0, siren=0)
    chip.unplug()
    await child.until_poll(door="comm_error", siren="comm_error")
    while child.said[-1][:2] != ["TransientError", "gpio_gone"]:
        await child.line()
    await child.command("run")
    await child.until_said("TransientError", "gpio_absent", {"chip": str(chip.path)})
    chip.plug()
    await child.command("run")
    await child.until_poll(door=0, siren=0)


async def test_a_chip_that_cannot_be_used(chip: Chip, begin: Start) -> None:
    """A line that it does not have; a node that is not ours to open."""
    child = await begin({"door": {"line": 28}})
    await child.until_said("PermanentError", "gpio_line_unknown", {"chip": str(chip.path), "line": 28, "last": 27})
    chip.denied = True
    await child.command("run")
    await child.until_said("TransientError", "gpio_denied", {"chip": str(chip.path)})


async def test_cancelled_it_leaves_nothing(chip: Chip, begin: Start) -> None:
    """The lines are free again."""
    child = await begin({"door": {"line": 17}}, {"siren": {"line": 27}})
    await child.until_said("online")
    assert chip.lines[17].consumer == chip.lines[27].consumer == "doorpost"
    await child.command("cancel")
    await child.command("run")  # it could not take them otherwise
    await child.until_poll(door=0)


async def test_settings_that_the_chip_refuses(chip: Chip, begin: Start) -> None:
    """To try them again is of no use."""
    chip.refusing = True
    child = await begin({"door": {"line": 17}})
    while child.said[-1:] == [] or child.said[-1][:2] != ["PermanentError", "gpio_refused"]:
        await child.line()


async def test_without_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told how to get it."""
    monkeypatch.setitem(sys.modules, "gpiod", None)
    settings = {"id": "io", "driver": "gpio", "chip": "/dev/gpiochip0", "inputs": {"door": {"line": 17}}}
    with pytest.raises(PermanentError) as told:
        await GpioDevice(GpioConfig.model_validate(settings), MemoryContext("io")).run()
    assert told.value.code == "gpio_extra_missing"


@pytest.mark.parametrize(
    ("inputs", "outputs", "code"),
    [
        ({}, {}, "gpio_no_lines"),
        ({"a": {"line": 1}}, {"a": {"line": 2}}, "gpio_name_twice"),
        ({"a": {"line": 1}}, {"b": {"line": 1}}, "gpio_line_twice"),
        ({"a": {"line": 1, "pair": "c"}}, {"c": {"line": 2}}, "contact_pair_unknown"),
        ({"a": {"line": 1, "pair": "b"}, "b": {"line": 2, "normally": "closed"}}, {}, "contact_pair_taken"),
        ({"a": {"line": 1, "pair": "b"}, "b": {"line": 2, "pair": "a"}}, {}, "contact_pair_taken"),
    ],
)
def test_settings_that_cannot_be(inputs: dict[str, Any], outputs: dict[str, Any], code: str) -> None:
    """They are told with the settings, before anything runs."""
    settings = {"id": "io", "driver": "gpio", "chip": "/dev/gpiochip0", "inputs": inputs, "outputs": outputs}
    with pytest.raises(SettingsError) as told:
        GpioDevice.point_map(GpioConfig.model_validate(settings))
    assert told.value.code == code


def test_points_of_the_settings() -> None:
    """Inputs and outputs by name; only what is said to be urgent is."""
    config = GpioConfig.model_validate(
        {
            "id": "io",
            "driver": "gpio",
            "chip": "/dev/gpiochip0",
            "inputs": {"help": {"line": 1, "urgent": True, "label": {"zh": "求助", "en": "help"}}},
            "outputs": {"siren": {"line": 27}},
        }
    )
    points = GpioDevice.point_map(config).points
    assert [(p.name, p.urgent, p.label) for p in points] == [
        ("help", True, {"zh": "求助", "en": "help"}),
        ("siren", False, {}),
    ]
    assert GpioDevice.outputs(config) == {"siren": False}
