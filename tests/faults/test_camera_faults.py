"""What may happen to a camera and to its decoder: one picture or one restart is lost, never more."""

import asyncio
import os
import resource
import select
import signal
import subprocess
import sys
from collections.abc import Awaitable
from contextlib import aclosing
from functools import partial
from pathlib import Path

import pytest

from drivers.camera.pictures import decoded
from drivers.camera.protocol import Symbols
from model.errors import DriverError, PermanentError, TransientError
from model.observation import Quality
from model.ports import Health
from support.camera import bomb, camera, count, qr, scans
from support.context import MemoryContext, running
from support.sims import StartSim

ROOT = Path(__file__).parents[2]
ONLINE = (Health.ONLINE, None)
NONE, DAMAGED, LARGE, SKIPPED = (
    (Health.DEGRADED, f"picture_{what}") for what in ("none", "damaged", "too_large", "skipped")
)


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
    await context.until(lambda: scans(context))
    os.kill(decoder_of(os.getpid()), signal.SIGKILL)
    await failing(run, TransientError, "camera_decoder_died")
    async with running(device):
        qr(tmp_path / "box.png", "two")
        await context.until(lambda: scans(context)[1:])
    assert [scan.data for scan in scans(context)] == [b"one", b"two"]


async def test_hanging_decoder_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process says nothing, ends on nothing but kill -9, and must not stay."""
    monkeypatch.setattr("drivers.camera.driver.SILENCE_S", 0)
    context = MemoryContext("cam1")
    qr(tmp_path / "box.png", "one")
    run = asyncio.create_task(camera(tmp_path / "box.png", context, deadline_s=1).run())
    await context.until(lambda: scans(context))
    pid = decoder_of(os.getpid())
    pidfd = os.pidfd_open(pid)
    os.kill(pid, signal.SIGSTOP)
    await failing(run, TransientError, "camera_hung")
    assert gone(pidfd)


async def test_image_bomb_costs_a_picture(tmp_path: Path) -> None:
    """20,000 x 20,000 pixels in a small file are refused; the next picture is read, by the same decoder."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    bomb(picture, 20_000)
    async with running(camera(picture, context)):
        await context.until(lambda: context.healths == [LARGE])
        qr(picture, "good")
        await context.until(lambda: scans(context))
    assert context.healths == [LARGE]


async def test_memory_of_the_decoder_is_bounded(tmp_path: Path) -> None:
    """49 million pixels are read, within the one GB of address space that the kernel grants the decoder."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    qr(picture, "far away", side=7_000)
    async with running(camera(picture, context, keep_frames=False)):
        await context.until(lambda: scans(context))
        assert resource.prlimit(decoder_of(os.getpid()), resource.RLIMIT_AS) == (1 << 30, 1 << 30)


async def test_rubbish_in_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no image is told as such, and one that is damaged; the next good one is read."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    told: list[tuple[Health, str | None]] = []
    async with running(camera(picture, context)):
        for content, health in {b"": NONE, b"\xff\xd8 no jpeg": NONE, b"\x89PNG\r\n\x1a\n": DAMAGED}.items():
            (tmp_path / "rubbish").write_bytes(content)
            (tmp_path / "rubbish").replace(picture)
            told.append(health)
            await context.until(lambda: context.healths == told)
            qr(picture, "good")
            told.append(ONLINE)
            await context.until(lambda: context.healths == told)


@pytest.mark.parametrize("fault", ["unplug", "stall"])
async def test_source_cut_and_back(sim: StartSim, monkeypatch: pytest.MonkeyPatch, fault: str) -> None:
    """A stream that ends or falls silent is gone; when it is back, so are its codes."""
    lens, context = await sim("camera", "--every", "0"), MemoryContext("cam1")
    device = camera(lens.endpoint, context)
    with monkeypatch.context() as patch:
        patch.setattr("drivers.camera.driver.SILENCE_S", 1.5)
        run = asyncio.create_task(device.run())
        await context.until(lambda: context.healths == [ONLINE])
        await lens.command(fault)
        await failing(run, TransientError, "camera_ended" if fault == "unplug" else "camera_silent")
    assert context.observations[-1].quality_of(0) is Quality.COMM_ERROR
    if fault == "unplug":
        await failing(device.run(), TransientError, "camera_gone")
        await lens.command("replug")
    await lens.command("live")
    await lens.command("show", text="back")
    async with running(device):
        await context.until(lambda: scans(context))


async def test_rubbish_in_the_stream(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pictures that are none are told, and cost themselves: the same decoder reads the next good one."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    lens, context = await sim("camera", "--every", "0", "--fps", "20"), MemoryContext("cam1")
    async with running(camera(lens.endpoint, context)):
        await context.until(lambda: context.healths == [ONLINE])
        for number, (how, health) in enumerate({"rubbish": NONE, "huge": LARGE}.items(), 1):
            await lens.command("garbage", how=how)
            await context.until(lambda told=health: context.healths[-1] == told)  # type: ignore[misc]
            await lens.command("show", text=f"good {number}")
            await lens.command("live")
            await context.until(partial(count, context, number))
            await context.until(lambda: context.healths[-1] == ONLINE)
    assert set(context.healths) == {ONLINE, NONE, LARGE}


async def test_a_picture_that_is_cut_off(sim: StartSim) -> None:
    """What has come of a JPEG is read: no whole picture shows this code."""
    lens, context = await sim("camera", "--every", "0", "--fps", "20"), MemoryContext("cam1")
    await lens.command("garbage", how="cut")
    await lens.command("show", text="in the upper half")
    async with running(camera(lens.endpoint, context)):
        await context.until(partial(count, context, 1))
    assert scans(context)[0].data == b"in the upper half"
    assert context.healths == [ONLINE]


async def test_camera_that_sees_nothing_new(sim: StartSim, monkeypatch: pytest.MonkeyPatch) -> None:
    """Covered, dazzled or frozen: it is told why, and that it is over."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    lens, context = await sim("camera", "--every", "0", "--fps", "20"), MemoryContext("cam1")
    told: list[tuple[Health, str | None]] = [ONLINE]
    async with running(camera(lens.endpoint, context, frozen_s=1.5)):
        await context.until(lambda: context.healths == told)
        for light, code in {0: "camera_dark", 255: "camera_glare", 120: "camera_blind"}.items():
            await lens.command("blind", light=light)
            told.append((Health.DEGRADED, code))
            await context.until(lambda: context.healths == told)
            await lens.command("live")
            told.append(ONLINE)
            await context.until(lambda: context.healths == told)
        await lens.command("freeze")
        told.append((Health.DEGRADED, "camera_frozen"))
        await context.until(lambda: context.healths == told)
        await lens.command("live")
        told.append(ONLINE)
        await context.until(lambda: context.healths == told)


