"""When a camera's picture is decoded, which codes are believed, what part is looked at, and when it is blind."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydantic import ValidationError

from drivers.camera.config import CameraConfig
from drivers.camera.confirm import Confirm
from drivers.camera.driver import SILENCE_S, charset_of, shown
from drivers.camera.gate import WINDOW_S, Gate
from drivers.camera.pixels import cut
from drivers.camera.protocol import Bad, Code, Picture
from drivers.camera.sight import LOOKS, Sight
from drivers.camera.vitals import EVERY_US
from model.ports import Health
from support.camera import camera
from support.context import MemoryContext

QR, BARS = ("QR Code", b"1"), ("Code 128", b"2")


def small(seed: int, thing: tuple[int, int] | None = None) -> NDArray[np.uint8]:
    """A reduced picture of 1280 x 720 with a sensor's noise in it, and perhaps a box of 6 x 6 points."""
    pixels = np.random.default_rng(seed).normal(120, 3, (90, 160))
    if thing:
        y, x = thing
        pixels[y : y + 8, x : x + 8] = 20
    return pixels.clip(0, 255).astype(np.uint8)


def test_the_gate_opens_where_something_moves() -> None:
    """And stays open a moment longer; noise alone is no movement, a thing that stands still neither."""
    gate = Gate(heartbeat_s=1000)
    assert gate.moves(small(0), 0.0), "the first picture is new"
    times = [WINDOW_S + n / 5 for n in range(1, 50)]
    assert not any(gate.moves(small(n), time) for n, time in enumerate(times))
    assert gate.moves(small(99, (40, 70)), 20.0)
    assert gate.moves(small(98, (40, 70)), 20.0 + WINDOW_S - 0.01)
    assert not gate.moves(small(97, (40, 70)), 20.0 + WINDOW_S + 0.01)
    assert gate.moves(small(96), 30.0), "it has gone"


def test_the_heartbeat_counts_from_the_last_picture_decoded() -> None:
    gate = Gate(heartbeat_s=3)
    assert gate.due(0.0)
    gate.decoded(1.0)
    assert [gate.due(now) for now in (3.9, 4.0)] == [False, True]


def test_a_picture_of_another_size_is_movement() -> None:
    """A camera that was set otherwise."""
    gate = Gate(heartbeat_s=1000)
    gate.moves(small(0), 0.0)
    assert gate.moves(small(0)[:45], 100.0)


def test_bars_are_believed_when_pictures_agree() -> None:
    """Two of three; a symbol that corrects errors needs no second."""
    confirm = Confirm(2, 3)
    assert confirm.step([QR, BARS]) == {QR}
    assert confirm.open
    assert confirm.step([]) == set()
    assert confirm.step([BARS]) == {BARS}
    assert [confirm.step([]), confirm.step([]), confirm.step([BARS])] == [set(), set(), set()]


def test_one_misread_keeps_no_gate_open() -> None:
    confirm = Confirm(2, 3)
    confirm.step([BARS])
    for _ in range(3):
        confirm.step([])
    assert not confirm.open


@given(st.lists(st.booleans(), max_size=30), st.integers(1, 5), st.integers(1, 5))
def test_n_of_m_is_what_it_says(shown: list[bool], least: int, of: int) -> None:
    """For any sequence of pictures."""
    confirm = Confirm(least, of)
    for n, now in enumerate(shown):
        believed = confirm.step([BARS] if now else [])
        assert bool(believed) == (now and sum(shown[max(0, n + 1 - of) : n + 1]) >= least)


def test_a_region_is_cut_in_parts_or_in_pixels() -> None:
    """And its corner is told, so that positions are those of the whole picture."""
    pixels = np.arange(100 * 200, dtype=np.uint32).reshape(100, 200).astype(np.uint8)
    for region in ((0.25, 0.5, 0.5, 0.25), (50, 50, 100, 25)):
        part, corner = cut(pixels, region)
        assert (part.shape, corner) == ((25, 100), (50, 50))
        assert (part == pixels[50:75, 50:150]).all()
    assert cut(pixels, None)[0] is pixels
    assert cut(pixels, (150, 90, 400, 400))[0].shape == (10, 50)


@given(*[st.floats(0, 5000)] * 2, *[st.floats(0.001, 5000)] * 2)
def test_no_region_leaves_nothing(x: float, y: float, wide: float, high: float) -> None:
    """A camera that was set to a smaller picture."""
    assert cut(np.zeros((48, 64), np.uint8), (x, y, wide, high))[0].size


