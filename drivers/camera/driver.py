"""A camera as a code reader: starts the decoder child, holds it to its deadline, emits each code once per view."""

import asyncio
import re
import sys
from asyncio.subprocess import PIPE, Process

import msgspec

from drivers.camera.config import CameraConfig
from drivers.camera.protocol import LINE_MAX, Line, Picture, Problem, Ready, Task, decoder
from drivers.camera.view import View
from model.errors import DriverError, PermanentError, TransientError
from model.observation import Scan
from model.ports import Context, Health

START_S = 30.0
"""Until the child has loaded its libraries: a second on a PC, up to ten on a cold SD card."""
BLIND_CONTRAST = 2.0
"""Standard deviation of the grey values below which nothing can be seen: a covered lens, no light."""


class CameraDevice:
    """Raises TransientError `camera_gone`, `camera_image_bad`, `camera_hung`, `camera_decoder_died`, PermanentError
    `camera_extra_missing`. A code that stays in view over a restart of `run` is not emitted again."""

    Config = CameraConfig

    def __init__(self, config: CameraConfig, context: Context) -> None:
        self._config = config
        self._context = context
        self._shown = re.sub(r"//[^/]*@", "//", config.source)  # no password in an error text
        self._view = View(int(config.left_s * 1e6))

    async def run(self) -> None:
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "drivers.camera.child", stdin=PIPE, stdout=PIPE, limit=LINE_MAX
        )
        try:
            await self._follow(child)
        finally:
            if child.returncode is None:
                child.kill()
            await child.communicate()  # to the end: that also closes the pipes

    async def _follow(self, child: Process) -> None:
        assert child.stdin
        task = Task(self._config.source, self._config.fps, self._config.formats)
        child.stdin.write(msgspec.json.encode(task) + b"\n")
        deadline_s = START_S
        while True:
            match await self._line(child, deadline_s):
                case Ready():
                    deadline_s = self._config.deadline_s
                case Picture() as picture:
                    self._saw(picture)
                case Problem(code="camera_extra_missing" as code, why=why):
                    raise PermanentError(code, why=why)
                case Problem(code, why):
                    raise TransientError(code, source=self._shown, why=why)

    async def _line(self, child: Process, deadline_s: float) -> Line:
        assert child.stdout
        try:
            async with asyncio.timeout(deadline_s):
                line = await child.stdout.readline()
                if not line:
                    raise self._died(f"exit code {await child.wait()}")
            return decoder.decode(line)
        except TimeoutError as err:
            raise TransientError("camera_hung", source=self._shown, seconds=f"{deadline_s:g}") from err
        except (ValueError, msgspec.DecodeError) as err:
            raise self._died(str(err)) from err

    def _died(self, why: str) -> DriverError:
        return TransientError("camera_decoder_died", source=self._shown, why=why)

    def _saw(self, picture: Picture) -> None:
        if picture.contrast < BLIND_CONTRAST:
            self._context.health(Health.DEGRADED, TransientError("camera_blind", brightness=picture.brightness))
        else:
            self._context.health(Health.ONLINE)
        now = self._context.clock.now()
        at = msgspec.structs.replace(now, t=now.t - picture.age_us, mono=now.mono - picture.age_us)
        for symbology, data in self._view.step(((code.symbology, code.data) for code in picture.codes), at.mono):
            self._context.emit(Scan(self._context.device, data, at, symbology))
