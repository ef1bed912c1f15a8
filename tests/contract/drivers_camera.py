"""The bench of cameras: the snapshot in a file, which a camera's service replaces. Streams are in test_camera_faults.py."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from drivers.camera.driver import CameraDevice
from model.observation import Poll, Scan
from support.camera import camera, qr
from support.driver_bench import GARBAGE, Bench, BenchContext, Manner, nobody


class Snapshot(Bench):
    """Each word is a picture with another code."""

    family, name = "camera", "snapshot"
    complaints = {"absent": "camera_absent"}  # noqa: RUF012
    moments = 4

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._path = directory / "snapshot.png"
        self._n = 1

    def driver(self, context: BenchContext, patience_s: float, port: str | None = None) -> CameraDevice:
        return camera(port or self._path, context)

    def number(self, observation: Scan | Poll) -> int | None:
        return int(observation.data) if isinstance(observation, Scan) else None  # a poll says how the pictures are

    @property
    def absent(self) -> str:
        return str(self.directory / "absent.png")

    async def plug(self) -> None:
        self._take()

    def unplug(self) -> None:
        self._path.unlink(missing_ok=True)

    def next(self) -> None:
        self._n += 1
        self._take()

    def _take(self) -> None:
        taken = self._path.with_suffix(".taken")
        qr(taken, str(self._n))
        match self.manner:
            case Manner.WELL:
                self.said.append(self._n)
            case Manner.HALF:
                taken.write_bytes(taken.read_bytes()[: taken.stat().st_size // 2])
            case Manner.GARBAGE:
                taken.write_bytes(GARBAGE)
            case Manner.STRANGER:
                taken.write_bytes(b"HTTP/1.1 401 Unauthorized\r\n\r\n<html>who are you?</html>")
        taken.replace(self._path)

    @contextmanager
    def locked(self) -> Iterator[None]:
        self._path.chmod(0)
        with nobody():
            yield
