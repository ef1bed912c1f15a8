"""A camera of 1280 x 720 with three codes in view: how many pictures one core decodes, and what a still view costs."""

import json
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import msgspec

from bench.options import Options
from bench.process import Process, python
from bench.report import Line, Report, Target
from drivers.camera.config import CameraConfig
from drivers.camera.protocol import Picture, Ready, Watch, decoder

CODES = (
    ("https://id.example/01/06901234567892", "qr"),
    ("010690123456789210LOT7", "datamatrix"),
    ("BOX-000017", "code128"),
)
CORE = {0}
OTHER = {1}
SETTLE_S = 5.0


@contextmanager
def filmed(options: Options, *, moving: bool) -> Iterator[str]:
    """The simulated camera; its address."""
    log = options.directory / "camera.log"
    command = python("-m", "firmware_sim", "camera", "--every", "0", "--size", "1280x720", "--fps", "30")
    with Process([*command, "--log", options.directory / "wire.jsonl"], log) as camera:
        os.sched_setaffinity(camera.pid, OTHER)
        address = json.loads(camera.line())["endpoint"]
        for text, symbology in CODES:
            camera.ask(json.dumps({"do": "add", "text": text, "symbology": symbology}))
        if moving:
            camera.ask(json.dumps({"do": "move"}))
        yield address


def looked(options: Options, seconds: float, *, moving: bool, **settings: float) -> tuple[float, float, Counter[int]]:
    """Seconds that passed, seconds of CPU, and how many pictures showed so many codes (-1: not decoded)."""
    with ExitStack() as stack:
        address = stack.enter_context(filmed(options, moving=moving))
        config = CameraConfig.model_validate({"id": "c", "driver": "camera", "source": address, **settings})
        child = stack.enter_context(Process(python("-m", "drivers.camera.child"), options.directory / "child.log"))
        os.sched_setaffinity(child.pid, CORE)
        told = child.ask(msgspec.json.encode(_task(config)).decode())
        assert isinstance(decoder.decode(told), Ready), told
        _counted(child, SETTLE_S)
        began, cpu = time.monotonic(), child.cpu_s()
        seen = _counted(child, seconds)
        return time.monotonic() - began, child.cpu_s() - cpu, seen


def _task(config: CameraConfig) -> Watch:
    return Watch(
        source=config.source,
        silence_s=3,
        fps=config.fps,
        formats=config.formats,
        roi=None,
        motion=config.motion,
        heartbeat_s=config.heartbeat_s,
        confirm=(config.confirm, config.confirm_of),
        left_us=int(config.left_s * 1e6),
        keep_frames=True,
        skip=[],
    )


def _counted(child: Process, seconds: float) -> Counter[int]:
    seen: Counter[int] = Counter()
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        line = decoder.decode(child.line())
        if isinstance(line, Picture):
            seen[-1 if line.codes is None else len(line.codes)] += 1
    return seen


def run(options: Options) -> Report:
    rates, idle, gated = [], [], []
    for _ in range(options.pick(3, 1)):
        took, _, seen = looked(options, options.pick(10, 1), moving=True, motion=False, fps=30)
        rates.append(seen[len(CODES)] / took)
        took, cpu, seen = looked(options, options.pick(30, 1), moving=False)
        idle.append(100 * cpu / took)
        gated.append(100 * seen[-1] / max(1, seen.total()))
    return Report(
        name="camera",
        title="A camera of 1280 x 720 pixels with three codes in view",
        method=(
            "The simulated camera sends up to 30 noisy pictures a second as MJPEG, with a QR code, a Data Matrix and a Code 128, on a core "
            "of its own; the driver's decoder child has the other core. Decoded: something moves, every picture is decoded, and those that "
            "showed all three codes count. Idle: nothing moves, all settings as they are by default; the CPU time is the child's."
        ),
        targets=[
            Target(Line("decoded pictures with all three codes, on one core", "pictures/s", rates), "at least", 10),
            Target(Line("CPU of a still view, of one core", "%", idle), "at most", 5),
        ],
        lines=[Line("pictures of the still view that were looked at and not decoded", "%", gated)],
    )
