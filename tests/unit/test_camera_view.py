"""When a code before a camera counts as a new scan."""

import msgspec
import pytest

from drivers.camera.protocol import Code, Line, Picture, Problem, Ready, decoder
from drivers.camera.view import View

A, B = ("QR Code", b"A"), ("QR Code", b"B")


def test_code_in_view_is_one_scan() -> None:
    """However many pictures show it, and through a gap shorter than the limit."""
    view = View(left_us=300)
    assert view.step([A], 0) == [A]
    assert view.step([A, B], 100) == [B]
    assert view.step([B], 200) == []
    assert view.step([A], 400) == []


def test_code_that_left_is_scanned_again() -> None:
    """After pictures without it for the whole limit."""
    view = View(left_us=300)
    view.step([A], 0)
    view.step([], 100)
    view.step([], 399)
    assert view.step([], 400) == []
    assert view.step([A], 500) == [A]


def test_time_without_pictures_is_not_absence() -> None:
    """A camera that was cut off for an hour has not seen the box leave."""
    view = View(left_us=300)
    view.step([A], 0)
    assert view.step([A], 3_600_000_000) == []


def test_two_symbols_with_the_same_bytes_in_one_picture_are_one_code() -> None:
    """Both sides of a box; but another symbology is another code."""
    assert View(0).step([A, A, ("Data Matrix", b"A")], 0) == [A, ("Data Matrix", b"A")]


@pytest.mark.parametrize(
    "line",
    [
        Ready(),
        Problem("camera_gone", {"why": "why"}),
        Picture(1, 0.5, 2.5, 3.5, [Code(b"\x00\x1d\xff", "]d2", None, "Data Matrix", [(1, 2)] * 4)], b"\xff"),
    ],
)
def test_lines_of_the_child_survive_the_pipe(line: Line) -> None:
    """Bytes that are no text, too."""
    assert decoder.decode(msgspec.json.encode(line)) == line
