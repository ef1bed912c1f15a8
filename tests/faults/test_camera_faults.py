"""What may happen to a camera and to its decoder: one picture or one restart is lost, never more."""

import asyncio
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable
from pathlib import Path

import pytest

from model.errors import DriverError, PermanentError, TransientError
from model.ports import Health
from support.camera import bomb, camera, qr
from support.context import MemoryContext, running
from support.sims import StartSim

ROOT = Path(__file__).parents[2]
ONLINE = (Health.ONLINE, None)


def decoder_of(parent: int) -> int:
    """The process id of its decoder child."""
    children = [
        int(pid) for path in Path(f"/proc/{parent}/task").glob("*/children") for pid in path.read_text().split()
    ]
    (pid,) = (pid for pid in children if b"drivers.camera.child" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


def gone(pidfd: int) -> bool:
    """Waits for the end of a process."""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    ended = bool(poll.poll(20_000))
    os.close(pidfd)
    return ended


async def failing(run: Awaitable[None], expected: type[DriverError], code: str) -> DriverError:
    with pytest.raises(expected) as caught:
        await run
    assert caught.value.code == code
    return caught.value


async def test_killed_decoder_costs_a_restart(tmp_path: Path) -> None:
    """And a box that stands there all the time is still one scan."""
    context = MemoryContext("cam1")
    device = camera(tmp_path / "box.png", context)
    qr(tmp_path / "box.png", "one")
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.observations)
    os.kill(decoder_of(os.getpid()), signal.SIGKILL)
    await failing(run, TransientError, "camera_decoder_died")
    async with running(device):
        qr(tmp_path / "box.png", "two")
        await context.until(lambda: context.observations[1:])
    assert [scan.data for scan in context.observations] == [b"one", b"two"]


async def test_hanging_decoder_is_killed(tmp_path: Path) -> None:
    """A stopped process says nothing, ends on nothing but kill -9, and must not stay."""
    context = MemoryContext("cam1")
    qr(tmp_path / "box.png", "one")
    run = asyncio.create_task(camera(tmp_path / "box.png", context, deadline_s=2).run())
    await context.until(lambda: context.observations)
    pid = decoder_of(os.getpid())
    pidfd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSTOP)
    await failing(run, TransientError, "camera_hung")
    assert gone(pidfd)


async def test_image_bomb_costs_a_restart(tmp_path: Path) -> None:
    """50,000 x 50,000 pixels in a small file are refused; the next picture is read."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    device = camera(picture, context)
    bomb(picture, 50_000)
    await failing(device.run(), TransientError, "camera_image_bad")
    qr(picture, "good")
    async with running(device):
        await context.until(lambda: context.observations)


async def test_memory_of_the_decoder_is_bounded(tmp_path: Path) -> None:
    """49 million pixels are read, within the one GB of address space that the kernel grants the decoder."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    bomb(picture, 7_000)
    async with running(camera(picture, context)):
        await context.until(lambda: context.healths)
        assert resource.prlimit(decoder_of(os.getpid()), resource.RLIMIT_AS) == (1 << 30, 1 << 30)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8 no jpeg", b"\x89PNG\r\n\x1a\n"])
async def test_rubbish_in_the_file(tmp_path: Path, content: bytes) -> None:
    """A file that is no image is told as such."""
    (tmp_path / "snapshot.png").write_bytes(content)
    await failing(camera(tmp_path / "snapshot.png", MemoryContext("cam1")).run(), TransientError, "camera_image_bad")


@pytest.mark.parametrize("fault", ["unplug", "stall", "garbage"])
async def test_source_cut_and_back(sim: StartSim, fault: str) -> None:
    """A stream that ends, falls silent or turns into rubbish is gone; when it is back, so are its codes."""
    lens, context = await sim("camera", "--every", "0"), MemoryContext("cam1")
    device = camera(lens.endpoint, context)
    run = asyncio.create_task(device.run())
    await context.until(lambda: context.healths == [ONLINE])
    await lens.command(fault)
    await failing(run, TransientError, "camera_gone")
    if fault == "unplug":
        await failing(device.run(), TransientError, "camera_gone")
        await lens.command("replug")
    await lens.command("live")
    await lens.command("show", text="back")
    async with running(device):
        await context.until(lambda: context.observations)


async def test_absent_source_is_named_without_its_password(tmp_path: Path) -> None:
    """Nobody there: the error names the camera, but not the secret in its address."""
    error = await failing(camera(tmp_path / "none.png", MemoryContext("cam1")).run(), TransientError, "camera_gone")
    assert error.params["source"] == str(tmp_path / "none.png")
    address = "http://user:secret@127.0.0.1:1/stream"  # nothing listens at port 1
    error = await failing(camera(address, MemoryContext("cam1")).run(), TransientError, "camera_gone")
    assert error.params["source"] == "http://127.0.0.1:1/stream"


async def test_missing_extra_is_permanent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without zxing-cpp the device stops and says what to install."""
    (tmp_path / "zxingcpp.py").write_text("raise ImportError('no zxing here')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    error = await failing(camera("x.png", MemoryContext("cam1")).run(), PermanentError, "camera_extra_missing")
    assert error.params["why"] == "no zxing here"


async def test_stopped_driver_leaves_nothing(tmp_path: Path) -> None:
    """Cancelling `run` ends the decoder before it returns."""
    context = MemoryContext("cam1")
    qr(tmp_path / "box.png", "one")
    async with running(camera(tmp_path / "box.png", context)):
        await context.until(lambda: context.observations)
        pidfd = os.pidfd_open(decoder_of(os.getpid()))
    assert gone(pidfd)


DAEMON = """
import asyncio, sys
from drivers.camera.config import CameraConfig
from drivers.camera.driver import CameraDevice
from support.camera import bomb, camera, qr
from support.context import MemoryContext

class Telling(MemoryContext):
    def emit(self, observation):
        print("seen", flush=True)

config = CameraConfig(id="cam1", driver="camera", source=sys.argv[1])
asyncio.run(CameraDevice(config, Telling("cam1")).run())
"""


def test_killed_daemon_leaves_no_orphan(tmp_path: Path) -> None:
    """kill -9 of the gateway takes the decoder with it, by the kernel's hand."""
    qr(tmp_path / "box.png", "one")
    environment = os.environ | {"PYTHONPATH": str(ROOT / "tests")}
    with subprocess.Popen(
        [sys.executable, "-c", DAEMON, tmp_path / "box.png"], cwd=ROOT, env=environment, stdout=subprocess.PIPE
    ) as daemon:
        assert daemon.stdout
        assert daemon.stdout.readline() == b"seen\n"
        pidfd = os.pidfd_open(decoder_of(daemon.pid))
        daemon.kill()
    assert gone(pidfd)
