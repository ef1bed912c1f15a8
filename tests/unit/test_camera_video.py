"""A running capture, whose pictures a thread of its own grabs."""

from collections.abc import Iterator
from queue import SimpleQueue
from typing import Any

import numpy as np
import pytest

from drivers.camera.pixels import BadPictureError
from drivers.camera.source import SourceError, Video

PICTURE = np.zeros((48, 64, 3), np.uint8)
SILENCE_S = 20.0


class Capture:
    """What OpenCV gives of a device: each look the next of these, None for a picture that it cannot give, then the end."""

    def __init__(self, *pictures: Any) -> None:
        self._pictures = iter(pictures)
        self._looked: SimpleQueue[None] = SimpleQueue()

    def grab(self) -> bool:
        """One for each that was wanted."""
        self._looked.get()
        self._picture: Any = next(self._pictures, StopIteration)
        return self._picture is not StopIteration

    def retrieve(self) -> tuple[bool, Any]:
        if isinstance(self._picture, Exception):
            raise self._picture
        return self._picture is not None, self._picture

    def wanted(self) -> None:
        self._looked.put(None)


def looked_at(video: Video, capture: Capture) -> Iterator[str]:
    """What comes of each look."""
    while True:
        video._wanted.set()
        capture.wanted()
        try:
            video.next()
            yield "picture"
        except BadPictureError as err:
            yield str(err)
        except SourceError as err:
            yield err.code
            return


def test_a_picture_that_cannot_be_had_costs_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told to whoever asked, and the next one comes."""
    capture = Capture(PICTURE, None, PICTURE)
    monkeypatch.setattr("drivers.camera.source.opened", lambda *_: capture)
    assert [*looked_at(Video("rtsp://camera", SILENCE_S), capture)] == [
        "picture",
        "picture_none",
        "picture",
        "camera_ended",
    ]


def test_what_ends_the_thread_ends_the_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not after a silence, as if the camera had said nothing."""
    capture = Capture(PICTURE, OSError("of a kind that nobody foresaw"))
    monkeypatch.setattr("drivers.camera.source.opened", lambda *_: capture)
    monkeypatch.setattr("threading.excepthook", lambda _: None)
    assert [*looked_at(Video("rtsp://camera", SILENCE_S), capture)] == ["picture", "camera_ended"]
