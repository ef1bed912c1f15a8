"""The decoder child, `python -m drivers.camera.child`: whatever a picture does to it, the daemon goes on.

Reads one `Task` line, writes `Line`s until the source ends, and dies with its parent.
"""

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Iterator
from importlib import import_module

import msgspec

from drivers.camera.protocol import Line, Problem, Ready, Task, Watch, task_decoder

MEMORY_MAX = 1 << 30
"""Bytes of address space: OpenCV takes 0.6 GB of it at rest, a picture of PIXELS_MAX 50 MB more."""
PIXELS_MAX = 50_000_000
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>


def main() -> None:
    parent = os.getppid()
    # by the kernel: a thread that watches a pipe would not run while a decoder hangs
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit(1)
    task = task_decoder.decode(sys.stdin.buffer.readline())
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_MAX, MEMORY_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.environ |= {
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(PIXELS_MAX),
        "OPENCV_LOG_LEVEL": "SILENT",  # what matters is told by `Problem`
        "OPENCV_FFMPEG_LOGLEVEL": "-8",
        "OPENBLAS_NUM_THREADS": "1",  # nothing here multiplies matrices, and each thread takes address space
    }
    if isinstance(task, Watch) and task.source.startswith("rtsp"):
        os.environ["OPENCV_FFMPEG_CAPTURE_OPTIONS"] = "rtsp_transport;tcp"
    _mute_libraries()
    try:
        lines = _lines(task)
    except ImportError as err:
        say(Problem("camera_extra_missing", {"why": str(err)}))
        return
    say(Ready())
    for line in lines:
        say(line)


def _mute_libraries() -> None:
    """libjpeg writes a line about each picture whose end is missing; Python's own errors still come out."""
    sys.stderr = os.fdopen(os.dup(2), "w")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _lines(task: Task) -> Iterator[Line]:
    """With the libraries loaded. Raises ImportError."""
    import_module("cv2").setNumThreads(1)  # a camera has one core, and each thread takes address space
    if isinstance(task, Watch):
        lines: Iterator[Line] = import_module("drivers.camera.watch").watch(task)
    else:
        lines = import_module("drivers.camera.files").read_all(task)
    return lines


def say(line: Line) -> None:
    try:
        sys.stdout.buffer.write(msgspec.json.encode(line) + b"\n")
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        os._exit(0)  # the parent is gone: nobody listens


if __name__ == "__main__":
    main()