@pytest.mark.parametrize("roi", [(-0.1, 0, 0.5, 0.5), (0.6, 0, 0.5, 0.5), (0, 0, 0, 1), (10, 10, -5, 20)])
def test_a_wrong_region_is_refused(roi: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError, match="region"):
        CameraConfig.model_validate({"id": "c", "driver": "camera", "source": "x.png", "roi": roi})


def test_more_pictures_than_there_are_cannot_agree() -> None:
    with pytest.raises(ValidationError, match="agree"):
        CameraConfig.model_validate({"id": "c", "driver": "camera", "source": "x", "confirm": 4})


@pytest.mark.parametrize(
    ("brightness", "contrast", "told"),
    [(3, 0.5, "camera_dark"), (250, 1, "camera_glare"), (120, 0.2, "camera_blind"), (120, 1.0, None), (10, 30, None)],
)
def test_why_a_camera_sees_nothing(brightness: float, contrast: float, told: str | None) -> None:
    """The first picture says it at once; an empty belt and a dark room with a lamp are seen."""
    assert Sight().step(brightness, contrast) == told


def test_blindness_does_not_flap() -> None:
    """Other pictures must agree for a while, each way."""
    sight = Sight()
    assert sight.step(120, 40) is None
    for _ in range(3):
        assert [sight.step(2, 0) for _ in range(LOOKS - 1)] == [None] * (LOOKS - 1)
        assert sight.step(120, 40) is None
    assert [sight.step(2, 0) for _ in range(LOOKS)][-1] == "camera_dark"
    assert [sight.step(120, 40) for _ in range(LOOKS)] == ["camera_dark"] * (LOOKS - 1) + [None]


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("http://user:se/cr@t@host:81/video?user=u&pwd=secret#x", "http://host:81/video"),
        ("rtsp://host/h264?pwd=secret", "rtsp://host/h264"),
        ("http://user:se?cret@host/video", "http://…"),
        ("/dev/v4l/by-id/a@b?", "/dev/v4l/by-id/a@b?"),
    ],
)
def test_no_password_is_told(source: str, told: str) -> None:
    assert shown(source) == told


def test_bytes_that_are_no_utf8_are_not_guessed() -> None:
    """The symbol's word, else the setting; else it is told."""
    utf8, gbk = (Code("冷藏".encode(charset), "]Q1", None, "QR Code", []) for charset in ("utf-8", "gbk"))
    assert charset_of(utf8, "utf-8") == charset_of(utf8, "gbk") == (None, None)
    assert charset_of(gbk, "gbk") == ("gb18030", None)
    charset, oddity = charset_of(gbk, "utf-8")
    assert (charset, oddity and oddity.code) == (None, "scan_no_text")
    gbk.charset = "gb18030"
    assert charset_of(gbk, "utf-8") == ("gb18030", None)


async def test_a_bad_picture_now_and_then_is_told_once() -> None:
    context = MemoryContext("c")
    device, sight = camera("x.png", context), Sight()
    for _ in range(10):
        device._heard(Picture(context.clock.mono(), 0, 100, 50, None), sight)
        device._heard(Bad("picture_none"), sight)
    assert context.healths == [(Health.ONLINE, None), (Health.DEGRADED, "picture_none")]
    context.time.ahead_us = EVERY_US
    device._heard(Bad("picture_none"), sight)
    assert context.observations[-1].values[0] >= EVERY_US / 1000, "the good one grows old"


async def test_a_picture_that_is_old_when_it_is_decoded_is_late() -> None:
    context = MemoryContext("c")
    device, sight = camera("x.png", context, age_max_s=2), Sight()
    for age_us in (0, 3_000_000):
        device._heard(Picture(context.clock.mono() - age_us, 0, 100, 50, None), sight)
    assert context.healths == [(Health.ONLINE, None), (Health.DEGRADED, "camera_late")]


def test_a_slow_camera_is_no_hanging_decoder() -> None:
    """It may wait for the next picture, and must have time to find its source silent."""
    slow, quick = (camera("x.png", MemoryContext("c"), fps=fps, deadline_s=1) for fps in (0.2, 10))
    assert slow._deadline_s > SILENCE_S + 5
    assert quick._deadline_s >= SILENCE_S + 1
