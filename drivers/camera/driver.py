"""A camera as a code reader: starts the decoder child, holds it to its deadline, emits each code once per view."""

import re
from collections import deque
from typing import Literal

import msgspec

from drivers.camera.config import CameraConfig
from drivers.camera.decoder import START_S, Decoder, decoding
from drivers.camera.protocol import Attempt, Bad, Code, Line, Picture, Problem, Ready, Watch
from drivers.camera.sight import Sight
from drivers.camera.view import View
from drivers.camera.vitals import POINTS, Vitals, waited_us
from drivers.common.line import Condition
from model.errors import DriverError, PermanentError, TransientError
from model.observation import PointMap, Scan
from model.ports import Context

CODECS = {"utf-8": "utf-8", "gbk": "gb18030"}
"""Setting -> Python's name. GB 18030 has all of GBK."""
SILENCE_S = 3.0
"""A source that gives no picture for so long is gone: not every backend of OpenCV keeps the read timeout."""
SPARE_S = 1.0
"""A decoder needs more than its source may be silent."""
SKIPPED_MAX = 8
"""So many deadly pictures are remembered."""


class CameraDevice:
    """Raises TransientError `camera_hung`, `camera_decoder_died` and what `source.py` finds, PermanentError
    `camera_extra_missing`.

    A code that stays in view over a restart of `run` is not emitted again, and a picture over which a decoder has died or
    hung is not decoded again.
    """

    Config = CameraConfig
    carrier: Literal["pictures"] = "pictures"
    identifies: Literal[True] = True

    def __init__(self, config: CameraConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._condition = Condition(context)
        self._shown = shown(config.source)
        # a picture that is waited for, and a source that must be found silent, is no decoder that hangs
        self._deadline_s = max(config.deadline_s, SILENCE_S + SPARE_S) + 1 / config.fps
        self._view = View(int(config.left_s * 1e6))
        self._deadly: deque[str] = deque(maxlen=SKIPPED_MAX)
        self._vitals = Vitals(context, self.point_map(config))

    @staticmethod
    def point_map(config: CameraConfig) -> PointMap:
        return PointMap(config.id, "camera", 1, POINTS, record="change")

    async def run(self) -> None:
        config = self._config
        task = Watch(
            source=config.source,
            silence_s=SILENCE_S,
            fps=config.fps,
            formats=config.formats,
            roi=config.roi,
            motion=config.motion,
            heartbeat_s=config.heartbeat_s,
            confirm=(config.confirm, config.confirm_of),
            left_us=int(config.left_s * 1e6),
            keep_frames=config.keep_frames,
            skip=list(self._deadly),
        )
        async with decoding(task, self._shown) as decoder:
            try:
                await self._follow(decoder)
            except TransientError:
                self._vitals.lost()
                raise

    async def _follow(self, decoder: Decoder) -> None:
        sight, deadline_s = Sight(), START_S
        attempt: str | None = None
        while True:
            try:
                line = await decoder.line(deadline_s)
            except TransientError:
                if attempt is not None:
                    self._deadly.append(attempt)
                raise
            attempt = line.mark if isinstance(line, Attempt) else None
            deadline_s = self._deadline_s
            self._heard(line, sight)

    def _heard(self, line: Line | None, sight: Sight) -> None:
        match line:
            case Picture() as picture:
                self._tell(picture, sight)
                self._vitals.saw(picture)
                self._saw(picture)
            case Bad(code, params):
                self._vitals.tell()
                self._condition.wrong(TransientError(code, source=self._shown, **params))
            case Problem(code="camera_extra_missing" as code, params=params):
                raise PermanentError(code, **params)
            case Problem(code, params):
                raise TransientError(code, source=self._shown, **params)
            case Ready() | Attempt():
                pass
            case _:
                raise TransientError("camera_decoder_died", source=self._shown, why="it has ended")

    def _tell(self, picture: Picture, sight: Sight) -> None:
        """How the camera is."""
        frozen_s = self._config.frozen_s
        if blind := sight.step(picture.brightness, picture.contrast):
            self._condition.wrong(TransientError(blind, brightness=picture.brightness))
        elif frozen_s and picture.same_s >= frozen_s:
            self._condition.wrong(TransientError("camera_frozen", source=self._shown, seconds=f"{frozen_s:g}"))
        elif (late_s := waited_us(picture, self._context.clock.now()) / 1e6) > self._config.age_max_s:
            self._condition.wrong(TransientError("camera_late", source=self._shown, seconds=f"{late_s:.1f}"))
        else:
            self._condition.good()

    def _saw(self, picture: Picture) -> None:
        if picture.codes is None:
            return
        codes = {(code.format, code.data): code for code in picture.codes}
        new = self._view.step(codes, picture.at_us)
        if not new:
            return
        now = self._context.clock.now()
        at = msgspec.structs.replace(now, t=now.t - waited_us(picture, now), mono=picture.at_us)
        for code in (codes[key] for key in new):
            charset, oddity = charset_of(code, self._config.charset)
            self._context.emit(
                Scan(self._context.device, code.data, at, code.aim, charset=charset, frame=picture.frame)
            )
            if oddity:
                self._condition.wrong(oddity)


def shown(source: str) -> str:
    """What may be told of a source: of an address neither the user nor what is asked for, which may hold the password.

    An address in which the password is not written as it must be is not taken apart: of it only the scheme is told.
    """
    scheme, sign, rest = source.partition("://")
    if not sign:
        return source
    place, *asked = re.split("[?#]", rest, maxsplit=1)
    if any("@" in one for one in asked):
        return f"{scheme}://…"  # perhaps a password with one of these signs in it
    return scheme + sign + place.rpartition("@")[2]


def charset_of(code: Code, setting: str) -> tuple[str | None, DriverError | None]:
    """Of bytes that are not UTF-8 the charset that the symbol names, else that of the settings where they are text in it."""
    try:
        code.data.decode()
    except UnicodeDecodeError:
        pass
    else:
        return None, None
    charset = code.charset or CODECS[setting]
    try:
        code.data.decode(charset)
    except UnicodeDecodeError:
        return None, TransientError("scan_no_text", charset=setting)
    return charset, None