DEADLY = """
import os, signal, zxingcpp
read_barcodes = zxingcpp.read_barcodes
def read(image, **options):
    if image.shape == (77, 77):
        os.kill(os.getpid(), signal.{signal})
    return read_barcodes(image, **options)
zxingcpp.read_barcodes = read
"""
"""A decoder that does not survive one picture, as zbar and others have not: loaded by the child's Python as it starts."""


def deadly(directory: Path, monkeypatch: pytest.MonkeyPatch, signal_: str) -> bytes:
    """From now on decoders die by this signal, or stop, over the picture whose bytes are given back."""
    (directory / "sitecustomize.py").write_text(DEADLY.format(signal=signal_))
    monkeypatch.setenv("PYTHONPATH", str(directory))
    bomb(directory / "deadly.png", 77)
    return (directory / "deadly.png").read_bytes()


@pytest.mark.parametrize(("signal_", "code"), [("SIGSEGV", "camera_decoder_died"), ("SIGSTOP", "camera_hung")])
async def test_a_deadly_picture_is_not_tried_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_: str, code: str
) -> None:
    """It costs one restart; then it is told as bad, and the next picture is read."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    picture.write_bytes(deadly(tmp_path, monkeypatch, signal_))
    monkeypatch.setattr("drivers.camera.driver.SILENCE_S", 0)
    device = camera(picture, context, deadline_s=1 if signal_ == "SIGSTOP" else 20)
    await failing(device.run(), TransientError, code)
    async with running(device):
        await context.until(lambda: context.healths == [SKIPPED])
        qr(picture, "good")
        await context.until(lambda: scans(context))


@pytest.mark.parametrize("signal_", ["SIGSEGV", "SIGSTOP"])
async def test_a_deadly_file_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, signal_: str) -> None:
    """The files around it are decoded."""
    deadly(tmp_path, monkeypatch, signal_)
    for name in ("first", "last"):
        qr(tmp_path / f"{name}.png", name)
    files = [tmp_path / f"{name}.png" for name in ("first", "deadly", "last")]
    async with aclosing(decoded(files, 1 if signal_ == "SIGSTOP" else 20)) as answers:
        (_, first), (path, error), (_, last) = [answer async for answer in answers]
    assert isinstance(first, Symbols) and isinstance(last, Symbols)
    assert [code.text for code in (*first.codes, *last.codes)] == ["first", "last"]
    assert isinstance(error, TransientError) and (error.code, path) == (
        "image_slow" if signal_ == "SIGSTOP" else "image_deadly",
        files[1],
    )


async def test_absent_source_is_named_without_its_password(tmp_path: Path) -> None:
    """Nobody there: the error names the camera, but not the secret in its address."""
    error = await failing(camera(tmp_path / "none.png", MemoryContext("cam1")).run(), TransientError, "camera_absent")
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
        await context.until(lambda: scans(context))
        pidfd = os.pidfd_open(decoder_of(os.getpid()))
    assert gone(pidfd)


DAEMON = """
import asyncio, sys
from drivers.camera.config import CameraConfig
from drivers.camera.driver import CameraDevice
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
