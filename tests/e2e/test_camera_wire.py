"""The camera driver with its child against simulated streams and image files."""

import asyncio
import urllib.request
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest
import zxingcpp
from pyzbar import pyzbar

from model.errors import TransientError
from model.ports import Health
from support.camera import camera, count, qr, scans
from support.context import MemoryContext, running, until
from support.sims import Sim, StartSim


def told(context: MemoryContext) -> list[tuple[str | None, str]]:
    return [(scan.symbology, scan.data.decode()) for scan in scans(context)]


def sent(sim: Sim) -> list[tuple[str, str]]:
    return [(line["symbology"], line["text"]) for line in sim.log() if line["event"] == "scan"]


async def test_codes_of_a_stream_arrive_once_each(sim: StartSim) -> None:
    """What the camera showed is what arrives, stamped with the time of the picture."""
    lens, context = await sim("camera", "--every", "0"), MemoryContext("cam1")
    async with running(camera(lens.endpoint, context)):
        await context.until(lambda: context.healths == [(Health.ONLINE, None)])
        for number, text in enumerate(["A1", "https://id.example/01/06901234567892", "冷藏药品"], 1):
            await lens.command("show", text=text)
            await context.until(partial(count, context, number))
    await until(lambda: told(context) == sent(lens))
    shown = [line for line in lens.log() if line["event"] == "scan"]
    for scan, line in zip(scans(context), shown, strict=True):
        # the log is written after the picture has gone, and the picture may arrive in between
        assert abs(scan.at.mono - line["mono"]) < 5_000_000


async def test_camera_by_itself(sim: StartSim) -> None:
    """Without commands the simulator shows unique codes; what arrives was shown, nothing twice."""
    lens, context = await sim("camera", "--every", "0.4", "--hold", "0.3", "--fps", "20"), MemoryContext("cam1")
    async with running(camera(lens.endpoint, context)):
        await context.until(lambda: len(scans(context)) >= 3)
    assert len(set(told(context))) == len(told(context))
    await until(lambda: set(told(context)) <= set(sent(lens)))


async def test_code_comes_back_into_view(sim: StartSim) -> None:
    """It is a new scan once it has left the view, and only then."""
    lens, quick, slow = await sim("camera", "--every", "0"), MemoryContext("cam1"), MemoryContext("cam1")
    async with running(camera(lens.endpoint, quick, left_s=0)), running(camera(lens.endpoint, slow, left_s=3600)):
        for number, (text, new) in enumerate([("A", 1), ("B", 2), ("A", 2), ("C", 3)], 1):
            await lens.command("show", text=text)
            await quick.until(partial(count, quick, number))
            await slow.until(partial(count, slow, new))
    assert [text for _, text in told(quick)] == ["A", "B", "A", "C"]
    assert [text for _, text in told(slow)] == ["A", "B", "C"]


async def test_dark_camera_is_degraded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture without contrast is a picture, but no eye: it is told, and light heals it."""
    monkeypatch.setattr("drivers.common.line.SETTLE_US", 0)
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    cv2.imwrite(str(picture), np.full((480, 640), 3, np.uint8))
    async with running(camera(picture, context)):
        await context.until(lambda: context.healths == [(Health.DEGRADED, "camera_dark")])
        qr(picture, "light")
        await context.until(lambda: context.healths[1:] == [(Health.ONLINE, None)])


async def test_image_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    """A snapshot that somebody replaces is a camera too."""
    picture, context = tmp_path / "snapshot.png", MemoryContext("cam1")
    qr(picture, "one")
    async with running(camera(picture, context)):
        await context.until(lambda: told(context) == [("]Q1", "one")])
        qr(picture, "two")
        await context.until(lambda: told(context) == [("]Q1", "one"), ("]Q1", "two")])


async def test_symbologies_as_transmitted(tmp_path: Path) -> None:
    """GS1 data keeps its separators and has no brackets; UPC-A comes as 13 digits; several codes of one picture all
    come. These symbols are zxing-cpp's own drawings: segno draws no Data Matrix."""
    gs1 = zxingcpp.create_barcode("(01)06901234567892(10)AB1(21)X", zxingcpp.BarcodeFormat.DataMatrix, gs1=True)
    upca = zxingcpp.create_barcode("012345678905", zxingcpp.BarcodeFormat.UPCA)
    code128 = zxingcpp.create_barcode("BOX-7", zxingcpp.BarcodeFormat.Code128)
    sheet = np.full((700, 500), 255, np.uint8)
    for number, symbol in enumerate((gs1, upca, code128)):
        image = np.array(symbol.to_image(scale=3))
        top = 40 + 220 * number
        sheet[top : top + image.shape[0], 40 : 40 + image.shape[1]] = image
    cv2.imwrite(str(tmp_path / "sheet.png"), sheet)
    context = MemoryContext("cam1")
    async with running(camera(tmp_path / "sheet.png", context)):
        await context.until(lambda: len(scans(context)) == 3)
    assert set(told(context)) == {
        ("]d2", "010690123456789210AB1\x1d21X"),
        ("]E0", "0012345678905"),
        ("]C0", "BOX-7"),
    }


