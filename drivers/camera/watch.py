"""What a camera's child does: look at every picture, decode those that may show something new. Runs in the child only."""

import time
from collections.abc import Iterator, Sequence

import cv2

from drivers.camera.confirm import Confirm
from drivers.camera.effort import all_looks, second_opinion
from drivers.camera.gate import Gate
from drivers.camera.glance import Glance
from drivers.camera.pixels import BadPictureError, Pixels, cut
from drivers.camera.protocol import Attempt, Bad, Code, Line, Picture, Problem, Watch
from drivers.camera.source import SMALL, Frame, ImageFile, SourceError, source_of
from drivers.camera.view import View

OPINION_S = 1.0
"""As often, at most, others than the plain look are asked while something moves."""
STILL_OPINION_S = 60.0
"""And where nothing does: all were asked about such a view when it came, and it shall cost next to nothing."""
SHARP = 4
"""Every so many pictures are read sharply while something moves; where nothing does, those that others are asked about."""


def watch(task: Watch) -> Iterator[Line]:
    """At most `fps` pictures a second. Ends with Problem `camera_gone`."""
    try:
        looking = _Watch(task)
        while True:
            began = time.monotonic()
            try:
                yield from looking.look()
            except BadPictureError as err:
                yield Bad(err.code, err.params)
            time.sleep(max(0.0, began + 1 / task.fps - time.monotonic()))
    except SourceError as err:
        yield Problem(err.code, err.params)


class _Watch:
    def __init__(self, task: Watch) -> None:
        self._task = task
        self._source = source_of(task.source, task.silence_s)
        self._still = isinstance(self._source, ImageFile)
        # a file has no second picture that could agree
        self._confirm = Confirm(1, 1) if self._still else Confirm(*task.confirm)
        self._gate = Gate(task.heartbeat_s)
        self._glance = Glance()
        self._view = View(task.left_us)
        self._skip = set(task.skip)
        self._told: Picture | None = None
        self._seen: Frame | None = None
        self._mark = ""
        self._since_us = 0
        self._opinion_at = -OPINION_S
        self._asked = False
        self._looks = 0

    def look(self) -> Iterator[Line]:
        """The lines about the next picture. Raises SourceError, BadPictureError."""
        frame = self._source.next()
        if frame is self._seen and self._told:  # a file that nobody has replaced
            self._told.at_us, self._told.frame = frame.at_us, None
            yield self._told
            return
        self._seen, self._told = frame, None
        if frame.mark in self._skip:
            raise BadPictureError("picture_skipped")
        if frame.mark != self._mark:
            self._mark, self._since_us = frame.mark, frame.at_us
        yield Attempt(frame.mark)  # before anything is unpacked
        small, _ = cut(frame.small(), self._reduced())
        now = time.monotonic()
        moves = self._gate.moves(small, now)
        codes, kept = None, None
        if moves or self._gate.due(now) or self._confirm.open or not self._task.motion:
            codes = self._decoded(frame, moves, now)
            new = self._view.step([(code.format, code.data) for code in codes], frame.at_us)
            kept = frame.kept() if new and self._task.keep_frames else None
        mean, deviation = (float(value[0, 0]) for value in cv2.meanStdDev(small))
        same_s = (frame.at_us - self._since_us) / 1e6 if self._source.live else 0.0
        light = round(mean, 1), round(deviation, 1)
        self._told = Picture(frame.at_us, same_s, *light, codes, kept, frame.written_us)
        yield self._told

    def _decoded(self, frame: Frame, moves: bool, now: float) -> list[Code]:
        """The codes of a picture that are believed, in its own coordinates."""
        self._gate.decoded(now)
        pixels, (left, top) = cut(frame.grey(), self._task.roi)
        codes = self._read(pixels, self._task.formats, moves, now)
        believed = self._confirm.step((code.format, code.data) for code in codes)
        for code in codes:
            code.position = [(x + left, y + top) for x, y in code.position]
        return [code for code in codes if (code.format, code.data) in believed]

    def _read(self, pixels: Pixels, formats: Sequence[str], moves: bool, now: float) -> list[Code]:
        if self._still:
            return all_looks(pixels, formats)
        others = self._asked or now >= self._opinion_at + (OPINION_S if moves else STILL_OPINION_S)
        sharply = others or (moves and self._looks % SHARP == 0)
        self._looks += 1
        codes = self._glance.read(pixels, formats, sharply=sharply)
        if others:
            self._opinion_at = now
            more = second_opinion(pixels, formats, codes)
            self._asked = bool(more)  # what only they see, only they can confirm and miss
            codes += more
        return codes

    def _reduced(self) -> tuple[float, float, float, float] | None:
        """The region in the reduced picture."""
        roi = self._task.roi
        if roi is None or max(roi) <= 1:
            return roi
        x, y, wide, high = (edge / SMALL for edge in roi)
        return x, y, max(wide, 1.01), high