async def test_several_codes_at_once_with_the_picture_they_were_read_from(sim: StartSim) -> None:
    """Each is a scan; the picture is a JPEG of bounded size in which another decoder reads the same."""
    lens, context = await sim("camera", "--every", "0", "--size", "1280x720"), MemoryContext("cam1")
    await lens.command("show", text="ONE")
    await lens.command("add", text="TWO", symbology="code128")
    await lens.command("add", text="THREE", symbology="datamatrix")
    async with running(camera(lens.endpoint, context)):
        await context.until(partial(count, context, 3))
    assert set(told(context)) == set(sent(lens)) == {("]Q1", "ONE"), ("]C0", "TWO"), ("]d1", "THREE")}
    frame = scans(context)[0].frame
    assert frame and len(frame) <= 200_000
    image = cv2.imdecode(np.frombuffer(frame, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert b"ONE" in [found.data for found in pyzbar.decode(image)]


async def test_only_the_region_is_read(sim: StartSim) -> None:
    """What lies beside it is not looked at; without kept frames a scan has none."""
    lens, context = await sim("camera", "--every", "0"), MemoryContext("cam1")
    await lens.command("show", text="LEFT")
    await lens.command("add", text="RIGHT")
    async with running(camera(lens.endpoint, context, roi=(0.25, 0, 0.75, 1), keep_frames=False)):
        await context.until(partial(count, context, 1))
        await lens.command("show", text="LEFT AGAIN")
        await lens.command("add", text="RIGHT AGAIN")
        await context.until(partial(count, context, 2))
    assert told(context) == [("]Q1", "RIGHT"), ("]Q1", "RIGHT AGAIN")]
    assert [scan.frame for scan in scans(context)] == [None, None]


async def test_a_recording_is_a_camera_until_its_end(tmp_path: Path) -> None:
    """A video file: what it shows is scanned, and its end is told."""
    qr(tmp_path / "code.png", "FILM")
    shown = np.full((240, 320, 3), 255, np.uint8)
    symbol = cv2.imread(str(tmp_path / "code.png"))
    assert symbol is not None
    shown[20 : 20 + symbol.shape[0], 20 : 20 + symbol.shape[1]] = symbol
    film = cv2.VideoWriter(str(tmp_path / "film.avi"), cv2.VideoWriter.fourcc(*"MJPG"), 20, (320, 240))
    for _ in range(10):
        film.write(shown)
    film.release()
    context = MemoryContext("cam1")
    with pytest.raises(TransientError) as caught:
        await camera(tmp_path / "film.avi", context).run()
    assert (caught.value.code, told(context)) == ("camera_ended", [("]Q1", "FILM")])


async def test_a_stream_that_opencv_opens(tmp_path: Path) -> None:
    """Neither MJPEG over HTTP nor a file: bare JPEGs over TCP stand for what RTSP and others go through."""
    qr(tmp_path / "code.png", "LIVE")
    symbol = cv2.imread(str(tmp_path / "code.png"))
    assert symbol is not None
    shown = np.pad(symbol, ((20, 20), (20, 20), (0, 0)), constant_values=255)
    jpeg = cv2.imencode(".jpg", shown)[1].tobytes()
    end = asyncio.Event()

    async def film(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while not end.is_set():
            writer.write(jpeg)
            await writer.drain()
            await asyncio.sleep(0.005)
        writer.close()

    context = MemoryContext("cam1")
    async with await asyncio.start_server(film, "127.0.0.1") as server:
        host, port = server.sockets[0].getsockname()
        run = asyncio.create_task(camera(f"tcp://{host}:{port}", context).run())
        await context.until(partial(count, context, 1))
        end.set()
        with pytest.raises(TransientError) as caught:
            await run
    assert (caught.value.code, told(context)) == ("camera_ended", [("]Q1", "LIVE")])


def first_picture(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as stream:
        assert stream.headers.get_content_type() == "multipart/x-mixed-replace"
        assert stream.readline().rstrip() == b"--" + stream.headers.get_param("boundary").encode()
        headers = dict(line.decode().rstrip().split(": ") for line in iter(stream.readline, b"\r\n"))
        jpeg: bytes = stream.read(int(headers["Content-Length"]))
    return jpeg


async def test_foreign_reader_understands_the_simulator(sim: StartSim) -> None:
    """Python's HTTP client and zbar, nothing of ours and not the decoder of the driver."""
    lens = await sim("camera", "--text", "PEER-1")
    jpeg = await asyncio.to_thread(first_picture, lens.endpoint)
    image = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    assert [found.data for found in pyzbar.decode(image)] == [b"PEER-1"]
    assert sent(lens) == [("]Q1", "PEER-1")]
